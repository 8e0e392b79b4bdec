import { BGP_KINDS } from './bgp/definitions.ts'

/** Cilium's CustomResourceDefinitions, as far as this simulation reads and writes them (pkg/k8s/apis/cilium.io/client/crds of v1.17). */

type Schema = Record<string, unknown>

const text = (extra: Schema = {}): Schema => ({ type: 'string', ...extra })
const whole: Schema = { type: 'integer', format: 'int64' }
const flag: Schema = { type: 'boolean' }
const list = (items: Schema): Schema => ({ type: 'array', items })
const map: Schema = { type: 'object', additionalProperties: { type: 'string' } }
const object = (properties: Record<string, Schema>, required?: string[]): Schema => ({ type: 'object', properties, ...(required ? { required } : {}) })
const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const intOrText: Schema = { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }

/** Fields of the real definition that do nothing here: whoever sets one is told. */
const refusing = (schema: Schema, fields: Readonly<Record<string, Schema>>, instead: string): Schema => ({
  ...schema,
  properties: { ...(schema['properties'] as Record<string, Schema>), ...fields },
  ...(Object.keys(fields).length === 0 ? {} : { 'x-kubernetes-validations': Object.keys(fields).map((name) => ({ rule: `!has(self.${name})`, message: `podhop: not simulated: ${name} of Cilium's policies (${instead})` })) }),
})

