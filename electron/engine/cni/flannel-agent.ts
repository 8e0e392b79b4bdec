import type { Node } from '../kubernetes/types.ts'
import type { LateOutput } from '../machine/types.ts'
import { nthAddress, parseCidr } from '../network/address.ts'
import type { Cidr, Ip, Mac, Netfilter } from '../network/types.ts'
import { internalIp, podSubnets } from './bridge-link.ts'
import { CNI_CONF } from './flannel-manifests.ts'
import { haveFlannelRules, writeFlannelRules } from './flannel-rules.ts'
import { BACKENDS, HostGwBackend, type Backend, type BackendType, type Lease } from './flannel-backend.ts'
import { IpipBackend } from './flannel-ipip.ts'
import { VNI, VxlanBackend } from './flannel-vxlan.ts'
import { WireguardBackend } from './flannel-wireguard.ts'
import { PeerReader, type PeerKind } from './shared-peers.ts'
import type { Agent, NodeContext } from './types.ts'

/**
 * flanneld with the Kubernetes subnet manager and the backends vxlan, host-gw, ipip and wireguard: pkg/backend, pkg/subnet/kube and
 * Documentation/backends.md of flannel-io/flannel. Everything that it writes stays when it stops, but for WireGuard's devices.
 */
export const SUBNET_ENV = '/run/flannel/subnet.env'
export const FLANNEL_CONF = '/etc/cni/net.d/10-flannel.conflist'
const PREFIX = 'flannel.alpha.coreos.com'
const RESYNC = 5_000

/** What a Node's annotations say of each family. */
type Leases = Readonly<Record<4 | 6, Lease | undefined>>

/** The annotations of a family. */
const KEYS = { 4: { data: `${PREFIX}/backend-data`, ip: `${PREFIX}/public-ip` }, 6: { data: `${PREFIX}/backend-v6-data`, ip: `${PREFIX}/public-ipv6` } } as const

/** source is "file.go:line", as klog prints it; `at` (virtual ms) where it was written earlier than now. */
export type AgentLog = (source: string, message: string, at?: number) => void

export class FlannelAgent implements Agent {
  readonly #context: NodeContext
  readonly #log: AgentLog
  readonly #stopWatch: () => void
  /** One a family. */
  readonly #backends: readonly Backend[]
  readonly #type: BackendType
  readonly #directRouting: boolean
  /** --iface; otherwise the node's own. */
  readonly #device: string | undefined
  /** Its log is read while it is written. */
  readonly #follows: boolean
  /** Of the other nodes, as far as they are written. */
  readonly #leases = new Map<string, Leases>()
  #peers: PeerReader<Leases> | undefined
  readonly #late: LateOutput | undefined
  readonly #ignored = new Map<string, BackendType>()
  #subnets: readonly Cidr[] | undefined
  #generation = -1
  #stopped = false
  #resync: ReturnType<NodeContext['clock']['schedule']> | undefined

