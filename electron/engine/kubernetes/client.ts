import type { OpenFile } from '../machine/types.ts'
import type { TcpConnection, TcpHandlers } from '../network/types.ts'
import type { OpenApiDocument } from './openapi/types.ts'
import type { ProxyAnswer, ProxyRequest } from './proxy-location.ts'
import type { User } from './rbac/authorizer.ts'
import type { Requests } from './requests/requests.ts'
import type { KubeObject, Status, Table } from './types.ts'

/**
 * The one way into the API server for everybody: kubectl in the lab terminal, controllers and agents, lab checks,
 * and later the HTTP API. Contract; implemented by api-server.ts (objects) and kubelet/ (exec, logs, …).
 */

/** A row of discovery: kubectl api-resources. */
export interface ApiResource {
  /** "pods" */
  name: string
  singular: string
  kind: string
  /** "" for core. */
  group: string
  version: string
  namespaced: boolean
  shortNames: readonly string[]
  categories: readonly string[]
  verbs: readonly string[]
  /** "status", "scale", "log", "exec", … */
  subresources: readonly string[]
  /** What the calls of a client name it by, where `name` alone does not: "plural.group" of custom resources. */
  key?: string
  /** Of a CustomResourceDefinition. */
  custom?: true
  /** The warning that goes with every answer about this kind (KEP-1693). */
  deprecation?: string
}

export interface ListOptions {
  /** Absent: all namespaces. */
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
  limit?: number
  continue?: string
  /** "": the latest. "0": any. N: not older than N; with a limit, or with resourceVersionMatch Exact, exactly N. */
  resourceVersion?: string
  /** "Exact" or "NotOlderThan". */
  resourceVersionMatch?: string
}
export interface WatchOptions extends ListOptions {
  /** Once a minute a BOOKMARK: everything up to its version has been told. */
  allowWatchBookmarks?: boolean
  /** The feature WatchList, which v1.33 has switched off unless ApiServerOptions.watchList says otherwise. */
  sendInitialEvents?: boolean
  /** The server ends the watch after so many seconds. Absent: it does not. */
  timeoutSeconds?: number
  /** Called when the server ends the watch: after an ERROR, or when its time is over. */
  onEnd?: () => void
  /** Of an agent, as of its writes. */
  fieldManager?: string
  account?: User
}
export interface WriteOptions {
  fieldManager?: string
  dryRun?: boolean
  /** Default Strict, as kubectl asks; Warn puts warnings through onWarning. */
  fieldValidation?: 'Ignore' | 'Warn' | 'Strict'
  force?: boolean
  /** Fields that the body had twice ("spec.replicas"), where it came as text. */
  duplicates?: readonly string[]
  /** Gets what Warn finds: 'unknown field "spec.foo"'. */
  onWarning?: (text: string) => void
  /** Who asks; absent: the administrator. */
  user?: User
  /** The ServiceAccount of an agent whose rights it has found out itself: for the record only. */
  account?: User
  /** An agent's word that what it sends is in the form in which objects are stored: the server takes it as it is. */
  canonical?: boolean
}
/** What agents write all the time and hardly anybody reads (Events); the server keeps it as it is until somebody does. */
export abstract class LateWrite {
  /** The server's: which version it makes, when (virtual time), and who writes, if that was said: of a million events it was of none. */
  version = 0
  at = 0
  declare manager?: string
}
/** A body for `create`, made when somebody looks at its resource. It must be valid and of a name that is free; the answer is empty. */
export abstract class LateBody extends LateWrite {
  /** Somebody has looked. */
  taken = false
  /** The server's: of its uid, which is made with it. */
  number = 0
  abstract make(): object
}
/** A merge patch of what was created so and is not yet taken. It must change something. */
export class LateChange extends LateWrite {
  readonly make: () => { namespace: string; name: string; patch: object }
  constructor(make: LateChange['make']) {
    super()
    this.make = make
  }
}
export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  preconditions?: { uid?: string; resourceVersion?: string }
  dryRun?: boolean
  /** Who asks; absent: the administrator. */
  user?: User
  /** Of an agent, as of its other writes. */
  fieldManager?: string
  account?: User
  /** Gets what the answer warns of. */
  onWarning?: (text: string) => void
}
export type PatchType = 'application/json-patch+json' | 'application/merge-patch+json' | 'application/strategic-merge-patch+json' | 'application/apply-patch+yaml'

