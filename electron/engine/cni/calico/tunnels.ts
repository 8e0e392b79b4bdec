import type { Node } from '../../kubernetes/types.ts'
import { cidrContains, isLinkLocalIp6, networkOf, nthAddress } from '../../network/address.ts'
import type { Cidr, Ip, Mac, Route, VxlanLink } from '../../network/types.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { NodeContext } from '../types.ts'
import { ADDRESS_ANNOTATIONS } from './node-annotations.ts'
import type { IpamBlock, IpPool } from './datastore.ts'
import { IPIP_DEVICE, isVersion, sha1, VXLAN_DEVICES, VXLAN_PORT, VXLAN_VNI, type Version } from './names.ts'

/**
 * Felix's tunnel devices and, for VXLAN pools, its routes (felix/dataplane/linux ipip_mgr.go, vxlan_mgr.go, route_mgr.go): a route to
 * every other node's blocks through vxlan.calico, whose far ends it knows from the Nodes' annotations without asking anybody. Each
 * family has a VXLAN device of its own; IPIP is for IPv4 alone.
 */
export const IPIP_ANNOTATION = 'projectcalico.org/IPv4IPIPTunnelAddr'
export const VXLAN_ANNOTATIONS = { 4: 'projectcalico.org/IPv4VXLANTunnelAddr', 6: 'projectcalico.org/IPv6VXLANTunnelAddr' } as const
export const WIREGUARD_ANNOTATIONS = { key: 'projectcalico.org/WireguardPublicKey', address: 'projectcalico.org/IPv4WireguardInterfaceAddr' } as const
export const VXLAN_MAC_ANNOTATIONS = { 4: 'projectcalico.org/VXLANTunnelMACAddr', 6: 'projectcalico.org/VXLANTunnelMACAddrV6' } as const
const OVERHEAD = { ipip: 20, vxlan: { 4: 50, 6: 70 }, wireguard: 60 }

export interface Host { ip: Ip; network: Cidr; ipip?: Ip | undefined; vxlan?: Ip | undefined; mac?: Mac | undefined; wireguard?: Ip | undefined; wireguardKey?: string | undefined }

export function hostOf({ metadata: { annotations } }: Node, version: Version): Host | undefined {
  const address = annotations?.[ADDRESS_ANNOTATIONS[version]]
  if (address === undefined) return undefined
  const ipip = version === 4 ? annotations![IPIP_ANNOTATION] : undefined
  const wireguard = version === 4 ? { wireguard: annotations![WIREGUARD_ANNOTATIONS.address], wireguardKey: annotations![WIREGUARD_ANNOTATIONS.key] } : {}
  return { ip: address.split('/')[0]!, network: networkOf(address), ipip, vxlan: annotations![VXLAN_ANNOTATIONS[version]], mac: annotations![VXLAN_MAC_ANNOTATIONS[version]], ...wireguard }
}

/** "f" and five bytes of the name's SHA-1 (felix/calc/vxlan_resolver.go): every node can work out every other's. */
export function vxlanMac(node: string, version: Version): Mac {
  return `66${hex(sha1(encodeUtf8(version === 4 ? node : `${node}-v6`))).slice(0, 10)}`.replace(/..(?!$)/g, '$&:')
}

/** Those of one family. */
export class Tunnels {
  readonly version: Version
  readonly #node: NodeContext
  readonly #device: string
  readonly #bits: number
  readonly hosts = new Map<string, Host>()
  readonly pools = new Map<string, IpPool['spec']>()
  readonly blocks = new Map<string, IpamBlock['spec']>()
  /** Packets may be encrypted besides. */
  wireguard = false
  readonly #programmed = new Map<Cidr, Route>()
  readonly #vteps = new Map<string, { ip: Ip; mac: Mac; host: Ip }>()

