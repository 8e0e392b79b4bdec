import { IPV4, IPV6, type DataType, type Value } from './data-types.ts'

import type { Verdict } from './evaluate.ts'
import type { NftChain, NftTable, PrintOptions, Rule } from './model.ts'
import type { Selector } from './selectors.ts'
import type { Element, NftSet, Span } from './set.ts'
import { prefixLength } from './spans.ts'

/** The listings of nft -j (libnftables-json(5), schema version 1 of nft 1.0.6). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export const METAINFO: Json = { metainfo: { version: '1.0.6', release_name: 'Lester Gooch #5', json_schema_version: 1 } }

/** As jansson writes it: with blanks after commas and colons. */
export function jsonText(json: Json): string {
  if (Array.isArray(json)) return `[${(json as readonly Json[]).map(jsonText).join(', ')}]`
  if (json !== null && typeof json === 'object') return `{${Object.entries(json).map(([key, value]) => `${JSON.stringify(key)}: ${jsonText(value as Json)}`).join(', ')}}`
  return JSON.stringify(json)
}

/** One thing is itself, several are a list. */
export const oneOrMany = (all: readonly Json[]): Json => (all.length === 1 ? all[0]! : all)

function concatenated(parts: readonly Json[]): Json {
  return parts.length === 1 ? parts[0]! : { concat: parts }
}

export function selectorJson(selector: Selector): Json {
  const words = selector.text({}).split(' ')
  const [first, second = '', third = ''] = words as [string, string?, string?]
  if (first === 'fib') return { fib: { result: words.at(-1)!, flags: words.slice(1, -1).filter((w) => w !== '.') } }
  if (selector.turns) return { numgen: { mode: selector.turns.mode, mod: selector.turns.modulus, offset: selector.turns.offset } }
  if (first === 'ct') return { ct: third === '' ? { key: second } : { key: words.slice(2).join(' '), dir: second } }
  if (first === 'meta') return { meta: { key: second } }
  return second === '' ? { meta: { key: first } } : { payload: { protocol: first, field: second } }
}

export const selectorsJson = (selectors: readonly Selector[]): Json => concatenated(selectors.map(selectorJson))

export function valueJson(value: Value, type: DataType): Json {
  if (typeof value === 'string') return value
  if (type.name === 'boolean') return value === 1
  const text = type.print(value)
  if (type === IPV4 || type === IPV6) return text
  if (/^(0x[0-9a-f]+|\d+)$/.test(text)) return Number(value)
  return type.flags ? oneOrMany(text.split(',')) : text
}

export function spanJson(span: Span, type: DataType): Json {
  if (span.from === span.to) return valueJson(span.from, type)
  const length = type.prefixes ? prefixLength(span, type.bits) : undefined
  if (length !== undefined) return { prefix: { addr: valueJson(span.from, type), len: length } }
  return { range: [valueJson(span.from, type), valueJson(span.to, type)] }
}

export function verdictJson(verdict: Verdict): Json {
  return { [verdict.kind]: 'chain' in verdict ? { target: verdict.chain } : null }
}

const seconds = (ms: number): number => Math.floor(ms / 1000)

function elementJson(set: NftSet, element: Element, options: PrintOptions, now: number): Json {
  const { key, data, counter, timeout } = set.definition
  const value = concatenated(element.key.map((span, i) => spanJson(span, key[i]!)))
  const more: Record<string, Json> = {}
  if (element.timeout !== undefined && element.timeout !== timeout) more['timeout'] = seconds(element.timeout)
  if (element.expiresAt !== undefined && !options.stateless) more['expires'] = seconds(element.expiresAt - now)
  if (element.comment !== undefined) more['comment'] = element.comment
  if (element.counter ?? counter) more['counter'] = options.stateless ? null : { packets: element.counter?.packets ?? 0, bytes: element.counter?.bytes ?? 0 }
  const item: Json = Object.keys(more).length > 0 ? { elem: { val: value, ...more } } : value
  if (element.verdict) return [item, verdictJson(element.verdict)]
  if (element.data && Array.isArray(data)) return [item, concatenated(element.data.map((span, i) => spanJson(span, data[i]!)))]
  return item
}

/** The set of a rule, which has no name. */
export function anonymousJson(set: NftSet): Json {
  return { set: set.elements(0).map((e) => elementJson(set, e, {}, 0)) }
}

export function ruleJson(chain: NftChain, rule: Rule, options: PrintOptions): Json {
  const { statements, comment } = rule.body
  const expr = statements.flatMap((s, i) => {
    // what the listing leaves out, as what follows asks for it by itself
    if (s.print(options, rule.states?.[i]) === '') return []
    return [s.json(options, rule.states?.[i])]
  })
  return { rule: { family: chain.table.family, table: chain.table.name, chain: chain.name, handle: rule.handle, ...(comment !== undefined && { comment }), expr } }
}

export function chainJson(chain: NftChain): Json {
  const { base } = chain
  return { chain: { family: chain.table.family, table: chain.table.name, name: chain.name, handle: chain.handle, ...(base && { type: base.type, hook: base.hook, prio: base.priority, policy: base.policy }) } }
}

export function setJson(table: NftTable, set: NftSet, options: PrintOptions, now: number): Json {
  const { definition: d } = set
  const flags = (['constant', 'interval', 'timeout'] as const).filter((f) => d.flags.has(f))
  const out: Record<string, Json> = { family: table.family, name: set.name, table: table.name, type: oneOrMany(d.key.map((t) => t.name)), handle: set.handle }
  if (d.comment !== undefined) out['comment'] = d.comment
  if (d.data !== undefined) out['map'] = d.data === 'verdict' ? 'verdict' : d.data.map((t) => t.name).join(' . ')
  if (d.policy === 'memory') out['policy'] = 'memory'
  if (d.size !== undefined) out['size'] = d.size
  if (flags.length > 0) out['flags'] = flags
  if (d.timeout !== undefined) out['timeout'] = seconds(d.timeout)
  if (d.gcInterval !== undefined) out['gc-interval'] = seconds(d.gcInterval)
  if (!options.terse && set.count(now) > 0) out['elem'] = set.elements(now).map((e) => elementJson(set, e, options, now))
  if (d.counter) out['stmt'] = [{ counter: null }]
  return { [set.isMap ? 'map' : 'set']: out }
}

export const tableJson = (table: NftTable): Json => ({ table: { family: table.family, name: table.name, handle: table.handle } })

export function fullTableJson(table: NftTable, options: PrintOptions, now: number): Json[] {
  const chains = [...table.chains.values()]
  return [
    tableJson(table), ...[...table.sets.values()].map((s) => setJson(table, s, options, now)),
    ...chains.map(chainJson), ...chains.flatMap((chain) => chain.rules.map((rule) => ruleJson(chain, rule, options))),
  ]
}
