import { ConnectionError, StatusError } from '../kubernetes/client.ts'
import { jsonError } from '../kubernetes/json-syntax.ts'
import type { AccountClient } from '../kubernetes/rbac/account-client.ts'
import { milliValue } from '../kubernetes/schema/quantity.ts'
import type { ConfigMap, KubeObject, Node } from '../kubernetes/types.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { accountOf } from './account.ts'
import { reachApi } from './api-way.ts'
import { parseGoFlags, type FlagSpec } from './go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from './http/go.ts'
import { klogLine } from './klog.ts'
import { Output } from './output.ts'
import type { SystemServices } from './types.ts'

/**
 * cluster-proportional-autoscaler 1.8.4 (kubernetes-sigs), which "Autoscale the DNS Service in a Cluster" deploys: every ten
 * seconds it counts nodes and cores, and sets the replicas of a workload by the formula of its ConfigMap.
 */
const text = (name: string): FlagSpec => ({ name, kind: 'string' })
const FLAGS: readonly FlagSpec[] = [
  ...['target', 'configmap', 'namespace', 'default-params', 'nodelabels'].map(text), { name: 'poll-period-seconds', kind: 'int' }, { name: 'max-sync-failures', kind: 'int' }, { name: 'version', kind: 'bool' },
  { name: 'logtostderr', kind: 'bool' }, { name: 'alsologtostderr', kind: 'bool' }, { name: 'v', kind: 'int' }, ...['stderrthreshold', 'vmodule', 'log_dir', 'log_backtrace_at'].map(text),
]
const RESOURCES: ReadonlyMap<string, string> = new Map([['deployment', 'deployments'], ['replicaset', 'replicasets'], ['replicationcontroller', 'replicationcontrollers']])
const TRUE = /^(1|t|true)$/i
/** So long (ms) it waits for the list of nodes. */
const PATIENCE = 5000

/** What keeps a poll from its end, in the words of its log. */
class PollError extends Error {
  override name = 'PollError'
}

interface Status { totalNodes: number; schedulableNodes: number; totalCores: number; schedulableCores: number }
interface Scale extends KubeObject { spec: { replicas?: number } }
type Log = (severity: 'I' | 'E', source: string, message: string, level?: number) => void
interface Controller { mode: string; version: string; expected(status: Status): number }
interface Options { kind: string; name: string; namespace: string; configMap: string; defaults: Record<string, string> | undefined; period: number; failures: number; labels: string }

export function proportionalAutoscaler(services: SystemServices): Program {
  return function* (process) {
    const { clock, env } = process
    const flags = parseGoFlags(process.argv.slice(1), FLAGS)
    if ('error' in flags) {
      yield* process.printError(`podhop: not simulated: ${flags.error} (cluster-proportional-autoscaler's --target, --configmap, --namespace, --default-params, --poll-period-seconds, --nodelabels, --max-sync-failures, --logtostderr and --v are)\n`)
      return 69
    }
    const { values } = flags
    const has = (name: string): boolean => TRUE.test(values.get(name) ?? '')
    if (has('version')) {
      yield* process.print('1.8.4\n')
      return 0
    }
    const out = new Output(process, 2)
    const verbosity = Number(values.get('v') ?? 0)
    // what is no error goes to files without --logtostderr
    const all = has('logtostderr') || has('alsologtostderr')
    const log: Log = (severity, source, message, level = 0) => {
      if (severity === 'E' || (all && level <= verbosity)) out.write(klogLine(clock.wall(), severity, process.pid, source, message))
    }
    const fail = function* (): Task<number> {
      yield* out.flush()
      return 1
    }
    const given = values.get('default-params')
    const problem = given === undefined ? undefined : jsonError(given)
    if (problem !== undefined) {
      yield* process.printError(`podhop: not simulated: the usage of cluster-proportional-autoscaler, whose --default-params is no JSON: ${problem} (mend it)\n`)
      return 69
    }
    const [kind = '', name = '', ...more] = (values.get('target') ?? '').toLowerCase().split('/')
    const options: Options = {
      kind, name, namespace: values.get('namespace') ?? env.get('MY_POD_NAMESPACE') ?? '', configMap: values.get('configmap') ?? '', labels: values.get('nodelabels') ?? '',
      defaults: given === undefined ? undefined : Object.fromEntries(Object.entries(JSON.parse(given) as object).map(([key, value]) => [key, JSON.stringify(sorted(value))])),
      period: Number(values.get('poll-period-seconds') ?? 10) * 1000, failures: Number(values.get('max-sync-failures') ?? 0),
    }
    const wrong: [number, string][] = []
    if (!values.get('target')) wrong.push([80, '--target parameter cannot be empty'])
    else if (!RESOURCES.has(kind) || more.length > 0) wrong.push([86, 'Target format error. Please use deployment/*, replicationcontroller/* or replicaset/* (not case sensitive).'])
    if (options.configMap === '') wrong.push([60, '--configmap parameter cannot be empty'])
    if (options.namespace === '') wrong.push([64, '--namespace parameter not set and failed to fallback'])
    if (options.period < 1000) wrong.push([68, '--poll-period-seconds cannot be less than 1'])
    for (const [line, message] of wrong) log('E', `options.go:${line}`, message)
    if (wrong.length > 0) {
      log('E', 'autoscaler.go:45', 'failed to validate all input parameters')
      return yield* fail()
    }
    log('I', 'autoscaler.go:49', `Scaling Namespace: ${options.namespace}, Target: ${kind}/${name}`)
    const client = accountOf(process, yield* reachApi(process, services), ({ type, error, list }) => log('E', 'reflector.go:125', `pkg/mod/k8s.io/client-go@v0.0.0-20190718183610-8e956561bbf5/tools/cache/reflector.go:98: Failed to list ${type}: ${list ?? error}`), { manager: 'cluster-proportional-autoscaler' })
    const scaler = new Autoscaler(process, client, options, log)
    process.onExit(() => scaler.stop())
    try {
      serveGo(process, 'cluster-proportional-autoscaler', 8080, undefined, ({ target }) => {
        const { path } = splitTarget(target)
        if (path !== '/healthz' && path !== '/last-poll') return GO_NOT_FOUND
        return path === '/last-poll' && scaler.error !== undefined ? { status: 500, body: `Encountered error at last poll cycle: ${scaler.error}` } : {}
      })
    } catch (error) {
      log('E', 'health.go:65', `listen tcp :8080: bind: ${(error as Error).message.toLowerCase()}`)
      return yield* fail()
    }
    for (let failed = 0; ;) {
      const next = clock.now + options.period
      yield* scaler.poll()
      failed = scaler.error === undefined ? 0 : failed + 1
      if (options.failures > 0 && failed === options.failures) {
        log('E', 'autoscaler_server.go:99', `Maximum number of api server polling attempts (${options.failures}) have been reached. Exiting application.`)
        return yield* fail()
      }
      yield* process.sleep(Math.max(0, next - clock.now))
    }
  }
}

