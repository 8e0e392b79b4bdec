import type { Clock } from '../../clock.ts'
import { CountedFile } from '../../machine/files.ts'
import { InboxFile } from '../../machine/inbox.ts'
import { Signal, type Task } from '../../machine/task.ts'
import type { OpenFile } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import type { GoAnswer } from '../../programs/http/go.ts'
import type { AnswerBody } from '../../programs/http/server.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { StatusError, type ExecOptions, type LogOptions, type RemoteCommand } from '../client.ts'
import type { Pod } from '../types.ts'
import type { ContainerRun } from './container.ts'
import { FramedConnection, STREAM, type Frame } from './frames.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'
import { CONTAINERD_GONE } from './runtime-gone.ts'
import { attach, exec, portForward, readLog } from './streams.ts'

/** What it needs of its kubelet. */
export interface StreamHost {
  readonly workers: ReadonlyMap<string, PodWorker>
  /** Since when containerd is down. */
  readonly runtimeDown: number | undefined
  readonly formerSandboxes: ReadonlyMap<string, string>
  /** A new one. */
  execId(): string
}

type Query = ReadonlyMap<string, readonly string[]>

/** Bytes that wait to be acknowledged before a writer has to wait. */
const UNACKNOWLEDGED = 262_144

/** A file whose content is a stream of a connection; who writes more than the connection takes waits. */
export class StreamFile extends CountedFile implements OpenFile {
  readonly kind = 'pipe'
  readonly #framed: FramedConnection
  readonly #stream: number

  constructor(framed: FramedConnection, stream: number) {
    super()
    this.#framed = framed
    this.#stream = stream
  }

  *read(): Task<Uint8Array | null> {
    return null
  }

  *write(bytes: Uint8Array): Task<void> {
    this.#framed.data(this.#stream, bytes)
    while (this.#framed.unsent > UNACKNOWLEDGED) {
      const room = new Signal()
      this.#framed.onRoom(() => room.notify())
      yield room.wait
    }
  }
}

/** The kubelet's containerLogs, exec, attach and portForward (pkg/kubelet/server), as long as it runs. */
export class StreamServer {
  readonly #clock: Clock
  readonly #host: StreamHost
  readonly #open = new Set<() => void>()

  constructor(clock: Clock, host: StreamHost) {
    this.#clock = clock
    this.#host = host
  }

  /** Undefined: none of its paths. `target`: as it stands in the request line. */
  answer(target: string): GoAnswer | undefined {
    const [path = '', search = ''] = target.split('?')
    const [, what, namespace = '', name = '', container = ''] = path.split('/').map(decodeURIComponent)
    const query = parameters(search)
    try {
      if (what === 'containerLogs') return this.#logs(namespace, name, container, query)
      if (what === 'exec' || what === 'attach') return this.#session(what, namespace, name, container, query)
      if (what === 'portForward') return this.#forward(namespace, name)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      return { status: error.status.code ?? 500, headers: TEXT, body: error.message }
    }
    return undefined
  }

