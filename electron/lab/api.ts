import {
  ADMIN, answerRequest, asUser, CallbackFile, ConnectionError, InboxFile, StatusError, type ApiContext, type ApiRequest, type Cluster, type ExecOptions, type ForwardCall, type ForwardedConnection, type KubernetesClient, type RemoteCommand,
  type Status, type TcpHandlers, Undecided, type User,
} from '../engine/cluster.ts'
import { recorded } from '../shell/kubectl/recorded.ts'

/** What real clients of the Kubernetes API send into a world, beside requests that only look. `user`: who asks, if not the administrator. */
export type ApiInput =
  | { kind: 'api-request'; call: number; request: ApiRequest; user?: User }
  /** The client went away. */
  | { kind: 'api-abort'; call: number }
  /** exec, or without a command attach. */
  | { kind: 'api-session'; call: number; session: ApiSession }
  | { kind: 'api-stdin'; call: number; data: Uint8Array }
  | { kind: 'api-stdin-end'; call: number }
  | { kind: 'api-resize'; call: number; columns: number; rows: number }
  /** A port-forward, whose connections come as inputs of their own. */
  | { kind: 'api-forward-open'; call: number; namespace: string; pod: string; user?: User }

export interface ApiSession {
  user?: User
  namespace: string
  pod: string
  container?: string
  command?: readonly string[]
  tty: boolean
  stdin: boolean
  stdout: boolean
  stderr: boolean
}

/** How a session ended. `status`: the API server's own refusal, before there was a session. */
export type ApiSessionEnd = { code: number } | { error: string } | { status: Status } | { unreachable: string }

export interface ApiListener {
  apiHead(call: number, status: number, headers: readonly (readonly [string, string])[]): void
  apiData(call: number, chunk: string | Uint8Array): void
  /** The answer is complete; `unreachable`: there is no API server to give one. */
  apiEnd(call: number, unreachable?: string): void
  apiOutput(call: number, descriptor: 1 | 2, data: Uint8Array): void
  apiSessionEnd(call: number, end: ApiSessionEnd): void
  apiForwardOpen(call: number): void
  /** `refused`: it never stood, for this reason. */
  apiForwardEnd(call: number, refused?: string): void
}

/** What real clients talk to: the API server, as far as it can be reached. */
export function apiOf({ clock, connection }: Cluster, user?: User): ApiContext {
  return { clock, client: connection, ...(user ? { user } : {}) }
}

/** The calls of real API clients that are under way in a world. */
export class WorldApi {
  readonly #cluster: Cluster
  readonly #listener: ApiListener
  readonly #aborts = new Map<number, () => void>()
  readonly #sessions = new Map<number, { remote: RemoteCommand; stdin: InboxFile | undefined }>()
  readonly #forwards = new Map<number, ForwardCall>()

  constructor(cluster: Cluster, listener: ApiListener) {
    this.#cluster = cluster
    this.#listener = listener
  }

  /** For what is no request of HTTP here: streams. */
  #clientOf(user: User | undefined): KubernetesClient {
    const { connection, laptop } = this.#cluster
    return recorded(user ? asUser(connection, user) : connection, connection.requests, { shown: user ?? ADMIN }, laptop.network)
  }

  /** Calls that have not ended. */
  get open(): number[] {
    return [...this.#aborts.keys(), ...this.#sessions.keys(), ...this.#forwards.keys()]
  }

  /** Bytes that a session's program has not read yet. */
  unread(call: number): number {
    return this.#sessions.get(call)?.stdin?.size ?? 0
  }

  apply(input: ApiInput): void {
    switch (input.kind) {
      case 'api-request': return this.#request(input)
      case 'api-session': return this.#session(input.call, input.session)
      case 'api-stdin': return this.#sessions.get(input.call)?.stdin?.push(input.data)
      case 'api-stdin-end': return this.#sessions.get(input.call)?.stdin?.end()
      case 'api-resize': return this.#sessions.get(input.call)?.remote.resize(input.columns, input.rows)
      case 'api-forward-open': return this.#openForward(input)
      case 'api-abort': return this.#abort(input.call)
    }
  }

  #request({ call, request, user }: ApiInput & { kind: 'api-request' }): void {
    let over = false
    const end = (unreachable?: string): void => {
      over = true
      this.#aborts.delete(call)
      this.#listener.apiEnd(call, unreachable)
    }
    try {
      const abort = answerRequest(apiOf(this.#cluster, user), request, {
        head: (status, headers) => this.#listener.apiHead(call, status, headers),
        data: (chunk) => this.#listener.apiData(call, chunk),
        end,
      })
      if (!over) this.#aborts.set(call, abort)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      end(error.message)
    }
  }

  #session(call: number, session: ApiSession, stdin = session.stdin ? new InboxFile() : undefined): void {
    const { namespace, pod, container, command, tty } = session
    const output = (descriptor: 1 | 2): CallbackFile => new CallbackFile(this.#cluster.clock, (bytes) => this.#listener.apiOutput(call, descriptor, bytes.slice()))
    const options: Omit<ExecOptions, 'command'> = {
      tty,
      ...(container ? { container } : {}),
      ...(stdin ? { stdin } : {}),
      ...(session.stdout ? { stdout: output(1) } : {}),
      ...(session.stderr && !tty ? { stderr: output(2) } : {}),
    }
    const finish = (end: ApiSessionEnd): void => {
      this.#sessions.delete(call)
      this.#listener.apiSessionEnd(call, end)
    }
    try {
      const client = this.#clientOf(session.user)
      const remote = command ? client.exec(namespace, pod, { ...options, command }) : client.attach(namespace, pod, options)
      this.#sessions.set(call, { remote, stdin })
      remote.onExit((result) => {
        remote.close()
        finish(result)
      })
    } catch (error) {
      if (error instanceof Undecided) this.#sessions.set(call, { remote: whenSettled(error, () => this.#session(call, session, stdin)), stdin })
      else if (error instanceof StatusError) finish({ status: error.status })
      else if (error instanceof ConnectionError) finish({ unreachable: error.message })
      else throw error
    }
  }

  /** A connection to a port, of a port-forward that stands. */
  connect(call: number, port: number, handlers: TcpHandlers): ForwardedConnection | undefined {
    return this.#forwards.get(call)?.connect(port, handlers)
  }

  #openForward(input: ApiInput & { kind: 'api-forward-open' }): void {
    const { call, namespace, pod, user } = input
    const end = (refused?: string): void => {
      this.#forwards.delete(call)
      this.#listener.apiForwardEnd(call, refused)
    }
    try {
      const opened = this.#clientOf(user).openForward(namespace, pod, { onOpen: () => this.#listener.apiForwardOpen(call), onRefused: end, onLost: () => end() })
      this.#forwards.set(call, opened)
    } catch (error) {
      if (error instanceof Undecided) this.#forwards.set(call, { connect: () => { throw error }, hangUp: error.settle(() => this.#openForward(input)) })
      else if (error instanceof StatusError || error instanceof ConnectionError) end(error.message)
      else throw error
    }
  }

  #abort(call: number): void {
    const forward = this.#forwards.get(call)
    this.#forwards.delete(call)
    forward?.hangUp()
    const abort = this.#aborts.get(call)
    this.#aborts.delete(call)
    abort?.()
    const session = this.#sessions.get(call)
    this.#sessions.delete(call)
    session?.stdin?.end()
    session?.remote.close()
  }
}

/** A session that waits for admission webhooks. */
function whenSettled(waiting: Undecided, again: () => void): RemoteCommand {
  return { resize: () => undefined, close: waiting.settle(again), onExit: () => undefined }
}
