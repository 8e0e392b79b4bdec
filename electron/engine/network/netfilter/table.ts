import { byName } from '../../own.ts'
import type { Hook } from '../types.ts'
import { Chain } from './chain.ts'
import { BAD_RULE, KernelError, NO_SUCH_CHAIN, OperationError } from './errors.ts'
import { jumpsOf, rulesOf, SharedChain, type ChainContent } from './shared-chain.ts'
import { saveRule } from './rule.ts'
import type { Rule, TableName } from './rule.ts'

/** In the order in which iptables-save prints them. */
export const TABLES: readonly TableName[] = ['mangle', 'security', 'raw', 'filter', 'nat']

export const BUILT_IN: Readonly<Record<TableName, readonly string[]>> = byName({
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
})

export const VERDICTS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'RETURN', 'QUEUE'])

/** What is still to be proved when a change is committed. */
interface Pending {
  line: number
  chain: string
  rule?: Rule
  /** A chain that was removed with rules in it. */
  full?: boolean
}

/**
 * One table. A change is made on a {@link fork}, which shares every chain that it does not touch, and takes effect
 * when the fork is put in the table's place; so a file with a mistake changes nothing.
 */
export class Table {
  readonly name: TableName
  readonly chains: Map<string, Chain>
  /** Another one for each state of the table that packets can meet. */
  readonly stamp: number
  /** Whether iptables-save shows it: something has been written to it. */
  exists: boolean
  readonly #owned = new Set<Chain>()
  readonly #added: Pending[] = []
  readonly #removed: Pending[] = []
  readonly #adopted: { line: number; chain: string; content: ChainContent }[] = []
  /** What it was forked from, until it is validated. */
  #before: ReadonlyMap<string, Chain> | undefined

  constructor(name: TableName, from?: Table) {
    this.name = name
    this.#before = from?.chains
    this.stamp = (from?.stamp ?? 0) + 1
    this.exists = from?.exists ?? false
    this.chains = from ? new Map(from.chains) : new Map()
    if (!from) for (const chain of BUILT_IN[name]) this.#own(new Chain(chain, 'ACCEPT'))
  }

  fork(): Table {
    return new Table(this.name, this)
  }

  isBuiltIn(chain: string): boolean {
    return BUILT_IN[this.name].includes(chain)
  }

  /** Built-in chains in their order, then the others by name. */
  sorted(): Chain[] {
    const others = [...this.chains.values()].filter((c) => c.policy === undefined)
    others.sort((a, b) => (a.name < b.name ? -1 : 1))
    return [...BUILT_IN[this.name].map((c) => this.chains.get(c)!), ...others]
  }

  chain(name: string): Chain {
    const chain = this.chains.get(name)
    if (!chain) throw new OperationError(NO_SUCH_CHAIN)
    return chain
  }

  references(name: string): number {
    let count = 0
    for (const chain of this.chains.values()) for (const rule of rulesOf(chain)) if (rule.jump === name) count++
    return count
  }

  // ---- changes -------------------------------------------------------------------------------------------------

