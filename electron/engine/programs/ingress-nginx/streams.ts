import type { ConfigMap, EndpointSlice, Service } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import { isIpv6 } from '../../network/address.ts'
import type { TcpConnection, TcpListener, UdpSocket } from '../../network/types.ts'
import { announcement } from '../http/announcement.ts'
import { joinConnections } from '../http/client.ts'
import { readAnnouncement } from '../http/proxy-protocol.ts'
import { accessTime } from '../nginx/time.ts'
import { ownerOf } from '../stream.ts'
import type { Note } from './annotations.ts'
import { readyEndpoints, type Endpoint } from './configuration.ts'

/** Of --tcp-services-configmap and --udp-services-configmap: a port of the controller's, and whose it is. `name`: of its backend, "namespace-service-port". */
export interface StreamService {
  port: number
  protocol: 'TCP' | 'UDP'
  name: string
  endpoints: readonly Endpoint[]
  /** PROXY: clients say first who they are, and the servers hear it. */
  decodes: boolean
  encodes: boolean
}

/** Ports of the controller itself (getStreamServices of controller.go). */
const RESERVED: ReadonlySet<number> = new Set([80, 443, 442, 10254, 8181, 10245, 10246, 10247])
/** proxy_connect_timeout of nginx, and proxy-stream-timeout, in ms. */
const CONNECT = 60_000
const IDLE = 600_000
/** proxy_protocol_timeout. */
const HEADER = 30_000
const TRIES = 3

interface Picture {
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
}

/** Values are "namespace/service:port[:PROXY][:PROXY]". */
export function streamServices(wanted: string, map: ConfigMap | undefined, protocol: 'TCP' | 'UDP', picture: Picture, notes: Note[]): StreamService[] {
  const warn = (source: string, text: string): void => void notes.push({ source, severity: 'W', text })
  if (!map) warn('controller.go:475', `Error getting ConfigMap "${wanted}": no object matching key "${wanted}" in local store`)
  const out: StreamService[] = []
  for (const [key, reference] of Object.entries(map?.data ?? {})) {
    const port = Number(key)
    const [service = '', target = '', ...proxies] = reference.split(':')
    const [namespace = '', name = ''] = service.split('/')
    if (!/^[0-9]+$/.test(key)) warn('controller.go:499', `"${key}" is not a valid ${protocol} port number`)
    else if (RESERVED.has(port)) warn('controller.go:503', `Port ${port} cannot be used for ${protocol} stream services. It is reserved for the Ingress controller.`)
    else if (target === '') warn('controller.go:508', `Invalid Service reference "${reference}" for ${protocol} port ${port}`)
    else {
      const found = picture.service(namespace, name)
      if (!found) warn('controller.go:532', `Error getting Service "${service}": no object matching key "${service}" in local store`)
      const endpoints = found ? readyEndpoints(picture, found, target, protocol) : []
      if (found && endpoints.length === 0) warn('controller.go:572', `Service "${service}" does not have any active Endpoint for ${protocol} port ${target}`)
      if (endpoints.length > 0) out.push({ port, protocol, name: `${namespace}-${name}-${target}`, endpoints, ...proxied(protocol, proxies) })
    }
  }
  return out
}

/** UDP has no PROXY protocol here; the second word counts only where it is the last. */
function proxied(protocol: 'TCP' | 'UDP', words: readonly string[]): Pick<StreamService, 'decodes' | 'encodes'> {
  const says = (word: string | undefined): boolean => protocol === 'TCP' && word?.toUpperCase() === 'PROXY'
  return { decodes: says(words[0]), encodes: words.length === 2 && says(words[1]) }
}

interface Listening { service: StreamService; close(): void }

/** nginx' servers beside HTTP: what comes in goes to the endpoints by turns. */
export class Streams {
  readonly #process: Process
  readonly #out: (line: string) => void
  readonly #failed: (text: string) => void
  readonly #believes: (sender: string) => boolean
  readonly #listening = new Map<string, Listening>()
  #turn = 0

  /** `failed`: of a port that cannot be had. `believes`: whom, in what it says of clients (set_real_ip_from). */
  constructor(process: Process, out: (line: string) => void, failed: (text: string) => void, believes: (sender: string) => boolean) {
    this.#believes = believes
    this.#process = process
    this.#out = out
    this.#failed = failed
  }

  set(services: readonly StreamService[]): void {
    const wanted = new Map(services.map((s) => [`${s.protocol} ${s.port}`, s]))
    for (const [key, one] of this.#listening) {
      if (wanted.has(key)) continue
      one.close()
      this.#listening.delete(key)
    }
    for (const [key, service] of wanted) {
      const known = this.#listening.get(key)
      if (known) known.service = service
      else {
        try {
          this.#listening.set(key, service.protocol === 'TCP' ? this.#tcp(service) : this.#udp(service))
        } catch (error) {
          const { code } = error as { code?: string }
          if (code === undefined) throw error
          this.#failed(`bind() to 0.0.0.0:${service.port} failed (${code})`)
        }
      }
    }
  }

