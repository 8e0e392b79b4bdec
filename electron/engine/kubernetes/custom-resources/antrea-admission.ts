import { isValidIp, parseCidr, tryParseCidr } from '../../network/address.ts'
import { hex } from '../../sha256.ts'
import { sha1 } from '../../sha1.ts'
import { encodeUtf8 } from '../../text.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { Kind } from '../kinds/kind.ts'
import type { KubeObject, LabelSelector } from '../types.ts'
import { labelValue, qualifiedName } from '../validation/names.ts'

/** What antrea-controller's webhooks say of Antrea's policies (pkg/controller/networkpolicy/validate.go and mutate.go of v2.4), in the order in which they look. */
interface Selected { podSelector?: LabelSelector; namespaceSelector?: LabelSelector; nodeSelector?: LabelSelector; group?: string; serviceAccount?: object; service?: object }
interface Peer extends Selected { ipBlock?: { cidr?: string; except?: string[] }; namespaces?: { sameLabels?: string[] }; fqdn?: string }
interface Rule {
  action: string
  name?: string
  from?: Peer[]
  to?: Peer[]
  toServices?: object[]
  ports?: { protocol?: string; port?: number | string; endPort?: number; sourcePort?: number; sourceEndPort?: number }[]
  protocols?: object[]
  l7Protocols?: object[]
  appliedTo?: Selected[]
}
interface Spec { tier?: string; appliedTo?: Selected[]; ingress?: Rule[]; egress?: Rule[] }

/** The static tiers need no object. */
const STATIC_TIERS = ['', 'emergency', 'securityops', 'networkops', 'platform', 'application', 'baseline']
const DIRECTIONS = ['ingress', 'egress'] as const

export function antreaPolicy(webhook: string): NonNullable<Kind['deny']> {
  return (object, { store }) => {
    const spec = (object as { spec?: Spec }).spec ?? {}
    const { tier = '' } = spec
    const there = STATIC_TIERS.includes(tier.toLowerCase()) || store.get('tiers.crd.antrea.io', '', tier) !== undefined
    const why = there ? objection(spec) : `tier ${tier} does not exist`
    return why === undefined ? undefined : { webhook, why }
  }
}

function objection(spec: Spec): string | undefined {
  const { ingress = [], egress = [], tier = '' } = spec
  const rules = [...ingress, ...egress]
  if (tier.toLowerCase() === 'baseline' && rules.some(({ action }) => action === 'Pass')) return '`Pass` action should not be set for Baseline Tier policy rules'
  const names = rules.map(({ name }) => name)
  if (new Set(names).size < names.length) return 'rules names must be unique within the policy'
  return ofTargets(spec, rules) ?? first(rules.flatMap(({ from, to, ...rule }) => [withServices(rule, to), ...(from ?? to ?? []).map(ofPeer)])) ?? first(rules.map(ofLayers)) ?? first(rules.map(ofPorts))
}

const first = (words: readonly (string | undefined)[]): string | undefined => words.find((word) => word !== undefined)
/** numFieldsSetInStruct */
const fieldsOf = (given: object): number => Object.values(given).filter((value) => value !== undefined && value !== '').length

function ofTargets({ appliedTo = [] }: Spec, rules: readonly Rule[]): string | undefined {
  const own = rules.filter((rule) => (rule.appliedTo?.length ?? 0) > 0)
  if (appliedTo.length > 0 && own.length > 0) return 'appliedTo should not be set in both spec and rules'
  if (appliedTo.length === 0 && own.length === 0) return 'appliedTo needs to be set in either spec or rules'
  if (own.length > 0 && own.length < rules.length) return 'appliedTo field should either be set in all rules or in none of them'
  return first([...appliedTo, ...own.flatMap((rule) => rule.appliedTo!)].map((each) => {
    if (each.group && fieldsOf(each) > 1) return 'group cannot be set with other peers in appliedTo'
    if (each.serviceAccount && fieldsOf(each) > 1) return 'serviceAccount cannot be set with other peers in appliedTo'
    return ofSelectors(each)
  }))
}

function withServices({ toServices, ports, protocols }: Rule, to: readonly Peer[] | undefined): string | undefined {
  return toServices && ((to?.length ?? 0) > 0 || ports || protocols) ? '`toServices` cannot be used with `to`, `ports` or `protocols`' : undefined
}

function ofPeer(peer: Peer): string | undefined {
  const { namespaceSelector, namespaces, ipBlock, group, serviceAccount, nodeSelector, fqdn } = peer
  if (namespaceSelector && namespaces) return 'namespaces and namespaceSelector cannot be set at the same time for a single NetworkPolicyPeer'
  const key = namespaces?.sameLabels?.find((label) => qualifiedName(label).length > 0)
  if (key !== undefined) return `Invalid label key in sameLabels rule: ${key}`
  const block = ipBlock && ofBlock(ipBlock)
  if (block !== undefined) return block
  for (const [name, value] of Object.entries({ group, serviceAccount, nodeSelector })) if (value && fieldsOf(peer) > 1) return `${name} cannot be set with other peers in rules`
  const selectors = ofSelectors(peer)
  if (selectors !== undefined) return selectors
  return fqdn && !/^[-0-9a-zA-Z.*]+$/.test(fqdn) ? `invalid characters in egress rule fqdn field: ${fqdn}` : undefined
}

