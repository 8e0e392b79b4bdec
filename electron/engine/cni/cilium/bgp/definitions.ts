/** The CustomResourceDefinitions of Cilium's BGP control plane (pkg/k8s/apis/cilium.io/client/crds/v2alpha1 of cilium/cilium v1.17). */
type Schema = Record<string, unknown>

const text = (extra: Schema = {}): Schema => ({ type: 'string', ...extra })
const number = (minimum: number, maximum: number, extra: Schema = {}): Schema => ({ type: 'integer', format: 'int64', minimum, maximum, ...extra })
const list = (items: Schema, extra: Schema = {}): Schema => ({ type: 'array', items, ...extra })
const named = (items: Schema, extra: Schema = {}): Schema => list(items, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], ...extra })
const object = (properties: Record<string, Schema>, required?: string[], extra: Schema = {}): Schema => ({ type: 'object', properties, ...(required ? { required } : {}), ...extra })
const said = (rule: string, message: string): Schema => ({ rule, message })
const unsaid = (name: string, instead: string): Schema => said(`!has(self.${name})`, `podhop: not simulated: ${name} of Cilium's BGP (${instead})`)
const rules = (...all: Schema[]): Schema => ({ 'x-kubernetes-validations': all })

const labelSelector = object({
  matchLabels: { type: 'object', additionalProperties: { type: 'string', maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' } },
  matchExpressions: list(object({ key: text(), operator: text({ enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }), values: list(text()) }, ['key', 'operator'])),
})
const name = text({ minLength: 1, maxLength: 255 })
const asn = number(1, 4_294_967_295)
const address = text({ pattern: '^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$' })
const reference = object({ group: text({ default: 'cilium.io' }), kind: text({ default: 'CiliumBGPPeerConfig' }), name: text() }, ['name'])
const peer = (more: Record<string, Schema> = {}): Schema => object({ name, peerAddress: address, peerASN: number(0, 4_294_967_295), peerConfigRef: reference, ...more }, ['name'])
const conditions = named(object({ type: text(), status: text({ enum: ['True', 'False', 'Unknown'] }), reason: text(), message: text(), lastTransitionTime: text({ format: 'date-time' }), observedGeneration: number(0, Number.MAX_SAFE_INTEGER) }, ['lastTransitionTime', 'message', 'reason', 'status', 'type']), { 'x-kubernetes-list-map-keys': ['type'] })
const family = { afi: text({ enum: ['ipv4', 'ipv6', 'l2vpn', 'ls', 'opaque'] }), safi: text() }
const unicast = rules(said("self.afi in ['ipv4', 'ipv6'] && self.safi == 'unicast'", "podhop: not simulated: families other than ipv4 and ipv6 unicast of Cilium's BGP (use unicast)"))
const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

const communities = object({
  standard: list(text({ pattern: '^([0-9]|[1-9][0-9]{1,8}|[1-3][0-9]{9}|4[0-1][0-9]{8}|42[0-8][0-9]{7}|429[0-3][0-9]{6}|4294[0-8][0-9]{5}|42949[0-5][0-9]{4}|429496[0-6][0-9]{3}|4294967[0-1][0-9]{2}|42949672[0-8][0-9]|429496729[0-5])$|^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]):([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$' })),
  wellKnown: list(text({ enum: ['internet', 'planned-shut', 'accept-own', 'route-filter-translated-v4', 'route-filter-v4', 'route-filter-translated-v6', 'route-filter-v6', 'llgr-stale', 'no-llgr', 'blackhole', 'no-export', 'no-advertise', 'no-export-subconfed', 'no-peer'] })),
  large: list(text()),
}, undefined, rules(unsaid('large', 'use standard')))

const advertisement = object({
  advertisementType: text({ enum: ['PodCIDR', 'CiliumPodIPPool', 'Service'] }),
  service: object({ addresses: list(text({ enum: ['LoadBalancerIP', 'ClusterIP', 'ExternalIP'] }), { minItems: 1 }), aggregationLengthIPv4: number(0, 31), aggregationLengthIPv6: number(0, 127) }, ['addresses']),
  selector: labelSelector,
  attributes: object({ communities, localPreference: number(0, 4_294_967_295) }),
}, ['advertisementType'], rules(
  said("self.advertisementType != 'Service' || has(self.service)", "service field is required for the 'Service' advertisementType"),
  said("self.advertisementType != 'CiliumPodIPPool'", "podhop: not simulated: CiliumPodIPPool of Cilium's BGP (use PodCIDR)"),
))

const peerConfig = object({
  transport: object({ localPort: number(1, 65_535), peerPort: number(1, 65_535, { default: 179 }) }, undefined, rules(unsaid('localPort', 'the agents connect from a port of their own choice'))),
  timers: object({ connectRetryTimeSeconds: number(1, 2_147_483_647, { default: 120 }), holdTimeSeconds: number(3, 65_535, { default: 90 }), keepAliveTimeSeconds: number(1, 65_535, { default: 30 }) }, undefined, rules(said('self.keepAliveTimeSeconds <= self.holdTimeSeconds', 'keepAliveTimeSeconds can not be larger than holdTimeSeconds'))),
  authSecretRef: text(), ebgpMultihop: number(1, 255, { default: 1 }),
  gracefulRestart: object({ enabled: { type: 'boolean' }, restartTimeSeconds: number(1, 4_095, { default: 120 }) }, ['enabled']),
  families: list(object({ ...family, advertisements: labelSelector }, ['afi', 'safi'], unicast)),
}, undefined, rules(unsaid('authSecretRef', 'use a peer without a password')))

const nodeStatus = object({
  bgpInstances: named(object({
    name: text(), localASN: asn,
    peers: named(object({
      name: text(), peerAddress: text(), peerASN: number(0, 4_294_967_295), peeringState: text(), establishedTime: text(),
      timers: object({ appliedHoldTimeSeconds: number(0, 65_535), appliedKeepaliveSeconds: number(0, 65_535) }),
      routeCount: list(object({ ...family, received: number(0, 2_147_483_647), advertised: number(0, 2_147_483_647) }, ['afi', 'safi'])),
    }, ['name', 'peerAddress'])),
  }, ['name'])),
  conditions,
})

interface Kind { readonly version: 'v2alpha1'; readonly plural: string; readonly singular: string; readonly kind: string; readonly short: string[]; readonly scope: 'Cluster'; readonly categories: string[]; readonly schema: Record<string, Schema>; readonly columns: object[]; readonly status?: boolean }

function kind(plural: string, name: string, short: string, spec: Schema, status?: Schema): Kind {
  return {
    version: 'v2alpha1', plural, singular: name.toLowerCase(), kind: name, short: [short], scope: 'Cluster', categories: ['cilium', 'ciliumbgp'], schema: { spec, ...(status ? { status } : {}) },
    columns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }], ...(status ? { status: true } : {}),
  }
}

