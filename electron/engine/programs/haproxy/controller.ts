import { accountOf, tellFailure } from '../account.ts'
import { reachApi } from '../api-way.ts'
import { klogLine } from '../klog.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import { InformerFactory, type Informer } from '../../kubernetes/controllers/informer.ts'
import { WorkQueue } from '../../kubernetes/controllers/workqueue.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap, EndpointSlice, Ingress, IngressClass, KubeObject, Secret, Service } from '../../kubernetes/types.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { parseGoFlags } from '../go-flags.ts'
import { HAPROXY_HTTP2 } from '../http/http2-server.ts'
import { readAnnouncement } from '../http/proxy-protocol.ts'
import { serveHttp, type HttpServer } from '../http/server.ts'
import { goLogTime } from '../http-echo.ts'
import { Output, untilSignal } from '../output.ts'
import { publishAddresses } from '../published-status.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import { clientProblem, namesOf } from '../tls/client-auth.ts'
import type { ClientAuth, TlsServerOptions } from '../tls/socket.ts'
import { ALERTS } from '../tls/wire.ts'
import type { Certificate } from '../tls/x509.ts'
import { contains } from '../ingress-nginx/annotations.ts'
import type { SystemServices } from '../types.ts'
import { backendSettings } from './backend.ts'
import { configure, mine, type Configuration } from './configuration.ts'
import { Pool } from './farm.ts'
import { DIRECTORY, haproxyCfg, mapFiles } from './haproxy-cfg.ts'
import { HAPROXY, healthz, inside, statsAnswer } from './inside.ts'
import { Passage } from './passthrough.ts'
import { chainFor, Proxy } from './proxy.ts'
import { rowsOf, Statistics } from './statistics.ts'
import { readServices, TcpServices, type TcpService } from './tcp-services.ts'
import { annotated } from './values.ts'

/** haproxytech/kubernetes-ingress v3.1. */
const VERSION = 'v3.1.6 2d3d3a34'
/** --sync-period, in ms. */
const SYNC_PERIOD = 5_000
const SERVICE_LABEL = 'kubernetes.io/service-name'
/** timeout http-request, in ms. */
const HEADER_TIMEOUT = 5_000
const FLAGS = [
  { name: 'configmap', kind: 'string' }, { name: 'configmap-tcp-services', kind: 'string' }, { name: 'ingress.class', kind: 'string' }, { name: 'empty-ingress-class', kind: 'bool' }, { name: 'publish-service', kind: 'string' }, { name: 'default-ssl-certificate', kind: 'string' },
] as const

export function haproxyIngress(services: SystemServices): Record<string, Program> {
  return { 'haproxy-ingress-controller': (process) => run(process, services), haproxy: inside }
}

function* run(process: Process, services: SystemServices): Task<number> {
  const flags = parseGoFlags(process.argv.slice(1), FLAGS)
  if ('error' in flags) {
    yield* process.printError(`podhop: not simulated: ${flags.error} (${FLAGS.map((f) => `--${f.name}`).join(', ')} are)\n`)
    return 69
  }
  const out = new Output(process, 1)
  const line = (text: string): void => out.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  line(`HAProxy Ingress Controller ${VERSION}\n`)
  line(`Build from: git@github.com:haproxytech/kubernetes-ingress.git`)
  line(`HAProxy version ${HAPROXY} - https://haproxy.org/`)
  line(`ConfigMap: ${flags.values.get('configmap') ?? ''}`)
  line(`Ingress class: ${flags.values.get('ingress.class') ?? ''}`)
  line(`Empty Ingress class: ${flags.values.get('empty-ingress-class') ?? 'false'}`)
  line(`Publish service: ${flags.values.get('publish-service') ?? ''}`)
  if (flags.values.has('configmap-tcp-services')) line(`TCP Services provided in '${flags.values.get('configmap-tcp-services')}'`)
  line('Default backend service not provided: using local default backend')
  const errors = new Output(process, 2)
  const client = accountOf(process, yield* reachApi(process, services), (failure) => tellFailure({ minor: 32, patch: 3 }, failure, (severity, source, text) => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text))), { manager: 'haproxy-ingress-controller' })
  const controller = new Controller(process, client, flags.values, line, (text) => out.write(text), (text) => errors.write(text))
  process.onExit(() => controller.stop())
  const failure = yield* controller.start()
  if (failure !== undefined) {
    line(`PANIC   ${failure}`)
    yield* out.flush()
    return 2
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  line('INFO    controller.go:89 stopping HAProxy')
  controller.stop()
  yield* out.flush()
  return 0
}

