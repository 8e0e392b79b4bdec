import { byName } from '../../own.ts'
import { logPacket } from '../netfilter/log-text.ts'
import { masqueradeAddress } from '../netfilter/targets/nat.ts'
import { sendReset } from '../netfilter/targets/reject.ts'
import type { NatRange } from '../netfilter/conntrack/nat.ts'
import type { TrackedConnection } from '../netfilter/conntrack/connection.ts'
import { formatIpv4, formatIpv6 } from '../address.ts'
import { IPV4, IPV6, SERVICE, type Value } from './data-types.ts'
import { ACCEPT, DROP, lengthOf, STOLEN, type Evaluation, type Verdict } from './evaluate.ts'
import type { PrintOptions, RuleState, Statement } from './model.ts'
import { anonymousJson, oneOrMany, selectorJson, selectorsJson, spanJson, valueJson, verdictJson, type Json } from './json.ts'
import { printAnonymous, printVerdict } from './print-elements.ts'
import type { Selector } from './selectors.ts'
import type { NftSet, Span } from './set.ts'
import { printFlags, printSpan } from './spans.ts'

const freshState = (): RuleState => ({ packets: 0, bytes: 0, value: 0, at: 0 })

/** A set that a rule names, or its own. */
export type SetReference = { readonly named: string } | { readonly anonymous: NftSet }

export function setOf(reference: SetReference, evaluation: Evaluation): NftSet | undefined {
  return 'named' in reference ? evaluation.table.sets.get(reference.named) : reference.anonymous
}

function printReference(reference: SetReference, options: PrintOptions): string {
  return 'named' in reference ? `@${reference.named}` : printAnonymous(reference.anonymous, options)
}

function referenceJson(reference: SetReference): Json {
  return 'named' in reference ? `@${reference.named}` : anonymousJson(reference.anonymous)
}

function referenceFacts(reference: SetReference): Pick<Statement, 'sets' | 'anonymous' | 'chains'> {
  if ('named' in reference) return { sets: [reference.named] }
  const chains = [...reference.anonymous.unsorted()].flatMap(({ verdict }) => (verdict && 'chain' in verdict ? [verdict.chain] : []))
  return { anonymous: reference.anonymous, chains }
}

export const selectorsText = (selectors: readonly Selector[], options: PrintOptions): string => selectors.map((s) => s.text(options)).join(' . ')

function common(selectors: readonly Selector[]): Pick<Statement, 'tracks' | 'selects' | 'initial'> {
  const tracks = selectors.some((s) => s.tracks)
  return { tracks, selects: selectors.some((s) => !(s.tracks && s.type.name === 'ct_state')), ...(selectors.some((s) => s.turns?.mode === 'inc') && { initial: freshState() }) }
}

function values(selectors: readonly Selector[], evaluation: Evaluation, state: RuleState): Value[] | undefined {
  const out: Value[] = []
  for (const selector of selectors) {
    const value = selector.get(evaluation, state)
    if (value === undefined) return undefined
    out.push(value)
  }
  return out
}

const HEX_MASK: Readonly<Record<string, boolean>> = { mark: true }

export interface Comparison {
  selector: Selector
  mask: Value | undefined
  /** 'in': the default for flags, one of them is enough; '!': none of them. */
  operator: '==' | '!=' | '<' | '>' | '<=' | '>=' | 'in' | '!'
  span: Span
}

