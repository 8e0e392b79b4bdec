import type { KubernetesClient } from '../../kubernetes/client.ts'
import { ipNumber, joinHostPort } from '../../network/address.ts'
import { ServiceCache } from '../../proxy/cache.ts'
import { chooseEndpoints, type EndpointInfo } from '../../proxy/endpoints.ts'
import type { ServicePortInfo } from '../../proxy/service-ports.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { Datapath } from './datapath.ts'
import type { FlowSpec } from './ovs/bridge.ts'
import { cookie, WORDS, type FamilyFacts } from './pipeline.ts'

/** AntreaProxy with proxyAll false and proxyLoadBalancerIPs true (pkg/agent/proxy of v2.4): what Pods ask of Services is the bridge's affair. */
const DELAY = 10

const HAIRPIN = 'exec(set_field:0x20/0x20->ct_mark,set_field:0x40/0x40->ct_mark,move:NXM_NX_REG0[0..3]->NXM_NX_CT_MARK[0..3])'

const hex = (n: number | bigint): string => `0x${n.toString(16)}`

/** Groups have one number each, whatever their family. */
export class GroupNumbers {
  readonly #ids = new Map<string, number>()

  of(key: string): number {
    let id = this.#ids.get(key)
    if (id === undefined) this.#ids.set(key, (id = this.#ids.size + 1))
    return id
  }
}

/** One family's Services. */
export class AntreaProxy {
  readonly #family: FamilyFacts
  readonly #words: (typeof WORDS)[4 | 6]
  readonly #numbers: GroupNumbers
  readonly #dp: Datapath
  readonly #cache: ServiceCache
  /** By Service: what it has in the bridge. */
  readonly #services = new Map<string, { flows: FlowSpec[]; groups: number[]; endpoints: string[]; infos: ReadonlyMap<string, EndpointInfo & { protocol: string }> }>()
  /** Endpoints are of several Services: how many. */
  readonly #endpoints = new Map<string, { uses: number; flows: FlowSpec[] }>()
  readonly #flowUses = new Map<string, number>()
  readonly #loop: SyncLoop
  readonly #onGroups: () => void

  /** `onGroups`: a Service has other groups than before. */
  constructor(dp: Datapath, family: FamilyFacts, numbers: GroupNumbers, client: KubernetesClient, onGroups: () => void) {
    this.#dp = dp
    this.#onGroups = onGroups
    this.#family = family
    this.#words = WORDS[family.version]
    this.#numbers = numbers
    this.#loop = new SyncLoop(dp.context.clock, DELAY, () => {
      for (const service of this.#cache.takeChanged()) this.#write(service)
    })
    this.#cache = new ServiceCache(client, family.version, () => this.#loop.request())
    this.#cache.takeChanged()
    for (const service of this.#cache.services.keys()) this.#write(service)
  }

  stop(): void {
    this.#loop.stop()
    this.#cache.stop()
  }

  /** The numbers of a Service's groups. */
  groupsOf(service: string): readonly number[] {
    return this.#services.get(service)?.groups ?? []
  }

