import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EndpointSlice, KubeObject, Namespace, Pod } from '../../kubernetes/types.ts'
import { networkOf, tryParseCidr } from '../../network/address.ts'
import { ADMIN_POLICIES, BASELINE_POLICIES, type AdminPolicy } from '../admin-policy-api.ts'
import { globalPolicyOf } from './admin-policies.ts'
import { calicoResource } from './datastore.ts'
import type { Side } from './felix-endpoints.ts'
import type { HostEndpoint, Turn } from './felix-hosts.ts'
import type { PeerMatch, PolicyRule, PortRange } from './felix-rules.ts'
import { setName, type WantedSet } from './felix-sets.ts'
import { addressesOf } from './datastore.ts'
import { isVersion, type Version } from './names.ts'
import { allOf, parseSelector, type Labels, type Selector } from './selector.ts'

/**
 * Calico's own NetworkPolicy and GlobalNetworkPolicy: what selects whom (felix/calc). Their rules name peers with selectors over the
 * labels of Pods, of their namespaces and ServiceAccounts, and of NetworkSets.
 */
interface Entity {
  nets?: string[]; notNets?: string[]; selector?: string; notSelector?: string; namespaceSelector?: string
  ports?: (number | string)[]; notPorts?: (number | string)[]
  serviceAccounts?: { names?: string[]; selector?: string }
  /** The endpoints of a Service. */
  services?: { name?: string; namespace?: string }
}
interface Icmp { type?: number; code?: number }
interface RawRule {
  action: string; protocol?: string | number; notProtocol?: string | number; icmp?: Icmp; notICMP?: Icmp; ipVersion?: number
  source?: Entity; destination?: Entity; metadata?: { annotations?: Record<string, string> }
}
interface CalicoPolicy extends KubeObject {
  spec: { order?: number; tier?: string; selector?: string; namespaceSelector?: string; serviceAccountSelector?: string; types?: string[]; ingress?: RawRule[]; egress?: RawRule[]; applyOnForward?: boolean; doNotTrack?: boolean; preDNAT?: boolean }
}
interface NetworkSet extends KubeObject { spec: { nets?: string[] } }
interface Tier extends KubeObject { spec: { order?: number; defaultAction?: string } }

export interface ActivePolicy {
  /** "default/default.allow-web", or a global one's name. */
  name: string
  tier: string
  order: number
  selects: Selector
  applies: Record<Side, boolean>
  raw: Record<Side, readonly RawRule[]>
  namespace: string | undefined
  /** When it is a host's turn (a Pod's has only what is normal). */
  turns: readonly Turn[]
}

interface Member { labels: Labels; nets: readonly string[]; ports: ReadonlyMap<string, number> }

const ACTIONS: Readonly<Record<string, PolicyRule['action']>> = { Allow: 'allow', Deny: 'deny', Log: 'log', Pass: 'pass' }

export class CalicoPolicies {
  readonly policies = new Map<string, ActivePolicy>()
  readonly hostEndpoints = new Map<string, HostEndpoint>()
  readonly tiers = new Map<string, { order: number; pass: boolean }>()
  readonly #client: KubernetesClient
  readonly #changed: () => void
  readonly #log: (message: string) => void
  readonly #stops: (() => void)[] = []
  readonly #pods = new Map<string, Pod>()
  readonly #namespaces = new Map<string, Readonly<Record<string, string>>>()
  readonly #accounts = new Map<string, Readonly<Record<string, string>>>()
  readonly #sets = new Map<string, NetworkSet>()
  readonly #slices = new Map<string, EndpointSlice>()
  #watchesSlices = false
  #watching = false
  #stopped = false

  constructor(client: KubernetesClient, changed: () => void, log: (message: string) => void) {
    this.#client = client
    this.#changed = changed
    this.#log = log
    this.#watch(calicoResource('tiers'), this.tiers, ({ spec }: Tier) => ({ order: spec.order ?? Infinity, pass: spec.defaultAction === 'Pass' }))
    this.#watch(calicoResource('hostendpoints'), this.hostEndpoints, (endpoint: HostEndpoint) => endpoint)
    for (const kind of ['networkpolicies', 'globalnetworkpolicies']) this.#watch(calicoResource(kind), this.policies, (policy: CalicoPolicy) => this.#read(policy), kind)
    for (const resource of [ADMIN_POLICIES, BASELINE_POLICIES]) this.#watch(resource, this.policies, (policy: AdminPolicy) => this.#read(globalPolicyOf(policy)), resource)
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
  }

