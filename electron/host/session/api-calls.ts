import { ADMIN, answerRequest, checkAssigned, checkExecTarget, checkStream, ConnectionError, DerError, onlyLooks, readCertificate, StatusError, userOfRequest, type ApiRequest, type Impersonation, type Pod, type Status, type User } from '../../engine/cluster.ts'
import { apiOf, type ApiSession, type ApiSessionEnd } from '../../lab/api.ts'
import type { Input, World } from '../../lab/world.ts'

/** Where an answer of the simulated API server goes. */
export interface CallSink {
  head(status: number, headers: readonly (readonly [string, string])[]): void
  data(chunk: string | Uint8Array): void
  end(): void
  /** There is no API server that answers, or no world any more. */
  lost(why: string): void
}

export interface SessionSink {
  output(descriptor: 1 | 2, data: Uint8Array): void
  end(end: ApiSessionEnd): void
}

export interface ForwardSink {
  data(data: Uint8Array): void
  end(): void
  closed(error?: string): void
}

export interface Forward {
  send(data: Uint8Array): void
  end(): void
  abort(): void
  readonly unsent: number
}

export interface ForwardOpening {
  open(): void
  /** `refused`: it never stood, for this reason. */
  end(refused?: string): void
}

/** A port-forward of a client. */
export interface ForwardSession {
  /** A connection to a port, once it stands. */
  connect(port: number, sink: ForwardSink): Forward
  abort(): void
}

export interface RemoteSession {
  stdin(data: Uint8Array): void
  endStdin(): void
  resize(columns: number, rows: number): void
  abort(): void
  /** Bytes that the program has not read yet. */
  readonly unread: number
}

/** What ends a request whose client went away. */
export interface Call {
  abort(): void
}

/** What a connection is to become a stream of. `method`: a WebSocket is a GET, SPDY a POST. */
export interface StreamTarget { kind: 'exec' | 'attach' | 'portforward'; namespace: string; pod: string; container: string | undefined; method: string }

/** The way of real API clients into a session's world. Throws when there is no world yet. */
export interface KubeApi {
  /** False while the world's API server is down, or its machine. */
  readonly reachable: boolean
  /** How many requests, sessions and connections of clients the world has under way. */
  readonly open: number
  /** Whom the API server knows by these: the client's certificate as DER, and its Authorization. Undefined: nobody. */
  identify(shown: { certificate: Uint8Array | undefined; authorization: string | undefined }): User | undefined
  /** The same for somebody who is not the administrator. */
  as(user: User): KubeApi
  request(request: ApiRequest, sink: CallSink): Call
  /** What the API server says before a connection may become a stream; undefined: it may. */
  check(target: StreamTarget, as?: Impersonation): Status | undefined
  session(session: ApiSession, sink: SessionSink): RemoteSession
  forward(namespace: string, pod: string, sink: ForwardOpening): ForwardSession
}

interface CallsHost {
  /** Everything that changes the world, so that it is in the session's log. */
  input(input: Input): void
  sync(): void
  world(): World
  /** A number for a connection into the world. */
  nextConnection(): number
}

/** Calls of real API clients, from their sockets into one world and back. They end with it. */
export class ApiCalls implements KubeApi {
  /** The number of the next call; numbers of one world are never used twice. */
  next = 1
  readonly #host: CallsHost
  readonly #calls = new Map<number, CallSink>()
  readonly #sessions = new Map<number, SessionSink>()
  readonly #openings = new Map<number, ForwardOpening>()
  readonly #forwards = new Map<number, ForwardSink>()

  constructor(host: CallsHost) {
    this.#host = host
  }

  get reachable(): boolean {
    return this.#host.world().cluster.connection.reachable
  }

