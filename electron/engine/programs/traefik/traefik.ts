import { EXPOSITION_TYPE } from '../../prometheus.ts'
import { accountOf, tellFailure } from '../account.ts'
import { reachApi } from '../api-way.ts'
import { klogLine } from '../klog.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import { InformerFactory, type Informer } from '../../kubernetes/controllers/informer.ts'
import { WorkQueue } from '../../kubernetes/controllers/workqueue.ts'
import type { ReflectorFailure } from '../../kubernetes/rbac/account-reflector.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EndpointSlice, Ingress, IngressClass, KubeObject, Node, Secret, Service } from '../../kubernetes/types.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { become } from '../become.ts'
import { GO_NOT_FOUND, goResponse, parseListen, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { writeResponse } from '../http/message.ts'
import { serveHttp, type HttpServer } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { Output, untilSignal } from '../output.ts'
import { publishAddresses } from '../published-status.ts'
import { TlsServer } from '../tls/socket.ts'
import { CIPHERS } from '../tls/wire.ts'
import type { SystemServices } from '../types.ts'
import { apiAnswer, hasApi } from './api.ts'
import { CertificateChoice } from './certificates.ts'
import { entryPointsOf, hasGateways, readFlags } from './flags.ts'
import { provideGateways } from './gateway/provide.ts'
import { GatewayWatch } from './gateway/watch.ts'
import { Metrics } from './metrics.ts'
import { isSimulated } from './middlewares.ts'
import type { CustomObject, Dynamic, Problem, Router, TcpRoute } from './model.ts'
import type { Picture } from './picture.ts'
import { checkMiddlewares, mine, provide, sortRoutes } from './providers.ts'
import { PlainProxy } from './plain.ts'
import { NOT_FOUND, Proxy } from './proxy.ts'
import { routeTcp, TcpGates } from './tcp.ts'
import { checkTcpOptions, checkTlsOptions, DEFAULT_OPTION, isFronting } from './tls-options.ts'
import { VERSION_NAMES } from './version.ts'
import { traefikServiceOf } from './weigh.ts'

const { version: VERSION, codename: CODENAME } = VERSION_NAMES
/** providers.providersThrottleDuration, in ms. */
const THROTTLE = 2_000
const DASHBOARD: GoAnswer = { status: 501, body: "podhop: not simulated: Traefik's dashboard (its API has the same: /api/overview, /api/http/routers, /api/http/services, /api/http/middlewares, /api/rawdata)\n" }
const SERVICE_LABEL = 'kubernetes.io/service-name'

export function traefik(services: SystemServices): Record<string, Program> {
  return {
    traefik: (process) => run(process, services),
    // flags alone are for traefik
    'traefik-entrypoint': (process) => become(process, process.argv[1]?.startsWith('-') ? ['traefik', ...process.argv.slice(1)] : process.argv.slice(1)),
  }
}

function* run(process: Process, services: SystemServices): Task<number> {
  const args = process.argv.slice(1)
  if (args[0] === 'version') {
    yield* process.print(`Version:      ${VERSION}\nCodename:     ${CODENAME}\nGo version:   go1.23.8\nBuilt:        2025-04-18T09:14:30Z\nOS/Arch:      linux/amd64\n`)
    return 0
  }
  const flags = readFlags(args)
  if ('unknown' in flags) {
    yield* process.printError(`podhop: not simulated: traefik ${flags.unknown} (entry points with their redirections, the three Kubernetes providers, the API, ping and the log are)\n`)
    return 69
  }
  const out = new Output(process, 1)
  const log = (level: 'INF' | Problem['level'], text: string): void => out.write(`${new Date(Math.floor(process.clock.wall() / 1000) * 1000).toISOString().replace('.000', '')} ${level} ${text}\n`)
  log('INF', `Traefik version ${VERSION} built on 2025-04-18T09:14:30Z version=${VERSION}`)
  if (flags.get('global.sendanonymoususage') !== 'true') log('INF', `
Stats collection is disabled.
Help us improve Traefik by turning this feature on :)
More details on: https://doc.traefik.io/traefik/contributing/data-collection/
`)
  const errors = new Output(process, 2)
  const failed = (failure: ReflectorFailure): void => tellFailure({ minor: 31, name: 'k8s.io/client-go@v0.31.1/tools/cache/reflector.go:243' }, failure, (severity, source, text) => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text)))
  const client = accountOf(process, yield* reachApi(process, services), failed, { manager: 'traefik' })
  const traefik = new Traefik(process, client, flags, log, (line) => (flags.get('accesslog') === 'true' ? out.write(line) : undefined), failed)
  process.onExit(() => traefik.stop())
  const failure = yield* traefik.start()
  if (failure !== undefined) {
    yield* process.printError(`${failure}\n`)
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  log('INF', 'I have to go...')
  log('INF', 'Stopping server gracefully')
  traefik.stop()
  log('INF', 'Server stopped')
  log('INF', 'Shutting down')
  yield* out.flush()
  return 0
}

