import type { Node } from '../kubernetes/types.ts'
import { networkOf, nthAddress, parseCidr } from '../network/address.ts'
import type { Cidr, Ip, Mac, VxlanLink } from '../network/types.ts'
import { internalIp } from './bridge-link.ts'
import { CNI_CONF } from './flannel-manifests.ts'
import { haveFlannelRules, writeFlannelRules } from './flannel-rules.ts'
import type { Agent, NodeContext } from './types.ts'

/**
 * flanneld with the VXLAN backend and the Kubernetes subnet manager: pkg/backend/vxlan, pkg/subnet/kube and
 * Documentation/backends.md of flannel-io/flannel. Everything that it writes stays when it stops.
 */
export const SUBNET_ENV = '/run/flannel/subnet.env'
export const FLANNEL_CONF = '/etc/cni/net.d/10-flannel.conflist'
const DEVICE = 'flannel.1'
const VNI = 1
const PORT = 8472
const OVERHEAD = 50
const PREFIX = 'flannel.alpha.coreos.com'
const RESYNC = 5_000

interface Lease { subnet: Cidr; publicIp: Ip; mac: Mac }

/** source is "file.go:line", as klog prints it. */
export type AgentLog = (source: string, message: string) => void

export class FlannelAgent implements Agent {
  readonly #context: NodeContext
  readonly #log: AgentLog
  readonly #stopWatch: () => void
  readonly #leases = new Map<string, Lease>()
  #subnet: Cidr | undefined
  #generation = -1
  #stopped = false
  #resync: ReturnType<NodeContext['clock']['schedule']> | undefined

  constructor(context: NodeContext, log: AgentLog = () => undefined) {
    this.#context = context
    this.#log = log
    this.#stopWatch = context.client.watch<Node>('nodes', {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#onNode(event.object)
      else if (event.type === 'DELETED') this.#forget(event.object.metadata.name)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stopWatch()
    this.#context.clock.cancel(this.#resync)
  }

  /** Whether the local network stands: subnet.env is written. */
  get ready(): boolean {
    return this.#subnet !== undefined
  }

  #onNode(node: Node): void {
    const lease = leaseOf(node)
    if (node.metadata.name === this.#context.name) this.#acquire(node)
    else if (lease) this.#learn(node.metadata.name, lease)
    else this.#forget(node.metadata.name)
  }

  // ---- the own node ------------------------------------------------------------------------------------------

  #acquire(node: Node): void {
    const { podCIDR } = node.spec
    if (this.#subnet || !podCIDR) return
    const { network, config, machine, name } = this.#context
    const publicIp = internalIp(node) ?? config.nodes.find((n) => n.name === name)?.ip
    const underlay = publicIp === undefined ? undefined : [...network.links.values()].find((l) => l.addresses.some((a) => a.address === publicIp))
    if (publicIp === undefined || !underlay) return
    const cluster = config.podCIDR[0]!
    this.#log('vxlan.go:141', `VXLAN config: VNI=${VNI} Port=0 GBP=false Learning=false DirectRouting=false`)
    const stored = (node.metadata.annotations ?? {})[`${PREFIX}/backend-data`]
    const mac = stored ? (JSON.parse(stored) as { VtepMAC?: Mac }).VtepMAC : undefined
    const vxlan = this.#device(publicIp, underlay.name, underlay.mtu - OVERHEAD, mac)
    const address = nthAddress(podCIDR, 0)
    if (!vxlan.addresses.some((a) => a.address === address)) network.addAddress(DEVICE, `${address}/32`)
    this.#subnet = podCIDR
    for (const lease of this.#leases.values()) this.#program(lease)
    this.#annotate(node, publicIp, vxlan.mac)

    this.#log('iptables.go:50', 'Starting flannel in iptables mode...')
    this.#log('iptables.go:109', 'Setting up masking rules')
    this.#log('iptables.go:209', 'Changing default FORWARD chain policy to ACCEPT')
    writeFlannelRules(network.netfilter, cluster, podCIDR)
    machine.fs.makeDirectory('/etc/cni/net.d', { parents: true })
    if (!machine.fs.exists(FLANNEL_CONF)) machine.fs.writeFile(FLANNEL_CONF, `${JSON.stringify(CNI_CONF, null, 2)}\n`)
    machine.fs.makeDirectory('/run/flannel', { parents: true })
    const gateway = `${nthAddress(podCIDR, 1)}/${parseCidr(podCIDR).length}`
    machine.fs.writeFile(SUBNET_ENV, `FLANNEL_NETWORK=${cluster}\nFLANNEL_SUBNET=${gateway}\nFLANNEL_MTU=${vxlan.mtu}\nFLANNEL_IPMASQ=true\n`)
    this.#log('main.go:426', `Wrote subnet file to ${SUBNET_ENV}`)
    this.#log('main.go:430', 'Running backend.')
    this.#log('vxlan_network.go:68', 'watching for new subnet leases')
    this.#ensure()
  }

  #device(local: Ip, underlay: string, mtu: number, mac: Mac | undefined): VxlanLink {
    const { network, fabric } = this.#context
    const existing = network.links.get(DEVICE)
    if (existing?.kind === 'vxlan') return existing as VxlanLink
    const vxlan = fabric.createVxlan(network, DEVICE, { vni: VNI, port: PORT, local, underlay, mtu, learning: false, ...(mac ? { mac } : {}) })
    network.setUp(DEVICE, true)
    return vxlan
  }