  /** The policies that select a Pod in a direction, as they are asked: by tier, order and name. */
  selecting(namespace: string, pod: string, side: Side): ActivePolicy[] {
    const object = this.#pods.get(`${namespace}/${pod}`)
    if (!object) return []
    const labels = this.#labelsOf(object)
    return this.#selecting(labels, side, 'normal')
  }

  /** Those of a host's endpoint, which has no labels but its own. */
  selectingHost({ metadata }: HostEndpoint, side: Side, turn: Turn): ActivePolicy[] {
    return this.#selecting((key) => metadata.labels?.[key], side, turn)
  }

  #selecting(labels: Labels, side: Side, turn: Turn): ActivePolicy[] {
    return [...this.policies.values()].filter((p) => p.applies[side] && p.turns.includes(turn) && p.selects.matches(labels))
  }

  /** The rules of one direction; the IP sets that they need are put into `sets`. */
  rules(policy: ActivePolicy, side: Side, version: Version, sets: Map<string, WantedSet>): PolicyRule[] {
    return policy.raw[side].flatMap((raw) => {
      const action = ACTIONS[raw.action]
      const protocol = protocolOf(raw.protocol)
      if (!action || !forVersion(raw, version)) return []
      const icmp = (i: Icmp | undefined): { type: number; code?: number | undefined } | undefined => (i?.type === undefined ? undefined : { type: i.type, code: i.code })
      return [{
        action, protocol, notProtocol: protocolOf(raw.notProtocol), icmp: icmp(raw.icmp), notIcmp: icmp(raw.notICMP),
        source: this.#peer(raw.source ?? {}, policy.namespace, protocol, version, sets, 'source'),
        destination: this.#peer(raw.destination ?? {}, policy.namespace, protocol, version, sets, 'destination'),
        ...(raw.metadata?.annotations ? { annotations: raw.metadata.annotations } : {}),
      }]
    })
  }

  #read(policy: Pick<CalicoPolicy, 'metadata' | 'spec'>): ActivePolicy | undefined {
    const { metadata: { name, namespace }, spec } = policy
    const types = spec.types ?? [...(spec.ingress || !spec.egress ? ['Ingress'] : []), ...(spec.egress ? ['Egress'] : [])]
    const parts: Selector[] = []
    try {
      if (namespace !== undefined) parts.push(parseSelector(`projectcalico.org/namespace == '${namespace}'`))
      else if (spec.namespaceSelector) parts.push(namespaceSelector(spec.namespaceSelector))
      if (spec.serviceAccountSelector) parts.push(parseSelector(spec.serviceAccountSelector, 'pcsa.'))
      parts.push(parseSelector(spec.selector ?? 'all()'))
      validateTurn(spec, types)
      for (const side of ['ingress', 'egress'] as const) for (const rule of spec[side] ?? []) validate(rule, namespace, side)
    } catch (error) {
      this.#log(`Validation failed; treating as missing key=${namespace === undefined ? name : `${namespace}/${name}`} error=${(error as Error).message}`)
      return undefined
    }
    this.#watchPeers()
    if ([...(spec.ingress ?? []), ...(spec.egress ?? [])].some((rule) => rule.source?.services ?? rule.destination?.services)) this.#watchSlices()
    return {
      name: namespace === undefined ? name : `${namespace}/${name}`, tier: spec.tier ?? 'default', order: spec.order ?? Infinity, selects: allOf(parts), namespace,
      applies: { ingress: types.includes('Ingress'), egress: types.includes('Egress') },
      raw: { ingress: spec.ingress ?? [], egress: spec.egress ?? [] },
      turns: spec.doNotTrack ? ['untracked'] : spec.preDNAT ? ['preDNAT'] : spec.applyOnForward ? ['normal', 'forward'] : ['normal'],
    }
  }

  // ---- peers -------------------------------------------------------------------------------------------------

  #peer(entity: Entity, namespace: string | undefined, protocol: string | undefined, version: Version, sets: Map<string, WantedSet>, end: 'source' | 'destination'): PeerMatch {
    const selector = entitySelector(entity, namespace)
    const numbers: PortRange[] = []
    const names: string[] = []
    for (const port of entity.ports ?? []) {
      const range = rangeOf(port)
      if (range) numbers.push(range)
      else names.push(String(port))
    }
    const wanted = (s: Selector): string => {
      const name = setName(version, 's', s.text)
      if (!sets.has(name)) sets.set(name, { type: 'hash:net', members: [...new Set(this.#members(s, version).flatMap((m) => m.nets))] })
      return name
    }
    const { services } = entity
    const service = services && this.#service(`${services.namespace ?? namespace ?? ''}/${services.name ?? ''}`, end, version, sets)
    return {
      nets: (entity.nets ?? []).filter(isVersion(version)).map(networkText),
      notNets: (entity.notNets ?? []).filter(isVersion(version)).map(networkText),
      sets: service !== undefined && end === 'source' ? [service] : selector && !(names.length > 0 && numbers.length === 0) ? [wanted(selector)] : [],
      portSets: service !== undefined && end === 'destination' ? [service] : [],
      notSets: entity.notSelector ? [wanted(parseSelector(entity.notSelector))] : [],
      ports: numbers,
      notPorts: (entity.notPorts ?? []).flatMap((p) => rangeOf(p) ?? []),
      namedPorts: names.map((port) => this.#namedPort(selector, protocol ?? 'tcp', port, version, sets)),
    }
  }

  #namedPort(selector: Selector | undefined, protocol: string, port: string, version: Version, sets: Map<string, WantedSet>): string {
    const name = setName(version, 'n', `${selector?.text ?? ''},${protocol},${port}`)
    const found = this.#members(selector, version).flatMap(({ nets, ports }) => {
      const number = ports.get(`${protocol.toUpperCase()}/${port}`)
      return number === undefined ? [] : nets.map((ip) => `${ip},${protocol}:${number}`)
    })
    sets.set(name, { type: 'hash:ip,port', members: found })
    return name
  }

  /** A Service's endpoints: who is asked has their ports, too (felix/serviceindex). */
  #service(service: string, end: 'source' | 'destination', version: Version, sets: Map<string, WantedSet>): string {
    const name = setName(version, end === 'source' ? 'svcnoport' : 'svc', service)
    const slices = [...this.#slices.values()].filter(({ metadata }) => `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}` === service)
    const members = slices.flatMap(({ endpoints, ports }) => (endpoints ?? []).flatMap(({ addresses }) => addresses.filter(isVersion(version)).flatMap((ip) => (
      end === 'source' ? [ip] : (ports ?? []).flatMap(({ port, protocol = 'TCP' }) => (port === undefined || port === null ? [] : [`${ip},${protocol.toLowerCase()}:${port}`]))
    ))))
    sets.set(name, { type: end === 'source' ? 'hash:net' : 'hash:ip,port', members: [...new Set(members)] })
    return name
  }

  #members(selector: Selector | undefined, version: Version): Member[] {
    const all: Member[] = []
    for (const pod of this.#pods.values()) {
      if (pod.spec.hostNetwork || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue
      const nets = addressesOf(pod).filter(isVersion(version))
      if (nets.length === 0) continue
      const ports = new Map((pod.spec.containers.flatMap((c) => c.ports ?? [])).flatMap((p) => (p.name ? [[`${p.protocol ?? 'TCP'}/${p.name}`, p.containerPort] as const] : [])))
      all.push({ labels: this.#labelsOf(pod), nets, ports })
    }
    for (const { metadata, spec: { expectedIPs = [], ports = [] } } of this.hostEndpoints.values()) {
      all.push({ labels: (key) => metadata.labels?.[key], nets: expectedIPs.filter(isVersion(version)), ports: new Map(ports.map((p) => [`${String(p.protocol).toUpperCase()}/${p.name}`, p.port])) })
    }
    for (const { metadata, spec } of this.#sets.values()) {
      const labels: Labels = (key) => metadata.labels?.[key] ?? (key === 'projectcalico.org/namespace' ? metadata.namespace : undefined)
      all.push({ labels, nets: (spec.nets ?? []).filter(isVersion(version)), ports: new Map() })
    }
    return selector ? all.filter((m) => selector.matches(m.labels)) : all
  }

  /** A Pod's own labels, and those that it has from its namespace (pcns.) and its ServiceAccount (pcsa.). */
  #labelsOf({ metadata, spec }: Pod): Labels {
    const account = spec.serviceAccountName ?? 'default'
    return (key) => {
      if (key === 'projectcalico.org/namespace') return metadata.namespace
      if (key === 'projectcalico.org/orchestrator') return 'k8s'
      if (key === 'projectcalico.org/serviceaccount') return account
      if (key.startsWith('pcns.')) return key === 'pcns.projectcalico.org/name' ? metadata.namespace : this.#namespaces.get(metadata.namespace)?.[key.slice(5)]
      if (key.startsWith('pcsa.')) return key === 'pcsa.projectcalico.org/name' ? account : this.#accounts.get(`${metadata.namespace}/${account}`)?.[key.slice(5)]
      return metadata.labels?.[key]
    }
  }

  // ---- watches -----------------------------------------------------------------------------------------------

  /** A cluster without policies of Calico's own pays nothing for them. */
  #watchPeers(): void {
    if (this.#watching) return
    this.#watching = true
    this.#watch('namespaces', this.#namespaces, ({ metadata }: Namespace) => metadata.labels ?? {})
    this.#watch('serviceaccounts', this.#accounts, ({ metadata }: KubeObject) => metadata.labels ?? {})
    this.#watch('pods', this.#pods, (pod: Pod) => pod)
    for (const kind of ['networksets', 'globalnetworksets']) this.#watch(calicoResource(kind), this.#sets, (set: NetworkSet) => set, kind)
  }

  #watchSlices(): void {
    if (this.#watchesSlices) return
    this.#watchesSlices = true
    this.#watch('endpointslices', this.#slices, (slice: EndpointSlice) => slice)
  }

  #watch<T extends KubeObject, V>(resource: string, into: Map<string, V>, read: (object: T) => V | undefined, prefix = ''): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (this.#stopped || !('object' in event)) return
      const { namespace, name } = event.object.metadata
      const key = `${prefix}${prefix ? ' ' : ''}${namespace === undefined ? name : `${namespace}/${name}`}`
      const value = event.type === 'DELETED' ? undefined : read(event.object)
      if (value === undefined) into.delete(key)
      else into.set(key, value)
      this.#changed()
    }))
  }
}

