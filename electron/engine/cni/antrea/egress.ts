import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { KubeObject, LabelSelector, Namespace, Node, Pod } from '../../kubernetes/types.ts'
import { internalIp } from '../bridge-link.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Ip } from '../../network/types.ts'
import { EGRESSES, EXTERNAL_IP_POOLS } from './crds.ts'
import type { Datapath, PodPort } from './datapath.ts'
import type { FlowSpec } from './ovs/bridge.ts'
import { cookie, TO_GATEWAY, TO_TUNNEL, versionOf, VIRTUAL_MAC, WORDS } from './pipeline.ts'

/**
 * Egress of Antrea v2.4 (docs/egress.md, pkg/agent/controller/egress): what selected Pods send out of the cluster leaves with
 * an address that one node holds. Its flows mark the packets, its iptables rule gives them the address; the other nodes'
 * flows send them to that address through the tunnel.
 */
export interface Egress extends KubeObject {
  spec: { appliedTo: { podSelector?: LabelSelector; namespaceSelector?: LabelSelector }; egressIP?: Ip; externalIPPool?: string }
  status?: { egressNode?: string; egressIP?: Ip; conditions?: { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string }[] }
}
export interface ExternalIPPool extends KubeObject {
  spec: { ipRanges: { cidr?: string; start?: Ip; end?: Ip }[]; nodeSelector: LabelSelector }
  status?: { usage?: { total?: number; used?: number } }
}

/** Where the agent keeps the addresses that it has assigned (pkg/agent/ipassigner). */
const EGRESS_DEVICE = 'antrea-egress0'
const LAST_MARK = 255

type Log = (source: string, message: string) => void
interface Applied { ip: Ip; owner: string | undefined; mark: number | undefined; flows: readonly FlowSpec[] }

export class EgressController {
  readonly #dp: Datapath
  readonly #client: KubernetesClient
  readonly #log: Log
  /** Rules of iptables follow the marks. */
  readonly #rulesChanged: () => void
  readonly #egresses = new Map<string, Egress>()
  readonly #pools = new Map<string, ExternalIPPool>()
  readonly #nodes = new Map<string, Node>()
  readonly #pods = new Map<string, Pod>()
  readonly #namespaces = new Map<string, Namespace>()
  readonly #applied = new Map<string, Applied>()
  readonly #stops: (() => void)[] = []
  #stopped = false
  #selecting = false

