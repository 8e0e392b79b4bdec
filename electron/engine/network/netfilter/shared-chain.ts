import { Chain } from './chain.ts'
import { sameRule } from './rule.ts'
import type { Rule } from './rule.ts'

/** Rules of a whole chain as they were read, for every namespace that gets the same ones. Nobody counts on them. */
export interface ChainContent {
  readonly rules: readonly Rule[]
  /** How many rules, without reading them. */
  readonly count: number
  /** The chains and verdicts that they jump to, each once. */
  readonly jumps: readonly string[]
}

/** A chain whose rules are another namespace's as well, until a packet fits one of them here or somebody changes them. */
export class SharedChain extends Chain {
  #content: ChainContent | undefined

  constructor(name: string, content: ChainContent) {
    super(name)
    this.#content = content
  }

  /** Absent as soon as the chain has rules of its own. */
  get content(): ChainContent | undefined {
    return this.#content
  }

  /** To count on or to change. */
  override get rules(): readonly Rule[] {
    if (this.#content) this.replace(this.#content.rules.map(sameRule))
    return super.rules
  }

  protected override unread(): readonly Rule[] {
    return this.#content!.rules
  }

  override get isEmpty(): boolean {
    return this.#content ? this.#content.count === 0 : super.isEmpty
  }

  override replace(rules: readonly Rule[]): void {
    this.#content = undefined
    super.replace(rules)
  }
}

/** The rules of any chain, to look at only. */
export function rulesOf(chain: Chain): readonly Rule[] {
  return (chain instanceof SharedChain ? chain.content?.rules : undefined) ?? chain.rules
}

export function jumpsOf(chain: Chain): readonly string[] {
  return (chain instanceof SharedChain ? chain.content?.jumps : undefined) ?? jumpsIn(chain.rules)
}

export function jumpsIn(rules: readonly Rule[]): readonly string[] {
  const jumps = new Set<string>()
  for (const { jump } of rules) if (jump !== undefined) jumps.add(jump)
  return [...jumps]
}
