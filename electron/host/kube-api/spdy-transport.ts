import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Forward, ForwardSession, KubeApi, RemoteSession } from '../session/api-calls.ts'
import { streamProblem } from '../../engine/cluster.ts'
import { beginSession, parseSize, sessionOf } from './exec-streams.ts'
import { reject } from './reject.ts'
import type { RemoteRequest, Transport } from './remote-request.ts'
import { SpdyConnection, type SpdyStream } from './spdy-connection.ts'

/** remotecommand's protocols of exec and attach over SPDY, best first. */
const EXEC_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']
const FORWARD_PROTOCOL = 'portforward.k8s.io'
/** A client that does not open all of its streams in this time has gone, in ms (kubelet's streamCreationTimeout). */
const CREATION = 30_000

/** exec, attach and port-forward as clients before v1.29 and v1.31 speak them. */
export class SpdyTransport implements Transport {
  readonly #open = new Set<Duplex>()

  upgrade(api: KubeApi, remote: RemoteRequest, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = [request.headers['x-stream-protocol-version'] ?? []].flat().flatMap((v) => v.split(',')).map((v) => v.trim())
    const known = remote.kind === 'portforward' ? [FORWARD_PROTOCOL] : EXEC_PROTOCOLS
    const protocol = known.find((p) => offered.includes(p))
    if (!protocol) return reject(socket, 403, `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`)
    const problem = remote.kind === 'portforward' ? undefined : streamProblem(sessionOf(remote))
    if (problem) return reject(socket, 400, problem)
    this.#open.add(socket)
    socket.on('close', () => this.#open.delete(socket))
    const begin = (serve: () => void): void => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`)
      serve()
      if (head.length > 0) socket.unshift(head)
    }
    if (remote.kind === 'portforward') openForward(api, remote, socket, (forward) => begin(() => serveSpdy(forward, socket)))
    else begin(() => serveSession(api, remote, socket, protocol))
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy()
  }

  close(): void {
    this.closeAll()
  }
}

/** exec and attach: one stream each for error, stdin, stdout, stderr and resize, named by the header streamType. */
function serveSession(api: KubeApi, remote: RemoteRequest, socket: Duplex, protocol: string): void {
  const session = sessionOf(remote)
  const resizes = session.tty && protocol !== 'channel.k8s.io' && protocol !== 'v2.channel.k8s.io'
  const wanted = ['error', ...(session.stdin ? ['stdin'] : []), ...(session.stdout ? ['stdout'] : []), ...(session.stderr && !session.tty ? ['stderr'] : []), ...(resizes ? ['resize'] : [])]
  const streams = new Map<string, SpdyStream>()
  /** What came before the program was there. */
  const early = new Map<string, Uint8Array[]>()
  let ended = false
  let program: RemoteSession | undefined
  let over = false
  const patience = setTimeout(() => connection.close(), CREATION)
  const connection = new SpdyConnection(socket, {
    onStream(stream) {
      const type = stream.header('streamtype') ?? ''
      streams.set(type, stream)
      stream.onData = (data) => {
        if (program) deliver(type, data)
        else early.set(type, [...(early.get(type) ?? []), data])
      }
      stream.onEnd = () => {
        if (type !== 'stdin') return
        ended = true
        program?.endStdin()
      }
      if (!program && wanted.every((name) => streams.has(name))) begin()
    },
    onClose() {
      clearTimeout(patience)
      if (!over) program?.abort()
      over = true
    },
  })
  const deliver = (type: string, data: Uint8Array): void => {
    if (type === 'stdin') return program?.stdin(data)
    const size = type === 'resize' ? parseSize(new TextDecoder().decode(data)) : undefined
    if (size) program?.resize(size.columns, size.rows)
  }
  const begin = (): void => {
    clearTimeout(patience)
    program = beginSession(api, session, {
      output: (descriptor, data) => streams.get(descriptor === 1 ? 'stdout' : 'stderr')?.write(data),
      status: (status) => {
        over = true
        const failed = (status as { status?: string }).status === 'Failure'
        const error = streams.get('error')
        if (protocol === 'v4.channel.k8s.io') error?.write(new TextEncoder().encode(JSON.stringify(status)))
        else if (failed) error?.write(new TextEncoder().encode((status as { message: string }).message))
        for (const stream of streams.values()) stream.end()
        connection.finish()
        socket.end()
      },
    })
    for (const [type, list] of early) for (const data of list) deliver(type, data)
    early.clear()
    if (ended) program.endStdin()
  }
}

/** The kubelet is called first: what it refuses, or that it cannot be reached, is the answer to the upgrade. */
export function openForward(api: KubeApi, { namespace, pod }: RemoteRequest, socket: Duplex, stands: (forward: ForwardSession) => void): void {
  let stood = false
  const gone = (): void => session.abort()
  const session = api.forward(namespace, pod, {
    open: () => {
      stood = true
      stands(session)
    },
    end: (refused) => {
      socket.off('close', gone)
      if (stood) socket.end()
      else reject(socket, 500, refused ?? '')
    },
  })
  socket.on('close', gone)
}

/** port-forward: pairs of streams, error and data, that belong together by the header requestID. */
export function serveSpdy(session: ForwardSession, socket: Duplex): void {
  const errors = new Map<string, SpdyStream>()
  const forwards = new Set<Forward>()
  new SpdyConnection(socket, {
    onStream(stream) {
      const pair = stream.header('requestid') ?? String(stream.header('streamtype') === 'error' ? stream.id : stream.id - 2)
      if (stream.header('streamtype') === 'error') return void errors.set(pair, stream)
      const error = errors.get(pair)
      errors.delete(pair)
      const port = Number(stream.header('port'))
      if (!Number.isInteger(port) || port < 1 || port > 65535) return stream.reset()
      let over = false
      const forward = session.connect(port, {
        data: (data) => stream.write(data),
        end: () => stream.end(),
        closed: (why) => {
          over = true
          forwards.delete(forward)
          if (why) error?.write(new TextEncoder().encode(why))
          stream.end()
          error?.end()
        },
      })
      if (!over) forwards.add(forward)
      stream.onData = (data) => forward.send(data)
      stream.onEnd = () => forward.end()
      stream.onReset = () => forward.abort()
    },
    onClose() {
      for (const forward of forwards) forward.abort()
      forwards.clear()
    },
  })
}
