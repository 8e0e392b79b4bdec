import { goDuration } from '../../../kubernetes/kubelet/go-duration.ts'
import type { Task } from '../../../machine/task.ts'
import type { Process, Program } from '../../../machine/types.ts'
import { HEALTH } from '../../../programs/http2/grpc.ts'
import type { SystemServices } from '../../../programs/types.ts'
import { columns } from '../commands/context.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { ask, connect, HubbleError, serverFlags, type Connection } from './connection.ts'
import { LIST_HELP, OBSERVE_HELP, ROOT_HELP, STATUS_HELP } from './help.ts'
import { HUBBLE, METHODS, type NamespaceMessage, type NodeMessage, type StatusResponse } from './messages.ts'
import { observe, queryOf } from './observe.ts'

/** `hubble`: in the agent's container it asks the agent at its socket, elsewhere hubble-relay (hubble/cmd of cilium/cilium v1.17). */
export function hubbleCommand(services: SystemServices): Program {
  return function* (process) {
    const [, name, ...given] = process.argv
    try {
      if (name === 'version') {
        yield* process.print(`hubble ${CILIUM_VERSION} compiled with go1.24.2 on linux/amd64\n`)
        return 0
      }
      if (name === undefined || name === 'help' || name === '-h' || name === '--help') {
        yield* process.print((name === 'help' ? HELP.get(given[0] ?? '') : undefined) ?? ROOT_HELP)
        return 0
      }
      const asksHelp = given.some((word) => word === '--help' || word === '-h') || (name === 'list' && !LISTS.has(given[0] ?? ''))
      if (asksHelp && HELP.has(name)) {
        yield* process.print(HELP.get(name)!)
        return 0
      }
      if (['config', 'record', 'watch', 'completion'].includes(name)) throw new HubbleError(`podhop: not simulated: hubble ${name} (use hubble observe, list or status)`, 69)
      if (!HELP.has(name)) throw new HubbleError(`unknown command "${name}" for "hubble"`)
      const { flags, rest } = serverFlags(given)
      if (name === 'observe' && ['agent-events', 'debug-events'].includes(rest[0] ?? '')) throw new HubbleError(`podhop: not simulated: hubble observe ${rest[0]!} (use hubble observe, or the agent's log)`, 69)
      const query = name === 'observe' ? queryOf(rest[0] === 'flows' ? rest.slice(1) : rest, process) : undefined
      const output = query ? '' : outputOf(name, name === 'list' ? rest.slice(1) : rest, name === 'list' ? ['table', 'wide', 'json'] : ['compact', 'dict', 'json', 'JSON', 'jsonpb', 'tab', 'table'])
      const connection = yield* connect(process, services, flags)
      try {
        if (query) return yield* observe(process, connection, query, flags.get('debug') === 'true')
        if (name === 'status') yield* status(process, connection, output)
        else yield* process.print(LISTS.get(rest[0]!) === 'nodes' ? yield* listNodes(process, connection, output) : yield* listNamespaces(process, connection, output))
      } finally {
        connection.close()
      }
      return 0
    } catch (error) {
      if (!(error instanceof HubbleError)) throw error
      yield* process.printError(`${error.message}\n`)
      return error.code
    }
  }
}

const HELP: ReadonlyMap<string, string> = new Map([['observe', OBSERVE_HELP], ['list', LIST_HELP], ['status', STATUS_HELP]])
const LISTS: ReadonlyMap<string, 'nodes' | 'namespaces'> = new Map([['nodes', 'nodes'], ['node', 'nodes'], ['namespaces', 'namespaces'], ['namespace', 'namespaces'], ['ns', 'namespaces']])

/** The one flag that these have. */
function outputOf(command: string, args: readonly string[], formats: readonly string[]): string {
  const text = args.join(' ')
  const [, output] = /^(?:-o|--output)[ =]?(\w+)$/.exec(text) ?? []
  if (text === '') return formats[0]!
  if (output === undefined) {
    const [first = ''] = args
    throw new HubbleError(first.startsWith('--') ? `unknown flag: ${first.split('=')[0]!}` : first.startsWith('-') ? `unknown shorthand flag: '${first[1] ?? ''}' in ${first}` : `unknown command ${JSON.stringify(first)} for "hubble ${command}"`)
  }
  if (!formats.includes(output)) throw new HubbleError(`${command === 'list' ? 'unknown' : 'invalid'} output format: ${output}`)
  return output
}

const grouped = (n: string): string => n.replace(/\B(?=(\d{3})+$)/g, ',')
/** Nanoseconds as ms. */
const uptime = (ns: string): number => Number(BigInt(ns) / 1_000_000n)

function* status(process: Process, connection: Connection, output: string): Task {
  let health: number
  try {
    health = HEALTH.decodeResponse(yield* ask(process, connection, HEALTH.path, HEALTH.encodeRequest('observer.Observer')))
  } catch (error) {
    if (!(error instanceof HubbleError)) throw error
    throw new HubbleError(`failed getting status: ${error.message}`)
  }
  if (output === 'compact') yield* process.print(`Healthcheck (via ${connection.target}): ${health === 1 ? 'Ok' : `Unavailable: ${HEALTH.statuses[health] ?? 'UNKNOWN'}`}\n`)
  if (health !== 1) throw new HubbleError('not healthy')
  const response = HUBBLE.decode('ServerStatusResponse', yield* ask(process, connection, METHODS.status, new Uint8Array(0))) as StatusResponse
  yield* process.print(statusText(response, output))
}

