import { ConnectionError, StatusError } from '../../kubernetes/client.ts'
import { privateKeyOf, publicKeyOf } from '../../network/curve25519.ts'
import { cidrContains, networkOf } from '../../network/address.ts'
import type { Cidr, PolicyRule, Route, WireguardLink } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import { Ipam } from './ipam.ts'
import { WIREGUARD_DEVICE } from './names.ts'
import { writeNode } from './node-annotations.ts'
import { WIREGUARD_ANNOTATIONS, type Host, type Tunnels } from './tunnels.ts'

/**
 * Encryption between nodes (felix/wireguard/wireguard.go of projectcalico/calico): what Pods send to those of nodes with a key goes through
 * wireguard.cali, by a routing table of its own that everything looks into but what WireGuard itself sends.
 */
/** An outer IPv4 header, UDP and WireGuard's own. */
const OVERHEAD = 60
/** The mask's next bit after those of the rules, the first free table, wireguardRoutingRulePriority. */
const MARK = 0x200000
const TABLE = '1'
const RULE = { priority: 99, action: 'lookup', table: TABLE, not: true, mark: MARK, mask: MARK } satisfies PolicyRule

export interface WireguardSettings { port: number; /** 0: found out. */ mtu: number; /** Seconds. */ keepalive: number }

type Log = (source: string, message: string) => void

export class FelixWireguard {
  readonly #node: NodeContext
  readonly #tunnels: Tunnels
  readonly #log: Log

  /** `tunnels`: those of IPv4. */
  constructor(node: NodeContext, tunnels: Tunnels, log: Log) {
    this.#node = node
    this.#tunnels = tunnels
    this.#log = log
  }

  /** Makes everything as it is wanted; undefined: takes it away. */
  apply(settings: WireguardSettings | undefined): void {
    try {
      if (settings) this.#enabled(settings)
      else this.#disabled()
    } catch (error) {
      // the datastore cannot be reached, or has no address left: the next time
      if (!(error instanceof StatusError) && !(error instanceof ConnectionError)) throw error
      this.#log('felix/int_dataplane.go 2150', `Error updating wireguard public key, will retry error=${error.message}`)
    }
  }