const WITH_PORTS = ['tcp', 'udp', 'sctp', '6', '17', '132']

/** What Felix refuses (libcalico-go/lib/validator/v3). Throws an Error that says what is wrong. */
function validate(rule: RawRule, namespace: string | undefined, side: Side): void {
  if (!(rule.action in ACTIONS)) throw new Error(`error with field Action = '${rule.action}'`)
  const protocol = protocolOf(rule.protocol) ?? ''
  validateServices(rule, namespace, side)
  for (const entity of [rule.source ?? {}, rule.destination ?? {}]) {
    entitySelector(entity, namespace)
    if (entity.notSelector) parseSelector(entity.notSelector)
    const ports = [...(entity.ports ?? []), ...(entity.notPorts ?? [])]
    if (ports.length > 0 && !WITH_PORTS.includes(protocol)) throw new Error(`rules that specify ports must set protocol to TCP or UDP or SCTP (protocol is ${protocol === '' ? 'not set' : protocol})`)
    for (const net of [...(entity.nets ?? []), ...(entity.notNets ?? [])]) if (!tryParseCidr(net)) throw new Error(`error with field Nets = '${net}' (must be a valid CIDR)`)
  }
  if ((rule.icmp || rule.notICMP) && !['icmp', '1', 'icmpv6', '58'].includes(protocol)) throw new Error("protocol must be 'ICMP' or 'ICMPv6' when ICMP fields are set")
  for (const [name, value] of [['protocol', protocol], ['notProtocol', protocolOf(rule.notProtocol) ?? '']]) if (value !== '' && !/^(tcp|udp|icmp|icmpv6|sctp|udplite|\d{1,3})$/.test(value!)) throw new Error(`error with field ${name} = '${value}'`)
}

