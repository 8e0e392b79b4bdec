import { joinHostPort } from '../../../network/address.ts'
import { columns } from '../commands/context.ts'
import { RESERVED } from '../identity.ts'
import { EVENT_TYPES, MATCHES, POINTS, REASONS } from './flow-message.ts'
import type { EndpointMessage, FlowMessage, FlowsResponse } from './messages.ts'

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
  ['RFC3339Nano', (ms) => new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z')],
])

/** "default/web:80", from a side's Pod, Service, names or address. */
function hosts({ source, destination, source_service, destination_service, source_names, destination_names, IP, l4 }: FlowMessage, { translate }: PrintOptions): [string, string] {
  const ports = l4?.TCP ?? l4?.UDP ?? l4?.SCTP
  const host = ({ namespace, pod_name }: EndpointMessage, service: FlowMessage['source_service'], names: string[] | undefined, ip: string, port: number | undefined): string => {
    const name = !translate ? undefined : pod_name !== undefined ? `${namespace!}/${pod_name}` : service ? `${service.namespace!}/${service.name!}` : names?.join(',')
    if (name !== undefined) return port ? `${name}:${port}` : name
    return port ? joinHostPort(ip, port) : ip
  }
  return [host(source, source_service, source_names, IP.source, ports?.source_port), host(destination, destination_service, destination_names, IP.destination, ports?.destination_port)]
}

function identityText({ identity = 0 }: EndpointMessage): string {
  const reserved = RESERVED.get(identity)
  return reserved === undefined ? `(ID:${identity})` : `(${reserved})`
}

const nameOf = <T>(names: ReadonlyMap<string, T>, is: (value: T) => boolean): string | undefined => [...names].find(([, value]) => is(value))?.[0]

/** "to-endpoint", "Policy denied", "policy-verdict:L3-L4 INGRESS", "http-request", "dns-response proxy" */
function typeText({ l7, event_type: { type, sub_type = 0 } = {}, policy_match_type = 0, traffic_direction }: FlowMessage): string {
  if (l7) return `${l7.http ? 'http' : 'dns'}-${l7.type!.toLowerCase()}${l7.dns ? ` ${l7.dns.observation_source!}` : ''}`
  if (type === EVENT_TYPES.trace) return nameOf(POINTS, (n) => n === sub_type) ?? String(sub_type)
  if (type === EVENT_TYPES.drop) return nameOf(REASONS, ([n]) => n === sub_type) ?? String(sub_type)
  return `policy-verdict:${nameOf(MATCHES, (n) => n === policy_match_type)!} ${traffic_direction ?? 'TRAFFIC_DIRECTION_UNKNOWN'}`
}

function verdictText({ event_type, verdict = 'VERDICT_UNKNOWN' }: FlowMessage): string {
  if (event_type?.type !== EVENT_TYPES['policy-verdict']) return verdict
  return verdict === 'DROPPED' ? 'DENIED' : verdict === 'AUDIT' ? 'AUDITED' : 'ALLOWED'
}

const timeOf = ({ time }: FlowMessage, options: PrintOptions): string => options.time(Date.parse(time))

export function compact(flow: FlowMessage, options: PrintOptions): string {
  const names = hosts(flow, options)
  const sides = [flow.source, flow.destination].map((end, i) => `${names[i]!} ${identityText(end)}`)
  if (flow.is_reply) sides.reverse()
  const arrow = flow.is_reply === undefined ? '<>' : flow.is_reply ? '<-' : '->'
  const node = options.nodeName ? ` [${flow.node_name ?? ''}]` : ''
  return `${timeOf(flow, options)}${node}: ${sides[0]!} ${arrow} ${sides[1]!} ${typeText(flow)} ${verdictText(flow)} (${flow.Summary ?? ''})\n`
}

export function dict(flow: FlowMessage, options: PrintOptions, first: boolean): string {
  const [from, to] = hosts(flow, options)
  return `${first ? '' : '------------\n'}  TIMESTAMP: ${timeOf(flow, options)}\n${options.nodeName ? `       NODE: ${flow.node_name ?? ''}\n` : ''}     SOURCE: ${from}\nDESTINATION: ${to}\n       TYPE: ${typeText(flow)}\n    VERDICT: ${verdictText(flow)}\n    SUMMARY: ${flow.Summary ?? ''}\n`
}

export function table(flows: readonly FlowMessage[], options: PrintOptions): string {
  if (flows.length === 0) return ''
  const node = (cell: string): string[] => (options.nodeName ? [cell] : [])
  return columns([
    ['TIMESTAMP', ...node('NODE'), 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'],
    ...flows.map((f) => [timeOf(f, options), ...node(f.node_name ?? ''), ...hosts(f, options), typeText(f), verdictText(f), f.Summary ?? '']),
  ], 2)
}

/** One line of -o jsonpb. */
export function jsonpb(response: FlowsResponse): string {
  return `${JSON.stringify(response)}\n`
}

/** As many names as have room in 50 characters (joinWithCutOff). */
function cutOff(names: readonly string[]): string {
  let length = 0
  const shown = names.findIndex((name, i) => (length += name.length + 2) > 50 && i > 0)
  return shown < 0 ? names.join(', ') : `${names.slice(0, shown).join(', ')} (and ${names.length - shown} more)`
}

/** What hubble-relay says of its nodes, on stderr; empty: nothing worth saying without --debug. */
export function nodeStatus(response: FlowsResponse, output: string, options: PrintOptions, first: boolean, debug: boolean): string {
  const { state_change, node_names = [], message } = response.node_status!
  if (!debug && state_change !== 'NODE_ERROR' && state_change !== 'NODE_UNAVAILABLE') return ''
  const time = options.time(Date.parse(response.time))
  if (output.startsWith('json') || output === 'JSON') return jsonpb(response)
  if (output === 'dict') return `${first ? '' : '------------\n'}  TIMESTAMP: ${time}\n      STATE: ${state_change ?? 'UNKNOWN_NODE_STATE'}\n      NODES: ${cutOff(node_names)}\n    MESSAGE: ${message === undefined ? 'N/A' : JSON.stringify(message)}\n`
  const nodes = `${node_names.length} nodes`
  const said = state_change === 'NODE_CONNECTED' ? `Receiving flows from ${nodes}: ` : state_change === 'NODE_UNAVAILABLE' ? `${nodes} are unavailable: ` : state_change === 'NODE_GONE' ? `${nodes} removed from cluster: ` : `Error ${JSON.stringify(message ?? '')} on ${nodes}: `
  return `${time} [${response.node_name}]: ${said}${cutOff(node_names)}\n`
}
