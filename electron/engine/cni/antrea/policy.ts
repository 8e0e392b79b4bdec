import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { SocketOwner } from '../../network/types.ts'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { Direction, PolicyPod } from '../../policy/types.ts'
import { SyncLoop } from '../sync-loop.ts'
import { conjunctionsOf, type Conjunction } from './conjunctions.ts'
import type { LoggedRule } from './audit-log.ts'
import { controlPlane, ofNode, type ControlPlanePolicy } from './control-plane.ts'
import type { Datapath } from './datapath.ts'
import type { FlowSpec } from './ovs/bridge.ts'
import { adminGate } from './admin.ts'
import type { AgentLog } from './agent-log.ts'
import { FqdnCache } from './fqdn.ts'
import { flowPriorities, isBaseline, NativePolicies, type NativeRule } from './native.ts'
import type { Action } from './native-policy.ts'
import { cookie, versionOf, WORDS } from './pipeline.ts'

/** NetworkPolicies as conjunctions of flows (pkg/agent/controller/networkpolicy and pkg/agent/openflow/network_policy.go of v2.4). */
const DELAY = 5
/** dnsInterceptRuleID, and priorityDNSIntercept: before what belongs to a connection. */
const DNS_CONJUNCTION = 1
const DNS_PRIORITY = 64_991

/** What of the agent's process matters here. */
export interface AgentProcess {
  log: AgentLog
  env: ReadonlyMap<string, string>
  owner: SocketOwner | undefined
  /** The numbers of a Service's groups ("namespace/name"). */
  groupsOf: (service: string) => readonly number[]
}
/** On a Namespace: what its NetworkPolicies do is logged (pkg/controller/networkpolicy/networkpolicy_controller.go), where strconv.ParseBool takes it for true. */
const LOGGING = 'networkpolicy.antrea.io/enable-logging'
const TRUE: readonly (string | undefined)[] = ['1', 't', 'T', 'TRUE', 'true', 'True']
/** Hands a packet to the agent for its log; the flow goes on. */
const TO_LOG = 'controller(id=32776,reason=no_match,userdata=01.01,max_len=65535)'

export class PolicyFlows {
  readonly #dp: Datapath
  readonly #model: PolicyModel
  readonly #ids = new Map<string, number>()
  #nextId = DNS_CONJUNCTION + 1
  #installed = new Map<string, FlowSpec>()
  /** By policy, for `antctl get ovsflows --networkpolicy`. */
  readonly #byPolicy = new Map<string, Set<number>>()
  /** Whose a conjunction is. */
  readonly #sources = new Map<number, string>()
  /** What np.log says of a conjunction's rule, where that is asked for. */
  readonly #logged = new Map<number, LoggedRule>()
  readonly #native: NativePolicies
  /** Namespaces whose NetworkPolicies are logged. */
  readonly #loud = new Set<string>()
  readonly #loop: SyncLoop
  readonly #names: FqdnCache
  readonly #groupsOf: AgentProcess['groupsOf']

