import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { KubeApi } from '../session/api-calls.ts'
import { streamProblem } from '../../engine/cluster.ts'
import { beginSession, parseSize, sessionOf } from './exec-streams.ts'
import { ForwardChannels } from './forward-channels.ts'
import { reject } from './reject.ts'
import type { RemoteRequest, Transport } from './remote-request.ts'
import { openForward, serveSpdy } from './spdy-transport.ts'

/** Channels of k8s.io/apimachinery/pkg/util/remotecommand; the first byte of every message. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
/** What exec and attach can speak, best first. Those with base64 carry text instead of bytes. */
const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io']
const FORWARD_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']
/** KEP-4006: a SPDY connection within WebSocket messages. */
const TUNNEL = 'SPDY/3.1+portforward.k8s.io'
/** The largest message that is taken, in bytes. */
const MAX_MESSAGE = 16 * 1024 * 1024
/** A client that does not read is cut off, in bytes. */
const UNREAD = 64 * 1024 * 1024
/**
 * Nothing is said so soon after the upgrade, in ms: client-go reads before it has made its streams, and discards what is for none
 * ("Unknown stream id 3, discarding message"). A kubelet is never so quick.
 */
const OPENING = 30
/** A program that does not read its standard input makes its client wait from here, in bytes. */
const HIGH = 1024 * 1024

export class WebSocketTransport implements Transport {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false, clientTracking: true, handleProtocols: () => false })

  upgrade(api: KubeApi, remote: RemoteRequest, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim()).filter((p) => p !== '')
    const known = remote.kind === 'portforward' ? [TUNNEL, ...FORWARD_PROTOCOLS] : EXEC_PROTOCOLS
    const protocol = known.find((p) => offered.includes(p)) ?? (offered.length === 0 ? '' : undefined)
    if (protocol === undefined) return reject(socket, 400, `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`)
    const session = remote.kind === 'portforward' ? undefined : sessionOf(remote)
    const problem = session && streamProblem(session)
    if (problem) return reject(socket, 400, problem)
    // the name of the tunnel is no token of RFC 6455: the answer's header is written here
    delete request.headers['sec-websocket-protocol']
    const answer = (headers: string[]): void => {
      if (protocol !== '') headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
    }
    const begin = (serve: (client: WebSocket) => void): void => {
      this.#server.once('headers', answer)
      this.#server.handleUpgrade(request, socket, head, (client) => {
        // a wish that cannot be read closes the connection, and nothing else
        client.on('error', () => client.terminate())
        serve(client)
      })
    }
    if (session) return begin((client) => this.#exec(api, remote, client, protocol))
    openForward(api, remote, socket, (forward) => begin((client) => {
      if (protocol === TUNNEL) serveSpdy(forward, tunnel(client))
      else new ForwardChannels(forward, remote, client, protocol.includes('base64'))
    }))
  }

  closeAll(): void {
    for (const client of this.#server.clients) client.terminate()
  }

  close(): void {
    this.closeAll()
    this.#server.close()
  }

  #exec(api: KubeApi, remote: RemoteRequest, client: WebSocket, protocol: string): void {
    const session = sessionOf(remote)
    const base64 = protocol.includes('base64')
    const send = (channel: number, data: Uint8Array | string): void => {
      if (client.readyState !== client.OPEN) return
      const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.length)
      client.send(base64 ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.of(channel), bytes]), { binary: !base64 })
      if (client.bufferedAmount > UNREAD) client.terminate()
    }
    const end = (status: object): void => {
      // before v4 the error stream has text, and nothing at all when all went well
      const structured = protocol.startsWith('v4.') || protocol.startsWith('v5.')
      if (structured) send(CHANNEL.error, JSON.stringify(status))
      else if ((status as { status?: string }).status === 'Failure') send(CHANNEL.error, (status as { message: string }).message)
      client.close(1000)
    }
    let held: (() => void)[] | undefined = []
    setTimeout(() => {
      const first = held ?? []
      held = undefined
      for (const say of first) say()
    }, OPENING)
    const soon = (say: () => void): void => void (held ? held.push(say) : say())
    let over = false
    const program = beginSession(api, session, {
      translated: true,
      output: (descriptor, data) => soon(() => send(descriptor, data)),
      status: (status) => {
        over = true
        soon(() => end(status))
      },
    })
    // streams that are on are announced by an empty message each (wsstream)
    client.on('message', (data: Buffer, binary) => {
      const [channel, bytes] = binary && !base64 ? [data[0], data.subarray(1)] : [Number(String.fromCharCode(data[0] ?? 0)), Buffer.from(data.subarray(1).toString(), 'base64')]
      if (channel === CHANNEL.stdin) {
        program.stdin(new Uint8Array(bytes))
        if (program.unread > HIGH) pauseWhile(client, () => !over && program.unread > HIGH / 2)
      } else if (channel === CHANNEL.resize) {
        const size = parseSize(bytes.toString())
        if (size) program.resize(size.columns, size.rows)
      } else if (channel === CHANNEL.close && bytes[0] === CHANNEL.stdin) program.endStdin()
    })
    client.on('close', () => {
      if (!over) program.abort()
    })
  }
}

function pauseWhile(client: WebSocket, full: () => boolean): void {
  client.pause()
  const timer = setInterval(() => {
    if (full()) return
    clearInterval(timer)
    client.resume()
  }, 20)
}

/** The bytes within a WebSocket's messages. */
function tunnel(client: WebSocket): Duplex {
  const stream = new Duplex({
    read: () => client.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (client.readyState === client.OPEN) client.send(chunk, { binary: true }, () => done())
      else done()
    },
    final(done) {
      client.close(1000)
      done()
    },
    destroy(error, done) {
      client.terminate()
      done(error)
    },
  })
  client.on('message', (data: Buffer) => {
    if (!stream.push(data)) client.pause()
  })
  client.on('close', () => {
    stream.push(null)
    stream.destroy()
  })
  return stream
}
