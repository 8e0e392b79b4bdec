import type { KubeObject, LabelSelector } from '../../kubernetes/types.ts'

/**
 * AdminNetworkPolicies and the BaselineAdminNetworkPolicy (policy.networking.k8s.io/v1alpha1) as Calico's own global policies, in
 * tiers before and after the default one (libcalico-go/lib/backend/k8s/conversion of projectcalico/calico v3.30).
 */
export const ADMIN_GROUP = 'policy.networking.k8s.io'
export const ADMIN_POLICIES = `adminnetworkpolicies.${ADMIN_GROUP}`
export const BASELINE_POLICIES = `baselineadminnetworkpolicies.${ADMIN_GROUP}`
/** The order of the one baseline policy in its tier. */
const BASELINE_ORDER = 1000

interface AdminPeer { namespaces?: LabelSelector; pods?: { namespaceSelector?: LabelSelector; podSelector?: LabelSelector }; networks?: string[] }
interface AdminPort { portNumber?: { protocol?: string; port: number }; portRange?: { protocol?: string; start: number; end: number }; namedPort?: string }
interface AdminRule { name?: string; action: string; from?: AdminPeer[]; to?: AdminPeer[]; ports?: AdminPort[] }
export interface AdminPolicy extends KubeObject { spec: { priority?: number; subject: AdminPeer; ingress?: AdminRule[]; egress?: AdminRule[] } }

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

// ---- definitions (kubernetes-sigs/network-policy-api v0.1.5, config/crd/standard) --------------------------------------

type Schema = Record<string, unknown>
const text = (extra: Schema = {}): Schema => ({ type: 'string', ...extra })
const object = (properties: Record<string, Schema>, extra: Schema = {}): Schema => ({ type: 'object', properties, ...extra })
const list = (items: Schema, maxItems: number, extra: Schema = {}): Schema => ({ type: 'array', items, maxItems, ...extra })
const labelSelector = object({
  matchLabels: { type: 'object', additionalProperties: text() },
  matchExpressions: { type: 'array', items: object({ key: text(), operator: text(), values: { type: 'array', items: text() } }, { required: ['key', 'operator'] }) },
}, { 'x-kubernetes-map-type': 'atomic' })
const one = { maxProperties: 1, minProperties: 1 }
const podsPeer = object({ namespaceSelector: labelSelector, podSelector: labelSelector }, { required: ['namespaceSelector', 'podSelector'] })
const port: Schema = { type: 'integer', format: 'int32', minimum: 1, maximum: 65_535 }
const ports = list(object({
  namedPort: text(), portNumber: object({ port, protocol: text({ default: 'TCP' }) }, { required: ['port', 'protocol'] }), portRange: object({ start: port, end: port, protocol: text({ default: 'TCP' }) }, { required: ['start', 'end'] }),
}, one), 100)
const egressPeer = object({ namespaces: labelSelector, pods: podsPeer, networks: list(text({ maxLength: 43 }), 25, { minItems: 1 }), nodes: labelSelector }, {
  ...one, 'x-kubernetes-validations': [{ rule: '!has(self.nodes)', message: 'podhop: not simulated: nodes of AdminNetworkPolicies (use networks)' }],
})
const rules = (side: 'from' | 'to', actions: readonly string[]): Schema => list(object(
  { action: text({ enum: actions }), name: text({ maxLength: 100 }), ports, [side]: list(side === 'from' ? object({ namespaces: labelSelector, pods: podsPeer }, one) : egressPeer, 100, { minItems: 1 }) },
  { required: ['action', side] },
), 100)
const specOf = (actions: readonly string[], more: Record<string, Schema>): Schema => object(
  { subject: object({ namespaces: labelSelector, pods: podsPeer }, one), ingress: rules('from', actions), egress: rules('to', actions), ...more },
  { required: ['subject', ...Object.keys(more)] },
)

export function adminPolicyDefinitions(): object[] {
  const definition = (kind: string, plural: string, short: string, spec: Schema, extra: Schema, columns: object[]): object => ({
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${ADMIN_GROUP}`, annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/network-policy-api/pull/30', 'policy.networking.k8s.io/bundle-version': 'v0.1.1', 'policy.networking.k8s.io/channel': 'standard' } },
    spec: {
      group: ADMIN_GROUP, scope: 'Cluster', names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [short] },
      versions: [{
        name: 'v1alpha1', served: true, storage: true, subresources: { status: {} }, additionalPrinterColumns: [...columns, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
        schema: { openAPIV3Schema: { type: 'object', properties: { apiVersion: text(), kind: text(), metadata: { type: 'object' }, spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }, required: ['metadata', 'spec'], ...extra } },
      }],
    },
  })
  return [
    definition('AdminNetworkPolicy', 'adminnetworkpolicies', 'anp', specOf(['Allow', 'Deny', 'Pass'], { priority: { type: 'integer', format: 'int32', minimum: 0, maximum: 1000 } }), {}, [{ name: 'Priority', type: 'string', jsonPath: '.spec.priority' }]),
    definition('BaselineAdminNetworkPolicy', 'baselineadminnetworkpolicies', 'banp', specOf(['Allow', 'Deny'], {}), {
      'x-kubernetes-validations': [{ rule: "self.metadata.name == 'default'", message: 'Only one baseline admin network policy with metadata.name="default" can be created in the cluster' }],
    }, []),
  ]
}
