import { byName } from '../../own.ts'
import { formatDuration, type Cursor } from './cursor.ts'
import type { DataType, Value } from './data-types.ts'
import { readLog } from './parse-log.ts'
import { NftError, NO_ENTRY, NotSimulated } from './errors.ts'
import type { Location } from './lex.ts'
import type { Family, PrintOptions, RuleBody, RuleState, Statement } from './model.ts'
import { readNat } from './parse-nat.ts'
import { readReject } from './parse-reject.ts'
import { readSource } from './parse-source.ts'
import { beginsSelector, readSelectors } from './parse-selector.ts'
import { autoMerged, readElements, readDuration, readVerdict } from './read-elements.ts'
import { META, PAYLOAD, type Selector } from './selectors.ts'
import { NftSet, type SetDefinition } from './set.ts'
import { readMask, readSpan } from './spans.ts'
import {
  compare, counter, dynamicSet, limit, lookup, notrack, selectorsText, setMark, setTrace, verdictMap, verdictStatement, type Comparison, type SetReference,
} from './statements.ts'

/** What the reader of a rule knows of the place where it is going to stand. */
export interface RuleContext {
  readonly family: Family
  /** The set or map of that name in the table. */
  set(name: string): SetDefinition | undefined
}

export interface ReadRule {
  body: RuleBody
  /** Names of chains and where they stand, to be looked up by the kernel. */
  targets: readonly { chain: string; at: Location }[]
}

/** How far a rule is read. */
export class RuleReader {
  readonly cursor: Cursor
  readonly context: RuleContext
  readonly statements: Statement[] = []
  readonly targets: { chain: string; at: Location }[] = []
  anonymousSets = 0
  /** Protocols that the packet must have to come so far, and the statement that asked. */
  network: { protocol: string; at: Location; index: number } | undefined
  transport: { protocol: string; at: Location; index: number } | undefined

  constructor(cursor: Cursor, context: RuleContext) {
    this.cursor = cursor
    this.context = context
    if (context.family !== 'inet') this.network = { protocol: context.family, at: cursor.token.at, index: -1 }
  }

  reference(key: readonly DataType[], data: readonly DataType[] | 'verdict' | undefined): SetReference | { single: ReturnType<typeof readElements>[number] } {
    const { cursor } = this
    if (cursor.is('@')) {
      const at = cursor.take().at
      const name = cursor.word()
      const definition = this.context.set(name.text)
      const place = { ...at, to: name.at.to }
      if (!definition) throw new NftError(NO_ENTRY, place)
      if (definition.key.map((t) => t.name).join(' . ') !== key.map((t) => t.name).join(' . ') && !looselyEqual(definition.key, key)) {
        throw new NftError(`datatype mismatch, expected ${concatName(key)}, set has type ${concatName(definition.key)}`, place)
      }
      return { named: name.text }
    }
    const read = readElements(cursor, key, data)
    if (data === undefined && read.length === 1) return { single: read[0]! }
    const ranges = read.some((e) => e.form !== 'value')
    const elements = ranges && data === undefined && key.length === 1 ? autoMerged(read) : read
    const set = new NftSet({ name: '__set%d', key, ...(data !== undefined && { data }), flags: new Set(ranges ? ['constant', 'interval'] : ['constant']) })
    for (const { element, at, target } of elements) {
      if (ranges && set.overlap(element.key) && data === undefined && !set.get(element.key, 0)) throw new NftError('conflicting intervals specified', at)
      set.add(element)
      if (target && element.verdict && 'chain' in element.verdict) this.targets.push({ chain: element.verdict.chain, at: target })
    }
    this.anonymousSets++
    return { anonymous: set }
  }

  add(statement: Statement): void {
    this.statements.push(statement)
  }

  /** Notes what a selector needs, and drops the question that the rule asked for it before, as nft's listing does. */
  require(selector: Selector, at: Location): Selector {
    const { needs } = selector
    if (!needs) return this.#nameTransport(selector)
    const known = needs.layer === 3 ? this.network : this.transport
    if (known && known.protocol !== needs.protocol) {
      throw new NftError(`conflicting protocols specified: ${known.protocol} vs. ${needs.protocol}`, at)
    }
    if (needs.layer === 4 && (needs.protocol === 'icmp' || needs.protocol === 'icmpv6')) {
      const version = needs.protocol === 'icmp' ? 'ip' : 'ip6'
      if (this.network && this.network.protocol !== version) throw new NftError(`conflicting protocols specified: ${this.network.protocol} vs. ${needs.protocol}`, at)
      this.network ??= { protocol: version, at, index: -1 }
    }
    if (known && known.index >= 0 && !selector.asks) this.forget(known)
    if (needs.layer === 3) this.network ??= { protocol: needs.protocol, at, index: -1 }
    else this.transport ??= { protocol: needs.protocol, at, index: -1 }
    return selector
  }