  stop(): void {
    for (const end of [...this.#open]) end()
    this.#open.clear()
  }

  /** The one that came last, where another with this name still goes. */
  #worker(namespace: string, name: string): PodWorker | undefined {
    return [...this.#host.workers.values()].findLast(({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace)
  }

  #logs(namespace: string, name: string, container: string, query: Query): GoAnswer {
    const worker = this.#worker(namespace, name)
    const flag = (key: string): boolean => query.get(key)?.[0] === 'true'
    const number = (key: 'sinceSeconds' | 'tailLines'): LogOptions => (query.has(key) ? { [key]: Number(query.get(key)![0]) } : {})
    const options: LogOptions = { container, follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps'), ...number('sinceSeconds'), ...number('tailLines') }
    let text = ''
    let over = false
    let body: AnswerBody | undefined
    const flush = (): void => {
      if (!body) return
      if (text !== '') body.send(encodeUtf8(text))
      text = ''
      if (!over) return
      end()
      body.end()
    }
    const pod = worker?.pod ?? ({ metadata: { name, namespace } } as Pod)
    const stop = readLog(worker, pod, options, {
      onLine: (line) => {
        // lines of one moment go together
        if (text === '') this.#clock.schedule(0, flush)
        text += `${line}\n`
      },
      onEnd: () => {
        over = true
        this.#clock.schedule(0, flush)
      },
    }, this.#host.runtimeDown !== undefined)
    const end = (): void => {
      this.#open.delete(cut)
      stop()
    }
    const cut = (): void => {
      end()
      body?.cut()
    }
    return {
      headers: [['Content-Type', 'text/plain']],
      stream: (answer) => {
        body = answer
        answer.onGone = end
        this.#open.add(cut)
        flush()
      },
    }
  }

  #session(kind: 'exec' | 'attach', namespace: string, name: string, container: string, query: Query): GoAnswer {
    const worker = this.#worker(namespace, name)
    if (!worker) return { status: 404, headers: TEXT, body: 'pod does not exist' }
    if (this.#host.runtimeDown !== undefined) return { status: 500, headers: TEXT, body: CONTAINERD_GONE }
    const record = worker.record(container)
    const { run } = record ?? {}
    if (!record || !run) return { status: 500, headers: TEXT, body: `container not found ("${container}")` }
    const on = (key: string): boolean => query.get(key)?.[0] === '1'
    const command = query.get('command') ?? []
    return switched('v4.channel.k8s.io', (connection) => {
      this.#serve(connection, (framed) => new Session(framed, { stdin: on('input'), stdout: on('output'), stderr: on('error'), tty: on('tty') }, (options) => this.#begin(kind, run, record, command, options)))
    })
  }

  #begin(kind: 'exec' | 'attach', run: ContainerRun, record: ContainerRecord, command: readonly string[], options: Omit<ExecOptions, 'command'>): RemoteCommand {
    return kind === 'exec' ? exec(this.#clock, run, { ...options, command }, this.#host.execId()) : attach(this.#clock, run, record, options)
  }

  #forward(namespace: string, name: string): GoAnswer {
    const worker = this.#worker(namespace, name)
    if (!worker) return { status: 404, headers: TEXT, body: 'pod does not exist' }
    if (this.#host.runtimeDown !== undefined) return { status: 500, headers: TEXT, body: CONTAINERD_GONE }
    const { sandbox, pod: { metadata: { uid } } } = worker
    if (!sandbox) return { status: 500, headers: TEXT, body: `pod not found ("${name}_${namespace}")` }
    return switched('portforward.k8s.io', (connection) => {
      this.#serve(connection, (framed) => new Forwards(framed, (port, handlers) => {
        const gone = this.#host.formerSandboxes.get(uid)
        return gone === undefined ? portForward(sandbox, port, handlers) : `error forwarding port ${port} to pod ${gone}, uid : failed to find sandbox "${gone}" in store: not found`
      }))
    })
  }

  #serve(connection: TcpConnection, make: (framed: FramedConnection) => { onFrame(frame: Frame): void; onOver(): void }): void {
    const framed: FramedConnection = new FramedConnection(connection, {
      onFrame: (frame) => served.onFrame(frame),
      onOver: () => {
        this.#open.delete(cut)
        served.onOver()
      },
    })
    const cut = (): void => {
      served.onOver()
      framed.end()
    }
    this.#open.add(cut)
    const served = make(framed)
  }
}

const TEXT: [string, string][] = [['Content-Type', 'text/plain; charset=utf-8']]

function switched(protocol: string, upgrade: (connection: TcpConnection) => void): GoAnswer {
  return { status: 101, headers: [['Connection', 'Upgrade'], ['Upgrade', 'SPDY/3.1'], ['X-Stream-Protocol-Version', protocol]], upgrade }
}