export function compare({ selector, mask, operator, span }: Comparison): Statement {
  const { type } = selector
  const test = (value: Value): boolean => {
    if (typeof value === 'string') return nameMatches(span.from as string, value) === (operator === '==')
    const v: number | bigint = mask === undefined ? value : typeof value === 'bigint' ? value & (mask as bigint) : (value & (mask as number)) >>> 0
    const from = span.from as number
    const to = span.to as number
    switch (operator) {
      case '==': return v >= from && v <= to
      case '!=': return v < from || v > to
      case '<': return v < from
      case '>': return v > from
      case '<=': return v <= from
      case '>=': return v >= from
      case 'in': return ((v as number) & (span.from as number)) !== 0
      case '!': return ((v as number) & (span.from as number)) === 0
    }
  }
  return {
    ...common([selector]),
    print: (options) => {
      const exact = type.flags && (operator === '!=' || operator === '==') && mask === undefined && span.from !== 0
      const value = exact ? printFlags(span, type, options.numeric) : printSpan(span, type, options)
      if (mask === undefined) return `${selector.text(options)} ${(operator === '==' && !(exact && (single(span) || type.name === 'tcp_flag'))) || operator === 'in' ? '' : `${operator} `}${value}`
      if (type.flags && !single({ from: mask, to: mask })) return `${selector.text(options)} ${operator === '==' ? '' : `${operator} `}${value} / ${type.print(mask, options.numeric)}`
      const masked = HEX_MASK[type.name] || type.flags ? type.print(mask) : String(mask)
      return `${selector.text(options)} & ${masked} ${operator} ${value}`
    },
    json: () => {
      // flags that all must be there, and no other
      const exact = type.flags && mask === undefined && (operator === '==' || operator === '!=') && !single(span)
      const left: Json = mask === undefined ? selectorJson(selector) : { '&': [selectorJson(selector), valueJson(mask, type)] }
      const right = spanJson(span, type)
      return { match: { op: operator, left, right: !exact ? right : type.name === 'tcp_flag' ? (span.from as number) : { '|': right } } }
    },
    run: (evaluation, state) => {
      const value = selector.get(evaluation, state)
      return value !== undefined && test(value) ? undefined : 'break'
    },
  }
}

const single = ({ from }: Span): boolean => typeof from === 'number' && (from & (from - 1)) === 0

function nameMatches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}

export function lookup(selectors: readonly Selector[], not: boolean, reference: SetReference): Statement {
  return {
    ...common(selectors), ...referenceFacts(reference),
    print: (options) => `${selectorsText(selectors, options)} ${not ? '!= ' : ''}${printReference(reference, options)}`,
    json: () => ({ match: { op: not ? '!=' : '==', left: selectorsJson(selectors), right: referenceJson(reference) } }),
    run: (evaluation, state) => {
      const wanted = values(selectors, evaluation, state)
      if (!wanted) return 'break'
      const set = setOf(reference, evaluation)
      const element = set?.find(wanted, evaluation.host.clock.now)
      if (element?.counter) {
        element.counter.packets++
        element.counter.bytes += lengthOf(evaluation)
      }
      return (element !== undefined) !== not ? undefined : 'break'
    },
  }
}

export function verdictMap(selectors: readonly Selector[], reference: SetReference): Statement {
  const turns = selectors[0]!.turns
  return {
    ...common(selectors), ...referenceFacts(reference),
    print: (options) => `${selectorsText(selectors, options)} vmap ${printReference(reference, options)}`,
    json: () => ({ vmap: { key: selectorsJson(selectors), data: referenceJson(reference) } }),
    run: (evaluation, state) => {
      const wanted = values(selectors, evaluation, state)
      const set = wanted && setOf(reference, evaluation)
      const element = wanted && set?.find(wanted, evaluation.host.clock.now)
      if (!set || !element?.verdict) return 'break'
      evaluation.element = { set, element, ...(turns && { picked: { mode: turns.mode, of: turns.modulus } }) }
      return element.verdict.kind === 'continue' ? undefined : element.verdict
    },
  }
}

export function verdictStatement(verdict: Verdict): Statement {
  return {
    print: () => printVerdict(verdict), json: () => verdictJson(verdict), run: () => verdict,
    ...('chain' in verdict && { chains: [verdict.chain] }),
  }
}