export interface ObjectList<T extends KubeObject = KubeObject> {
  resourceVersion: string
  items: readonly T[]
  continue?: string
  remainingItemCount?: number
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string; annotations?: { [key: string]: string } }
  | { type: 'ERROR'; status: Status }

/** Thrown by every call that the API server refuses. `message` is status.message. */
export class StatusError extends Error {
  readonly status: Status
  constructor(status: Status) {
    super(status.message)
    this.name = 'StatusError'
    this.status = status
  }
}

/** A refusal by a webhook or a policy, or for a webhook that cannot be asked. */
export class AdmissionRefusal extends StatusError {}

/** Thrown when the API server cannot be reached; message as Go's net/http gives it. `server`: where it was sought, "172.18.0.2:6443". */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
  readonly server: string | undefined
  constructor(message: string, server?: string) {
    super(message)
    this.server = server
  }
}

/**
 * Thrown by a write about which webhooks are being asked, by packets. Whoever can wait does, and writes the same again: then
 * their word is known. To others the server has not answered yet: they try again as after any failure of the network.
 */
export class Undecided extends ConnectionError {
  override name = 'Undecided'
  /** Calls `done` once, when they have answered. Returns what stops waiting. */
  readonly settle: (done: () => void) => () => void
  constructor(settle: Undecided['settle']) {
    super('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
    this.settle = settle
  }
}

/**
 * Resources are named by their plural: "pods", "deployments" (group apps is known), "endpointslices"; custom resources by
 * "plural.group" (their preferred version) or "plural.version.group": see ApiResource.key and resourceKey.
 */
/** The way of a client to the API server, for agents that share what they learn there. */
export interface Way {
  readonly server: KubernetesClient
  /** It is broken: whoever uses it learns nothing. */
  readonly silent: boolean
  /** Called when it breaks. Returns what stops it. */
  onSilence(listener: () => void): () => void
  /** Called when it works again. Returns what stops it. */
  onResume(listener: () => void): () => void
  /** The way on which these resources come, where not everything may be read on it: broken also while one of them is refused. */
  reads?(resources: readonly string[]): Way
}

export interface KubernetesClient {
  /** Absent where the client is the server itself. */
  readonly way?: Way | undefined
  /** Where the server is told what is asked of it. */
  readonly requests?: Requests | undefined
  resources(): readonly ApiResource[]
  /** By plural, singular, short name or kind, optionally "name.group" or "name.version.group". */
  findResource(word: string): ApiResource | undefined
  serverVersion(): { major: string; minor: string; gitVersion: string; gitCommit: string; buildDate: string; goVersion: string; platform: string }
  /** The OpenAPI v3 documents that there are: "api/v1", "apis/apps/v1". */
  openApiPaths(): readonly string[]
  /** One of them; undefined: there is none of that path. */
  openApi(path: string): OpenApiDocument | undefined

  /**
   * The server's own view of itself, for what is no resource ("get", "/metrics"). Throws ConnectionError where there is no
   * server, and what who asks is refused with.
   */
  document(verb: string, path: string): KubernetesClient