/** WriteServerStatusResponse of hubble/pkg/printer. */
function statusText(response: StatusResponse, output: string): string {
  const { num_flows = '0', max_flows = '0', seen_flows = '0', uptime_ns = '0', num_connected_nodes: connected, num_unavailable_nodes: unavailable, unavailable_nodes = [], version = '', flows_rate = 0 } = response
  if (/^json/i.test(output)) return `${JSON.stringify(response)}\n`
  const rate = flows_rate > 0 ? flows_rate.toFixed(2) : 'N/A'
  const rows = [
    ['NUM FLOWS', grouped(num_flows)], ['MAX FLOWS', grouped(max_flows)], ['SEEN FLOWS', grouped(seen_flows)], ['FLOWS PER SECOND', rate], ['UPTIME', goDuration(uptime(uptime_ns))],
    ['NUM CONNECTED NODES', String(connected ?? 'N/A')], [output === 'dict' ? 'NUM UNAVAIL. NODES' : 'NUM UNAVAILABLE NODES', String(unavailable ?? 'N/A')], ['VERSION', version],
  ] as const
  if (output === 'dict') return rows.map(([name, value]) => `${name.padStart(19)}: ${value}\n`).join('')
  if (output !== 'compact') return columns([rows.map(([name]) => name), rows.map(([, value]) => value)], 2)
  const ratio = max_flows === '0' ? '' : ` (${((Number(num_flows) / Number(max_flows)) * 100).toFixed(2)}%)`
  const gone = [...unavailable_nodes].sort()
  if ((unavailable ?? 0) > gone.length && gone.length > 0) gone.push(`and ${unavailable! - gone.length} more...`)
  return [
    `Current/Max Flows: ${grouped(num_flows)}/${grouped(max_flows)}${ratio}\n`,
    `Flows/s: ${rate === 'N/A' && uptime(uptime_ns) > 0 ? (Number(seen_flows) / (uptime(uptime_ns) / 1000)).toFixed(2) : rate}\n`,
    connected === undefined ? '' : `Connected Nodes: ${connected}${unavailable === undefined ? '' : `/${connected + unavailable}`}\n`,
    unavailable ? `Unavailable Nodes: ${unavailable}\n${gone.map((name) => `  - ${name}\n`).join('')}` : '',
  ].join('')
}

const STATES: Readonly<Record<string, string>> = { NODE_CONNECTED: 'Connected', NODE_UNAVAILABLE: 'Unavailable', NODE_GONE: 'Gone', NODE_ERROR: 'Error' }

function* listNodes(process: Process, connection: Connection, output: string): Task<string> {
  const { nodes = [] } = HUBBLE.decode('GetNodesResponse', yield* ask(process, connection, METHODS.nodes, new Uint8Array(0))) as { nodes?: NodeMessage[] }
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1))
  // encoding/json of the message: enums and 64-bit numbers as numbers
  if (output === 'json') return `${JSON.stringify(nodes.map((node) => ({ ...node, state: Object.keys(STATES).indexOf(node.state ?? '') + 1, ...Object.fromEntries(COUNTS.flatMap((key) => (node[key] === undefined ? [] : [[key, Number(node[key])]]))) })), null, 2)}\n`
  const rows = nodes.map(({ name, version = 'N/A', address = '', state = '', tls, uptime_ns = '0', num_flows = '0', max_flows = '0', seen_flows = '0' }) => {
    const seconds = Math.round(uptime(uptime_ns) / 1000)
    const known = [seconds > 0 ? goDuration(seconds * 1000) : 'N/A', seconds > 0 ? (Number(seen_flows) / seconds).toFixed(2) : 'N/A', max_flows === '0' ? 'N/A' : `${num_flows}/${max_flows} (${((Number(num_flows) / Number(max_flows)) * 100).toFixed(2).padStart(6)}%)`]
    return [name, STATES[state] ?? 'Unknown', ...known, ...(output === 'wide' ? [version, address, tls ? (tls.enabled ? 'Enabled' : 'Disabled') : 'N/A'] : [])]
  })
  return columns([['NAME', 'STATUS', 'AGE', 'FLOWS/S', 'CURRENT/MAX-FLOWS', ...(output === 'wide' ? ['VERSION', 'ADDRESS', 'TLS'] : [])], ...rows], 2)
}
const COUNTS = ['uptime_ns', 'num_flows', 'max_flows', 'seen_flows'] as const

function* listNamespaces(process: Process, connection: Connection, output: string): Task<string> {
  const { namespaces = [] } = HUBBLE.decode('GetNamespacesResponse', yield* ask(process, connection, METHODS.namespaces, new Uint8Array(0))) as { namespaces?: NamespaceMessage[] }
  if (output === 'json') return `${JSON.stringify(namespaces, null, 2)}\n`
  return columns([output === 'wide' ? ['NAMESPACE', 'CLUSTER'] : ['NAMESPACE'], ...namespaces.map(({ namespace, cluster = '' }) => (output === 'wide' ? [namespace, cluster] : [namespace]))], 2)
}
