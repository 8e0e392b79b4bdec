import type { ConfigMap, EndpointSlice, Service } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import { readyEndpoints } from '../ingress-nginx/configuration.ts'
import { ownerOf } from '../stream.ts'
import { TlsServer, type TlsServerOptions } from '../tls/socket.ts'
import { haproxyTime } from './access-log.ts'
import { announcement } from '../http/announcement.ts'
import type { Backend, BackendSettings } from './backend.ts'
import type { Pool, Server } from './farm.ts'
import { connectionOnly } from './passthrough.ts'

/** --configmap-tcp-services: a port, and whose it is: "namespace/service:port" or "…:port:ssl" (pkg/handler/tcp-services.go). */
export interface TcpService { port: number; pool: Pool; tls: boolean }

/** Tries of a server, and between two of them, in ms. */
const TRIES = 4
const PAUSE = 1_000

interface Picture {
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  settings(service: Service): BackendSettings
}

/** `wrong` hears the controller's words for an entry that is none. */
export function readServices(map: ConfigMap | undefined, picture: Picture, wrong: (text: string) => void, notSimulated: (text: string) => void): { port: number; tls: boolean; backend: Backend }[] {
  return Object.entries(map?.data ?? {}).flatMap(([key, input]) => {
    if (key === 'log-format' || key === 'log-format-tcp') return notSimulated(`${key} of the ConfigMap of TCP services (they are logged as without it)`), []
    const [reference = '', port, option] = input.split(':')
    const [namespace = '', name, ...more] = reference.split('/')
    if (port === undefined) return wrong(`incorrect format '${input}', 'ServiceName:ServicePort' is required`), []
    if (name === undefined || more.length > 0) return wrong(`incorrect Service Name '${reference}'. Should be in 'ServiceNS/ServiceName' format`), []
    const service = picture.service(namespace, name)
    if (!service) return wrong(`tcp-services: service '${namespace}/${name}' not found`), []
    if (!/^[0-9]+$/.test(port)) return wrong(`strconv.ParseInt: parsing ${JSON.stringify(port)}: invalid syntax`), []
    const found = service.spec.ports?.find((p) => String(p.port) === port)
    if (!found) return wrong(`TCP frontend 'tcp-${key}': update failed: service ${name}: no service port matching '${port}'`), []
    return [{ port: Number(key), tls: option === 'ssl', backend: { ...picture.settings(service), name: `${namespace}_${name}_${found.name || port}`, endpoints: readyEndpoints(picture, service, port) } }]
  })
}

/** The frontends of mode tcp. */
export class TcpServices {
  readonly #process: Process
  readonly #log: (line: string) => void
  readonly #failed: (text: string) => void
  readonly #tls: Pick<TlsServerOptions, 'select'>
  readonly #open = new Map<number, { service: TcpService; close(): void }>()

  constructor(process: Process, tls: Pick<TlsServerOptions, 'select'>, log: (line: string) => void, failed: (text: string) => void) {
    this.#process = process
    this.#tls = tls
    this.#log = log
    this.#failed = failed
  }

  set(services: readonly TcpService[]): void {
    for (const [port, one] of this.#open) {
      if (services.some((s) => s.port === port)) continue
      one.close()
      this.#open.delete(port)
    }
    for (const service of services) {
      const known = this.#open.get(service.port)
      if (known) {
        known.service = service
        continue
      }
      try {
        const listener = this.#process.network.sockets.listen({ port: service.port, owner: ownerOf(this.#process, 'haproxy') }, (connection) => this.#take(connection, this.#open.get(service.port)!.service))
        this.#open.set(service.port, { service, close: () => listener.close() })
      } catch (error) {
        if ((error as { code?: string }).code === undefined) throw error
        this.#failed(`Starting frontend tcp-${service.port}: cannot bind socket (${(error as { code: string }).code === 'EACCES' ? 'Permission denied' : 'Address already in use'}) [0.0.0.0:${service.port}]`)
      }
    }
  }

  stop(): void {
    for (const one of this.#open.values()) one.close()
    this.#open.clear()
  }

  #take(plain: TcpConnection, { port, pool, tls }: TcpService): void {
    const { clock, network } = this.#process
    const begun = clock.now
    const client = tls ? new TlsServer(plain, { random: clock.random, ...this.#tls, onSecure: () => undefined }) : plain
    const waiting: Uint8Array[] = []
    let ended = false
    let gone = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => void (gone = true) }
    // option tcplog
    const told = (server: string, connected: number, bytes: number, state: string): void =>
      this.#log(`${plain.remoteAddress}:${plain.remotePort} [${haproxyTime(clock.wall() - (clock.now - begun))}] tcp-${port} ${pool.backend.name}/${server} ${connected < 0 && server === '<NOSRV>' ? -1 : 0}/${connected}/${Math.floor(clock.now - begun)} ${bytes} ${state} 1/1/0/0/0 0/0\n`)
    const refuse = (server: string): void => {
      told(server, -1, 0, 'SC')
      client.end()
    }
    const chosen = pool.choose(connectionOnly(plain), plain.remoteAddress)
    if (!chosen) return refuse('<NOSRV>')
    const preface = announcement(pool.backend.sendProxy, plain)
    const ask = (server: Server, attempt: number): void => {
      const endpoint = server.endpoint ?? { address: '127.0.0.1', port: 1 }
      let connected = false
      const upstream = network.sockets.connect({ ...endpoint, owner: ownerOf(this.#process, 'haproxy') }, {
        onConnect: () => {
          if (gone) return upstream.abort()
          connected = true
          if (preface) upstream.send(preface)
          server.counts.sessions++
          joinConnections(client, upstream, (bytes) => told(server.name, 0, bytes, '--'))
          for (const data of waiting) upstream.send(data)
          if (ended) upstream.end()
        },
        onClose: () => {
          if (connected || gone) return
          const next = attempt + 2 === TRIES ? pool.another(server) : server
          if (attempt + 1 < TRIES) clock.schedule(PAUSE, () => ask(next, attempt + 1))
          else refuse(server.name)
        },
      })
    }
    ask(chosen.server, 0)
  }
}
