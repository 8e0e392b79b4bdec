import type { Node } from '../../kubernetes/types.ts'
import { cidrContains, networkOf, nthAddress } from '../../network/address.ts'
import type { Cidr, Ip, Mac, Route, VxlanLink } from '../../network/types.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { NodeContext } from '../types.ts'
import { IPV4_ANNOTATION } from './bird.ts'
import type { IpamBlock, IpPool } from './datastore.ts'
import { IPIP_DEVICE, sha1, VXLAN_DEVICE, VXLAN_PORT, VXLAN_VNI } from './names.ts'

/**
 * Felix's tunnel devices and, for VXLAN pools, its routes (felix/dataplane/linux ipip_mgr.go, vxlan_mgr.go, route_mgr.go): a route to
 * every other node's blocks through vxlan.calico, whose far ends it knows from the Nodes' annotations without asking anybody.
 */
export const IPIP_ANNOTATION = 'projectcalico.org/IPv4IPIPTunnelAddr'
export const VXLAN_ANNOTATION = 'projectcalico.org/IPv4VXLANTunnelAddr'
export const VXLAN_MAC_ANNOTATION = 'projectcalico.org/VXLANTunnelMACAddr'
const OVERHEAD = { ipip: 20, vxlan: 50 }

export interface Host { ip: Ip; network: Cidr; ipip?: Ip | undefined; vxlan?: Ip | undefined; mac?: Mac | undefined }

export function hostOf({ metadata: { annotations } }: Node): Host | undefined {
  const address = annotations?.[IPV4_ANNOTATION]
  if (address === undefined) return undefined
  return { ip: address.split('/')[0]!, network: networkOf(address), ipip: annotations![IPIP_ANNOTATION], vxlan: annotations![VXLAN_ANNOTATION], mac: annotations![VXLAN_MAC_ANNOTATION] }
}

/** "f" and five bytes of the name's SHA-1 (felix/calc/vxlan_resolver.go): every node can work out every other's. */
export function vxlanMac(node: string): Mac {
  return `66${hex(sha1(encodeUtf8(node))).slice(0, 10)}`.replace(/..(?!$)/g, '$&:')
}

export class Tunnels {
  readonly #node: NodeContext
  readonly hosts = new Map<string, Host>()
  readonly pools = new Map<string, IpPool['spec']>()
  readonly blocks = new Map<string, IpamBlock['spec']>()
  readonly #programmed = new Map<Cidr, Route>()
  readonly #vteps = new Map<string, { ip: Ip; mac: Mac; host: Ip }>()

  constructor(node: NodeContext) {
    this.#node = node
    for (const route of node.network.routes.list('main')) if (route.protocol === '80' || route.device === VXLAN_DEVICE) this.#programmed.set(route.destination, route)
  }

  get ipipEnabled(): boolean {
    return this.#any((p) => (p.ipipMode ?? 'Never') !== 'Never')
  }

  get vxlanEnabled(): boolean {
    return this.#any((p) => (p.vxlanMode ?? 'Never') !== 'Never')
  }