const instances = (peers: Schema, more: Record<string, Schema> = {}, extra: Schema = {}): Schema => named(object({ name, localASN: asn, peers: named(peers), ...more }, ['name'], extra), { minItems: 1, maxItems: 16 })

export const BGP_KINDS: readonly Kind[] = [
  kind('ciliumbgpclusterconfigs', 'CiliumBGPClusterConfig', 'cbgpcluster', object({ nodeSelector: labelSelector, bgpInstances: instances(peer(), { localPort: number(1, 65_535) }, rules(unsaid('localPort', 'the agents connect, and listen to nobody'))) }, ['bgpInstances']), object({ conditions })),
  kind('ciliumbgppeerconfigs', 'CiliumBGPPeerConfig', 'cbgppeer', peerConfig, object({ conditions })),
  kind('ciliumbgpadvertisements', 'CiliumBGPAdvertisement', 'cbgpadvert', object({ advertisements: list(advertisement) }, ['advertisements'])),
  kind('ciliumbgpnodeconfigs', 'CiliumBGPNodeConfig', 'cbgpnode', object({ bgpInstances: instances(peer({ localAddress: address }), { routerID: text({ format: 'ipv4' }) }) }, ['bgpInstances']), nodeStatus),
  kind('ciliumbgpnodeconfigoverrides', 'CiliumBGPNodeConfigOverride', 'cbgpnodeoverride', object({
    bgpInstances: instances(object({ name, localAddress: address, localPort: anything }, ['name']), { routerID: text({ format: 'ipv4' }), localPort: number(1, 65_535) }, rules(unsaid('localPort', 'the agents connect, and listen to nobody'))),
  }, ['bgpInstances'])),
]
