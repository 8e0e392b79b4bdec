import type { KubeObject, LabelSelector, NetworkPolicy } from '../../kubernetes/types.ts'
import { tryParseCidr } from '../../network/address.ts'
import { own } from '../../own.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import { compilePolicy } from '../../policy/compile.ts'
import type { PolicyPort, PolicyRule } from '../../policy/types.ts'
import type { GroupReference } from './cidr-groups.ts'
import { fqdnLabel, type FqdnSelector } from './fqdn.ts'
import { liesIn, type Identity } from './identity.ts'
import type { ServicePeers, ToServices } from './policy-services.ts'
import type { CompiledRule, Direction, HttpRule, PortRange } from './policy-map.ts'
import { compileEndpointSelector, compileNodeSelector, entity } from './selectors.ts'

/** Policies of all three kinds as rules of one form (pkg/k8s/network_policy.go, pkg/policy/api of cilium/cilium v1.17). */
export interface PortRule { ports?: { port: string; protocol?: string; endPort?: number }[]; rules?: { http?: HttpRule[]; dns?: FqdnSelector[] } }
/** By name or by labels; without a namespace those of all. */
/** Exactly one of a prefix, a group's name and a selector of groups. */
export interface CidrSet extends GroupReference { cidr?: string; except?: string[] }
export interface CiliumRule {
  fromEndpoints?: LabelSelector[]
  toEndpoints?: LabelSelector[]
  fromEntities?: string[]
  toEntities?: string[]
  fromCIDR?: string[]
  toCIDR?: string[]
  fromCIDRSet?: CidrSet[]
  toCIDRSet?: CidrSet[]
  toFQDNs?: FqdnSelector[]
  toServices?: ToServices[]
  toPorts?: PortRule[]
  icmps?: { fields?: { type: number | string; family?: string }[] }[]
}
export interface CiliumSpec {
  endpointSelector?: LabelSelector
  nodeSelector?: LabelSelector
  enableDefaultDeny?: { ingress?: boolean; egress?: boolean }
  ingress?: CiliumRule[]
  ingressDeny?: CiliumRule[]
  egress?: CiliumRule[]
  egressDeny?: CiliumRule[]
  description?: string
}
export interface CiliumNetworkPolicy extends KubeObject { spec?: CiliumSpec; specs?: CiliumSpec[]; status?: { conditions?: unknown[] } }

/** A number, or a name that each target Pod gives its own number. */
export interface PortSpec { protocol: PortRange['protocol']; from: number; to: number; name?: string; icmpType?: number; text: string }

export interface RuleModel {
  readonly deny: boolean
  readonly peers: CompiledRule['peers']
  readonly ports: readonly PortSpec[] | undefined
  readonly http: readonly HttpRule[] | undefined
  readonly dns?: readonly FqdnSelector[] | undefined
  readonly text: string
}

export interface PolicyModel {
  /** "default/web" or, clusterwide, "web" */
  readonly name: string
  readonly kind: string
  /** About nodes, not about Pods (nodeSelector). */
  readonly host?: boolean
  selects(identity: Identity): boolean
  readonly isolates: Readonly<Record<Direction, boolean>>
  readonly rules: Readonly<Record<Direction, readonly RuleModel[]>>
  /** Prefixes that need an identity. */
  readonly cidrs: readonly string[]
  /** Names whose addresses need one. */
  readonly fqdns: readonly FqdnSelector[]
}

// ---- networking.k8s.io/v1 ----------------------------------------------------------------------------------------

export function modelOfNetworkPolicy(object: NetworkPolicy): PolicyModel {
  const policy = compilePolicy(object)
  const cidrs: string[] = []
  const ruleOf = (direction: Direction) => (rule: PolicyRule): RuleModel => {
    for (const peer of rule.peers ?? []) if (peer.kind === 'cidr') cidrs.push(peer.cidr, ...peer.except)
    const side = direction === 'ingress' ? 'from' : 'to'
    return {
      deny: false,
      peers: rule.peers?.map((peer) => (peer.kind === 'pods'
        ? (i: Identity) => i.namespace !== undefined && peer.set.selectsNamespace(i.namespace, i.namespaceLabels) && peer.set.selectsPod(i.podLabels)
        : (i: Identity) => liesIn(i, peer.cidr) && !peer.except.some((e) => liesIn(i, e)))),
      ports: rule.ports?.map(portOf),
      http: undefined,
      text: [`${side} ${rule.peers ? rule.peers.map((p) => (p.kind === 'pods' ? p.set.text : p.text)).join(' or ') : 'anybody'}`, rule.ports && `on ${rule.ports.map((p) => p.text).join(', ')}`].filter(Boolean).join(' '),
    }
  }
  const rules = { ingress: policy.rules.ingress.map(ruleOf('ingress')), egress: policy.rules.egress.map(ruleOf('egress')) }
  return { name: policy.key, kind: 'NetworkPolicy', selects: (i) => i.namespace === policy.namespace && policy.selectsPod(i.podLabels), isolates: policy.isolates, rules, cidrs, fqdns: [] }
}

