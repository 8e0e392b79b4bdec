import { ipLength } from '../packets.ts'
import type { Chain } from './chain.ts'
import type { Decision, Jump, Observer } from './evaluate.ts'
import { ruleText, type Evaluation, type Rule } from './rule.ts'
import { rulesOf } from './shared-chain.ts'
import type { Table } from './table.ts'
import type { ChainTrace } from './tracing.ts'

/** As {@link traverse}, and tells of each rule that fits. */
export function traverseTraced(table: Table, start: Chain, evaluation: Evaluation, observer: Observer | undefined, trace: ChainTrace): Decision {
  const length = ipLength(evaluation.packet)
  const jumps: (Jump & { next: number })[] = []
  let chain = start
  let index = 0
  const tell = (rule: Rule, verdict: string, to?: string): void => {
    const { name } = chain
    trace.tell(name, verdict, { text: () => ruleText(name, rule), handle: handleOf(table, rule), of: rule }, to)
  }
  for (;;) {
    index = chain.find(index, evaluation)
    if (index < 0) {
      let back = jumps.pop()
      while (back && back.next < 0) back = jumps.pop()
      if (!back) {
        const verdict = start.policy === 'DROP' ? 'drop' : 'accept'
        start.packets++
        start.bytes += length
        trace.tell(start.name, verdict)
        return { verdict, rule: undefined, chain: start, jumps: [] }
      }
      chain = back.chain
      index = back.next
      continue
    }
    const rule = chain.rules[index]!
    rule.packets++
    rule.bytes += length
    const { target, jump } = rule
    if (target) {
      const verdict = target.run(evaluation)
      tell(rule, verdict === 'stolen' ? 'drop' : verdict)
      if (verdict !== 'continue') return { verdict, rule, chain, jumps }
      observer?.observe(rule, chain, [...jumps])
    } else if (jump === 'ACCEPT' || jump === 'DROP') {
      const verdict = jump === 'ACCEPT' ? 'accept' : 'drop'
      tell(rule, verdict)
      return { verdict, rule, chain, jumps }
    } else if (jump === 'RETURN') {
      tell(rule, 'return')
      index = Infinity
      continue
    } else {
      const to = jump === undefined ? undefined : table.chains.get(jump)
      tell(rule, to ? (rule.goto ? 'goto' : 'jump') : 'continue', to?.name)
      if (to) {
        jumps.push({ rule, chain, told: false, next: rule.goto ? -1 : index + 1 })
        chain = to
        index = 0
        continue
      }
    }
    index++
  }
}

/** Whether a rule of the table says of which packets the way is told. */
export function tracesPackets(table: Table): boolean {
  for (const chain of table.chains.values()) for (const rule of rulesOf(chain)) if (rule.target?.name === 'TRACE') return true
  return false
}

/** Chains and rules have numbers in the order in which they stand. */
function handleOf(table: Table, wanted: Rule): number {
  let number = 0
  for (const chain of table.chains.values()) {
    number++
    for (const rule of rulesOf(chain)) {
      number++
      if (rule === wanted) return number
    }
  }
  return number
}
