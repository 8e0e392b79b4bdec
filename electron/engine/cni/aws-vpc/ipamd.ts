import type { Timer } from '../../clock.ts'
import { parseCidr } from '../../network/address.ts'
import type { Ip, NetworkNamespace } from '../../network/types.ts'
import type { Nic } from '../../network/switch.ts'
import { internalIp } from '../bridge-link.ts'
import type { Node } from '../../kubernetes/types.ts'
import type { NodeContext, Sandbox } from '../types.ts'
import { hostVethName, setUpEni, setUpHostNetwork, tableOf, type SnatSettings } from './host-network.ts'
import { INSTANCE_TYPES, PREFIX, vpcOf, type Eni, type Vpc } from './vpc.ts'

/** aws-k8s-agent, the address manager of a node (pkg/ipamd of amazon-vpc-cni-k8s v1.19). */
const CHECKPOINT = '/var/run/aws-node/ipam.json'
/** How long the pool's manager sleeps between two looks, virtual ms. */
const POOL_PERIOD = 5_000
/** IP_COOLDOWN_PERIOD: an address that a Pod has left is not given to another at once. */
const COOLDOWN = 30_000
export const CNI_CONF = '/etc/cni/net.d/10-aws.conflist'

export interface Allocation { containerId: string; namespace: string; pod: string; ip: Ip; at: number }

export type IpamdLog = (level: 'info' | 'warn' | 'error' | 'debug', caller: string, message: string) => void

const running = new WeakMap<NetworkNamespace, Ipamd>()

/** What answers at 127.0.0.1:50051 of the node. */
export function ipamdOf(network: NetworkNamespace): Ipamd | undefined {
  return running.get(network)
}

/** `warmPrefixes`: how many /28 are kept free; undefined: addresses come one by one (ENABLE_PREFIX_DELEGATION=false). */
export interface PoolSettings { warmEnis: number; warmIps: number; minimumIps: number; maxEnis: number; warmPrefixes: number | undefined; snat: SnatSettings }

export class Ipamd {
  readonly #context: NodeContext
  readonly #log: IpamdLog
  readonly #settings: PoolSettings
  readonly #limits: { enis: number; addresses: number }
  readonly #vpc: Vpc
  readonly #allocations = new Map<string, Allocation>()
  readonly #freedAt = new Map<Ip, number>()
  #timer: Timer | undefined
  #stopped = false

