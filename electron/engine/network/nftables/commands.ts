import type { Cursor } from './cursor.ts'
import { readChainHeader, readSetBody, type ChainHeader } from './definitions.ts'
import { BUSY, kernelError, NftError, NO_ENTRY, NotSimulated, UNSUPPORTED } from './errors.ts'
import type { Location, Token } from './lex.ts'
import { setJson } from './json.ts'
import { printSet } from './list.ts'
import { inTable, jsonListing, OTHER_OBJECTS, readListing } from './listing.ts'
import { FAMILIES, type Family, type NftChain, type NftTable, type PrintOptions, type Ruleset } from './model.ts'
import { readRule, type RuleContext } from './parse-rule.ts'
import { readElements } from './read-elements.ts'
import { NftSet } from './set.ts'
import type { Name, TableName, Transaction } from './transaction.ts'

const VERBS: ReadonlySet<string> = new Set(['add', 'create', 'insert', 'replace', 'delete', 'flush', 'list', 'rename', 'reset', 'get', 'monitor', 'export', 'describe', 'import'])
const OBJECTS: ReadonlySet<string> = new Set(['table', 'chain', 'rule', 'set', 'map', 'element'])
const OTHER_FAMILIES: ReadonlySet<string> = new Set(['bridge', 'arp', 'netdev'])

/** Reads the commands of one input and carries them out. */
export class Commands {
  readonly #cursor: Cursor
  readonly #ruleset: Ruleset
  readonly #changes: Transaction
  readonly #options: PrintOptions
  readonly #now: number
  stdout = ''
  /** Mistakes in a block do not keep the rest of it from being read. */
  readonly mistakes: NftError[] = []
  /** What of a table's block waits for its chains: elements and rules may name those that stand further down. */
  #deferred: (() => void)[] | undefined

  constructor(cursor: Cursor, ruleset: Ruleset, changes: Transaction, options: PrintOptions, now: number) {
    this.#cursor = cursor
    this.#ruleset = ruleset
    this.#changes = changes
    this.#options = options
    this.#now = now
  }

  /** One command, up to its end. Throws NftError. */
  next(): void {
    const cursor = this.#cursor
    const start = cursor.token
    if (start.kind !== 'word') throw cursor.unexpected()
    const verb = VERBS.has(start.text) ? cursor.take().text : 'add'
    if (start.text === 'include' || start.text === 'undefine' || start.text === 'redefine') throw new NotSimulated(`nft's "${start.text}"`)
    if (verb === 'list') {
      this.stdout += readListing({ cursor, ruleset: this.#ruleset, options: this.#options, now: this.#now, tableName: () => this.#tableName(), find: (where) => this.#findListed(where), name: () => this.#name() })
      return
    }
    if (verb === 'flush') return this.#flush(start)
    if (verb === 'rename') return this.#rename(start)
    if (verb === 'get') return this.#get(start)
    if (verb === 'reset' || verb === 'monitor' || verb === 'export' || verb === 'describe' || verb === 'import') throw new NotSimulated(`nft ${verb}`)
    const object = cursor.token
    if (OTHER_OBJECTS.has(object.text) && object.kind === 'word' && verb !== 'insert') throw new NotSimulated(`nft objects of the kind "${object.text}"`)
    if (!OBJECTS.has(object.text) || object.kind !== 'word') {
      if (verb !== 'add' || object.kind !== 'word') throw cursor.unexpected('string')
      // "add ip t c accept": a rule without the word.
      cursor.take()
      throw cursor.unexpected('string')
    }
    cursor.take()
    if (verb === 'delete') return this.#delete(object.text, start)
    switch (object.text) {
      case 'table': return this.#addTable(verb === 'create')
      case 'chain': return this.#addChain(this.#tableName(), verb === 'create', start)
      case 'rule': return this.#addRule(verb, start)
      case 'element': return this.#elements(verb, start)
      default: return this.#addSet(this.#changes.table(this.#tableName()), object.text === 'map', verb === 'create', start)
    }
  }

  // ---- names ---------------------------------------------------------------------------------------------------

  #family(): Family {
    const cursor = this.#cursor
    const { text, kind } = cursor.token
    if (kind !== 'word') return 'ip'
    if (OTHER_FAMILIES.has(text) && cursor.peek().kind === 'word') throw new NotSimulated(`nft tables of the family ${text}`)
    if (!FAMILIES.includes(text) || cursor.peek().kind !== 'word') return 'ip'
    cursor.take()
    return text as Family
  }

  #tableName(expecting = 'string'): TableName {
    const keyword = this.#cursor.token
    const family = this.#family()
    // the name of a family is no name of a table
    if (keyword.kind === 'word' && FAMILIES.includes(keyword.text) && this.#cursor.token === keyword) {
      this.#cursor.take()
      throw this.#cursor.unexpected(expecting)
    }
    const token = this.#cursor.word(expecting)
    return { family, name: token.text, at: token.at }
  }