/** As Go writes maps: keys in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, of]) => [key, sorted(of)]))
}

class Autoscaler {
  /** Of the last poll. */
  error: string | undefined
  readonly #process: Process
  readonly #client: AccountClient
  readonly #options: Options
  readonly #log: Log
  readonly #nodes = new Map<string, Node>()
  readonly #stop: () => void
  #synced = false
  #controller: Controller | undefined

  constructor(process: Process, client: AccountClient, options: Options, log: Log) {
    this.#process = process
    this.#client = client
    this.#options = options
    this.#log = log
    this.#stop = client.watch<Node>('nodes', options.labels === '' ? {} : { labelSelector: options.labels }, (event) => {
      if (event.type === 'DELETED') this.#nodes.delete(event.object.metadata.name)
      else if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#nodes.set(event.object.metadata.name, event.object)
    })
  }

  stop(): void {
    this.#stop()
  }

  *poll(): Task {
    try {
      this.error = undefined
      const status = yield* this.#status()
      const configMap = this.#attempt('117', 'Error syncing configMap with apiserver', () => this.#configMap())
      this.#attempt('126', 'Error ensuring controller', () => this.#ensure(configMap))
      const replicas = this.#controller!.expected(status)
      this.#log('I', 'autoscaler_server.go:137', `Expected replica count: ${String(replicas).padStart(3)}`, 4)
      this.#attempt('142', 'Update failure', () => this.#update(replicas, status))
    } catch (error) {
      if (!(error instanceof PollError)) throw error
      this.error = error.message
    }
  }

  #attempt<T>(line: string, what: string, act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof PollError || error instanceof ConnectionError)) throw error
      this.#log('E', `autoscaler_server.go:${line}`, `${what}: ${error.message}`)
      throw new PollError(error.message)
    }
  }

  *#status(): Task<Status> {
    const refused = (): boolean => this.#client.refusal({ verb: 'list', resource: 'nodes' }) !== undefined
    const until = this.#process.clock.now + PATIENCE
    while (!this.#synced && refused() && this.#process.clock.now < until) yield* this.#process.sleep(250)
    if (!this.#synced && refused()) return this.#attempt('108', 'Error while getting cluster status', () => { throw new PollError('timed out waiting for the condition') })
    if (!this.#synced) yield* this.#client.untilSynced(['nodes'])
    this.#synced = true
    // a watch tells of what was there as events of the clock
    if (this.#nodes.size === 0) yield* this.#process.sleep(250)
    const cores = (nodes: readonly Node[]): number => Math.ceil(nodes.reduce((sum, { status }) => sum + milliValue(String(status.allocatable?.['cpu'] ?? '0')), 0) / 1000)
    const nodes = [...this.#nodes.values()]
    const free = nodes.filter(({ spec }) => !spec.unschedulable)
    const status = { totalNodes: nodes.length, schedulableNodes: free.length, totalCores: cores(nodes), schedulableCores: cores(free) }
    const wide = (n: number): string => String(n).padStart(5)
    this.#log('I', 'autoscaler_server.go:111', `Total nodes ${wide(status.totalNodes)}, schedulable nodes: ${wide(status.schedulableNodes)}`, 4)
    this.#log('I', 'autoscaler_server.go:112', `Total cores ${wide(status.totalCores)}, schedulable cores: ${wide(status.schedulableCores)}`, 4)
    return status
  }

  #configMap(): ConfigMap {
    const { namespace, configMap: name, defaults } = this.#options
    try {
      this.#may('get', 'configmaps', name)
      return this.#client.get<ConfigMap>('configmaps', namespace, name)
    } catch (error) {
      if (!defaults || !(error instanceof StatusError || error instanceof ConnectionError)) throw error
      this.#log('I', 'autoscaler_server.go:157', `ConfigMap not found: ${error.message}, will create one with default params`)
    }
    this.#may('create', 'configmaps', name)
    const made = this.#client.create<ConfigMap>('configmaps', namespace, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: defaults })
    this.#log('I', 'k8sclient.go:147', `Created ConfigMap ${name} in namespace ${namespace}`)
    return made
  }

  #may(verb: string, resource: string, name: string, subresource?: string): void {
    const refused = this.#client.refusal({ verb, resource, namespace: this.#options.namespace, name: verb === 'create' ? undefined : name, ...(subresource ? { subresource } : {}) })
    if (refused) throw refused
  }

  #ensure({ data = {}, metadata }: ConfigMap): void {
    const version = metadata.resourceVersion ?? ''
    const before = this.#controller
    if (before?.version === version) return
    this.#controller = undefined
    const [entry, ...more] = Object.entries(data)
    if (!entry || more.length > 0) {
      throw new PollError(`invalid configMap format, expected only one entry, got: map[${Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}:${value}`).join(' ')}]`)
    }
    const [mode, params] = entry
    if (mode !== 'linear' && mode !== 'ladder') throw new PollError(`not a supported control mode: ${mode}`)
    const same = before?.mode === mode
    if (!same) this.#log('I', 'plugin.go:50', `Set control mode to ${mode}`, 1)
    const change = `ConfigMap version change (old: ${same ? before.version : ''} new: ${version}) - rebuilding`
    if (mode === 'linear') this.#log('I', 'linear_controller.go:60', `${change} params`)
    else this.#log('I', 'ladder_controller.go:72', `Detected ${change} lookup entries`)
    this.#log('I', mode === 'linear' ? 'linear_controller.go:61' : 'ladder_controller.go:73', `Params from apiserver: \n${params}`, 2)
    try {
      const fields = new Fields(params, mode)
      this.#controller = { mode, version, expected: mode === 'linear' ? linear(fields, () => this.#log('I', 'linear_controller.go:80', 'Defaulting min replicas count to 1 for linear controller', 2)) : ladder(fields) }
    } catch (error) {
      if (!(error instanceof PollError)) throw error
      throw new PollError(`Error syncing configMap with controller: error parsing ${mode} params: ${error.message}`)
    }
  }

  #update(replicas: number, status: Status): void {
    const { kind, name, namespace } = this.#options
    const resource = RESOURCES.get(kind)!
    const forbidden = (refused: unknown): never => {
      if (!(refused instanceof StatusError) || refused.status.code !== 403) throw refused
      // an API that is no more is asked then
      this.#log('I', 'k8sclient.go:216', `Falling back to extensions/v1beta1, error using apps/v1: ${refused.message}`, 1)
      throw new PollError(kind === 'replicationcontroller' ? `unsupported target kind: ${kind}` : 'the server could not find the requested resource')
    }
    try {
      this.#may('get', resource, name, 'scale')
      const scale = this.#client.scale<Scale>(resource, namespace, name)
      const present = scale.spec.replicas ?? 0
      if (present === replicas) return
      this.#log('I', 'k8sclient.go:272', `Cluster status: SchedulableNodes[${status.schedulableNodes}], SchedulableCores[${status.schedulableCores}]`)
      this.#log('I', 'k8sclient.go:273', `Replicas are not as expected : updating replicas from ${present} to ${replicas}`)
      this.#may('update', resource, name, 'scale')
      this.#client.update(resource, namespace, name, { ...scale, spec: { ...scale.spec, replicas } }, { subresource: 'scale' })
    } catch (error) {
      forbidden(error)
    }
  }
}

/** The parameters, read as encoding/json fills a struct: names in any case, null is nothing. */
class Fields {
  readonly #entries: readonly (readonly [string, unknown])[]
  readonly #struct: string

  constructor(params: string, mode: string) {
    const problem = jsonError(params)
    if (problem !== undefined) throw new PollError(`could not parse parameters (${problem})`)
    const parsed: unknown = JSON.parse(params)
    this.#struct = `${mode}Params`
    if (typeof parsed !== 'object' || Array.isArray(parsed)) throw new PollError(`could not parse parameters (json: cannot unmarshal ${nameOf(parsed)} into Go value of type ${mode}controller.${this.#struct})`)
    this.#entries = Object.entries(parsed ?? {})
  }

  #value(name: string): unknown {
    return this.#entries.findLast(([key, value]) => key.toLowerCase() === name.toLowerCase() && value !== null)?.[1]
  }

  #mismatch(name: string, value: unknown, type: string): PollError {
    return new PollError(`could not parse parameters (json: cannot unmarshal ${nameOf(value)} into Go struct field ${this.#struct}.${name} of type ${type})`)
  }

  number(name: string, type: 'int' | 'float64'): number {
    const value = this.#value(name) ?? 0
    if (typeof value !== 'number') throw this.#mismatch(name, value, type)
    if (type === 'int' && !Number.isInteger(value)) throw this.#mismatch(name, value, type)
    return value
  }

  flag(name: string): boolean {
    const value = this.#value(name) ?? false
    if (typeof value !== 'boolean') throw this.#mismatch(name, value, 'bool')
    return value
  }

  /** Pairs of a number and the replicas from there on, in order. */
  steps(name: string, type: string): [number, number][] {
    const value = this.#value(name) ?? []
    if (!Array.isArray(value)) throw this.#mismatch(name, value, type)
    const steps = value.map((pair: unknown): [number, number] => {
      if (!Array.isArray(pair)) throw this.#mismatch(name, pair, 'laddercontroller.paramEntry')
      const [from = 0, replicas = 0] = pair as unknown[]
      for (const n of [from, replicas]) if (typeof n !== 'number' || !Number.isInteger(n)) throw this.#mismatch(name, n, 'int')
      return [from as number, replicas as number]
    })
    const negative = steps.find(([from, replicas]) => from < 0 || replicas < 0)
    if (negative) throw new PollError(`invalid negative values in entry [${negative.join(' ')}] in ${name === 'coresToReplicas' ? 'cores' : 'nodes'}_to_replicas_map`)
    return steps.sort(([a], [b]) => a - b)
  }
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** One replica for so many cores or nodes, whichever asks for more. */
function linear(fields: Fields, onDefault: () => void): Controller['expected'] {
  const cores = fields.number('coresPerReplica', 'float64')
  const nodes = fields.number('nodesPerReplica', 'float64')
  let min = fields.number('min', 'int')
  const max = fields.number('max', 'int')
  const spread = fields.flag('preventSinglePointFailure')
  const all = fields.flag('includeUnschedulableNodes')
  if (min < 0) throw new PollError(`invalid negative value for min: ${min}`)
  if (min === 0) {
    onDefault()
    min = 1
  }
  if (max !== 0 && max < min) throw new PollError(`max replicas count ${max} should be greater than / equal to min replicas count ${min}`)
  if (cores === 0 && nodes === 0) throw new PollError('should at least provide either CoresPerReplica or NodesPerReplica (Greater than 0)')
  for (const [name, value] of [['coresPerReplica', cores], ['nodesPerReplica', nodes]] as const) if (value < 0) throw new PollError(`invalid negative value for ${name}: ${value}`)
  const of = (there: number, each: number): number => (each === 0 ? 1 : Math.max(min, Math.min(max === 0 ? Infinity : max, Math.ceil(there / each))))
  return ({ totalNodes, schedulableNodes, totalCores, schedulableCores }) => {
    const count = all ? totalNodes : schedulableNodes
    const byNodes = of(count, nodes)
    return Math.max(of(all ? totalCores : schedulableCores, cores), spread && count > 1 ? Math.max(2, byNodes) : byNodes)
  }
}

/** From so many cores or nodes on so many replicas, whichever asks for more. */
function ladder(fields: Fields): Controller['expected'] {
  const cores = fields.steps('coresToReplicas', 'laddercontroller.paramEntries')
  const nodes = fields.steps('nodesToReplicas', 'laddercontroller.paramEntries')
  const all = fields.flag('includeUnschedulableNodes')
  const of = (there: number, steps: readonly [number, number][]): number => (steps.findLast(([from]) => from <= there) ?? steps[0])?.[1] ?? 0
  return ({ totalNodes, schedulableNodes, totalCores, schedulableCores }) => Math.max(of(all ? totalCores : schedulableCores, cores), of(all ? totalNodes : schedulableNodes, nodes))
}