export function counter(packets = 0, bytes = 0): Statement {
  return {
    initial: { ...freshState(), packets, bytes },
    print: (options, state) => (options.stateless ? 'counter' : `counter packets ${state?.packets ?? packets} bytes ${state?.bytes ?? bytes}`),
    json: (options, state) => ({ counter: options.stateless ? null : { packets: state?.packets ?? packets, bytes: state?.bytes ?? bytes } }),
    run: (evaluation, state) => {
      state.packets++
      state.bytes += lengthOf(evaluation)
      return undefined
    },
  }
}

/** What a mark is set to: a value, something of the packet, or what a map says; then bits are changed. */
export interface Source {
  value?: Value
  selectors?: readonly Selector[]
  map?: SetReference
  operations: readonly { operator: '&' | '|' | '^'; value: number }[]
}

export function sourceText(source: Source, options: PrintOptions, print: (value: Value) => string): string {
  const base = source.value !== undefined ? print(source.value) : selectorsText(source.selectors!, options) + (source.map ? ` map ${printReference(source.map, options)}` : '')
  return base + source.operations.map(({ operator, value }) => ` ${operator} ${print(value)}`).join('')
}

function sourceJson({ value, selectors, map, operations }: Source): Json {
  let out: Json = value !== undefined ? Number(value) : map ? { map: { key: selectorsJson(selectors!), data: referenceJson(map) } } : selectorsJson(selectors!)
  for (const { operator, value: operand } of operations) out = { [operator]: [out, operand] }
  return out
}

function sourceValue(source: Source, evaluation: Evaluation, state: RuleState): number | undefined {
  let value: Value | undefined = source.value
  if (source.selectors) {
    const wanted = values(source.selectors, evaluation, state)
    if (!wanted) return undefined
    value = source.map ? setOf(source.map, evaluation)?.find(wanted, evaluation.host.clock.now)?.data?.[0]?.from : wanted[0]
  }
  if (value === undefined) return undefined
  let out = Number(value)
  for (const { operator, value: operand } of source.operations) {
    out = (operator === '&' ? out & operand : operator === '|' ? out | operand : out ^ operand) >>> 0
  }
  return out
}

export function setMark(where: 'meta' | 'ct', source: Source, print: (value: Value) => string): Statement {
  return {
    ...common(source.selectors ?? []), ...(source.map ? referenceFacts(source.map) : {}), selects: false, changes: 'mark',
    tracks: where === 'ct' || (source.selectors?.some((s) => s.tracks) ?? false),
    print: (options) => `${where} mark set ${sourceText(source, options, print)}`,
    json: () => ({ mangle: { key: { [where]: { key: 'mark' } }, value: sourceJson(source) } }),
    run: (evaluation, state) => {
      const value = sourceValue(source, evaluation, state)
      if (value === undefined) return 'break'
      if (where === 'meta') evaluation.packet.meta.mark = value
      else {
        const connection = evaluation.packet.meta.connection as TrackedConnection | undefined
        if (!connection) return 'break'
        connection.mark = value
      }
      return undefined
    },
  }
}

export function setTrace(on: boolean): Statement {
  return {
    print: () => `meta nftrace set ${on ? 1 : 0}`,
    json: () => ({ mangle: { key: { meta: { key: 'nftrace' } }, value: on ? 1 : 0 } }),
    run: ({ packet, host }) => {
      if (on) host.tracing.begin(packet)
      else delete packet.meta.trace
      return undefined
    },
  }
}

export const notrack: Statement = {
  print: () => 'notrack',
  json: () => ({ notrack: null }),
  run: ({ packet }) => {
    if (packet.meta.connection === undefined) packet.meta.state = 'UNTRACKED'
    return undefined
  },
}

export function logStatement(text: string, options: Readonly<Record<string, Json>>): Statement {
  // to a group or to auditd: no program listens there
  const toKernel = options['group'] === undefined && options['level'] !== 'audit'
  const words = [options['flags'] ?? []].flat()
  const all = words.includes('all')
  const flags = { tcpSequence: all || words.includes('tcp sequence'), tcpOptions: all || words.includes('tcp options'), uid: all || words.includes('skuid'), macDecode: all || words.includes('ether') }
  return {
    print: () => text,
    json: () => ({ log: Object.keys(options).length > 0 ? options : null }),
    run: ({ host, packet, inLink, outLink }) => {
      if (toKernel) logPacket(host.namespace, { packet, inLink, outLink, prefix: typeof options['prefix'] === 'string' ? options['prefix'] : '', flags })
      return undefined
    },
  }
}