  constructor(dp: Datapath, client: KubernetesClient, { log, env, owner, groupsOf }: AgentProcess) {
    this.#dp = dp
    this.#groupsOf = groupsOf
    const { context } = dp
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync())
    this.#model = new PolicyModel(client, () => this.#loop.request(), { onNamespace: (name, namespace) => this.#onNamespace(name, TRUE.includes(namespace?.metadata.annotations?.[LOGGING])) })
    const names = (this.#names = new FqdnCache(dp, log, env, owner, () => this.#namesChanged()))
    this.#native = new NativePolicies(client, adminGate(context.config), () => this.#loop.request(), (fqdn) => names.addresses(fqdn))
    dp.dns = (packet) => names.packet(packet)
    context.network.policyExplainer = policyExplainer(this.#model.view, {
      ...policyEnforcement('antrea'),
      node: context.name,
      isPolicyDrop: ({ decidedBy }) => (decidedBy?.table === 'EgressDefaultRule' || decidedBy?.table === 'IngressDefaultRule') && decidedBy.text.includes('priority=200,'),
      nodeAt: (ip) => (dp.families.some((f) => f.gatewayIp === ip || f.nodeIp === ip) ? context.name : undefined),
    })
    this.#sync()
  }

  get #versions(): readonly (4 | 6)[] {
    return this.#dp.families.map((f) => f.version)
  }

  stop(): void {
    this.#loop.stop()
    this.#model.stop()
    this.#native.stop()
    this.#names.stop()
    this.#dp.dns = undefined
  }

  get view(): PolicyModel['view'] {
    return this.#model.view
  }

  #onNamespace(name: string, logged: boolean): void {
    if (logged === this.#loud.has(name)) return
    if (logged) this.#loud.add(name)
    else this.#loud.delete(name)
    this.#loop.request()
  }

  /** The policy whose conjunction this is. */
  sourceOf(conjunction: number): string | undefined {
    return this.#sources.get(conjunction)
  }

  get names(): FqdnCache {
    return this.#names
  }

  loggedRule(conjunction: number): LoggedRule | undefined {
    return this.#logged.get(conjunction)
  }

  /** What the controller tells this agent. */
  controlPlane(): ControlPlanePolicy[] {
    return ofNode(controlPlane(this.#model.view, this.#native), this.#dp.context.name)
  }

  /** The flows of a policy's conjunctions, shared ones included. */
  flowsOf(policy: string): FlowSpec[] {
    const ids = [...(this.#byPolicy.get(policy) ?? [])]
    const wanted = ids.flatMap((id) => [`conjunction(${id},`, `set_field:0x${id.toString(16)}->reg`])
    // what is counted for it
    const counted = new Set(ids.flatMap((id) => [`reg3=0x${id.toString(16)}`, `ct_label=0x${id.toString(16)}/0xffffffff`, `ct_label=0x${id.toString(16)}00000000/0xffffffff00000000`]))
    return [...this.#installed.values()].filter((flow) => wanted.some((w) => flow.actions.includes(w)) || (flow.table.endsWith('Metric') && flow.match.split(',').some((part) => counted.has(part))))
  }

  /** Ports of Pods have changed; without policies nobody asks. */
  podPlugged(): void {
    if (this.#model.view.policies.size > 0 || this.#native.view.policies.size > 0) this.#loop.request()
  }

  /** A Service has other groups. */
  servicesChanged(): void {
    if (this.#native.hasServices) this.#loop.request()
  }

  #sync(): void {
    const { round, bridge } = this.#dp
    const build = new FlowBuilder(cookie(round, 'NetworkPolicy'), this.#dp)
    const used = new Set<string>()
    this.#byPolicy.clear()
    this.#sources.clear()
    this.#logged.clear()
    this.#kubernetes(build, used)
    const rules = this.#native.rules()
    this.#antrea(build, used, rules)
    this.#dns(build, rules)
    this.#names.select(this.#native.names())
    build.finish()
    for (const key of [...this.#ids.keys()]) if (!used.has(key)) this.#ids.delete(key)
    for (const [direction, id] of REJECT_GROUPS) {
      const metric = direction === 'ingress' ? 'IngressMetric' : 'EgressMetric'
      if (!bridge.groups.has(id)) bridge.setGroup(id, [`resubmit(,${metric})`, 'set_field:0x400000/0x600000->reg0,resubmit(,Output)'], 'all')
    }
    this.#apply(build.flows)
  }

  /** A conjunction: a number for each, kept as long as the rule is there. */
  #id(key: string, policy: string, used: Set<string>): number {
    used.add(key)
    let id = this.#ids.get(key)
    if (id === undefined) this.#ids.set(key, (id = this.#nextId++))
    let ids = this.#byPolicy.get(policy)
    if (!ids) this.#byPolicy.set(policy, (ids = new Set()))
    ids.add(id)
    this.#sources.set(id, policy)
    return id
  }

  #local(pods: readonly PolicyPod[]): PolicyPod[] {
    return pods.filter((pod) => pod.node === this.#dp.context.name && pod.ips.some((ip) => this.#dp.podAt(ip)))
  }

  #kubernetes(build: FlowBuilder, used: Set<string>): void {
    const { view } = this.#model
    for (const policy of [...view.policies.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const local = this.#local(view.selected(policy.key))
      if (local.length === 0) continue
      const logged = this.#loud.has(policy.namespace)
      for (const direction of ['ingress', 'egress'] as const) {
        if (!policy.isolates[direction]) continue
        const [rules, defaults] = direction === 'ingress' ? ['IngressRule', 'IngressDefaultRule'] : ['EgressRule', 'EgressDefaultRule']
        for (const pod of local) for (const match of this.#own(direction, pod)) build.put(defaults, 200, match, logged ? TO_LOG : 'drop')
        policy.rules[direction].forEach((rule, i) => {
          for (const conjunction of conjunctionsOf(view, `${policy.key} ${direction} ${i}`, rule, direction, local, this.#versions, (pod) => this.#own(direction, pod))) {
            if (isEmpty(conjunction)) continue
            const id = this.#id(conjunction.key, policy.key, used)
            build.conjunction(rules, 200, id, conjunction)
            if (logged) this.#logged.set(id, { name: '', label: '', source: `K8sNetworkPolicy:${policy.key}`, direction, action: 'Allow', table: rules, priority: 190 })
            build.decide(rules, 190, id, direction, 'Allow', logged)
          }
        })
      }
    }
  }

  #antrea(build: FlowBuilder, used: Set<string>, rules: readonly NativeRule[]): void {
    const priorities = flowPriorities(rules)
    for (const { key, source, direction, action, tier, rule, targets, log } of rules) {
      const local = this.#local(targets)
      if (local.length === 0) continue
      const baseline = isBaseline(tier)
      const table = direction === 'ingress' ? (baseline ? 'IngressDefaultRule' : 'AntreaPolicyIngressRule') : baseline ? 'EgressDefaultRule' : 'AntreaPolicyEgressRule'
      const matched = rule.services ? { ...rule, groups: rule.services.flatMap(this.#groupsOf) } : rule
      for (const conjunction of conjunctionsOf(this.#native.view, key, matched, direction, local, this.#versions, (pod) => this.#own(direction, pod))) {
        if (isEmpty(conjunction)) continue
        const id = this.#id(conjunction.key, source, used)
        build.conjunction(table, priorities.get(key)!, id, conjunction)
        if (log) this.#logged.set(id, { ...log, source, direction, action, table, priority: priorities.get(key)! })
        build.decide(table, priorities.get(key)!, id, direction, action, log !== undefined)
      }
    }
  }

  /** Answers of DNS go to the agent first where they are for Pods of rules with names. */
  #dns(build: FlowBuilder, rules: readonly NativeRule[]): void {
    const pods = new Set(rules.filter(({ named }) => named).flatMap(({ targets }) => this.#local(targets)))
    const answers = this.#versions.flatMap((version) => (['tcp', 'udp'] as const).map((protocol) => `ct_state=+rpl+trk,${WORDS[version].protocol(protocol)},tp_src=53`))
    build.conjunction('AntreaPolicyIngressRule', DNS_PRIORITY, DNS_CONJUNCTION, { key: 'dns', from: answers, to: [...pods].flatMap((pod) => this.#own('ingress', pod)), services: undefined })
    build.put('AntreaPolicyIngressRule', DNS_PRIORITY, `conj_id=${DNS_CONJUNCTION}`, 'meter:258,controller(id=32776,reason=no_match,userdata=02,max_len=65535,pause),goto_table:IngressMetric')
  }

  /** The packet that told it waits: its rules are there when it goes on. */
  #namesChanged(): void {
    this.#native.namesChanged()
    this.#sync()
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
  #own(direction: Direction, pod: PolicyPod): string[] {
    const port = pod.ips.map((ip) => this.#dp.podAt(ip)).find((p) => p)!
    return direction === 'ingress' ? [`reg1=0x${port.port.toString(16)}`] : port.ips.map((ip) => `${WORDS[versionOf(ip)].ip},${WORDS[versionOf(ip)].src}=${ip}`)
  }
}

function isEmpty({ from, to, services }: Conjunction): boolean {
  return from.length === 0 || to.length === 0 || services?.length === 0
}

/** Groups that let the metric table count a packet and then hand it to the agent (groups.go, type=all). */
const REJECT_GROUPS = [['ingress', 0x7f000001], ['egress', 0x7f000002]] as const

/** Flows as they come; those that several conjunctions share say so in their actions. */
class FlowBuilder {
  readonly flows = new Map<string, FlowSpec>()
  readonly #clauses = new Map<string, { table: string; priority: number; match: string; conjunctions: Set<string> }>()
  readonly #cookie: string

  readonly #dp: Datapath

  constructor(own: string, dp: Datapath) {
    this.#cookie = own
    this.#dp = dp
  }

  put(table: string, priority: number, match: string, actions: string): void {
    this.flows.set(`${table} ${priority} ${match}`, { table, priority, match, actions, cookie: this.#cookie })
  }

  conjunction(table: string, priority: number, id: number, { from, to, services }: Conjunction): void {
    const of = services ? 3 : 2
    const clause = (match: string, text: string): void => {
      const key = `${table} ${priority} ${match}`
      let known = this.#clauses.get(key)
      if (!known) this.#clauses.set(key, (known = { table, priority, match, conjunctions: new Set() }))
      known.conjunctions.add(text)
    }
    for (const match of from) clause(match, `conjunction(${id},1/${of})`)
    for (const match of to) clause(match, `conjunction(${id},2/${of})`)
    for (const match of services ?? []) clause(match, `conjunction(${id},3/${of})`)
  }

  /** The flow that decides once all parts fit, and what counts for it. */
  decide(table: string, priority: number, id: number, direction: Direction, action: Action, logged = false): void {
    const log = logged ? `${TO_LOG},` : ''
    const hex = id.toString(16)
    const ingress = direction === 'ingress'
    const metric = ingress ? 'IngressMetric' : 'EgressMetric'
    const [register, label, next] = ingress ? ['reg6', `0x${hex}/0xffffffff`, 'ConntrackCommit'] : ['reg5', `0x${hex}00000000/0xffffffff00000000`, 'L3Forwarding']
    if (action === 'Allow') {
      for (const { version } of this.#dp.families) {
        const { ip, zone } = WORDS[version]
        this.put(table, priority, `conj_id=${id},${ip}`, `set_field:0x${hex}->${register},${log}ct(commit,table=${metric},zone=${zone},exec(set_field:${label}->ct_label))`)
        for (const sign of ['+', '-']) this.put(metric, 200, `ct_state=${sign}new,ct_label=${label},${ip}`, `goto_table:${next}`)
      }
      return
    }
    if (action === 'Pass') return this.put(table, priority, `conj_id=${id}`, `set_field:0x${hex}->${register},${log}goto_table:${ingress ? 'IngressRule' : 'EgressRule'}`)
    const denied = `set_field:0x${hex}->reg3,set_field:0x400/0x400->reg0`
    const number = this.#dp.bridge.tables.get(table)!.id
    const rest = action === 'Drop' ? `${log}goto_table:${metric}` : `set_field:0x${logged ? '6' : '4'}000000/0xfe000000->reg0,set_field:0x${(number << 24 >>> 0).toString(16)}/0xff000000->reg2,group:${REJECT_GROUPS[ingress ? 0 : 1][1]}`
    this.put(table, priority, `conj_id=${id}`, `${denied},${rest}`)
    this.put(metric, 200, `reg0=0x400/0x400,reg3=0x${hex}`, 'drop')
  }

  finish(): void {
    for (const { table, priority, match, conjunctions } of this.#clauses.values()) this.put(table, priority, match, [...conjunctions].join())
  }
}
