import type { Clock } from '../../clock.ts'
import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import { StatusError, Undecided, type ExecOptions, type ForwardCall, type ForwardedConnection, type KubernetesClient, type RemoteCommand } from '../../kubernetes/client.ts'
import { streamProblem, streamStatus, type StreamOptions } from '../../kubernetes/http/exec-status.ts'
import type { ResourceRequest } from '../../kubernetes/http/request-info.ts'
import { badRequest } from '../../kubernetes/status.ts'
import { CallbackFile } from '../../machine/files.ts'
import { InboxFile } from '../../machine/inbox.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { acceptKey, encodeFrame, FrameReader, OPCODE, websocketKey } from '../http/websocket.ts'

/** Channels of k8s.io/apimachinery/pkg/util/remotecommand; the first byte of every message. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
/** Best first. Those with base64 carry text instead of bytes. */
const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io']
const FORWARD_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']
/** RFC 6455, 7.4.1. */
const NORMAL = 1000

/**
 * exec, attach and port-forward of any program that speaks WebSocket; undefined for who speaks something else. Throws StatusError for
 * what the API server refuses.
 */
export function streamOverWebSocket(clock: Clock, client: KubernetesClient, { query, namespace = 'default', name = '', subresource }: ResourceRequest, http: HttpRequest): HttpResponse | undefined {
  const key = websocketKey(http.headers)
  if (key === undefined) return undefined
  const offered = (headerOf(http.headers, 'sec-websocket-protocol') ?? '').split(',').map((p) => p.trim()).filter((p) => p !== '')
  const known = subresource === 'portforward' ? FORWARD_PROTOCOLS : EXEC_PROTOCOLS
  const protocol = known.find((p) => offered.includes(p)) ?? (offered.length === 0 ? '' : undefined)
  if (protocol === undefined) throw badRequest(`unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`)
  const serve = subresource === 'portforward' ? forwarding() : running()
  function forwarding(): (channels: Channels) => Handlers {
    const ports = query.all('ports').flatMap((text) => text.split(',')).map(Number)
    if (ports.length === 0 || ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65_535)) throw badRequest('query parameter "ports" is required')
    return (channels) => forward(client, namespace, name, ports, channels)
  }
  function running(): (channels: Channels) => Handlers {
    const on = (option: string): boolean => query.flag(option)
    const options: StreamOptions & { container?: string } = {
      ...(subresource === 'exec' ? { command: query.all('command') } : {}),
      ...(query.get('container') ? { container: query.get('container')! } : {}),
      stdin: on('stdin'), stdout: on('stdout'), stderr: on('stderr'), tty: on('tty'),
    }
    const problem = streamProblem(options)
    if (problem !== undefined) throw badRequest(problem)
    return (channels) => run(clock, client, namespace, name, options, channels, protocol!)
  }
  const more: [string, string][] = protocol === '' ? [] : [['Sec-WebSocket-Protocol', protocol]]
  return {
    status: 101,
    headers: [['Upgrade', 'websocket'], ['Connection', 'Upgrade'], ['Sec-WebSocket-Accept', acceptKey(key)], ...more],
    upgrade: (connection) => new Channels(connection, protocol.includes('base64'), serve),
  }
}

interface Handlers {
  onMessage(channel: number, data: Uint8Array): void
  /** The client is gone. */
  onGone(): void
}

/** Messages of a WebSocket, each for one channel. */
class Channels {
  readonly #connection: TcpConnection
  readonly #base64: boolean
  readonly #reader = new FrameReader()
  #over = false

