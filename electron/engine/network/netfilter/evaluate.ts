import { ipLength } from '../packets.ts'
import type { Chain } from './chain.ts'
import type { Evaluation, Rule } from './rule.ts'
import type { Table } from './table.ts'

/** The rule that ended a packet's way through a table, and the jumps that led to it. */
export interface Decision {
  verdict: 'accept' | 'drop' | 'stolen'
  /** Undefined: the chain's policy. */
  rule: Rule | undefined
  chain: Chain
  /** Outermost first. */
  jumps: readonly Jump[]
}

export interface Jump {
  rule: Rule
  chain: Chain
}

/** Told of a rule that did something and let the packet go on (MARK, LOG…). */
export interface Observer {
  observe(rule: Rule, chain: Chain, jumps: readonly Jump[]): void
}

interface Return extends Jump {
  next: number
}

/** Takes a packet through a built-in chain. */
export function traverse(table: Table, start: Chain, evaluation: Evaluation, observer: Observer | undefined): Decision {
  const stack: Return[] = []
  let chain = start
  let index = 0
  const length = ipLength(evaluation.packet)
  for (;;) {
    index = chain.find(index, evaluation)
    if (index >= 0) {
      const rule = chain.rules[index]!
      rule.packets++
      rule.bytes += length
      const { target, jump } = rule
      if (target) {
        const verdict = target.run(evaluation)
        if (verdict !== 'continue') return { verdict, rule, chain, jumps: stack }
        observer?.observe(rule, chain, stack)
        index++
        continue
      }
      if (jump === undefined) {
        index++
        continue
      }
      if (jump === 'ACCEPT') return { verdict: 'accept', rule, chain, jumps: stack }
      if (jump === 'DROP') return { verdict: 'drop', rule, chain, jumps: stack }
      if (jump !== 'RETURN') {
        const next = table.chains.get(jump)
        if (next) {
          // After a goto the packet comes back to where the last jump was made.
          if (!rule.goto) stack.push({ rule, chain, next: index + 1 })
          else stack.push({ rule, chain, next: Infinity })
          chain = next
          index = 0
          continue
        }
        index++
        continue
      }
    }
    let back = stack.pop()
    while (back?.next === Infinity) back = stack.pop()
    if (!back) {
      const verdict = start.policy === 'DROP' ? 'drop' : 'accept'
      start.packets++
      start.bytes += length
      return { verdict, rule: undefined, chain: start, jumps: [] }
    }
    chain = back.chain
    index = back.next
  }
}