  constructor(node: NodeContext, version: Version) {
    this.#node = node
    this.version = version
    this.#device = VXLAN_DEVICES[version]
    this.#bits = version === 4 ? 32 : 128
    for (const route of node.network.routes.list('main', version)) if (route.protocol === '80' || (route.device === this.#device && route.via !== undefined)) this.#programmed.set(route.destination, route)
  }

  get ipipEnabled(): boolean {
    return this.#any((p) => (p.ipipMode ?? 'Never') !== 'Never')
  }

  get vxlanEnabled(): boolean {
    return this.#any((p) => (p.vxlanMode ?? 'Never') !== 'Never')
  }

  /** Of this family's Pods and tunnels: the network's, less the room that the largest header takes. */
  mtu(): number {
    const own = this.hosts.get(this.#node.name)
    const device = own && [...this.#node.network.links.values()].find((l) => l.addresses.some((a) => a.address === own.ip))
    return (device?.mtu ?? 1500) - Math.max(this.vxlanEnabled ? OVERHEAD.vxlan[this.version] : this.ipipEnabled ? OVERHEAD.ipip : 0, this.wireguard ? OVERHEAD.wireguard : 0)
  }

  apply(): void {
    const own = this.hosts.get(this.#node.name)
    if (!own) return
    this.#ipip(own)
    this.#vxlan(own)
    this.#routes(own)
  }

  #any(test: (pool: IpPool['spec']) => boolean): boolean {
    const ours = isVersion(this.version)
    for (const pool of this.pools.values()) if (!pool.disabled && ours(pool.cidr) && test(pool)) return true
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
    if (!network.links.has(this.#device)) {
      fabric.createVxlan(network, this.#device, { vni: VXLAN_VNI, port: VXLAN_PORT, local: own.ip, underlay: underlay.name, mac: vxlanMac(name, this.version), mtu: this.mtu(), learning: false })
    }
    network.setUp(this.#device, true)
    this.#address(this.#device, own.vxlan)
  }

  #address(device: string, wanted: Ip): void {
    const { network } = this.#node
    const link = network.links.get(device)!
    for (const { address, prefixLength } of link.addresses) if (address !== wanted && isVersion(this.version)(address) && !isLinkLocalIp6(address)) network.removeAddress(device, `${address}/${prefixLength}`)
    if (!link.addresses.some((a) => a.address === wanted)) network.addAddress(device, `${wanted}/${this.#bits}`)
  }

  // ---- VXLAN's routes ----------------------------------------------------------------------------------------

  #routes(own: Host): void {
    const wanted = new Map<Cidr, Route>()
    const vteps = new Map<string, { ip: Ip; mac: Mac; host: Ip }>()
    for (const block of this.blocks.values()) {
      if (!isVersion(this.version)(block.cidr)) continue
      const pool = [...this.pools.values()].find((p) => cidrContains(p.cidr, block.cidr.split('/')[0]!))
      const mode = pool?.vxlanMode ?? 'Never'
      if (mode === 'Never') continue
      const holder = block.affinity?.startsWith('host:') ? block.affinity.slice(5) : undefined
      if (holder === this.#node.name) wanted.set(block.cidr, { destination: block.cidr, type: 'blackhole', protocol: '80' })
      else this.#toHost(wanted, block.cidr, holder, mode, own)
      // what other nodes have borrowed of it
      for (const [ordinal, attribute] of block.allocations.entries()) {
        const node = attribute === null ? undefined : block.attributes[attribute]?.secondary?.['node']
        if (node !== undefined && node !== holder && node !== this.#node.name) this.#toHost(wanted, `${nthAddress(block.cidr, ordinal)}/${this.#bits}`, node, mode, own)
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
    } else if (host.vxlan !== undefined) wanted.set(destination, { destination, via: host.vxlan, device: this.#device, onlink: true })
  }

  #programVteps(wanted: ReadonlyMap<string, { ip: Ip; mac: Mac; host: Ip }>): void {
    const { network } = this.#node
    const device = network.links.get(this.#device) as VxlanLink | undefined
    if (!device) return
    for (const [name, vtep] of this.#vteps) {
      if (same(wanted.get(name), vtep)) continue
      this.#vteps.delete(name)
      network.neighbours.remove(vtep.ip, this.#device)
      device.removeForwarding(vtep.mac, vtep.host)
    }
    for (const [name, vtep] of wanted) {
      if (this.#vteps.has(name)) continue
      this.#vteps.set(name, vtep)
      network.neighbours.set({ ip: vtep.ip, device: this.#device, mac: vtep.mac, state: 'PERMANENT' })
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
    const present = new Map(routes.list('main', this.version).map((r) => [r.destination, r]))
    for (const [destination, route] of wanted) {
      const old = present.get(destination)
      if (!old || old.via !== route.via || (route.device !== undefined && old.device !== route.device) || (old.type ?? 'unicast') !== (route.type ?? 'unicast')) {
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