function ofBlock({ cidr = '', except = [] }: NonNullable<Peer['ipBlock']>): string | undefined {
  if (cidr === '') return "field 'cidr' is required in an ipBlock"
  const invalid = (text: string): string => `invalid CIDR address: ${text}`
  if (!tryParseCidr(cidr)) return invalid(cidr)
  const whole = parseCidr(cidr)
  for (const text of except) {
    const hole = tryParseCidr(text)
    if (!hole) return `invalid except CIDR value: ${invalid(text)}`
    const inside = hole.version === whole.version && hole.length > whole.length && (whole.version === 4 ? hole.base >= whole.base && hole.base < whole.base + 2 ** (32 - whole.length) : (hole.base6 & whole.mask6) === whole.base6)
    if (!inside) return `except CIDR ${text} is not a strict subset of CIDR ${cidr}`
  }
  return undefined
}

function ofSelectors({ podSelector, namespaceSelector, nodeSelector }: Selected): string | undefined {
  for (const selector of [podSelector, namespaceSelector, nodeSelector]) {
    for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
      const [badKey, badValue] = [qualifiedName(key), labelValue(value)]
      if (badKey.length > 0) return `Invalid label key: ${key}: ${badKey.join('; ')}`
      if (badValue.length > 0) return `Invalid label value: ${value}: ${badValue.join('; ')}`
    }
  }
  return undefined
}

/** Multicast needs its own words; layer 7 a feature gate that is off. */
function ofLayers({ action, to = [], l7Protocols = [] }: Rule): string | undefined {
  const blocks = to.flatMap(({ ipBlock }) => ipBlock?.cidr ?? [])
  const [multicast, unicast] = [true, false].map((wanted) => blocks.some((cidr) => isMulticast(cidr) === wanted))
  if (multicast && (action === 'Pass' || action === 'Reject')) return 'multicast does not support action Pass or Reject'
  if (multicast && unicast) return 'can not set multicast groupAddress and unicast ip address at the same time'
  return l7Protocols.length > 0 ? 'layer 7 protocols can only be used when L7NetworkPolicy is enabled' : undefined
}

function isMulticast(cidr: string): boolean {
  const address = cidr.split('/')[0]!
  return isValidIp(address) && (address.includes(':') ? /^ff/i.test(address) : Number(address.split('.')[0]) >= 224 && Number(address.split('.')[0]) < 240)
}

function ofPorts({ ports = [] }: Rule): string | undefined {
  for (const { port, endPort, sourcePort, sourceEndPort } of ports) {
    if (endPort !== undefined) {
      if (port === undefined) return 'if `endPort` is specified `port` must be specified'
      if (typeof port === 'string') return 'if `port` is a string `endPort` cannot be specified'
      if (endPort < port) return '`endPort` should be greater than or equal to `port`'
    }
    if (sourceEndPort !== undefined) {
      if (sourcePort === undefined) return 'if `sourceEndPort` is specified `sourcePort` must be specified'
      if (sourceEndPort < sourcePort) return '`sourceEndPort` should be greater than or equal to `sourcePort`'
    }
  }
  return undefined
}

// ---- tiers and groups ------------------------------------------------------------------------------------------------

const TIERS = 'tiers.crd.antrea.io'
/** Of AdminNetworkPolicies, and what is left beside them. */
const RESERVED_PRIORITIES = [251, 252, 254, 255]
const MOST_TIERS = 20

interface Tier extends KubeObject { spec: { priority: number } }

export const antreaTier: NonNullable<Kind['deny']> = (object, { store }) => {
  const { metadata: { name }, spec: { priority } } = object as Tier
  const all = store.list(TIERS, undefined) as readonly Tier[]
  const before = store.get(TIERS, '', name) as Tier | undefined
  const why = before
    ? before.spec.priority === priority ? undefined : 'update to Tier priority is not allowed'
    : new Set(all.map((tier) => tier.spec.priority)).size >= MOST_TIERS ? `maximum number of Tiers supported: ${MOST_TIERS}`
      : RESERVED_PRIORITIES.includes(priority) ? `tier ${name} priority ${priority} is reserved`
        : all.some((tier) => tier.spec.priority === priority) ? `tier ${name} priority ${priority} overlaps with existing Tier` : undefined
  return why === undefined ? undefined : { webhook: 'tiervalidator.antrea.io', why }
}

interface Group extends KubeObject { spec: Selected & { ipBlocks?: NonNullable<Peer['ipBlock']>[]; childGroups?: string[] } }

