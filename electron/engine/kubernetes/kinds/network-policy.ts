import { deepEqual } from '../json.ts'
import { formatLabelSelector } from '../selectors.ts'
import type { NetworkPolicy } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { networkPolicyWarnings, validateNetworkPolicy } from '../validation/networking.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** networking.k8s.io/v1 NetworkPolicy: pkg/apis/networking/v1/defaults.go, pkg/registry/networking/networkpolicy. */
export const networkPolicy: Kind<NetworkPolicy> = {
  resource: apiResource('NetworkPolicy', 'networkpolicies', { group: 'networking.k8s.io', shortNames: ['netpol'] }),
  type: 'NetworkPolicy',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults(object) {
    const spec = { ...object.spec }
    const withProtocol = <R extends { ports?: { protocol?: string }[] }>(rule: R): R =>
      rule.ports?.some((p) => p.protocol === undefined) ? { ...rule, ports: rule.ports.map((p) => ({ ...p, protocol: p.protocol ?? 'TCP' })) } : rule
    if (spec.ingress) spec.ingress = spec.ingress.map(withProtocol)
    if (spec.egress) spec.egress = spec.egress.map(withProtocol)
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
    object.spec = spec
  },
  validate: validateNetworkPolicy,
  validateUpdate: (object, _old, errors) => validateNetworkPolicy(object, errors),
  warnings: networkPolicyWarnings,
  columns: [NAME, { name: 'Pod-Selector', cell: ({ spec }) => formatLabelSelector(spec.podSelector) }, AGE],
}