export interface Limit { rate: number; unit: string; over: boolean; burst: number; bytes?: string; text: string; json: Json }

const UNITS: Readonly<Record<string, number>> = byName({ second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 })

/** A bucket of tokens, as nft_limit.c keeps it. */
export function limit({ rate, unit, over, burst, bytes, text, json }: Limit): Statement {
  const cost = UNITS[unit]! / rate
  const size = bytes ? (1 + burst / rate) * UNITS[unit]! : burst * cost
  return {
    initial: { ...freshState(), value: size },
    print: () => text,
    json: () => ({ limit: json }),
    run: (evaluation, state) => {
      const { now } = evaluation.host.clock
      state.value = Math.min(size, state.value + now - state.at)
      state.at = now
      const needed = bytes ? cost * lengthOf(evaluation) : cost
      const within = state.value >= needed
      if (within) state.value -= needed
      return within === over ? 'break' : undefined
    },
  }
}

export interface Rejection { reset: boolean; code4: number; code6: number; text: string; only?: 4 | 6; code?: number; json: Json }

export function reject({ reset, code4, code6, text, only, code, json }: Rejection): Statement {
  return {
    print: ({ numeric }) => (numeric && code !== undefined ? text.replace(/\S+$/, String(code)) : text),
    json: () => ({ reject: json }),
    run: (evaluation) => {
      const { host, packet } = evaluation
      const v6 = packet.version === 6
      if (only !== undefined && only !== packet.version) return 'break'
      host.rejections.push(() => (reset ? sendReset(evaluation) : host.stack.sendIcmpError(packet, v6 ? 1 : 3, v6 ? code6 : code4)))
      return STOLEN
    },
  }
}

export interface Translation {
  what: 'dnat' | 'snat' | 'masquerade' | 'redirect'
  /** Printed before "to" where the table has both families. */
  family: string
  addresses?: Span
  ports?: Span
  source?: { selectors: readonly Selector[]; map: SetReference }
  flags: readonly string[]
  version: 4 | 6
}

