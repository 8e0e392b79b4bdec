import type { ChainBlock } from '../types.ts'
import { KernelError, OperationError, restoreFailure, RestoreError, toolOf, UsageError } from './errors.ts'
import { readRules, splitLine } from './parse.ts'
import { sameRule } from './rule.ts'
import { jumpsIn, type ChainContent } from './shared-chain.ts'
import type { Rule, TableName } from './rule.ts'
import { applyCommand, isCounted } from './apply.ts'
import { BUILT_IN, Table, TABLES } from './table.ts'

export interface RestoreOptions {
  noflush?: boolean
  counters?: boolean
  /** -t: nothing is changed. */
  test?: boolean
  /** -T: only this table's lines count. */
  only?: string | undefined
}

/** What a file makes of the tables; nothing is changed before the whole of a table is found good. */
export interface RestoreHost {
  family(): 4 | 6
  table(name: TableName): Table
  commit(table: Table): void
  hasSet(name: string): boolean
}

type Input = string | readonly (string | ChainBlock)[]

/** Reads a file in the format of iptables-restore(8). Throws {@link RestoreError} with the tool's words. */
export function restore(text: Input, host: RestoreHost, options: RestoreOptions): void {
  let line = 0
  let table: Table | undefined
  /** -T: within another table. */
  let skipping = false
  const tool = `${toolOf(host.family())}-restore`
  try {
    for (const item of itemsOf(text)) {
      line++
      if (typeof item !== 'string') {
        if (!table) throw new RestoreError({ code: 1, text: `${tool}: line ${line} failed\n` })
        block(table, item, host, options, line)
        line += item.count
        continue
      }
      const content = item.endsWith('\r') ? item.slice(0, -1) : item
      if (content === '' || content.startsWith('#')) continue
      if (skipping) skipping = content !== 'COMMIT'
      else if (content.startsWith('*') && !table && options.only !== undefined && content.slice(1).trim() !== options.only) skipping = true
      else if (content === 'COMMIT' && table) {
        if (!options.test) commit(table, host, (at) => (line = at))
        table = undefined
      } else if (content.startsWith('*') && !table) {
        const name = content.slice(1).trim()
        if (!(name in BUILT_IN)) throw new UsageError(`${tool}: line ${line} table name '${name}' invalid`)
        table = options.noflush || options.test ? host.table(name as TableName).fork() : new Table(name as TableName)
      } else if (!table) {
        throw new RestoreError({ code: 1, text: `${tool}: line ${line} failed\n` })
      } else if (content.startsWith(':')) declare(table, content, options, line, tool)
      else rule(table, content, host, options, line)
    }
    if (table) throw new RestoreError({ code: 1, text: `${tool}: COMMIT expected at line ${line + 1}\n` })
  } catch (error) {
    if (error instanceof UsageError || error instanceof OperationError || error instanceof KernelError) {
      throw new RestoreError(restoreFailure(error, line, host.family()))
    }
    throw error
  }
}

function commit(table: Table, host: RestoreHost, at: (line: number) => void): void {
  const missing = table.missingTarget()
  if (missing !== undefined) throw new UsageError(`Chain '${missing}' does not exist`)
  table.validate(at)
  host.commit(table)
}

function declare(table: Table, content: string, options: RestoreOptions, line: number, tool: string): void {
  const [name, policy, counters] = content.slice(1).trim().split(/[ \t]+/)
  if (!name) throw new UsageError(`${tool}: line ${line} chain name invalid`)
  if (name.length >= 29) throw new UsageError(`Invalid chain name \`${name}' (28 chars max)`)
  if (!policy) throw new UsageError(`${tool}: line ${line} policy invalid`)
  const builtIn = table.isBuiltIn(name)
  if (builtIn && policy !== '-' && policy !== 'ACCEPT' && policy !== 'DROP') throw new OperationError('Bad policy name')
  const count = /^\[(\d+):(\d+)\]$/.exec(counters ?? '')
  if (counters !== undefined && !count && options.counters) throw new UsageError(`invalid policy counters for chain '${name}'`)
  const verdict = builtIn && (policy === 'ACCEPT' || policy === 'DROP') ? policy : undefined
  table.declare(name, verdict, options.counters && count ? [Number(count[1]), Number(count[2])] : undefined)
}