  close(): void {
    this.set([])
  }

  #tcp(service: StreamService): Listening {
    const { clock } = this.#process
    const serve = (client: TcpConnection): void => {
      const { encodes } = one.service
      // who it is may be what was announced
      const preface = announcement(encodes ? 'v1' : undefined, client)
      const startedAt = clock.now
      const waiting: Uint8Array[] = []
      let received = 0
      let ended = false
      let gone = false
      const over = (status: number, sent: number): void => this.#log(client.remoteAddress, 'TCP', status, sent, received, startedAt)
      let server: TcpConnection | undefined
      client.handlers = {
        onData: (data) => {
          received += data.length
          waiting.push(data.slice())
        },
        onEnd: () => void (ended = true),
        onClose: () => {
          gone = true
          server?.abort()
        },
      }
      const attempt = (left: number): void => {
        const to = this.#next(one.service)
        const timer = clock.schedule(CONNECT, () => server?.abort(), { background: true })
        let connected = false
        server = this.#process.network.sockets.connect({ ...to, owner: ownerOf(this.#process, 'nginx') }, {
          onConnect: () => {
            connected = true
            clock.cancel(timer)
            if (preface) server!.send(preface)
            joinConnections(client, server!, (sent) => over(200, sent))
            const own = client.handlers.onData
            client.handlers = { ...client.handlers, onData: (data) => {
              received += data.length
              own?.(data)
            } }
            for (const data of waiting) server!.send(data)
            if (ended) server!.end()
          },
          onClose: () => {
            clock.cancel(timer)
            if (connected) return
            if (!gone && left > 1 && one.service.endpoints.length > 1) return attempt(left - 1)
            over(502, 0)
            client.abort()
          },
        })
      }
      attempt(TRIES)
    }
    const listener: TcpListener = this.#process.network.sockets.listen({ port: service.port, owner: ownerOf(this.#process, 'nginx'), backlog: 511 }, (client) => {
      if (!one.service.decodes) return serve(client)
      readAnnouncement(client, clock, HEADER, this.#believes, serve, () => client.end())
    })
    const one: Listening = { service, close: () => listener.close() }
    return one
  }

  #udp(service: StreamService): Listening {
    const { clock, network } = this.#process
    const clients = new Map<string, { socket: UdpSocket; to: Endpoint }>()
    const socket = network.sockets.udp({ owner: ownerOf(this.#process, 'nginx'), address: '0.0.0.0', port: service.port })
    socket.onDatagram = ({ data, source, sourcePort, destination }) => {
      const client = `${source} ${sourcePort}`
      let upstream = clients.get(client)
      if (!upstream) {
        const startedAt = clock.now
        const to = this.#next(one.service)
        const mine = network.sockets.udp({ owner: ownerOf(this.#process, 'nginx'), address: isIpv6(to.address) ? '::' : '0.0.0.0' })
        mine.connect(to.address, to.port)
        const finish = (status: number, sent: number): void => {
          if (clients.get(client)?.socket !== mine) return
          clients.delete(client)
          clock.cancel(timer)
          mine.close()
          this.#log(source, 'UDP', status, sent, data.length, startedAt)
        }
        const timer = clock.schedule(IDLE, () => finish(200, 0), { background: true })
        // proxy-stream-responses: after one answer the session is over
        mine.onDatagram = (answer) => {
          try {
            socket.send(answer.data, source, sourcePort, { source: destination })
          } catch {
            // the way back is lost: the client hears nothing
          }
          finish(200, answer.data.length)
        }
        mine.onError = () => finish(502, 0)
        clients.set(client, (upstream = { socket: mine, to }))
      }
      try {
        upstream.socket.send(data, upstream.to.address, upstream.to.port)
      } catch {
        // no way there: as if it were lost
      }
    }
    const one: Listening = {
      service,
      close: () => {
        for (const upstream of clients.values()) upstream.socket.close()
        socket.close()
      },
    }
    return one
  }

  #next({ endpoints }: StreamService): Endpoint {
    return endpoints[this.#turn++ % endpoints.length]!
  }

  /** log-format-stream's default. */
  #log(client: string, protocol: string, status: number, sent: number, received: number, startedAt: number): void {
    const { clock } = this.#process
    this.#out(`[${client}] [${accessTime(clock.wall())}] ${protocol} ${status} ${sent} ${received} ${((clock.now - startedAt) / 1000).toFixed(3)}\n`)
  }
}