  get #device(): WireguardLink | undefined {
    const link = this.#node.network.links.get(WIREGUARD_DEVICE)
    return link?.kind === 'wireguard' ? (link as WireguardLink) : undefined
  }

  #enabled(settings: WireguardSettings): void {
    const { network, name } = this.#node
    const own = this.#tunnels.hosts.get(name)
    if (!own) return
    const device = this.#device ?? this.#create(settings)
    const underlay = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === own.ip))
    device.mtu = settings.mtu || (underlay?.mtu ?? 1500) - OVERHEAD
    if (device.listenPort !== settings.port) device.listenPort = settings.port
    network.setUp(WIREGUARD_DEVICE, true)
    const address = own.wireguard ?? this.#assign()
    for (const a of device.addresses) if (a.address !== address && !a.address.includes(':')) network.removeAddress(WIREGUARD_DEVICE, `${a.address}/${a.prefixLength}`)
    if (!device.addresses.some((a) => a.address === address)) network.addAddress(WIREGUARD_DEVICE, `${address}/32`)
    writeNode(this.#node, { [WIREGUARD_ANNOTATIONS.key]: device.publicKey, [WIREGUARD_ANNOTATIONS.address]: address })
    const wanted = this.#peers(device, settings)
    if (!network.routes.rules.list().some((r) => r.priority === RULE.priority && r.table === TABLE)) network.routes.rules.add(RULE)
    this.#routes(wanted)
  }

  #create({ port }: WireguardSettings): WireguardLink {
    const { network, fabric, clock, name } = this.#node
    const random = clock.random.fork(`calico wireguard ${name} ${clock.now}`)
    const privateKey = privateKeyOf(Uint8Array.from({ length: 32 }, () => random.below(256)))
    this.#log('felix/wireguard.go 1402', 'Created wireguard device')
    return fabric.createWireguard(network, WIREGUARD_DEVICE, { privateKey, publicKey: publicKeyOf(privateKey), listenPort: port, fwmark: MARK })
  }

  get #handle(): string {
    return `wireguard-tunnel-addr-${this.#node.name}`
  }

  /** Of a block of the node's, as the other tunnels' addresses (node/pkg/allocateip). */
  #assign(): string {
    const ip = new Ipam(this.#node.client).assign({ node: this.#node.name, handle: this.#handle, attributes: { type: 'wireguardTunnelAddress' }, use: 'Tunnel', version: 4, pools: () => true })
    this.#log('tunnel-ip-allocator/allocateip.go 497', `Assigned tunnel address to node IP="${ip}" node="${this.#node.name}" type="wireguardTunnelAddress"`)
    return ip
  }

  /** Its blocks, and its tunnels' addresses. */
  #cidrsOf(name: string, { wireguard, ipip, vxlan }: Host): Cidr[] {
    const blocks = [...this.#tunnels.blocks.values()].filter((b) => b.affinity === `host:${name}` && !b.cidr.includes(':')).map((b) => b.cidr)
    return [...blocks, ...[wireguard, ipip, vxlan].flatMap((ip) => (ip === undefined ? [] : [`${ip}/32`]))]
  }

  /** Routes to and from the peers' networks; nodes without a key are spoken with in the clear. */
  #peers(device: WireguardLink, { port, keepalive }: WireguardSettings): Map<Cidr, Route> {
    const routes = new Map<Cidr, Route>()
    const keys = new Set<string>()
    for (const [name, host] of this.#tunnels.hosts) {
      const cidrs = this.#cidrsOf(name, host)
      if (name === this.#node.name) {
        const blocks = cidrs.filter((c) => !c.endsWith('/32'))
        for (const destination of cidrs) if (blocks.includes(destination) || !blocks.some((b) => cidrContains(b, destination.split('/')[0]!))) routes.set(destination, { destination, type: 'throw' })
        continue
      }
      if (host.wireguardKey === undefined) continue
      keys.add(host.wireguardKey)
      const known = device.peers.find((p) => p.publicKey === host.wireguardKey)
      if (known?.endpoint?.address !== host.ip || known.endpoint.port !== port || known.allowedIps.join() !== cidrs.join() || known.keepalive !== keepalive) {
        device.setPeer(host.wireguardKey, { endpoint: { address: host.ip, port }, allowedIps: cidrs, keepalive })
      }
      for (const destination of cidrs) routes.set(destination, { destination, device: WIREGUARD_DEVICE, scope: 'link' })
    }
    for (const { publicKey } of device.peers) if (!keys.has(publicKey)) device.removePeer(publicKey)
    return routes
  }

  #routes(wanted: ReadonlyMap<Cidr, Route>): void {
    const { routes } = this.#node.network
    const present = routes.list(TABLE)
    for (const { destination } of present) if (!wanted.has(destination)) routes.remove({ destination }, { table: TABLE })
    for (const [destination, route] of wanted) {
      const old = present.find((r) => r.destination === networkOf(destination))
      if (old?.device !== route.device || (old?.type ?? 'unicast') !== (route.type ?? 'unicast')) routes.add(route, { table: TABLE, replace: true })
    }
  }

  #disabled(): void {
    const { network, client } = this.#node
    if (!this.#device) return
    this.#log('felix/wireguard.go 1460', 'Wireguard is disabled, deleting device')
    for (const rule of network.routes.rules.list()) if (rule.priority === RULE.priority && rule.table === TABLE) network.routes.rules.remove(RULE)
    for (const { destination } of network.routes.list(TABLE)) network.routes.remove({ destination }, { table: TABLE })
    network.removeLink(WIREGUARD_DEVICE)
    new Ipam(client).release(this.#handle)
    writeNode(this.#node, { [WIREGUARD_ANNOTATIONS.key]: undefined, [WIREGUARD_ANNOTATIONS.address]: undefined })
  }
}