  /** "th dport" behind "meta l4proto udp" is "udp dport". */
  #nameTransport(selector: Selector): Selector {
    const text = selector.text({})
    if (!text.startsWith('th ') || !this.transport) return selector
    const named = PAYLOAD.get(`${this.transport.protocol} ${text.slice(3)}`)
    if (!named) return selector
    if (this.transport.index >= 0) this.forget(this.transport)
    return named
  }

  forget(known: { index: number }): void {
    const statement = this.statements[known.index]!
    this.statements[known.index] = { ...statement, print: () => '' }
    known.index = -1
  }

  /** A question for the protocol that was answered with one: what follows can rely on it. */
  learn(selector: Selector, value: Value, at: Location): void {
    const index = this.statements.length
    const text = selector.text({})
    if (selector.asks === 3) {
      const protocol = value === 2 ? 'ip' : 'ip6'
      if (this.context.family === 'inet') this.network ??= { protocol, at, index }
    } else if (selector.asks === 4) {
      const protocol = selector.type.print(value)
      const hidden = text === 'meta l4proto' || this.context.family !== 'inet'
      this.transport ??= { protocol: protocol === 'ipv6-icmp' ? 'icmpv6' : protocol, at, index: hidden ? index : -1 }
    }
  }
}

function concatName(types: readonly DataType[]): string {
  return types.map((t) => t.name).join(' . ')
}

const PRETTY: Readonly<Record<string, string>> = byName({ integer: 'integer' })

function looselyEqual(a: readonly DataType[], b: readonly DataType[]): boolean {
  return a.length === b.length && a.every((t, i) => t.name === b[i]!.name || PRETTY[b[i]!.name] !== undefined)
}

/** Reads statements up to the end of the rule. */
export function readRule(cursor: Cursor, context: RuleContext): ReadRule {
  const reader = new RuleReader(cursor, context)
  let comment: string | undefined
  let terminal: Location | undefined
  if (cursor.atEndOfStatement || cursor.is('comment')) throw cursor.unexpected()
  while (!cursor.atEndOfStatement) {
    if (cursor.is('comment')) {
      cursor.take()
      const token = cursor.take()
      if (token.kind !== 'quoted' && token.kind !== 'word') throw cursor.unexpected('string', token)
      comment = token.text
      if (!cursor.atEndOfStatement) throw cursor.unexpected("newline or semicolon or '}'")
      break
    }
    const start = cursor.token.at
    const before = reader.statements.length
    readStatement(reader)
    if (terminal) throw new NftError('Statement after terminal statement has no effect', cursor.since(start), terminal)
    const added = reader.statements[before]
    if (added && TERMINAL.test(added.print({ stateless: true }, undefined))) terminal = cursor.since(start)
  }
  const { statements } = reader
  return {
    body: { statements, comment, anonymousSets: reader.anonymousSets, stateful: statements.some((s) => s.initial) },
    targets: reader.targets,
  }
}

const TERMINAL = /^(accept|drop|return|continue|jump |goto |reject|masquerade|redirect|[sd]nat)/

function readStatement(reader: RuleReader): void {
  const { cursor } = reader
  const start = cursor.token
  const verdict = readVerdict(cursor)
  if (verdict) {
    if ('chain' in verdict.verdict) reader.targets.push({ chain: verdict.verdict.chain, at: verdict.at })
    return reader.add(verdictStatement(verdict.verdict))
  }
  switch (start.text) {
    case 'counter': return readCounter(reader)
    case 'log': return void reader.statements.push(readLog(reader.cursor))
    case 'limit': return readLimit(reader)
    case 'reject': return readReject(reader)
    case 'notrack':
      cursor.take()
      return reader.add(notrack)
    case 'masquerade': case 'redirect': case 'snat': case 'dnat': return readNat(reader)
    case 'add': case 'update': case 'delete': return readDynamic(reader)
    case 'set': return readOldDynamic(reader)
    case 'queue': case 'quota': case 'synproxy': case 'dup': case 'fwd': case 'tproxy': case 'flow': case 'xt':
      throw new NotSimulated(`nft's ${start.text} statement`)
  }
  if (!beginsSelector(cursor)) {
    if (start.kind !== 'word' && start.kind !== 'number') throw cursor.unexpected()
    cursor.take()
    if (cursor.atEndOfStatement) throw cursor.unexpected()
    throw new NftError('No symbol type information', start.at)
  }
  const to = cursor.peek().text
  if ((start.text === 'meta' || start.text === 'ct') && cursor.peek(2).text === 'set') return readSet(reader, start.text, to)
  if (start.text === 'mark' && to === 'set') return readSet(reader, 'meta', 'mark')
  readMatch(reader)
}

