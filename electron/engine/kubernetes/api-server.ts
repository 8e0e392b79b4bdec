import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import { IpAddressBook } from './address-book.ts'
import { Admission } from './admission/admission.ts'
import { requestOf } from './admission/request.ts'
import { bootstrap, populateNamespace } from './bootstrap.ts'
import {
  type ApiResource,
  type DeleteOptions,
  type ExecOptions,
  type ForwardCall,
  type ForwardSession,
  type KubernetesClient,
  LateBody,
  LateChange,
  type ListOptions,
  type LogOptions,
  type LogSink,
  type ObjectList,
  type PatchType,
  type RemoteCommand,
  Undecided,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './client.ts'
import { ComponentStatuses } from './component-statuses.ts'
import type { CustomKind } from './custom-resources/custom-kind.ts'
import { DefinitionServer } from './custom-resources/definition-server.ts'
import { documented } from './custom-resources/open-api.ts'
import { deleteCollection, deleteObject, removeObject } from './deletion.ts'
import { findByWord, findNotSimulated, NOT_SIMULATED } from './discovery.ts'
import { timestamp } from './human-duration.ts'
import { isOfDefinition, registered } from './kinds/api-service.ts'
import { componentStatus } from './kinds/component-status.ts'
import { KINDS } from './kinds/index.ts'
import { asServed, type Context, type Kind, resourceKey, storeKey } from './kinds/kind.ts'
import { LateWrites } from './late-writes.ts'
import { listObjects } from './lists.ts'
import { checkAssigned, checkExecTarget, checkLogOptions, checkLogTarget, type NodeAgents } from './node-agents.ts'
import { locate, passOn, type ProxyAnswer, type ProxyRequest } from './proxy-location.ts'
import { documentPath, openApiDocument } from './openapi/documents.ts'
import type { OpenApiDocument } from './openapi/types.ts'
import { patchObject } from './patching.ts'
import type { User } from './rbac/authorizer.ts'
import type { Draft } from './rbac/default-objects.ts'
import { asAgent, watchAsAgent } from './requests/agent-requests.ts'
import { Requests } from './requests/requests.ts'
import { ServiceAllocator, type ServiceRanges } from './service-allocator.ts'
import { noSuchMethod, notFound, noSuchPath, notSimulated, qualified } from './status.ts'
import { Store } from './store.ts'
import { createSubresource, scaleOf } from './subresources.ts'
import { printTable } from './tables.ts'
import type { KubeObject, Status, Table } from './types.ts'
import { VERSION } from './version.ts'
import { watchObjects } from './watches.ts'
import { commit, createObject } from './writes.ts'
import { updateObject } from './updates.ts'
import type { Server } from './server.ts'

export type { NodeAgents } from './node-agents.ts'

export interface ApiServerOptions extends Partial<ServiceRanges> {
  /** The kubelets' side of logs, exec, attach and port-forward; may be set later. */
  nodeAgents?: NodeAgents
  /** Where the API is reached: the endpoint of the Service `kubernetes` (the control plane's node). */
  advertiseAddress?: string
  /** Objects that are there from the beginning, by resource. */
  seeds?: Readonly<Record<string, readonly Draft[]>>
  /** Changes that watches can go back to, for each resource. */
  watchWindow?: number
  /** The feature gate WatchList (sendInitialEvents); v1.33 has it switched off. */
  watchList?: boolean
  /** Whether metadata.managedFields is kept, as it is by default. */
  managedFields?: boolean
  /** The client certificate of the administrator's kubeconfig, PEM: made when somebody asks. */
  administrator?: () => string
  /** Freezes every object that is stored: for tests, which so find who changes one in place. */
  freeze?: boolean
}

/**
 * The API server of a cluster: requests on objects against one store, as kube-apiserver v1.33 with its default
 * admission plugins answers them to an administrator.
 */
export class ApiServer implements KubernetesClient, Server {
  readonly clock: Clock
  readonly store: Store
  readonly services: ServiceAllocator
  readonly names: Random
  readonly uids: Random
  readonly freeze: boolean
  readonly recordsOwners: boolean
  readonly watchList: boolean
  readonly requests: Requests
  readonly advertiseAddress: string | undefined
  readonly administrator: (() => string) | undefined
  nodeAgents: NodeAgents | undefined
  /** Every stream of chance that a request may use. */
  readonly #streams: readonly Random[]
  readonly #late = new LateWrites(this)
  #kinds = new Map<string, Kind>()
  #resources: readonly ApiResource[]
  #custom: readonly CustomKind[] = []
  readonly #components: ComponentStatuses
  readonly #registrations: Random
  readonly admission: Admission

  constructor(clock: Clock, options: ApiServerOptions = {}) {
    this.clock = clock
    this.requests = new Requests(clock)
    this.advertiseAddress = options.advertiseAddress
    this.administrator = options.administrator
    this.store = new Store(clock, options.watchWindow === undefined ? {} : { window: options.watchWindow })
    this.names = clock.random.fork('kubernetes/names')
    this.uids = clock.random.fork('kubernetes/uids')
    const addresses = clock.random.fork('kubernetes/services')
    const addressNames = clock.random.fork('kubernetes/ip-addresses')
    this.#registrations = clock.random.fork('kubernetes/api-services')
    this.#streams = [this.names, this.uids, addresses, addressNames]
    this.freeze = options.freeze ?? false
    this.recordsOwners = options.managedFields ?? true
    this.watchList = options.watchList ?? false
    const { serviceCIDR = ['10.96.0.0/12'], nodePortRange = { from: 30000, to: 32767 } } = options
    this.services = new ServiceAllocator({ serviceCIDR, nodePortRange }, addresses, new IpAddressBook(this, addressNames))
    this.nodeAgents = options.nodeAgents
    this.#components = new ComponentStatuses(options.advertiseAddress)
    this.admission = new Admission(this)
    for (const kind of KINDS) this.#kinds.set(resourceKey(kind.resource), kind)
    this.#resources = KINDS.map((kind) => kind.resource)
    this.store.setIndex('pods', (pod) => (pod as { spec?: { nodeName?: string } }).spec?.nodeName ?? '')
    bootstrap(this, serviceCIDR, options.advertiseAddress, options.seeds)
    new DefinitionServer(this, (kinds) => this.#serve(kinds))
  }

  /** The custom resources that are there now, besides the built-in kinds. */
  #serve(kinds: readonly CustomKind[]): void {
    for (const { resource } of this.#custom) this.#kinds.delete(resourceKey(resource))
    this.#custom = kinds
    for (const kind of kinds) this.#kinds.set(resourceKey(kind.resource), kind)
    this.#resources = [...KINDS, ...kinds].map((kind) => kind.resource)
    this.#register(kinds)
  }

  /** Keeps an APIService for each group and version of custom resources. */
  #register(kinds: readonly CustomKind[]): void {
    const kind = this.kind('apiservices')
    const wall = this.clock.wall()
    const wanted = new Map(registered(kinds.map(({ resource }) => resource), wall).map((each) => [each.metadata.name, each]))
    for (const object of this.store.list('apiservices', '')) if (isOfDefinition(object) && !wanted.delete(object.metadata.name)) removeObject(this, kind, object)
    for (const { metadata, ...rest } of wanted.values()) {
      if (this.store.get('apiservices', '', metadata.name)) continue
      this.commit(kind, { ...rest, metadata: { ...metadata, uid: this.#registrations.uuid(), resourceVersion: '', creationTimestamp: timestamp(wall) } })
    }
  }

  resources(): readonly ApiResource[] {
    return this.#resources
  }

  get kinds(): Iterable<Kind> {
    return this.#kinds.values()
  }

  findResource(word: string): ApiResource | undefined {
    return findByWord(this.#resources, word)
  }

  serverVersion(): ReturnType<KubernetesClient['serverVersion']> {
    return VERSION
  }

  openApiPaths(): readonly string[] {
    return [...new Set(this.#resources.map(documentPath))]
  }

  openApi(path: string): OpenApiDocument | undefined {
    const resources = this.#resources.filter((resource) => documentPath(resource) === path)
    return resources.length === 0 ? undefined : openApiDocument(resources.map((resource) => {
      const custom = this.#custom.find((kind) => kind.resource === resource)
      return custom ? documented(resource, custom.jsonSchema) : { resource }
    }))
  }

  document(): KubernetesClient {
    return this
  }

  kind(resource: string): Kind {
    const kind = this.#kinds.get(resource)
    if (kind) return kind
    const [name, ...group] = resource.split('.')
    const known = NOT_SIMULATED.find((r) => r.name === name && (group.length === 0 || group.join('.') === r.group)) ?? findNotSimulated(resource)
    if (known) throw notSimulated(`resource ${qualified(known)} (kinds that Podhop serves: kubectl api-resources)`)
    throw noSuchPath()
  }

  context(dryRun: boolean): Context {
    return { clock: this.clock, random: this.names, store: this.store, services: this.services, dryRun, administrator: this.administrator }
  }

  commit(kind: Kind, object: KubeObject): KubeObject {
    return commit(this, kind, object)
  }

  get<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T {
    const kind = this.kind(resource)
    if (!kind.resource.verbs.includes('get')) throw noSuchPath()
    if (resource === COMPONENTS) return this.#components.get(name) as KubeObject as T
    const object = this.store.get(storeKey(kind), scope(kind, namespace), name)
    if (!object) throw notFound(kind.resource, name)
    return asServed(kind, object) as T
  }

  list<T extends KubeObject>(resource: string, options: ListOptions = {}): ObjectList<T> {
    return this.#listed(this.kind(resource), options) as ObjectList<T>
  }

  table(resource: string, options: ListOptions & { name?: string } = {}): Table {
    const kind = this.kind(resource)
    if (options.name !== undefined) {
      const object = this.get(resource, options.namespace, options.name)
      return printTable(kind, [object], this.clock.wall(), { resourceVersion: object.metadata.resourceVersion })
    }
    const { items, ...metadata } = this.#listed(kind, options)
    return printTable(kind, items, this.clock.wall(), metadata)
  }

  #listed(kind: Kind, options: ListOptions): ObjectList {
    return kind.resource.name === COMPONENTS ? this.#components.list(options) : listObjects(this.store, kind, options)
  }

  inquire(resource: string, done: () => void): () => void {
    if (resource === COMPONENTS) return this.#components.inquire(this.#agents('componentstatuses').ask, done)
    done()
    return () => undefined
  }

  tableOf(resource: string, objects: readonly KubeObject[]): Table {
    return printTable(this.kind(resource), objects, this.clock.wall(), {})
  }

  create<T extends KubeObject>(resource: string, namespace: string | undefined, object: unknown, options: WriteOptions = {}): T {
    const kind = this.kind(resource)
    refuseWrites(kind)
    if (object instanceof LateBody) return asAgent(this, 'create', kind, namespace, undefined, options, object, () => this.#late.create(kind, namespace!, object, options)) as unknown as T
    const created = asAgent(this, 'create', kind, namespace, undefined, options, object, () => asServed(kind, this.#request(options, (told) => createObject(this, kind, namespace, object, told))))
    if (resource === 'namespaces' && !options.dryRun) populateNamespace(this, created.metadata.name)
    return created as T
  }

  update<T extends KubeObject>(
    resource: string,
    namespace: string | undefined,
    name: string,
    object: unknown,
    options: WriteOptions & { subresource?: string } = {},
  ): T {
    const kind = this.kind(resource)
    refuseWrites(kind)
    return asAgent(this, 'update', kind, namespace, name, options, object, () => asServed(kind, this.#request(options, (told) => updateObject(this, kind, namespace, name, object, told)))) as T
  }

  patch<T extends KubeObject>(
    resource: string,
    namespace: string | undefined,
    name: string,
    type: PatchType,
    patch: unknown,
    options: WriteOptions & { subresource?: string } = {},
  ): T {
    const kind = this.kind(resource)
    refuseWrites(kind)
    if (patch instanceof LateChange) return asAgent(this, 'patch', kind, namespace, name, options, patch, () => this.#late.patch(kind, patch, options)) as unknown as T
    const born = resource === 'namespaces' && type === 'application/apply-patch+yaml' && !options.dryRun && !this.store.get(storeKey(kind), '', name)
    const patched = asAgent(this, 'patch', kind, namespace, name, options, patch, () => asServed(kind, this.#request(options, (told) => patchObject(this, kind, namespace, name, type, patch, told))))
    if (born) populateNamespace(this, name)
    return patched as T
  }

  createSubresource<T extends KubeObject | Status>(resource: string, namespace: string | undefined, name: string, subresource: string, object: unknown, options: WriteOptions = {}): T {
    const kind = this.kind(resource)
    return asAgent(this, 'create', kind, namespace, name, { ...options, subresource }, object, () => this.#request(options, (told) => createSubresource(this, kind, namespace, name, subresource, object, told))) as T
  }

  scale<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T {
    const { resource: { subresources } } = this.kind(resource)
    if (!subresources.includes('scale')) throw noSuchPath()
    return scaleOf(this.get(resource, namespace, name), this.kind(resource)) as unknown as T
  }

  delete(resource: string, namespace: string | undefined, name: string, options: DeleteOptions = {}): KubeObject | Status {
    const kind = this.kind(resource)
    refuseWrites(kind)
    return asAgent(this, 'delete', kind, namespace, name, options, undefined, () => this.#asking(options, (told) => deleteObject(this, kind, namespace, name, told)))
  }

  deleteCollection(resource: string, list: ListOptions, options: DeleteOptions = {}): void {
    const kind = this.kind(resource)
    refuseWrites(kind)
    asAgent(this, 'deletecollection', kind, list.namespace, undefined, options, undefined, () => this.#asking(options, (told) => deleteCollection(this, kind, list, told)))
  }

  watch<T extends KubeObject>(resource: string, options: WatchOptions, listener: (event: WatchEvent<T>) => void): () => void {
    const kind = this.kind(resource)
    return watchAsAgent(this, kind, options, () => watchObjects(this, kind, options, listener as (event: WatchEvent) => void))
  }

  logs(namespace: string, pod: string, options: LogOptions, sink: LogSink): () => void {
    checkLogOptions(pod, options)
    const { sinceTime, ...others } = options
    if (sinceTime !== undefined) others.sinceSeconds = Math.max(0, (this.clock.wall() - sinceTime) / 1000)
    const container = checkLogTarget(this.get('pods', namespace, pod), options.container)
    if (!container.assigned) {
      const timer = this.clock.schedule(0, () => sink.onEnd())
      return () => this.clock.cancel(timer)
    }
    return this.#agents('logs').logs(namespace, pod, { ...others, container: container.name }, sink)
  }

  exec(namespace: string, pod: string, options: ExecOptions): RemoteCommand {
    const container = checkExecTarget(this.get('pods', namespace, pod), options.container)
    const { command, container: chosen } = this.#connect('pods', namespace, pod, 'exec', options.user, 'PodExecOptions', { ...streamsOf(options), container, command: options.command })
    return this.#agents('exec').exec(namespace, pod, { ...options, command, container: chosen })
  }

  attach(namespace: string, pod: string, options: Omit<ExecOptions, 'command'>): RemoteCommand {
    const container = checkExecTarget(this.get('pods', namespace, pod), options.container)
    const { container: chosen } = this.#connect('pods', namespace, pod, 'attach', options.user, 'PodAttachOptions', { ...streamsOf(options), container })
    return this.#agents('attach').attach(namespace, pod, { ...options, container: chosen })
  }

  openForward(namespace: string, pod: string, session: ForwardSession): ForwardCall {
    checkAssigned(this.get('pods', namespace, pod))
    this.#connect('pods', namespace, pod, 'portforward', session.user, 'PodPortForwardOptions', {})
    return this.#agents('port-forward').openForward(namespace, pod, session)
  }

  proxy(resource: string, namespace: string | undefined, id: string, request: ProxyRequest, done: (answer: ProxyAnswer) => void): () => void {
    this.#connect(resource, namespace, id, 'proxy', request.user, PROXY_OPTIONS[resource] ?? 'NodeProxyOptions', {})
    return passOn(this.clock, locate(this, resource, namespace, id), request, this.#agents('proxy'), done)
  }

  /** A stream is the operation CONNECT, of which webhooks and policies have a word; mutating ones may change the command and its container. */
  #connect<T extends object>(resource: string, namespace: string | undefined, name: string, subresource: string, user: User | undefined, kind: string, options: T): T {
    if (!this.admission.any) return options
    const request = requestOf(this.kind(resource), 'CONNECT', namespace, name, { subresource, ...(user ? { user } : {}) })
    return this.admission.connect({ ...request, shownAs: { group: '', version: 'v1', kind } }, { kind, apiVersion: 'v1', ...options } as unknown as KubeObject) as unknown as T
  }

  /** A dry run uses up no chance: what is named later has the same name without it. */
  #request<T, O extends WriteOptions>(options: O, work: (options: O) => T): T {
    if (!options.dryRun) return this.#asking(options, work)
    const marks = this.#streams.map((stream) => stream.mark())
    try {
      return this.#asking(options, work)
    } finally {
      this.#streams.forEach((stream, i) => stream.rewind(marks[i]!))
    }
  }

  /** What waits for webhooks has not happened: it has used up no chance, and warned of nothing. */
  #asking<T, O extends { onWarning?: (text: string) => void }>(options: O, work: (options: O) => T): T {
    if (!this.admission.any) return work(options)
    const marks = this.#streams.map((stream) => stream.mark())
    const warnings: string[] = []
    let waits = false
    try {
      return work({ ...options, onWarning: (text) => void warnings.push(text) })
    } catch (error) {
      waits = error instanceof Undecided
      if (waits) this.#streams.forEach((stream, i) => stream.rewind(marks[i]!))
      throw error
    } finally {
      if (!waits) for (const text of warnings) options.onWarning?.(text)
    }
  }

  #agents(what: string): NodeAgents {
    if (!this.nodeAgents) throw notSimulated(`${what} in a cluster without kubelets`)
    return this.nodeAgents
  }
}

const COMPONENTS = 'componentstatuses'
const PROXY_OPTIONS: Readonly<Record<string, string>> = { pods: 'PodProxyOptions', services: 'ServiceProxyOptions' }

/** What is true of PodExecOptions and PodAttachOptions; what is not is left out. */
function streamsOf({ stdin, stdout, stderr, tty }: Omit<ExecOptions, 'command'>): object {
  return Object.fromEntries(Object.entries({ stdin, stdout, stderr, tty }).filter(([, wanted]) => wanted).map(([name]) => [name, true]))
}

/** What is found out when somebody asks cannot be written. */
function refuseWrites(kind: Kind): void {
  if (kind.resource === componentStatus.resource) throw noSuchMethod()
}

/** The namespace under which the store keeps objects of this kind. */
export function scope(kind: Kind, namespace: string | undefined): string {
  return kind.resource.namespaced ? (namespace ?? 'default') : ''
}
