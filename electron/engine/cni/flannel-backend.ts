import { networkOf } from '../network/address.ts'
import type { Cidr, Ip, Link, Mac, Route } from '../network/types.ts'
import type { AgentLog } from './flannel-agent.ts'
import type { NodeContext } from './types.ts'

/** Backends of flanneld (Documentation/backends.md of flannel-io/flannel) that are simulated. */
export const BACKENDS = ['vxlan', 'host-gw', 'ipip', 'wireguard'] as const
export type BackendType = (typeof BACKENDS)[number]

/** What a node's flanneld has written about itself, in one family. */
export interface Lease {
  type: BackendType
  subnet: Cidr
  publicIp: Ip
  /** Of the tunnel's end; the vxlan backend's only. */
  mac?: Mac
  /** The wireguard backend's only. */
  publicKey?: string
}

/** One family of a backend. */
export interface Backend {
  readonly version: 4 | 6
  /** Bytes of the underlay's MTU that it takes. */
  readonly overhead: number
  /** `mac` is what the annotations say from before; returns the one to write there, or the public key. */
  setUp(subnet: Cidr, local: Ip, underlay: Link, mac: Mac | undefined): Mac | string | undefined
  /** The other nodes' leads through it. */
  readonly device: string
  /** Writes the way to another node, as at a virtual time; does not throw. */
  program(lease: Lease, at: number): void
  forget(lease: Lease, at: number): void
  stop(): void
}

const CHECK = 10_000

/** host-gw: routes to the other nodes themselves, no tunnel. All nodes must be on one link (pkg/backend/hostgw, route_network.go). */
export class HostGwBackend implements Backend {
  readonly version: 4 | 6
  readonly overhead: number = 0
  protected readonly context: NodeContext
  protected readonly log: AgentLog
  readonly #leases = new Set<Lease>()
  device = ''
  /** Of the routing tables when all routes were there. */
  #generation = -1
  #check: ReturnType<NodeContext['clock']['schedule']> | undefined

  constructor(context: NodeContext, version: 4 | 6, log: AgentLog) {
    this.context = context
    this.version = version
    this.log = log
  }

  setUp(_subnet: Cidr, _local: Ip, underlay: Link): undefined {
    this.device = underlay.name
    this.watch()
  }

  /** GetRoute. */
  protected routeTo(lease: Lease): Route & { device: string } {
    return { destination: networkOf(lease.subnet), via: lease.publicIp, device: this.device }
  }

  program(lease: Lease, at: number): void {
    const { network } = this.context
    this.log(this.version === 4 ? 'route_network.go:92' : 'route_network.go:99', `Subnet added: ${lease.subnet} via ${lease.publicIp}`, at)
    const index = network.links.get(this.routeTo(lease).device)?.index ?? 0
    if (this.#present(lease)) this.log('route_network.go:165', `Route to {Ifindex: ${index} Dst: ${lease.subnet} Src: <nil> Gw: ${lease.publicIp} Flags: [] Table: 0 Realm: 0} already exists, skipping.`, at)
    else this.#route(lease, at)
    this.#leases.add(lease)
  }

  forget(lease: Lease, at: number): void {
    for (const known of this.#leases) if (known.subnet === lease.subnet && known.publicIp === lease.publicIp) this.#leases.delete(known)
    this.log('route_network.go:112', `Subnet removed: ${lease.subnet}`, at)
    try {
      this.context.network.routes.remove(this.routeTo(lease))
    } catch {
      // The route went before: nothing is left to remove.
    }
  }

  stop(): void {
    this.context.clock.cancel(this.#check)
  }

  #present(lease: Lease): boolean {
    return this.context.network.routes.to(networkOf(lease.subnet)).some((r) => r.via === lease.publicIp && r.device === this.routeTo(lease).device)
  }

  /** A route that somebody else left, through a tunnel that was, gives way. */
  #route(lease: Lease, at = this.context.clock.now): boolean {
    try {
      this.context.network.routes.add(this.routeTo(lease), { replace: true })
      return true
    } catch (error) {
      this.log('route_network.go:167', `Error adding route to {Dst: ${lease.subnet} Src: <nil> Gw: ${lease.publicIp} Flags: [] Table: 0 Realm: 0}: ${(error as Error).message.toLowerCase()}`, at)
      return false
    }
  }

  /** Every ten seconds it looks whether its routes are still there. */
  protected watch(): void {
    this.#check = this.context.clock.schedule(CHECK, () => {
      const { routes } = this.context.network
      if (routes.generation !== this.#generation && this.#recover()) this.#generation = routes.generation
      this.watch()
    }, { background: true })
  }

  /** Whether all are there now. */
  #recover(): boolean {
    let all = true
    for (const lease of this.#leases) {
      if (this.#present(lease)) continue
      if (this.#route(lease)) this.log('route_network.go:253', `Route recovered ${lease.subnet} : ${lease.publicIp}`)
      else all = false
    }
    return all
  }
}