function portOf({ protocol, port, endPort, name, text }: PolicyPort): PortSpec {
  return { protocol: protocol.toLowerCase() as PortSpec['protocol'], from: port ?? 0, to: endPort ?? port ?? 0, text, ...(name === undefined ? {} : { name }) }
}

// ---- cilium.io/v2 ------------------------------------------------------------------------------------------------

/** Whom other objects mean now. */
export interface Resolve { services(services: ToServices): ServicePeers; groups(reference: GroupReference): readonly string[] }

export function usesServices({ spec, specs }: CiliumNetworkPolicy): boolean {
  return [...(spec ? [spec] : []), ...(specs ?? [])].some((s) => [...(s.egress ?? []), ...(s.egressDeny ?? [])].some((rule) => (rule.toServices?.length ?? 0) > 0))
}

export function usesGroups({ spec, specs }: CiliumNetworkPolicy): boolean {
  return [...(spec ? [spec] : []), ...(specs ?? [])].some((s) => [...(s.ingress ?? []), ...(s.ingressDeny ?? []), ...(s.egress ?? []), ...(s.egressDeny ?? [])].some((rule) => [...(rule.fromCIDRSet ?? []), ...(rule.toCIDRSet ?? [])].some(isGroup)))
}

function isGroup(set: CidrSet): boolean {
  return set.cidrGroupRef !== undefined || set.cidrGroupSelector !== undefined
}

export function modelsOfCiliumPolicy(object: CiliumNetworkPolicy, resolve: Resolve): PolicyModel[] {
  const { namespace, name } = object.metadata
  const specs = [...(object.spec ? [object.spec] : []), ...(object.specs ?? [])]
  const kind = namespace === undefined ? 'CiliumClusterwideNetworkPolicy' : 'CiliumNetworkPolicy'
  return specs.map((spec) => modelOf(spec, namespace, namespace === undefined ? name : `${namespace}/${name}`, kind, resolve))
}

function modelOf(spec: CiliumSpec, namespace: string | undefined, name: string, kind: string, resolve: Resolve): PolicyModel {
  const host = spec.endpointSelector === undefined
  const selector = host ? compileNodeSelector(spec.nodeSelector ?? {}) : compileEndpointSelector(spec.endpointSelector!, namespace)
  const cidrs: string[] = []
  const rulesOf = (direction: Direction): RuleModel[] => {
    const allow = direction === 'ingress' ? spec.ingress : spec.egress
    const deny = direction === 'ingress' ? spec.ingressDeny : spec.egressDeny
    return [...(allow ?? []).flatMap((rule) => ruleModels(rule, namespace, direction, false, cidrs, resolve)), ...(deny ?? []).flatMap((rule) => ruleModels(rule, namespace, direction, true, cidrs, resolve))]
  }
  const isolates = {
    ingress: spec.enableDefaultDeny?.ingress ?? ((spec.ingress?.length ?? 0) > 0 || (spec.ingressDeny?.length ?? 0) > 0),
    egress: spec.enableDefaultDeny?.egress ?? ((spec.egress?.length ?? 0) > 0 || (spec.egressDeny?.length ?? 0) > 0),
  }
  const rules = { ingress: rulesOf('ingress'), egress: rulesOf('egress') }
  return { name, kind, ...(host ? { host } : {}), selects: (i) => selector.matches(i.labels), isolates, rules, cidrs, fqdns: (spec.egress ?? []).flatMap((rule) => rule.toFQDNs ?? []) }
}

type Peer = (identity: Identity) => boolean

