/** Antrea's CustomResourceDefinitions, as far as this simulation reads and writes them (build/charts/antrea/crds of v2.4). */
export const AGENT_INFOS = 'antreaagentinfos.crd.antrea.io'
export const CONTROLLER_INFOS = 'antreacontrollerinfos.crd.antrea.io'
export const CLUSTER_POLICIES = 'clusternetworkpolicies.crd.antrea.io'
export const NATIVE_POLICIES = 'networkpolicies.crd.antrea.io'
export const TIERS = 'tiers.crd.antrea.io'
export const EGRESSES = 'egresses.crd.antrea.io'
export const EXTERNAL_IP_POOLS = 'externalippools.crd.antrea.io'
export const CLUSTER_GROUPS = 'clustergroups.crd.antrea.io'
export const GROUPS = 'groups.crd.antrea.io'
export const TRACEFLOWS = 'traceflows.crd.antrea.io'

const GROUP = 'crd.antrea.io'

type Schema = Record<string, unknown>

const text = (extra: Schema = {}): Schema => ({ type: 'string', ...extra })
const list = (items: Schema): Schema => ({ type: 'array', items })
const object = (properties: Record<string, Schema>, required?: string[]): Schema => ({ type: 'object', properties, ...(required ? { required } : {}) })
const ANY: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** Fields of the real definition that do nothing here: whoever sets one is told. */
const refusing = (schema: Schema, fields: Readonly<Record<string, Schema>>, instead: string, of = 'Antrea\'s policies'): Schema => ({
  ...schema,
  properties: { ...(schema['properties'] as Record<string, Schema>), ...fields },
  'x-kubernetes-validations': Object.keys(fields).map((name) => ({ rule: `!has(self.${name})`, message: `podhop: not simulated: ${name} of ${of} (${instead})` })),
})

