import { networkOf, nthAddress } from '../network/address.ts'
import type { Cidr, Ip, Link, Mac, VxlanLink } from '../network/types.ts'
import type { Backend, Lease } from './flannel-backend.ts'
import type { NodeContext } from './types.ts'

/** One family of flanneld's VXLAN backend: pkg/backend/vxlan of flannel-io/flannel. Each family has a tunnel of its own. */
export const VNI = 1
const PORT = 8472
/** Of the underlay's MTU; Pods are told the same for both families. */
const OVERHEAD = 50
/** What an outer IPv6 header takes: the kernel lets no VXLAN link have more of its lower link's MTU (vxlan_config_apply). */
const HEADROOM = { 4: 50, 6: 70 } as const

export class VxlanBackend implements Backend {
  readonly version: 4 | 6
  readonly overhead = OVERHEAD
  readonly device: string
  readonly #context: NodeContext
  readonly #directRouting: boolean

  /** `directRouting`: nodes on the same wire are their Pods' gateways; only to others there is a tunnel. */
  constructor(context: NodeContext, version: 4 | 6, directRouting = false) {
    this.#context = context
    this.#directRouting = directRouting
    this.version = version
    this.device = version === 4 ? `flannel.${VNI}` : `flannel-v6.${VNI}`
  }

  /** The tunnel's end here, with the subnet's first address; `mac` is the one that it had before. */
  setUp(subnet: Cidr, local: Ip, underlay: Link, mac: Mac | undefined): Mac {
    const vxlan = this.#link(local, underlay, mac)
    const address = nthAddress(subnet, 0)
    if (!vxlan.addresses.some((a) => a.address === address)) this.#context.network.addAddress(this.device, `${address}/${this.version === 4 ? 32 : 128}`)
    return vxlan.mac
  }

  stop(): void {}

  #link(local: Ip, underlay: Link, mac: Mac | undefined): VxlanLink {
    const { network, fabric } = this.#context
    const existing = network.links.get(this.device)
    if (existing?.kind === 'vxlan') return existing as VxlanLink
    const mtu = Math.min(underlay.mtu - OVERHEAD, underlay.mtu - HEADROOM[this.version])
    const vxlan = fabric.createVxlan(network, this.device, { vni: VNI, port: PORT, local, underlay: underlay.name, mtu, learning: false, ...(mac ? { mac } : {}) })
    network.setUp(this.device, true)
    network.neighbours.reserve(this.device)
    return vxlan
  }

  program({ subnet, publicIp, mac }: Lease): void {
    const { network } = this.#context
    const device = network.links.get(this.device) as VxlanLink | undefined
    if (mac === undefined || !device) return
    const wire = this.#wireTo(publicIp)
    if (wire !== undefined) {
      try {
        network.routes.add({ destination: networkOf(subnet), via: publicIp, device: wire }, { replace: true })
      } catch {
        // The wire went down meanwhile: there is no route until the node is heard of again.
      }
      return
    }
    const gateway = nthAddress(subnet, 0)
    network.neighbours.set({ ip: gateway, device: this.device, mac, state: 'PERMANENT' })
    device.addForwarding(mac, publicIp)
    try {
      network.routes.add({ destination: networkOf(subnet), via: gateway, device: this.device, onlink: true }, { replace: true })
    } catch {
      // The device is down: there is no route until the node is heard of again.
    }
  }

  /** ip.DirectRouting: the link over which the node is reached without a gateway; undefined: by the tunnel. */
  #wireTo(node: Ip): string | undefined {
    if (!this.#directRouting) return undefined
    const route = this.#context.network.routes.lookup(node)
    return route && route.via === undefined && route.type !== 'local' ? route.device : undefined
  }

  forget({ subnet, publicIp, mac }: Lease): void {
    if (mac === undefined) return
    const { network } = this.#context
    const wire = this.#wireTo(publicIp)
    if (wire !== undefined) {
      try {
        network.routes.remove({ destination: networkOf(subnet), via: publicIp, device: wire })
      } catch {
        // The route went before: nothing is left to remove.
      }
      return
    }
    const gateway = nthAddress(subnet, 0)
    const device = network.links.get(this.device) as VxlanLink | undefined
    if (!device) return
    network.neighbours.remove(gateway, this.device)
    device.removeForwarding(mac, publicIp)
    try {
      network.routes.remove({ destination: networkOf(subnet), via: gateway, device: this.device })
    } catch {
      // The route went before: nothing is left to remove.
    }
  }
}
