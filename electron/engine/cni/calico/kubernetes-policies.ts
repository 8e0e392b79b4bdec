import type { NetworkPolicy } from '../../kubernetes/types.ts'
import type { Policy, PolicyPeer, PolicyPort, PolicyRule as ModelRule, PolicyView } from '../../policy/types.ts'
import type { Side } from './felix-endpoints.ts'
import type { PeerMatch, PolicyRule, PortRange } from './felix-rules.ts'
import { setName, type WantedSet } from './felix-sets.ts'
import { isVersion, type Version } from './names.ts'

/** Kubernetes' NetworkPolicies as Calico's own (libcalico-go/lib/backend/k8s/conversion): what they select comes from the policy model. */
type LabelSelector = { matchLabels?: Record<string, string>; matchExpressions?: { key: string; operator: string; values?: string[] }[] }
type RawPeer = { podSelector?: LabelSelector; namespaceSelector?: LabelSelector }

export const KUBERNETES_ORDER = 1000

export function kubernetesPolicyName(policy: Policy): string {
  return `${policy.namespace}/knp.default.${policy.name}`
}

/** The rules of one direction; the IP sets that they need are put into `sets`. */
export function kubernetesRules(view: PolicyView, policy: Policy, side: Side, version: Version, sets: Map<string, WantedSet>): PolicyRule[] {
  const { spec } = policy.object as NetworkPolicy & { spec: { ingress?: { from?: RawPeer[] }[]; egress?: { to?: RawPeer[] }[] } }
  return policy.rules[side].flatMap((rule, i) => {
    const raw = side === 'ingress' ? spec.ingress?.[i]?.from : spec.egress?.[i]?.to
    // a block of the other family says nothing to this one
    const peers = rule.peers?.map((peer, k) => ({ peer, raw: raw?.[k] as RawPeer | undefined })).filter(({ peer }) => peer.kind !== 'cidr' || isVersion(version)(peer.cidr)) ?? [undefined]
    return byProtocol(rule).flatMap(({ protocol, ports }) => peers.map((peer): PolicyRule => {
      const selector = peer?.peer.kind === 'pods' ? peerSelector(peer.raw ?? {}, policy.namespace) : undefined
      const match = peer ? peerMatch(view, peer.peer, selector, version, sets) : {}
      const named = ports.flatMap((p) => p.name ?? [])
      const numbers = portRanges(ports)
      const members = side === 'egress' && peer?.peer.kind === 'pods' ? peer.peer.set.id : undefined
      const target: PeerMatch = {
        ports: numbers,
        namedPorts: named.map((name) => namedPortSet(view, side === 'egress' ? selector : undefined, members, protocol!, name, version, sets)),
      }
      if (side === 'ingress') return { action: 'allow', protocol, source: match, destination: target }
      // a named port's set has the selector in it already
      const { sets: selected, ...rest } = match
      return { action: 'allow', protocol, source: {}, destination: { ...rest, ...(named.length > 0 && numbers.length === 0 ? {} : { sets: selected ?? [] }), ...target } }
    }))
  })
}

/** One rule a protocol, with all of its ports. */
function byProtocol(rule: ModelRule): { protocol: string | undefined; ports: readonly PolicyPort[] }[] {
  if (!rule.ports) return [{ protocol: undefined, ports: [] }]
  const groups = new Map<string, PolicyPort[]>()
  for (const port of rule.ports) groups.set(port.protocol, [...(groups.get(port.protocol) ?? []), port])
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([protocol, ports]) => {
    const every = ports.some((p) => p.port === undefined && p.name === undefined)
    return { protocol: protocol.toLowerCase(), ports: every ? [] : ports }
  })
}

/** Sorted, neighbours joined (SimplifyPorts). */
function portRanges(ports: readonly PolicyPort[]): PortRange[] {
  const ranges = ports.flatMap((p) => (p.port === undefined ? [] : [{ first: p.port, last: p.endPort ?? p.port }])).sort((a, b) => a.first - b.first)
  const out: PortRange[] = []
  for (const range of ranges) {
    const last = out.at(-1)
    if (last && range.first <= last.last + 1) last.last = Math.max(last.last, range.last)
    else out.push({ ...range })
  }
  return out
}

function peerMatch(view: PolicyView, peer: PolicyPeer, selector: string | undefined, version: Version, sets: Map<string, WantedSet>): PeerMatch {
  if (peer.kind === 'cidr') return { nets: [peer.cidr], notNets: peer.except }
  const name = setName(version, 's', selector!)
  sets.set(name, { type: 'hash:net', members: view.addresses(peer.set.id, version) })
  return { sets: [name] }
}

function namedPortSet(view: PolicyView, selector: string | undefined, members: string | undefined, protocol: string, port: string, version: Version, sets: Map<string, WantedSet>): string {
  const name = setName(version, 'n', `${selector ?? ''},${protocol},${port}`)
  const pods = members === undefined ? [...view.pods.values()].filter((p) => !p.hostNetwork && !p.finished) : view.members(members)
  const found = pods.flatMap((pod) => {
    const number = pod.namedPorts.get(`${protocol.toUpperCase()}/${port}`)
    return number === undefined ? [] : pod.ips.filter(isVersion(version)).map((ip) => `${ip},${protocol}:${number}`)
  })
  sets.set(name, { type: 'hash:ip,port', members: found })
  return name
}

// ---- selectors as Calico spells them ---------------------------------------------------------------------------

function peerSelector(peer: RawPeer, namespace: string): string {
  const pods = termsOf(peer.podSelector, '')
  const selector = and(['projectcalico.org/orchestrator == "k8s"', ...pods])
  if (!peer.namespaceSelector) return and([`projectcalico.org/namespace == "${namespace}"`, selector])
  const namespaces = termsOf(peer.namespaceSelector, 'pcns.')
  return and([namespaces.length === 0 ? 'has(projectcalico.org/namespace)' : and(namespaces), selector])
}

function termsOf(selector: LabelSelector | undefined, prefix: string): string[] {
  const labels = Object.entries(selector?.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${prefix}${key} == "${value}"`)
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = `{${[...values].sort().map((v) => `"${v}"`).join(', ')}}`
    switch (operator) {
      case 'In': return `${prefix}${key} in ${list}`
      case 'NotIn': return `${prefix}${key} not in ${list}`
      case 'Exists': return `has(${prefix}${key})`
      default: return `!has(${prefix}${key})`
    }
  })
  return [...labels, ...expressions]
}

function and(terms: readonly string[]): string {
  return terms.length === 1 ? terms[0]! : `(${terms.join(' && ')})`
}