const selector = object({
  matchLabels: { type: 'object', additionalProperties: { type: 'string' } },
  matchExpressions: list(object({ key: text(), operator: text({ enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }), values: list(text()) }, ['key', 'operator'])),
})
const selectors = { podSelector: selector, namespaceSelector: selector }
const serviceAccount = object({ name: text(), namespace: text() }, ['name', 'namespace'])
const ipBlock = object({ cidr: text({ format: 'cidr' }), except: list(text({ format: 'cidr' })) }, ['cidr'])
const groupSchema = (namespaced: boolean): Schema => object({
  spec: refusing(object({ ...selectors, ipBlocks: list(ipBlock), serviceReference: object({ name: text(), ...(namespaced ? {} : { namespace: text() }) }), childGroups: list(text()) }), { externalEntitySelector: ANY }, 'use podSelector, namespaceSelector, ipBlocks, serviceReference or childGroups', `${namespaced ? 'Group' : 'ClusterGroup'} of Antrea`),
  status: ANY,
}, ['spec'])
/** Only cluster-wide policies look into other Namespaces. */
const appliedTo = (namespaced: boolean): Schema => list(refusing(
  namespaced ? object({ podSelector: selector, group: text() }) : object({ ...selectors, group: text(), serviceAccount }),
  { externalEntitySelector: ANY, ...(namespaced ? {} : { nodeSelector: ANY, service: ANY }) }, `use podSelector${namespaced ? '' : ', namespaceSelector, serviceAccount'} or group`,
))
const scope = text({ enum: ['Cluster', 'ClusterSet'] })
/** Several clusters are never one here. */
const ONE_CLUSTER = { rule: "!has(self.scope) || self.scope == 'Cluster'", message: 'podhop: not simulated: scope ClusterSet of Antrea\'s policies (there is one cluster: use scope Cluster)' }
const withinCluster = (schema: Schema): Schema => ({ ...schema, 'x-kubernetes-validations': [...((schema['x-kubernetes-validations'] as object[] | undefined) ?? []), ONE_CLUSTER] })
const namespaces: Schema = { ...object({ match: text({ enum: ['Self'] }), sameLabels: list(text()) }), minProperties: 1, maxProperties: 1 }
const peers = (side: 'from' | 'to', namespaced: boolean): Schema => list(withinCluster(refusing(
  object({ ...selectors, group: text(), ipBlock, nodeSelector: selector, scope, ...(side === 'to' ? { fqdn: text() } : {}), ...(namespaced ? {} : { serviceAccount, namespaces }) }),
  { externalEntitySelector: ANY }, `use podSelector, namespaceSelector, nodeSelector, ipBlock${side === 'to' ? ', fqdn' : ''} or group`,
)))
const ports = list(object({
  protocol: text({ enum: ['TCP', 'UDP', 'SCTP'] }), port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }, endPort: { type: 'integer' }, sourcePort: { type: 'integer' }, sourceEndPort: { type: 'integer' },
}))
const icmpNumber: Schema = { type: 'integer', minimum: 0, maximum: 255 }
const protocols = list({ ...refusing(object({ icmp: object({ icmpType: icmpNumber, icmpCode: icmpNumber }) }), { igmp: ANY }, 'there is no multicast here: use icmp'), oneOf: [{ required: ['icmp'] }, { required: ['igmp'] }] })
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'TRACE', 'OPTIONS', 'CONNECT', 'PATCH']
const l7Protocols = list({ ...object({ http: object({ host: text(), method: text({ enum: METHODS }), path: text() }), tls: object({ sni: text() }) }), oneOf: [{ required: ['http'] }, { required: ['tls'] }] })
const toServices = (namespaced: boolean): Schema => list(withinCluster(object({ name: text(), namespace: text(), scope }, namespaced ? ['name'] : ['name', 'namespace'])))
const rules = (peer: 'from' | 'to', namespaced: boolean): Schema => list(object(
  { action: text({ enum: ['Allow', 'Drop', 'Reject', 'Pass'] }), name: text(), appliedTo: appliedTo(namespaced), ports, protocols, l7Protocols, [peer]: peers(peer, namespaced), ...(peer === 'to' ? { toServices: toServices(namespaced) } : {}), enableLogging: { type: 'boolean' }, logLabel: text({ pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' }) }, ['action'],
))
const policySchema = (namespaced: boolean): Schema => object({
  spec: object({ tier: text(), priority: { type: 'number', format: 'float', minimum: 1, maximum: 10_000 }, appliedTo: appliedTo(namespaced), ingress: rules('from', namespaced), egress: rules('to', namespaced) }, ['priority']),
  status: ANY,
}, ['spec'])

const ip: Schema = text({ anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] })
const egressSchema: Schema = object({
  spec: {
    ...refusing(object({ appliedTo: object(selectors), egressIP: ip, externalIPPool: text() }, ['appliedTo']), { egressIPs: list(text()), externalIPPools: list(text()), bandwidth: ANY }, 'use egressIP and externalIPPool', 'Egress of Antrea'),
    anyOf: [{ required: ['egressIP'] }, { required: ['externalIPPool'] }],
  },
  status: ANY,
}, ['spec'])
const integer: Schema = { type: 'integer' }
const protocolNumber: Schema = { type: 'integer', minimum: 0, maximum: 255 }
const portNumber: Schema = { type: 'integer', minimum: 0, maximum: 65_535 }
const traceflowSchema: Schema = object({
  spec: refusing(object({
    source: refusing(object({ pod: text(), namespace: text() }), { ip: text() }, 'use pod', 'Traceflow of Antrea'),
    destination: object({ pod: text(), service: text(), namespace: text(), ip }),
    packet: object({
      length: integer, srcIP: text(), dstIP: text(),
      ipHeader: object({ protocol: protocolNumber, ttl: protocolNumber, flags: integer }),
      ipv6Header: object({ nextHeader: protocolNumber, hopLimit: protocolNumber }),
      transportHeader: object({ icmp: object({ id: portNumber, sequence: portNumber }), udp: object({ srcPort: portNumber, dstPort: portNumber }), tcp: object({ srcPort: portNumber, dstPort: portNumber, flags: protocolNumber }) }),
    }),
    timeout: { type: 'integer', minimum: 1, maximum: 43_200 },
  }), { liveTraffic: { type: 'boolean' }, droppedOnly: { type: 'boolean' } }, 'use hop trace or tcpdump', 'Traceflow of Antrea'),
  status: ANY,
}, ['spec'])
const poolSchema: Schema = object({
  spec: refusing(object({
    ipRanges: list({ ...object({ cidr: text({ format: 'cidr' }), start: ip, end: ip }), oneOf: [{ required: ['cidr'] }, { required: ['start', 'end'] }] }), nodeSelector: selector,
  }, ['ipRanges', 'nodeSelector']), { subnetInfo: ANY }, 'the addresses are of the nodes\' own network', 'ExternalIPPool of Antrea'),
  status: ANY,
}, ['spec'])

interface Definition { plural: string; singular?: string; kind: string; short: string[]; scope?: 'Namespaced'; columns: object[]; schema?: Schema; status?: boolean }

const column = (name: string, type: string, jsonPath: string, more: object = {}): object => ({ name, type, jsonPath, ...more })
const AGE = column('Age', 'date', '.metadata.creationTimestamp')
const policyColumns = [column('Tier', 'string', '.spec.tier'), column('Priority', 'number', '.spec.priority', { format: 'float' }), AGE]

const DEFINITIONS: readonly Definition[] = [
  {
    plural: 'antreaagentinfos', kind: 'AntreaAgentInfo', short: ['aai'],
    columns: [
      column('Pod', 'string', '.podRef.name'), column('Node', 'string', '.nodeRef.name'), column('Status', 'string', '.agentConditions[?(@.type=="AgentHealthy")].status'),
      column('Node Subnet', 'string', '.nodeSubnets[0]', { priority: 1 }), column('OVS Bridge', 'string', '.ovsInfo.bridgeName', { priority: 1 }), column('Local Pod Num', 'integer', '.localPodNum', { priority: 1 }), AGE,
    ],
  },
  {
    plural: 'antreacontrollerinfos', kind: 'AntreaControllerInfo', short: ['aci'],
    columns: [column('Pod', 'string', '.podRef.name'), column('Node', 'string', '.nodeRef.name'), column('Status', 'string', '.controllerConditions[?(@.type=="ControllerHealthy")].status'), AGE],
  },
  { plural: 'clusternetworkpolicies', singular: 'clusternetworkpolicy', kind: 'ClusterNetworkPolicy', short: ['acnp'], columns: policyColumns, schema: policySchema(false), status: true },
  { plural: 'networkpolicies', singular: 'networkpolicy', kind: 'NetworkPolicy', short: ['annp'], scope: 'Namespaced', columns: policyColumns, schema: policySchema(true), status: true },
  {
    plural: 'egresses', singular: 'egress', kind: 'Egress', short: ['eg'], schema: egressSchema, status: true,
    columns: [column('EgressIP', 'string', '.status.egressIP', { description: 'The effective SNAT IP address for the selected workloads.' }), AGE, column('Node', 'string', '.status.egressNode', { description: 'The Owner Node of egress IP' })],
  },
  {
    plural: 'externalippools', kind: 'ExternalIPPool', short: ['eip'], schema: poolSchema, status: true,
    columns: [column('Total', 'integer', '.status.usage.total', { description: 'The number of total IPs' }), column('Used', 'integer', '.status.usage.used', { description: 'The number of allocated IPs' }), AGE],
  },
  {
    plural: 'traceflows', kind: 'Traceflow', short: ['tf'], schema: traceflowSchema, status: true,
    columns: [
      column('Phase', 'string', '.status.phase', { description: 'The phase of the Traceflow.' }), column('Source-Pod', 'string', '.spec.source.pod', { description: 'The name of the source Pod.', priority: 10 }),
      column('Destination-Pod', 'string', '.spec.destination.pod', { description: 'The name of the destination Pod.', priority: 10 }), column('Destination-IP', 'string', '.spec.destination.ip', { description: 'The IP address of the destination.', priority: 10 }),
      column('Live-Traffic', 'boolean', '.spec.liveTraffic', { description: 'Trace live traffic.', priority: 10 }), column('Dropped-Only', 'boolean', '.spec.droppedOnly', { description: 'Capture only the dropped packet.', priority: 10 }),
      column('Timeout', 'integer', '.spec.timeout', { description: 'Timeout in seconds.', priority: 10 }), AGE,
    ],
  },
  { plural: 'clustergroups', kind: 'ClusterGroup', short: ['cg'], columns: [AGE], schema: groupSchema(false), status: true },
  { plural: 'groups', kind: 'Group', short: ['grp'], scope: 'Namespaced', columns: [AGE], schema: groupSchema(true), status: true },
  {
    plural: 'tiers', kind: 'Tier', short: ['tr'], columns: [column('Priority', 'integer', '.spec.priority', { description: 'The Priority of this Tier relative to other Tiers.' }), AGE],
    schema: object({ spec: object({ priority: { type: 'integer', minimum: 0, maximum: 255 }, description: text() }, ['priority']) }, ['spec']),
  },
]

/** Kinds that are known to be missing: who makes one is told, and not that there is no such kind. */
const MISSING: readonly (readonly [plural: string, kind: string, short: string[], instead: string, scope?: 'Namespaced'])[] = [
  ['packetcaptures', 'PacketCapture', ['pcap'], 'use tcpdump'],
]

function missing([plural, kind, short, instead, scope]: (typeof MISSING)[number]): Definition {
  const schema = object({ spec: { ...ANY, 'x-kubernetes-validations': [{ rule: 'false', message: `podhop: not simulated: ${kind} of Antrea (${instead})` }] }, status: ANY })
  return { plural, singular: kind.toLowerCase(), kind, short, ...(scope ? { scope } : {}), columns: [AGE], schema }
}

export function antreaDefinitions(): object[] {
  return [...DEFINITIONS, ...MISSING.map(missing)].map(({ plural, singular = plural.slice(0, -1), kind, short, scope = 'Cluster', columns, schema, status }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, labels: { app: 'antrea' } },
    spec: {
      group: GROUP,
      names: { plural, singular, kind, listKind: `${kind}List`, shortNames: short },
      scope,
      versions: [{ name: 'v1beta1', served: true, storage: true, additionalPrinterColumns: columns, ...(status ? { subresources: { status: {} } } : {}), schema: { openAPIV3Schema: schema ?? ANY } }],
    },
  }))
}