/** Services are for those that are met: who sends where packets come in, who is asked where they go out. */
function validateServices({ source = {}, destination = {} }: RawRule, namespace: string | undefined, side: Side): void {
  const error = (reason: string): Error => new Error(`error with field Services (${reason})`)
  if (side === 'egress' && source.services) throw error('not allowed in egress rule source')
  if (side === 'ingress' && destination.services) throw error('not allowed in ingress rule destination')
  if (destination.services && destination.ports?.length) throw error('cannot specify ports with a service selector')
  if (destination.services && destination.notPorts?.length) throw error('cannot specify notports with a service selector')
  for (const entity of [source, destination]) {
    if (!entity.services) continue
    if (!entity.services.name) throw error('must specify a service name')
    if (entity.namespaceSelector) throw error('cannot specify NamespaceSelector and Services on the same rule')
    if (entity.selector || entity.notSelector) throw error('cannot specify Selector/NotSelector and Services on the same rule')
    if (entity.serviceAccounts) throw error('cannot specify ServiceAccounts and Services on the same rule')
    if (entity.nets?.length || entity.notNets?.length) throw error('cannot specify Nets/NotNets and Services on the same rule')
    if (namespace === undefined && !entity.services.namespace) throw error('must specify a namespace')
  }
}

/** libcalico-go/lib/validator/v3: what goes together with a host's early turns. */
function validateTurn({ doNotTrack, preDNAT, applyOnForward, egress = [] }: CalicoPolicy['spec'], types: readonly string[]): void {
  if (doNotTrack && preDNAT) throw new Error('PreDNAT and DoNotTrack cannot both be true, for a given PolicySpec')
  if (preDNAT && egress.length > 0) throw new Error('PreDNAT PolicySpec cannot have any Egress rules')
  if (preDNAT && types.includes('Egress')) throw new Error("PreDNAT PolicySpec cannot have 'egress' Type")
  if (!applyOnForward && (doNotTrack || preDNAT)) throw new Error('ApplyOnForward must be true if either PreDNAT or DoNotTrack is true, for a given PolicySpec')
}