  /** `late`: where the log goes, if what it says of other nodes may be written when somebody reads. */
  constructor(context: NodeContext, log: AgentLog | undefined, type: BackendType = 'vxlan', late?: LateOutput, { directRouting = false, device }: { directRouting?: boolean; device?: string | undefined } = {}) {
    this.#context = context
    this.#log = log ?? (() => undefined)
    this.#follows = log !== undefined && !late
    this.#type = type
    this.#late = late
    this.#directRouting = directRouting
    this.#device = device
    this.#backends = context.config.podCIDR.map((cluster): Backend => {
      const { version } = parseCidr(cluster)
      return type === 'host-gw' ? new HostGwBackend(context, version, this.#log) : type === 'ipip' ? new IpipBackend(context, this.#log, directRouting) : type === 'wireguard' ? new WireguardBackend(context, version, this.#log) : new VxlanBackend(context, version, directRouting)
    })
    this.#stopWatch = context.client.watch<Node>('nodes', { fieldSelector: `metadata.name=${context.name}` }, (event) => {
      if (this.#stopped || (event.type !== 'ADDED' && event.type !== 'MODIFIED')) return
      if (event.object.metadata.name === context.name) this.#acquire(event.object)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stopWatch()
    this.#peers?.stop()
    for (const backend of this.#backends) backend.stop()
    this.#context.clock.cancel(this.#resync)
  }

  /** Whether the local network stands: subnet.env is written. */
  get ready(): boolean {
    return this.#subnets !== undefined
  }

  // ---- the own node ------------------------------------------------------------------------------------------

  #acquire(node: Node): void {
    const subnets = podSubnets(node)
    if (this.#subnets || subnets.length < this.#backends.length) return
    const { network, config, machine } = this.#context
    const chosen = this.#device === undefined ? undefined : network.links.get(this.#device)
    const publicIps = this.#backends.map(({ version }) => (chosen ? chosen.addresses.find((a) => a.address.includes(':') === (version === 6))?.address : internalIp(node, version)))
    const underlay = chosen ?? [...network.links.values()].find((l) => l.addresses.some((a) => a.address === publicIps[0]))
    if (publicIps.includes(undefined) || !underlay) return
    for (const ip of publicIps) this.#log(ip!.includes(':') ? 'match.go:262' : 'match.go:259', `Using interface with name ${underlay.name} and ${ip!.includes(':') ? 'v6 ' : ''}address ${ip!}`)
    for (const ip of publicIps) this.#log(ip!.includes(':') ? 'match.go:294' : 'match.go:281', `Defaulting external ${ip!.includes(':') ? 'v6 ' : ''}address to interface address (${ip!})`)
    if (this.#type === 'vxlan') this.#log('vxlan.go:141', `VXLAN config: VNI=${VNI} Port=0 GBP=false Learning=false DirectRouting=${this.#directRouting}`)
    const ends = this.#backends.map((backend, i) => backend.setUp(subnets[i]!, publicIps[i]!, underlay, storedMac(node, backend.version)))
    this.#subnets = subnets
    this.#annotate(node, publicIps as Ip[], ends)
    this.#log('iptables.go:50', 'Starting flannel in iptables mode...')
    const six = config.podCIDR.some((c) => c.includes(':'))
    this.#log('iptables.go:109', 'Setting up masking rules')
    if (six) this.#log('iptables.go:128', 'Setting up masking rules for IPv6')
    this.#log('iptables.go:209', 'Changing default FORWARD chain policy to ACCEPT')
    if (six) this.#log('iptables.go:217', 'IPv6: Changing default FORWARD chain policy to ACCEPT')
    this.#eachFamily((netfilter, cluster, subnet) => writeFlannelRules(netfilter, cluster, subnet))
    machine.fs.makeDirectory('/etc/cni/net.d', { parents: true })
    if (!machine.fs.exists(FLANNEL_CONF)) machine.fs.writeFile(FLANNEL_CONF, `${JSON.stringify(CNI_CONF, null, 2)}\n`)
    machine.fs.makeDirectory('/run/flannel', { parents: true })
    let env = ''
    subnets.forEach((subnet, i) => {
      const infix = subnet.includes(':') ? 'IPV6_' : ''
      env += `FLANNEL_${infix}NETWORK=${config.podCIDR[i]!}\nFLANNEL_${infix}SUBNET=${nthAddress(subnet, 1)}/${parseCidr(subnet).length}\n`
    })
    machine.fs.writeFile(SUBNET_ENV, `${env}FLANNEL_MTU=${underlay.mtu - this.#backends[0]!.overhead}\nFLANNEL_IPMASQ=true\n`)
    this.#log('main.go:426', `Wrote subnet file to ${SUBNET_ENV}`)
    this.#log('main.go:430', 'Running backend.')
    this.#log({ vxlan: 'vxlan_network.go:68', 'host-gw': 'route_network.go:55', ipip: 'route_network.go:55', wireguard: 'wireguard_network.go:73' }[this.#type], `${this.#type === 'vxlan' ? 'w' : 'W'}atching for new subnet leases`)
    this.#watchPeers()
    this.#ensure()
  }

  #eachFamily(visit: (netfilter: Netfilter, cluster: Cidr, subnet: Cidr) => void): void {
    const { network, config } = this.#context
    this.#backends.forEach(({ version }, i) => visit(version === 4 ? network.netfilter : network.netfilter6, config.podCIDR[i]!, this.#subnets![i]!))
  }

  #annotate(node: Node, publicIps: readonly Ip[], ends: readonly (string | undefined)[]): void {
    const wanted: Record<string, string> = { [`${PREFIX}/backend-type`]: this.#type, [`${PREFIX}/kube-subnet-manager`]: 'true' }
    this.#backends.forEach(({ version }, i) => {
      wanted[KEYS[version].data] = ends[i] === undefined ? 'null' : JSON.stringify(this.#type === 'wireguard' ? { PublicKey: ends[i] } : { VNI, VtepMAC: ends[i] })
      wanted[KEYS[version].ip] = publicIps[i]!
    })
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

  #rulesGeneration(): number {
    const { network } = this.#context
    return this.#backends.reduce((sum, { version }) => sum + (version === 4 ? network.netfilter : network.netfilter6).generation, 0)
  }