const labelSelector = object({
  matchLabels: { type: 'object', additionalProperties: { type: 'string', maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' } },
  matchExpressions: list(object({ key: text(), operator: text({ enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }), values: list(text()) }, ['key', 'operator'])),
})

const cidr = text({ pattern: '^(([0-9]{1,3}\\.){3}[0-9]{1,3}/([0-9]|[1-2][0-9]|3[0-2])|[0-9A-Fa-f:.]+/[0-9]{1,3})$' })
const entities = list(text({ enum: ['all', 'world', 'cluster', 'host', 'init', 'ingress', 'unmanaged', 'remote-node', 'health', 'none', 'kube-apiserver'] }))
const groupSelector = object({ matchLabels: { type: 'object', additionalProperties: text({ maxLength: 63 }) }, matchExpressions: list(object({ key: text(), operator: text({ enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }), values: list(text()) }, ['key', 'operator'])) })
const cidrSet = list({
  ...object({ cidr, except: list(cidr), cidrGroupRef: text({ maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' }), cidrGroupSelector: groupSelector }),
  oneOf: ['cidr', 'cidrGroupRef', 'cidrGroupSelector'].map((name) => ({ properties: { [name]: {} }, required: [name] })),
})
const http = object({
  method: text(), path: text(), host: text({ format: 'idn-hostname' }), headers: list(text()),
  headerMatches: list(object({ name: text({ minLength: 1 }), value: text(), mismatch: text({ enum: ['LOG', 'ADD', 'DELETE', 'REPLACE'] }) }, ['name'])),
})
const ports = list(object({
  port: text({ maxLength: 63, pattern: '^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})|([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$' }),
  endPort: { type: 'integer', format: 'int32', minimum: 0, maximum: 65_535 },
  protocol: text({ enum: ['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6', 'ANY'] }),
}, ['port']))
const icmps = list(object({ fields: { ...list(object({ family: text({ enum: ['IPv4', 'IPv6'] }), type: { ...intOrText } }, ['type'])), maxItems: 40 } }))
const fqdns = list(object({ matchName: text({ maxLength: 255, pattern: '^([-a-zA-Z0-9_]+[.]?)+$' }), matchPattern: text({ maxLength: 255, pattern: '^([-a-zA-Z0-9_*]+[.]?)+$' }) }))
const l7 = refusing(object({ http: list(http), dns: fqdns }), { kafka: list(anything), l7: list(anything), l7proto: text() }, 'use http or dns')
const toPorts = (layer7: boolean): Schema => list(refusing(
  object({ ports: { ...ports, maxItems: 40 }, ...(layer7 ? { rules: l7 } : {}) }),
  layer7 ? { listener: anything, serverNames: list(text()), terminatingTLS: anything, originatingTLS: anything } : {}, 'use ports and rules.http',
))

const services = list(object({
  k8sService: object({ namespace: text(), serviceName: text() }), k8sServiceSelector: object({ namespace: text(), selector: labelSelector }, ['selector']),
}))

const redirectPorts = list(object({ name: text(), port: text(), protocol: text({ enum: ['TCP', 'UDP'] }) }, ['port', 'protocol']))

const peers = (side: 'from' | 'to', layer7: boolean): Schema => list(refusing(
  object({ [`${side}Endpoints`]: list(labelSelector), [`${side}Entities`]: entities, [`${side}CIDR`]: list(cidr), [`${side}CIDRSet`]: cidrSet, toPorts: toPorts(layer7), icmps, ...(side === 'to' && layer7 ? { toFQDNs: fqdns } : {}), ...(side === 'to' ? { toServices: services } : {}) }),
  {
    [`${side}Groups`]: list(anything), [`${side}Nodes`]: list(anything), [`${side}Requires`]: list(anything), ...(layer7 ? { authentication: anything } : {}),
  },
  `use ${side}Endpoints, ${side}Entities, ${side}CIDR or ${side}CIDRSet`,
))

const rule: Schema = {
  ...object({
    description: text(), labels: list(object({ key: text(), value: text(), source: text() }, ['key'])),
    endpointSelector: labelSelector, nodeSelector: labelSelector,
    enableDefaultDeny: object({ ingress: flag, egress: flag }),
    ingress: peers('from', true), ingressDeny: peers('from', false), egress: peers('to', true), egressDeny: peers('to', false),
  }),
  oneOf: [{ properties: { endpointSelector: {} }, required: ['endpointSelector'] }, { properties: { nodeSelector: {} }, required: ['nodeSelector'] }],
}

const policyStatus = object({ conditions: list(object({ type: text(), status: text(), reason: text(), message: text(), lastTransitionTime: text({ format: 'date-time' }), observedGeneration: whole }, ['status', 'type'])) })
const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }
const policyColumns = [age, { name: 'Valid', type: 'string', jsonPath: ".status.conditions[?(@.type=='Valid')].status" }]

interface Definition { version?: string; plural: string; singular: string; kind: string; short: string[]; scope: 'Namespaced' | 'Cluster'; schema: Record<string, Schema>; columns: object[]; status?: boolean; categories?: string[] }

const policyNames = ['cilium', 'ciliumpolicy']

const DEFINITIONS: readonly Definition[] = [
  { plural: 'ciliumnetworkpolicies', singular: 'ciliumnetworkpolicy', kind: 'CiliumNetworkPolicy', short: ['cnp', 'ciliumnp'], scope: 'Namespaced', categories: policyNames, schema: { spec: rule, specs: list(rule), status: policyStatus }, columns: policyColumns, status: true },
  { plural: 'ciliumclusterwidenetworkpolicies', singular: 'ciliumclusterwidenetworkpolicy', kind: 'CiliumClusterwideNetworkPolicy', short: ['ccnp'], scope: 'Cluster', categories: policyNames, schema: { spec: rule, specs: list(rule), status: policyStatus }, columns: [policyColumns[1]!], status: true },
  {
    plural: 'ciliumendpoints', singular: 'ciliumendpoint', kind: 'CiliumEndpoint', short: ['cep', 'ciliumep'], scope: 'Namespaced', categories: ['cilium'],
    schema: {
      status: object({
        id: whole, state: text({ enum: ['creating', 'waiting-for-identity', 'not-ready', 'waiting-to-regenerate', 'regenerating', 'restoring', 'ready', 'disconnecting', 'disconnected', 'invalid'] }),
        identity: object({ id: whole, labels: list(text()) }), encryption: object({ key: whole }), 'service-account': text(),
        'external-identifiers': object({ 'cni-attachment-id': text(), 'container-id': text(), 'container-name': text(), 'k8s-namespace': text(), 'k8s-pod-name': text(), 'pod-name': text() }),
        'named-ports': list(object({ name: text(), port: { type: 'integer' }, protocol: text() })),
        networking: object({ addressing: list(object({ ipv4: text(), ipv6: text() })), node: text() }, ['addressing']),
        policy: anything, health: anything, controllers: list(anything), log: list(anything),
      }),
    },
    columns: [
      { name: 'Security Identity', type: 'integer', jsonPath: '.status.identity.id' },
      { name: 'Ingress Enforcement', type: 'string', jsonPath: '.status.policy.ingress.state', priority: 1 },
      { name: 'Egress Enforcement', type: 'string', jsonPath: '.status.policy.egress.state', priority: 1 },
      { name: 'Endpoint State', type: 'string', jsonPath: '.status.state' },
      { name: 'IPv4', type: 'string', jsonPath: '.status.networking.addressing[0].ipv4' },
      { name: 'IPv6', type: 'string', jsonPath: '.status.networking.addressing[0].ipv6' },
    ],
  },
  {
    plural: 'ciliumidentities', singular: 'ciliumidentity', kind: 'CiliumIdentity', short: ['ciliumid'], scope: 'Cluster', categories: ['cilium'],
    schema: { 'security-labels': map },
    columns: [{ name: 'Namespace', type: 'string', jsonPath: '.metadata.labels.io\\.kubernetes\\.pod\\.namespace' }, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  },
  {
    plural: 'ciliumnodes', singular: 'ciliumnode', kind: 'CiliumNode', short: ['cn', 'ciliumn'], scope: 'Cluster', categories: ['cilium'],
    schema: {
      spec: object({
        addresses: list(object({ ip: text(), type: text() })), bootid: text(), 'instance-id': text(), encryption: object({ key: { type: 'integer', minimum: 0 } }),
        health: object({ ipv4: text(), ipv6: text() }), ingress: object({ ipv4: text(), ipv6: text() }), ipam: object({ podCIDRs: list(text()), pool: anything, pools: anything }),
        alibabaCloud: anything, azure: anything, eni: anything,
      }),
      status: anything,
    },
    columns: [
      { name: 'CiliumInternalIP', type: 'string', jsonPath: '.spec.addresses[?(@.type=="CiliumInternalIP")].ip' },
      { name: 'InternalIP', type: 'string', jsonPath: '.spec.addresses[?(@.type=="InternalIP")].ip' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    status: true,
  },
  { version: 'v2alpha1', plural: 'ciliumcidrgroups', singular: 'ciliumcidrgroup', kind: 'CiliumCIDRGroup', short: ['ccg'], scope: 'Cluster', categories: ['cilium'], schema: { spec: object({ externalCIDRs: { ...list(cidr), minItems: 0 } }, ['externalCIDRs']) }, columns: [age] },
  {
    version: 'v2alpha1', plural: 'ciliumloadbalancerippools', singular: 'ciliumloadbalancerippool', kind: 'CiliumLoadBalancerIPPool', short: ['ippools', 'ippool', 'lbippool', 'lbippools'], scope: 'Cluster', categories: ['cilium'], status: true,
    schema: {
      spec: object({
        allowFirstLastIPs: text({ enum: ['Yes', 'No'] }), blocks: { ...list(object({ cidr: text({ format: 'cidr' }), start: text(), stop: text() })), minItems: 1 }, serviceSelector: labelSelector,
        disabled: { ...flag, default: false },
      }),
      status: policyStatus,
    },
    columns: [
      { name: 'Disabled', type: 'boolean', jsonPath: '.spec.disabled' },
      { name: 'Conflicting', type: 'string', jsonPath: '.status.conditions[?(@.type=="cilium.io/PoolConflict")].status' },
      { name: 'IPs Available', type: 'string', jsonPath: '.status.conditions[?(@.type=="cilium.io/IPsAvailable")].message' }, age,
    ],
  },
  {
    version: 'v2alpha1', plural: 'ciliuml2announcementpolicies', singular: 'ciliuml2announcementpolicy', kind: 'CiliumL2AnnouncementPolicy', short: ['l2announcement'], scope: 'Cluster', categories: ['cilium'], status: true,
    schema: { spec: object({ serviceSelector: labelSelector, nodeSelector: labelSelector, interfaces: list(text()), externalIPs: flag, loadBalancerIPs: flag }), status: policyStatus }, columns: [age],
  },
  {
    plural: 'ciliumegressgatewaypolicies', singular: 'ciliumegressgatewaypolicy', kind: 'CiliumEgressGatewayPolicy', short: ['cegp'], scope: 'Cluster', categories: ['cilium', 'ciliumpolicy'],
    schema: {
      spec: object({
        selectors: list(refusing(object({ podSelector: labelSelector, namespaceSelector: labelSelector }), { nodeSelector: labelSelector }, 'use podSelector and namespaceSelector')),
        destinationCIDRs: list(cidr), excludedCIDRs: list(cidr),
        egressGateway: object({ nodeSelector: labelSelector, interface: text(), egressIP: text({ pattern: '((25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])\\.){3,3}(25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])' }) }, ['nodeSelector']),
      }, ['destinationCIDRs', 'egressGateway', 'selectors']),
    },
    columns: [age],
  },
  {
    plural: 'ciliumlocalredirectpolicies', singular: 'ciliumlocalredirectpolicy', kind: 'CiliumLocalRedirectPolicy', short: ['clrp'], scope: 'Namespaced', categories: ['cilium', 'ciliumpolicy'], status: true,
    schema: {
      spec: {
        ...object({
          description: text(),
          redirectFrontend: object({ addressMatcher: object({ ip: text(), toPorts: redirectPorts }, ['ip', 'toPorts']), serviceMatcher: object({ namespace: text(), serviceName: text(), toPorts: redirectPorts }, ['namespace', 'serviceName']) }),
          redirectBackend: object({ localEndpointSelector: labelSelector, toPorts: redirectPorts }, ['localEndpointSelector', 'toPorts']),
          skipRedirectFromBackend: { ...flag, default: false },
        }, ['redirectBackend', 'redirectFrontend']),
        'x-kubernetes-validations': [{ rule: '!has(self.skipRedirectFromBackend) || !self.skipRedirectFromBackend', message: "podhop: not simulated: skipRedirectFromBackend of Cilium's CiliumLocalRedirectPolicy (use a backend that asks somebody else)" }],
      },
      status: anything,
    },
    columns: [age],
  },
]

const DEFINED: readonly Definition[] = [...DEFINITIONS, ...BGP_KINDS]

/** Kinds that are known to be missing: who makes one is told, and not that there is no such kind. */
const MISSING: readonly (readonly [plural: string, kind: string, short: string[], instead: string, version?: string, scope?: 'Namespaced'])[] = [
  ['ciliumenvoyconfigs', 'CiliumEnvoyConfig', ['cec'], "use a CiliumNetworkPolicy's http rules", 'v2', 'Namespaced'], ['ciliumclusterwideenvoyconfigs', 'CiliumClusterwideEnvoyConfig', ['ccec'], "use a CiliumNetworkPolicy's http rules"],
  ['ciliumbgppeeringpolicies', 'CiliumBGPPeeringPolicy', ['bgpp'], 'use CiliumBGPClusterConfig, CiliumBGPPeerConfig and CiliumBGPAdvertisement', 'v2alpha1'],
  ['ciliumpodippools', 'CiliumPodIPPool', ['cpip'], 'use podCIDR in the cluster file', 'v2alpha1'],
]

function missing([plural, kind, short, instead, version = 'v2', scope]: (typeof MISSING)[number]): Definition {
  return {
    version, plural, singular: kind.toLowerCase(), kind, short, scope: scope ?? 'Cluster', categories: ['cilium'], columns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    schema: { spec: { ...anything, 'x-kubernetes-validations': [{ rule: 'false', message: `podhop: not simulated: ${kind} (${instead})` }] } },
  }
}

export function ciliumDefinitions(): object[] {
  return [...DEFINED, ...MISSING.map(missing)].map(({ version = 'v2', plural, singular, kind, short, scope, schema, columns, status, categories }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.cilium.io`, labels: { 'io.cilium.k8s.crd.schema.version': '1.31.11' } },
    spec: {
      group: 'cilium.io',
      names: { plural, singular, kind, listKind: `${kind}List`, shortNames: short, categories },
      scope,
      versions: [{
        name: version, served: true, storage: true, additionalPrinterColumns: columns,
        ...(status ? { subresources: { status: {} } } : {}),
        schema: { openAPIV3Schema: { type: 'object', properties: { apiVersion: text(), kind: text(), metadata: { type: 'object' }, ...schema }, required: ['metadata'] } },
      }],
    },
  }))
}
