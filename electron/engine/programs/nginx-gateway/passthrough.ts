import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import { upstreamFailure } from '../nginx/failure.ts'
import { accessTime, errorTime } from '../nginx/time.ts'
import { ownerOf } from '../stream.ts'
import { preread } from '../tls/preread.ts'
import type { NginxConfiguration, Passthrough } from './configuration.ts'

/** preread_timeout and proxy_connect_timeout, in ms. */
const PREREAD_TIMEOUT = 30_000
const CONNECT_TIMEOUT = 60_000

/** The stream servers of a Gateway's nginx: TLS that goes on as it came, by the name in its first message (nginx/config/stream_servers.go). */
export class TlsPassage {
  readonly #process: Process
  readonly #configuration: () => NginxConfiguration
  readonly #out: (line: string) => void
  readonly #error: (line: string) => void
  #count = 0

  constructor(process: Process, configuration: () => NginxConfiguration, out: (line: string) => void, error: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#out = out
    this.#error = error
  }

  /** `https`: takes the connection where this nginx ends TLS itself. */
  take(connection: TcpConnection, https: (connection: TcpConnection) => void): void {
    const { clock } = this.#process
    const begun = clock.now
    const number = ++this.#count
    preread(connection, clock, PREREAD_TIMEOUT, (hello, replay) => {
      const name = hello?.serverName ?? ''
      const { passthrough = [] } = this.#configuration().ports.find((p) => p.port === connection.localPort) ?? {}
      const to = destinationOf(passthrough, name)
      const log = (status: number, sent: number, received: number): void =>
        this.#out(`${connection.remoteAddress} [${accessTime(clock.wall())}] TCP ${status} ${sent} ${received} ${((clock.now - begun) / 1000).toFixed(3)} "${name}"\n`)
      if (to === 'https') {
        https(connection)
        return replay()
      }
      if (to === 'closed' || to.upstream === '') {
        if (to !== 'closed') this.#complain(number, 'no host in pass ""', connection)
        log(to === 'closed' ? 200 : 500, 0, 0)
        connection.handlers = {}
        return connection.end()
      }
      this.#forward(connection, to.upstream, number, replay, log)
    })
  }

  #forward(client: TcpConnection, upstream: string, number: number, replay: () => void, log: (status: number, sent: number, received: number) => void): void {
    const { clock, network } = this.#process
    const left = [...(this.#configuration().upstreams[upstream] ?? [])]
    const waiting: Uint8Array[] = []
    let received = 0
    let ended = false
    let gone = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => void (gone = true) }
    replay()
    const next = (): void => {
      const endpoint = left.splice(clock.random.below(left.length), 1)[0]!
      const key = joinHostPort(endpoint.address, endpoint.port)
      let settled = false
      const fail = (code: string): void => {
        if (settled) return
        settled = true
        clock.cancel(timer)
        this.#complain(number, upstreamFailure({ error: code, phase: 'connect' }, 'musl'), client, key)
        if (gone) return
        if (left.length > 0) return next()
        log(502, 0, 0)
        client.end()
      }
      const server = network.sockets.connect({ ...endpoint, owner: ownerOf(this.#process, 'nginx') }, {
        onConnect: () => {
          if (settled) return
          settled = true
          clock.cancel(timer)
          if (gone) return server.abort()
          joinConnections(client, server, (sent) => log(200, sent, received))
          const { handlers } = client
          client.handlers = { ...handlers, onData: (data) => {
            received += data.length
            handlers.onData?.(data)
          } }
          for (const data of waiting) client.handlers.onData?.(data)
          if (ended) server.end()
        },
        onClose: (error) => fail(error?.code ?? 'ECONNRESET'),
      })
      const timer = clock.schedule(CONNECT_TIMEOUT, () => {
        if (!settled) server.abort()
        fail('ETIMEDOUT')
      }, { background: true })
    }
    next()
  }

  #complain(number: number, what: string, { remoteAddress, localPort }: TcpConnection, upstream?: string): void {
    const { clock, pid } = this.#process
    this.#error(`${errorTime(clock.wall())} [error] ${pid}#${pid}: *${number} ${what}, client: ${remoteAddress}, server: 0.0.0.0:${localPort}${upstream === undefined ? '' : `, upstream: "${upstream}"`}, bytes from/to client:0/0, bytes from/to upstream:0/0\n`)
  }
}

/** map … hostnames: the name itself, the longest wildcard, the default. */
function destinationOf(names: readonly Passthrough[], name: string): Passthrough['to'] {
  const of = (host: string): Passthrough['to'] | undefined => names.find((n) => n.host === host)?.to
  const wanted = name.toLowerCase()
  if (wanted !== '') {
    const exact = of(wanted)
    if (exact) return exact
    for (let dot = wanted.indexOf('.'); dot >= 0; dot = wanted.indexOf('.', dot + 1)) {
      const wildcard = of(`*${wanted.slice(dot)}`)
      if (wildcard) return wildcard
    }
  }
  return of('') ?? 'closed'
}