  /** Of Pods and tunnels: the network's, less the room that the largest header takes. */
  mtu(): number {
    const own = this.hosts.get(this.#node.name)
    const device = own && [...this.#node.network.links.values()].find((l) => l.addresses.some((a) => a.address === own.ip))
    return (device?.mtu ?? 1500) - (this.vxlanEnabled ? OVERHEAD.vxlan : this.ipipEnabled ? OVERHEAD.ipip : 0)
  }

  apply(): void {
    const own = this.hosts.get(this.#node.name)
    if (!own) return
    this.#ipip(own)
    this.#vxlan(own)
    this.#routes(own)
  }

  #any(test: (pool: IpPool['spec']) => boolean): boolean {
    for (const pool of this.pools.values()) if (!pool.disabled && test(pool)) return true
    return false
  }

  #ipip(own: Host): void {
    const { network, fabric } = this.#node
    if (!this.ipipEnabled || own.ipip === undefined) return
    const link = network.links.get(IPIP_DEVICE) ?? fabric.createIpip(network, IPIP_DEVICE, { fallback: true, mtu: this.mtu() })
    link.mtu = this.mtu()
    network.setUp(IPIP_DEVICE, true)
    this.#address(IPIP_DEVICE, own.ipip)
  }

  #vxlan(own: Host): void {
    const { network, fabric, name } = this.#node
    if (!this.vxlanEnabled || own.vxlan === undefined) return
    const underlay = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === own.ip))
    if (!underlay) return
    if (!network.links.has(VXLAN_DEVICE)) {
      fabric.createVxlan(network, VXLAN_DEVICE, { vni: VXLAN_VNI, port: VXLAN_PORT, local: own.ip, underlay: underlay.name, mac: vxlanMac(name), mtu: this.mtu(), learning: false })
    }
    network.setUp(VXLAN_DEVICE, true)
    this.#address(VXLAN_DEVICE, own.vxlan)
  }

  #address(device: string, wanted: Ip): void {
    const { network } = this.#node
    const link = network.links.get(device)!
    for (const { address, prefixLength } of link.addresses) if (address !== wanted && !address.includes(':')) network.removeAddress(device, `${address}/${prefixLength}`)
    if (!link.addresses.some((a) => a.address === wanted)) network.addAddress(device, `${wanted}/32`)
  }

  // ---- VXLAN's routes ----------------------------------------------------------------------------------------

  #routes(own: Host): void {
    const wanted = new Map<Cidr, Route>()
    const vteps = new Map<string, { ip: Ip; mac: Mac; host: Ip }>()
    for (const block of this.blocks.values()) {
      const pool = [...this.pools.values()].find((p) => cidrContains(p.cidr, block.cidr.split('/')[0]!))
      const mode = pool?.vxlanMode ?? 'Never'
      if (mode === 'Never') continue
      const holder = block.affinity?.startsWith('host:') ? block.affinity.slice(5) : undefined
      if (holder === this.#node.name) wanted.set(block.cidr, { destination: block.cidr, type: 'blackhole', protocol: '80' })
      else this.#toHost(wanted, block.cidr, holder, mode, own)
      // what other nodes have borrowed of it
      for (const [ordinal, attribute] of block.allocations.entries()) {
        const node = attribute === null ? undefined : block.attributes[attribute]?.secondary?.['node']
        if (node !== undefined && node !== holder && node !== this.#node.name) this.#toHost(wanted, `${nthAddress(block.cidr, ordinal)}/32`, node, mode, own)
      }
    }
    if (this.vxlanEnabled) for (const [name, { ip, vxlan, mac }] of this.hosts) if (name !== this.#node.name && vxlan !== undefined && mac !== undefined) vteps.set(name, { ip: vxlan, mac, host: ip })
    this.#programVteps(vteps)
    this.#program(wanted)
  }

  #toHost(wanted: Map<Cidr, Route>, destination: Cidr, node: string | undefined, mode: string, own: Host): void {
    const host = node === undefined ? undefined : this.hosts.get(node)
    if (!host) return
    if (mode === 'CrossSubnet' && cidrContains(own.network, host.ip)) {
      const device = this.#node.network.routes.lookup(host.ip)?.device
      if (device !== undefined) wanted.set(destination, { destination, via: host.ip, device, protocol: '80', onlink: true })
    } else if (host.vxlan !== undefined) wanted.set(destination, { destination, via: host.vxlan, device: VXLAN_DEVICE, onlink: true })
  }

  #programVteps(wanted: ReadonlyMap<string, { ip: Ip; mac: Mac; host: Ip }>): void {
    const { network } = this.#node
    const device = network.links.get(VXLAN_DEVICE) as VxlanLink | undefined
    if (!device) return
    for (const [name, vtep] of this.#vteps) {
      if (same(wanted.get(name), vtep)) continue
      this.#vteps.delete(name)
      network.neighbours.remove(vtep.ip, VXLAN_DEVICE)
      device.removeForwarding(vtep.mac, vtep.host)
    }
    for (const [name, vtep] of wanted) {
      if (this.#vteps.has(name)) continue
      this.#vteps.set(name, vtep)
      network.neighbours.set({ ip: vtep.ip, device: VXLAN_DEVICE, mac: vtep.mac, state: 'PERMANENT' })
      device.addForwarding(vtep.mac, vtep.host)
    }
  }

  #program(wanted: ReadonlyMap<Cidr, Route>): void {
    const { routes } = this.#node.network
    for (const [destination, route] of this.#programmed) {
      if (wanted.has(destination)) continue
      this.#programmed.delete(destination)
      try {
        routes.remove(route)
      } catch {
        // Somebody removed it by hand, or its device went.
      }
    }
    const present = new Map(routes.list('main').map((r) => [r.destination, r]))
    for (const [destination, route] of wanted) {
      const old = present.get(destination)
      if (!old || old.via !== route.via || old.device !== route.device || (old.type ?? 'unicast') !== (route.type ?? 'unicast')) {
        try {
          routes.add(route, { replace: true })
        } catch {
          continue
        }
      }
      this.#programmed.set(destination, route)
    }
  }
}

function same(a: { ip: Ip; mac: Mac; host: Ip } | undefined, b: { ip: Ip; mac: Mac; host: Ip }): boolean {
  return a !== undefined && a.ip === b.ip && a.mac === b.mac && a.host === b.host
}
