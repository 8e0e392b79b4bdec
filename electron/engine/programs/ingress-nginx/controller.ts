import { EventRecorder, referenceTo } from '../../kubernetes/controllers/events.ts'
import { InformerFactory, keyOf, type Informer } from '../../kubernetes/controllers/informer.ts'
import { WorkQueue } from '../../kubernetes/controllers/workqueue.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { LeaderElection } from '../../kubernetes/leader-election.ts'
import type { ConfigMap, EndpointSlice, Ingress, IngressClass, KubeObject, Pod, Secret, Service } from '../../kubernetes/types.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { NGINX_HTTP2 } from '../http/http2-server.ts'
import { readAnnouncement } from '../http/proxy-protocol.ts'
import { serveHttp, type HttpServer } from '../http/server.ts'
import { EXPOSITION_TYPE } from '../../prometheus.ts'
import { errorTime } from '../nginx/time.ts'
import { statusPage, type Load } from '../nginx/status.ts'
import { tlsSecret } from '../tls/secrets.ts'
import type { Certificate } from '../tls/x509.ts'
import { serveAdmission } from './admission.ts'
import { asksFor } from './auth-tls.ts'
import { validAnnotation } from './annotation-values.ts'
import { contains, GLOBAL, PREFIX } from './annotations.ts'
import { unheeded } from './settings.ts'
import { configure, type Configuration, type Picture } from './configuration.ts'
import { serverFor } from './matching.ts'
import { makeFake } from './certificates.ts'
import { serveStatus } from './inside.ts'
import { Metrics, type Observed } from './metrics.ts'
import { nginxConf } from './nginx-conf.ts'
import { passTls } from './passthrough.ts'
import { Proxy } from './proxy.ts'
import { StatusSync } from './status.ts'
import { IngressStore } from './store.ts'
import { Streams, streamServices, type StreamService } from './streams.ts'

/** --sync-rate-limit 0.3: ms between two looks at everything. */
const SYNC_INTERVAL = 3_333
const INITIAL_SYNC = 1_000
const KEEP_ALIVE = 75_000
/** client-header-timeout, in ms. */
const HEADER_TIMEOUT = 60_000
const SERVICE_LABEL = 'kubernetes.io/service-name'
const ELECTION = { lease: 30_000, renew: 15_000, retry: 7_500 }
export const COMPONENT = 'nginx-ingress-controller'

/** internal/ingress/controller of kubernetes/ingress-nginx v1.12.2. */
export interface Outputs {
  out(text: string): void
  error(text: string): void
  log(source: string, text: string, severity?: 'I' | 'W' | 'E' | 'F'): void
}

export class Controller {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #pod: Pod
  readonly #flags: ReadonlyMap<string, string>
  readonly #outputs: Outputs
  readonly #events: EventRecorder
  readonly #informers: InformerFactory
  readonly #queue: WorkQueue
  readonly #servers: HttpServer[] = []
  readonly #store: IngressStore
  /** What was said to be not simulated: once is enough. */
  readonly #told = new Set<string>()
  #classes!: Informer<IngressClass>
  #secrets!: Informer<Secret>
  #fake: Certificate | undefined
  /** Connections that did not begin as use-proxy-protocol wants it. */
  #broken = 0
  #services!: Informer<Service>
  #configMaps!: Informer<ConfigMap>
  #slices!: Informer<EndpointSlice>
  #configuration: Configuration | undefined
  #defaults: Readonly<Record<string, string>> = {}
  #reloaded = ''
  #written = ''
  #streams: Streams | undefined
  #metrics: Metrics | undefined
  #election: LeaderElection | undefined
  #status: StatusSync | undefined