/** Of a ClusterGroup or a Group: one kind of member; groups of groups have no groups among their own. */
export function antreaGroup(resource: string, webhook: string): NonNullable<Kind['deny']> {
  return (object, { store }) => {
    const why = ofGroup(object as Group) ?? ofChildren(object as Group, store.list(resource, object.metadata.namespace) as readonly Group[])
    return why === undefined ? undefined : { webhook, why }
  }
}

function ofGroup({ kind, spec }: Group): string | undefined {
  const set = fieldsOf(spec)
  if (set > 2 || (set === 2 && !(spec.namespaceSelector && spec.podSelector))) {
    return kind === 'Group' ? 'At most one of podSelector, externalEntitySelector, serviceReference, ipBlocks or childGroups can be set for a Group' : 'At most one of podSelector, externalEntitySelector, serviceReference, ipBlock, ipBlocks or childGroups can be set for a ClusterGroup'
  }
  const { ipBlocks = [] } = spec
  const why = ofSelectors(spec) ?? first(ipBlocks.map(ofBlock))
  if (why !== undefined) return why
  return ipBlocks.some(({ cidr = '' }) => isMulticast(cidr)) && ipBlocks.some(({ cidr = '' }) => !isMulticast(cidr)) ? 'can not set multicast groupAddress together with unicast ip address' : undefined
}

function ofChildren({ kind, metadata: { name, namespace }, spec: { childGroups = [] } }: Group, all: readonly Group[]): string | undefined {
  if (childGroups.length === 0) return undefined
  const full = (group: string): string => `${kind!} ${namespace === undefined ? group : `${namespace}/${group}`}`
  const parents = all.filter((group) => group.spec.childGroups?.includes(name)).length
  if (parents > 0) return `cannot set childGroups for ${full(name)}, who has ${parents} parents`
  for (const child of childGroups) {
    const own = all.find((group) => group.metadata.name === child)?.spec.childGroups?.length ?? 0
    if (own > 0) return `cannot set ${full(child)} as childGroup, who has ${own} childGroups itself`
  }
  return undefined
}

// ---- the mutating webhook --------------------------------------------------------------------------------------------

/** The tier that a policy without one is of, and names for rules without one. */
export function nameRules(object: object): void {
  const { spec } = object as { spec?: JsonObject }
  if (!isObject(spec)) return
  if (!spec['tier']) spec['tier'] = 'application'
  for (const direction of DIRECTIONS) {
    const rules = spec[direction]
    if (!Array.isArray(rules)) continue
    for (const rule of rules) {
      // what is no rule is refused by the schema
      if (!isObject(rule) || rule['name'] || typeof rule['action'] !== 'string') continue
      const hash = hex(sha1(encodeUtf8(goJson({ enableLogging: false, ...rule }, RULE))))
      rule['name'] = `${direction}-${rule['action'].toLowerCase()}-${hash.slice(0, 7)}`
    }
  }
}

/** A Go struct's fields in their order, and the structs in them; null: what stands there has none. */
interface Fields { readonly [name: string]: Fields | null }
const NAMED: Fields = { name: null, namespace: null }
const SELECTOR: Fields = { matchLabels: null, matchExpressions: { key: null, operator: null, values: null } }
const PEERS: Fields = {
  ipBlock: { cidr: null, except: null }, podSelector: SELECTOR, namespaceSelector: SELECTOR, namespaces: { match: null, sameLabels: null }, externalEntitySelector: SELECTOR,
  group: null, fqdn: null, serviceAccount: NAMED, nodeSelector: SELECTOR, scope: null,
}
/** pkg/apis/crd/v1beta1/types.go */
const RULE: Fields = {
  action: null, ports: { protocol: null, port: null, endPort: null, sourcePort: null, sourceEndPort: null },
  protocols: { icmp: { icmpType: null, icmpCode: null }, igmp: { igmpType: null, groupAddress: null } }, l7Protocols: { http: { host: null, method: null, path: null }, tls: { sni: null } },
  from: PEERS, to: PEERS, toServices: { name: null, namespace: null, scope: null }, name: null, enableLogging: null, logLabel: null,
  appliedTo: { podSelector: SELECTOR, namespaceSelector: SELECTOR, externalEntitySelector: SELECTOR, group: null, serviceAccount: NAMED, service: NAMED, nodeSelector: SELECTOR },
}

/** json.Marshal: fields in the struct's order, those that are empty left out; the keys of maps sorted. */
function goJson(value: unknown, fields: Fields | null): string {
  if (Array.isArray(value)) return `[${value.map((each) => goJson(each, fields)).join()}]`
  if (!isObject(value)) return JSON.stringify(value).replace(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)
  const names = fields ? Object.keys(fields) : Object.keys(value).sort()
  const empty = (each: unknown): boolean => each === undefined || each === '' || (Array.isArray(each) && each.length === 0)
  return `{${names.filter((name) => !empty(value[name]) || (!fields && value[name] === '')).map((name) => `${JSON.stringify(name)}:${goJson(value[name], fields?.[name] ?? null)}`).join()}}`
}
