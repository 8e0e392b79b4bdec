import type { KubeObject, LabelSelector } from '../../kubernetes/types.ts'
import { ADMIN_GROUP, type AdminPeer, type AdminPolicy, type AdminPort, type AdminRule } from '../admin-policy-api.ts'

/**
 * AdminNetworkPolicies and the BaselineAdminNetworkPolicy (policy.networking.k8s.io/v1alpha1) as Calico's own global policies, in
 * tiers before and after the default one (libcalico-go/lib/backend/k8s/conversion of projectcalico/calico v3.30).
 */
/** The order of the one baseline policy in its tier. */
const BASELINE_ORDER = 1000

interface Entity { nets?: string[]; selector?: string; namespaceSelector?: string; ports?: (number | string)[] }
export interface GlobalSpec {
  order: number; tier: string; selector: string; namespaceSelector: string; types: string[]
  ingress: GlobalRule[]; egress: GlobalRule[]
}
interface GlobalRule { action: string; protocol?: string; source?: Entity; destination?: Entity; metadata?: { annotations?: Record<string, string> } }

/** The global policy that stands for it, by Calico's name. */
export function globalPolicyOf({ metadata, spec }: AdminPolicy): { metadata: KubeObject['metadata']; spec: GlobalSpec } {
  const baseline = spec.priority === undefined
  const tier = baseline ? 'baselineadminnetworkpolicy' : 'adminnetworkpolicy'
  const subject = entityOf(spec.subject)
  return {
    metadata: { ...metadata, name: `${baseline ? 'kbanp' : 'kanp'}.${tier}.${metadata.name}` },
    spec: {
      order: spec.priority ?? BASELINE_ORDER, tier, selector: subject.selector ?? 'all()', namespaceSelector: subject.namespaceSelector ?? 'all()',
      types: [...(spec.ingress?.length ? ['Ingress'] : []), ...(spec.egress?.length ? ['Egress'] : [])],
      ingress: (spec.ingress ?? []).flatMap((rule) => rulesOf(rule, rule.from ?? [], 'ingress')),
      egress: (spec.egress ?? []).flatMap((rule) => rulesOf(rule, rule.to ?? [], 'egress')),
    },
  }
}

/** One rule a peer and protocol: the ports are always those of the one who is asked. */
function rulesOf({ action, name, ports }: AdminRule, peers: readonly AdminPeer[], side: 'ingress' | 'egress'): GlobalRule[] {
  const metadata = name ? { metadata: { annotations: { [`${ADMIN_GROUP}/name`]: name } } } : {}
  return peers.flatMap((peer) => byProtocol(ports).map(({ protocol, numbers }): GlobalRule => {
    const entity = entityOf(peer)
    const target = numbers.length > 0 ? { ports: numbers } : {}
    return { action, ...(protocol === undefined ? {} : { protocol }), ...(side === 'ingress' ? { source: entity, destination: target } : { destination: { ...entity, ...target } }), ...metadata }
  }))
}

function byProtocol(ports: readonly AdminPort[] | undefined): { protocol: string | undefined; numbers: (number | string)[] }[] {
  if (!ports?.length) return [{ protocol: undefined, numbers: [] }]
  const out = new Map<string, (number | string)[]>()
  const add = (protocol: string, port: number | string): void => void out.set(protocol, [...(out.get(protocol) ?? []), port])
  for (const { portNumber, portRange, namedPort } of ports) {
    if (portNumber) add(portNumber.protocol ?? 'TCP', portNumber.port)
    if (portRange) add(portRange.protocol ?? 'TCP', `${portRange.start}:${portRange.end}`)
    if (namedPort !== undefined) for (const protocol of ['TCP', 'UDP', 'SCTP']) add(protocol, namedPort)
  }
  return [...out].map(([protocol, numbers]) => ({ protocol, numbers }))
}

const PODS = "projectcalico.org/orchestrator == 'k8s'"

function entityOf({ namespaces, pods, networks }: AdminPeer): Entity {
  if (networks) return { nets: networks }
  return { namespaceSelector: terms(namespaces ?? pods?.namespaceSelector).join(' && ') || 'all()', selector: [PODS, ...terms(pods?.podSelector)].join(' && ') }
}

function terms(selector: LabelSelector | undefined): string[] {
  const labels = Object.entries(selector?.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key} == '${value}'`)
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = `{ ${values.map((v) => `'${v}'`).join(', ')} }`
    switch (operator) {
      case 'In': return `${key} in ${list}`
      case 'NotIn': return `${key} not in ${list}`
      case 'Exists': return `has(${key})`
      default: return `! has(${key})`
    }
  })
  return [...labels, ...expressions]
}
