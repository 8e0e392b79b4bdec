import type { Rule } from './rule.ts'

/** Sentences about rules, for journeys. */

/** What its writer says of a rule; Felix puts a hash of the rule before it. */
export function commentOf(rule: Rule): string | undefined {
  return rule.matches.findLast((m) => m.name === 'comment' && !m.list(true).startsWith('/* cali:'))?.list(true).slice(3, -3)
}

/** How it came that a rule that jumps was the one. */
export function fits(rule: Rule): string {
  const chance = rule.matches.find((m) => m.name === 'statistic')?.list(true)
  const probability = chance === undefined ? undefined : / probability ([\d.]+)/.exec(chance)?.[1]
  if (probability !== undefined) return `By chance (${Math.round(Number(probability) * 100)} of 100 packets that come here) the rule fits`
  if (rule.matches.some((m) => m.name === 'recent' && m.list(true).includes('CHECK'))) return 'The client was sent here before and is remembered: the rule fits'
  return 'The rule fits'
}

/** A mark is a number to the kernel; what it means, the chain of its writer says. */
export function markText(before: number, after: number, chain: string, comment?: string): string {
  if (chain === 'KUBE-MARK-MASQ' || chain === 'mark-for-masquerade') return `The packet gets mark 0x${after.toString(16)}: when it leaves the node, its source address will be replaced.`
  const why = comment === undefined ? '' : ` (${comment})`
  if (after === 0) return `The mark 0x${before.toString(16)} is taken off the packet again${why}.`
  return `The packet now carries mark 0x${after.toString(16)}${before === 0 ? '' : ` instead of 0x${before.toString(16)}`}${why}.`
}
