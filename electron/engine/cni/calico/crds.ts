import { CALICO_GROUP } from './names.ts'

/** Calico's custom resources in the group crd.projectcalico.org (manifests/crds.yaml), with the fields that mean something here. */
type Schema = Record<string, unknown>

const string: Schema = { type: 'string' }
const integer: Schema = { type: 'integer' }
const number: Schema = { type: 'number' }
const boolean: Schema = { type: 'boolean' }
const list = (items: Schema): Schema => ({ type: 'array', items })
const object = (properties: Record<string, Schema>, required?: string[]): Schema => ({ type: 'object', properties, ...(required ? { required } : {}) })
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values })
const choice = (...values: string[]): Schema => ({ type: 'string', enum: values })
const intOrString: Schema = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true }

/** A kind, or a field of one, that Calico has and that would do nothing here: whoever sets it is told. */
const refused = (schema: Schema, what: string, instead: string): Schema => ({ ...schema, 'x-kubernetes-validations': [{ rule: 'false', message: `podhop: not simulated: Calico's ${what} (${instead})` }] })
const refusing = (schema: Schema, fields: readonly string[], of: string, instead: string): Schema => ({ ...schema, 'x-kubernetes-validations': fields.map((name) => ({ rule: `!has(self.${name})`, message: `podhop: not simulated: ${name} of Calico's ${of} (${instead})` })) })

const ports = list({ ...intOrString, pattern: '^.*' })
const entity = object({
  nets: list(string),
  notNets: list(string),
  notPorts: ports,
  notSelector: string,
  namespaceSelector: string,
  ports,
  selector: string,
  serviceAccounts: object({ names: list(string), selector: string }),
  services: object({ name: string, namespace: string }),
})
const icmp = object({ code: integer, type: integer })
const rule = refusing(object({
  action: string,
  destination: entity,
  http: object({ methods: list(string), paths: list(object({ exact: string, prefix: string })) }),
  icmp,
  ipVersion: integer,
  metadata: object({ annotations: map(string) }),
  notICMP: icmp,
  notProtocol: { ...intOrString, pattern: '^.*' },
  protocol: { ...intOrString, pattern: '^.*' },
  source: entity,
}, ['action']), ['http'], 'policies', 'use ports, or the plugin cilium')
const policy = {
  egress: list(rule),
  ingress: list(rule),
  order: number,
  performanceHints: list(string),
  selector: string,
  serviceAccountSelector: string,
  tier: string,
  types: list(string),
}
const globalPolicy = { ...policy, applyOnForward: boolean, doNotTrack: boolean, namespaceSelector: string, preDNAT: boolean }
/** Automatic host endpoints: a field of a map whose other fields are taken as they are. */
const open = (properties: Record<string, Schema>): Schema => ({ ...object(properties), 'x-kubernetes-preserve-unknown-fields': true })
const hostEndpoints = refusing(open({ autoCreate: string, createDefaultHostEndpoint: string, templates: list(open({})) }), ['createDefaultHostEndpoint', 'templates'], 'KubeControllersConfiguration', 'each node has one for all of its interfaces')
const protoPorts = list(object({ net: string, port: integer, protocol: string }, ['port']))
const mode = choice('Always', 'CrossSubnet', 'Never')

const filterRule = (bits: number): Schema => ({
  ...object({
    action: choice('Accept', 'Reject'), cidr: string, interface: string, matchOperator: choice('Equal', 'NotEqual', 'In', 'NotIn'), source: choice('RemotePeers'),
    prefixLength: object({ max: { type: 'integer', format: 'int32', maximum: bits, minimum: 0 }, min: { type: 'integer', format: 'int32', maximum: bits, minimum: 0 } }),
  }, ['action']),
})

interface Definition { kind: string; plural: string; namespaced?: boolean; spec: Schema; status?: boolean }

