import { cidrContains } from '../../../network/address.ts'
import { labelLines, RESERVED } from '../identity.ts'
import type { Datapath } from '../datapath.ts'
import type { Flow, FlowEnd } from './flows.ts'

/** `hubble observe`'s filters (hubble/cmd/observe/flows_filter.go and pkg/hubble/filters of cilium/cilium v1.17). */
type Test = (flow: Flow, dp: Datapath) => boolean
/** Why a value is none; otherwise the test. */
type Filter = (value: string) => Test | string

const ends = (f: (end: FlowEnd, dp: Datapath) => boolean): Record<'' | 'from-' | 'to-', Test> => ({
  '': (flow, dp) => f(flow.source, dp) || f(flow.destination, dp), 'from-': (flow, dp) => f(flow.source, dp), 'to-': (flow, dp) => f(flow.destination, dp),
})

/** "web" is of the namespace default; "kube-system/" is all of it. A name is the beginning of one. */
function named(value: string, of: (end: FlowEnd) => string | undefined): (end: FlowEnd) => boolean {
  const prefix = value.includes('/') ? value : `default/${value}`
  return (end) => (of(end) ?? '').startsWith(prefix)
}

function hasLabel(value: string): (end: FlowEnd, dp: Datapath) => boolean {
  const wanted = value.split(',').map((v) => v.trim())
  return ({ identity }, dp) => {
    const lines = labelLines(dp.identity(identity).labels)
    return wanted.every((w) => lines.some((line) => line === w || line === `k8s:${w}` || line === `reserved:${w}` || (!w.includes('=') && line.startsWith(`k8s:${w}=`))))
  }
}

const SIDED: Readonly<Record<string, (value: string) => ((end: FlowEnd, dp: Datapath) => boolean) | string>> = {
  pod: (value) => named(value, (e) => e.pod),
  service: (value) => named(value, (e) => e.service),
  namespace: (value) => ({ pod, service }) => (pod ?? service ?? '').startsWith(`${value}/`),
  'all-namespaces': () => ({ pod, service }) => pod !== undefined || service !== undefined,
  ip: (value) => ({ ip }) => (value.includes('/') ? value.includes(':') === ip.includes(':') && cidrContains(value, ip) : ip === value),
  port: (value) => (/^\d+$/.test(value) && Number(value) <= 65_535 ? ({ port }) => port === Number(value) : `failed to build filter: invalid port filter: strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`),
  label: hasLabel,
  identity: (value) => {
    const id = /^\d+$/.test(value) ? Number(value) : [...RESERVED].find(([, name]) => name === value)?.[0]
    return id === undefined ? `invalid identity "${value}", expected one of [host world unmanaged health init remote-node kube-apiserver ingress] or a numeric identity` : ({ identity }) => identity === id
  },
  fqdn: (value) => {
    const pattern = new RegExp(`^${value.toLowerCase().replace(/\.$/, '').split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[-a-zA-Z0-9._]*')}$`)
    return ({ names }) => names.some((name) => pattern.test(name.replace(/\.$/, '')))
  },
}

const VERDICTS = ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED']
const EVENTS = ['capture', 'drop', 'l7', 'policy-verdict', 'trace', 'trace-sock']

function expression(value: string): RegExp | string {
  try {
    return new RegExp(value)
  } catch {
    return `failed to build filter: failed to compile regexp: ${value}`
  }
}

const SINGLE: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['verdict', (value) => (VERDICTS.includes(value) ? ({ verdict }) => verdict === value : `invalid --verdict value: ${value}`)],
  ['type', (value) => {
    const [event, sub] = value.split(':') as [string, string | undefined]
    if (!EVENTS.includes(event)) return `unknown type filter ${event}, expected one of [${EVENTS.join(' ')}]`
    return (flow) => flow.event === event && (sub === undefined || flow.what === sub)
  }],
  ['protocol', (value) => {
    const wanted = value.toLowerCase()
    if (!['icmp', 'icmpv4', 'icmpv6', 'sctp', 'tcp', 'udp', 'dns', 'http', 'kafka'].includes(wanted)) return `failed to build filter: unknown protocol: ${JSON.stringify(wanted)}`
    return ({ protocol, l7 }) => l7?.kind === wanted || protocol === (wanted === 'icmpv4' ? 'icmp' : wanted) || (wanted === 'icmp' && protocol === 'icmpv6')
  }],
  ['traffic-direction', (value) => (/^(in|e)gress$/i.test(value) ? ({ direction }) => direction === value.toUpperCase() : `${value}: invalid traffic direction, expected ingress or egress`)],
  ['tcp-flags', (value) => {
    const wanted = value.toUpperCase().split(',')
    const unknown = wanted.find((f) => !['SYN', 'FIN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'].includes(f))
    return unknown === undefined ? ({ tcpFlags }) => wanted.every((f) => tcpFlags?.split(', ').includes(f)) : `unknown tcp flag: ${value.split(',')[wanted.indexOf(unknown)]!}`
  }],
  ['http-method', (value) => ({ l7 }) => l7?.method?.toLowerCase() === value.toLowerCase()],
  ['http-status', (value) => (/^[1-5](\d\d|\d?\+)$/.test(value) ? ({ l7 }) => l7?.kind === 'http' && l7.type === 'RESPONSE' && String(l7.code).startsWith(value.replace('+', '')) : `failed to build filter: invalid status code prefix: ${JSON.stringify(value)}`)],
  ['http-path', (value) => {
    const pattern = expression(value)
    return typeof pattern === 'string' ? pattern : ({ l7 }) => l7?.url !== undefined && pattern.test(l7.url.replace(/^\w+:\/\/[^/]*/, '').split('?')[0]!)
  }],
  ['http-url', (value) => {
    const pattern = expression(value)
    return typeof pattern === 'string' ? pattern : ({ l7 }) => l7?.url !== undefined && pattern.test(l7.url)
  }],
  ['ipv4', () => ({ source }) => !source.ip.includes(':')],
  ['ipv6', () => ({ source }) => source.ip.includes(':')],
])

/** With an argument; `namespace` and its like are given to both sides' flags. */
export const FILTERS: readonly string[] = [...Object.keys(SIDED).flatMap((name) => [name, `from-${name}`, `to-${name}`]), ...SINGLE.keys()]
export const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set(['ipv4', 'ipv6', 'all-namespaces', 'from-all-namespaces', 'to-all-namespaces'])

export function filterOf(name: string, value: string): Test | string {
  const single = SINGLE.get(name)
  if (single) return single(value)
  const [, side, base] = /^(from-|to-)?(.*)$/.exec(name)!
  const test = SIDED[base!]!(value)
  return typeof test === 'string' ? test : ends(test)[(side ?? '') as '' | 'from-' | 'to-']
}

/** Values of one flag: any of them; of several flags: all; after --not: none. */
export class FlowFilter {
  readonly #wanted = new Map<string, Test[]>()
  readonly #unwanted: Test[] = []

  add(name: string, test: Test, not: boolean): void {
    if (not) this.#unwanted.push(test)
    else this.#wanted.set(name, [...(this.#wanted.get(name) ?? []), test])
  }

  has(name: string): boolean {
    return this.#wanted.has(name)
  }

  passes(flow: Flow, dp: Datapath): boolean {
    for (const tests of this.#wanted.values()) if (!tests.some((test) => test(flow, dp))) return false
    return !this.#unwanted.some((test) => test(flow, dp))
  }
}