  /** Throws what the API server says. */
  constructor(context: NodeContext, settings: PoolSettings, log: IpamdLog) {
    this.#context = context
    this.#settings = settings
    this.#log = log
    const { network, client, name } = context
    const own = internalIp(client.get<Node>('nodes', undefined, name))
    const link = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === own)) as Nic | undefined
    if (own === undefined || link?.kind !== 'nic') throw new Error(`no network card has the node's address ${own ?? ''}`)
    this.#vpc = vpcOf(link.switch)
    const { enis, addresses } = INSTANCE_TYPES[context.config.cniOptions['instanceType'] ?? ''] ?? INSTANCE_TYPES['m5.large']!
    this.#limits = { enis: settings.maxEnis > 0 ? Math.min(enis, settings.maxEnis) : enis, addresses }
    log('info', 'ipamd/ipamd.go:449', `Starting L-IPAMD; this instance has at most ${this.#limits.enis} ENIs with ${this.#limits.addresses} addresses each`)
    const [first, ...more] = this.#vpc.enis(name, () => ({ link, primary: own }))
    setUpHostNetwork(context, first!, settings.snat)
    for (const eni of more) setUpEni(context, eni)
    this.#restore()
    running.set(network, this)
    if (first!.secondary.size === 0) this.#fill(first!)
    this.#request()
  }

  stop(): void {
    this.#stopped = true
    this.#context.clock.cancel(this.#timer)
    if (running.get(this.#context.network) === this) running.delete(this.#context.network)
  }

  get enis(): readonly Eni[] {
    return this.#vpc.enis(this.#context.name, () => {
      throw new Error('unknown instance')
    })
  }

  get allocations(): readonly Allocation[] {
    return [...this.#allocations.values()]
  }

  /** An address and the routing table of its ENI; undefined: there is none now. */
  assign(sandbox: Sandbox): { ip: Ip; table: string } | undefined {
    const { clock } = this.#context
    const used = new Set(this.allocations.map((a) => a.ip))
    for (const eni of this.enis) {
      for (const ip of this.#usable(eni)) {
        if (used.has(ip) || (this.#freedAt.get(ip) ?? -Infinity) + COOLDOWN > clock.now) continue
        this.#freedAt.delete(ip)
        this.#allocations.set(sandbox.id, { containerId: sandbox.id, namespace: sandbox.podNamespace, pod: sandbox.podName, ip, at: clock.wall() })
        this.#save()
        this.#log('info', 'datastore/data_store.go:720', `assignPodIPv4AddressUnsafe: Assign IP ${ip} to sandbox aws-cni/${sandbox.id}/eth0`)
        this.#request()
        return { ip, table: tableOf(eni) }
      }
    }
    this.#log('error', 'datastore/data_store.go:754', 'DataStore has no available IP/Prefix addresses')
    this.#request()
    return undefined
  }

  release(containerId: string): Ip | undefined {
    const found = this.#allocations.get(containerId)
    if (!found) return undefined
    this.#allocations.delete(containerId)
    this.#freedAt.set(found.ip, this.#context.clock.now)
    this.#save()
    this.#log('info', 'datastore/data_store.go:1128', `UnassignPodIPAddress: sandbox aws-cni/${containerId}/eth0's ipAddr ${found.ip}`)
    return found.ip
  }

  /** Looks at the pool when its manager wakes next. */
  #request(): void {
    if (this.#stopped || this.#timer || !this.#wanting) return
    this.#timer = this.#context.clock.schedule(POOL_PERIOD, () => {
      this.#timer = undefined
      this.#increase()
      this.#request()
    })
  }

  /** With prefix delegation Pods get addresses of prefixes alone, without it none of them. */
  #usable({ secondary, prefixes }: Eni): readonly Ip[] {
    if (prefixes.size === 0) return this.#settings.warmPrefixes === undefined ? [...secondary] : []
    const blocks = [...prefixes].map(parseCidr)
    const inside = (ip: Ip): boolean => blocks.some(({ base }) => (parseCidr(`${ip}/28`).base === base))
    return [...secondary].filter((ip) => inside(ip) === (this.#settings.warmPrefixes !== undefined))
  }

  /** How many more addresses, or prefixes, it can be given. */
  #room({ secondary, prefixes }: Eni): number {
    return this.#limits.addresses - 1 - prefixes.size - (secondary.size - PREFIX * prefixes.size)
  }

  get #total(): number {
    return this.enis.reduce((sum, eni) => sum + this.#usable(eni).length, 0)
  }

  /** Of the usable ones. */
  get #assigned(): number {
    const usable = new Set(this.enis.flatMap((eni) => this.#usable(eni)))
    return this.allocations.filter(({ ip }) => usable.has(ip)).length
  }

  /** Whether another ENI, or another address, is wanted and to be had. */
  get #wanting(): boolean {
    const { warmEnis, warmIps, minimumIps, warmPrefixes } = this.#settings
    const available = this.#total - this.#assigned
    const warm = warmPrefixes === undefined ? (this.#limits.addresses - 1) * warmEnis : PREFIX * warmPrefixes
    const short = warmIps > 0 || minimumIps > 0 ? available < warmIps || this.#total < minimumIps : available < warm
    return short && (this.enis.length < this.#limits.enis || this.enis.some((eni) => this.#room(eni) > 0))
  }

  #increase(): void {
    if (!this.#wanting) return
    const eni = this.enis.find((e) => this.#room(e) > 0)
    if (eni) return this.#fill(eni)
    const { network, fabric, name } = this.#context
    const wire = this.enis[0]!.link.switch
    const added = this.#vpc.attach(name, (link) => fabric.createNic(network, link, wire))
    if (!added) return this.#log('error', 'ipamd/ipamd.go:861', 'Failed to increase pool size due to not able to allocate ENI: InsufficientFreeAddressesInSubnet')
    this.#log('info', 'ipamd/ipamd.go:907', `Successfully created and attached a new ENI ${added.id} to instance`)
    this.#fill(added)
    setUpEni(this.#context, added)
  }

  /** All that it holds, or as many as WARM_IP_TARGET and MINIMUM_IP_TARGET want. */
  #fill(eni: Eni): void {
    const { warmIps, minimumIps, warmPrefixes } = this.#settings
    const room = this.#room(eni)
    const available = this.#total - this.#assigned
    const short = warmIps > 0 || minimumIps > 0 ? Math.max(warmIps - available, minimumIps - this.#total, 0) : undefined
    if (warmPrefixes === undefined) this.#vpc.assign(eni, Math.min(room, short ?? room))
    else this.#vpc.assignPrefixes(eni, Math.min(room, Math.ceil((short ?? PREFIX * warmPrefixes - available) / PREFIX)))
    const prefixes = this.enis.reduce((sum, e) => sum + e.prefixes.size, 0)
    this.#log('debug', 'ipamd/ipamd.go:1012', `IP pool stats: Total IPs/Prefixes = ${this.#total}/${prefixes}, AssignedIPs/CooldownIPs: ${this.#allocations.size}/0, c.maxIPsPerENI = ${(this.#limits.addresses - 1) * (warmPrefixes === undefined ? 1 : PREFIX)}`)
  }

  /** What was given before, as far as the Pods' links are still there. */
  #restore(): void {
    const { fs } = this.#context.machine
    if (!fs.exists(CHECKPOINT)) return
    const { allocations } = JSON.parse(fs.readText(CHECKPOINT)) as { allocations: Stored[] }
    for (const { containerID, ipv4, allocationTimestamp, metadata } of allocations) {
      const [namespace, pod] = [metadata.k8sPodNamespace, metadata.k8sPodName]
      if (!this.#context.network.links.has(hostVethName({ podNamespace: namespace, podName: pod }))) continue
      this.#allocations.set(containerID, { containerId: containerID, namespace, pod, ip: ipv4, at: allocationTimestamp / 1e6 })
    }
  }

  #save(): void {
    const { fs } = this.#context.machine
    const allocations: Stored[] = this.allocations.map((a) => ({
      networkName: 'aws-cni', containerID: a.containerId, ifName: 'eth0', ipv4: a.ip, allocationTimestamp: a.at * 1e6, metadata: { k8sPodNamespace: a.namespace, k8sPodName: a.pod },
    }))
    fs.makeDirectory('/var/run/aws-node', { parents: true })
    fs.writeFile(CHECKPOINT, JSON.stringify({ version: 'vpc-cni-ipam/1', allocations }))
  }
}

/** A row of the checkpoint file; times in nanoseconds. */
interface Stored { networkName: string; containerID: string; ifName: string; ipv4: Ip; allocationTimestamp: number; metadata: { k8sPodNamespace: string; k8sPodName: string } }