  constructor(dp: Datapath, client: KubernetesClient, log: Log, rulesChanged: () => void) {
    this.#dp = dp
    this.#client = client
    this.#log = log
    this.#rulesChanged = rulesChanged
    this.#watch<ExternalIPPool>(EXTERNAL_IP_POOLS, this.#pools)
    this.#watch<Egress>(EGRESSES, this.#egresses)
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject>(resource: string, into: Map<string, T>, matters: (before: T | undefined, now: T) => boolean = () => true): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (this.#stopped || (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED')) return
      const { namespace, name } = event.object.metadata
      const key = namespace === undefined ? name : `${namespace}/${name}`
      const before = into.get(key)
      if (event.type === 'DELETED') into.delete(key)
      else into.set(key, event.object)
      if (event.type === 'DELETED' || matters(before, event.object)) this.sync()
    }))
  }

  /** Pods, namespaces and nodes are of interest as soon as there is an Egress. */
  #select(): void {
    if (this.#selecting || this.#egresses.size === 0) return
    this.#selecting = true
    const labels = (a: KubeObject | undefined, b: KubeObject): boolean => a === undefined || JSON.stringify(a.metadata.labels) !== JSON.stringify(b.metadata.labels)
    this.#watch<Node>('nodes', this.#nodes, (before, now) => labels(before, now) || isReady(before!) !== isReady(now))
    this.#watch<Namespace>('namespaces', this.#namespaces, labels)
    this.#watch<Pod>('pods', this.#pods, (before, now) => now.spec?.nodeName === this.#dp.context.name && labels(before, now))
  }

  // ---- who holds an address -------------------------------------------------------------------------------------

  /** The node that a pool's rule chooses; without a pool the one that has the address. */
  #ownerOf({ spec }: Egress, ip: Ip): string | undefined {
    const own = this.#dp.context.name
    if (spec.externalIPPool === undefined) {
      const other = [...this.#nodes.values()].find((n) => internalIp(n, versionOf(ip)) === ip)?.metadata.name
      return other ?? ([...this.#dp.context.network.links.values()].some((l) => l.addresses.some((a) => a.address === ip)) ? own : undefined)
    }
    const pool = this.#pools.get(spec.externalIPPool)
    if (!pool) return undefined
    const selector = compileLabelSelector(pool.spec.nodeSelector)
    const weight = (name: string): string => hex(sha256(encodeUtf8(`${ip} ${name}`)))
    return [...this.#nodes.values()].filter((n) => isReady(n) && selector.matches(n.metadata.labels ?? {})).map((n) => n.metadata.name).sort((a, b) => (weight(a) < weight(b) ? -1 : 1))[0]
  }

  // ---- flows and rules -----------------------------------------------------------------------------------------

  sync(): void {
    this.#select()
    const wanted = new Map<string, Egress>([...this.#egresses].filter(([, e]) => e.spec.egressIP !== undefined && this.#dp.encapsulation !== 'none'))
    for (const [name, { flows }] of this.#applied) {
      if (wanted.has(name)) continue
      this.#dp.drop(flows)
      this.#applied.delete(name)
    }
    /** Of several Egresses the first one has a Pod. */
    const taken = new Set<string>()
    for (const [name, egress] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) this.#apply(name, egress, taken)
    this.#assign()
    this.#rulesChanged()
  }

  #apply(name: string, egress: Egress, taken: Set<string>): void {
    const ip = egress.spec.egressIP!
    const owner = this.#ownerOf(egress, ip)
    const before = this.#applied.get(name)
    const local = owner === this.#dp.context.name
    const mark = local ? (before?.ip === ip && before.mark !== undefined ? before.mark : this.#markFor(ip)) : undefined
    const flows = owner === undefined ? [] : this.#flows(egress, ip, mark, taken)
    const same = before !== undefined && before.flows.length === flows.length && before.flows.every((f, i) => f.match === flows[i]!.match && f.actions === flows[i]!.actions)
    if (before && !same) this.#dp.drop(before.flows)
    if (!same) this.#dp.add(flows)
    this.#applied.set(name, { ip, owner, mark, flows: same ? before.flows : flows })
    if (before?.owner !== owner && local) this.#log('egress_controller.go:803', `"Realizing Egress" egress="${name}" egressIP="${ip}"`)
    if (local) this.#say(egress, ip)
  }

  #markFor(ip: Ip): number {
    const used = new Map([...this.#applied.values()].flatMap((a) => (a.mark === undefined ? [] : [[a.ip, a.mark] as const])))
    const known = used.get(ip)
    if (known !== undefined) return known
    const numbers = new Set(used.values())
    let mark = 1
    while (numbers.has(mark) && mark < LAST_MARK) mark++
    return mark
  }

  #flows({ spec }: Egress, address: Ip, mark: number | undefined, taken: Set<string>): FlowSpec[] {
    const { round, gatewayMac } = this.#dp.facts
    const { ip, tunnel } = WORDS[versionOf(address)]
    const flow = (match: string, actions: string): FlowSpec => ({ table: 'EgressMark', priority: 200, match, actions: `${actions},goto_table:L2ForwardingCalc`, cookie: cookie(round, 'Egress') })
    const here = mark === undefined ? '' : `set_field:0x${mark.toString(16)}/0xff->pkt_mark,${TO_GATEWAY}`
    const pods = [...this.#dp.pods.values()].filter((pod) => !taken.has(pod.name) && this.#selects(spec.appliedTo, pod))
    for (const pod of pods) taken.add(pod.name)
    return [
      ...(mark === undefined ? [] : [flow(`ct_state=+trk,${ip},${tunnel}=${address}`, here)]),
      ...pods.map((pod) => (mark === undefined
        ? flow(`${ip},in_port="${pod.name}"`, `set_field:${gatewayMac}->eth_src,set_field:${VIRTUAL_MAC}->eth_dst,set_field:${address}->${tunnel},${TO_TUNNEL},set_field:0x80000/0x80000->reg0`)
        : flow(`ct_state=+trk,${ip},in_port="${pod.name}"`, here))),
    ]
  }

  /** An empty appliedTo selects nothing. */
  #selects({ podSelector, namespaceSelector }: Egress['spec']['appliedTo'], { podName, podNamespace }: PodPort): boolean {
    if (!podSelector && !namespaceSelector) return false
    const pod = this.#pods.get(`${podNamespace}/${podName}`)
    if (!pod) return false
    if (podSelector && !compileLabelSelector(podSelector).matches(pod.metadata.labels ?? {})) return false
    return !namespaceSelector || compileLabelSelector(namespaceSelector).matches(this.#namespaces.get(podNamespace)?.metadata.labels ?? {})
  }

  /** The rules' marks and the addresses that they stand for. */
  marks(version: 4 | 6): { mark: number; ip: Ip }[] {
    const out = new Map([...this.#applied.values()].flatMap(({ mark, ip }) => (mark === undefined || versionOf(ip) !== version ? [] : [[mark, ip] as const])))
    return [...out].map(([mark, ip]) => ({ mark, ip })).sort((a, b) => a.mark - b.mark)
  }

  // ---- addresses -----------------------------------------------------------------------------------------------

  /** Those of pools are on the device antrea-egress0; the neighbours are told who has one now. */
  #assign(): void {
    const { network, fabric } = this.#dp.context
    const wanted = new Set([...this.#applied].flatMap(([name, { ip, mark }]) => (mark !== undefined && this.#egresses.get(name)?.spec.externalIPPool !== undefined ? [ip] : [])))
    let device = network.links.get(EGRESS_DEVICE)
    if (!device) {
      if (wanted.size === 0) return
      device = fabric.createDummy(network, EGRESS_DEVICE)
      network.setUp(EGRESS_DEVICE, true)
    }
    const has = device.addresses.filter((a) => a.scope === 'global').map((a) => a.address)
    for (const ip of has) if (!wanted.has(ip)) network.removeAddress(EGRESS_DEVICE, `${ip}/${versionOf(ip) === 4 ? 32 : 128}`)
    for (const ip of wanted) {
      if (has.includes(ip)) continue
      network.addAddress(EGRESS_DEVICE, `${ip}/${versionOf(ip) === 4 ? 32 : 128}`)
      this.#announce(ip)
      this.#log('ip_assigner_linux.go:275', `"Assigned IP to interface" ip="${ip}" interface="${EGRESS_DEVICE}"`)
    }
  }

  /** arping.GratuitousARP on the node's own link. */
  #announce(ip: Ip): void {
    const { device } = this.#dp
    if (versionOf(ip) !== 4) return
    const payload = { kind: 'arp', operation: 'request', senderMac: device.mac, senderIp: ip, targetMac: '00:00:00:00:00:00', targetIp: ip } as const
    device.transmit({ source: device.mac, destination: 'ff:ff:ff:ff:ff:ff', payload })
  }

  // ---- status --------------------------------------------------------------------------------------------------

  /** The owner says who it is. */
  #say({ metadata, spec, status }: Egress, ip: Ip): void {
    const { name, clock } = this.#dp.context
    if (status?.egressNode === name && status.egressIP === ip) return
    const assigned = { type: 'IPAssigned', status: 'True', reason: 'Assigned', message: 'EgressIP is successfully assigned to EgressNode', lastTransitionTime: timestamp(clock.wall()) }
    const conditions = spec.externalIPPool === undefined ? [] : [...(status?.conditions ?? []).filter((c) => c.type !== 'IPAssigned'), assigned]
    clock.schedule(1, () => {
      if (this.#stopped) return
      try {
        this.#client.patch(EGRESSES, undefined, metadata.name, 'application/merge-patch+json', { status: { egressNode: name, egressIP: ip, ...(conditions.length > 0 ? { conditions } : {}) } }, { subresource: 'status' })
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
      }
    })
  }
}

export function isReady({ status }: Node): boolean {
  return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
}
