import type { Ip, SocketOwner, TcpConnection, TcpListener } from '../types.ts'
import { bindsClash } from '../udp.ts'

export interface Listener extends TcpListener {
  owner: SocketOwner | undefined
  v6only: boolean
  onConnection: (connection: TcpConnection) => void
  mark: number | undefined
  backlog: number
  number: number
}

/** The listening sockets of one network namespace, by port. */
export class Listeners {
  readonly #ports = new Map<number, Listener[]>()

  has(port: number): boolean {
    return this.#ports.has(port)
  }

  /** Whether an address cannot be bound to the port beside those that are. */
  clash(port: number, bound: { address: Ip; v6only: boolean }): boolean {
    return this.#ports.get(port)?.some((l) => bindsClash(l, bound)) ?? false
  }

  add(listener: Listener): void {
    this.#ports.set(listener.port, [...(this.#ports.get(listener.port) ?? []), listener])
  }

  delete(listener: Listener): void {
    const left = (this.#ports.get(listener.port) ?? []).filter((l) => l !== listener)
    if (left.length > 0) this.#ports.set(listener.port, left)
    else this.#ports.delete(listener.port)
  }

  includes(listener: Listener): boolean {
    return this.#ports.get(listener.port)?.includes(listener) ?? false
  }

  /** Who gets what is sent to an address: a socket of just that address before one of all. */
  find(address: Ip, port: number): Listener | undefined {
    const all = this.#ports.get(port)
    if (!all) return undefined
    return all.find((l) => l.address === address) ?? all.find((l) => (l.address === '::' && (!l.v6only || address.includes(':'))) || (l.address === '0.0.0.0' && !address.includes(':')))
  }

  *all(): Generator<Listener, void, void> {
    for (const listeners of this.#ports.values()) yield* listeners
  }

  clear(): void {
    this.#ports.clear()
  }
}
