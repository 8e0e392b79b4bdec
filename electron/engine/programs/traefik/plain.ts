import type { Process } from '../../machine/types.ts'
import { isIpv6 } from '../../network/address.ts'
import type { TcpConnection, UdpSocket } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import { ownerOf } from '../stream.ts'
import { field, type PlainRoute } from './model.ts'

/** entryPoints.NAME.udp.timeout, in ms. */
const UDP_TIMEOUT = 3_000

/** What passes Traefik without being looked at (pkg/tcp, pkg/udp): one server for each connection or client, by weight and in turn. */
export class PlainProxy {
  readonly #process: Process
  readonly #error: (text: string) => void
  readonly #turns = new Map<string, number>()

  constructor(process: Process, error: (text: string) => void) {
    this.#process = process
    this.#error = error
  }

  /** `over` is called when the client's connection is. */
  tcp(route: PlainRoute, client: TcpConnection, over: () => void = () => undefined): void {
    const server = this.#next(route)
    if (!server) {
      over()
      client.handlers = {}
      return client.end()
    }
    const waiting: Uint8Array[] = []
    let ended = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => {
      ended = true
      over()
    } }
    const upstream = this.#process.network.sockets.connect({ ...server, owner: ownerOf(this.#process, 'traefik') }, {
      onConnect: () => {
        joinConnections(client, upstream, over)
        for (const data of waiting) upstream.send(data)
        if (ended) upstream.end()
      },
      onClose: (error) => {
        const why = error?.code === 'ECONNREFUSED' ? 'connect: connection refused' : error?.code === 'EHOSTUNREACH' ? 'connect: no route to host' : 'i/o timeout'
        this.#error(`Error while dialing backend ${field('error', `dial tcp ${text(server)}: ${why}`)}`)
        over()
        client.end()
      },
    })
  }

  /** Listens at a UDP entry point; `route` is asked for each new client. Throws SystemError EADDRINUSE. */
  listen(port: number, route: () => PlainRoute | undefined): { close(): void } {
    const { network, clock } = this.#process
    const sessions = new Map<string, { upstream: UdpSocket; server: Endpoint; timer: ReturnType<typeof clock.schedule> }>()
    const socket = network.sockets.udp({ owner: ownerOf(this.#process, 'traefik'), port })
    socket.onDatagram = ({ data, source, sourcePort }) => {
      const key = `${source} ${sourcePort}`
      let session = sessions.get(key)
      const quiet = (): ReturnType<typeof clock.schedule> => clock.schedule(UDP_TIMEOUT, () => {
        sessions.get(key)?.upstream.close()
        sessions.delete(key)
      }, { background: true })
      if (session) {
        clock.cancel(session.timer)
        session.timer = quiet()
      } else {
        const found = route()
        const server = found && this.#next(found)
        if (!server) return
        const upstream = network.sockets.udp({ owner: ownerOf(this.#process, 'traefik'), address: isIpv6(server.address) ? '::' : '0.0.0.0' })
        upstream.onDatagram = (answer) => void socket.send(answer.data, source, sourcePort)
        sessions.set(key, (session = { upstream, server, timer: quiet() }))
      }
      session.upstream.send(data, session.server.address, session.server.port)
    }
    return {
      close: () => {
        socket.close()
        for (const { upstream, timer } of sessions.values()) {
          clock.cancel(timer)
          upstream.close()
        }
        sessions.clear()
      },
    }
  }

  #next({ name, services }: PlainRoute): Endpoint | undefined {
    // each service as often as it weighs, its servers in turn
    const round = services.flatMap((service) => Array.from({ length: service.weight }, () => service)).filter((s) => s.endpoints.length > 0)
    const turn = this.#turns.get(name) ?? 0
    this.#turns.set(name, turn + 1)
    const service = round[turn % Math.max(1, round.length)]
    if (!service) {
      this.#error(`Error during load balancing ${field('error', 'no servers in the pool')}`)
      return undefined
    }
    return service.endpoints[Math.floor(turn / round.length) % service.endpoints.length]
  }
}

const text = ({ address, port }: Endpoint): string => (isIpv6(address) ? `[${address}]:${port}` : `${address}:${port}`)
