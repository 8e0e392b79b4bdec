import type { Hook } from '../types.ts'
import type { Evaluation, Verdict } from './evaluate.ts'
import type { Json } from './json.ts'
import { NftSet } from './set.ts'

export type Family = 'ip' | 'ip6' | 'inet'
export const FAMILIES: readonly string[] = ['ip', 'ip6', 'inet']

export interface PrintOptions {
  json?: boolean
  numeric?: boolean
  numericPriority?: boolean
  numericProtocol?: boolean
  stateless?: boolean
  terse?: boolean
  handles?: boolean
}

/** What a namespace's nftables hold. */
export interface Ruleset {
  /** By "family name", in the order of their making. */
  readonly tables: Map<string, NftTable>
  takeHandle(): number
}

/** What the expressions of a rule keep between packets: counters, limits, numbers. */
export interface RuleState {
  packets: number
  bytes: number
  /** Tokens of a limit, the next of numgen, bytes of a quota. */
  value: number
  at: number
}

export interface Statement {
  /** As nft prints it; `state` is this statement's own, if it keeps one. */
  print(options: PrintOptions, state: RuleState | undefined): string
  /** As nft -j lists it. */
  json(options: PrintOptions, state: RuleState | undefined): Json
  /** 'break': the rule does not fit. Undefined: on with the next statement. */
  run(evaluation: Evaluation, state: RuleState): 'break' | Verdict | undefined
  readonly initial?: RuleState
  /** Singles something of the packet out, so a jump behind it is a decision. */
  readonly selects?: boolean
  readonly tracks?: boolean
  readonly changes?: 'mark' | 'dnat' | 'snat' | 'masquerade' | 'redirect'
  /** Where it leads to. */
  readonly chains?: readonly string[]
  readonly sets?: readonly string[]
  readonly anonymous?: NftSet
}

/** Read once, shared by every network namespace that has the same rule. */
export interface RuleBody {
  readonly statements: readonly Statement[]
  readonly comment: string | undefined
  /** Handles that it takes beside its own: its anonymous sets. */
  readonly anonymousSets: number
  readonly stateful: boolean
}

export interface Rule {
  readonly body: RuleBody
  readonly handle: number
  /** One for each statement of a body that keeps any; else undefined. */
  readonly states: RuleState[] | undefined
}

export const CHAIN_TYPES = ['filter', 'nat', 'route'] as const

export interface BaseChain {
  type: (typeof CHAIN_TYPES)[number]
  hook: Hook
  priority: number
  policy: 'accept' | 'drop'
}

export class NftChain {
  name: string
  readonly table: NftTable
  handle = 0
  base: BaseChain | undefined
  comment: string | undefined
  rules: Rule[] = []

  constructor(table: NftTable, name: string) {
    this.table = table
    this.name = name
  }
}

export class NftTable {
  readonly family: Family
  readonly name: string
  readonly handle: number
  comment: string | undefined
  flags: string[] = []
  readonly chains = new Map<string, NftChain>()
  readonly sets = new Map<string, NftSet>()
  /** How many rules and elements lead to a chain, and how many rules use a set. */
  readonly chainUses = new Map<string, number>()
  readonly setUses = new Map<string, number>()
  #nextHandle = 1

  constructor(family: Family, name: string, handle: number) {
    this.family = family
    this.name = name
    this.handle = handle
  }

  takeHandle(): number {
    return this.#nextHandle++
  }
}
