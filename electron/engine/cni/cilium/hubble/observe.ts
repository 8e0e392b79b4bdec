import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { parseGoDuration } from '../../../programs/http/go.ts'
import { GRPC, grpcCodeName } from '../../../programs/http2/grpc-call.ts'
import { HubbleError, type Connection } from './connection.ts'
import { FilterError } from './filters.ts'
import { FILTERS, FlowFlags, WITHOUT_ARGUMENT } from './flow-flags.ts'
import { rfc3339 } from './flow-message.ts'
import { HUBBLE, METHODS, type FlowsRequest, type FlowsResponse } from './messages.ts'
import { compact, dict, jsonpb, nodeStatus, table, TIME_FORMATS, type PrintOptions } from './print.ts'

/** `hubble observe` (hubble/cmd/observe of cilium/cilium v1.17). */
const PRINT_COUNT = 20

/** Flags of the real command that do nothing here. */
const OTHERS = new Set(['allowlist', 'denylist', 'cel-expression', 'cluster', 'from-cluster', 'to-cluster', 'http-header', 'input-file', 'interface', 'node-label', 'print-raw-filters', 'snat-ip', 'trace-id', 'uuid', 'workload', 'from-workload', 'to-workload', 'experimental-field-mask', 'encrypted', 'unencrypted'])
const SHORT: ReadonlyMap<string, string> = new Map([['f', 'follow'], ['n', 'namespace'], ['A', 'all-namespaces'], ['t', 'type'], ['l', 'label'], ['o', 'output'], ['4', 'ipv4'], ['6', 'ipv6'], ['h', 'help']])
const SWITCHES = new Set(['follow', 'all', 'not', 'numeric', 'print-node-name', 'silence-errors', 's', 'debug', 'help'])
const VALUES = new Set(['last', 'first', 'since', 'until', 'output', 'time-format', 'color'])
const OUTPUTS = ['compact', 'dict', 'json', 'JSON', 'jsonpb', 'tab', 'table']

export interface Query { request: FlowsRequest; output: string; print: PrintOptions }

/** "--name value", "--name=value", "-f", "-fn ns". Throws HubbleError. */
export function queryOf(args: readonly string[], process: Process): Query {
  const flags = new FlowFlags()
  const values = new Map<string, string>()
  let not = false
  const queue = [...args]
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? /^-(.)(.*)$/s.exec(arg)
    if (!match) throw new HubbleError(`unknown command ${JSON.stringify(arg)} for "hubble observe"`)
    const long = arg.startsWith('--')
    const name = long ? match[1]! : (SHORT.get(match[1]!) ?? match[1]!)
    if (OTHERS.has(name)) throw new HubbleError(`podhop: not simulated: hubble observe --${name} (use --pod, --namespace, --ip, --port, --protocol, --verdict or --type)`, 69)
    const isSwitch = SWITCHES.has(name) || WITHOUT_ARGUMENT.has(name) || name === 'ip-translation'
    if (!isSwitch && !VALUES.has(name) && !FILTERS.has(name)) throw new HubbleError(long ? `unknown flag: --${name}` : `unknown shorthand flag: '${name}' in ${arg}`)
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
      if (not) throw new HubbleError('invalid argument "true" for "--not" flag: consecutive --not statements')
      not = true
    } else if (FILTERS.has(name)) {
      try {
        flags.set(name, value, not)
      } catch (error) {
        if (!(error instanceof FilterError)) throw error
        throw new HubbleError(`invalid argument ${JSON.stringify(value)} for "${long ? `--${name}` : `-${match[1]!}, --${name}`}" flag: ${error.message}`)
      }
      not = false
    } else values.set(name, value)
  }
  if (not) throw new HubbleError('trailing --not found in the arguments')
  return requestOf(flags, values, process)
}

function requestOf(filters: FlowFlags, values: ReadonlyMap<string, string>, process: Process): Query {
  const count = (name: 'last' | 'first'): number | undefined => {
    const text = values.get(name)
    if (text === undefined || text === '0') return undefined
    if (!/^\d+$/.test(text)) throw new HubbleError(`invalid argument ${JSON.stringify(text)} for "--${name}" flag: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
    return Number(text)
  }
  const moment = (name: 'since' | 'until'): object => {
    const text = values.get(name)
    if (text === undefined) return {}
    const ago = parseGoDuration(text)
    const at = ago === undefined ? Date.parse(text) : process.clock.wall() - ago
    if (Number.isNaN(at)) throw new HubbleError(`failed to parse the ${name} time: failed to convert ${text} to time`)
    return { [name]: rfc3339(process.clock, at - process.clock.epoch) }
  }
  const [last, first, all, follow] = [count('last'), count('first'), values.get('all') === 'true', values.get('follow') === 'true']
  const output = values.get('output') ?? 'compact'
  if (!OUTPUTS.includes(output)) throw new HubbleError(`invalid output format: ${output}`)
  if (output.startsWith('tab') && follow) throw new HubbleError('table output format is not compatible with follow mode')
  for (const [a, b, both] of [['first', 'last', first && last], ['first', 'all', first && all], ['first', 'follow', first && follow], ['last', 'all', last && all]] as const) if (both) throw new HubbleError(`cannot set both --${a} and --${b}`)
  const times = { ...moment('since'), ...moment('until') }
  const number = first ?? last ?? (follow || all || Object.keys(times).length > 0 ? undefined : PRINT_COUNT)
  const time = TIME_FORMATS.get(values.get('time-format') ?? 'StampMilli') ?? TIME_FORMATS.get('StampMilli')!
  const translate = values.get('numeric') !== 'true' && values.get('ip-translation') !== 'false'
  const request: FlowsRequest = { ...(number === undefined ? {} : { number: String(number) }), ...(first === undefined ? {} : { first: true }), ...(follow ? { follow } : {}), ...(all && follow ? { since: rfc3339(process.clock, 0) } : {}), ...filters.lists(), ...times }
  return { request, output, print: { nodeName: values.get('print-node-name') === 'true', translate, time } }
}

export function* observe(process: Process, { call }: Connection, { request, output, print }: Query, debug: boolean): Task<number> {
  const waiting: FlowsResponse[] = []
  const more = new Signal()
  let ended: { code: number; message: string } | undefined
  process.onExit(call(METHODS.flows, HUBBLE.encode('GetFlowsRequest', request), {
    onMessage: (message) => {
      waiting.push(HUBBLE.decode('GetFlowsResponse', message) as unknown as FlowsResponse)
      more.notify()
    },
    onEnd: (code, message) => {
      ended = { code, message }
      more.notify()
    },
  }))
  let line = 0
  const text = ({ flow, ...more }: FlowsResponse): string => (output === 'compact' ? compact(flow!, print) : output === 'dict' ? dict(flow!, print, line++ === 0) : jsonpb({ flow: flow!, ...more }))
  for (;;) {
    while (waiting.length === 0 && !ended) yield more.wait
    // a table is as wide as all of it
    if (output.startsWith('tab')) while (!ended) yield more.wait
    const taken = waiting.splice(0)
    for (const status of taken.filter((r) => r.node_status)) {
      const said = nodeStatus(status, output, print, line === 0, debug)
      if (said !== '') yield* process.printError(said)
    }
    const flows = taken.filter((r) => r.flow)
    yield* process.print(output.startsWith('tab') ? table(flows.map((r) => r.flow!), print) : flows.map(text).join(''))
    if (ended && waiting.length === 0) break
  }
  if (ended.code === GRPC.ok) return 0
  throw new HubbleError(`rpc error: code = ${grpcCodeName(ended.code)} desc = ${ended.message}`)
}
