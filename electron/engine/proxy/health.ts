import type { Process } from '../machine/types.ts'
import type { Node } from '../kubernetes/types.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../programs/http/go.ts'
import type { HttpServer } from '../programs/http/server.ts'
import { EXPOSITION_TYPE } from '../prometheus.ts'
import type { Bind } from './configuration.ts'
import type { ServiceState } from './shared-services.ts'

/**
 * What kube-proxy answers to load balancers: its own health on port 10256, and on a Service's healthCheckNodePort how
 * many of its endpoints are on this node (pkg/proxy/healthcheck of v1.33).
 */
/** Twice the sync period. */
const TIMEOUT = 60_000
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler'

/** What the node itself may ask kube-proxy: /proxyMode, and what it measures. */
export function serveProxyMode(process: Process, mode: string, metrics: () => string, log: (severity: 'I' | 'E', source: string, message: string) => void, { address, port }: Bind = { address: '127.0.0.1', port: 10_249 }): void {
  try {
    serveGo(process, 'kube-proxy', port, address, ({ target }) => {
      const { path } = splitTarget(target)
      if (path === '/healthz' || path === '/proxyMode') return { headers: [['X-Content-Type-Options', 'nosniff']], body: path === '/healthz' ? 'ok' : mode }
      if (path === '/metrics') return { body: metrics(), contentType: EXPOSITION_TYPE }
      if (path !== '/configz') return GO_NOT_FOUND
      return { status: 501, body: `podhop: not simulated: kube-proxy's ${path} (the ConfigMap kube-proxy has its configuration)\n` }
    })
  } catch (error) {
    log('E', 'server.go:495', `"Starting metrics server failed" err="starting metrics server failed: listen tcp ${address ?? '0.0.0.0'}:${port}: bind: ${(error as Error).message.toLowerCase()}"`)
  }
}

/** `key`: family and Service. */
interface Check { service: string; port: number; server: HttpServer; endpoints: number }

export class ProxyHealth {
  readonly #process: Process
  readonly #node: string
  readonly #log: (severity: 'I' | 'E', source: string, message: string) => void
  readonly #checks = new Map<string, Check>()
  #eligible = true
  #updatedAt = 0
  /** Family → since when it waits to be written. */
  readonly #waiting = new Map<4 | 6, number>()
  /** Family → the Services whose rules are written. */
  readonly states = new Map<4 | 6, ServiceState>()
  /** Family → when (virtual ms) its rules were last written. */
  readonly syncedAt = new Map<4 | 6, number>()
  /** Family → when (virtual ms) something last waited to be written. */
  readonly queuedAt = new Map<4 | 6, number>()
  /** Path → status → answers with it. */
  readonly answered = { healthz: new Map<number, number>(), livez: new Map<number, number>() }
  /** Family → entries of connection tracking that were removed. */
  readonly cleaned = new Map<4 | 6, number>()