function ruleModels(rule: CiliumRule, namespace: string | undefined, direction: Direction, deny: boolean, cidrs: string[], resolve: Resolve): RuleModel[] {
  const [endpoints, entities, prefixes, sets] = direction === 'ingress'
    ? [rule.fromEndpoints, rule.fromEntities, rule.fromCIDR, rule.fromCIDRSet]
    : [rule.toEndpoints, rule.toEntities, rule.toCIDR, rule.toCIDRSet]
  const names = direction === 'egress' ? rule.toFQDNs : undefined
  const services = direction === 'egress' ? rule.toServices : undefined
  const anyPeer = endpoints ?? entities ?? prefixes ?? sets ?? names ?? services
  const limited = rule.toPorts ?? rule.icmps
  // "- {}" names nobody: it only isolates
  if (anyPeer === undefined && limited === undefined) return []
  const peers: Peer[] = []
  const texts: string[] = []
  for (const each of endpoints ?? []) {
    const selector = compileEndpointSelector(each, namespace, true)
    peers.push((i) => selector.matches(i.labels))
    texts.push(selector.text === '' ? (namespace === undefined ? 'all endpoints' : `endpoints of ${namespace}`) : `endpoints ${selector.text}`)
  }
  for (const each of entities ?? []) {
    peers.push(entity(each))
    texts.push(`entity ${each}`)
  }
  for (const set of (sets ?? []).filter(isGroup)) {
    const others = (set.except ?? []).map(wholePrefix)
    const meant = resolve.groups(set)
    cidrs.push(...others)
    peers.push((i) => meant.some((prefix) => liesIn(i, prefix)) && !others.some((other) => liesIn(i, other)))
    const name = set.cidrGroupRef === undefined ? `CIDR groups ${compileLabelSelector(set.cidrGroupSelector).toString()}` : `CIDR group ${set.cidrGroupRef}`
    texts.push(others.length > 0 ? `${name} except ${others.join(', ')}` : name)
  }
  for (const { cidr, except } of [...(prefixes ?? []).map((p): CidrSet => ({ cidr: p })), ...(sets ?? [])]) {
    if (cidr === undefined) continue
    const [whole, ...others] = [cidr, ...(except ?? [])].map(wholePrefix)
    cidrs.push(whole!, ...others)
    peers.push((i) => liesIn(i, whole!) && !others.some((other) => liesIn(i, other)))
    texts.push(others.length > 0 ? `${whole} except ${others.join(', ')}` : whole!)
  }
  for (const each of services ?? []) {
    const { selectors, cidrs: addresses } = resolve.services(each)
    for (const meant of selectors) {
      const selector = compileEndpointSelector(meant, undefined, true)
      peers.push((i) => selector.matches(i.labels))
    }
    for (const cidr of addresses) {
      cidrs.push(cidr)
      peers.push((i) => liesIn(i, cidr))
    }
    const { k8sService, k8sServiceSelector } = each
    texts.push(k8sService ? `Service ${k8sService.namespace === undefined ? '' : `${k8sService.namespace}/`}${k8sService.serviceName ?? ''}` : `Services ${compileLabelSelector(k8sServiceSelector?.selector).toString()}`)
  }
  for (const name of names ?? []) {
    const label = `fqdn:${fqdnLabel(name)}`
    peers.push((i) => i.labels[label] !== undefined)
    texts.push(`name ${fqdnLabel(name)}`)
  }
  const side = `${direction === 'ingress' ? 'from' : 'to'} ${anyPeer === undefined ? 'anybody' : texts.join(' or ') || 'nobody'}`
  const base = { deny, peers: anyPeer === undefined ? undefined : peers }
  if (limited === undefined) return [{ ...base, ports: undefined, http: undefined, text: side }]
  const out: RuleModel[] = (rule.toPorts ?? []).map((toPort) => {
    const ports = toPort.ports?.map(ciliumPort)
    const { http, dns } = toPort.rules ?? {}
    const text = `${side}${ports ? ` on ${ports.map((p) => p.text).join(', ')}` : ''}${http ? ` with HTTP ${http.map(httpText).join(' or ')}` : ''}${dns ? ` asking for ${dns.map(fqdnLabel).join(' or ')}` : ''}`
    return { ...base, ports, http, dns, text }
  })
  const icmp = (rule.icmps ?? []).flatMap((i) => i.fields ?? [])
  if (icmp.length > 0) {
    const ports = icmp.map(({ type, family }): PortSpec => (family === 'IPv6'
      ? { protocol: 'icmpv6', from: 0, to: 0, icmpType: icmpNumber(type, ICMP6_TYPES), text: `ICMPv6 ${type}` }
      : { protocol: 'icmp', from: 0, to: 0, icmpType: icmpNumber(type, ICMP_TYPES), text: `ICMP ${type}` }))
    out.push({ ...base, ports, http: undefined, text: `${side} on ${ports.map((p) => p.text).join(', ')}` })
  }
  return out
}

const ICMP_TYPES: Readonly<Record<string, number>> = { EchoReply: 0, DestinationUnreachable: 3, Redirect: 5, Echo: 8, EchoRequest: 8, TimeExceeded: 11, ParameterProblem: 12, Timestamp: 13, TimestampReply: 14 }

const ICMP6_TYPES: Readonly<Record<string, number>> = { DestinationUnreachable: 1, PacketTooBig: 2, TimeExceeded: 3, ParameterProblem: 4, EchoRequest: 128, EchoReply: 129, RouterSolicitation: 133, RouterAdvertisement: 134, NeighborSolicitation: 135, NeighborAdvertisement: 136, RedirectMessage: 137 }

function icmpNumber(type: number | string, names: Readonly<Record<string, number>>): number {
  return typeof type === 'number' ? type : (own(names, type) ?? Number(type))
}

function wholePrefix(text: string): string {
  const prefix = tryParseCidr(text)
  return prefix ? `${prefix.network}/${prefix.length}` : text
}

function ciliumPort({ port, protocol = 'ANY', endPort }: { port: string; protocol?: string; endPort?: number }): PortSpec {
  const proto = protocol.toLowerCase() as PortSpec['protocol']
  const text = `${port}${endPort ? `-${endPort}` : ''}/${protocol.toUpperCase()}`
  if (!/^\d+$/.test(String(port))) return { protocol: proto, from: 0, to: 0, name: String(port).toLowerCase(), text }
  return { protocol: proto, from: Number(port), to: endPort ?? Number(port), text }
}

function httpText(rule: HttpRule): string {
  const parts = [rule.method, rule.host && `host ${rule.host}`, rule.path, ...(rule.headers ?? []), ...(rule.headerMatches ?? []).map((h) => h.name)].filter(Boolean)
  return parts.length > 0 ? parts.join(' ') : 'any request'
}
