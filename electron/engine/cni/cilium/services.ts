import type { Process } from '../../machine/types.ts'
import { ServiceCache } from '../../proxy/cache.ts'
import { GO_NOT_FOUND, serveGo } from '../../programs/http/go.ts'
import type { HttpServer } from '../../programs/http/server.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { Datapath, NodeFamily } from './datapath.ts'
import { healthzAddress } from './manifests.ts'

/** Writes Services into the load-balancing maps, and answers on their health check ports (pkg/service of cilium/cilium v1.17). */
const DELAY = 20

export class ServiceSync {
  readonly #dp: Datapath
  readonly #process: Process
  readonly #cache: ServiceCache
  readonly #node: NodeFamily
  readonly #health = new Map<string, { port: number; server: HttpServer }>()
  readonly #loop: SyncLoop

  /** One family's half of the Services; the health checks are with the first one's. */
  constructor(dp: Datapath, node: NodeFamily, process: Process) {
    this.#dp = dp
    this.#node = node
    this.#process = process
    this.#loop = new SyncLoop(dp.context.clock, DELAY, () => this.#sync())
    this.#cache = new ServiceCache(dp.context.client, node.version, () => this.#loop.request())
    this.#cache.takeChanged()
    if (node === dp.families[0] && healthzAddress(dp.context.config) !== '') this.#healthz()
    for (const service of this.#cache.services.keys()) this.#write(service)
    // what went while no agent ran
    for (const { service, type, ip } of dp.lb.list()) if (dp.family(ip) === node && type !== 'HostPort' && !this.#cache.services.has(service)) this.#write(service)
  }

  stop(): void {
    this.#loop.stop()
    this.#cache.stop()
  }

  #sync(): void {
    for (const service of this.#cache.takeChanged()) this.#write(service)
  }

  #write(service: string): void {
    const dp = this.#dp
    const ports = this.#cache.services.get(service) ?? []
    const gone = new Set(dp.lb.update(service, ports, (port) => this.#cache.endpointsOf(port), { name: dp.context.name, ip: this.#node.nodeIp }).map((b) => b.id))
    if (gone.size > 0) dp.conntrack.removeIf((entry) => entry.direction === 'service' && gone.has(entry.backend))
    // where kube-proxy runs, node ports are its affair
    if (!dp.replacesProxy || this.#node !== dp.families[0]) return
    const port = ports.find((p) => p.healthCheckNodePort !== 0)?.healthCheckNodePort
    this.#check(service, port, () => new Set(ports.flatMap((p) => this.#cache.endpointsOf(p).filter((e) => e.ready && e.nodeName === dp.context.name).map((e) => e.ip))).size)
  }

  /** daemon/cmd/kube_proxy_healthz.go */
  #healthz(): void {
    const { clock } = this.#process
    const now = (): string => `${new Date(clock.wall()).toISOString().replace('T', ' ').replace('Z', '')}000000 +0000 UTC m=+${((clock.now - this.#process.startedAt) / 1000).toFixed(9)}`
    try {
      serveGo(this.#process, 'cilium-agent', 10_256, undefined, ({ target }) => {
        if (target !== '/healthz') return GO_NOT_FOUND
        return { headers: [['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff']], body: `{"lastUpdated": "${now()}","currentTime": "${now()}"}` }
      })
    } catch {
      // Another process of the node has the port.
    }
  }

  /** pkg/service/healthserver */
  #check(service: string, port: number | undefined, count: () => number): void {
    const known = this.#health.get(service)
    if (known) {
      known.server.close()
      this.#health.delete(service)
    }
    if (port === undefined) return
    const [namespace, name] = service.split('/')
    try {
      const server = serveGo(this.#process, 'cilium-agent', port, undefined, () => {
        const localEndpoints = count()
        return {
          status: localEndpoints > 0 ? 200 : 503,
          headers: [['Content-Type', 'application/json'], ['X-Load-Balancing-Endpoint-Weight', String(localEndpoints)]],
          body: `{"service":{"namespace":"${namespace}","name":"${name}"},"localEndpoints":${localEndpoints}}`,
        }
      })
      this.#health.set(service, { port, server })
    } catch {
      // Another process of the node has the port: load balancers get no answer of ours.
    }
  }
}
