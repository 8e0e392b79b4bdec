import { Signal, type Task } from '../../../machine/task.ts'
import type { Process, Program } from '../../../machine/types.ts'
import { parseGoDuration } from '../../../programs/http/go.ts'
import type { SystemServices } from '../../../programs/types.ts'
import { agentOf, HUBBLE_SOCKET as SOCKET } from '../agent.ts'
import type { Datapath } from '../datapath.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { FILTERS, filterOf, FlowFilter, WITHOUT_ARGUMENT } from './filters.ts'
import { CAPACITY, type Flow } from './flows.ts'
import { LIST_HELP, OBSERVE_HELP, ROOT_HELP, STATUS_HELP } from './help.ts'
import { compact, dict, jsonpb, table, TIME_FORMATS, type PrintOptions } from './print.ts'

/** `hubble` in the agent's container: it asks the agent at its socket (hubble/cmd of cilium/cilium v1.17). */
const PRINT_COUNT = 20

/** Flags of the real command that do nothing here. */
const OTHERS = new Set(['allowlist', 'denylist', 'cel-expression', 'cluster', 'from-cluster', 'to-cluster', 'drop-reason-desc', 'http-header', 'input-file', 'interface', 'ip-version', 'node-label', 'node-name', 'print-raw-filters', 'snat-ip', 'trace-id', 'uuid', 'workload', 'from-workload', 'to-workload', 'experimental-field-mask', 'config', 'server', 'port-forward', 'encrypted', 'unencrypted'])
const SHORT: ReadonlyMap<string, string> = new Map([['f', 'follow'], ['n', 'namespace'], ['A', 'all-namespaces'], ['t', 'type'], ['l', 'label'], ['o', 'output'], ['4', 'ipv4'], ['6', 'ipv6'], ['P', 'port-forward'], ['h', 'help']])
const SWITCHES = new Set(['follow', 'all', 'not', 'numeric', 'print-node-name', 'silence-errors', 's', 'debug', 'help'])
const VALUES = new Set(['last', 'first', 'since', 'until', 'output', 'time-format', 'color'])

class HubbleError extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

interface Query { filter: FlowFilter; follow: boolean; last: number | undefined; first: number | undefined; since: number | undefined; until: number | undefined; output: string; print: PrintOptions }

export function hubbleCommand(services: SystemServices): Program {
  return function* (process) {
    const [, name, ...rest] = process.argv
    try {
      if (name === 'version') {
        yield* process.print(`hubble ${CILIUM_VERSION} compiled with go1.24.2 on linux/amd64\n`)
        return 0
      }
      if (name === undefined || name === 'help' || name === '-h' || name === '--help') {
        yield* process.print((name === 'help' ? HELP.get(rest[0] ?? '') : undefined) ?? ROOT_HELP)
        return 0
      }
      const asksHelp = rest.some((word) => word === '--help' || word === '-h') || (name === 'list' && !['nodes', 'node', 'namespaces', 'namespace', 'ns'].includes(rest[0] ?? ''))
      if (asksHelp && HELP.has(name)) {
        yield* process.print(HELP.get(name)!)
        return 0
      }
      if (['config', 'record', 'watch', 'completion'].includes(name)) throw new HubbleError(`podhop: not simulated: hubble ${name} (use hubble observe, list or status)`, 69)
      if (!HELP.has(name)) throw new HubbleError(`unknown command "${name}" for "hubble"`)
      const query = name === 'observe' ? queryOf(rest[0] === 'flows' ? rest.slice(1) : rest, process) : undefined
      const node = services.nodeOf(process)
      const dp = node && agentOf(node.network)?.datapath
      if (!dp?.flows.enabled) throw new HubbleError(`failed to connect to 'unix://${SOCKET}': connection error: desc = "transport: Error while dialing: dial unix ${SOCKET}: connect: no such file or directory"`)
      if (query) return yield* observe(process, dp, query)
      yield* process.print(name === 'list' ? list(dp, rest) : status(dp, rest))
      return 0
    } catch (error) {
      if (!(error instanceof HubbleError)) throw error
      yield* process.printError(`${error.message}\n`)
      return error.code
    }
  }
}

const HELP: ReadonlyMap<string, string> = new Map([['observe', OBSERVE_HELP], ['list', LIST_HELP], ['status', STATUS_HELP]])

