import { networkOf } from '../network/address.ts'
import type { Cidr, Ip, IpipLink, Link, Route } from '../network/types.ts'
import type { AgentLog } from './flannel-agent.ts'
import { HostGwBackend, type Lease } from './flannel-backend.ts'
import type { NodeContext } from './types.ts'

/** ipip: routes to the other nodes through one tunnel, whose other end is each route's gateway. For IPv4 alone (pkg/backend/ipip/ipip.go of flannel-io/flannel). */
const DEVICE = 'flannel.ipip'
/** Comes with the kernel's module. */
const FALLBACK = 'tunl0'

export class IpipBackend extends HostGwBackend {
  override readonly overhead = 20
  readonly #directRouting: boolean
  #underlay = ''

  /** `directRouting`: nodes on the same wire are their Pods' gateways; only to others there is a tunnel. */
  constructor(context: NodeContext, log: AgentLog, directRouting: boolean) {
    super(context, 4, log)
    this.#directRouting = directRouting
  }

  override setUp(subnet: Cidr, local: Ip, underlay: Link): undefined {
    const { network, fabric } = this.context
    this.device = DEVICE
    this.#underlay = underlay.name
    const mtu = underlay.mtu - this.overhead
    this.log('ipip.go:67', `IPIP config: DirectRouting=${this.#directRouting}`)
    const old = network.links.get(DEVICE) as IpipLink | undefined
    if (old && old.local !== local) {
      this.log('ipip.go:163', `"${DEVICE}" already exists with incompatible attributes: local=${old.local ?? '<nil>'} remote=${old.remote ?? '<nil>'}; recreating device`)
      network.removeLink(DEVICE)
    }
    if (!network.links.has(FALLBACK)) fabric.createIpip(network, FALLBACK, { fallback: true })
    if (!network.links.has(DEVICE)) fabric.createIpip(network, DEVICE, { local, pmtudisc: false, mtu })
    this.log('ipip.go:185', `current MTU of ${DEVICE} is 0, setting it to ${mtu}`)
    const link = network.links.get(DEVICE)!
    link.mtu = mtu
    const own = subnet.split('/')[0]!
    if (!link.addresses.some((a) => a.address === own)) network.addAddress(DEVICE, `${own}/32`)
    network.setUp(DEVICE, true)
    this.watch()
  }

  protected override routeTo({ subnet, publicIp }: Lease): Route & { device: string } {
    const { routes } = this.context.network
    const reached = this.#directRouting ? routes.lookup(publicIp) : undefined
    return { destination: networkOf(subnet), via: publicIp, device: reached && reached.via === undefined ? this.#underlay : DEVICE, onlink: true }
  }
}
