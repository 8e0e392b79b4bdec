import { accountOf, tellFailure } from '../account.ts'
import { klogLine } from '../klog.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import { InformerFactory, type Informer } from '../../kubernetes/controllers/informer.ts'
import { WorkQueue } from '../../kubernetes/controllers/workqueue.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap, EndpointSlice, Ingress, IngressClass, KubeObject, Secret, Service } from '../../kubernetes/types.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { parseGoFlags } from '../go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../http/go.ts'
import { HAPROXY_HTTP2 } from '../http/http2-server.ts'
import { serveHttp, type HttpServer } from '../http/server.ts'
import { goLogTime } from '../http-echo.ts'
import { Output, untilSignal } from '../output.ts'
import { publishAddresses } from '../published-status.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import { matchingName, type Certificate } from '../tls/x509.ts'
import type { SystemServices } from '../types.ts'
import { configure, mine, type Configuration } from './configuration.ts'
import { Passage } from './passthrough.ts'
import { Proxy } from './proxy.ts'

/** haproxytech/kubernetes-ingress v3.1. */
const VERSION = 'v3.1.6 2d3d3a34'
/** --sync-period, in ms. */
const SYNC_PERIOD = 5_000
const SERVICE_LABEL = 'kubernetes.io/service-name'
const FLAGS = ['configmap', 'ingress.class', 'publish-service'] as const
const EMPTY: Configuration = { rules: [], defaultBackend: undefined, backends: new Map(), certificates: [], ownCertificate: undefined, passthrough: [], notes: [] }

export function haproxyIngress(services: SystemServices): Record<string, Program> {
  return { 'haproxy-ingress-controller': (process) => run(process, services) }
}

function* run(process: Process, services: SystemServices): Task<number> {
  const flags = parseGoFlags(process.argv.slice(1), FLAGS.map((name) => ({ name, kind: 'string' as const })))
  if ('error' in flags) {
    yield* process.printError(`podhop: not simulated: ${flags.error} (${FLAGS.map((f) => `--${f}`).join(', ')} are)\n`)
    return 69
  }
  const out = new Output(process, 1)
  const line = (text: string): void => out.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  line(`HAProxy Ingress Controller ${VERSION}\n`)
  line(`Build from: git@github.com:haproxytech/kubernetes-ingress.git`)
  line('HAProxy version 3.1.7-c3f4089 2025/04/17 - https://haproxy.org/')
  line(`ConfigMap: ${flags.values.get('configmap') ?? ''}`)
  line(`Ingress class: ${flags.values.get('ingress.class') ?? ''}`)
  line('Empty Ingress class: false')
  line(`Publish service: ${flags.values.get('publish-service') ?? ''}`)
  line('Default backend service not provided: using local default backend')
  const errors = new Output(process, 2)
  const client = accountOf(process, services.client, (failure) => tellFailure({ minor: 32, patch: 3 }, failure, (severity, source, text) => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text))), { manager: 'haproxy-ingress-controller' })
  const controller = new Controller(process, client, flags.values, line, (text) => out.write(text))
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
  readonly #informers: InformerFactory
  readonly #queue: WorkQueue
  readonly #servers: { close(): void }[] = []
  readonly #told = new Set<string>()
  #ingresses!: Informer<Ingress>
  #classes!: Informer<IngressClass>
  #services!: Informer<Service>
  #slices!: Informer<EndpointSlice>
  #secrets!: Informer<Secret>
  #maps!: Informer<ConfigMap>
  #configuration: Configuration | undefined
  #reloaded = ''
  #own: Certificate | undefined

  constructor(process: Process, client: KubernetesClient, flags: ReadonlyMap<string, string>, line: (text: string) => void, access: (text: string) => void) {
    this.#process = process
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
    const proxy = new Proxy(process, () => this.#configuration ?? EMPTY, (text) => (this.#logsRequests() ? this.#access(text) : undefined))
    const web = { program: 'haproxy', handle: proxy.handle.bind(proxy), refuse: () => proxy.refuse() }
    try {
      this.#servers.push(serveHttp(process, { ...web, port: 8080 }))
      const passage = new Passage(process, () => this.#configuration ?? EMPTY, (text) => (this.#logsRequests() ? this.#access(text) : undefined))
      const secure: HttpServer = serveHttp(process, { ...web, port: 8443, take: (connection) => passage.take(connection, (own) => secure.accept(own)), http2: HAPROXY_HTTP2, tls: { select: ({ serverName }) => ({ chain: this.#chainFor(serverName) }), alpn: ['h2', 'http/1.1'], tickets: [233, 233] } })
      this.#servers.push(secure)
      this.#servers.push(serveGo(process, 'haproxy', 1042, undefined, (r) => (splitTarget(r.target).path === '/healthz' && this.#configuration ? { body: '' } : GO_NOT_FOUND)))
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
  }

  #global(): Readonly<Record<string, string>> {
    const [namespace, name] = (this.#flags.get('configmap') ?? '').split('/')
    return (namespace && name ? this.#maps.get(namespace, name)?.data : undefined) ?? {}
  }

  #logsRequests(): boolean {
    return /address:\s*stdout/.test(this.#global()['syslog-server'] ?? '')
  }

  #chainFor(name: string | undefined): readonly Certificate[] {
    const { certificates, ownCertificate } = this.#configuration ?? EMPTY
    const found = name === undefined ? undefined : (certificates.find(([own]) => own!.dnsNames.includes(name)) ?? certificates.find(([own]) => matchingName(own!, name) !== undefined))
    if (found ?? ownCertificate) return (found ?? ownCertificate)!
    const { clock } = this.#process
    this.#own ??= makeCertificate({ subject: [['CN', 'localhost']], key: makeKey(clock.random), notBefore: Math.floor(clock.wall() / 1000) * 1000, days: 365, alternativeNames: ['localhost'], serverOnly: true, random: clock.random })
    return [this.#own]
  }

  #sync(): number {
    const next = configure({
      ingresses: [...this.#ingresses.values()],
      classes: [...this.#classes.values()],
      global: this.#global(),
      service: (namespace, name) => this.#services.get(namespace, name),
      slices: (namespace, service) => this.#slices.indexed('service', `${namespace}/${service}`),
      secret: (namespace, name) => this.#secrets.get(namespace, name),
    })
    for (const { level, text } of next.notes) {
      if (!this.#told.has(text)) this.#line(`${level.padEnd(7)} ingress/ingress.go:260 ${text}`)
      this.#told.add(text)
    }
    const shape = JSON.stringify([next.rules, next.defaultBackend, [...next.backends.keys()], next.passthrough], (_, value: unknown) => (value instanceof RegExp ? value.source : value))
    if (shape !== this.#reloaded) this.#line('INFO    controller/controller.go:204 HAProxy reloaded')
    this.#reloaded = shape
    this.#configuration = next
    this.#writeStatus()
    return SYNC_PERIOD
  }

  /** The addresses of --publish-service. */
  #writeStatus(): void {
    const [namespace, name] = (this.#flags.get('publish-service') ?? '').split('/')
    publishAddresses(this.#client, namespace && name ? this.#services.get(namespace, name) : undefined, mine({ ingresses: [...this.#ingresses.values()], classes: [...this.#classes.values()] }))
  }
}
