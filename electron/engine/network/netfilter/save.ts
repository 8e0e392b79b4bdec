import { saveRule } from './rule.ts'
import { rulesOf } from './shared-chain.ts'
import type { Table } from './table.ts'

/** A table as iptables-save prints it, without the comment lines that carry a date. */
export function saveTable(table: Table, counters: boolean): string {
  const chains = table.sorted()
  let out = `*${table.name}\n`
  for (const chain of chains) out += `:${chain.name} ${chain.policy ?? '-'} [${chain.counts ? chain.packets : 0}:${chain.counts ? chain.bytes : 0}]\n`
  for (const chain of chains) {
    for (const rule of rulesOf(chain)) {
      if (counters) out += `[${rule.packets}:${rule.bytes}] `
      out += `-A ${chain.name}${saveRule(rule)}\n`
    }
  }
  return `${out}COMMIT\n`
}