function rule(table: Table, content: string, host: RestoreHost, options: RestoreOptions, line: number): void {
  let words = content
  let counters: [number, number] | undefined
  if (content.startsWith('[')) {
    const match = /^\[(\d+):(\d+)\]\s*/.exec(content)
    if (!content.includes(']')) throw new UsageError(`Bad line ${line}: need ]`)
    if (!match) throw new UsageError(`Bad line ${line}: need :`)
    if (options.counters) counters = [Number(match[1]), Number(match[2])]
    words = content.slice(match[0].length)
  }
  const known = appended[host.family()].get(table.name)!
  const same = known.get(words)
  if (same && table.chains.has(same.chain)) {
    for (const written of same.rules) {
      const rule = sameRule(written)
      if (counters) [rule.packets, rule.bytes] = counters
      table.append(same.chain, rule, line)
    }
    return
  }
  const result = append(table, words, host, line, counters)
  if (!result?.rules.every(isShareable)) return
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(words, result)
}

function append(table: Table, words: string, host: RestoreHost, line: number, counters?: [number, number]): ReturnType<typeof applyCommand> {
  return applyCommand(splitLine(words), {
    family: host.family(), inRestore: true, line, table: () => table, tableName: table.name, hasSet: host.hasSet, counters,
    print: () => {},
  })
}

/**
 * What lines that append were read as, by table: the rules of the chains that all Services share come again with every
 * sync of every node. Rules that come of them share all but their counters.
 */
const appended = { 4: known(), 6: known() }

function known(): ReadonlyMap<TableName, Map<string, { chain: string; rules: readonly Rule[] }>> {
  return new Map(TABLES.map((name) => [name, new Map()]))
}

const MOST_KNOWN = 100_000

function isShareable(rule: Rule): boolean {
  return !rule.matches.some((m) => m.own) && !rule.target?.own
}

function mayStandIn(rule: Rule, table: TableName): boolean {
  return rule.target?.tables?.includes(table) ?? true
}

interface ReadBlock extends ChainContent {
  family: 4 | 6
  table: TableName
}

/** Of the thousands of chains that kube-proxy writes, few are ever passed by a packet. */
class UnreadBlock implements ReadBlock {
  readonly table: TableName
  readonly family: 4 | 6
  readonly jumps: readonly string[]
  readonly #block: ChainBlock
  #rules: readonly Rule[] | undefined

  constructor(block: ChainBlock, jumps: readonly string[], table: TableName, family: 4 | 6) {
    this.#block = block
    this.jumps = jumps
    this.table = table
    this.family = family
  }

  get count(): number {
    return this.#block.count
  }

  get rules(): readonly Rule[] {
    return (this.#rules ??= this.#read())
  }

  #read(): readonly Rule[] {
    const scope = { family: this.family, table: this.table, hasSet: () => false }
    // "-A" and the chain come first.
    return this.#block.rules.flatMap((line) => readRules(splitLine(line).slice(2), scope))
  }
}

function block(table: Table, written: ChainBlock, host: RestoreHost, options: RestoreOptions, line: number): void {
  const { chain } = written
  const known = written.read as ReadBlock | undefined
  if (known?.table === table.name && known.family === host.family()) return table.adopt(chain, known, line)
  if (written.jumps) {
    const unread = new UnreadBlock(written, written.jumps, table.name, host.family())
    written.read = unread
    return table.adopt(chain, unread, line)
  }
  declare(table, `:${chain} - [0:0]`, options, line, 'iptables-restore')
  const { rules } = written
  rules.forEach((words, i) => append(table, words, host, line + 1 + i))
  const read = table.chain(chain).rules
  // Else a line of it is about another chain, or keeps a count of its own.
  if (read.length === rules.length && read.every((r) => isShareable(r) && !isCounted(r) && mayStandIn(r, table.name))) {
    const content: ReadBlock = { family: host.family(), table: table.name, rules: read.map(sameRule), count: read.length, jumps: jumpsIn(read) }
    written.read = content
    table.adopt(chain, content, line)
  }
}

function itemsOf(text: Input): readonly (string | ChainBlock)[] {
  const items = typeof text === 'string' ? text.split('\n') : text
  return items.at(-1) === '' ? items.slice(0, -1) : items
}
