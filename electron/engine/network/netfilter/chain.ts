import { ported } from '../packets.ts'
import type { Evaluation, Rule } from './rule.ts'
import { ruleMatches } from './rule.ts'

/** Shorter runs are tried rule by rule. */
const INDEX_FROM = 8

/**
 * Neighbouring rules that all ask for one exact value of the same field: a packet can only match those listed under
 * its own value, in their order. KUBE-SERVICES with 10 000 cluster IPs is one run.
 */
interface Run {
  from: number
  to: number
  value: (evaluation: Evaluation) => string | number
  rules: Map<string | number, number[]>
}

type Key = (rule: Rule) => string | number | undefined

const KEYS: readonly { of: Key; value: Run['value'] }[] = [
  {
    of: ({ destination }) => (destination && !destination.invert && destination.mask === 0xffffffff ? destination.text : undefined),
    value: ({ packet }) => packet.destination,
  },
  {
    of: ({ source }) => (source && !source.invert && source.mask === 0xffffffff ? source.text : undefined),
    value: ({ packet }) => packet.source,
  },
  {
    of: ({ matches }) => matches.find((m) => m.destinationPort !== undefined)?.destinationPort,
    value: ({ packet }) => ported(packet.payload)?.destinationPort ?? -1,
  },
]

/** The rules of one chain. Changing them goes through {@link replace}, which forgets the index. */
export class Chain {
  readonly name: string
  /** Built-in chains only. */
  policy: 'ACCEPT' | 'DROP' | undefined
  packets = 0
  bytes = 0
  /** A built-in chain of the nf_tables back end has counters once somebody has set them, by -P, -Z or a file; before, it shows zero. */
  counts = false
  #rules: readonly Rule[] | undefined
  #runs: readonly Run[] | undefined

  constructor(name: string, policy?: 'ACCEPT' | 'DROP', rules?: readonly Rule[]) {
    this.name = name
    this.policy = policy
    this.#rules = rules
  }

  get rules(): readonly Rule[] {
    return (this.#rules ??= this.unread())
  }

  /** What the rules are where none were given. */
  protected unread(): readonly Rule[] {
    return []
  }

  get isEmpty(): boolean {
    return this.rules.length === 0
  }

  replace(rules: readonly Rule[]): void {
    this.#rules = rules
    this.#runs = undefined
  }

  /** The first rule at or after `from` that matches, or -1. */
  find(from: number, evaluation: Evaluation): number {
    const rules = (this.#rules ??= this.unread())
    let i = from
    for (const run of (this.#runs ??= compile(rules))) {
      if (run.to <= i) continue
      for (; i < run.from; i++) if (ruleMatches(rules[i]!, evaluation)) return i
      const candidates = run.rules.get(run.value(evaluation))
      if (candidates) {
        for (let k = firstAtLeast(candidates, i); k < candidates.length; k++) {
          if (ruleMatches(rules[candidates[k]!]!, evaluation)) return candidates[k]!
        }
      }
      i = run.to
    }
    for (; i < rules.length; i++) if (ruleMatches(rules[i]!, evaluation)) return i
    return -1
  }
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

function compile(rules: readonly Rule[]): Run[] {
  const runs: Run[] = []
  let i = 0
  while (i < rules.length) {
    let best: Run | undefined
    for (const { of, value } of KEYS) {
      let end = i
      while (end < rules.length && of(rules[end]!) !== undefined) end++
      if (end - i < INDEX_FROM || (best && end <= best.to)) continue
      const index = new Map<string | number, number[]>()
      for (let k = i; k < end; k++) {
        const key = of(rules[k]!)!
        const list = index.get(key)
        if (list) list.push(k)
        else index.set(key, [k])
      }
      best = { from: i, to: end, value, rules: index }
    }
    if (best) runs.push(best)
    i = best ? best.to : i + 1
  }
  return runs
}