  get<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T
  list<T extends KubeObject>(resource: string, options?: ListOptions): ObjectList<T>
  /** Rows in name order (namespace first), as etcd's keys are. */
  table(resource: string, options?: ListOptions & { name?: string }): Table
  /**
   * Finds out what `get`, `list` and `table` then tell of a resource that is kept nowhere: componentstatuses. Returns what
   * gives up.
   */
  inquire(resource: string, done: () => void): () => void
  /** The rows that a watch event makes, for kubectl get -w. */
  tableOf(resource: string, objects: readonly KubeObject[]): Table
  create<T extends KubeObject>(resource: string, namespace: string | undefined, object: unknown, options?: WriteOptions): T
  update<T extends KubeObject>(resource: string, namespace: string | undefined, name: string, object: unknown, options?: WriteOptions & { subresource?: string }): T
  patch<T extends KubeObject>(resource: string, namespace: string | undefined, name: string, type: PatchType, patch: unknown, options?: WriteOptions & { subresource?: string }): T
  /** POST to a subresource: pods/binding and pods/eviction answer with a Status, serviceaccounts/token with a TokenRequest. */
  createSubresource<T extends KubeObject | Status>(resource: string, namespace: string | undefined, name: string, subresource: string, object: unknown, options?: WriteOptions): T
  /** The subresource scale of an object, as autoscaling/v1 Scale. */
  scale<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T
  /** Returns the object when it waits for finalizers or a grace period, else the Status of success. */
  delete(resource: string, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject | Status
  deleteCollection(resource: string, list: ListOptions, options?: DeleteOptions): void
  /**
   * Events after `resourceVersion` (or, without one, first an ADDED for everything there is), each as an event of
   * the clock, in order. Returns what stops it. A version that is too old is told as an ERROR event (410 Expired),
   * after which nothing comes; throws what is wrong with the options.
   */
  watch<T extends KubeObject>(resource: string, options: WatchOptions, listener: (event: WatchEvent<T>) => void): () => void

  logs(namespace: string, pod: string, options: LogOptions, sink: LogSink): () => void
  exec(namespace: string, pod: string, options: ExecOptions): RemoteCommand
  attach(namespace: string, pod: string, options: Omit<ExecOptions, 'command'>): RemoteCommand
  /** The API server's connection to the kubelet of a Pod whose ports are forwarded, as long as that lasts. */
  openForward(namespace: string, pod: string, session: ForwardSession): ForwardCall
  /**
   * A request that the API server passes on to a Pod, an endpoint of a Service, or a node, from its own machine: the
   * subresource proxy. `id` is "NAME", "NAME:PORT" or "SCHEME:NAME:PORT". Returns what gives up.
   */
  proxy(resource: string, namespace: string | undefined, id: string, request: ProxyRequest, done: (answer: ProxyAnswer) => void): () => void
}

export interface LogOptions {
  container?: string
  follow?: boolean
  previous?: boolean
  tailLines?: number
  sinceSeconds?: number
  /** Instead of `sinceSeconds`: wall-clock ms. */
  sinceTime?: number
  timestamps?: boolean
}
export interface LogSink {
  /** The kubelet has begun to answer. */
  onOpen?(): void
  /** Instead of everything else: the kubelet refuses it, or could not be asked. Absent: `onEnd` gets the message. */
  onRefused?(error: StatusError): void
  onLine(line: string): void
  /** The end of the log, or of following it; with an error where the connection broke. */
  onEnd(error?: string): void
}

export interface ForwardSession {
  /** Who asks; the administrator if absent. */
  user?: User
  onOpen(): void
  /** It never stood, for this reason ("error dialing backend: dial tcp …"). */
  onRefused(why: string): void
  onLost(): void
}

export interface ForwardCall {
  /** A TCP connection to a port inside the Pod's network namespace (127.0.0.1, as CRI does). Only of one that stands. */
  connect(port: number, handlers: TcpHandlers): ForwardedConnection
  hangUp(): void
}

/** A stream of a port-forward; `onConnect` is never told. */
export interface ForwardedConnection extends Pick<TcpConnection, 'handlers' | 'unsent' | 'send' | 'end' | 'abort'> {
  readonly isOpen: boolean
}

export interface ExecOptions {
  /** Who asks; the administrator if absent. */
  user?: User
  container?: string
  command: readonly string[]
  tty: boolean
  /** The client's ends. With `tty` stderr is not used and the client's terminal size and keys are passed on. */
  stdin?: OpenFile
  stdout?: OpenFile
  stderr?: OpenFile
  columns?: number
  rows?: number
}

export interface RemoteCommand {
  resize(columns: number, rows: number): void
  /** The client went away. */
  close(): void
  /** Called once: the exit code, or the kubelet's error ("OCI runtime exec failed: …"), or what the client itself says when its connection broke. */
  onExit(listener: (result: { code: number } | { error: string; broke?: true }) => void): void
}