  /** Every five seconds flanneld looks whether its rules are still there. */
  #ensure(): void {
    this.#resync = this.#context.clock.schedule(RESYNC, () => {
      if (this.#rulesGeneration() !== this.#generation) {
        this.#eachFamily((netfilter, cluster, subnet) => {
          // as long as nobody has looked, nobody has taken them away
          if (netfilter.pristine || haveFlannelRules(netfilter, cluster, subnet)) return
          this.#log('iptables.go:434', 'Some iptables rules are missing; deleting and recreating rules')
          writeFlannelRules(netfilter, cluster, subnet)
        })
        this.#generation = this.#rulesGeneration()
      }
      this.#ensure()
    }, { background: true })
  }

  // ---- the others --------------------------------------------------------------------------------------------

  #watchPeers(): void {
    const peers = (this.#peers = new PeerReader(this.#context, LEASES, {
      devices: this.#backends.map((backend) => backend.device),
      tunnels: this.#type === 'vxlan',
      apply: (node, leases, at) => this.#onPeer(node, leases, at),
    }))
    // who looks at WireGuard's peers looks at no rows of the kernel's tables
    if (this.#follows || this.#type === 'wireguard' || this.#directRouting) peers.follow(true)
    else this.#late?.defer(peers)
  }

  #onPeer(name: string, leases: Leases | undefined, at: number): void {
    const other = leases && this.#backends.map(({ version }) => leases[version]).find((lease) => lease && lease.type !== this.#type)
    if (other) return this.#ignore(name, other.type, at)
    const known = this.#leases.get(name)
    if (known) this.#forget(known, at)
    if (leases) this.#leases.set(name, leases)
    else this.#leases.delete(name)
    if (!leases) return
    if (this.#type === 'vxlan') this.#announce(leases, at)
    for (const backend of this.#backends) if (leases[backend.version]) backend.program(leases[backend.version]!, at)
  }

  #announce(leases: Leases, at: number): void {
    const of = (version: 4 | 6): Lease | undefined => (this.#backends.some((b) => b.version === version) ? leases[version] : undefined)
    const data = (lease: Lease | undefined): string => (lease ? JSON.stringify({ VNI, VtepMAC: lease.mac }) : '(nil)')
    const [four, six] = [of(4), of(6)]
    this.#log('vxlan_network.go:181', `Received Subnet Event with VxLan: BackendType: vxlan, PublicIP: ${four?.publicIp ?? '(nil)'}, PublicIPv6: ${six?.publicIp ?? '(nil)'}, BackendData: ${data(four)}, BackendV6Data: ${data(six)}`, at)
  }

  /** A node whose flanneld has another backend is not reached until the two are of one mind; told once. */
  #ignore(node: string, type: BackendType, at: number): void {
    if (this.#type === 'vxlan' || this.#ignored.get(node) === type) return
    this.#ignored.set(node, type)
    this.#log(this.#type === 'wireguard' ? 'wireguard_network.go:133' : 'route_network.go:87', `Ignoring non-${this.#type} subnet: type=${type}`, at)
  }

  #forget(leases: Leases, at: number): void {
    for (const backend of this.#backends) if (leases[backend.version]) backend.forget(leases[backend.version]!, at)
  }
}

/** What Nodes' annotations say, as all flannelds of a cluster read it. */
const LEASES: PeerKind<Leases> = {
  read: (node) => {
    const [four, six] = [leaseOf(node, 4), leaseOf(node, 6)]
    return four || six ? { 4: four, 6: six } : undefined
  },
  same: (a, b) => isSame(a[4], b[4]) && isSame(a[6], b[6]),
  subnets: (leases) => [leases[4], leases[6]].flatMap((lease) => lease?.subnet ?? []),
}

function isSame(a: Lease | undefined, b: Lease | undefined): boolean {
  return a?.type === b?.type && a?.subnet === b?.subnet && a?.publicIp === b?.publicIp && a?.mac === b?.mac && a?.publicKey === b?.publicKey
}

function storedMac(node: Node, version: 4 | 6): Mac | undefined {
  const stored = node.metadata.annotations?.[KEYS[version].data]
  return stored ? (JSON.parse(stored) as { VtepMAC?: Mac } | null)?.VtepMAC : undefined
}

/** Nodes beat, and their annotations stay what they are. */
const leases = { 4: new WeakMap<object, Lease | undefined>(), 6: new WeakMap<object, Lease | undefined>() } as const

/** What a Node's annotations say about its subnet; undefined until its own flanneld has written them. */
function leaseOf(node: Node, version: 4 | 6): Lease | undefined {
  const { annotations } = node.metadata
  if (!annotations) return undefined
  const subnet = podSubnets(node).find((s) => s.includes(':') === (version === 6))
  const known = leases[version].get(annotations)
  if (known && known.subnet === subnet) return known
  const lease = subnet === undefined ? undefined : readLease(annotations, subnet, version)
  leases[version].set(annotations, lease)
  return lease
}

function readLease(annotations: Readonly<Record<string, string>>, subnet: Cidr, version: 4 | 6): Lease | undefined {
  const data = annotations[KEYS[version].data]
  const publicIp = annotations[KEYS[version].ip]
  const type = BACKENDS.find((t) => t === annotations[`${PREFIX}/backend-type`])
  if (!data || !publicIp || !type) return undefined
  if (type === 'host-gw' || type === 'ipip') return { type, subnet, publicIp }
  try {
    const { VtepMAC: mac, PublicKey: publicKey } = (JSON.parse(data) as { VtepMAC?: Mac; PublicKey?: string } | null) ?? {}
    if (type === 'wireguard') return publicKey ? { type, subnet, publicIp, publicKey } : undefined
    return mac ? { type, subnet, publicIp, mac } : undefined
  } catch {
    return undefined
  }
}
