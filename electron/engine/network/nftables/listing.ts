import type { Cursor } from './cursor.ts'
import { NftError, NO_ENTRY, NotSimulated } from './errors.ts'
import { chainJson, fullTableJson, jsonText, METAINFO, ruleJson, setJson, tableJson, type Json } from './json.ts'
import { printChain, printSet, printTable, tableHead } from './list.ts'
import { FAMILIES, type NftTable, type PrintOptions, type Ruleset } from './model.ts'
import type { Name, TableName } from './transaction.ts'

/** Kinds of objects that nothing makes here. */
export const OTHER_OBJECTS: ReadonlySet<string> = new Set(['counter', 'quota', 'limit', 'flowtable', 'secmark', 'synproxy', 'counters', 'quotas', 'limits', 'flowtables', 'ct', 'meters', 'meter', 'hooks'])
const NONE_OF: ReadonlySet<string> = new Set(['counters', 'quotas', 'limits', 'flowtables', 'meters', 'secmarks', 'synproxys'])

export const jsonListing = (items: readonly Json[]): string => `${jsonText({ nftables: [METAINFO, ...items] })}\n`

export const inTable = (table: NftTable, inner: string): string => `table ${table.family} ${table.name} {\n${inner}}\n`

/** What reads the words behind "list", and where what they name is found. */
export interface ListingContext {
  cursor: Cursor
  ruleset: Ruleset
  options: PrintOptions
  now: number
  tableName(): TableName
  name(): Name
  /** Throws NftError. */
  find(where: TableName): NftTable
}

/** nft list: what it prints. Throws NftError. */
export function readListing({ cursor, ruleset, options, now, tableName, name, find }: ListingContext): string {
  const summary = (what: string, tables: readonly NftTable[]): string => (options.json ? jsonListing(tables.flatMap((t) => summaryJson(what, t, options, now))) : tables.map((t) => printSummary(what, t, options, now)).join(''))
  const object = cursor.token
  const text = object.kind === 'word' ? object.text : ''
  if (['ruleset', 'tables', 'chains', 'sets', 'maps'].includes(text)) {
    cursor.take()
    const family = FAMILIES.includes(cursor.token.text) && cursor.token.kind === 'word' ? cursor.take().text : undefined
    if (family === undefined && text === 'sets' && cursor.skip('table')) return summary(text, [find(tableName())])
    return summary(text, [...ruleset.tables.values()].filter((t) => family === undefined || t.family === family))
  }
  if (text === 'table') {
    cursor.take()
    return summary('ruleset', [find(tableName())])
  }
  if (text === 'chain' || text === 'set' || text === 'map') {
    cursor.take()
    const where = tableName()
    const named = name()
    const table = find(where)
    const chain = text === 'chain' ? table.chains.get(named.name) : undefined
    const set = text === 'chain' ? undefined : table.sets.get(named.name)
    if (text === 'chain' ? !chain : set?.isMap !== (text === 'map')) throw new NftError(NO_ENTRY, named.at)
    if (options.json) return jsonListing(chain ? [chainJson(chain), ...chain.rules.map((rule) => ruleJson(chain, rule, options))] : [setJson(table, set!, options, now)])
    return inTable(table, chain ? printChain(chain, options) : printSet(set!, options, now))
  }
  if (NONE_OF.has(text)) {
    cursor.take()
    if (!cursor.atEndOfStatement && FAMILIES.includes(cursor.token.text)) cursor.take()
    if (!cursor.atEndOfStatement) throw new NotSimulated(`nft list ${text} of one table (nft list table)`)
    if (options.json) return jsonListing([])
    const tables = text === 'flowtables' || text === 'meters' ? [...ruleset.tables.values()] : []
    return tables.map((table) => `${tableHead(table, { ...options, handles: false })}}\n`).join('')
  }
  if (OTHER_OBJECTS.has(text)) throw new NotSimulated(`nft list ${text}`)
  throw cursor.unexpected()
}

function printSummary(what: string, table: NftTable, options: PrintOptions, now: number): string {
  if (what === 'ruleset') return printTable(table, options, now)
  if (what === 'tables') return `table ${table.family} ${table.name}\n`
  const inner = what === 'chains'
    ? [...table.chains.values()].map((c) => printChain(c, options, false))
    : [...table.sets.values()].filter((s) => s.isMap === (what === 'maps')).map((s) => printSet(s, options, now))
  return `${tableHead(table, { ...options, handles: false })}${inner.join('')}}\n`
}

function summaryJson(what: string, table: NftTable, options: PrintOptions, now: number): Json[] {
  if (what === 'ruleset') return fullTableJson(table, options, now)
  if (what === 'tables') return [tableJson(table)]
  if (what === 'chains') return [...table.chains.values()].map(chainJson)
  return [...table.sets.values()].filter((s) => s.isMap === (what === 'maps')).map((s) => setJson(table, s, options, now))
}