function parameters(search: string): Query {
  const all = new Map<string, string[]>()
  for (const pair of search.split('&')) {
    const at = pair.indexOf('=')
    if (at > 0) all.set(pair.slice(0, at), [...(all.get(pair.slice(0, at)) ?? []), decodeURIComponent(pair.slice(at + 1).replaceAll('+', ' '))])
  }
  return all
}

interface SessionStreams { stdin: boolean; stdout: boolean; stderr: boolean; tty: boolean }

/** exec or attach: begins when the client has opened its streams, which its first frame says. */
class Session {
  readonly #framed: FramedConnection
  readonly #streams: SessionStreams
  readonly #begin: (options: Omit<ExecOptions, 'command'>) => RemoteCommand
  readonly #stdin = new InboxFile()
  #remote: RemoteCommand | undefined

  constructor(framed: FramedConnection, streams: SessionStreams, begin: (options: Omit<ExecOptions, 'command'>) => RemoteCommand) {
    this.#framed = framed
    this.#streams = streams
    this.#begin = begin
  }

  onFrame({ stream, data, last }: Frame): void {
    const size = stream === STREAM.resize && data.length > 0 ? sizeOf(data) : undefined
    if (!this.#remote) this.#start(size)
    else if (size) this.#remote.resize(size.columns, size.rows)
    if (stream !== STREAM.stdin) return
    this.#stdin.push(data)
    if (last) this.#stdin.end()
  }

  onOver(): void {
    this.#stdin.end()
    this.#remote?.close()
  }

  #start(size: { columns: number; rows: number } | undefined): void {
    const framed = this.#framed
    const { stdin, stdout, stderr, tty } = this.#streams
    const files = [stdout ? new StreamFile(framed, STREAM.stdout) : undefined, stderr && !tty ? new StreamFile(framed, STREAM.stderr) : undefined] as const
    const [out, err] = files
    this.#remote = this.#begin({ tty, ...size, ...(stdin ? { stdin: this.#stdin } : {}), ...(out ? { stdout: out } : {}), ...(err ? { stderr: err } : {}) })
    for (const file of files) file?.release()
    this.#remote.onExit((result) => {
      framed.data(STREAM.error, encodeUtf8(JSON.stringify(result)), true)
      framed.end()
    })
  }
}

function sizeOf(data: Uint8Array): { columns: number; rows: number } {
  const { Width: columns, Height: rows } = JSON.parse(decodeUtf8(data)) as { Width: number; Height: number }
  return { columns, rows }
}

/** The pairs of streams of a port-forward: data, and two before it what went wrong. */
class Forwards {
  readonly #framed: FramedConnection
  readonly #dial: (port: number, handlers: TcpConnection['handlers']) => TcpConnection | string
  readonly #connections = new Map<number, TcpConnection>()

  constructor(framed: FramedConnection, dial: (port: number, handlers: TcpConnection['handlers']) => TcpConnection | string) {
    this.#framed = framed
    this.#dial = dial
  }

  onFrame({ kind, stream, data, last }: Frame): void {
    if (kind === 'open') return this.#open(stream, (data[0]! << 8) | data[1]!)
    const connection = this.#connections.get(stream)
    if (!connection) return
    if (kind === 'reset') return connection.abort()
    if (data.length > 0 && connection.state !== 'CLOSED' && connection.state !== 'TIME-WAIT') connection.send(data)
    if (last) connection.end()
  }

  onOver(): void {
    for (const connection of this.#connections.values()) connection.end()
    this.#connections.clear()
  }

  #open(stream: number, port: number): void {
    const framed = this.#framed
    const say = (text: string): void => framed.data(stream - 2, encodeUtf8(text), true)
    const made = this.#dial(port, {
      onData: (data) => framed.data(stream, data),
      onEnd: () => framed.data(stream, new Uint8Array(0), true),
      onClose: (error) => {
        this.#connections.delete(stream)
        if (error?.code === 'ECONNRESET') framed.reset(stream)
        else say(error?.message ?? '')
      },
    })
    if (typeof made === 'string') say(made)
    else this.#connections.set(stream, made)
  }
}
