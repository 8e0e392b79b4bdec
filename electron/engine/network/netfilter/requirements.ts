import { rulesOf } from './shared-chain.ts'
import type { Table } from './table.ts'

/** What a table's rules need of the kernel beside themselves. */

/** How often rules name each set of ipset(8), which cannot be destroyed then. */
export function setReferences(tables: Iterable<Table>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const table of tables) {
    for (const chain of table.chains.values()) {
      for (const rule of rulesOf(chain)) {
        for (const { sets = [] } of rule.target ? [...rule.matches, rule.target] : rule.matches) for (const name of sets) counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    }
  }
  return counts
}

/** Whether a rule of the table looks at connections. */
export function needsTracking(table: Table): boolean {
  for (const chain of table.chains.values()) {
    for (const rule of rulesOf(chain)) if (rule.target?.tracks || rule.matches.some((m) => m.tracks)) return true
  }
  return false
}