function readSet(reader: RuleReader, where: 'meta' | 'ct', key: string): void {
  const { cursor } = reader
  while (!cursor.is('set')) cursor.take()
  cursor.take()
  if (where === 'meta' && key === 'nftrace') {
    const value = cursor.take()
    if (!/^\d+$/.test(value.text)) throw new NftError('Could not parse integer', value.at)
    if (Number(value.text) > 1) throw new NftError(`Value ${value.text} exceeds valid range 0-1`, value.at)
    return reader.add(setTrace(value.text === '1'))
  }
  if (key !== 'mark') throw new NotSimulated(`nft's "${where} ${key} set"`)
  const type = META.get('mark')!.type
  reader.add(setMark(where, readSource(reader, type), (value) => type.print(value)))
}

function readMatch(reader: RuleReader): void {
  const { cursor } = reader
  const start = cursor.token.at
  const selectors = readSelectors(reader)
  const types = selectors.map((s) => s.type)
  if (cursor.skip('vmap')) return reader.add(verdictMap(selectors, reader.reference(types, 'verdict') as SetReference))
  const selector = selectors[0]!
  if (selector.asks === 3 && reader.context.family !== 'inet') throw new NftError('meta nfproto is only useful in the inet family', cursor.since(start))
  let mask: Value | undefined
  if (cursor.skipAny('&', 'and')) mask = readMask(cursor, selector.type)
  const given = cursor.skipAny('==', '!=', '<=', '>=', '<', '>', '!')
  if (cursor.is('{') || cursor.is('@')) {
    const reference = reader.reference(types, undefined)
    if (!('single' in reference)) return reader.add(lookup(selectors, given === '!=', reference))
    const { key } = reference.single.element
    if (selectors.length > 1) {
      const set = new NftSet({ name: '__set%d', key: types, flags: new Set(['constant']) })
      set.add(reference.single.element)
      reader.anonymousSets++
      return reader.add(lookup(selectors, given === '!=', { anonymous: set }))
    }
    return addComparison(reader, start, { selector, mask, operator: operatorOf(selector, given, mask), span: key[0]! })
  }
  if (selectors.length > 1) {
    const key = types.map((type, i) => {
      if (i > 0) cursor.expect('.')
      return readSpan(cursor, type).span
    })
    for (const [i, span] of key.entries()) reader.add(compare({ selector: selectors[i]!, mask: undefined, operator: '==', span }))
    return
  }
  if (cursor.atEndOfStatement) throw cursor.unexpected()
  const read = selector.type.flags && (cursor.is('(') || (cursor.peek().text === '|' && cursor.peek().kind === 'symbol')) ? { span: oneValue(readMask(cursor, selector.type)) } : readSpan(cursor, selector.type, true)
  if (cursor.skip('/') && selector.type.flags) {
    mask = readMask(cursor, selector.type)
    return addComparison(reader, start, { selector, mask, operator: given === '!=' ? '!=' : '==', span: read.span })
  }
  addComparison(reader, start, { selector, mask, operator: operatorOf(selector, given, mask), span: read.span })
}

const oneValue = (value: Value): { from: Value; to: Value } => ({ from: value, to: value })

function operatorOf(selector: Selector, given: string | undefined, mask: Value | undefined): Comparison['operator'] {
  if (given !== undefined) return given as Comparison['operator']
  return selector.type.flags && mask === undefined ? 'in' : '=='
}

