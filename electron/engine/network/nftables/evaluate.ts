import { ipLength } from '../packets.ts'
import type { Hook, IpPacket, Link } from '../types.ts'
import type { RuleHost } from '../netfilter/rule.ts'
import type { ChainTrace } from '../netfilter/tracing.ts'
import { printRule } from './list.ts'
import type { NftChain, NftTable, Rule } from './model.ts'
import type { Element, NftSet } from './set.ts'

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'continue' | 'return' | 'stolen' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }

export const ACCEPT: Verdict = { kind: 'accept' }
export const DROP: Verdict = { kind: 'drop' }
export const STOLEN: Verdict = { kind: 'stolen' }

/** A packet on its way through a base chain. */
export interface Evaluation {
  readonly host: RuleHost
  readonly table: NftTable
  readonly hook: Hook
  readonly packet: IpPacket
  readonly inLink: Link | undefined
  readonly outLink: Link | undefined
  /** The element of a map that gave the last verdict, and the map; `picked` when chance or turn chose it. */
  element?: { set: NftSet; element: Element; picked?: { mode: 'random' | 'inc'; of: number } }
}

export interface Step {
  readonly rule: Rule
  readonly chain: NftChain
  readonly element: Evaluation['element']
}

export interface Decision {
  verdict: 'accept' | 'drop' | 'stolen'
  /** Undefined: the chain's policy. */
  step: Step | undefined
  chain: NftChain
  /** Jumps that led there, outermost first. */
  jumps: readonly Step[]
}

/** Called for a rule that changed something and let the packet go on. */
export type Observer = (step: Step, jumps: readonly Step[]) => void

/** Deeper the kernel does not go (NFT_JUMP_STACK_SIZE). */
const DEEPEST = 16

/** Takes a packet through a base chain, as nft_do_chain does. */
export function traverse(start: NftChain, evaluation: Evaluation, observe: Observer | undefined, trace?: ChainTrace): Decision {
  const { table } = evaluation
  const back: { chain: NftChain; next: number }[] = []
  const jumps: Step[] = []
  const depths: number[] = []
  let chain = start
  let i = 0
  for (;;) {
    const rule = chain.rules[i++]
    if (!rule) {
      const from = back.pop()
      if (!from) {
        trace?.tell(start.name, start.base!.policy)
        return { verdict: start.base!.policy, step: undefined, chain: start, jumps: [] }
      }
      chain = from.chain
      i = from.next
      jumps.length = depths.pop()!
      continue
    }
    evaluation.element = undefined
    const verdict = runRule(rule, evaluation, trace !== undefined)
    if (verdict === undefined) continue
    trace?.tell(chain.name, verdict.kind === 'stolen' ? 'drop' : verdict.kind, { text: () => printRule(rule, {}), handle: rule.handle, of: rule }, 'chain' in verdict ? verdict.chain : undefined)
    const step: Step = { rule, chain, element: evaluation.element }
    switch (verdict.kind) {
      case 'accept':
      case 'drop':
      case 'stolen':
        return { verdict: verdict.kind, step, chain, jumps }
      case 'continue':
        observe?.(step, jumps)
        continue
      case 'return':
        i = Infinity
        continue
      default: {
        const next = table.chains.get(verdict.chain)
        if (!next) continue
        if (verdict.kind === 'jump') {
          if (back.length >= DEEPEST) return { verdict: 'drop', step, chain, jumps }
          back.push({ chain, next: i })
          depths.push(jumps.length)
        }
        jumps.push(step)
        chain = next
        i = 0
      }
    }
  }
}

/** Undefined: the rule does not fit, or says nothing more about the packet. */
function runRule(rule: Rule, evaluation: Evaluation, traced: boolean): Verdict | undefined {
  const { statements, stateful } = rule.body
  let changed = false
  for (let i = 0; i < statements.length; i++) {
    const statement = statements[i]!
    const result = statement.run(evaluation, stateful ? rule.states![i]! : NO_STATE)
    if (result === 'break') return changed ? CONTINUE : undefined
    if (result !== undefined) return result
    if (statement.changes) changed = true
  }
  return changed || traced ? CONTINUE : undefined
}

const CONTINUE: Verdict = { kind: 'continue' }
const NO_STATE = { packets: 0, bytes: 0, value: 0, at: 0 }

export const lengthOf = (evaluation: Evaluation): number => ipLength(evaluation.packet)