  get open(): number {
    const { api, connections } = this.#host.world()
    return api.open.length + connections.filter((connection) => this.#forwards.has(connection)).length
  }

  identify({ certificate, authorization }: { certificate: Uint8Array | undefined; authorization: string | undefined }): User | undefined {
    this.#host.sync()
    const { clock, connection } = this.#host.world().cluster
    try {
      return userOfRequest(connection, { authorization, certificate: certificate && readCertificate(certificate) }, clock.wall())
    } catch (error) {
      if (error instanceof DerError || error instanceof StatusError || error instanceof ConnectionError) return undefined
      throw error
    }
  }

  as(user: User): KubeApi {
    const isReachable = (): boolean => this.reachable
    const countOpen = (): number => this.open
    return {
      get reachable() {
        return isReachable()
      },
      get open() {
        return countOpen()
      },
      identify: (shown) => this.identify(shown),
      as: (other) => this.as(other),
      request: (request, sink) => this.request(request, sink, user),
      check: (target, as) => this.check(target, as, user),
      session: (session, sink) => this.session({ ...session, user }, sink),
      forward: (namespace, pod, sink) => this.forward(namespace, pod, sink, user),
    }
  }

  request(request: ApiRequest, sink: CallSink, user?: User): Call {
    // what the audit log is to say, the world has to remember
    if (onlyLooks(request) && !this.#host.world().cluster.connection.requests?.audit) {
      this.#host.sync()
      this.#look(request, sink, user)
      return { abort: () => undefined }
    }
    const call = this.next++
    this.#calls.set(call, sink)
    this.#host.input({ kind: 'api-request', call, request, ...(user ? { user } : {}) })
    return { abort: () => this.#abort(call, this.#calls) }
  }

  check({ kind, namespace, pod, container, method }: StreamTarget, as?: Impersonation, user: User = ADMIN): Status | undefined {
    this.#host.sync()
    try {
      if (as || user !== ADMIN) checkStream(this.#host.world().cluster.connection, { user, as }, method, namespace, pod, kind)
      const object = this.#host.world().cluster.connection.get<Pod>('pods', namespace, pod)
      if (kind === 'portforward') checkAssigned(object)
      else checkExecTarget(object, container)
      return undefined
    } catch (error) {
      if (error instanceof StatusError) return error.status
      if (error instanceof ConnectionError) return undefined
      throw error
    }
  }

  session(session: ApiSession, sink: SessionSink): RemoteSession {
    const call = this.next++
    this.#sessions.set(call, sink)
    this.#host.input({ kind: 'api-session', call, session })
    const send = (input: Input): void => {
      if (this.#sessions.has(call)) this.#host.input(input)
    }
    const world = this.#host.world()
    return {
      stdin: (data) => send({ kind: 'api-stdin', call, data }),
      endStdin: () => send({ kind: 'api-stdin-end', call }),
      resize: (columns, rows) => send({ kind: 'api-resize', call, columns, rows }),
      abort: () => this.#abort(call, this.#sessions),
      get unread() {
        return world.api.unread(call)
      },
    }
  }

  forward(namespace: string, pod: string, sink: ForwardOpening, user?: User): ForwardSession {
    const call = this.next++
    this.#openings.set(call, sink)
    this.#host.input({ kind: 'api-forward-open', call, namespace, pod, ...(user ? { user } : {}) })
    return { connect: (port, forwarded) => this.#connect(call, port, forwarded), abort: () => this.#abort(call, this.#openings) }
  }

  #connect(call: number, port: number, sink: ForwardSink): Forward {
    const connection = this.#host.nextConnection()
    this.#forwards.set(connection, sink)
    this.#host.input({ kind: 'api-forward', connection, call, port })
    const send = (input: Input): void => {
      if (this.#forwards.has(connection)) this.#host.input(input)
    }
    const world = this.#host.world()
    return {
      send: (data) => send({ kind: 'outside-data', connection, data }),
      end: () => send({ kind: 'outside-end', connection }),
      abort: () => {
        send({ kind: 'outside-abort', connection })
        this.#forwards.delete(connection)
      },
      get unsent() {
        return world.unsent(connection)
      },
    }
  }

  // from the world back to the client

  head(call: number, status: number, headers: readonly (readonly [string, string])[]): void {
    this.#calls.get(call)?.head(status, headers)
  }

  data(call: number, chunk: string | Uint8Array): void {
    this.#calls.get(call)?.data(chunk)
  }

  end(call: number, unreachable: string | undefined): void {
    const sink = this.#calls.get(call)
    this.#calls.delete(call)
    if (unreachable === undefined) sink?.end()
    else sink?.lost(unreachable)
  }

  output(call: number, descriptor: 1 | 2, data: Uint8Array): void {
    this.#sessions.get(call)?.output(descriptor, data)
  }

  sessionEnd(call: number, end: ApiSessionEnd): void {
    const sink = this.#sessions.get(call)
    this.#sessions.delete(call)
    sink?.end(end)
  }

  forwardOpen(call: number): void {
    this.#openings.get(call)?.open()
  }

  forwardEnded(call: number, refused: string | undefined): void {
    const sink = this.#openings.get(call)
    this.#openings.delete(call)
    sink?.end(refused)
  }

  /** True when the connection is a real client's port-forward, and not a browser's. */
  forwardData(connection: number, data: Uint8Array): boolean {
    const sink = this.#forwards.get(connection)
    sink?.data(data)
    return sink !== undefined
  }

  forwardEnd(connection: number): boolean {
    const sink = this.#forwards.get(connection)
    sink?.end()
    return sink !== undefined
  }

  forwardClosed(connection: number, error: string | undefined): boolean {
    const sink = this.#forwards.get(connection)
    this.#forwards.delete(connection)
    sink?.closed(error)
    return sink !== undefined
  }

  /** The world is over. */
  closeAll(): void {
    for (const sink of this.#calls.values()) sink.lost('the cluster has ended')
    for (const sink of this.#sessions.values()) sink.end({ unreachable: 'the cluster has ended' })
    for (const sink of this.#forwards.values()) sink.closed('the cluster has ended')
    for (const sink of this.#openings.values()) sink.end('the cluster has ended')
    this.#calls.clear()
    this.#sessions.clear()
    this.#forwards.clear()
    this.#openings.clear()
  }

  #look(request: ApiRequest, sink: CallSink, user: User | undefined): void {
    try {
      answerRequest({ ...apiOf(this.#host.world().cluster, user), unrecorded: true }, request, sink)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      sink.lost(error.message)
    }
  }

  #abort(call: number, among: Map<number, unknown>): void {
    if (among.delete(call)) this.#host.input({ kind: 'api-abort', call })
  }
}
