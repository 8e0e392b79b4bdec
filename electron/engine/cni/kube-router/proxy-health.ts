import type { Process } from '../../machine/types.ts'
import { serveGo, splitTarget } from '../../programs/http/go.ts'
import type { HttpServer } from '../../programs/http/server.ts'
import type { ServiceState } from '../../proxy/shared-services.ts'

/** Answers on a Service's healthCheckNodePort (pkg/controllers/proxy/nodeport_healthcheck.go of kube-router v2.6). */
export class NodePortHealth {
  readonly #process: Process | undefined
  readonly #servers = new Map<number, { server: HttpServer; count: number }>()

  constructor(process: Process | undefined) {
    this.#process = process
  }

  sync(cache: ServiceState, node: string): void {
    if (!this.#process) return
    const wanted = new Map<number, number>()
    for (const infos of cache.services.values()) {
      for (const info of infos) {
        if (info.healthCheckNodePort === 0) continue
        wanted.set(info.healthCheckNodePort, cache.endpointsOf(info).filter((e) => e.nodeName === node && (e.ready || e.serving) && !e.terminating).length)
      }
    }
    for (const [port, { server }] of this.#servers) {
      if (wanted.has(port)) continue
      server.close()
      this.#servers.delete(port)
    }
    for (const [port, count] of wanted) {
      const known = this.#servers.get(port)
      if (known) known.count = count
      else this.#listen(this.#process, port, count)
    }
  }

  stop(): void {
    for (const { server } of this.#servers.values()) server.close()
    this.#servers.clear()
  }

  #listen(process: Process, port: number, count: number): void {
    try {
      const server = serveGo(process, 'kube-router', port, undefined, ({ target }) => {
        const now = this.#servers.get(port)?.count ?? 0
        if (splitTarget(target).path !== '/healthz') return { status: 404, body: '404 page not found\n' }
        return now > 0 ? { status: 200, body: `${now} Service Endpoints found\n` } : { status: 503, body: 'No Service Endpoints Found\n' }
      })
      this.#servers.set(port, { server, count })
    } catch {
      // Another process of the node has the port.
    }
  }
}