function addComparison(reader: RuleReader, start: Location, comparison: Comparison): void {
  const { selector, operator, mask, span } = comparison
  if (selector.asks && operator === '==' && mask === undefined && span.from === span.to) reader.learn(selector, span.from, reader.cursor.since(start))
  // whether any of some flags is there
  if (mask !== undefined && selector.type.flags && span.from === 0 && span.to === 0 && (operator === '==' || operator === '!=')) {
    return reader.add(compare({ selector, mask: undefined, operator: operator === '==' ? '!' : 'in', span: oneValue(mask) }))
  }
  // An address with a mask of leading ones is a prefix.
  if (mask !== undefined && selector.type.prefixes && (operator === '==' || operator === '!=') && typeof span.from === 'number') {
    const host = 0xffffffff - (mask as number)
    if ((host & (host + 1)) === 0) return reader.add(compare({ selector, mask: undefined, operator, span: { from: span.from, to: span.from + host } }))
  }
  reader.add(compare(comparison))
}

function readCounter({ cursor, statements }: RuleReader): void {
  cursor.take()
  if (cursor.is('name')) throw new NotSimulated('counters with names')
  if (!cursor.skip('packets')) {
    statements.push(counter())
    return
  }
  const packets = cursor.number().value
  cursor.expect('bytes')
  statements.push(counter(packets, cursor.number().value))
}

function readLimit({ cursor, statements }: RuleReader): void {
  cursor.take()
  cursor.expect('rate')
  const over = cursor.skip('over')
  if (!over) cursor.skip('until')
  const { value: rate } = cursor.number()
  const joined = /^(k?m?bytes)\/(\w+)$/.exec(cursor.token.text)
  const bytes = joined ? joined[1] : cursor.skipAny('bytes', 'kbytes', 'mbytes')
  if (joined) cursor.take()
  else if (!cursor.is('/')) throw cursor.unexpected('/ or string or bytes')
  else cursor.take()
  const unit = joined ? joined[2]! : cursor.word().text
  let burst = bytes ? 0 : 5
  let burstUnit = 'bytes'
  let text = `limit rate ${over ? 'over ' : ''}${rate}${bytes ? ` ${bytes}` : ''}/${unit}`
  if (cursor.skip('burst')) {
    burst = cursor.number().value
    const what = cursor.skipAny('packets', 'bytes', 'kbytes', 'mbytes') ?? 'packets'
    burstUnit = what
    if (bytes ? burst > 0 : burst !== 5) text += ` burst ${burst} ${what}`
  }
  const scale = bytes === 'kbytes' ? 1024 : bytes === 'mbytes' ? 1_048_576 : 1
  statements.push(limit({ rate: rate * scale, unit, over, burst: burst * scale, ...(bytes && { bytes }), text, json: { rate, burst, per: unit, ...(over && { inv: true }), ...(bytes && { rate_unit: bytes, burst_unit: burstUnit }) } }))
}

function readDynamic(reader: RuleReader): void {
  const { cursor } = reader
  const verb = cursor.take().text as 'add' | 'update' | 'delete'
  const at = cursor.expect('@').at
  const name = cursor.word()
  if (!reader.context.set(name.text)) throw new NftError(NO_ENTRY, { ...at, to: name.at.to })
  cursor.expect('{')
  const selectors = readSelectors(reader)
  const timeout = cursor.skip('timeout') ? { ms: readDuration(cursor) } : undefined
  const inner = new RuleReader(cursor, reader.context)
  if (cursor.is('counter')) readCounter(inner)
  else if (cursor.is('limit')) readLimit(inner)
  cursor.expect('}')
  reader.add(finishDynamic(verb, name.text, selectors, timeout, inner.statements))
}

function readOldDynamic(reader: RuleReader): void {
  const { cursor } = reader
  cursor.take()
  const verb = cursor.skipAny('add', 'update', 'delete')
  if (!verb) throw cursor.unexpected('add or update or delete')
  const selectors = readSelectors(reader)
  const at = cursor.expect('@').at
  const name = cursor.word()
  if (!reader.context.set(name.text)) throw new NftError(NO_ENTRY, { ...at, to: name.at.to })
  reader.add(finishDynamic(verb as 'add', name.text, selectors, undefined, []))
}

function finishDynamic(verb: 'add' | 'update' | 'delete', name: string, selectors: readonly Selector[], timeout: { ms: number } | undefined, inner: readonly Statement[]): Statement {
  const text = (options: PrintOptions): string => {
    const more = inner.map((s) => ` ${s.print({ ...options, stateless: true }, undefined as RuleState | undefined)}`).join('')
    return `${verb} @${name} { ${selectorsText(selectors, options)}${timeout ? ` timeout ${formatDuration(timeout.ms, options.numeric)}` : ''}${more} }`
  }
  return dynamicSet(verb, name, selectors, timeout?.ms, inner, text)
}