  #name(expecting = 'string'): Name {
    const token = this.#cursor.word(expecting)
    return { name: token.text, at: token.at }
  }

  #context(table: NftTable): RuleContext {
    return { family: table.family, set: (name) => table.sets.get(name)?.definition }
  }

  // ---- add -----------------------------------------------------------------------------------------------------

  #addTable(create: boolean): void {
    const cursor = this.#cursor
    const name = this.#tableName()
    if (!cursor.is('{')) {
      this.#changes.addTable(name, { create })
      return
    }
    cursor.take()
    cursor.skipSeparators()
    let comment: string | undefined
    while (cursor.is('comment') || cursor.is('flags')) {
      if (cursor.take().text === 'flags') throw new NotSimulated('flags of nft tables')
      comment = cursor.take().text
      cursor.skipSeparators()
    }
    const table = this.#changes.addTable(name, { create, comment })
    const deferred: (() => void)[] = (this.#deferred = [])
    this.#tableBlock(table)
    this.#deferred = undefined
    for (const run of deferred) this.#try(run)
  }

  /** A mistake that is none of grammar is noted, and reading goes on. */
  #try(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof NftError) || error.message.startsWith('syntax error')) throw error
      this.mistakes.push(error)
    }
  }

  #later(run: () => void): void {
    if (this.#deferred) this.#deferred.push(run)
    else run()
  }

  #tableBlock(table: NftTable): void {
    const cursor = this.#cursor
    for (;;) {
      cursor.skipSeparators()
      if (cursor.skip('}')) return
      const word = cursor.token
      if (cursor.skip('chain')) this.#chainBlock(table, word)
      else if (cursor.skip('set')) this.#addSet(table, false, false, word)
      else if (cursor.skip('map')) this.#addSet(table, true, false, word)
      else if (OTHER_OBJECTS.has(word.text)) throw new NotSimulated(`nft objects of the kind "${word.text}"`)
      else throw cursor.unexpected()
    }
  }

  #addChain(where: TableName, create: boolean, start: Token): void {
    const table = this.#changes.table(where)
    this.#chainBlock(table, start, create)
  }

  #chainBlock(table: NftTable, start: Token, create = false): void {
    const cursor = this.#cursor
    const name = this.#name()
    if (!cursor.skip('{')) {
      this.#changes.addChain(table, name, { create, command: cursor.command(start.at) })
      return
    }
    const header: ChainHeader = {}
    cursor.skipSeparators()
    while (readChainHeader(cursor, header)) cursor.skipSeparators()
    const chain = this.#declare(table, name, header, create, start)
    for (;;) {
      cursor.skipSeparators()
      if (cursor.skip('}')) return
      const at = cursor.token.at
      const read = { done: false }
      this.#try(() => {
        const { body, targets } = readRule(cursor, this.#context(table))
        read.done = true
        const command = cursor.command(at)
        this.#later(() => this.#changes.addRule(chain, body, targets, { place: 'last', index: 0 }, command))
      })
      if (!read.done) while (!cursor.atEndOfStatement) cursor.take()
    }
  }

  #declare(table: NftTable, name: Name, header: ChainHeader, create: boolean, start: Token): NftChain {
    const cursor = this.#cursor
    const { base, policy, comment } = header
    if (policy && !base && !table.chains.get(name.name)?.base) throw kernelError(UNSUPPORTED, policy.at)
    const line = cursor.command(start.at)
    const after = cursor.peek()
    const command = cursor.is('}') ? { ...line, to: (after.kind === 'newline' ? after : cursor.token).at.to } : line
    return this.#changes.addChain(table, name, { base, policy: policy?.value, comment, create, command })
  }

  #addSet(table: NftTable, isMap: boolean, create: boolean, start: Token): void {
    const cursor = this.#cursor
    const name = this.#name()
    if (!cursor.is('{')) throw cursor.unexpected("'{'")
    const { definition, elements } = readSetBody(cursor, name.name, isMap)
    const set = this.#changes.addSet(table, definition, name.at, create)
    const command = cursor.command(start.at)
    if (elements.length > 0) this.#later(() => this.#changes.addElements(table, set, elements, false, command))
  }

  #elements(verb: string, start: Token): void {
    const cursor = this.#cursor
    const where = this.#tableName()
    const name = this.#name()
    const table = this.#changes.findTable(where)
    const set = this.#changes.set(table ?? this.#changes.table(where), name)
    const read = readElements(cursor, set.definition.key, verb === 'delete' && !cursorHasData(cursor) ? undefined : set.definition.data)
    if (verb === 'delete') this.#changes.deleteElements(table!, set, read)
    else this.#changes.addElements(table!, set, read, verb === 'create', cursor.command(start.at))
  }

  // ---- rules ---------------------------------------------------------------------------------------------------

  #addRule(verb: string, start: Token): void {
    const cursor = this.#cursor
    const where = this.#tableName()
    const name = this.#name()
    let near: { kind: string; value: number; at: Location } | undefined
    const word = cursor.token
    const kind = cursor.skipAny('handle', 'position', 'index')
    if (kind) {
      const { value, at } = cursor.number()
      near = { kind, value, at: kind === 'handle' ? at : cursor.since(word.at) }
    } else if (verb === 'replace') throw cursor.unexpected('handle')
    const found = this.#changes.findTable(where)
    const read = readRule(cursor, found ? this.#context(found) : { family: where.family, set: () => undefined })
    const table = this.#changes.table(where)
    const chain = this.#changes.chain(table, name)
    const command = cursor.command(start.at)
    const at = near === undefined ? -1 : near.kind === 'index' ? (near.value < chain.rules.length ? near.value : -1) : chain.rules.findIndex((r) => r.handle === near.value)
    if (near && at < 0) throw kernelError(NO_ENTRY, near.at)
    if (verb === 'replace') this.#changes.replaceRule(chain, at, read.body, read.targets, command)
    else {
      const place = near ? (verb === 'insert' ? 'before' : 'after') : verb === 'insert' ? 'first' : 'last'
      this.#changes.addRule(chain, read.body, read.targets, { place, index: at }, command)
    }
  }

  #rename(start: Token): void {
    const cursor = this.#cursor
    cursor.expect('chain')
    const where = this.#tableName()
    const name = this.#name()
    const to = this.#name()
    const chain = this.#findListed(where).chains.get(name.name)
    if (!chain) throw new NftError(NO_ENTRY, name.at)
    this.#changes.renameChain(chain, to.name, cursor.command(start.at))
  }

  /** `get element`: those of the set that hold what was asked for. */
  #get(start: Token): void {
    const cursor = this.#cursor
    cursor.expect('element')
    const where = this.#tableName()
    const name = this.#name()
    const table = this.#findListed(where)
    const set = table.sets.get(name.name)
    if (!set) throw new NftError(NO_ENTRY, name.at)
    if (set.definition.flags.has('interval')) throw new NotSimulated('nft get element of a set with intervals (nft list set)')
    const asked = readElements(cursor, set.definition.key, cursorHasData(cursor) ? set.definition.data : undefined)
    const found = asked.map(({ element }) => set.get(element.key, this.#now))
    if (found.includes(undefined)) throw kernelError(NO_ENTRY, cursor.command(start.at))
    const shown = new NftSet(set.definition)
    shown.handle = set.handle
    for (const element of found) shown.add(element!)
    this.stdout += this.#options.json ? jsonListing([setJson(table, shown, this.#options, this.#now)]) : inTable(table, printSet(shown, this.#options, this.#now))
  }

  #delete(object: string, start: Token): void {
    const cursor = this.#cursor
    if (object === 'element') return this.#elements('delete', start)
    const where = this.#tableName('handle or string')
    if (object === 'table') return this.#changes.deleteTable(this.#changes.table(where))
    if (object === 'rule') {
      const name = this.#name()
      cursor.expect('handle')
      const { value, at } = cursor.number()
      const chain = this.#changes.chain(this.#changes.table(where), name)
      const index = chain.rules.findIndex((r) => r.handle === value)
      if (index < 0) throw kernelError(NO_ENTRY, at)
      return this.#changes.deleteRule(chain, index)
    }
    if (cursor.atEndOfStatement) throw cursor.unexpected('handle or string')
    const name = this.#name()
    const table = this.#changes.table(where)
    if (object === 'chain') {
      const chain = this.#changes.chain(table, name)
      if (cursor.is('{')) throw new NotSimulated('nft delete chain with braces')
      return this.#changes.deleteChain(chain, name.at)
    }
    const set = table.sets.get(name.name)
    if (!set || set.isMap !== (object === 'map')) throw kernelError(NO_ENTRY, name.at)
    if ((table.setUses.get(set.name) ?? 0) > 0) throw kernelError(BUSY, name.at)
    this.#changes.deleteSet(table, set, name.at)
  }

  #flush(start: Token): void {
    const cursor = this.#cursor
    const object = cursor.word()
    if (object.text === 'ruleset') {
      const family = FAMILIES.includes(cursor.token.text) ? cursor.take().text : undefined
      for (const table of [...this.#ruleset.tables.values()]) if (family === undefined || table.family === family) this.#changes.deleteTable(table)
      return
    }
    if (!['table', 'chain', 'set', 'map'].includes(object.text)) throw cursor.unexpected(undefined, object)
    const where = this.#tableName()
    if (object.text === 'table') return this.#changes.flushTable(this.#changes.table(where))
    const name = this.#name()
    const table = this.#changes.table(where)
    if (object.text === 'chain') return this.#changes.flushChain(this.#changes.chain(table, name))
    const set = table.sets.get(name.name)
    if (!set) throw new NftError(NO_ENTRY, name.at)
    this.#changes.flushSet(table, set)
    void start
  }

  #findListed(where: TableName): NftTable {
    const table = this.#changes.findTable(where)
    if (!table) throw new NftError(NO_ENTRY, where.at)
    return table
  }
}

/** Whether the elements that follow are written with their data. */
function cursorHasData(cursor: Cursor): boolean {
  for (let i = 0; ; i++) {
    const token = i === 0 ? cursor.token : cursor.peek(i)
    if (token.kind === 'end' || token.text === '}') return false
    if (token.text === ':' && token.kind === 'symbol') return true
  }
}
