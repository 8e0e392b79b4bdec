import { joinHostPort } from '../../../network/address.ts'
import { CLUSTER_NAME, labelLines, RESERVED } from '../identity.ts'
import type { Datapath } from '../datapath.ts'
import { columns } from '../commands/context.ts'
import { summaryOf, typeOf, type Flow, type FlowEnd } from './flows.ts'

/** Flows as `hubble observe` prints them (hubble/pkg/printer of cilium/cilium v1.17). */
export interface PrintOptions { nodeName: boolean; translate: boolean; time: (ms: number) => string }

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Go's layouts, by the names of --time-format; UTC. `ms`: wall clock. */
export const TIME_FORMATS: ReadonlyMap<string, (ms: number) => string> = new Map<string, (ms: number) => string>([
  ['StampMilli', (ms) => {
    const t = new Date(ms)
    return `${MONTHS[t.getUTCMonth()]!} ${String(t.getUTCDate()).padStart(2)} ${t.toISOString().slice(11, 23)}`
  }],
  ['RFC3339', (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`],
  ['RFC3339Milli', (ms) => new Date(ms).toISOString()],
  ['RFC3339Micro', (ms) => new Date(ms).toISOString().replace('Z', '000Z')],
  ['RFC3339Nano', (ms) => rfc3339(ms)],
])

function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z')
}

function host(end: FlowEnd, { translate }: PrintOptions): string {
  const name = translate ? (end.pod ?? end.service ?? (end.names.length > 0 ? end.names.join(',') : undefined)) : undefined
  if (name !== undefined) return end.port > 0 ? `${name}:${end.port}` : name
  return end.port > 0 ? joinHostPort(end.ip, end.port) : end.ip
}

function identityText(id: number): string {
  const reserved = RESERVED.get(id)
  return reserved === undefined ? `(ID:${id})` : `(${reserved})`
}

function verdictText({ event, verdict }: Flow): string {
  if (event !== 'policy-verdict') return verdict
  return verdict === 'DROPPED' ? 'DENIED' : verdict === 'AUDIT' ? 'AUDITED' : 'ALLOWED'
}

export function compact(flow: Flow, dp: Datapath, options: PrintOptions): string {
  const sides = [flow.source, flow.destination].map((end) => `${host(end, options)} ${identityText(end.identity)}`)
  if (flow.reply) sides.reverse()
  const arrow = flow.reply === undefined ? '<>' : flow.reply ? '<-' : '->'
  const node = options.nodeName ? ` [${nodeName(dp)}]` : ''
  return `${options.time(wall(flow, dp))}${node}: ${sides[0]!} ${arrow} ${sides[1]!} ${typeOf(flow)} ${verdictText(flow)} (${summaryOf(flow)})\n`
}

export function dict(flow: Flow, dp: Datapath, options: PrintOptions, first: boolean): string {
  return `${first ? '' : '------------\n'}  TIMESTAMP: ${options.time(wall(flow, dp))}\n${options.nodeName ? `       NODE: ${nodeName(dp)}\n` : ''}     SOURCE: ${host(flow.source, options)}\nDESTINATION: ${host(flow.destination, options)}\n       TYPE: ${typeOf(flow)}\n    VERDICT: ${verdictText(flow)}\n    SUMMARY: ${summaryOf(flow)}\n`
}

export function table(flows: readonly Flow[], dp: Datapath, options: PrintOptions): string {
  if (flows.length === 0) return ''
  const node = (cell: string): string[] => (options.nodeName ? [cell] : [])
  return columns([
    ['TIMESTAMP', ...node('NODE'), 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'],
    ...flows.map((f) => [options.time(wall(f, dp)), ...node(nodeName(dp)), host(f.source, options), host(f.destination, options), typeOf(f), verdictText(f), summaryOf(f)]),
  ], 2)
}

function nodeName(dp: Datapath): string {
  return `${CLUSTER_NAME}/${dp.context.name}`
}

function wall({ at }: Flow, dp: Datapath): number {
  return dp.context.clock.epoch + at
}

// ---- JSON ------------------------------------------------------------------------------------------------------

/** pkg/monitor/api: numbers of events, observation points and drops. */
const EVENT_TYPES = { drop: 1, trace: 4, 'policy-verdict': 5, l7: 129 } as const
const POINTS: ReadonlyMap<string, number> = new Map([['to-endpoint', 0], ['to-proxy', 1], ['to-host', 2], ['to-stack', 3], ['to-overlay', 4], ['to-network', 11]])
const REASONS: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['Invalid source ip', [132, 'INVALID_SOURCE_IP']], ['Policy denied', [133, 'POLICY_DENIED']], ['CT: Unknown L4 protocol', [137, 'CT_UNKNOWN_L4_PROTOCOL']], ['Stale or unroutable IP', [151, 'STALE_OR_UNROUTABLE_IP']], ['Error while correcting L4 checksum', [154, 'ERROR_WHILE_CORRECTING_L4_CHECKSUM']],
  ['Service backend not found', [158, 'SERVICE_BACKEND_NOT_FOUND']], ['Is a ClusterIP', [174, 'IS_A_CLUSTERIP']], ['Denied by LB src range check', [177, 'DENIED_BY_LB_SRC_RANGE_CHECK']],
  ['Socket lookup failed', [178, 'SOCKET_LOOKUP_FAILED']], ['Policy denied by denylist', [181, 'POLICY_DENY']], ['TTL exceeded', [196, 'TTL_EXCEEDED']],
])
const MATCHES: ReadonlyMap<string, number> = new Map([['none', 0], ['L3-Only', 1], ['L3-L4', 2], ['L4-Only', 3], ['all', 4]])

/** One line of -o jsonpb: a GetFlowsResponse. Fields that are false or 0 are not written. */
export function jsonpb(flow: Flow, dp: Datapath): string {
  const { event, what, l7, protocol, source, destination } = flow
  const time = rfc3339(wall(flow, dp))
  const node_name = nodeName(dp)
  const number = event === 'trace' ? POINTS.get(what)! : event === 'drop' ? (REASONS.get(what)?.[0] ?? 0) : 0
  const reason = event === 'drop' ? REASONS.get(what) : event === 'policy-verdict' && flow.verdict === 'DROPPED' ? REASONS.get('Policy denied') : undefined
  const service = ({ service: full }: FlowEnd): object | undefined => {
    const [namespace, name] = full?.split('/') ?? []
    return full === undefined ? undefined : { name, namespace }
  }
  const out = {
    time, uuid: uuid(flow, dp), verdict: flow.verdict, ...(reason ? { drop_reason: reason[0] } : {}),
    IP: { source: source.ip, destination: destination.ip, ipVersion: source.ip.includes(':') ? 'IPv6' : 'IPv4' },
    ...(protocol === undefined ? {} : { l4: l4Of(flow) }),
    source: endOf(source, dp), destination: endOf(destination, dp),
    Type: l7 ? 'L7' : 'L3_L4', node_name,
    ...(source.names.length > 0 ? { source_names: source.names } : {}), ...(destination.names.length > 0 ? { destination_names: destination.names } : {}),
    ...(l7 ? { l7: l7Of(l7) } : {}),
    ...(flow.reply ? { reply: true } : {}),
    event_type: { type: EVENT_TYPES[event], ...(number ? { sub_type: number } : {}) },
    source_service: service(source), destination_service: service(destination),
    ...(flow.direction === undefined ? {} : { traffic_direction: flow.direction }),
    ...(event === 'policy-verdict' && MATCHES.get(what) ? { policy_match_type: MATCHES.get(what) } : {}),
    ...(event === 'trace' ? { trace_observation_point: what.toUpperCase().replaceAll('-', '_') } : {}),
    ...(reason ? { drop_reason_desc: reason[1] } : {}),
    ...(flow.reply === undefined ? {} : { is_reply: flow.reply }),
    ...(flow.interface === undefined ? {} : { interface: { index: dp.network.links.get(flow.interface)?.index ?? 0, name: flow.interface } }),
    Summary: summaryOf(flow),
  }
  return `${JSON.stringify({ flow: out, node_name, time })}\n`
}

/** The same whenever it is printed. */
function uuid({ number }: Flow, dp: Datapath): string {
  return dp.context.clock.random.fork(`hubble ${dp.context.name} ${number}`).uuid()
}

function endOf({ endpoint, identity, pod }: FlowEnd, dp: Datapath): object {
  const [namespace, pod_name] = pod?.split('/') ?? []
  return {
    ...(endpoint ? { ID: endpoint } : {}), identity, ...(pod === undefined ? {} : { cluster_name: CLUSTER_NAME, namespace }), labels: labelLines(dp.identity(identity).labels), ...(pod === undefined ? {} : { pod_name }),
  }
}

function l4Of({ protocol, source, destination, icmp, tcpFlags }: Flow): object {
  if (icmp) return { [protocol === 'icmpv6' ? 'ICMPv6' : 'ICMPv4']: { ...(icmp.type ? { type: icmp.type } : {}), ...(icmp.code ? { code: icmp.code } : {}) } }
  const flags = tcpFlags === undefined || tcpFlags === '' ? undefined : Object.fromEntries(['FIN', 'SYN', 'RST', 'PSH', 'ACK'].filter((f) => tcpFlags.split(', ').includes(f)).map((f) => [f, true]))
  return { [protocol!.toUpperCase()]: { source_port: source.port, destination_port: destination.port, ...(flags ? { flags } : {}) } }
}

function l7Of({ kind, type, latency, method, url, code, headers, query, qtype, ips, cnames, ttl, rcode }: NonNullable<Flow['l7']>): object {
  const record = kind === 'http'
    ? { http: { ...(type === 'RESPONSE' ? { code } : {}), method, url, protocol: 'HTTP/1.1', headers: headers?.map(([key, value]) => ({ key, value })) } }
    : { dns: { query, ...(ips?.length ? { ips } : {}), ...(ttl ? { ttl } : {}), ...(cnames?.length ? { cnames } : {}), observation_source: 'proxy', ...(rcode === 'Non-Existent Domain' ? { rcode: 3 } : rcode === undefined ? {} : { rcode: 5 }), qtypes: [qtype] } }
  return { type, ...(latency ? { latency_ns: String(Math.round(latency * 1e6)) } : {}), ...record }
}
