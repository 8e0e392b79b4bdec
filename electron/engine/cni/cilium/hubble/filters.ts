import { cidrContains } from '../../../network/address.ts'
import { CLUSTER_NAME, labelLines, RESERVED } from '../identity.ts'
import type { Datapath } from '../datapath.ts'
import { EVENT_TYPES, nodeNameOf, POINTS, REASONS } from './flow-message.ts'
import type { Flow, FlowEnd } from './flows.ts'
import type { FilterMessage } from './messages.ts'

/** What a Hubble server makes of a FlowFilter (pkg/hubble/filters of cilium/cilium v1.17). */
export type FlowTest = (flow: Flow, dp: Datapath) => boolean
type EndTest = (end: FlowEnd, dp: Datapath) => boolean

/** A filter that cannot be built: the message is the server's. */
export class FilterError extends Error {}

/** "web" is of the namespace default; "kube-system/" is all of it, "/" of any. A name is the beginning of one. */
function named(value: string, of: (end: FlowEnd) => string | undefined): EndTest {
  if (value === '/') return (end) => of(end) !== undefined
  const prefix = value.includes('/') ? value : `default/${value}`
  return (end) => (of(end) ?? '').startsWith(prefix)
}

function hasLabel(value: string): EndTest {
  const wanted = value.split(',').map((v) => v.trim())
  return ({ identity }, dp) => {
    const lines = labelLines(dp.identity(identity).labels)
    return wanted.every((w) => lines.some((line) => line === w || line === `k8s:${w}` || line === `reserved:${w}` || (!w.includes('=') && line.startsWith(`k8s:${w}=`))))
  }
}

/** `*`: any run of characters. */
function pattern(text: string, any: string): RegExp {
  return new RegExp(`^${text.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join(any)}$`)
}

function fqdn(value: string): EndTest {
  const wanted = pattern(value.toLowerCase().replace(/\.$/, ''), '[-a-zA-Z0-9._]*')
  return ({ names }) => names.some((name) => wanted.test(name.replace(/\.$/, '')))
}

function port(value: string): EndTest {
  if (!/^\d+$/.test(value) || Number(value) > 65_535) throw new FilterError(`invalid port filter: strconv.ParseUint: parsing ${JSON.stringify(value)}: ${/^\d+$/.test(value) ? 'value out of range' : 'invalid syntax'}`)
  return (end) => end.port === Number(value)
}

/** The fields about one side, without "source_" and "destination_". */
const SIDED: Readonly<Record<string, (value: never) => EndTest>> = {
  pod: (value: string) => named(value, (e) => e.pod),
  service: (value: string) => named(value, (e) => e.service),
  ip: (value: string) => ({ ip }) => (value.includes('/') ? value.includes(':') === ip.includes(':') && cidrContains(value, ip) : ip === value),
  port, label: hasLabel, fqdn,
  identity: (value: number) => ({ identity }) => identity === value,
}

function expression(value: string): RegExp {
  try {
    return new RegExp(value)
  } catch {
    throw new FilterError(`failed to compile regexp: ${value}`)
  }
}

const PROTOCOLS = ['icmp', 'icmpv4', 'icmpv6', 'sctp', 'tcp', 'udp', 'dns', 'http', 'kafka']

function protocolTest(value: string): FlowTest {
  const wanted = value.toLowerCase()
  if (!PROTOCOLS.includes(wanted)) throw new FilterError(`unknown protocol: ${JSON.stringify(wanted)}`)
  return ({ protocol, l7 }) => l7?.kind === wanted || protocol === (wanted === 'icmpv4' ? 'icmp' : wanted) || (wanted === 'icmp' && protocol === 'icmpv6')
}

function eventTest({ type, match_sub_type, sub_type = 0 }: { type: number; match_sub_type?: boolean; sub_type?: number }): FlowTest {
  return ({ event, what }) => EVENT_TYPES[event] === type && (!match_sub_type || sub_type === (event === 'trace' ? POINTS.get(what) : event === 'drop' ? REASONS.get(what)?.[0] : 0))
}

function statusTest(value: string): FlowTest {
  if (!/^[1-5](\d\d|\d?\+)$/.test(value)) throw new FilterError(`invalid status code prefix: ${JSON.stringify(value)}`)
  return ({ l7 }) => l7?.kind === 'http' && l7.type === 'RESPONSE' && String(l7.code).startsWith(value.replace('+', ''))
}

/** "worker-1", "worker-*", "default/worker-1" */
function nodeTest(value: string): FlowTest {
  const wanted = pattern(value.includes('/') ? (value.endsWith('/') ? `${value}*` : value) : `${CLUSTER_NAME}/${value}`, '[-a-zA-Z0-9.]*')
  return (_, dp) => wanted.test(nodeNameOf(dp))
}

const SINGLE: Readonly<Record<string, (value: never) => FlowTest>> = {
  verdict: (value: string) => ({ verdict }) => verdict === value,
  drop_reason_desc: (value: string) => ({ event, what, verdict }) => (event === 'drop' ? REASONS.get(what)?.[1] : event === 'policy-verdict' && verdict === 'DROPPED' ? 'POLICY_DENIED' : undefined) === value,
  event_type: eventTest, protocol: protocolTest, http_status_code: statusTest, node_name: nodeTest,
  traffic_direction: (value: string) => ({ direction }) => direction === value,
  tcp_flags: (value: object) => ({ tcpFlags }) => Object.keys(value).every((flag) => tcpFlags?.split(', ').includes(flag)),
  http_method: (value: string) => ({ l7 }) => l7?.method?.toLowerCase() === value.toLowerCase(),
  http_path: (value: string) => {
    const wanted = expression(value)
    return ({ l7 }) => l7?.url !== undefined && wanted.test(l7.url.replace(/^\w+:\/\/[^/]*/, '').split('?')[0]!)
  },
  http_url: (value: string) => {
    const wanted = expression(value)
    return ({ l7 }) => l7?.url !== undefined && wanted.test(l7.url)
  },
  ip_version: (value: string) => ({ source }) => source.ip.includes(':') === (value === 'IPv6'),
}

/** Throws FilterError. */
function testOf(field: string, value: unknown): FlowTest {
  const single = SINGLE[field]
  if (single) return single(value as never)
  const [, side, base] = /^(source|destination)_(.+)$/.exec(field)!
  const test = SIDED[base!]!(value as never)
  return side === 'source' ? (flow, dp) => test(flow.source, dp) : (flow, dp) => test(flow.destination, dp)
}

/** Values of one field: any of them; of several fields: all. Throws FilterError. */
function filterTest(filter: FilterMessage): FlowTest {
  const fields = Object.entries(filter).map(([field, values]) => values.map((value) => testOf(field, value)))
  return (flow, dp) => fields.every((tests) => tests.some((test) => test(flow, dp)))
}

/** Filters in one list: any of them; what the second list has is left out. Throws FilterError. */
export function flowTest(whitelist: readonly FilterMessage[] = [], blacklist: readonly FilterMessage[] = []): FlowTest {
  const [wanted, unwanted] = [whitelist.map(filterTest), blacklist.map(filterTest)]
  return (flow, dp) => (wanted.length === 0 || wanted.some((test) => test(flow, dp))) && !unwanted.some((test) => test(flow, dp))
}

/** "kube-apiserver", "2", "12345" */
export function identityNumber(value: string): number | undefined {
  return /^\d+$/.test(value) ? Number(value) : [...RESERVED].find(([, name]) => name === value)?.[0]
}
