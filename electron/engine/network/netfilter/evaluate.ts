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
  /** Whether the packet's journey tells of it. */
  told: boolean
}

/** Told of a rule that did something and let the packet go on (MARK, LOG…). */
export interface Observer {
  observe(rule: Rule, chain: Chain, jumps: readonly Jump[]): void
}

/** Where a packet is in the chains that it has been sent through, outermost first. */
interface Return extends Jump {
  next: number
}

const NO_JUMPS: readonly Jump[] = []

/** Of the last traversal, for the next: a packet makes thousands of jumps and hardly any of them decides. */
let spare: Return[] | undefined

/** Takes a packet through a built-in chain. */
export function traverse(table: Table, start: Chain, evaluation: Evaluation, observer: Observer | undefined): Decision {
  // A target may send another packet through the tables meanwhile.
  const stack = spare ?? []
  spare = undefined
  const length = ipLength(evaluation.packet)
  let depth = 0
  let chain = start
  let index = 0
  for (;;) {
    index = chain.find(index, evaluation)
    if (index >= 0) {
      const rule = chain.rules[index]!
      rule.packets++
      rule.bytes += length
      const { target, jump } = rule
      if (target) {
        const verdict = target.run(evaluation)
        if (verdict !== 'continue') return decision(verdict, rule, chain, stack, depth)
        observer?.observe(rule, chain, depth === 0 ? NO_JUMPS : stack.slice(0, depth))
        index++
        continue
      }
      if (jump === undefined) {
        index++
        continue
      }
      if (jump === 'ACCEPT') return decision('accept', rule, chain, stack, depth)
      if (jump === 'DROP') return decision('drop', rule, chain, stack, depth)
      if (jump !== 'RETURN') {
        if (rule.toStamp !== table.stamp) {
          rule.to = table.chains.get(jump)
          rule.toStamp = table.stamp
        }
        const { to } = rule
        if (to) {
          // After a goto the packet comes back to where the last jump was made.
          const next = rule.goto ? NEVER : index + 1
          const place = stack[depth]
          if (place) {
            place.rule = rule
            place.chain = chain
            place.told = false
            place.next = next
          } else stack[depth] = { rule, chain, told: false, next }
          depth++
          chain = to
          index = 0
          continue
        }
        index++
        continue
      }
    }
    do depth--
    while (depth >= 0 && stack[depth]!.next === NEVER)
    if (depth < 0) {
      const verdict = start.policy === 'DROP' ? 'drop' : 'accept'
      start.packets++
      start.bytes += length
      return decision(verdict, undefined, start, stack, 0)
    }
    const back = stack[depth]!
    chain = back.chain
    index = back.next
  }
}

const NEVER = -1

/** The jumps that led to it are its own from now on. */
function decision(verdict: Decision['verdict'], rule: Rule | undefined, chain: Chain, stack: Return[], depth: number): Decision {
  if (depth === 0) {
    spare = stack
    return { verdict, rule, chain, jumps: NO_JUMPS }
  }
  stack.length = depth
  return { verdict, rule, chain, jumps: stack }
}