class Controller {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #flags: ReadonlyMap<string, string>
  readonly #line: (text: string) => void
  readonly #access: (text: string) => void
  readonly #alert: (text: string) => void
  readonly #pools = new Map<string, Pool>()
  readonly #statistics = new Statistics()
  readonly #begun: number
  #streams!: TcpServices
  #tcp: TcpService[] = []
  readonly #informers: InformerFactory
  readonly #queue: WorkQueue
  readonly #servers: { close(): void }[] = []
  readonly #said = new Set<string>()
  #ingresses!: Informer<Ingress>
  #classes!: Informer<IngressClass>
  #services!: Informer<Service>
  #slices!: Informer<EndpointSlice>
  #secrets!: Informer<Secret>
  #maps!: Informer<ConfigMap>
  #configuration: Configuration | undefined
  #reloaded = ''
  #written = new Map<string, string>()
  #own: Certificate | undefined

  constructor(process: Process, client: KubernetesClient, flags: ReadonlyMap<string, string>, line: (text: string) => void, access: (text: string) => void, alert: (text: string) => void) {
    this.#process = process
    this.#alert = alert
    this.#begun = process.clock.now
    this.#client = client
    this.#flags = flags
    this.#line = line
    this.#access = access
    this.#informers = new InformerFactory(client)
    this.#queue = new WorkQueue(process.clock, () => this.#sync())
  }