  #own(chain: Chain): Chain {
    this.#owned.add(chain)
    this.chains.set(chain.name, chain)
    return chain
  }

  #writable(name: string): Chain {
    const chain = this.chain(name)
    if (this.#owned.has(chain)) return chain
    const copy = new Chain(chain.name, chain.policy, [...chain.rules])
    copy.packets = chain.packets
    copy.bytes = chain.bytes
    copy.counts = chain.counts
    return this.#own(copy)
  }

  create(name: string): void {
    if (this.chains.has(name)) throw new OperationError('Chain already exists')
    this.exists = true
    this.#own(new Chain(name))
  }

  /** A ":CHAIN" line: makes the chain, or empties it; `counters` belong to a built-in chain. */
  declare(name: string, policy: 'ACCEPT' | 'DROP' | undefined, counters?: [number, number]): void {
    this.exists = true
    if (!this.isBuiltIn(name)) {
      this.#own(new Chain(name))
      return
    }
    const chain = this.#writable(name)
    if (policy) chain.policy = policy
    chain.counts = true
    ;[chain.packets, chain.bytes] = counters ?? [0, 0]
  }

  /** Makes a chain, or replaces it by one, with rules that were read and found good before. */
  adopt(name: string, content: ChainContent, line = 0): void {
    this.exists = true
    const present = this.chains.get(name)
    if (present instanceof SharedChain && present.content === content) return
    this.#own(new SharedChain(name, content))
    this.#adopted.push({ line, chain: name, content })
  }

  remove(name: string, line = 0): void {
    if (!this.chains.has(name) || this.isBuiltIn(name)) throw new OperationError(NO_SUCH_CHAIN)
    this.#removed.push({ line, chain: name, full: !this.chain(name).isEmpty })
    this.chains.delete(name)
  }

  /** What -X does to built-in chains that say nothing: the nf_tables back end removes them until they are needed again. */
  unload(): void {
    for (const name of BUILT_IN[this.name]) {
      const chain = this.chain(name)
      if (!chain.isEmpty || chain.policy !== 'ACCEPT' || !chain.counts) continue
      const copy = this.#writable(name)
      copy.counts = false
      copy.packets = copy.bytes = 0
    }
  }

  rename(from: string, to: string): void {
    if (this.chains.has(to)) throw new OperationError('File exists')
    const chain = this.chain(from)
    this.chains.delete(from)
    this.#own(new Chain(to, undefined, chain.rules))
    for (const other of [...this.chains.values()]) {
      if (!other.rules.some((r) => r.jump === from)) continue
      this.#writable(other.name).replace(other.rules.map((r) => (r.jump === from ? { ...r, jump: to } : r)))
    }
  }

  flush(name: string | undefined): void {
    if (name !== undefined) this.#writable(name).replace([])
    else for (const chain of [...this.chains.keys()]) this.#writable(chain).replace([])
  }

  policy(name: string, policy: string): void {
    if (!this.isBuiltIn(name)) throw new OperationError('Bad built-in chain name')
    if (policy !== 'ACCEPT' && policy !== 'DROP') throw new OperationError("Bad policy name. Run `dmesg' for more information")
    this.exists = true
    const chain = this.#writable(name)
    chain.policy = policy
    chain.counts = true
    chain.packets = chain.bytes = 0
  }

  /** `position`: one rule of the chain, and not the chain's own counters. */
  zero(name: string | undefined, position?: number): void {
    const all = name === undefined ? [...this.chains.keys()] : [name]
    for (const chain of all) {
      const copy = this.#writable(chain)
      if (position !== undefined) {
        const rule = copy.rules[position - 1]
        if (rule) rule.packets = rule.bytes = 0
        continue
      }
      copy.packets = copy.bytes = 0
      copy.counts = true
      for (const rule of copy.rules) rule.packets = rule.bytes = 0
    }
  }

  append(name: string, rule: Rule, line = 0): void {
    const chain = this.#writable(name)
    ;(chain.rules as Rule[]).push(rule)
    // Cheap while a file is read: the index is only thrown away once.
    chain.replace(chain.rules)
    this.#note(name, rule, line)
  }

  insert(name: string, position: number, rule: Rule, line = 0): void {
    const chain = this.#writable(name)
    if (position > chain.rules.length + 1 && position > 1) throw new OperationError('Index of insertion too big')
    chain.replace(chain.rules.toSpliced(position - 1, 0, rule))
    this.#note(name, rule, line)
  }

  replaceRule(name: string, position: number, rule: Rule, line = 0): void {
    const chain = this.#writable(name)
    if (position > chain.rules.length) throw new OperationError('Index of replacement too big')
    chain.replace(chain.rules.toSpliced(position - 1, 1, rule))
    this.#note(name, rule, line)
  }

  deleteAt(name: string, position: number): void {
    const chain = this.#writable(name)
    if (position > chain.rules.length) throw new OperationError('Index of deletion too big')
    chain.replace(chain.rules.toSpliced(position - 1, 1))
  }

  deleteRule(name: string, rule: Rule, found?: () => void): void {
    const at = this.indexOf(name, rule)
    if (at < 0) throw new OperationError(BAD_RULE)
    found?.()
    const chain = this.#writable(name)
    chain.replace(chain.rules.toSpliced(at, 1))
  }

  /** Where the chain has a rule that says the same. */
  indexOf(name: string, rule: Rule): number {
    const text = saveRule(rule)
    return rulesOf(this.chain(name)).findIndex((r) => r.jump === rule.jump && r.target?.name === rule.target?.name && saveRule(r) === text)
  }

  #note(chain: string, rule: Rule, line: number): void {
    this.exists = true
    this.#added.push({ line, chain, rule })
  }

  // ---- what the kernel checks ----------------------------------------------------------------------------------

  /** Throws what the commit of the changes would fail with; `fail` tells the line that is to blame. */
  validate(fail: (line: number) => void): void {
    for (const { line, chain, rule } of this.#added) {
      const target = rule!.target
      const hooks = target?.hooks as readonly string[] | undefined
      const wrongTable = target?.tables && !target.tables.includes(this.name)
      const wrong = (allowed: readonly string[] | undefined): boolean => allowed !== undefined && !allowed.includes(chain.toLowerCase() as Hook)
      const wrongHook = this.isBuiltIn(chain) && (wrong(hooks) || rule!.matches.some((m) => wrong(m.hooks)))
      if (wrongTable || wrongHook) {
        fail(line)
        throw new KernelError(`RULE_APPEND failed (Invalid argument): rule in chain ${chain}`)
      }
    }
    const jumps = this.#removed.length > 0 ? this.#allJumps() : undefined
    for (const { line, chain, full } of this.#removed) {
      if (full || (!this.chains.has(chain) && jumps!.has(chain))) {
        fail(line)
        throw new KernelError(`CHAIN_DEL failed (Device or resource busy): chain ${chain}`)
      }
    }
    this.#findLoops(fail)
    this.#before = undefined
    // What comes next is another change.
    this.#added.length = this.#removed.length = this.#adopted.length = 0
    this.#owned.clear()
  }

  #allJumps(): ReadonlySet<string> {
    const all = new Set<string>()
    for (const chain of this.chains.values()) for (const jump of jumpsOf(chain)) all.add(jump)
    return all
  }

  /** Chains that an added rule jumps to and that do not exist. */
  missingTarget(): string | undefined {
    const removed = (name: string): boolean => this.#removed.some((r) => r.chain === name)
    for (const { chain, content } of this.#adopted) {
      if (!this.chains.has(chain)) continue
      for (const jump of content.jumps) if (!VERDICTS.has(jump) && !this.chains.has(jump) && !removed(jump)) return jump
    }
    for (const { chain, rule } of this.#added) {
      const name = rule!.jump
      if (name === undefined || VERDICTS.has(name) || this.chains.has(name) || !this.chains.has(chain)) continue
      if (!removed(name)) return name
    }
    return undefined
  }

  /** Loops that a packet could get into: the kernel looks from the built-in chains. */
  #findLoops(fail: (line: number) => void): void {
    const leads = ({ rule }: Pending): boolean => rule!.jump !== undefined && this.chains.has(rule!.jump)
    if (this.#adopted.length === 0 && !this.#added.some(leads)) return
    // Of thousands of chains a few have changed: what they lead to newly has no loop, so there is none that was not before.
    const fromNew = this.#visitor()
    if (this.#before && !this.#newJumps(this.#before).some(fromNew)) return
    const visit = this.#visitor()
    for (const chain of BUILT_IN[this.name]) {
      if (!visit(chain)) continue
      const last = this.#added.findLast(leads) ?? this.#adopted.at(-1)!
      fail(last.line)
      throw new KernelError(`RULE_APPEND failed (Too many links): rule in chain ${last.chain}`)
    }
  }
  /** Whether a loop can be reached from a chain; one visitor looks at each chain once. */
  #visitor(): (name: string) => boolean {
    const state = new Map<string, 'open' | 'done'>()
    const visit = (name: string): boolean => {
      if (state.get(name) === 'open') return true
      if (state.has(name)) return false
      state.set(name, 'open')
      const chain = this.chains.get(name)
      for (const jump of chain ? jumpsOf(chain) : []) if (this.chains.has(jump) && visit(jump)) return true
      state.set(name, 'done')
      return false
    }
    return visit
  }

  /** Where chains jump to that did not do so before. */
  #newJumps(before: ReadonlyMap<string, Chain>): string[] {
    const known = new Map<string, ReadonlySet<string>>()
    const isNew = (chain: string, jump: string): boolean => {
      if (!this.chains.has(jump)) return false
      let jumps = known.get(chain)
      if (!jumps) {
        const old = before.get(chain)
        known.set(chain, (jumps = new Set(old ? jumpsOf(old) : [])))
      }
      return !jumps.has(jump)
    }
    const added = this.#added.flatMap(({ chain, rule }) => (rule!.jump !== undefined && isNew(chain, rule!.jump) ? [rule!.jump] : []))
    return [...added, ...this.#adopted.flatMap(({ chain, content }) => content.jumps.filter((jump) => isNew(chain, jump)))]
  }
}
