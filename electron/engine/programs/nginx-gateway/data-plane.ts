import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { resolveHost } from '../../dns/resolver.ts'
import { encodeUtf8, Utf8Decoder } from '../../text.ts'
import { Signal } from '../../machine/task.ts'
import { NGINX_HTTP2 } from '../http/http2-server.ts'
import { serveHttp, type HttpServer } from '../http/server.ts'
import { errorTime } from '../nginx/time.ts'
import { Output, untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { ALERTS } from '../tls/wire.ts'
import { readCertificates } from '../tls/x509.ts'
import type { NginxConfiguration } from './configuration.ts'
import { TlsPassage } from './passthrough.ts'
import { GatewayProxy } from './proxy.ts'

/**
 * The nginx Pod of a Gateway: nginx, and beside it its agent, which asks the control plane for configuration. Here
 * they talk in lines of JSON over TCP, in life in gRPC over mutual TLS; who asks, and over which Service, is the same.
 */
const READINESS_PORT = 8081
const KEEP_ALIVE = 75_000
const RETRY = 1_000
/** Attempts that a cluster waits for before it counts as settled. */
const FOREGROUND_RETRIES = 30
const NGINX = 'nginx/1.29.2'
const INSTEAD = 'kubectl describe httproute and hop trace tell how requests go'

/** nginx(8) beside the one that runs: whoever asks it for its configuration. */
export const gatewayNginxCommand: Program = function* (process) {
  const args = process.argv.slice(1)
  if (args[0] === '-v') {
    yield* process.printError(`nginx version: ${NGINX}\n`)
    return 0
  }
  yield* process.printError(`podhop: not simulated: ${['nginx', ...args].join(' ')} in a Gateway's Pod (${INSTEAD}; its upstreams are in /etc/nginx/conf.d/http.conf)\n`)
  return 69
}

export const gatewayNginx: Program = function* (process) {
  const out = new Output(process, 1)
  const errors = new Output(process, 2)
  const notice = (text: string): void => errors.write(`${errorTime(process.clock.wall())} [notice] ${process.pid}#${process.pid}: ${text}\n`)
  const plane = new DataPlane(process, (line) => out.write(line), (line) => errors.write(line), notice)
  notice('using the "epoll" event method')
  notice(NGINX)
  notice('start worker processes')
  const agent = process.spawnThread(follow(process, plane))
  void agent
  yield* untilSignal(process, ['SIGTERM', 'SIGQUIT', 'SIGINT'])
  notice('signal 3 (SIGQUIT) received, shutting down')
  plane.close()
  yield* out.flush()
  yield* errors.flush()
  return 0
}

/** The agent: connects, hears, and connects again when it was lost. */
function* follow(process: Process, plane: DataPlane): Task {
  const server = /host: (\S+)\s+port: ([0-9]+)/.exec(process.fs.exists('/etc/nginx-agent/nginx-agent.conf') ? process.fs.readText('/etc/nginx-agent/nginx-agent.conf') : '')
  if (!server) return
  for (let attempt = 1; ; attempt++) {
    const resolved = yield* resolveHost(process, server[1]!)
    if ('addresses' in resolved) {
      const heard = yield* listen(process, resolved.addresses[0]!, Number(server[2]), plane)
      if (heard) attempt = 1
    }
    yield* process.sleep(RETRY, { background: plane.configured || attempt > FOREGROUND_RETRIES })
  }
}

/** True when the control plane has said something before the connection ended. */
function* listen(process: Process, address: string, port: number, plane: DataPlane): Task<boolean> {
  const over = new Signal()
  const decoder = new Utf8Decoder()
  let text = ''
  let ended = false
  let heard = false
  const end = (): void => {
    ended = true
    over.notify()
  }
  const connection: TcpConnection = process.network.sockets.connect({ address, port, owner: ownerOf(process, 'nginx-agent') }, {
    onConnect: () => connection.send(encodeUtf8(`${JSON.stringify({ pod: process.machine.hostname })}\n`)),
    onData: (data) => {
      text += decoder.push(data)
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
        const line = text.slice(0, at)
        text = text.slice(at + 1)
        heard = true
        plane.apply(JSON.parse(line) as NginxConfiguration)
      }
    },
    onEnd: () => connection.end(),
    onClose: end,
  })
  while (!ended) yield over.wait
  return heard
}

