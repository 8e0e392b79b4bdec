import type { Clock, Timer } from '../../clock.ts'
import { joinHostPort } from '../../network/address.ts'
import type { Ipvs } from '../../network/ipvs/ipvs.ts'
import type { ServiceKey } from '../../network/ipvs/service.ts'
import type { Ip } from '../../network/types.ts'

/** rsCheckDeleteInterval */
const INTERVAL = 60_000

interface Leaving {
  key: ServiceKey & { protocol: string }
  address: Ip
  port: number
}

/**
 * Real servers that go: their weight becomes 0 and they stay until their connections are over, looked at once a minute;
 * of UDP and SCTP they go at once (pkg/proxy/ipvs/graceful_termination.go and util/ipvs.go of v1.33).
 */
export class GracefulTermination {
  readonly #ipvs: Ipvs
  readonly #clock: Clock
  readonly #leaving = new Map<string, Leaving>()
  readonly #log: (message: string) => void
  #timer: Timer | undefined

  constructor(ipvs: Ipvs, clock: Clock, log: (message: string) => void) {
    this.#ipvs = ipvs
    this.#clock = clock
    this.#log = log
    this.#wait()
  }

  stop(): void {
    this.#clock.cancel(this.#timer)
  }

  #wait(): void {
    this.#timer = this.#clock.schedule(INTERVAL, () => {
      for (const [name, leaving] of this.#leaving) {
        if (!this.#tryToRemove(leaving)) continue
        this.#leaving.delete(name)
        this.#log(`"Removed real server from graceful delete real server list" realServer="${name}"`)
      }
      this.#wait()
    }, { background: true })
  }

  isLeaving(key: Leaving['key'], address: Ip, port: number): boolean {
    return this.#leaving.has(nameOf({ key, address, port }))
  }

  remove(key: Leaving['key'], address: Ip, port: number): void {
    const leaving = { key, address, port }
    if (this.#tryToRemove(leaving)) return
    this.#ipvs.editServer(key, { address, port, weight: 0 })
    this.#leaving.set(nameOf(leaving), leaving)
  }

  /** It is wanted again: the old one goes at once, for a new one. */
  removeNow(key: Leaving['key'], address: Ip, port: number): void {
    this.#leaving.delete(nameOf({ key, address, port }))
    this.#ipvs.removeServer(key, { address, port })
  }

  /** True when it is gone. */
  #tryToRemove({ key, address, port }: Leaving): boolean {
    this.#ipvs.connections.sweep()
    const server = this.#ipvs.find(key)?.server(address, port)
    if (!server) return true
    if (key.protocol === 'tcp' && server.active + server.inactive > 0) return false
    this.#ipvs.removeServer(key, { address, port })
    return true
  }
}

function nameOf({ key, address, port }: Leaving): string {
  const virtual = 'fwmark' in key ? `fwmark ${key.fwmark}` : joinHostPort(key.address, key.port)
  return `${virtual}/${key.protocol.toUpperCase()}/${joinHostPort(address, port)}`
}