  constructor(process: Process, client: KubernetesClient, pod: Pod, flags: ReadonlyMap<string, string>, outputs: Outputs) {
    this.#process = process
    this.#client = client
    this.#pod = pod
    this.#flags = flags
    this.#outputs = outputs
    this.#events = new EventRecorder(client, process.clock, COMPONENT)
    this.#informers = new InformerFactory(client)
    this.#queue = new WorkQueue(process.clock, () => this.#sync())
    this.#store = new IngressStore({
      flags,
      ingressClass: (name) => this.#classes.get(undefined, name),
      defaults: () => this.#defaults,
      log: outputs.log,
      changed: (ingress) => {
        if (ingress) this.#event(ingress, 'Sync', 'Scheduled for sync')
        this.#queue.add('sync')
      },
      arrived: () => this.#status?.expect(),
    })
    if (flags.get('enable-metrics') === 'true') this.#metrics = new Metrics({ controller_class: flags.get('controller-class') ?? 'k8s.io/ingress-nginx', controller_namespace: pod.metadata.namespace, controller_pod: pod.metadata.name })
  }

  /** False when the ports are taken. */
  *start(): Task<boolean> {
    const process = this.#process
    const { log } = this.#outputs
    log('nginx.go:271', '"Starting NGINX Ingress controller"')
    this.#classes = this.#informers.of<IngressClass>('ingressclasses')
    this.#services = this.#informers.of<Service>('services')
    this.#slices = this.#informers.of<EndpointSlice>('endpointslices')
    this.#slices.index('service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ''}`])
    const look = (): void => this.#queue.add('sync')
    this.#secrets = this.#informers.of<Secret>('secrets')
    for (const informer of [this.#services, this.#slices, this.#secrets]) (informer as Informer<KubeObject>).on({ onAdd: look, onUpdate: look, onDelete: look })
    this.#watchConfigMap()
    // classes are known before the first Ingress is looked at
    yield* process.sleep(10, { background: false })
    this.#informers.of<Ingress>('ingresses').on({ onAdd: (i) => this.#store.added(i), onUpdate: (i, old) => this.#store.updated(i, old), onDelete: (i) => this.#store.deleted(i) })
    log('nginx.go:317', '"Starting NGINX process"')
    const proxy = new Proxy(process, () => this.#configuration ?? EMPTY, this.#outputs.out, this.#outputs.error, (observed) => this.#observe(observed))
    const load = (): Load => ({ accepted: web.reduce((sum, s) => sum + s.accepted, 0), active: web.reduce((sum, s) => sum + s.active, 0), ...proxy.load })
    proxy.status = () => statusPage(load())
    const web: HttpServer[] = []
    this.#streams = new Streams(process, this.#outputs.out, (text) => log('nginx.go:226', text, 'E'), (sender) => contains(this.#configuration?.global.realIp?.from ?? [], sender))
    try {
      const plain: HttpServer = serveHttp(process, { port: 80, take: (connection) => this.#announced(connection, (client) => plain.accept(client)), program: 'nginx', h2c: true, http2: NGINX_HTTP2, keepAliveTimeout: KEEP_ALIVE, handle: (request, respond) => proxy.handle(request, respond), refuse: (status) => proxy.refuse(status) })
      this.#servers.push(plain)
      const passes = this.#flags.get('enable-ssl-passthrough') === 'true'
      if (passes) log('nginx.go:314', '"Starting TLS proxy for SSL Passthrough"')
      const secure: HttpServer = serveHttp(process, {
        port: 443,
        take: (connection) => {
          const pass = (client: TcpConnection): void => passTls(process, client, (name) => (this.#configuration ?? EMPTY).passthrough.get(name), (own) => secure.accept(own))
          if (this.#announced(connection, passes ? pass : (client) => secure.accept(client))) return true
          if (passes) pass(connection)
          return passes
        },
        program: 'nginx',
        http2: NGINX_HTTP2,
        keepAliveTimeout: KEEP_ALIVE,
        tls: { select: ({ serverName }) => ({ chain: this.#chainFor(serverName), clients: asksFor(serverFor(this.#configuration ?? EMPTY, serverName ?? '').clients) }), alpn: ['h2', 'http/1.1'], plain: () => proxy.plain() },
        handle: (request, respond) => proxy.handle(request, respond),
        refuse: (status) => proxy.refuse(status),
      })
      this.#servers.push(secure)
      web.push(...this.#servers)
      this.#servers.push(serveStatus(process, load, () => this.#configuration ?? EMPTY, (namespace, service) => this.#services.get(namespace, service)))
      this.#servers.push(serveGo(process, COMPONENT, 10_254, undefined, (r) => this.#inside(splitTarget(r.target).path, load)))
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
      log('main.go:65', 'port 80 is already in use. Please check the flag --http-port', 'F')
      return false
    }
    this.#serveWebhook()
    this.#elect()
    look()
    return true
  }

  /** use-proxy-protocol: who does not begin with its line is shown the door. */
  #announced(connection: TcpConnection, next: (client: TcpConnection) => void): boolean {
    const { proxyProtocol } = (this.#configuration ?? EMPTY).global
    if (!proxyProtocol) return false
    const { localPort, remoteAddress } = connection
    readAnnouncement(connection, this.#process.clock, HEADER_TIMEOUT, (proxy) => contains(proxyProtocol, proxy), next, (line) => {
      const { clock, pid } = this.#process
      if (line !== undefined) this.#outputs.error(`${errorTime(clock.wall())} [error] ${pid}#${pid}: *${this.#servers.reduce((sum, server) => sum + server.accepted, ++this.#broken)} broken header: "${line}" while reading PROXY protocol, client: ${remoteAddress}, server: 0.0.0.0:${localPort}\n`)
      // a handshake has only been peeked at
      if (localPort === 443) connection.abort()
      else connection.end()
    })
    return true
  }

  /** Port 10254: probes, and Prometheus. */
  #inside(path: string, load: () => Load): GoAnswer {
    if (path === '/healthz') return this.#configuration ? { body: 'ok' } : { status: 500, body: 'healthz check failed\n' }
    if (path !== '/metrics') return GO_NOT_FOUND
    if (!this.#metrics) return { status: 501, body: 'podhop: not simulated: what Go counts of itself (--enable-metrics=true tells of requests)\n' }
    return { body: this.#metrics.text(load()), contentType: EXPOSITION_TYPE }
  }

  /** Of hosts that some Ingress has (--metrics-per-undefined-host is false). */
  #observe({ labels: { host = '', ...labels }, ...rest }: Observed): void {
    const perHost = this.#flags.get('metrics-per-host') !== 'false'
    if (perHost && !this.#configuration?.servers.has(host)) return
    this.#metrics?.observe({ labels: perHost ? { ...labels, host } : labels, ...rest })
  }

  /** --validating-webhook: who asks whether an Ingress may be. */
  #serveWebhook(): void {
    const { log } = this.#outputs
    const address = this.#flags.get('validating-webhook') ?? ''
    const certificate = this.#flags.get('validating-webhook-certificate') ?? ''
    if (address === '' || certificate === '') return
    log('nginx.go:338', `"Starting validation webhook" address="${address}" certPath="${certificate}" keyPath="${this.#flags.get('validating-webhook-key') ?? ''}"`)
    const foreign = (ingress: Ingress): string | undefined => {
      const found = this.#store.classOf(ingress)
      return 'error' in found ? found.error : undefined
    }
    this.#servers.push(serveAdmission(this.#process, Number(address.split(':').at(-1)), certificate, () => ({ ingresses: [...this.#store.mine.values()], foreign, defaults: this.#defaults }), log))
  }

  /** By SNI alone, as the controller's ssl_certificate_by_lua does. */
  #chainFor(name: string | undefined): readonly Certificate[] {
    const found = name === undefined ? undefined : serverFor(this.#configuration ?? EMPTY, name).tls?.chain
    return found ?? this.#defaultChain() ?? [(this.#fake ??= makeFake(this.#process))]
  }

  /** --default-ssl-certificate: a Secret for who has none. */
  #defaultChain(): readonly Certificate[] | undefined {
    const [namespace = '', name = ''] = (this.#flags.get('default-ssl-certificate') ?? '').split('/')
    const secret = name === '' ? undefined : this.#secrets.get(namespace, name)
    const read = secret && tlsSecret(secret)
    return read && 'chain' in read ? read.chain : undefined
  }

  shutdown(): void {
    this.#queue.stop()
    this.#status?.shutdown()
    this.#status = undefined
    this.#election?.stop()
  }

  stop(): void {
    this.#queue.stop()
    this.#status?.stop()
    this.#election?.stop()
    this.#informers.stop()
    this.#streams?.close()
    for (const server of this.#servers) server.close()
  }

  #elect(): void {
    const { namespace, name } = this.#pod.metadata
    const { log } = this.#outputs
    const publish = (this.#flags.get('publish-service') ?? '').split('/')
    this.#election = new LeaderElection(this.#process.clock, this.#client, {
      lease: this.#flags.get('election-id') ?? 'ingress-nginx-leader',
      namespace,
      identity: name,
      component: 'ingress-leader-elector',
      timing: ELECTION,
      // as the real one: its successor waits until the lease is over
      release: false,
      onLeading: () => {
        log('status.go:85', `"New leader elected" identity="${name}"`)
        this.#metrics?.leads(this.#flags.get('election-id') ?? 'ingress-nginx-leader', true)
        this.#status = new StatusSync(this.#process.clock, this.#client, {
          publishService: publish.length === 2 ? { namespace: publish[0]!, name: publish[1]! } : undefined,
          pod: this.#pod,
          ingresses: () => [...this.#store.mine.values()],
          log,
        })
      },
      onLost: () => {
        this.#status?.stop()
        this.#status = undefined
        this.#elect()
      },
    })
  }

  #watchConfigMap(): void {
    const wanted = this.#flags.get('configmap')
    const look = (): void => this.#queue.add('sync')
    const tell = (reason: string) => (map: ConfigMap): void => {
      look()
      if (keyOf(map) !== wanted) return
      this.#event(map, reason, `ConfigMap ${wanted}`)
      this.#defaults = map.data ?? {}
      for (const key of Object.keys(map.data ?? {})) if (!GLOBAL.has(key) && unheeded(key)) this.#tellOnce('store.go:740', `podhop: not simulated: ${key} of ConfigMap ${wanted} (the default is)`, 'W')
    }
    this.#configMaps = this.#informers.of<ConfigMap>('configmaps')
    this.#configMaps.on({ onAdd: tell('CREATE'), onUpdate: tell('UPDATE'), onDelete: look })
  }

  // ---- nginx.conf and the balancer's endpoints -------------------------------------------------------------------

  #sync(): number {
    const { log } = this.#outputs
    const picture: Picture = {
      defaults: this.#defaults,
      ingresses: [...this.#store.mine.values()],
      service: (namespace, name) => this.#services.get(namespace, name),
      slices: (namespace, service) => this.#slices.indexed('service', `${namespace}/${service}`),
      secret: (namespace, name) => this.#secrets.get(namespace, name),
      configMap: (namespace, name) => this.#configMaps.get(namespace, name),
      defaultService: this.#flags.get('default-backend-service'),
    }
    const next = configure(picture)
    const streams = (['TCP', 'UDP'] as const).flatMap((protocol): StreamService[] => {
      const wanted = this.#flags.get(`${protocol === 'TCP' ? 'tcp' : 'udp'}-services-configmap`) ?? ''
      return wanted === '' ? [] : streamServices(wanted, this.#configMaps.get(wanted.split('/')[0]!, wanted.split('/')[1] ?? ''), protocol, picture, next.notes)
    })
    this.#streams?.set(streams)
    for (const { source, severity, text, ingress } of next.notes) {
      if (text.startsWith('podhop: ')) {
        if (this.#tellOnce(source, text, severity) && ingress) this.#events.event(ingress, 'Warning', 'NotSimulated', text)
      } else log(source, text, severity)
    }
    const first = this.#configuration === undefined
    const servers = JSON.stringify([...next.servers, next.global, streams.map((s) => [s.protocol, s.port])], (key, value: unknown) => (key === 'chain' || key === 'trusted' || key === 'own' || key === 'pattern' || key === 'headerPattern' ? undefined : value))
    const conf = nginxConf(next, { annotation: (namespace, ingress, short) => validAnnotation(this.#store.mine.get(`${namespace}/${ingress}`)?.metadata.annotations?.[PREFIX + short], short), defaults: this.#defaults, streams, passthrough: this.#flags.get('enable-ssl-passthrough') === 'true' })
    if (servers !== this.#reloaded || conf !== this.#written) {
      this.#write(conf)
      this.#metrics?.reloaded(this.#process.clock.wall())
      log('controller.go:196', '"Configuration changes detected, backend reload required"')
      log('controller.go:216', '"Backend successfully reloaded"')
      this.#event(this.#pod, 'RELOAD', 'NGINX reload triggered due to a change in configuration')
      this.#reloaded = servers
    }
    if (first) log('controller.go:227', '"Initial sync, sleeping for 1 second"')
    this.#configuration = next
    return first ? INITIAL_SYNC : SYNC_INTERVAL
  }

  #write(conf: string): void {
    this.#written = conf
    try {
      this.#process.fs.makeDirectory('/etc/nginx', { parents: true })
      this.#process.fs.writeFile('/etc/nginx/nginx.conf', conf)
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error
      this.#outputs.log('nginx.go:790', `open /etc/nginx/nginx.conf: ${(error as Error).message}`, 'E')
    }
  }

  /** An Event, which client-go's broadcaster writes to the log too. */
  #event(object: KubeObject, reason: string, message: string): void {
    this.#events.event(object, 'Normal', reason, message)
    const { kind, namespace = '', name, uid, apiVersion, resourceVersion = '' } = referenceTo(object)
    const about = { Kind: kind, Namespace: namespace, Name: name, UID: uid, APIVersion: apiVersion, ResourceVersion: resourceVersion, FieldPath: '' }
    const text = Object.entries(about).map(([key, value]) => `${key}:${JSON.stringify(value)}`).join(', ')
    this.#outputs.log('event.go:377', `Event(v1.ObjectReference{${text}}): type: 'Normal' reason: '${reason}' ${message}`)
  }

  /** Whether it was the first time. */
  #tellOnce(source: string, text: string, severity: 'I' | 'W' | 'E'): boolean {
    if (this.#told.has(text)) return false
    this.#told.add(text)
    this.#outputs.log(source, text, severity)
    return true
  }
}

const EMPTY = configure({ ingresses: [], service: () => undefined, slices: () => [], secret: () => undefined })
