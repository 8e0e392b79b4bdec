import { CLUSTER_NAME, labelLines } from '../identity.ts'
import type { Datapath } from '../datapath.ts'
import { summaryOf, type Flow, type FlowEnd } from './flows.ts'
import type { EndpointMessage, FlowMessage, FlowsResponse } from './messages.ts'

/** Flows as Hubble's API tells them (pkg/hubble/parser of cilium/cilium v1.17). */

/** pkg/monitor/api: numbers of events, observation points, drops and matches. */
export const EVENT_TYPES = { drop: 1, trace: 4, 'policy-verdict': 5, l7: 129 } as const
export const POINTS: ReadonlyMap<string, number> = new Map([['to-endpoint', 0], ['to-proxy', 1], ['to-host', 2], ['to-stack', 3], ['to-overlay', 4], ['to-network', 11]])
export const REASONS: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['Invalid source ip', [132, 'INVALID_SOURCE_IP']], ['Policy denied', [133, 'POLICY_DENIED']], ['CT: Unknown L4 protocol', [137, 'CT_UNKNOWN_L4_PROTOCOL']], ['Stale or unroutable IP', [151, 'STALE_OR_UNROUTABLE_IP']], ['Error while correcting L4 checksum', [154, 'ERROR_WHILE_CORRECTING_L4_CHECKSUM']],
  ['Service backend not found', [158, 'SERVICE_BACKEND_NOT_FOUND']], ['Is a ClusterIP', [174, 'IS_A_CLUSTERIP']], ['Denied by LB src range check', [177, 'DENIED_BY_LB_SRC_RANGE_CHECK']],
  ['Socket lookup failed', [178, 'SOCKET_LOOKUP_FAILED']], ['Policy denied by denylist', [181, 'POLICY_DENY']], ['TTL exceeded', [196, 'TTL_EXCEEDED']], ['No Egress Gateway found', [194, 'NO_EGRESS_GATEWAY']], ['No Egress IP configured', [204, 'DROP_NO_EGRESS_IP']],
])
export const MATCHES: ReadonlyMap<string, number> = new Map([['none', 0], ['L3-Only', 1], ['L3-L4', 2], ['L4-Only', 3], ['all', 4]])

export function nodeNameOf(dp: Datapath): string {
  return `${CLUSTER_NAME}/${dp.context.name}`
}

/** Of virtual ms, to the nanosecond. */
export function rfc3339({ epoch }: { readonly epoch: number }, at: number): string {
  const whole = Math.floor(at)
  const nanos = String(Math.floor((at - whole) * 1e6)).padStart(6, '0')
  return new Date(epoch + whole).toISOString().replace('Z', `${nanos}Z`).replace(/\.?0*Z$/, 'Z')
}

/** The other way round, to the millisecond's fraction. */
export function virtualTime({ epoch }: { readonly epoch: number }, text: string): number {
  const [, nanos = ''] = /\.(\d+)Z$/.exec(text) ?? []
  return Date.parse(text) - epoch + Number(nanos.padEnd(9, '0').slice(3)) / 1e6
}

/** A GetFlowsResponse. Fields that are false or 0 are not there. */
export function flowResponse(flow: Flow, dp: Datapath): FlowsResponse {
  const { event, what, l7, protocol, source, destination } = flow
  const time = rfc3339(dp.context.clock, flow.at)
  const node_name = nodeNameOf(dp)
  const number = event === 'trace' ? POINTS.get(what)! : event === 'drop' ? (REASONS.get(what)?.[0] ?? 0) : 0
  const reason = event === 'drop' ? REASONS.get(what) : event === 'policy-verdict' && flow.verdict === 'DROPPED' ? REASONS.get('Policy denied') : undefined
  const service = ({ service: full }: FlowEnd): { name: string; namespace: string } | undefined => {
    const [namespace = '', name = ''] = full?.split('/') ?? []
    return full === undefined ? undefined : { name, namespace }
  }
  const out = {
    time, uuid: uuid(flow, dp), verdict: flow.verdict, ...(reason ? { drop_reason: reason[0] } : {}),
    IP: { source: source.ip, destination: destination.ip, ipVersion: source.ip.includes(':') ? 'IPv6' : 'IPv4' },
    ...(protocol === undefined ? {} : { l4: l4Of(flow) }),
    source: endOf(source, dp), destination: endOf(destination, dp),
    Type: l7 ? 'L7' : 'L3_L4', node_name,
    ...(source.names.length > 0 ? { source_names: [...source.names] } : {}), ...(destination.names.length > 0 ? { destination_names: [...destination.names] } : {}),
    ...(l7 ? { l7: l7Of(l7) } : {}),
    ...(flow.reply ? { reply: true } : {}),
    event_type: { type: EVENT_TYPES[event], ...(number ? { sub_type: number } : {}) },
    source_service: service(source), destination_service: service(destination),
    ...(flow.direction === undefined ? {} : { traffic_direction: flow.direction }),
    ...(event === 'policy-verdict' && MATCHES.get(what) ? { policy_match_type: MATCHES.get(what)! } : {}),
    ...(event === 'trace' ? { trace_observation_point: what.toUpperCase().replaceAll('-', '_') } : {}),
    ...(reason ? { drop_reason_desc: reason[1] } : {}),
    ...(flow.reply === undefined ? {} : { is_reply: flow.reply }),
    ...(flow.interface === undefined ? {} : { interface: { index: dp.network.links.get(flow.interface)?.index ?? 0, name: flow.interface } }),
    Summary: summaryOf(flow),
  } satisfies FlowMessage & Record<string, unknown>
  return { flow: out, node_name, time }
}

/** The same whenever it is told. */
function uuid({ number }: Flow, dp: Datapath): string {
  return dp.context.clock.random.fork(`hubble ${dp.context.name} ${number}`).uuid()
}

function endOf({ endpoint, identity, pod }: FlowEnd, dp: Datapath): EndpointMessage {
  const [namespace = '', pod_name = ''] = pod?.split('/') ?? []
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
