import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { joinConnections } from '../http/client.ts'
import { MONTHS, two } from '../http/status.ts'
import { ownerOf } from '../stream.ts'
import { preread } from '../tls/preread.ts'
import type { Configuration } from './configuration.ts'

/** inspect-delay of the frontend "ssl", and tries of a server, as the controller configures them. ms. */
const INSPECT_DELAY = 5_000
const TRIES = 4

/** The frontend "ssl" of mode tcp, before HTTPS (pkg/handler/https.go: sslPassthroughRules). */
export class Passage {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #log: (line: string) => void
  readonly #turns = new Map<string, number>()

  constructor(process: Process, configuration: () => Configuration, log: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#log = log
  }

  /** False while nobody asks for it: HTTPS is served without it. */
  take(connection: TcpConnection, https: (connection: TcpConnection) => void): boolean {
    if (this.#configuration().passthrough.length === 0) return false
    const { clock } = this.#process
    const begun = clock.now
    preread(connection, clock, INSPECT_DELAY, (hello, replay) => {
      const name = (hello?.serverName ?? '').toLowerCase()
      const { passthrough } = this.#configuration()
      // the map has the name itself, then what follows its first label
      const found = passthrough.find((p) => p.host === name) ?? passthrough.find((p) => name.includes('.') && p.host === `*${name.slice(name.indexOf('.'))}`)
      if (found) return this.#forward(connection, found.backend, name, begun, replay)
      https(connection)
      replay()
    })
    return true
  }

  #forward(client: TcpConnection, backend: string, name: string, begun: number, replay: () => void): void {
    const { clock, network } = this.#process
    const endpoints = this.#configuration().backends.get(backend) ?? []
    const told = (server: string, connected: number, bytes: number, state: string): void => {
      const d = new Date(clock.wall() - (clock.now - begun))
      const time = `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(d.getUTCMilliseconds()).padStart(3, '0')}`
      this.#log(`${client.remoteAddress}:${client.remotePort} [${time}] ssl ${backend}/${server} ${connected < 0 ? -1 : 0}/${connected}/${Math.floor(clock.now - begun)} ${bytes} ${state} 1/1/0/0/0 0/0 - - SNI: ${name}\n`)
    }
    const waiting: Uint8Array[] = []
    let ended = false
    let gone = false
    client.handlers = { onData: (data) => void waiting.push(data.slice()), onEnd: () => void (ended = true), onClose: () => void (gone = true) }
    replay()
    const turn = this.#turns.get(backend) ?? 0
    this.#turns.set(backend, turn + 1)
    const refuse = (server: string): void => {
      told(server, -1, 0, 'SC')
      client.end()
    }
    if (endpoints.length === 0) return refuse('<NOSRV>')
    const ask = (attempt: number): void => {
      // the last try goes to another server
      const at = (turn + Math.max(0, attempt - TRIES + 2)) % endpoints.length
      const { address, port } = endpoints[at]!
      const server = network.sockets.connect({ address, port, owner: ownerOf(this.#process, 'haproxy') }, {
        onConnect: () => {
          if (gone) return server.abort()
          joinConnections(client, server, (bytes) => told(`SRV_${at + 1}`, 0, bytes, '--'))
          for (const data of waiting) server.send(data)
          if (ended) server.end()
        },
        onClose: () => {
          if (gone) return
          if (attempt + 1 < TRIES) clock.schedule(1_000, () => ask(attempt + 1))
          else refuse(`SRV_${at + 1}`)
        },
      })
    }
    ask(0)
  }
}
