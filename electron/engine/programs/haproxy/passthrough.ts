import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import type { HttpRequest } from '../http/server.ts'
import { ownerOf } from '../stream.ts'
import { preread } from '../tls/preread.ts'
import { haproxyTime } from './access-log.ts'
import { announcement } from '../http/announcement.ts'
import type { Configuration } from './configuration.ts'
import type { Pool, Server } from './farm.ts'

/** inspect-delay of the frontend "ssl", and tries of a server, as the controller configures them. ms. */
const INSPECT_DELAY = 5_000
const TRIES = 4

/** The frontend "ssl" of mode tcp, before HTTPS (pkg/handler/https.go: sslPassthroughRules). */
export class Passage {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #log: (line: string) => void
  readonly #pool: (name: string) => Pool | undefined

  constructor(process: Process, configuration: () => Configuration, pool: (name: string) => Pool | undefined, log: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#pool = pool
    this.#log = log
  }

  /** False while nobody asks for it: HTTPS is served without it. */
  take(connection: TcpConnection, https: (connection: TcpConnection) => void): boolean {
    if (this.#configuration().routes.names.size === 0) return false
    const { clock } = this.#process
    const begun = clock.now
    preread(connection, clock, INSPECT_DELAY, (hello, replay) => {
      const name = (hello?.serverName ?? '').toLowerCase()
      // the map has the name itself, then what follows its first label
      const found = this.#configuration().routes.named(name)
      if (found) return this.#forward(connection, found.backend, name, begun, replay)
      https(connection)
      replay()
    })
    return true
  }

  #forward(client: TcpConnection, backend: string, name: string, begun: number, replay: () => void): void {
    const { clock, network } = this.#process
    const pool = this.#pool(backend)
    const told = (server: string, connected: number, bytes: number, state: string): void =>
      this.#log(`${client.remoteAddress}:${client.remotePort} [${haproxyTime(clock.wall() - (clock.now - begun))}] ssl ${backend}/${server} ${connected < 0 ? -1 : 0}/${connected}/${Math.floor(clock.now - begun)} ${bytes} ${state} 1/1/0/0/0 0/0 - - SNI: ${name}\n`)
    const waiting: Uint8Array[] = []
    let ended = false
    let gone = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => void (gone = true) }
    replay()
    const refuse = (server: string): void => {
      told(server, -1, 0, 'SC')
      client.end()
    }
    const chosen = pool?.choose(connectionOnly(client), client.remoteAddress)
    if (!pool || !chosen) return refuse('<NOSRV>')
    const preface = announcement(pool.backend.sendProxy, client)
    const ask = (one: Server, attempt: number): void => {
      const { address, port } = one.endpoint ?? { address: '127.0.0.1', port: 1 }
      const server = network.sockets.connect({ address, port, owner: ownerOf(this.#process, 'haproxy') }, {
        onConnect: () => {
          if (gone) return server.abort()
          if (preface) server.send(preface)
          one.counts.sessions++
          joinConnections(client, server, (bytes) => told(one.name, 0, bytes, '--'))
          for (const data of waiting) server.send(data)
          if (ended) server.end()
        },
        onClose: () => {
          if (gone) return
          // the last try goes to another server
          if (attempt + 1 < TRIES) clock.schedule(1_000, () => ask(attempt + 2 === TRIES ? pool.another(one) : one, attempt + 1))
          else refuse(one.name)
        },
      })
    }
    ask(chosen.server, 0)
  }
}

/** A connection of which nothing has been read, for balances that look at who asks. */
export function connectionOnly({ remoteAddress, remotePort, localAddress, localPort }: TcpConnection): HttpRequest {
  return { method: '', target: '', version: '', headers: [], body: new Uint8Array(0), keepAlive: false, remoteAddress, remotePort, localAddress, localPort, connection: 0 }
}