  /** Why it cannot run. */
  *start(): Task<string | undefined> {
    yield* untilReached(this.#process.clock, () => (this.#client.list('ingressclasses', {}), true as const))
    this.#ingresses = this.#informers.of<Ingress>('ingresses')
    this.#classes = this.#informers.of<IngressClass>('ingressclasses')
    this.#services = this.#informers.of<Service>('services')
    this.#slices = this.#informers.of<EndpointSlice>('endpointslices')
    this.#secrets = this.#informers.of<Secret>('secrets')
    this.#maps = this.#informers.of<ConfigMap>('configmaps')
    this.#slices.index('service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ''}`])
    const look = (): void => this.#queue.add('sync')
    for (const informer of [this.#ingresses, this.#classes, this.#services, this.#slices, this.#secrets, this.#maps]) (informer as Informer<KubeObject>).on({ onAdd: look, onUpdate: look, onDelete: look })
    look()
    const process = this.#process
    const configuration = (): Configuration => this.#configuration!
    const pool = (name: string): Pool | undefined => this.#pools.get(name)
    const proxy = new Proxy(process, { configuration, pool, statistics: this.#statistics, log: this.#access })
    // the PROXY protocol is spoken by those who are told to, and by nobody else
    const announced = (connection: TcpConnection, next: (connection: TcpConnection) => void): boolean => {
      if (!contains(configuration().global.announcers, connection.remoteAddress)) return false
      readAnnouncement(connection, process.clock, HEADER_TIMEOUT, () => true, next, () => connection.abort())
      return true
    }
    const web = { program: 'haproxy', handle: proxy.handle.bind(proxy), refuse: () => proxy.refuse() }
    try {
      this.#sync()
      const plain: HttpServer = serveHttp(process, { ...web, port: 8080, take: (connection) => announced(connection, (own) => plain.accept(own)) })
      this.#servers.push(plain)
      const passage = new Passage(process, configuration, pool, (text) => (configuration().global.logs ? this.#access(text) : undefined))
      const tls: Pick<TlsServerOptions, 'select' | 'tickets'> = { select: ({ serverName }) => ({ chain: this.#chainFor(serverName), alpn: configuration().global.alpn, clients: this.#clients() }), tickets: [233, 233] }
      const secure: HttpServer = serveHttp(process, {
        ...web, port: 8443, http2: HAPROXY_HTTP2, tls,
        take: (connection) => {
          const accept = (own: TcpConnection): void => secure.accept(own)
          return announced(connection, (own) => void (passage.take(own, accept) || accept(own))) || passage.take(connection, accept)
        },
      })
      this.#servers.push(secure)
      this.#servers.push(serveHttp(process, { program: 'haproxy', port: 1042, handle: (request, respond) => respond(healthz(request, this.#configuration !== undefined)), refuse: () => proxy.refuse() }))
      this.#servers.push(serveHttp(process, { program: 'haproxy', port: 1024, handle: (request, respond) => respond(statsAnswer(request, rowsOf(this.#statistics, [...this.#pools.values()], process.clock.now), process.clock.now - this.#begun)), refuse: () => proxy.refuse() }))
      this.#streams = new TcpServices(process, tls, (text) => (configuration().global.logs ? this.#access(text) : undefined), (text) => this.#alert(`[ALERT]    (${process.pid}) : ${text}\n`))
      this.#streams.set(this.#tcp)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
      return 'Starting frontend http: cannot bind socket (Address already in use)'
    }
    return undefined
  }

  stop(): void {
    this.#queue.stop()
    this.#informers.stop()
    for (const server of this.#servers.splice(0)) server.close()
    for (const pool of this.#pools.values()) pool.stop()
    this.#streams?.stop()
  }

  #map(flag: string): ConfigMap | undefined {
    const [namespace, name] = (this.#flags.get(flag) ?? '').split('/')
    return namespace && name ? this.#maps.get(namespace, name) : undefined
  }

  #chainFor(name: string | undefined): readonly Certificate[] {
    const found = chainFor(this.#configuration!, name)
    if (found) return found
    const { clock } = this.#process
    this.#own ??= makeCertificate({ subject: [['CN', 'localhost']], key: makeKey(clock.random), notBefore: Math.floor(clock.wall() / 1000) * 1000, days: 365, alternativeNames: ['localhost'], serverOnly: true, random: clock.random })
    return [this.#own]
  }

  /** client-ca: "verify required" or "verify optional" of the HTTPS frontend's bind. */
  #clients(): ClientAuth | undefined {
    const { clients } = this.#configuration!
    return clients && {
      authorities: namesOf(clients.trusted),
      verify: (chain) => {
        if (chain.length === 0) return clients.optional ? undefined : ALERTS.certificateRequired
        return clientProblem(chain, clients.trusted, this.#process.clock.wall()) ? ALERTS.unknownCa : undefined
      },
    }
  }

  #sync(): number {
    const global = this.#map('configmap')?.data ?? {}
    const lookUp = {
      service: (namespace: string, name: string): Service | undefined => this.#services.get(namespace, name),
      slices: (namespace: string, service: string): readonly EndpointSlice[] => this.#slices.indexed('service', `${namespace}/${service}`),
      secret: (namespace: string, name: string): Secret | undefined => this.#secrets.get(namespace, name),
    }
    const certificate = this.#flags.get('default-ssl-certificate')
    const next = configure({ ...this.#scope(), ...lookUp, global: { ...(certificate ? { 'ssl-certificate': certificate } : {}), ...global }, controllers: 1 })
    const note = (level: string, source: string, text: string): void => {
      if (!this.#said.has(text)) this.#line(`${level.padEnd(7)} ${source} ${text}`)
      this.#said.add(text)
    }
    for (const { level, source, text } of next.notes) note(level, source, text)
    const services = readServices(this.#map('configmap-tcp-services'), {
      ...lookUp,
      settings: (service) => backendSettings({ ...lookUp, of: (short) => annotated(service.metadata.annotations, short) ?? (global[short] || undefined), wrong: (short, text) => note('ERROR', 'service/service.go:207', `service '${service.metadata.namespace}/${service.metadata.name}': annotation '${short}': ${text}`), warn: (text) => note('WARNING', 'utils/utils.go:113', text), lacks: (text) => note('WARNING', 'service/service.go:207', `podhop: not simulated: ${text} of Service ${service.metadata.namespace}/${service.metadata.name}`), namespace: service.metadata.namespace ?? '', controllers: 1 }),
    }, (text) => note('ERROR', 'handler/tcp-services.go:75', text), (text) => note('WARNING', 'handler/tcp-services.go:75', `podhop: not simulated: ${text}`))
    for (const { backend } of services) next.backends.set(backend.name, backend)
    this.#setPools(next)
    this.#tcp = services.map(({ port, tls, backend }) => ({ port, tls, pool: this.#pools.get(backend.name)! }))
    this.#streams?.set(this.#tcp)
    this.#configuration = next
    const cfg = haproxyCfg(next, [...this.#pools.values()], this.#tcp, this.#ipv6())
    this.#write(new Map([[`${DIRECTORY}/haproxy.cfg`, cfg], ...mapFiles(next)]))
    // servers come and go by the runtime API, without a reload
    const shape = cfg.replace(/^ {2}server .*$/gm, '')
    if (shape !== this.#reloaded) this.#line('INFO    controller/controller.go:204 HAProxy reloaded')
    this.#reloaded = shape
    this.#writeStatus()
    return SYNC_PERIOD
  }

  #scope(): { ingresses: Ingress[]; classes: IngressClass[]; ingressClass: string; emptyClass: boolean } {
    return { ingresses: [...this.#ingresses.values()], classes: [...this.#classes.values()], ingressClass: this.#flags.get('ingress.class') ?? '', emptyClass: this.#flags.get('empty-ingress-class') === 'true' }
  }

  #setPools({ backends }: Configuration): void {
    for (const [name, pool] of this.#pools) {
      if (backends.has(name)) continue
      pool.stop()
      this.#pools.delete(name)
      this.#line('INFO    handler/refresh.go:47 reload required : some backends are deleted')
    }
    for (const [name, backend] of backends) {
      const known = this.#pools.get(name)
      if (known) known.set(backend)
      else {
        this.#pools.set(name, new Pool(this.#process, backend, (text) => {
          // on its standard error, and where it logs
          this.#alert(`[${text.startsWith('Server') ? 'WARNING]  ' : 'ALERT]    '}(${this.#process.pid}) : ${text.replace(/^backend (\S+)/, "backend '$1'")}\n`)
          if (this.#configuration?.global.logs) this.#access(`${text}\n`)
        }))
        this.#line(`INFO    service/service.go:154 reload required : Service '${name.replace(/^ing_/, '').split('_').slice(0, 2).join('/')}': new backend '${name}'`)
      }
    }
  }

  /** Has the Pod an address of IPv6? Its frontends listen there, too. */
  #ipv6(): boolean {
    return (this.#process.env.get('POD_IP') ?? '').includes(':')
  }

  #write(files: ReadonlyMap<string, string>): void {
    const { fs } = this.#process
    try {
      fs.makeDirectory(`${DIRECTORY}/maps`, { parents: true })
      for (const path of this.#written.keys()) if (!files.has(path) && fs.exists(path)) fs.remove(path)
      for (const [path, text] of files) if (this.#written.get(path) !== text) fs.writeFile(path, text)
      this.#written = new Map(files)
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error
      this.#line(`ERROR   maps/main.go:146 ${(error as Error).message}`)
    }
  }

  /** The addresses of --publish-service. */
  #writeStatus(): void {
    const [namespace, name] = (this.#flags.get('publish-service') ?? '').split('/')
    publishAddresses(this.#client, namespace && name ? this.#services.get(namespace, name) : undefined, mine(this.#scope()))
  }
}