  #annotate(node: Node, publicIp: Ip, mac: Mac): void {
    const wanted: Record<string, string> = {
      [`${PREFIX}/backend-data`]: JSON.stringify({ VNI, VtepMAC: mac }),
      [`${PREFIX}/backend-type`]: 'vxlan',
      [`${PREFIX}/kube-subnet-manager`]: 'true',
      [`${PREFIX}/public-ip`]: publicIp,
    }
    const { client, clock, name } = this.#context
    const present = node.metadata.annotations ?? {}
    if (Object.entries(wanted).some(([key, value]) => present[key] !== value)) {
      client.patch('nodes', undefined, name, 'application/strategic-merge-patch+json', { metadata: { annotations: wanted } }, { subresource: 'status', fieldManager: 'flanneld' })
    }
    const now = `${new Date(Math.floor(clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
    const condition = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
      lastTransitionTime: now,
      lastHeartbeatTime: now,
    }
    client.patch('nodes', undefined, name, 'application/strategic-merge-patch+json', { status: { conditions: [condition] } }, { subresource: 'status', fieldManager: 'flanneld' })
  }

  /** Every five seconds flanneld looks whether its rules are still there. */
  #ensure(): void {
    this.#resync = this.#context.clock.schedule(RESYNC, () => {
      const { netfilter } = this.#context.network
      const cluster = this.#context.config.podCIDR[0]!
      if (netfilter.generation !== this.#generation) {
        if (!haveFlannelRules(netfilter, cluster, this.#subnet!)) {
          this.#log('iptables.go:434', 'Some iptables rules are missing; deleting and recreating rules')
          writeFlannelRules(netfilter, cluster, this.#subnet!)
        }
        this.#generation = netfilter.generation
      }
      this.#ensure()
    }, { background: true })
  }

  // ---- the others --------------------------------------------------------------------------------------------

  #learn(node: string, lease: Lease): void {
    const known = this.#leases.get(node)
    if (known && known.subnet === lease.subnet && known.publicIp === lease.publicIp && known.mac === lease.mac) return
    if (known) this.#forget(node)
    this.#leases.set(node, lease)
    if (this.#subnet) this.#program(lease)
  }

  #program(lease: Lease): void {
    const { network } = this.#context
    const device = network.links.get(DEVICE) as VxlanLink
    const gateway = nthAddress(lease.subnet, 0)
    this.#log('vxlan_network.go:181', `Received Subnet Event with VxLan: BackendType: vxlan, PublicIP: ${lease.publicIp}, PublicIPv6: (nil), BackendData: ${JSON.stringify({ VNI, VtepMAC: lease.mac })}, BackendV6Data: (nil)`)
    network.neighbours.set({ ip: gateway, device: DEVICE, mac: lease.mac, state: 'PERMANENT' })
    device.addForwarding(lease.mac, lease.publicIp)
    network.routes.add({ destination: networkOf(lease.subnet), via: gateway, device: DEVICE, onlink: true }, { replace: true })
  }

  #forget(node: string): void {
    const lease = this.#leases.get(node)
    if (!lease) return
    this.#leases.delete(node)
    if (!this.#subnet) return
    const { network } = this.#context
    const gateway = nthAddress(lease.subnet, 0)
    network.neighbours.remove(gateway, DEVICE)
    const device = network.links.get(DEVICE) as VxlanLink | undefined
    device?.removeForwarding(lease.mac, lease.publicIp)
    try {
      network.routes.remove({ destination: networkOf(lease.subnet), via: gateway, device: DEVICE })
    } catch {
      // The device or the route went before: nothing is left to remove.
    }
  }
}

/** All flannelds read the annotations of all Nodes, each time that one beats. */
const leases = new WeakMap<object, Lease | undefined>()

/** What a Node's annotations say about its subnet; undefined until its own flanneld has written them. */
function leaseOf(node: Node): Lease | undefined {
  const { annotations } = node.metadata
  if (!annotations) return undefined
  const known = leases.get(annotations)
  if (known && known.subnet === node.spec.podCIDR) return known
  const lease = readLease(node, annotations)
  leases.set(annotations, lease)
  return lease
}

function readLease(node: Node, annotations: Readonly<Record<string, string>>): Lease | undefined {
  const data = annotations[`${PREFIX}/backend-data`]
  const publicIp = annotations[`${PREFIX}/public-ip`]
  if (!data || !publicIp || !node.spec.podCIDR || annotations[`${PREFIX}/backend-type`] !== 'vxlan') return undefined
  try {
    const mac = (JSON.parse(data) as { VtepMAC?: Mac }).VtepMAC
    return mac ? { subnet: node.spec.podCIDR, publicIp, mac } : undefined
  } catch {
    return undefined
  }
}
