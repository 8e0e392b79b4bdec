import type { KubeObject, LabelSelector } from '../kubernetes/types.ts'

/** The API policy.networking.k8s.io/v1alpha1, which some plugins enforce: AdminNetworkPolicies and the BaselineAdminNetworkPolicy. */
export const ADMIN_GROUP = 'policy.networking.k8s.io'
export const ADMIN_POLICIES = `adminnetworkpolicies.${ADMIN_GROUP}`
export const BASELINE_POLICIES = `baselineadminnetworkpolicies.${ADMIN_GROUP}`

export interface AdminPeer { namespaces?: LabelSelector; pods?: { namespaceSelector?: LabelSelector; podSelector?: LabelSelector }; networks?: string[] }
export interface AdminPort { portNumber?: { protocol?: string; port: number }; portRange?: { protocol?: string; start: number; end: number }; namedPort?: string }
export interface AdminRule { name?: string; action: string; from?: AdminPeer[]; to?: AdminPeer[]; ports?: AdminPort[] }
export interface AdminPolicy extends KubeObject { spec: { priority?: number; subject: AdminPeer; ingress?: AdminRule[]; egress?: AdminRule[] } }


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
const plainPeer = object({ namespaces: labelSelector, pods: podsPeer }, one)
const egressPeer = object({ namespaces: labelSelector, pods: podsPeer, networks: list(text({ maxLength: 43 }), 25, { minItems: 1 }), nodes: labelSelector }, {
  ...one, 'x-kubernetes-validations': [{ rule: '!has(self.nodes)', message: 'podhop: not simulated: nodes of AdminNetworkPolicies (use networks)' }],
})
const rules = (side: 'from' | 'to', actions: readonly string[], peer: Schema): Schema => list(object(
  { action: text({ enum: actions }), name: text({ maxLength: 100 }), ports, [side]: list(peer, 100, { minItems: 1 }) },
  { required: ['action', side] },
), 100)
const specOf = (actions: readonly string[], more: Record<string, Schema>, networks: boolean): Schema => object(
  { subject: plainPeer, ingress: rules('from', actions, plainPeer), egress: rules('to', actions, networks ? egressPeer : plainPeer), ...more },
  { required: ['subject', ...Object.keys(more)] },
)

/** `networks`: whether the plugin knows peers of networks; where it does not, there is no such field. */
export function adminPolicyDefinitions({ networks = true } = {}): object[] {
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
    definition('AdminNetworkPolicy', 'adminnetworkpolicies', 'anp', specOf(['Allow', 'Deny', 'Pass'], { priority: { type: 'integer', format: 'int32', minimum: 0, maximum: 1000 } }, networks), {}, [{ name: 'Priority', type: 'string', jsonPath: '.spec.priority' }]),
    definition('BaselineAdminNetworkPolicy', 'baselineadminnetworkpolicies', 'banp', specOf(['Allow', 'Deny'], {}, networks), {
      'x-kubernetes-validations': [{ rule: "self.metadata.name == 'default'", message: 'Only one baseline admin network policy with metadata.name="default" can be created in the cluster' }],
    }, []),
  ]
}