  constructor(connection: TcpConnection, base64: boolean, serve: (channels: Channels) => Handlers) {
    this.#connection = connection
    this.#base64 = base64
    const gone = (): void => {
      if (this.#over) return
      this.#over = true
      if (connection.state !== 'CLOSED') connection.end()
      handlers.onGone()
    }
    connection.handlers = {
      onData: (bytes) => {
        for (const { opcode, data } of this.#reader.push(bytes)) {
          if (this.#over) return
          if (opcode === OPCODE.close) {
            this.#frame(OPCODE.close, data)
            gone()
          } else if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, data)
          else if (opcode !== OPCODE.pong && data.length > 0) handlers.onMessage(...this.#read(data))
        }
      },
      onEnd: gone,
      onClose: gone,
    }
    const handlers = serve(this)
  }

  send(channel: number, data: Uint8Array): void {
    if (this.#base64) this.#frame(OPCODE.text, encodeUtf8(`${channel}${encodeBase64(data)}`))
    else this.#frame(OPCODE.binary, concatBytes([Uint8Array.of(channel), data]))
  }

  close(): void {
    if (this.#over) return
    this.#frame(OPCODE.close, Uint8Array.of(NORMAL >> 8, NORMAL & 255))
    this.#over = true
    this.#connection.end()
  }

  #frame(opcode: number, data: Uint8Array): void {
    if (!this.#over && this.#connection.state !== 'CLOSED') this.#connection.send(encodeFrame(opcode, data))
  }

  #read(data: Uint8Array): [channel: number, data: Uint8Array] {
    if (!this.#base64) return [data[0]!, data.subarray(1)]
    const bytes = decodeBase64(decodeUtf8(data.subarray(1)))
    return [data[0]! - 48, typeof bytes === 'number' ? new Uint8Array(0) : bytes]
  }
}

function run(clock: Clock, client: KubernetesClient, namespace: string, pod: string, options: StreamOptions & { container?: string }, channels: Channels, protocol: string): Handlers {
  const { command, stdin, stdout, stderr, tty, container } = options
  const inbox = new InboxFile()
  const output = (channel: number): CallbackFile => new CallbackFile(clock, (bytes) => channels.send(channel, bytes.slice()))
  // the lowest of them says that the connection stands
  channels.send(stdout ? CHANNEL.stdout : stderr ? CHANNEL.stderr : CHANNEL.error, new Uint8Array(0))
  const streams: Omit<ExecOptions, 'command'> = {
    tty,
    ...(container === undefined ? {} : { container }),
    ...(stdin ? { stdin: inbox } : {}),
    ...(stdout ? { stdout: output(CHANNEL.stdout) } : {}),
    ...(stderr && !tty ? { stderr: output(CHANNEL.stderr) } : {}),
  }
  const say = (end: { code: number } | { error: string }): void => {
    const status = streamStatus(command, end, true)
    // before v4 the error stream has text, and nothing at all when all went well
    if (protocol.startsWith('v4.') || protocol.startsWith('v5.')) channels.send(CHANNEL.error, encodeUtf8(JSON.stringify(status)))
    else if (status.status === 'Failure') channels.send(CHANNEL.error, encodeUtf8(status.message!))
    channels.close()
  }
  let remote: Pick<RemoteCommand, 'close' | 'resize'> | undefined
  const start = (): void => {
    try {
      const started = command ? client.exec(namespace, pod, { ...streams, command }) : client.attach(namespace, pod, streams)
      remote = started
      started.onExit(say)
    } catch (error) {
      if (error instanceof Undecided) remote = { resize: () => undefined, close: error.settle(start) }
      else if (error instanceof StatusError) say({ error: error.message })
      else throw error
    }
  }
  start()
  return {
    onMessage: (channel, data) => {
      if (channel === CHANNEL.stdin) inbox.push(data.slice())
      else if (channel === CHANNEL.close && data[0] === CHANNEL.stdin) inbox.end()
      else if (channel === CHANNEL.resize) resize(remote, decodeUtf8(data))
    },
    onGone: () => {
      inbox.end()
      remote?.close()
    },
  }
}

/** TerminalSize: {"Width": columns, "Height": rows}. */
function resize(remote: Pick<RemoteCommand, 'resize'> | undefined, text: string): void {
  const [columns, rows] = ['Width', 'Height'].map((name) => Number(new RegExp(`"${name}"\\s*:\\s*(\\d{1,5})`).exec(text)?.[1] ?? 0))
  if (columns! > 0 && rows! > 0) remote?.resize(columns!, rows!)
}

/** Each port has a channel for data and one for what went wrong; both begin with the port in two bytes. */
function forward(client: KubernetesClient, namespace: string, pod: string, ports: readonly number[], channels: Channels): Handlers {
  const connections: (ForwardedConnection | undefined)[] = []
  /** What came before the kubelet was reached. */
  let early: [channel: number, data: Uint8Array][] | undefined = []
  let call: Pick<ForwardCall, 'hangUp'> | undefined
  const session = {
    onOpen: () => {
      const connect: ForwardCall['connect'] = (port, handlers) => (call as ForwardCall).connect(port, handlers)
      ports.forEach((port, at) => {
        for (const channel of [2 * at, 2 * at + 1]) channels.send(channel, Uint8Array.of(port & 255, port >> 8))
        connections[at] = connect(port, {
          onData: (data) => channels.send(2 * at, data),
          onClose: (error) => {
            connections[at] = undefined
            if (error) channels.send(2 * at + 1, encodeUtf8(error.message))
            if (connections.every((one) => one === undefined)) channels.close()
          },
        })
      })
      for (const [channel, data] of early ?? []) send(channel, data)
      early = undefined
    },
    onRefused: () => channels.close(),
    onLost: () => channels.close(),
  }
  const open = (): void => {
    try {
      call = client.openForward(namespace, pod, session)
    } catch (error) {
      if (error instanceof Undecided) call = { hangUp: error.settle(open) }
      else if (error instanceof StatusError) channels.close()
      else throw error
    }
  }
  open()
  const send = (channel: number, data: Uint8Array): void => {
    if (channel % 2 === 0) connections[channel / 2]?.send(data)
  }
  return {
    onMessage: (channel, data) => {
      if (early) early.push([channel, data.slice()])
      else send(channel, data.slice())
    },
    onGone: () => call?.hangUp(),
  }
}
