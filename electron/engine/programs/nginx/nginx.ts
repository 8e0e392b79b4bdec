import { KERNEL } from '../../machine/kernel.ts'
import { Signal, type Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { ALPINE_BUILDER, BUILDERS, nginxRelease } from '../images/nginx-releases.ts'
import { headerOf, writeResponse } from '../http/message.ts'
import { NGINX_HTTP2 } from '../http/http2-server.ts'
import { readAnnouncement } from '../http/proxy-protocol.ts'
import { serveHttp, type HttpRequest, type HttpServer } from '../http/server.ts'
import { Output } from '../output.ts'
import { httpDate } from '../http/status.ts'
import { ALERTS } from '../tls/wire.ts'
import { readCertificates } from '../tls/x509.ts'
import { accountOf } from '../gosu.ts'
import { makeTemporary, writePid } from './account.ts'
import { Answerer, type Answer } from './answer.ts'
import { asksClients } from './client-verify.ts'
import { ConfigError, NotSimulated } from './config.ts'
import { loadConfiguration } from './load.ts'
import { findServer } from './matching.ts'
import { plainPage } from './pages.ts'
import { LOG_LEVELS, type Configuration, type Listen, type LogLevel } from './settings.ts'
import type { Load } from './status.ts'
import type { StreamHost } from './stream-passage.ts'
import { keyOf, serveStream, type StreamSocket } from './stream.ts'
import { accessTime, errorTime } from './time.ts'

/** The nginx web server (nginx.org, src/core and src/http), and the entrypoint script of its image. */
const TRIES = 5
/** client_header_timeout, in ms. */
const HEADER_TIMEOUT = 60_000
const RETRY = 500
export const INSTEAD = 'static files, autoindex, proxy_pass, grpc_pass, upstream, return, rewrite, try_files, map, geo, split_clients, access rules, auth_request, limit_req, limit_conn, sub_filter, mirror, stub_status, stream and TLS are'

export function versionOf(process: Process): string {
  // up to 1.15 the image says the package's version
  return (process.env.get('NGINX_VERSION') ?? '1.27.5').replace(/-.*$/, '')
}

/** What it was built with. */
export function builderOf(process: Process): { gcc: string; openssl: string } {
  return process.fs.exists('/etc/alpine-release') ? ALPINE_BUILDER : BUILDERS[nginxRelease(versionOf(process)).debian]
}

export class Nginx {
  readonly #process: Process
  readonly #version: string
  readonly #file: string
  readonly #out: Output
  readonly #errors: Output
  readonly #servers = new Map<string, StreamSocket>()
  readonly #streams: StreamHost
  #connections = 0
  #configuration!: Configuration
  #answerer!: Answerer
  #workers: Process[] = []
  /** Of listeners that are closed. */
  #acceptedBefore = 0
  readonly #load: Load

  constructor(process: Process, file: string) {
    this.#process = process
    this.#version = versionOf(process)
    this.#file = file
    this.#out = new Output(process, 1)
    this.#errors = new Output(process, 2)
    const sum = (of: (server: StreamSocket) => number): number => [...this.#servers.values()].reduce((all, server) => all + of(server), 0)
    const accepted = (): number => this.#acceptedBefore + sum((s) => s.accepted)
    this.#streams = {
      process, version: this.#version,
      configuration: () => this.#configuration.stream,
      count: () => ++this.#connections,
      error: (connection, line) => this.#errors.write(`${errorTime(process.clock.wall())} [error] ${this.#worker}#${this.#worker}: *${connection} ${line}\n`),
      note: (to, line) => this.#note(to, line),
    }
    this.#load = {
      get accepted() {
        return accepted()
      },
      get active() {
        return sum((s) => s.active)
      },
      requests: 0,
      writing: 0,
    }
  }

  *master(configuration: Configuration): Task<number> {
    const process = this.#process
    const { account } = configuration
    this.#use(configuration)
    for (const warning of configuration.warnings) this.#log('warn', warning, !warning.startsWith('podhop:'))
    try {
      makeTemporary(process, account)
      // The sockets are opened before the event module begins (ngx_init_cycle).
      if (!(yield* this.#bind(configuration))) {
        yield* this.#errors.flush()
        return 1
      }
      writePid(process, account)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#log('emerg', error.message, true)
      yield* this.#errors.flush()
      return 1
    }
    for (const line of ['using the "epoll" event method', `nginx/${this.#version}`, `built by gcc ${builderOf(process).gcc} `, `OS: Linux ${KERNEL.release}`, 'getrlimit(RLIMIT_NOFILE): 1048576:1048576']) {
      this.#log('notice', line, false)
    }
    this.#tellOfUpstreams()
    this.#startWorkers()
    const signal = yield* this.#untilStopped()
    const number = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3 }[signal]
    this.#log('notice', `signal ${number} (${signal}) received, ${signal === 'SIGQUIT' ? 'shutting down' : 'exiting'}`, false)
    for (const server of this.#servers.values()) server.close()
    for (const line of [...(signal === 'SIGQUIT' ? ['gracefully shutting down'] : []), 'exiting', 'exit']) for (const worker of this.#workers) this.#log('notice', line, false, worker.pid)
    for (const worker of this.#workers) {
      worker.signal('SIGKILL')
      yield* process.wait(worker)
      this.#log('notice', `signal 17 (SIGCHLD) received from ${worker.pid}`, false)
      this.#log('notice', `worker process ${worker.pid} exited with code 0`, false)
    }
    this.#log('notice', 'exit', false)
    if (process.fs.exists(account.pid)) process.fs.remove(account.pid)
    yield* this.#out.flush()
    yield* this.#errors.flush()
    return 0
  }

  /** Reads the configuration again at each SIGHUP. */
  *#untilStopped(): Task<'SIGTERM' | 'SIGINT' | 'SIGQUIT'> {
    const process = this.#process
    const something = new Signal()
    let ending: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | undefined
    let reloads = 0
    for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
      process.onSignal(name, () => {
        ending ??= name
        something.notify()
      })
    }
    process.onSignal('SIGHUP', () => {
      reloads++
      something.notify()
    })
    process.onSignal('SIGUSR1', () => this.#log('notice', 'reopening logs', false))
    for (;;) {
      if (ending) return ending
      if (reloads > 0) {
        reloads = 0
        yield* this.#reload()
      } else yield something.wait
    }
  }

  *#reload(): Task {
    this.#log('notice', 'signal 1 (SIGHUP) received, reconfiguring', false)
    this.#log('notice', 'reconfiguring', false)
    let next: Configuration
    try {
      next = yield* loadConfiguration(this.#process, this.#file)
    } catch (error) {
      if (error instanceof NotSimulated) this.#errors.write(`podhop: not simulated: ${error.message} (${INSTEAD})\n`)
      else if (error instanceof ConfigError) this.#log('emerg', error.message, false)
      else throw error
      return
    }
    const before = this.#configuration
    this.#use(next)
    if (!(yield* this.#bind(next))) {
      this.#use(before)
      return
    }
    for (const warning of next.warnings) this.#log('warn', warning, false)
    this.#tellOfUpstreams()
    const old = this.#workers
    this.#log('notice', 'using the "epoll" event method', false)
    this.#startWorkers()
    for (const worker of old) {
      for (const line of ['gracefully shutting down', 'exiting', 'exit']) this.#log('notice', line, false, worker.pid)
      worker.signal('SIGKILL')
      yield* this.#process.wait(worker)
      this.#log('notice', `signal 17 (SIGCHLD) received from ${worker.pid}`, false)
      this.#log('notice', `worker process ${worker.pid} exited with code 0`, false)
    }
  }

  #use(configuration: Configuration): void {
    this.#configuration = configuration
    this.#answerer = new Answerer(this.#process, configuration, this.#version, (message, request, server, upstream) => this.#requestError(message, request, server, upstream), this.#load)
  }

  #tellOfUpstreams(): void {
    for (const { name, keepsAlive } of this.#configuration.upstreams.values()) if (keepsAlive) this.#log('notice', `podhop: not simulated: keepalive of upstream "${name}" (each request has a connection of its own)`, false)
  }

  #startWorkers(): void {
    this.#log('notice', 'start worker processes', false)
    this.#workers = Array.from({ length: this.#configuration.workers }, () => this.#startWorker())
  }

  /** Workers are there for `ps`; the sockets are the master's. */
  #startWorker(): Process {
    const account = this.#process.user.uid === 0 ? accountOf(this.#process, this.#configuration.account.user) : undefined
    const worker = this.#process.spawn({
      argv: ['nginx: worker process'],
      ...(account ? { user: account } : {}),
      program: function* () {
        for (;;) yield () => undefined
      },
      files: new Map(),
    })
    this.#log('notice', `start worker process ${worker.pid}`, false)
    return worker
  }

  /** Opens what is missing and closes what nobody listens on any more. */
  *#bind(configuration: Configuration): Task<boolean> {
    const { ipv6 } = this.#process.network
    const wanted = new Map<string, Listen>()
    // a Pod without IPv6 has nobody who would ask there
    const streams = (configuration.stream?.servers ?? []).flatMap((server) => server.listens).filter((listen) => ipv6 || !listen.address.includes(':')).map((listen) => [keyOf(listen), listen] as const)
    for (const server of configuration.servers) for (const listen of server.listens) if (ipv6 || !listen.address.includes(':')) wanted.set(`${joinHostPort(listen.address, listen.port)}${listen.ssl ? ' ssl' : ''}`, listen)
    // A wildcard address takes the specific ones of the same port with it.
    const sockets = new Map([...wanted].filter(([, s]) => s.address === '0.0.0.0' || s.address === '::' || !wanted.has(`${s.address.includes(':') ? '[::]' : '0.0.0.0'}:${s.port}${s.ssl ? ' ssl' : ''}`)))
    const sources = new Map<string, { address: string; port: number; open: () => StreamSocket }>(streams.map(([key, listen]) => [key, { ...listen, open: () => serveStream(this.#streams, listen) }]))
    for (const [key, listen] of sockets) sources.set(key, { ...listen, open: () => this.#serve(listen) })
    const opened: string[] = []
    for (const [key, server] of this.#servers) {
      if (sources.has(key)) continue
      server.close()
      this.#acceptedBefore += server.accepted
      this.#servers.delete(key)
    }
    for (let attempt = 0; attempt < TRIES; attempt++) {
      let failed = false
      for (const [key, { address, port, open }] of sources) {
        if (this.#servers.has(key)) continue
        try {
          this.#servers.set(key, open())
          opened.push(key)
        } catch (error) {
          const code = (error as { code?: string }).code
          const text = code === 'EADDRNOTAVAIL' ? '99: Cannot assign requested address' : '98: Address already in use'
          this.#log('emerg', `bind() to ${joinHostPort(address, port)} failed (${text})`, true)
          if (code !== 'EADDRINUSE') return false
          failed = true
        }
      }
      if (!failed) return true
      for (const key of opened.splice(0)) {
        this.#servers.get(key)?.close()
        this.#servers.delete(key)
      }
      this.#log('notice', `try again to bind() after ${RETRY}ms`, false)
      yield* this.#process.sleep(RETRY, { background: false })
    }
    this.#log('emerg', 'still could not bind()', true)
    return false
  }

  #serve({ address, port, ssl }: Listen): HttpServer {
    const process = this.#process
    // another configuration may say otherwise while the socket stays
    const http2 = (): boolean => this.#configuration.servers.some((s) => s.listens.some((l) => l.port === port && l.address === address && (l.http2 || s.http2)))
    const announced = (): boolean => this.#configuration.servers.some((s) => s.listens.some((l) => l.port === port && l.address === address && l.announced))
    const server: HttpServer = serveHttp(process, {
      port,
      take: (connection) => {
        if (!announced()) return false
        readAnnouncement(connection, process.clock, HEADER_TIMEOUT, () => false, (own) => server.accept(own), (line) => {
          if (line !== undefined) this.#errors.write(`${errorTime(process.clock.wall())} [error] ${this.#worker}#${this.#worker}: *${server.accepted + 1} broken header: "${line}" while reading PROXY protocol, client: ${connection.remoteAddress}, server: ${joinHostPort(address, port)}\n`)
          connection.end()
        })
        return true
      },
      ...(address === '0.0.0.0' && !process.network.ipv6 ? {} : { address }),
      program: 'nginx',
      backlog: 511,
      get h2c() {
        return http2()
      },
      http2: NGINX_HTTP2,
      keepAliveTimeout: this.#configuration.keepAliveTimeout,
      early: (request) => this.#answerer.tooLong(request),
      handle: (request, respond) => {
        this.#load.requests++
        this.#load.writing++
        this.#answerer.answer(request, (answer) => {
          this.#load.writing--
          respond(answer.response)
          this.#access(answer)
        })
      },
      refuse: (status, remote, sent) => {
        const response = this.#answerer.refuse(status)
        const known = new Map([['remote_addr', remote.address], ['time_local', accessTime(process.clock.wall())], ['request', escaped(sent)], ['status', String(status)], ['body_bytes_sent', String(response.body?.length ?? 0)]])
        for (const { to, format } of this.#configuration.servers[0]?.settings.accessLogs ?? []) this.#note(to, `${format.replace(/\$\{?(\w+)\}?/g, (_, name: string) => known.get(name) ?? '-')}\n`)
        return response
      },
      ...(ssl ? {
        tls: {
          acknowledgesName: true,
          get alpn() {
            return http2() ? ['h2', 'http/1.1'] : ['http/1.1']
          },
          select: ({ serverName }) => {
            const server = findServer(this.#configuration.servers.filter((s) => s.listens.some((l) => l.ssl)), address, port, serverName ?? '')
            return server.certificate === undefined ? { alert: ALERTS.unrecognizedName } : { chain: readCertificates(process.fs.readText(server.certificate.file)), clients: asksClients(server.clients) }
          },
          plain: () => {
            const body = plainPage(this.#configuration.tokens ? this.#version : undefined)
            return writeResponse(400, 'Bad Request', [['Server', this.#configuration.tokens ? `nginx/${this.#version}` : 'nginx'], ['Date', httpDate(process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], encodeUtf8(body))
          },
        },
      } : {}),
    })
    return server
  }

  /** To the error log, and while nginx starts serious ones to the terminal too. */
  #log(level: LogLevel, message: string, starting: boolean, pid = this.#process.pid): void {
    // what is missing is told of whatever the level
    if (this.#heard(level) || message.startsWith('podhop:')) this.#errors.write(`${errorTime(this.#process.clock.wall())} [${level}] ${pid}#${pid}: ${message}\n`)
    if (starting) this.#errors.write(`nginx: [${level}] ${message}\n`)
  }

  #heard(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#configuration.logLevel)
  }

  get #worker(): number {
    return this.#workers[0]?.pid ?? this.#process.pid
  }

  #requestError(message: string, request: HttpRequest, server: string, upstream: string | undefined): void {
    const host = headerOf(request.headers, 'host')
    const worker = this.#worker
    const context = `client: ${request.remoteAddress}, server: ${server}, request: "${request.method} ${request.target} HTTP/${request.version}"${upstream === undefined ? '' : `, upstream: "${upstream}"`}${host ? `, host: "${host}"` : ''}`
    this.#errors.write(`${errorTime(this.#process.clock.wall())} [error] ${worker}#${worker}: *${request.connection} ${message}, ${context}\n`)
  }

  #access({ settings, variables }: Answer): void {
    for (const { to, format } of settings.accessLogs) this.#note(to, `${variables.expand(format, '-')}\n`)
  }

  #note(to: string, line: string): void {
    const { fs } = this.#process
    if (to === '/dev/stderr') this.#errors.write(line)
    else if (to === '/dev/stdout' || to === '/var/log/nginx/access.log') this.#out.write(line)
    else fs.writeFile(to, `${fs.exists(to) ? fs.readText(to) : ''}${line}`)
  }
}

/** The first line of what was no request, as ngx_http_log_escape writes bytes that nobody can read. */
function escaped(sent: Uint8Array): string {
  let out = ''
  for (const byte of sent) {
    if (byte === 10) return out.replace(/\\x0D$/, '')
    out += byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c ? `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}` : String.fromCharCode(byte)
  }
  return out
}