class Traefik {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #flags: ReadonlyMap<string, string>
  readonly #log: (level: 'INF' | Problem['level'], text: string) => void
  readonly #access: (line: string) => void
  readonly #failed: (failure: ReflectorFailure) => void
  #gateways: GatewayWatch | undefined
  readonly #informers: InformerFactory
  readonly #queue: WorkQueue
  readonly #told = new Set<string>()
  readonly #servers: { close(): void }[] = []
  #ingresses!: Informer<Ingress>
  #classes!: Informer<IngressClass>
  #services!: Informer<Service>
  #slices!: Informer<EndpointSlice>
  #secrets!: Informer<Secret>
  #routes: Informer<CustomObject> | undefined
  #middlewares: Informer<CustomObject> | undefined
  #tcpRoutes: Informer<CustomObject> | undefined
  #tcpMiddlewares: Informer<CustomObject> | undefined
  #transports: Informer<CustomObject> | undefined
  #tlsStores: Informer<CustomObject> | undefined
  #tlsOptions: Informer<CustomObject> | undefined
  #udpRoutes: Informer<CustomObject> | undefined
  #traefikServices: Informer<CustomObject> | undefined
  readonly #gates = new TcpGates()
  readonly #certificates: CertificateChoice
  readonly #metrics: Metrics | undefined
  /** By name, those of HTTP. */
  readonly #entries = new Map<string, HttpServer>()
  /** Connections of routes of TCP, by entry point. */
  readonly #passing = new Map<string, number>()
  #dynamic: Dynamic = { tcp: [], tcpMiddlewares: new Map(), udp: [], routers: [], services: new Map(), middlewares: new Map(), certificates: [], tlsOptions: new Map(), problems: [] }
  readonly #startedAt: number
  #routers: readonly Router[] = []
  /** With those whose TLS options are not to be had. */
  #asked: readonly Router[] = []

  constructor(process: Process, client: KubernetesClient, flags: ReadonlyMap<string, string>, log: (level: 'INF' | Problem['level'], text: string) => void, access: (line: string) => void, failed: (failure: ReflectorFailure) => void) {
    this.#process = process
    this.#client = client
    this.#failed = failed
    this.#flags = flags
    this.#log = log
    this.#access = access
    this.#informers = new InformerFactory(client)
    this.#queue = new WorkQueue(process.clock, () => this.#sync())
    this.#startedAt = process.clock.wall()
    this.#certificates = new CertificateChoice(process.clock, () => this.#dynamic, () => this.#asked)
    if (flags.has('metrics.prometheus')) this.#metrics = new Metrics(flags)
  }