/** hubble list: an agent knows the namespaces of its flows, but no other nodes (those are hubble-relay's). */
function list(dp: Datapath, [what, ...rest]: readonly string[]): string {
  const wide = ['-owide', '-o=wide', '--output=wide'].includes(rest.join(' ').replace('-o wide', '-o=wide').replace('--output wide', '--output=wide'))
  const plain = rest.length === 0 || ['-otable', '-o=table', '--output=table', '-o table', '--output table'].includes(rest.join(' '))
  if (!wide && !plain) throw new HubbleError(`podhop: not simulated: hubble list ${what!} ${rest.join(' ')} (use -o table or wide)`, 69)
  if (what === 'nodes' || what === 'node') throw new HubbleError('rpc error: code = Unimplemented desc = GetNodes not implemented')
  const seen = new Set(dp.flows.list().flatMap((flow) => [flow.source, flow.destination].flatMap((end) => (end.pod === undefined ? [] : [end.pod.split('/')[0]!]))))
  const rows = [...seen].sort().map((namespace) => (wide ? [namespace, 'default'] : [namespace]))
  const width = Math.max(9, ...rows.map(([namespace]) => namespace!.length)) + 3
  return [wide ? ['NAMESPACE', 'CLUSTER'] : ['NAMESPACE'], ...rows].map((row) => `${row.length === 1 ? row[0]! : row[0]!.padEnd(width) + row[1]!}\n`).join('')
}

function status({ flows, now }: Datapath, args: readonly string[]): string {
  if (args.length > 0) throw new HubbleError(`podhop: not simulated: hubble status ${args[0]!} (use it without)`, 69)
  const seconds = Math.max((now - flows.since!) / 1000, 0.001)
  const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',')
  return `Healthcheck (via unix://${SOCKET}): Ok\nCurrent/Max Flows: ${grouped(flows.size)}/${grouped(CAPACITY)} (${((flows.size / CAPACITY) * 100).toFixed(2)}%)\nFlows/s: ${(flows.seen / seconds).toFixed(2)}\n`
}

/** "--name value", "--name=value", "-f", "-fn ns" */
function queryOf(args: readonly string[], process: Process): Query {
  const filter = new FlowFilter()
  const values = new Map<string, string>()
  let not = false
  const used = new Set<string>()
  const chosen: Chosen[] = []
  const queue = [...args]
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? /^-(.)(.*)$/s.exec(arg)
    if (!match) throw new HubbleError(`unknown command ${JSON.stringify(arg)} for "hubble observe"`)
    const long = arg.startsWith('--')
    const name = long ? match[1]! : (SHORT.get(match[1]!) ?? match[1]!)
    if (OTHERS.has(name)) throw new HubbleError(`podhop: not simulated: hubble observe --${name} (use --pod, --namespace, --ip, --port, --protocol, --verdict or --type)`, 69)
    const isSwitch = SWITCHES.has(name) || WITHOUT_ARGUMENT.has(name) || name === 'ip-translation'
    if (!isSwitch && !VALUES.has(name) && !FILTERS.includes(name)) throw new HubbleError(long ? `unknown flag: --${name}` : `unknown shorthand flag: '${name}' in ${arg}`)
    let value: string | undefined = match[2]
    if (!long && value === '') value = undefined
    if (!long && isSwitch && value !== undefined) {
      queue.unshift(`-${value}`)
      value = undefined
    }
    if (isSwitch) value ??= 'true'
    else value ??= queue.shift()
    if (value === undefined) throw new HubbleError(`flag needs an argument: ${long ? `--${name}` : `'${match[1]!}' in ${arg}`}`)
    if (name === 'not') {
      if (not) throw new HubbleError(`invalid argument "true" for "--not" flag: consecutive --not statements`)
      not = true
    } else if (FILTERS.includes(name)) {
      const test = filterOf(name, value)
      if (typeof test === 'string') throw new HubbleError(`invalid argument ${JSON.stringify(value)} for "${long ? `--${name}` : `-${match[1]!}, --${name}`}" flag: ${test}`)
      if (!not) conflict(name, used)
      chosen.push({ name, value, not })
      not = false
    } else values.set(name, value)
  }
  if (not) throw new HubbleError('trailing --not found in the arguments')
  for (const each of chosen) filter.add(each.name, filterOf(each.name, qualified(each, chosen)) as Exclude<ReturnType<typeof filterOf>, string>, each.not)
  return requestOf(filter, values, process)
}

interface Chosen { name: string; value: string; not: boolean }

/** "--namespace shop --pod web" means shop/web (namespaceModifier of flows_filter.go). */
function qualified({ name, value, not }: Chosen, all: readonly Chosen[]): string {
  const [, side, base] = /^(from-|to-)?(.*)$/.exec(name)!
  if ((base !== 'pod' && base !== 'service') || value.includes('/')) return value
  const namespace = all.find((c) => c.not === not && (c.name === 'namespace' || c.name === `${side ?? ''}namespace`))
  return namespace ? `${namespace.value}/${value}` : value
}