const DEFINITIONS: readonly Definition[] = [
  { kind: 'BGPConfiguration', plural: 'bgpconfigurations', spec: refusing(object({ asNumber: integer, bindMode: string, ignoredInterfaces: list(string), listenPort: { type: 'integer', minimum: 1, maximum: 65535 }, logSeverityScreen: string, nodeMeshMaxRestartTime: string, nodeToNodeMeshEnabled: boolean, serviceClusterIPs: list(object({ cidr: string })), serviceExternalIPs: list(object({ cidr: string })), serviceLoadBalancerIPs: list(object({ cidr: string })) }), ['bindMode', 'ignoredInterfaces', 'listenPort', 'nodeMeshMaxRestartTime'], 'BGPConfiguration', "nodeToNodeMeshEnabled, asNumber, logSeverityScreen and the ranges of Services are") },
  { kind: 'BGPFilter', plural: 'bgpfilters', spec: object({ exportV4: list(filterRule(32)), exportV6: list(filterRule(128)), importV4: list(filterRule(32)), importV6: list(filterRule(128)) }) },
  { kind: 'BGPPeer', plural: 'bgppeers', spec: refusing(object({ asNumber: integer, filters: list(string), keepOriginalNextHop: boolean, localASNumber: integer, localWorkloadSelector: string, maxRestartTime: string, node: string, nodeSelector: string, numAllowedLocalASNumbers: { type: 'integer', format: 'int32' }, password: open({}), peerIP: string, peerSelector: string, reachableBy: string, reversePeering: choice('Auto', 'Manual'), sourceAddress: choice('UseNodeIP', 'None'), ttlSecurity: integer }), ['keepOriginalNextHop', 'localASNumber', 'localWorkloadSelector', 'password', 'reversePeering', 'ttlSecurity'], 'BGPPeer', 'node, nodeSelector, peerIP, peerSelector, asNumber, filters, maxRestartTime, numAllowedLocalASNumbers, reachableBy and sourceAddress are') },
  { kind: 'BlockAffinity', plural: 'blockaffinities', spec: object({ cidr: string, deleted: string, node: string, state: string, type: string }, ['cidr', 'deleted', 'node', 'state']) },
  { kind: 'CalicoNodeStatus', plural: 'caliconodestatuses', spec: refused(object({ classes: list(string), node: string, updatePeriodSeconds: integer }), 'CalicoNodeStatus', 'use birdcl show protocols or calicoctl node status'), status: true },
  { kind: 'ClusterInformation', plural: 'clusterinformations', spec: object({ calicoVersion: string, clusterGUID: string, clusterType: string, datastoreReady: boolean, variant: string }) },
  { kind: 'FelixConfiguration', plural: 'felixconfigurations', spec: refusing(object({ bpfConnectTimeLoadBalancing: choice('TCP', 'Enabled', 'Disabled'), bpfEnabled: boolean, bpfHostNetworkedNATWithoutCTLB: choice('Enabled', 'Disabled'), bpfLogLevel: string, chainInsertMode: string, defaultEndpointToHostAction: string, failsafeInboundHostPorts: protoPorts, failsafeOutboundHostPorts: protoPorts, floatingIPs: choice('Enabled', 'Disabled'), ipipEnabled: boolean, ipipMTU: integer, iptablesBackend: string, iptablesRefreshInterval: string, logPrefix: string, logSeverityScreen: string, mtuIfacePattern: string, natOutgoingExclusions: string, reportingInterval: string, routeRefreshInterval: string, vxlanEnabled: boolean, vxlanMTU: integer, vxlanPort: integer, vxlanVNI: integer, wireguardEnabled: boolean, wireguardEnabledV6: boolean, wireguardHostEncryptionEnabled: boolean, wireguardInterfaceName: string, wireguardInterfaceNameV6: string, wireguardKeepAlive: { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))*$' }, wireguardListeningPort: integer, wireguardListeningPortV6: integer, wireguardMTU: integer, wireguardMTUV6: integer, wireguardRoutingRulePriority: integer, wireguardThreadingEnabled: boolean }), ['bpfEnabled', 'chainInsertMode', 'ipipEnabled', 'ipipMTU', 'iptablesBackend', 'iptablesRefreshInterval', 'mtuIfacePattern', 'natOutgoingExclusions', 'routeRefreshInterval', 'vxlanEnabled', 'vxlanMTU', 'vxlanPort', 'vxlanVNI', 'wireguardEnabledV6', 'wireguardHostEncryptionEnabled', 'wireguardInterfaceName', 'wireguardInterfaceNameV6', 'wireguardListeningPortV6', 'wireguardMTUV6', 'wireguardRoutingRulePriority', 'wireguardThreadingEnabled'], 'FelixConfiguration', 'failsafeInboundHostPorts, failsafeOutboundHostPorts, defaultEndpointToHostAction, logPrefix, wireguardEnabled, wireguardListeningPort, wireguardMTU and wireguardKeepAlive are') },
  { kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', spec: object(globalPolicy) },
  { kind: 'GlobalNetworkSet', plural: 'globalnetworksets', spec: object({ nets: list(string) }) },
  { kind: 'HostEndpoint', plural: 'hostendpoints', spec: object({ expectedIPs: list(string), interfaceName: string, node: string, ports: list(object({ name: string, port: integer, protocol: { ...intOrString, pattern: '^.*' } }, ['name', 'port', 'protocol'])), profiles: list(string) }) },
  { kind: 'IPAMBlock', plural: 'ipamblocks', spec: object({ affinity: string, allocations: list({ type: 'integer', nullable: true }), attributes: list(object({ handle_id: string, secondary: map(string) })), cidr: string, deleted: boolean, sequenceNumber: { type: 'integer', format: 'int64', default: 0 }, sequenceNumberForAllocation: map({ type: 'integer', format: 'int64' }), strictAffinity: boolean, unallocated: list(integer) }, ['allocations', 'attributes', 'cidr', 'strictAffinity', 'unallocated']) },
  { kind: 'IPAMConfig', plural: 'ipamconfigs', spec: object({ autoAllocateBlocks: boolean, maxBlocksPerHost: { type: 'integer', minimum: 0 }, strictAffinity: boolean }, ['autoAllocateBlocks', 'strictAffinity']) },
  { kind: 'IPAMHandle', plural: 'ipamhandles', spec: object({ block: map(integer), deleted: boolean, handleID: string }, ['block', 'handleID']) },
  { kind: 'IPPool', plural: 'ippools', spec: object({ allowedUses: list(string), assignmentMode: choice('Automatic', 'Manual'), blockSize: integer, cidr: string, disableBGPExport: boolean, disabled: boolean, ipipMode: mode, natOutgoing: boolean, nodeSelector: string, vxlanMode: mode }, ['cidr']) },
  { kind: 'IPReservation', plural: 'ipreservations', spec: object({ reservedCIDRs: list(string) }) },
  { kind: 'KubeControllersConfiguration', plural: 'kubecontrollersconfigurations', spec: object({ controllers: open({ node: open({ hostEndpoint: hostEndpoints }) }), healthChecks: string, logSeverityScreen: string, prometheusMetricsPort: integer }, ['controllers']), status: true },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', namespaced: true, spec: object(policy) },
  { kind: 'NetworkSet', plural: 'networksets', namespaced: true, spec: object({ nets: list(string) }) },
  // staged policies are kept, and no packet meets them: only Goldmane's flow logs tell what they would do
  { kind: 'StagedGlobalNetworkPolicy', plural: 'stagedglobalnetworkpolicies', spec: object({ ...globalPolicy, stagedAction: string }) },
  { kind: 'StagedKubernetesNetworkPolicy', plural: 'stagedkubernetesnetworkpolicies', namespaced: true, spec: open({ stagedAction: string, policyTypes: list(string) }) },
  { kind: 'StagedNetworkPolicy', plural: 'stagednetworkpolicies', namespaced: true, spec: object({ ...policy, stagedAction: string }) },
  { kind: 'Tier', plural: 'tiers', spec: object({ defaultAction: choice('Pass', 'Deny'), order: number }) },
]

export function calicoDefinitions(): object[] {
  return DEFINITIONS.map(({ kind, plural, namespaced, spec, status }) => {
    const properties = { apiVersion: string, kind: string, metadata: { type: 'object' }, spec, ...(status ? { status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } : {}) }
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${CALICO_GROUP}` },
      spec: {
        group: CALICO_GROUP,
        names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
        preserveUnknownFields: false,
        scope: namespaced ? 'Namespaced' : 'Cluster',
        versions: [{ name: 'v1', schema: { openAPIV3Schema: { type: 'object', properties } }, served: true, storage: true }],
      },
    }
  })
}