  constructor(process: Process, node: string, log: (severity: 'I' | 'E', source: string, message: string) => void, { address, port }: Bind = { address: undefined, port: 10_256 }) {
    this.#process = process
    this.#node = node
    this.#log = log
    this.#updatedAt = process.clock.now
    try {
      serveGo(process, 'kube-proxy', port, address, ({ target }) => this.#answer(splitTarget(target).path))
    } catch (error) {
      log('E', 'server.go:495', `"Healthz server failed" err="failed to start proxy healthz on ${address ?? '0.0.0.0'}:${port}: listen tcp4 ${address ?? '0.0.0.0'}:${port}: bind: ${(error as Error).message.toLowerCase()}"`)
    }
  }

  /** Something waits to be written. */
  queued(family: 4 | 6): void {
    this.queuedAt.set(family, this.#process.clock.now)
    if (!this.#waiting.has(family)) this.#waiting.set(family, this.#process.clock.now)
  }

  /** The rules of these Services are written; without them: of all. */
  updated(family: 4 | 6, cache: ServiceState, services: Iterable<string> | undefined): void {
    this.#waiting.delete(family)
    this.#updatedAt = this.#process.clock.now
    this.syncedAt.set(family, this.#updatedAt)
    this.states.set(family, cache)
    if (this.#checks.size === 0 && cache.healthChecks === 0) return
    const known = [...this.#checks].flatMap(([key, { service }]) => (key.startsWith(`${family} `) ? service : []))
    for (const service of services ?? new Set([...cache.services.keys(), ...known])) this.#sync(family, cache, service)
  }

  /** Stale entries of connection tracking are gone. */
  removed(family: 4 | 6, count: number): void {
    this.cleaned.set(family, (this.cleaned.get(family) ?? 0) + count)
  }

  onNode({ metadata, spec }: Node): void {
    this.#eligible = metadata.deletionTimestamp === undefined && !spec.taints?.some((t) => t.key === TO_BE_DELETED)
  }

  #sync(family: 4 | 6, cache: ServiceState, service: string): void {
    const key = `${family} ${service}`
    const ports = cache.services.get(service) ?? []
    const port = ports.find((p) => p.healthCheckNodePort !== 0)?.healthCheckNodePort
    const check = this.#checks.get(key)
    if (check && check.port !== port) {
      check.server.close()
      this.#checks.delete(key)
    }
    if (port === undefined) return
    const here = new Set(ports.flatMap((p) => cache.endpointsOf(p).filter((e) => e.ready && e.nodeName === this.#node).map((e) => e.ip)))
    const known = this.#checks.get(key)
    if (known) known.endpoints = here.size
    else this.#open(family, service, port, here.size)
  }

  #open(family: 4 | 6, service: string, port: number, endpoints: number): void {
    try {
      const check = { service, port, endpoints }
      const server = serveGo(this.#process, 'kube-proxy', port, family === 4 ? '0.0.0.0' : '::', () => this.#answerFor(check))
      this.#checks.set(`${family} ${service}`, Object.assign(check, { server }))
    } catch (error) {
      this.#log('E', 'service_health.go:145', `"Failed to start healthcheck" err="listen tcp ${family === 4 ? '0.0.0.0' : '[::]'}:${port}: bind: ${(error as Error).message.toLowerCase()}" node="${this.#node}" service="${service}" port=${port}`)
    }
  }

  get #healthy(): boolean {
    return [...this.#waiting.values()].every((since) => this.#process.clock.now - since < TIMEOUT)
  }

  #answerFor({ service, endpoints }: Omit<Check, 'server'>): GoAnswer {
    const [namespace, name] = service.split('/')
    const healthy = this.#healthy
    return {
      status: endpoints > 0 && healthy ? 200 : 503,
      headers: [['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff'], ['X-Load-Balancing-Endpoint-Weight', String(endpoints)]],
      body: `{\n\t"service": {\n\t\t"namespace": "${namespace}",\n\t\t"name": "${name}"\n\t},\n\t"localEndpoints": ${endpoints},\n\t"serviceProxyHealthy": ${healthy}\n}`,
    }
  }

  #answer(path: string): GoAnswer {
    if (path !== '/healthz' && path !== '/livez') return GO_NOT_FOUND
    const { now } = this.#process.clock
    const healthy = this.#healthy && (path === '/livez' || this.#eligible)
    const status = healthy ? 200 : 503
    const counts = this.answered[path === '/livez' ? 'livez' : 'healthz']
    counts.set(status, (counts.get(status) ?? 0) + 1)
    const eligible = path === '/healthz' ? `, "nodeEligible": ${this.#eligible}` : ''
    return {
      status,
      headers: [['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff']],
      body: `{"lastUpdated": "${this.#time(healthy ? now : this.#updatedAt)}","currentTime": "${this.#time(now)}"${eligible}}`,
    }
  }

  /** Go's time.Time: "2026-01-05 08:00:12.345678912 +0000 UTC m=+12.345678912" */
  #time(at: number): string {
    const wall = new Date(this.#process.clock.epoch + Math.floor(at)).toISOString().replace('T', ' ').replace('Z', '')
    return `${wall}000000 +0000 UTC m=+${((at - this.#process.startedAt) / 1000).toFixed(9)}`
  }
}