/** A rule with a version, with nets of the other family alone, or about the other's ICMP is not for this one (felix/rules FilterRuleToIPVersion). */
function forVersion(raw: RawRule, version: Version): boolean {
  const ours = isVersion(version)
  const fits = (nets: readonly string[] | undefined): boolean => !nets || nets.length === 0 || nets.some(ours)
  if (raw.ipVersion !== undefined && raw.ipVersion !== version) return false
  if (protocolOf(raw.protocol) === (version === 4 ? 'icmpv6' : 'icmp')) return false
  return fits(raw.source?.nets) && fits(raw.destination?.nets)
}

function namespaceSelector(text: string): Selector {
  return parseSelector(text.replaceAll('all()', 'has(projectcalico.org/name)'), 'pcns.')
}

function entitySelector(entity: Entity, namespace: string | undefined): Selector | undefined {
  const parts: Selector[] = []
  const { serviceAccounts } = entity
  if (serviceAccounts?.selector) parts.push(parseSelector(serviceAccounts.selector, 'pcsa.'))
  if (serviceAccounts?.names?.length) parts.push(parseSelector(`projectcalico.org/serviceaccount in { ${serviceAccounts.names.map((n) => `'${n}'`).join(', ')} }`))
  if (entity.selector) parts.push(parseSelector(entity.selector))
  if (entity.namespaceSelector === 'global()') parts.unshift(parseSelector('!has(projectcalico.org/namespace)'))
  else if (entity.namespaceSelector) parts.unshift(namespaceSelector(entity.namespaceSelector))
  else if (namespace !== undefined && (parts.length > 0 || entity.notSelector)) parts.unshift(parseSelector(`projectcalico.org/namespace == '${namespace}'`))
  return parts.length === 0 ? undefined : allOf(parts)
}

function protocolOf(protocol: string | number | undefined): string | undefined {
  return protocol === undefined ? undefined : String(protocol).toLowerCase()
}

/** 80, "80", "8080:8090"; undefined: a name. */
function rangeOf(port: number | string): PortRange | undefined {
  const found = /^(\d+)(?::(\d+))?$/.exec(String(port))
  return found ? { first: Number(found[1]), last: Number(found[2] ?? found[1]) } : undefined
}

function networkText(net: string): string {
  return networkOf(net)
}