export function translate(t: Translation): Statement {
  const address = (value: Value): string => (typeof value === 'bigint' ? formatIpv6(value) : formatIpv4(value as number))
  const range = (span: Span, print: (value: Value) => string): string => (span.from === span.to ? print(span.from) : `${print(span.from)}-${print(span.to)}`)
  const source = t.what === 'snat' || t.what === 'masquerade'
  const words = { random: t.flags.includes('random'), fully: t.flags.includes('fully-random'), persistent: t.flags.includes('persistent') }
  const text = (options: PrintOptions): string => {
    let to = ''
    if (t.source) to = `${selectorsText(t.source.selectors, options)} map ${printReference(t.source.map, options)}`
    else {
      if (t.addresses) to = range(t.addresses, address)
      if (t.ports) to = `${to.includes(':') ? `[${to}]` : to}:${range(t.ports, String)}`
    }
    return `${t.what}${t.family === '' || to === '' ? '' : ` ${t.family}`}${to === '' ? '' : ` to ${to}`}${t.flags.length > 0 ? ` ${t.flags.join(',')}` : ''}`
  }
  const strings = (span: Span): NonNullable<NatRange['addresses']> => ({ from: address(span.from), to: address(span.to) })
  const numbers = (span: Span): NonNullable<NatRange['ports']> => ({ from: Number(span.from), to: Number(span.to) })
  const fixed: NatRange = { ...(t.addresses && { addresses: strings(t.addresses) }), ...(t.ports && { ports: numbers(t.ports) }), ...words }
  return {
    ...common(t.source?.selectors ?? []), ...(t.source ? referenceFacts(t.source.map) : {}), selects: false, changes: t.what, tracks: true,
    print: text,
    json: () => {
      const type = t.version === 6 ? IPV6 : IPV4
      const out: Record<string, Json> = {}
      if (t.family !== '') out['family'] = t.family
      if (t.source) out['addr'] = { map: { key: selectorsJson(t.source.selectors), data: referenceJson(t.source.map) } }
      if (t.addresses) out['addr'] = spanJson(t.addresses, { ...type, prefixes: false })
      if (t.ports) out['port'] = spanJson(t.ports, SERVICE)
      if (t.flags.length > 0) out['flags'] = oneOrMany(t.flags)
      return { [t.what]: Object.keys(out).length > 0 ? out : null }
    },
    run: (evaluation, state) => {
      const { host, packet, outLink, inLink, hook } = evaluation
      if (t.what !== 'redirect' && t.what !== 'masquerade' && packet.version !== t.version) return 'break'
      let chosen = fixed
      if (t.source) {
        const wanted = values(t.source.selectors, evaluation, state)
        const data = wanted && setOf(t.source.map, evaluation)?.find(wanted, host.clock.now)?.data
        if (!data) return 'break'
        chosen = { addresses: strings(data[0]!), ...(data[1] && { ports: numbers(data[1]) }), ...words }
      } else if (t.what === 'masquerade') {
        const own = packet.version === 4 ? masqueradeAddress(host.namespace, outLink, packet.destination) : host.namespace.sourceFor(packet.destination)
        if (own === undefined) return DROP
        chosen = { ...fixed, addresses: { from: own, to: own } }
      } else if (t.what === 'redirect') {
        const own = hook === 'output' ? (packet.version === 4 ? '127.0.0.1' : '::1') : inLink?.addresses.find((a) => a.address.includes(':') === (packet.version === 6))?.address
        if (own === undefined) return DROP
        chosen = { ...fixed, addresses: { from: own, to: own } }
      }
      return host.nat.bind(packet, source ? 'source' : 'destination', chosen) === 'drop' ? DROP : ACCEPT
    },
  }
}

/** "update @set { ip saddr }": packets put themselves into a set. */
export function dynamicSet(verb: 'add' | 'update' | 'delete', name: string, selectors: readonly Selector[], timeout: number | undefined, inner: readonly Statement[], text: (options: PrintOptions) => string): Statement {
  return {
    ...common(selectors), selects: false, sets: [name], print: text,
    json: () => {
      const key = selectorsJson(selectors)
      const elem: Json = timeout === undefined ? key : { elem: { val: key, timeout: Math.floor(timeout / 1000) } }
      return { set: { op: verb, elem, set: `@${name}`, ...(inner.length > 0 && { stmt: inner.map((s) => s.json({ stateless: true }, undefined)) }) } }
    },
    run: (evaluation, state) => {
      const wanted = values(selectors, evaluation, state)
      const set = wanted && evaluation.table.sets.get(name)
      if (!set) return 'break'
      const { now } = evaluation.host.clock
      const key = wanted.map((value) => ({ from: value, to: value }))
      let element = set.get(key, now)
      if (verb === 'delete') {
        if (!element) return 'break'
        set.remove(element)
        return undefined
      }
      const lives = timeout ?? set.definition.timeout
      if (!element) {
        set.purge(now)
        if (set.definition.size !== undefined && set.count(now) >= set.definition.size) return 'break'
        element = { key, ...(lives !== undefined && { expiresAt: now + lives, timeout: lives }) }
        set.add(element)
      } else if (verb === 'update' && lives !== undefined) element.expiresAt = now + lives
      if (inner.length === 0) return undefined
      const kept = element as typeof element & { state?: RuleState }
      kept.state ??= { ...inner[0]!.initial! }
      return inner[0]!.run(evaluation, kept.state)
    },
  }
}
