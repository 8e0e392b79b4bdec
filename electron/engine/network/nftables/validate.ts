import type { Hook } from '../types.ts'
import { UNSUPPORTED } from './errors.ts'
import type { NftChain, NftTable, Statement } from './model.ts'

const HOOKS: Readonly<Record<string, readonly Hook[]>> = {
  dnat: ['prerouting', 'output'], redirect: ['prerouting', 'output'], snat: ['postrouting', 'input'], masquerade: ['postrouting'],
}

/** nft_table_validate: what may not be reached from a base chain. Says what is wrong, or nothing. */
export function findMistake(table: NftTable): string | undefined {
  for (const chain of table.chains.values()) {
    if (!chain.base) continue
    const mistake = visit(table, chain, chain, [], new Set())
    if (mistake !== undefined) return mistake
  }
  return undefined
}

function visit(table: NftTable, base: NftChain, chain: NftChain, way: NftChain[], seen: Set<NftChain>): string | undefined {
  if (way.includes(chain) || way.length >= 16) return 'Too many links'
  if (seen.has(chain)) return undefined
  way.push(chain)
  for (const rule of chain.rules) {
    for (const statement of rule.body.statements) {
      const { changes } = statement
      const hooks = changes && HOOKS[changes]
      if (hooks && (base.base!.type !== 'nat' || !hooks.includes(base.base!.hook))) return UNSUPPORTED
      for (const next of leadsTo(table, statement)) {
        const target = table.chains.get(next)
        const mistake = target && visit(table, base, target, way, seen)
        if (mistake !== undefined) return mistake
      }
    }
  }
  way.pop()
  seen.add(chain)
  return undefined
}

function* leadsTo(table: NftTable, { chains, sets }: Statement): Iterable<string> {
  yield* chains ?? []
  for (const name of sets ?? []) {
    const set = table.sets.get(name)
    if (set?.definition.data !== 'verdict') continue
    for (const { verdict } of set.unsorted()) if (verdict && 'chain' in verdict) yield verdict.chain
  }
}