class DataPlane {
  readonly #process: Process
  readonly #notice: (text: string) => void
  readonly #proxy: GatewayProxy
  readonly #passage: TlsPassage
  readonly #servers = new Map<string, HttpServer>()
  #configuration: NginxConfiguration = { ports: [], servers: [], upstreams: {} }
  configured = false

  constructor(process: Process, out: (line: string) => void, error: (line: string) => void, notice: (text: string) => void) {
    this.#process = process
    this.#notice = notice
    this.#proxy = new GatewayProxy(process, () => this.#configuration, out, error)
    this.#passage = new TlsPassage(process, () => this.#configuration, out, error)
  }

  apply(configuration: NginxConfiguration): void {
    this.#configuration = configuration
    this.#writeUpstreams(configuration)
    if (!this.configured) this.#listen('health', () => serveHttp(this.#process, {
      port: READINESS_PORT, program: 'nginx', refuse: (status) => this.#proxy.refuse(status),
      handle: ({ target, keepAlive }, respond) => respond({ status: target === '/readyz' ? 200 : 404, headers: [['Server', 'nginx'], ['Content-Length', '0'], ['Connection', keepAlive ? 'keep-alive' : 'close']] }),
    }))
    this.configured = true
    const keyOf = ({ port, tls, passthrough }: NginxConfiguration['ports'][number]): string => `${port}${tls ? '/tls' : ''}${passthrough ? '/preread' : ''}`
    const wanted = new Set(configuration.ports.map(keyOf))
    for (const [key, server] of this.#servers) {
      if (key === 'health' || wanted.has(key)) continue
      server.close()
      this.#servers.delete(key)
    }
    for (const port of configuration.ports) {
      const key = keyOf(port)
      if (!this.#servers.has(key)) this.#listen(key, () => this.#serve(port.port, port.tls, port.passthrough !== undefined))
    }
    this.#notice('signal 1 (SIGHUP) received, reconfiguring')
    this.#notice('reconfiguring')
  }

  /** What of http.conf is written: its groups of servers (upstreams_template.go). The rest is done without a file. */
  #writeUpstreams({ upstreams }: NginxConfiguration): void {
    const groups = Object.entries(upstreams).map(([name, endpoints]) => {
      const servers = endpoints.length > 0 ? endpoints.map((e) => joinHostPort(e.address, e.port)) : ['unix:/var/run/nginx/nginx-503-server.sock']
      return `\nupstream ${name} {\n    random two least_conn;\n    zone ${name} 512k;\n\n${servers.map((server) => `    server ${server};\n`).join('')}}\n`
    })
    const { fs } = this.#process
    try {
      fs.makeDirectory('/etc/nginx/conf.d', { parents: true })
      fs.writeFile('/etc/nginx/conf.d/http.conf', `# podhop: not simulated: the server blocks of this file (${INSTEAD})\n${groups.join('')}`)
    } catch {
      this.#notice('open() "/etc/nginx/conf.d/http.conf" failed (30: Read-only file system)')
    }
  }

  close(): void {
    for (const server of this.#servers.values()) server.close()
  }

  #listen(key: string, open: () => HttpServer): void {
    try {
      this.#servers.set(key, open())
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === undefined) throw error
      this.#notice(`bind() to 0.0.0.0:${key.replace(/\/.*/, '')} failed (${code === 'EADDRINUSE' ? '98: Address in use' : code === 'EACCES' ? '13: Permission denied' : code})`)
    }
  }

  #serve(port: number, tls: boolean, prereads: boolean): HttpServer {
    const server: HttpServer = serveHttp(this.#process, {
      port, program: 'nginx', keepAliveTimeout: KEEP_ALIVE, h2c: true, http2: NGINX_HTTP2,
      ...(prereads ? { take: (connection: TcpConnection) => (this.#passage.take(connection, (own) => server.accept(own)), true) } : {}),
      handle: (request, respond) => this.#proxy.handle(request, respond),
      refuse: (status) => this.#proxy.refuse(status),
      ...(tls ? {
        tls: {
          acknowledgesName: true,
          alpn: ['h2', 'http/1.1'],
          // ssl_reject_handshake for names that no listener has
          select: ({ serverName }) => {
            const chain = this.#proxy.certificateFor(port, serverName)
            return chain === undefined ? { alert: ALERTS.unrecognizedName } : { chain: readCertificates(chain) }
          },
        },
      } : {}),
    })
    return server
  }
}
