import type { Timer } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { formatIpv4, parseCidr } from '../../network/address.ts'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { Direction, Policy, PolicyPod, PolicyPort, PolicyRule } from '../../policy/types.ts'
import type { Datapath } from './datapath.ts'
import type { FlowSpec } from './ovs/bridge.ts'
import { cookie, ZONE } from './pipeline.ts'

/** NetworkPolicies as conjunctions of flows (pkg/agent/controller/networkpolicy and pkg/agent/openflow/network_policy.go of v2.4). */
const DELAY = 5

interface Conjunction { key: string; from: string[]; to: string[]; services: string[] | undefined }

export class PolicyFlows {
  readonly #dp: Datapath
  readonly #model: PolicyModel
  readonly #ids = new Map<string, number>()
  #nextId = 1
  #installed = new Map<string, FlowSpec>()
  /** By policy, for `antctl get ovsflows --networkpolicy`. */
  readonly #byPolicy = new Map<string, Set<number>>()
  #timer: Timer | undefined
  #stopped = false

  constructor(dp: Datapath, client: KubernetesClient) {
    this.#dp = dp
    const { context } = dp
    this.#model = new PolicyModel(client, () => this.#soon())
    context.network.policyExplainer = policyExplainer(this.#model.view, {
      ...policyEnforcement('antrea'),
      node: context.name,
      isPolicyDrop: ({ decidedBy }) => decidedBy?.table === 'EgressDefaultRule' || decidedBy?.table === 'IngressDefaultRule',
      nodeAt: (ip) => (ip === dp.gatewayIp || ip === dp.nodeIp ? context.name : undefined),
    })
    this.#sync()
  }

  stop(): void {
    this.#stopped = true
    this.#model.stop()
    this.#dp.context.clock.cancel(this.#timer)
  }

  get view(): PolicyModel['view'] {
    return this.#model.view
  }

  /** Whether it selects a Pod of this node: others are not told to the agent. */
  isOnNode({ key }: Pick<Policy, 'key'>): boolean {
    return this.#model.view.selected(key).some((pod) => pod.node === this.#dp.context.name)
  }

  /** The flows of a policy's conjunctions, shared ones included. */
  flowsOf(policy: string): FlowSpec[] {
    const ids = [...(this.#byPolicy.get(policy) ?? [])]
    const wanted = ids.flatMap((id) => [`conjunction(${id},`, `set_field:0x${id.toString(16)}->reg`])
    return [...this.#installed.values()].filter((flow) => wanted.some((w) => flow.actions.includes(w)))
  }

  /** Ports of Pods have changed; without policies nobody asks. */
  podPlugged(): void {
    if (this.#model.view.policies.size > 0) this.#soon()
  }

  #soon(): void {
    if (this.#timer || this.#stopped) return
    this.#timer = this.#dp.context.clock.schedule(DELAY, () => {
      this.#timer = undefined
      this.#sync()
    })
  }

  #sync(): void {
    const wanted = new Map<string, FlowSpec>()
    const clauses = new Map<string, { table: string; match: string; conjunctions: string[] }>()
    const { round } = this.#dp
    const own = cookie(round, 'NetworkPolicy')
    const put = (table: string, priority: number, match: string, actions: string): void => {
      wanted.set(`${table} ${priority} ${match}`, { table, priority, match, actions, cookie: own })
    }
    const clause = (table: string, match: string, text: string): void => {
      const key = `${table} ${match}`
      let known = clauses.get(key)
      if (!known) clauses.set(key, (known = { table, match, conjunctions: [] }))
      if (!known.conjunctions.includes(text)) known.conjunctions.push(text)
    }
    const { view } = this.#model
    this.#byPolicy.clear()
    const used = new Set<string>()
    for (const policy of [...view.policies.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const local = view.selected(policy.key).filter((pod) => pod.node === this.#dp.context.name && pod.ips.some((ip) => this.#dp.podAt(ip)))
      if (local.length === 0) continue
      for (const direction of ['ingress', 'egress'] as const) {
        if (!policy.isolates[direction]) continue
        const [rules, defaults, metric] = direction === 'ingress' ? ['IngressRule', 'IngressDefaultRule', 'IngressMetric'] : ['EgressRule', 'EgressDefaultRule', 'EgressMetric']
        for (const pod of local) put(defaults, 200, this.#own(direction, pod), 'drop')
        for (const { key, from, to, services } of this.#conjunctions(policy, direction, local)) {
          if (from.length === 0 || to.length === 0 || services?.length === 0) continue
          used.add(key)
          let id = this.#ids.get(key)
          if (id === undefined) this.#ids.set(key, (id = this.#nextId++))
          let ids = this.#byPolicy.get(policy.key)
          if (!ids) this.#byPolicy.set(policy.key, (ids = new Set()))
          ids.add(id)
          const of = services ? 3 : 2
          for (const match of from) clause(rules, match, `conjunction(${id},1/${of})`)
          for (const match of to) clause(rules, match, `conjunction(${id},2/${of})`)
          for (const match of services ?? []) clause(rules, match, `conjunction(${id},3/${of})`)
          const hex = id.toString(16)
          const [register, label, next] = direction === 'ingress' ? ['reg6', `0x${hex}/0xffffffff`, 'ConntrackCommit'] : ['reg5', `0x${hex}00000000/0xffffffff00000000`, 'L3Forwarding']
          put(rules, 190, `conj_id=${id},ip`, `set_field:0x${hex}->${register},ct(commit,table=${metric},zone=${ZONE},exec(set_field:${label}->ct_label))`)
          for (const sign of ['+', '-']) put(metric, 200, `ct_state=${sign}new,ct_label=${label},ip`, `goto_table:${next}`)
        }
      }
    }
    for (const { table, match, conjunctions } of clauses.values()) put(table, 200, match, conjunctions.join())
    for (const key of [...this.#ids.keys()]) if (!used.has(key)) this.#ids.delete(key)
    this.#apply(wanted)
  }

  #apply(wanted: Map<string, FlowSpec>): void {
    const { bridge } = this.#dp
    for (const [key, flow] of wanted) {
      const old = this.#installed.get(key)
      if (!old || old.actions !== flow.actions || old.cookie !== flow.cookie) bridge.addFlow(flow)
    }
    for (const [key, flow] of this.#installed) if (!wanted.has(key)) bridge.removeFlow(flow)
    this.#installed = wanted
  }

  /** The policy's own Pod: by its port where packets come in to it, by its address where they leave. */
  #own(direction: Direction, pod: PolicyPod): string {
    const port = pod.ips.map((ip) => this.#dp.podAt(ip)).find((p) => p)!
    return direction === 'ingress' ? `reg1=0x${port.port.toString(16)}` : `ip,nw_src=${port.ip}`
  }

  /** Rules with named ports fall apart by what the ports are called for: each target has its own numbers. */
  *#conjunctions(policy: Policy, direction: Direction, local: readonly PolicyPod[]): Generator<Conjunction> {
    const rules = policy.rules[direction]
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!
      const base = `${policy.key} ${direction} ${i}`
      const own = (pods: readonly PolicyPod[]): string[] => pods.map((pod) => this.#own(direction, pod))
      const named = rule.ports?.some((p) => p.name !== undefined) === true
      if (direction === 'ingress') {
        const from = this.#peers(rule, 'nw_src')
        for (const { key, pods, services } of byPorts(local, rule.ports, named)) yield { key: `${base} ${key}`, from, to: own(pods), services }
        continue
      }
      const from = own(local)
      if (!named) {
        yield { key: base, from, to: this.#peers(rule, 'nw_dst'), services: rule.ports && serviceMatches(rule.ports, undefined) }
        continue
      }
      // An address block has no names: there the numbers alone count.
      const numbers = rule.ports!.filter((p) => p.name === undefined)
      const blocks = this.#peers({ ...rule, peers: rule.peers?.filter((p) => p.kind === 'cidr') }, 'nw_dst')
      if (numbers.length > 0 && blocks.length > 0) yield { key: `${base} blocks`, from, to: blocks, services: serviceMatches(numbers, undefined) }
      const targets = rule.peers === undefined ? [...this.#model.view.pods.values()].filter((p) => !p.hostNetwork && !p.finished) : [...new Set(rule.peers.flatMap((p) => (p.kind === 'pods' ? this.#model.view.members(p.set.id) : [])))]
      for (const { key, pods, services } of byPorts(targets, rule.ports, true)) yield { key: `${base} ${key}`, from, to: pods.flatMap((p) => p.ips.map((ip) => `ip,nw_dst=${ip}`)), services }
    }
  }

  #peers(rule: PolicyRule, field: 'nw_src' | 'nw_dst'): string[] {
    if (rule.peers === undefined) return ['ip']
    const out = new Set<string>()
    for (const peer of rule.peers) {
      if (peer.kind === 'pods') for (const ip of this.#model.view.addresses(peer.set.id, 4)) out.add(`ip,${field}=${ip}`)
      else if (!peer.cidr.includes(':')) for (const cidr of without(peer.cidr, peer.except)) out.add(cidr === '0.0.0.0/0' ? 'ip' : `ip,${field}=${cidr.endsWith('/32') ? cidr.slice(0, -3) : cidr}`)
    }
    return [...out]
  }
}

interface Share { key: string; pods: PolicyPod[]; services: string[] | undefined }

function byPorts(pods: readonly PolicyPod[], ports: readonly PolicyPort[] | undefined, named: boolean): Share[] {
  if (!ports || !named) return [{ key: '', pods: [...pods], services: ports && serviceMatches(ports, undefined) }]
  const shares = new Map<string, Share>()
  for (const pod of pods) {
    const services = serviceMatches(ports, pod)
    const key = services.join(' ')
    const share = shares.get(key)
    if (share) share.pods.push(pod)
    else shares.set(key, { key, pods: [pod], services })
  }
  return [...shares.values()]
}

function serviceMatches(ports: readonly PolicyPort[], target: PolicyPod | undefined): string[] {
  const out = new Set<string>()
  for (const { protocol, port, endPort, name } of ports) {
    const kind = protocol.toLowerCase()
    const number = name === undefined ? port : target?.namedPorts.get(`${protocol}/${name}`)
    if (name !== undefined && number === undefined) continue
    if (number === undefined) out.add(kind)
    else for (const range of portMasks(number, name === undefined ? (endPort ?? number) : number)) out.add(`${kind},tp_dst=${range}`)
  }
  return [...out]
}

/** Ports from one to another as bits: "80", "0x50/0xfff0". */
export function portMasks(from: number, to: number): string[] {
  const out: string[] = []
  for (let at = from; at <= to; ) {
    let size = 1
    while (at % (size * 2) === 0 && at + size * 2 - 1 <= to && size < 65_536) size *= 2
    out.push(size === 1 ? String(at) : `0x${at.toString(16)}/0x${(65_536 - size).toString(16)}`)
    at += size
  }
  return out
}

/** The blocks that are left of one when others are taken out of it. */
export function without(cidr: string, except: readonly string[]): string[] {
  let left = [parseCidr(cidr)].map(({ base, length }) => ({ base, length }))
  for (const text of except) {
    if (text.includes(':')) continue
    const hole = parseCidr(text)
    left = left.flatMap(({ base, length }) => {
      const size = 2 ** (32 - length)
      const inside = hole.length >= length && hole.base >= base && hole.base < base + size
      if (!inside) return hole.length < length && base >= hole.base && base < hole.base + 2 ** (32 - hole.length) ? [] : [{ base, length }]
      const out: { base: number; length: number }[] = []
      for (let l = hole.length; l > length; l--) {
        const half = 2 ** (32 - l)
        const start = Math.floor(hole.base / half) * half
        out.push({ base: Math.floor(start / half) % 2 === 0 ? start + half : start - half, length: l })
      }
      return out
    })
  }
  return left.map(({ base, length }) => `${formatIpv4(base >>> 0)}/${length}`)
}