  /** Why it cannot run. */
  *start(): Task<string | undefined> {
    const failure = this.#listen()
    if (failure !== undefined) return failure
    const log = (text: string): void => this.#log('INF', text)
    const gateway = hasGateways(this.#flags)
    if (gateway) {
      log('Label selector is: "" providerName=kubernetesgateway')
      log('Creating in-cluster Provider client endpoint= providerName=kubernetesgateway')
    }
    log('Starting provider aggregator *aggregator.ProviderAggregator')
    log('Starting provider *traefik.Provider')
    if (this.#flags.has('providers.kubernetesingress')) {
      log('Starting provider *ingress.Provider')
      log('ingress label selector is: "" providerName=kubernetes')
      log('Creating in-cluster Provider client providerName=kubernetes')
    }
    const custom = this.#flags.has('providers.kubernetescrd')
    if (custom) {
      log('Starting provider *crd.Provider')
      log('label selector is: "" providerName=kubernetescrd')
      log('Creating in-cluster Provider client providerName=kubernetescrd')
    }
    if (gateway) log('Starting provider *gateway.Provider')
    log('Starting provider *acme.ChallengeTLSALPN')
    yield* untilReached(this.#process.clock, () => (this.#client.list('ingressclasses', {}), true as const))
    this.#ingresses = this.#informers.of<Ingress>('ingresses')
    this.#classes = this.#informers.of<IngressClass>('ingressclasses')
    this.#services = this.#informers.of<Service>('services')
    this.#slices = this.#informers.of<EndpointSlice>('endpointslices')
    this.#secrets = this.#informers.of<Secret>('secrets')
    this.#slices.index('service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ''}`])
    if (custom && this.#client.findResource('ingressroutes.traefik.io')) {
      this.#routes = this.#informers.of<CustomObject>('ingressroutes.traefik.io')
      this.#middlewares = this.#informers.of<CustomObject>('middlewares.traefik.io')
      this.#tcpRoutes = this.#informers.of<CustomObject>('ingressroutetcps.traefik.io')
      this.#tcpMiddlewares = this.#informers.of<CustomObject>('middlewaretcps.traefik.io')
      this.#tlsStores = this.#informers.of<CustomObject>('tlsstores.traefik.io')
      this.#tlsOptions = this.#informers.of<CustomObject>('tlsoptions.traefik.io')
      this.#transports = this.#informers.of<CustomObject>('serverstransports.traefik.io')
      this.#udpRoutes = this.#informers.of<CustomObject>('ingressrouteudps.traefik.io')
      this.#traefikServices = this.#informers.of<CustomObject>('traefikservices.traefik.io')
    }
    const look = (): void => this.#queue.add('sync')
    // what their kubelets tell of them every ten seconds changes nothing
    this.#informers.of<Node>('nodes').on({ onAdd: look, onDelete: look })
    for (const informer of [this.#ingresses, this.#classes, this.#services, this.#slices, this.#secrets, this.#routes, this.#middlewares, this.#tcpRoutes, this.#tcpMiddlewares, this.#transports, this.#tlsStores, this.#tlsOptions, this.#udpRoutes, this.#traefikServices]) (informer as Informer<KubeObject> | undefined)?.on({ onAdd: look, onUpdate: look, onDelete: look })
    if (gateway) this.#gateways = new GatewayWatch({ clock: this.#process.clock, client: this.#client, informers: this.#informers, flags: this.#flags, look, log: (level, text) => this.#tell(level, text), missing: (type, list) => this.#failed({ type, list, error: `failed to list ${type}: ${list}` }) })
    look()
    return undefined
  }

  stop(): void {
    this.#gateways?.stop()
    this.#queue.stop()
    this.#informers.stop()
    for (const server of this.#servers.splice(0)) server.close()
  }

  #listen(): string | undefined {
    const process = this.#process
    const proxy = new Proxy(process, () => ({ dynamic: this.#dynamic, routers: this.#routers }), this.#access, (service, { target }) => this.#internal(service, target), this.#metrics)
    const plain = new PlainProxy(process, (text) => this.#log('ERR', text))
    const reaches = (name: string) => ({ entryPoints }: { entryPoints: readonly string[] }): boolean => entryPoints.length === 0 || entryPoints.includes(name)
    for (const [flag, address] of this.#flags) {
      const name = /^entrypoints\.([a-z0-9_-]+)\.address$/.exec(flag)?.[1]
      const at = name === undefined ? undefined : parseListen(address.replace(/\/(tcp|udp)$/, ''))
      if (name === undefined) continue
      if (!at) return `command traefik error: error while building entryPoint ${name}: error preparing server: error opening listener: listen tcp: address ${address}: missing port in address`
      const tls = this.#flags.get(`entrypoints.${name}.http.tls`) === 'true'
      try {
        if (address.endsWith('/udp')) this.#servers.push(plain.listen(at.port, () => this.#dynamic.udp.find(reaches(name))))
        else if (name === 'metrics') this.#entered(name, serveGo(process, 'traefik', at.port, at.address, (r) => this.#inside(name, r.target) ?? GO_NOT_FOUND))
        else {
          const server: HttpServer = serveHttp(process, {
            port: at.port,
            program: 'traefik',
            h2c: true,
            take: (connection) => routeTcp(connection, { name, secure: tls }, name === 'traefik' ? this.#named() : this.#dynamic, this.#routers, process.clock, {
              http: (own) => server.accept(own),
              plain: (route, own) => this.#pass(plain, route, own, name),
              ends: (route, own) => this.#pass(plain, route, new TlsServer(own, { random: process.clock.random, select: ({ serverName }) => this.#certificates.under(route.tlsOptions ?? DEFAULT_OPTION, serverName), cipher: CIPHERS.aes128, tickets: [122] }), name),
            }),
            handle: (request, respond) => {
              const inside = name === 'traefik' ? this.#inside(name, request.target) : undefined
              if (inside) respond(goResponse(process, request, inside))
              else if (isFronting(request, this.#asked)) respond(goResponse(process, request, { status: 421, headers: [['X-Content-Type-Options', 'nosniff']], body: 'Misdirected Request\n' }))
              else proxy.handle({ name, tls, internal: name === 'traefik', redirect: this.#redirectOf(name) }, request, respond)
            },
            refuse: (status) => ({ status, headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Connection', 'close']], body: encodeUtf8('400 Bad Request') }),
            ...(tls ? { tls: { select: ({ serverName }) => this.#certificates.select(serverName), alpn: ['h2', 'http/1.1'], cipher: CIPHERS.aes128, tickets: [122], acknowledgesName: false, plain: () => this.#plain() } } : {}),
          })
          this.#entered(name, server)
        }
      } catch (error) {
        if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
        return `command traefik error: error while building entryPoint ${name}: error preparing server: error opening listener: listen tcp :${at.port}: bind: address already in use`
      }
    }
    return undefined
  }

  #entered(name: string, server: HttpServer): void {
    this.#servers.push(server)
    this.#entries.set(name, server)
  }

  /** Through the route's MiddlewareTCPs; whom they keep out finds the connection closed. */
  #pass(plain: PlainProxy, route: TcpRoute, connection: TcpConnection, entryPoint: string): void {
    const entered = this.#gates.enter(route, this.#dynamic.tcpMiddlewares, connection.remoteAddress)
    if (entered) {
      let left = false
      const count = (by: number): void => void this.#passing.set(entryPoint, (this.#passing.get(entryPoint) ?? 0) + by)
      count(1)
      return plain.tcp(route, connection, () => {
        if (left) return
        left = true
        entered.leave()
        count(-1)
      })
    }
    connection.handlers = {}
    connection.end()
  }

  /** Traefik's own at its own entry point; undefined: what routers say. */
  #inside(name: string, target: string): GoAnswer | undefined {
    const { path } = splitTarget(target)
    if (name === 'traefik' && path.startsWith('/ping') && this.#flags.has('ping')) return { body: 'OK' }
    if (path.startsWith('/metrics') && this.#flags.has('metrics.prometheus') && name === (this.#flags.get('metrics.prometheus.entrypoint') ?? 'traefik')) return this.#internal('prometheus@internal', target)
    if (name !== 'traefik' || this.#flags.get('api.insecure') !== 'true') return undefined
    if (path.startsWith('/api')) return this.#internal('api@internal', target)
    if (this.#flags.get('api.dashboard') === 'false') return undefined
    return path === '/' ? { status: 301, headers: [['Location', '/dashboard/']], body: 'Moved Permanently' } : DASHBOARD
  }

  /** A service of Traefik's own, which an IngressRoute may have, too. */
  #internal(service: string, target: string): GoAnswer {
    const { path, query } = splitTarget(target)
    if (service === 'ping@internal' && this.#flags.has('ping')) return { body: 'OK' }
    if (service === 'prometheus@internal' && this.#metrics) return { body: this.#metrics.text(this.#open(), [this.#certificates.chainFor(undefined), ...this.#dynamic.certificates].flatMap(([own]) => own ?? [])), contentType: EXPOSITION_TYPE }
    if (service === 'noop@internal') return { status: 418, headers: [['Content-Type', 'text/plain; charset=utf-8'], ['X-Content-Type-Options', 'nosniff']], body: "I'm a teapot\n" }
    if ((service !== 'api@internal' && service !== 'dashboard@internal') || !hasApi(this.#flags)) return GO_NOT_FOUND
    if (path.startsWith('/api/')) {
      return apiAnswer(path, query, { dynamic: this.#dynamic, routers: this.#routers, tcp: this.#dynamic.tcp, flags: this.#flags, entryPoints: entryPointsOf(this.#flags), startedAt: this.#startedAt })
    }
    const dashboard = this.#flags.get('api.dashboard') !== 'false'
    if (dashboard && path === '/') return { status: 302, headers: [['Location', '/dashboard/']] }
    return dashboard && path.startsWith('/dashboard/') ? DASHBOARD : GO_NOT_FOUND
  }

  /** Connections of each entry point. */
  #open(): Record<string, number> {
    return Object.fromEntries([...this.#entries].map(([name, server]) => [name, server.active + (this.#passing.get(name) ?? 0)]))
  }

  /** Without the TCP routes that name no entry point: they are not for Traefik's own. */
  #named(): Dynamic {
    return { ...this.#dynamic, tcp: this.#dynamic.tcp.filter(({ entryPoints }) => entryPoints.length > 0) }
  }

  /** entryPoints.NAME.http.redirections.entryPoint: what redirectScheme does with each of its requests. */
  #redirectOf(name: string): Record<string, unknown> | undefined {
    const of = (key: string): string | undefined => this.#flags.get(`entrypoints.${name}.http.redirections.entrypoint.${key}`)
    const to = of('to')
    if (to === undefined) return undefined
    const address = this.#flags.get(`entrypoints.${to.toLowerCase()}.address`) ?? to
    return { scheme: of('scheme') ?? 'https', permanent: of('permanent') !== 'false', port: parseListen(address.replace(/\/tcp$/, ''))?.port.toString() ?? '' }
  }

  /** Where TLS is spoken, a router without it finds nobody. */
  #plain(): Uint8Array {
    const body = encodeUtf8(NOT_FOUND.body)
    return writeResponse(404, 'Not Found', [...NOT_FOUND.headers, ['Date', httpDate(this.#process.clock.wall())], ['Content-Length', String(body.length)], ['Connection', 'close']], body)
  }

  #sync(): number {
    const picture: Picture = {
      ingresses: this.#flags.has('providers.kubernetesingress') ? [...this.#ingresses.values()] : [],
      classes: [...this.#classes.values()],
      routes: [...(this.#routes?.values() ?? [])],
      middlewares: [...(this.#middlewares?.values() ?? [])],
      tcpRoutes: [...(this.#tcpRoutes?.values() ?? [])],
      tcpMiddlewares: [...(this.#tcpMiddlewares?.values() ?? [])],
      tlsStores: [...(this.#tlsStores?.values() ?? [])],
      tlsOptions: [...(this.#tlsOptions?.values() ?? [])],
      wall: () => this.#process.clock.wall(),
      transport: (namespace, name) => this.#transports?.get(namespace, name),
      udpRoutes: [...(this.#udpRoutes?.values() ?? [])],
      traefikService: (namespace, name) => this.#traefikServices?.get(namespace, name),
      service: (namespace, name) => this.#services.get(namespace, name),
      nodes: () => [...this.#informers.of<Node>('nodes').values()],
      crossNamespace: this.#flags.get('providers.kubernetescrd.allowcrossnamespace') === 'true',
      slices: (namespace, service) => this.#slices.indexed('service', `${namespace}/${service}`),
      secret: (namespace, name) => this.#secrets.get(namespace, name),
    }
    this.#dynamic = provide(picture)
    this.#provideGateways(picture)
    const { routers, tcp, problems } = checkMiddlewares(this.#dynamic)
    const usable = checkTlsOptions(routers, this.#dynamic)
    this.#asked = routers
    this.#routers = usable.routers
    this.#dynamic.tcp = tcp
    const { services, middlewares, certificates, udp } = this.#dynamic
    this.#metrics?.applied(JSON.stringify([routers, tcp, udp, [...services], [...middlewares], certificates.map(([own]) => own?.serial)], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), this.#process.clock.wall())
    for (const { level, text } of [...this.#dynamic.problems, ...problems, ...usable.problems, ...checkTcpOptions(tcp, this.#dynamic)]) this.#tell(level, text)
    for (const [name, { kind }] of this.#dynamic.middlewares) if (!isSimulated(kind)) this.#tell('WRN', `podhop: not simulated: middleware ${name} of kind ${kind} (its routers answer 501)`)
    this.#writeStatus()
    return THROTTLE
  }

  #provideGateways(picture: Picture): void {
    const found = this.#gateways?.picture({
      entryPoints: entryPointsOf(this.#flags).map(({ name, address }) => ({ name, address: address.replace(/\/(tcp|udp)$/, ''), tls: this.#flags.get(`entrypoints.${name}.http.tls`) === 'true' })),
      custom: this.#flags.has('providers.kubernetescrd'), service: picture.service, slices: picture.slices, secret: picture.secret,
    })
    if (!found) return
    const statements = provideGateways(found, this.#gateways!.addresses(picture.service), this.#dynamic, (key) => traefikServiceOf(picture, key, this.#dynamic))
    sortRoutes(this.#dynamic)
    this.#gateways!.write(statements)
  }

  /** What is still wrong is not said again. */
  #tell(level: Problem['level'], text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#log(level, text)
  }

  /** The addresses of the Service that --providers.kubernetesingress.ingressendpoint.publishedservice names. */
  #writeStatus(): void {
    const [namespace, name] = (this.#flags.get('providers.kubernetesingress.ingressendpoint.publishedservice') ?? '').split('/')
    publishAddresses(this.#client, namespace && name ? this.#services.get(namespace, name) : undefined, mine({ ingresses: [...this.#ingresses.values()], classes: [...this.#classes.values()] }))
  }
}