  flowsOf(service: string): readonly FlowSpec[] {
    const known = this.#services.get(service)
    return known ? [...known.flows, ...known.endpoints.flatMap((key) => this.#endpoints.get(key)?.flows ?? [])] : []
  }

  #write(service: string): void {
    const dp = this.#dp
    const old = this.#services.get(service)
    const flows: FlowSpec[] = []
    const groups: number[] = []
    const endpoints: string[] = []
    const infos = new Map<string, EndpointInfo & { protocol: string }>()
    for (const port of this.#cache.services.get(service) ?? []) {
      const choice = chooseEndpoints(this.#cache.endpointsOf(port), port, { name: dp.context.name, zone: '' })
      for (const endpoint of choice.reachable) {
        const key = `${port.protocol} ${endpoint.address}`
        if (infos.has(key)) continue
        infos.set(key, { ...endpoint, protocol: port.protocol })
        endpoints.push(key)
        this.#useEndpoint(key, port.protocol, endpoint)
      }
      const cluster = this.#group(port, 'cluster', choice.cluster, groups)
      const local = port.internalPolicyLocal || port.externalPolicyLocal ? this.#group(port, 'local', choice.local, groups) : cluster
      flows.push(...this.#serviceFlows(port, port.clusterIP, port.internalPolicyLocal ? local : cluster, false))
      for (const ip of port.loadBalancerIPs) {
        if (port.externalPolicyLocal) flows.push(...this.#shortCircuit(port, ip, cluster))
        flows.push(...this.#serviceFlows(port, ip, port.externalPolicyLocal ? local : cluster, true))
      }
    }
    // what is there already keeps its counters
    const before = new Map(old?.flows.map((f) => [keyOf(f), f.actions]))
    dp.add(flows.filter((f) => before.get(keyOf(f)) !== f.actions))
    const kept = new Set(flows.map(keyOf))
    if (old) {
      dp.drop(old.flows.filter((f) => !kept.has(keyOf(f))))
      for (const key of old.endpoints) this.#releaseEndpoint(key)
      for (const group of old.groups) if (!groups.includes(group)) dp.bridge.groups.delete(group)
      for (const [key, { protocol, ip, port }] of old.infos) if (protocol === 'udp' && !infos.has(key)) dp.bridge.conntrack.remove(({ reply }) => reply.protocol === 'udp' && reply.source === ip && reply.sourcePort === port)
    }
    if (flows.length > 0) this.#services.set(service, { flows, groups, endpoints, infos })
    else this.#services.delete(service)
    if (String(old?.groups ?? '') !== String(groups)) this.#onGroups()
  }

  #group(port: ServicePortInfo, policy: 'cluster' | 'local', endpoints: readonly EndpointInfo[], groups: number[]): number {
    const id = this.#numbers.of(`${this.#words.ip} ${port.name} ${port.protocol} ${policy}`)
    groups.push(id)
    const next = port.stickySeconds === undefined ? 'EndpointDNAT' : 'ServiceLB'
    const buckets = endpoints.map((e) => {
      const remote = e.nodeName !== undefined && e.nodeName !== this.#dp.context.name ? 'set_field:0x4000000/0x4000000->reg4,' : ''
      return `${remote}set_field:${hex(ipNumber(e.ip))}->${this.#register},set_field:${hex(e.port)}/0xffff->reg4,resubmit(,${next})`
    })
    this.#dp.bridge.setGroup(id, buckets.length > 0 ? buckets : ['set_field:0x4000/0x4000->reg0,resubmit(,EndpointDNAT)'])
    return id
  }

  /** Where the chosen endpoint's address is kept. */
  get #register(): string {
    return this.#family.version === 4 ? 'reg3' : 'xxreg3'
  }

  #serviceFlows(port: ServicePortInfo, ip: string, group: number, external: boolean): FlowSpec[] {
    const { protocol, stickySeconds } = port
    const { round } = this.#dp
    const { dst, protocol: named } = this.#words
    const outside = external ? 'set_field:0x200000/0x200000->reg4,' : ''
    const flows: FlowSpec[] = [{
      table: 'ServiceLB', priority: 200, cookie: cookie(round, 'Service'), match: `${named(protocol)},reg4=0x10000/0x70000,${dst}=${ip},tp_dst=${port.port}`,
      actions: `set_field:0x200/0x200->reg0,set_field:${stickySeconds === undefined ? '0x20000' : '0x30000'}/0x70000->reg4,${outside}set_field:${hex(group)}->reg7,group:${group}`,
    }]
    if (stickySeconds === undefined) return flows
    const number = { tcp: '0x6', udp: '0x11', sctp: '0x84' }[protocol]
    const own = cookie(round, 'Service', group)
    const six = this.#family.version === 6
    const register = this.#register.toUpperCase()
    flows.push({
      table: 'ServiceLB', priority: 190, cookie: own, match: `${named(protocol)},reg4=0x30000/0x70000,${dst}=${ip},tp_dst=${port.port}`,
      actions:
        `learn(table=SessionAffinity,hard_timeout=${stickySeconds},priority=200,delete_learned,cookie=${own},eth_type=${six ? '0x86dd' : '0x800'},nw_proto=${number},OXM_OF_${protocol.toUpperCase()}_DST[],${six ? 'NXM_NX_IPV6_DST[],NXM_NX_IPV6_SRC[]' : 'NXM_OF_IP_DST[],NXM_OF_IP_SRC[]'},` +
        `load:NXM_NX_REG4[0..15]->NXM_NX_REG4[0..15],load:NXM_NX_REG4[26]->NXM_NX_REG4[26],load:NXM_NX_${register}[]->NXM_NX_${register}[],` +
        'load:0x2->NXM_NX_REG4[16..18],load:0x1->NXM_NX_REG0[9]' +
        `${external ? ',load:0x1->NXM_NX_REG4[21]' : ''}),set_field:0x20000/0x70000->reg4,goto_table:EndpointDNAT`,
    })
    return flows
  }

  /** externalTrafficPolicy Local is for those outside: Pods and the node get any endpoint. */
  #shortCircuit(port: ServicePortInfo, ip: string, group: number): FlowSpec[] {
    return [{
      table: 'ServiceLB', priority: 210, cookie: cookie(this.#dp.round, 'Service'), match: `${this.#words.protocol(port.protocol)},reg4=0x10010000/0x10070000,${this.#words.dst}=${ip},tp_dst=${port.port}`,
      actions: `set_field:0x200/0x200->reg0,set_field:${port.stickySeconds === undefined ? '0x20000' : '0x30000'}/0x70000->reg4,set_field:0x200000/0x200000->reg4,set_field:${hex(group)}->reg7,group:${group}`,
    }]
  }

  #useEndpoint(key: string, protocol: ServicePortInfo['protocol'], { ip, port, nodeName }: EndpointInfo): void {
    const known = this.#endpoints.get(key)
    if (known) {
      known.uses++
      return
    }
    const dp = this.#dp
    const { ip: word, src, dst, zone, protocol: named } = this.#words
    const flows: FlowSpec[] = [{
      table: 'EndpointDNAT', priority: 200, cookie: cookie(dp.round, 'Service'), match: `${named(protocol)},${this.#register}=${hex(ipNumber(ip))},reg4=${hex(0x20000 + port)}/0x7ffff`,
      actions: `ct(commit,table=AntreaPolicyEgressRule,zone=${zone},nat(dst=${joinHostPort(ip, port)}),exec(set_field:0x10/0x10->ct_mark,move:NXM_NX_REG0[0..3]->NXM_NX_CT_MARK[0..3]))`,
    }]
    // A Pod that asks a Service and is chosen itself.
    if (nodeName === dp.context.name && ip !== this.#family.nodeIp) {
      flows.push({ table: 'SNATMark', priority: 190, cookie: cookie(dp.round, 'Service'), match: `ct_state=+new+trk,${word},${src}=${ip},${dst}=${ip}`, actions: `ct(commit,table=SNAT,zone=${zone},${HAIRPIN})` })
    }
    // the flow for a Pod's own way back is one for all of its ports
    for (const flow of flows) {
      const uses = this.#flowUses.get(keyOf(flow)) ?? 0
      this.#flowUses.set(keyOf(flow), uses + 1)
      if (uses === 0) dp.bridge.addFlow(flow)
    }
    this.#endpoints.set(key, { uses: 1, flows })
  }

  #releaseEndpoint(key: string): void {
    const known = this.#endpoints.get(key)
    if (!known || --known.uses > 0) return
    this.#endpoints.delete(key)
    for (const flow of known.flows) {
      const uses = this.#flowUses.get(keyOf(flow))! - 1
      if (uses > 0) this.#flowUses.set(keyOf(flow), uses)
      else {
        this.#flowUses.delete(keyOf(flow))
        this.#dp.bridge.removeFlow(flow)
      }
    }
  }
}

function keyOf({ table, priority, match }: FlowSpec): string {
  return `${table} ${priority} ${match}`
}
