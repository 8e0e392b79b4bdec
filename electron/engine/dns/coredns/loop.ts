import type { Clock } from '../../clock.ts'
import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import { dnsQuery, encodeDns } from '../../network/wire/dns.ts'
import { ownerOf } from '../../programs/stream.ts'
import type { DnsClient } from '../server.ts'

/** What a client's question shows when the server's upstream is itself (plugin/loop). */
export interface LoopSetup { zone: string; address: string; port: number }

/**
 * A server that has the plugin asks itself for a random name of its first zone; when the question comes back more than
 * twice, its upstream is itself.
 */
export class LoopWatch {
  readonly #zone: string
  readonly #where: string
  readonly #name: string
  #count = 0

  constructor(process: Process, clock: Clock, { zone, address, port }: LoopSetup) {
    this.#zone = zone
    this.#where = joinHostPort(address, port)
    const { random } = clock
    // Go's rand.Int() has 63 bits
    const label = (): bigint => (BigInt(random.uint32() >>> 1) << 32n) | BigInt(random.uint32())
    this.#name = `${label()}.${label()}.${zone === '.' ? '' : zone}`
    const socket = process.network.sockets.udp({ owner: ownerOf(process, 'coredns') })
    try {
      socket.send(encodeDns(dnsQuery(random.below(65_536), this.#name, 'HINFO')), address === '' ? '127.0.0.1' : address, port)
    } catch {
      socket.close()
      return
    }
    clock.schedule(2_000, () => socket.close(), { background: true })
  }

  /** What it ends with, once it is sure. */
  see(name: string, client: DnsClient): string | undefined {
    if (name !== this.#name || ++this.#count <= 2) return undefined
    return `[FATAL] plugin/loop: Loop (${joinHostPort(client.address, client.port)} -> ${this.#where}) detected for zone ${JSON.stringify(this.#zone)}, see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${this.#name}"`
  }
}
