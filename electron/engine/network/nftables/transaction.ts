import { BUSY, EXISTS, kernelError, NftError, NO_ENTRY, NotSimulated, similar, UNSUPPORTED } from './errors.ts'
import type { Location } from './lex.ts'
import { NftChain, NftTable, type BaseChain, type Family, type Rule, type RuleBody, type Ruleset } from './model.ts'
import type { ReadElement } from './read-elements.ts'
import { NftSet, type Element, type SetDefinition } from './set.ts'
import { verdictStatement } from './statements.ts'
import { findMistake } from './validate.ts'

export interface TableName { family: Family; name: string; at: Location }
export interface Name { name: string; at: Location }

/**
 * Changes of a ruleset that take effect all or not at all. They are made in place, for rulesets are large and changes
 * small, and undone when one of them fails.
 */
export class Transaction {
  readonly #ruleset: Ruleset
  readonly #now: number
  readonly #undo: (() => void)[] = []
  readonly #opened = new Map<NftChain, Rule[]>()
  /** Tables in which something leads somewhere new, and the command that was the last to do so. */
  readonly #unproved = new Map<NftTable, Location>()
  changed = false

  constructor(ruleset: Ruleset, now: number) {
    this.#ruleset = ruleset
    this.#now = now
  }

  rollback(): void {
    for (const undo of this.#undo.reverse()) undo()
    for (const [chain, rules] of this.#opened) chain.rules = rules
  }

  /** What the kernel finds when it looks at the whole: loops, and statements in the wrong hooks. */
  prove(): NftError | undefined {
    for (const [table, at] of this.#unproved) {
      if (!this.#ruleset.tables.has(`${table.family} ${table.name}`)) continue
      const mistake = findMistake(table)
      if (mistake) return kernelError(mistake, at)
    }
    return undefined
  }

  #later(undo: () => void): void {
    this.changed = true
    this.#undo.push(undo)
  }

  // ---- tables --------------------------------------------------------------------------------------------------

  findTable({ family, name }: TableName): NftTable | undefined {
    return this.#ruleset.tables.get(`${family} ${name}`)
  }

  table(wanted: TableName): NftTable {
    const found = this.findTable(wanted)
    if (found) return found
    const names = [...this.#ruleset.tables.values()].filter((t) => t.family === wanted.family).map((t) => t.name)
    const meant = similar(wanted.name, names)
    if (meant !== undefined) throw new NftError(`${NO_ENTRY}; did you mean table ‘${meant}’ in family ${wanted.family}?`, wanted.at)
    throw kernelError(NO_ENTRY, wanted.at)
  }

  addTable(wanted: TableName, options: { create?: boolean; comment?: string | undefined } = {}): NftTable {
    const found = this.findTable(wanted)
    if (found) {
      if (options.create) throw kernelError(EXISTS, wanted.at)
      return found
    }
    const table = new NftTable(wanted.family, wanted.name, this.#ruleset.takeHandle())
    table.comment = options.comment
    const key = `${wanted.family} ${wanted.name}`
    this.#ruleset.tables.set(key, table)
    this.#later(() => this.#ruleset.tables.delete(key))
    return table
  }

  deleteTable(table: NftTable): void {
    const key = `${table.family} ${table.name}`
    const before = [...this.#ruleset.tables]
    this.#ruleset.tables.delete(key)
    this.#later(() => {
      this.#ruleset.tables.clear()
      for (const [k, t] of before) this.#ruleset.tables.set(k, t)
    })
  }

  flushTable(table: NftTable): void {
    for (const chain of table.chains.values()) this.flushChain(chain)
  }

  // ---- chains --------------------------------------------------------------------------------------------------

  chain(table: NftTable, { name, at }: Name): NftChain {
    const found = table.chains.get(name)
    if (found) return found
    const meant = similar(name, table.chains.keys())
    if (meant !== undefined) throw new NftError(`${NO_ENTRY}; did you mean chain ‘${meant}’ in table ${table.family} ‘${table.name}’?`, at)
    throw kernelError(NO_ENTRY, at)
  }

  addChain(table: NftTable, { name, at }: Name, definition: { base?: BaseChain | undefined; policy?: BaseChain['policy'] | undefined; comment?: string | undefined; create?: boolean; command: Location }): NftChain {
    const { base, policy, comment, create, command } = definition
    const found = table.chains.get(name)
    if (found) {
      if (create) throw kernelError(EXISTS, at)
      if (base && found.base && (base.hook !== found.base.hook || base.priority !== found.base.priority || base.type !== found.base.type)) throw kernelError(EXISTS, at)
      if (base && !found.base) throw kernelError(EXISTS, at)
      const before = found.base
      if (before && (policy ?? base?.policy) !== undefined && policy !== undefined) {
        found.base = { ...before, policy }
        this.#later(() => (found.base = before))
      }
      return found
    }
    if (base?.type === 'nat' && (base.hook === 'forward' || base.priority <= -200)) throw kernelError(UNSUPPORTED, command)
    if (base?.type === 'route' && base.hook !== 'output') throw kernelError(UNSUPPORTED, command)
    const chain = new NftChain(table, name)
    chain.handle = table.takeHandle()
    chain.base = base && { ...base, policy: policy ?? base.policy }
    chain.comment = comment
    table.chains.set(name, chain)
    this.#later(() => table.chains.delete(name))
    return chain
  }

  deleteChain(chain: NftChain, at: Location): void {
    const { table, name } = chain
    if ((table.chainUses.get(name) ?? 0) > 0) throw kernelError(BUSY, at)
    this.flushChain(chain)
    const before = [...table.chains]
    table.chains.delete(name)
    this.#later(() => {
      table.chains.clear()
      for (const [k, c] of before) table.chains.set(k, c)
    })
  }

  /** It keeps its place and its handle, and what leads to it leads to the new name. */
  renameChain(chain: NftChain, to: string, command: Location): void {
    const { table, name } = chain
    if (table.chains.has(to)) throw kernelError(EXISTS, command)
    for (const other of table.chains.values()) {
      if (!other.rules.some((r) => leadsTo(r.body, name))) continue
      const rules = this.#open(other)
      rules.forEach((rule, i) => {
        if (!leadsTo(rule.body, name)) return
        const statements = rule.body.statements.map((s) => {
          if (!s.chains?.includes(name)) return s
          const [kind] = s.print({}, undefined).split(' ')
          if (s.sets || s.anonymous || (kind !== 'jump' && kind !== 'goto')) throw new NotSimulated('nft rename of a chain that a map leads to')
          return verdictStatement({ kind, chain: to })
        })
        rules[i] = { ...rule, body: { ...rule.body, statements } }
      })
    }
    for (const set of table.sets.values()) for (const { verdict } of set.unsorted()) if (verdict && 'chain' in verdict && verdict.chain === name) throw new NotSimulated('nft rename of a chain that a map leads to')
    const before = [...table.chains]
    const uses = table.chainUses.get(name)
    const put = (entries: readonly (readonly [string, NftChain])[]): void => {
      table.chains.clear()
      for (const [k, c] of entries) table.chains.set(k, c)
    }
    put(before.map(([k, c]) => [k === name ? to : k, c]))
    chain.name = to
    if (uses !== undefined) {
      table.chainUses.delete(name)
      table.chainUses.set(to, uses)
    }
    this.#later(() => {
      put(before)
      chain.name = name
      table.chainUses.delete(to)
      if (uses !== undefined) table.chainUses.set(name, uses)
    })
  }

  flushChain(chain: NftChain): void {
    for (const rule of chain.rules) this.#use(chain.table, rule.body, -1)
    this.#open(chain).length = 0
  }

  // ---- rules ---------------------------------------------------------------------------------------------------

  /** The chain's rules, which may be changed from now on. */
  #open(chain: NftChain): Rule[] {
    this.changed = true
    if (!this.#opened.has(chain)) {
      this.#opened.set(chain, chain.rules)
      chain.rules = [...chain.rules]
    }
    return chain.rules
  }

  #use(table: NftTable, body: RuleBody, by: 1 | -1): void {
    for (const statement of body.statements) {
      for (const chain of statement.chains ?? []) this.#count(table.chainUses, chain, by)
      for (const set of statement.sets ?? []) this.#count(table.setUses, set, by)
    }
  }

  #count(uses: Map<string, number>, name: string, by: 1 | -1): void {
    const before = uses.get(name) ?? 0
    if (before + by === 0) uses.delete(name)
    else uses.set(name, before + by)
    this.#later(() => {
      if (before === 0) uses.delete(name)
      else uses.set(name, before)
    })
  }

  #make(table: NftTable, body: RuleBody, targets: readonly { chain: string; at: Location }[], command: Location): Rule {
    for (let i = 0; i < body.anonymousSets; i++) table.takeHandle()
    const handle = table.takeHandle()
    for (const { chain, at } of targets) {
      const target = table.chains.get(chain)
      if (!target) throw kernelError(NO_ENTRY, at)
      if (target.base) throw kernelError(UNSUPPORTED, at)
    }
    this.#use(table, body, 1)
    if (body.statements.some((s) => s.chains || s.changes || s.sets)) this.#unproved.set(table, command)
    return { body, handle, states: body.stateful ? body.statements.map((s) => ({ ...(s.initial ?? ZERO) })) : undefined }
  }

  addRule(chain: NftChain, body: RuleBody, targets: readonly { chain: string; at: Location }[], where: { place: 'first' | 'last' | 'before' | 'after'; index: number }, command: Location): void {
    const rule = this.#make(chain.table, body, targets, command)
    const rules = this.#open(chain)
    if (where.place === 'last') rules.push(rule)
    else rules.splice(where.place === 'first' ? 0 : where.place === 'before' ? where.index : where.index + 1, 0, rule)
  }

  replaceRule(chain: NftChain, index: number, body: RuleBody, targets: readonly { chain: string; at: Location }[], command: Location): void {
    const rule = this.#make(chain.table, body, targets, command)
    this.#use(chain.table, chain.rules[index]!.body, -1)
    this.#open(chain)[index] = rule
  }

  deleteRule(chain: NftChain, index: number): void {
    this.#use(chain.table, chain.rules[index]!.body, -1)
    this.#open(chain).splice(index, 1)
  }

  // ---- sets and maps -------------------------------------------------------------------------------------------

  /** What is said of a missing set comes from nft itself, not from the kernel. */
  set(table: NftTable, { name, at }: Name): NftSet {
    const found = table.sets.get(name)
    if (found) return found
    const meant = similar(name, table.sets.keys())
    const set = meant === undefined ? undefined : table.sets.get(meant)
    throw new NftError(set ? `${NO_ENTRY}; did you mean ${set.isMap ? 'map' : 'set'} ‘${meant}’ in table ${table.family} ‘${table.name}’?` : NO_ENTRY, at)
  }

  addSet(table: NftTable, definition: SetDefinition, at: Location, create: boolean): NftSet {
    const found = table.sets.get(definition.name)
    if (found) {
      const same = (d: SetDefinition): string => `${d.key.map((t) => t.name)} ${d.data === 'verdict' ? d.data : d.data?.map((t) => t.name)} ${[...d.flags].sort()} ${d.timeout}`
      if (create || same(found.definition) !== same(definition)) throw kernelError(EXISTS, at)
      return found
    }
    const set = new NftSet(definition)
    set.handle = table.takeHandle()
    table.sets.set(definition.name, set)
    this.#later(() => table.sets.delete(definition.name))
    return set
  }

  deleteSet(table: NftTable, set: NftSet, at: Location): void {
    if ((table.setUses.get(set.name) ?? 0) > 0) throw kernelError(BUSY, at)
    this.flushSet(table, set)
    const before = [...table.sets]
    table.sets.delete(set.name)
    this.#later(() => {
      table.sets.clear()
      for (const [k, s] of before) table.sets.set(k, s)
    })
  }

  flushSet(table: NftTable, set: NftSet): void {
    const elements = [...set.unsorted()]
    for (const element of elements) this.#useElement(table, element, -1)
    set.clear()
    this.#later(() => {
      for (const element of elements) set.add(element)
    })
  }

  #useElement(table: NftTable, { verdict }: Element, by: 1 | -1): void {
    if (verdict && 'chain' in verdict) this.#count(table.chainUses, verdict.chain, by)
  }

  addElements(table: NftTable, set: NftSet, read: readonly ReadElement[], create: boolean, command: Location): void {
    const { definition } = set
    const interval = definition.flags.has('interval')
    for (const { element, at, form, target } of read) {
      if ((form === 'prefix' || form === 'range') && !interval) {
        throw new NftError(`You must add 'flags interval' to your set declaration if you want to add ${form} elements`, at)
      }
      const present = set.get(element.key, this.#now)
      if (present) {
        const same = JSON.stringify([present.verdict, present.data]) === JSON.stringify([element.verdict, element.data])
        if (create || !same) throw kernelError(EXISTS, at)
        continue
      }
      if (interval && set.overlap(element.key)) {
        if (definition.autoMerge) {
          this.#merge(set, element)
          continue
        }
        throw new NftError('interval overlaps with an existing one', at)
      }
      const { verdict } = element
      if (verdict && 'chain' in verdict) {
        if (!table.chains.has(verdict.chain)) throw kernelError(NO_ENTRY, target ?? at)
        this.#unproved.set(table, command)
      }
      if (definition.size !== undefined && set.count(this.#now) >= definition.size) throw kernelError('Too many open files in system', at)
      const lives = element.timeout ?? definition.timeout
      const made: Element = { ...element }
      if (lives !== undefined) made.expiresAt = this.#now + (element.expiresAt ?? lives)
      else delete made.expiresAt
      if (definition.counter && !made.counter) made.counter = { packets: 0, bytes: 0 }
      this.#useElement(table, made, 1)
      set.add(made)
      this.#later(() => set.remove(made))
    }
  }

  #merge(set: NftSet, element: Element): void {
    let { from, to } = element.key[0]!
    for (let other = set.overlap(element.key); other; other = set.overlap(element.key)) {
      const gone = other
      if (gone.key[0]!.from < from) from = gone.key[0]!.from
      if (gone.key[0]!.to > to) to = gone.key[0]!.to
      set.remove(gone)
      this.#later(() => set.add(gone))
    }
    const merged = { ...element, key: [{ from, to }] }
    set.add(merged)
    this.#later(() => set.remove(merged))
  }

  deleteElements(table: NftTable, set: NftSet, read: readonly ReadElement[]): void {
    for (const { element, at } of read) {
      const present = set.get(element.key, this.#now)
      if (!present) throw kernelError(NO_ENTRY, at)
      this.#useElement(table, present, -1)
      set.remove(present)
      this.#later(() => set.add(present))
    }
  }
}

function leadsTo({ statements }: RuleBody, chain: string): boolean {
  return statements.some((s) => s.chains?.includes(chain))
}

const ZERO = { packets: 0, bytes: 0, value: 0, at: 0 }