/** flows_filter.go: what says the same of one side cannot be said twice. */
const CONFLICTS = [
  ['from-ip', 'ip', 'fqdn', 'from-fqdn', 'from-namespace', 'namespace', 'all-namespaces'], ['to-ip', 'ip', 'fqdn', 'to-fqdn', 'to-namespace', 'namespace', 'all-namespaces'], ['from-ip', 'ip', 'from-fqdn', 'fqdn', 'from-pod', 'pod'], ['to-ip', 'ip', 'to-fqdn', 'fqdn', 'to-pod', 'pod'],
  ['to-pod', 'namespace', 'all-namespaces'], ['from-pod', 'namespace', 'all-namespaces'], ['label', 'from-label'], ['label', 'to-label'], ['service', 'from-service'], ['service', 'to-service'], ['port', 'to-port'], ['port', 'from-port'], ['identity', 'to-identity'], ['identity', 'from-identity'],
] as const

function conflict(name: string, used: Set<string>): void {
  used.add(name)
  for (const group of CONFLICTS) {
    const both = group.filter((flag) => used.has(flag))
    if (both.length > 1) throw new HubbleError(`invalid argument for "--${name}" flag: filters --${both[0]!} and --${both[1]!} cannot be combined`)
  }
}

function requestOf(filter: FlowFilter, values: ReadonlyMap<string, string>, process: Process): Query {
  const count = (name: 'last' | 'first'): number | undefined => {
    const text = values.get(name)
    if (text === undefined || text === '0') return undefined
    if (!/^\d+$/.test(text)) throw new HubbleError(`invalid argument ${JSON.stringify(text)} for "--${name}" flag: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
    return Number(text)
  }
  const moment = (name: 'since' | 'until'): number | undefined => {
    const text = values.get(name)
    if (text === undefined) return undefined
    const ago = parseGoDuration(text)
    const at = ago === undefined ? Date.parse(text) : process.clock.wall() - ago
    if (Number.isNaN(at)) throw new HubbleError(`failed to parse the ${name} time: failed to convert ${text} to time`)
    return at - process.clock.epoch
  }
  const [last, first, all, follow] = [count('last'), count('first'), values.get('all') === 'true', values.get('follow') === 'true']
  const output = values.get('output') ?? 'compact'
  if (!['compact', 'dict', 'json', 'JSON', 'jsonpb', 'tab', 'table'].includes(output)) throw new HubbleError(`invalid output format: ${output}`)
  if (output.startsWith('tab') && follow) throw new HubbleError('table output format is not compatible with follow mode')
  for (const [a, b, both] of [['first', 'last', first && last], ['first', 'all', first && all], ['first', 'follow', first && follow], ['last', 'all', last && all]] as const) if (both) throw new HubbleError(`cannot set both --${a} and --${b}`)
  const [since, until] = [moment('since'), moment('until')]
  const limited = since !== undefined || until !== undefined || first !== undefined
  const time = TIME_FORMATS.get(values.get('time-format') ?? 'StampMilli') ?? TIME_FORMATS.get('StampMilli')!
  const translate = values.get('numeric') !== 'true' && values.get('ip-translation') !== 'false'
  return { filter, follow, first, since, until, output, last: last ?? (limited || all ? undefined : follow ? 0 : PRINT_COUNT), print: { nodeName: values.get('print-node-name') === 'true', translate, time } }
}

function* observe(process: Process, dp: Datapath, query: Query): Task<number> {
  const { filter, output, print } = query
  const waiting: Flow[] = []
  const more = new Signal()
  const stop = query.follow ? dp.flows.onFlow((flow) => {
    if (!filter.passes(flow, dp)) return
    waiting.push(flow)
    more.notify()
  }) : undefined
  if (stop) process.onExit(stop)
  let chosen = query.last === 0 ? [] : dp.flows.list().filter((flow) => flow.at >= (query.since ?? 0) && flow.at <= (query.until ?? Infinity) && filter.passes(flow, dp))
  if (query.last !== undefined) chosen = query.last === 0 ? [] : chosen.slice(-query.last)
  if (query.first !== undefined) chosen = chosen.slice(0, query.first)
  if (output.startsWith('tab')) {
    yield* process.print(table(chosen, dp, print))
    return 0
  }
  let line = 0
  const text = (flow: Flow): string => (output === 'compact' ? compact(flow, dp, print) : output === 'dict' ? dict(flow, dp, print, line++ === 0) : jsonpb(flow, dp))
  yield* process.print(chosen.map(text).join(''))
  if (!query.follow) return 0
  for (;;) {
    while (waiting.length === 0) yield more.wait
    yield* process.print(waiting.splice(0).map(text).join(''))
  }
}
