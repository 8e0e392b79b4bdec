import type * as core from 'kubernetes-types/core/v1'
import type * as networking from 'kubernetes-types/networking/v1'
import { canonicalIp, prefixContains, tryParseCidr } from '../../network/address.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import type { NetworkPolicy } from '../types.ts'
import { withoutLeadingZeros } from './common.ts'
import { dns1123Subdomain, pathSegment, portName, portNumber } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'

/** NetworkPolicies: pkg/apis/networking/validation (v1.33). */
const PROTOCOLS = ['TCP', 'UDP', 'SCTP']
export const CIDR_ERROR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
const POLICY_TYPES = ['Ingress', 'Egress']

export function validateNetworkPolicy({ spec }: NetworkPolicy, errors: FieldErrors): void {
  validateLabelSelector(spec.podSelector, 'spec.podSelector', errors)
  spec.ingress?.forEach(({ ports, from }, i) => {
    ports?.forEach((port, k) => validatePort(port, `spec.ingress[${i}].ports[${k}]`, errors))
    from?.forEach((peer, k) => validatePeer(peer, `spec.ingress[${i}].from[${k}]`, errors))
  })
  spec.egress?.forEach(({ ports, to }, i) => {
    ports?.forEach((port, k) => validatePort(port, `spec.egress[${i}].ports[${k}]`, errors))
    to?.forEach((peer, k) => validatePeer(peer, `spec.egress[${i}].to[${k}]`, errors))
  })
  const types = spec.policyTypes ?? []
  if (types.length > POLICY_TYPES.length) return errors.invalid('spec.policyTypes', new GoValue(`[]networking.PolicyType{${types.map(quote).join(', ')}}`), 'may not specify more than two policyTypes')
  types.forEach((type, i) => {
    if (!POLICY_TYPES.includes(type)) errors.notSupported(`spec.policyTypes[${i}]`, type, POLICY_TYPES)
  })
}

function validatePort({ protocol, port, endPort }: networking.NetworkPolicyPort, path: string, errors: FieldErrors): void {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.notSupported(`${path}.protocol`, protocol, PROTOCOLS)
  if (port === undefined) {
    if (endPort !== undefined) errors.invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified')
  } else if (typeof port === 'number') {
    errors.invalidEach(`${path}.port`, port, portNumber(port))
    if (endPort === undefined) return
    if (endPort < port) errors.invalid(`${path}.endPort`, endPort, 'must be greater than or equal to `port`')
    errors.invalidEach(`${path}.endPort`, endPort, portNumber(endPort))
  } else {
    if (endPort !== undefined) errors.invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric')
    errors.invalidEach(`${path}.port`, port, portName(port))
  }
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: networking.NetworkPolicyPeer, path: string, errors: FieldErrors): void {
  validateLabelSelector(podSelector, `${path}.podSelector`, errors)
  validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, errors)
  if (ipBlock) validateIpBlock(ipBlock, `${path}.ipBlock`, errors)
  if (!podSelector && !namespaceSelector && !ipBlock) errors.required(path, 'must specify a peer')
  else if (ipBlock && (podSelector || namespaceSelector)) errors.forbidden(path, 'may not specify both ipBlock and another peer')
}

function validateIpBlock({ cidr, except = [] }: networking.IPBlock, path: string, errors: FieldErrors): void {
  if (!cidr) return errors.required(`${path}.cidr`)
  const whole = validCidr(cidr, `${path}.cidr`, errors)
  if (!whole) return
  except.forEach((text, i) => {
    const part = validCidr(text, `${path}.except[${i}]`, errors)
    if (!part) return
    const within = part.version === whole.version && prefixContains(whole, part.network) && part.length > whole.length
    if (!within) errors.invalid(`${path}.except[${i}]`, text, 'must be a strict subset of `cidr`')
  })
}

/** IsValidCIDRForLegacyField: leading zeros and host bits are allowed. */
function validCidr(text: string, path: string, errors: FieldErrors): ReturnType<typeof tryParseCidr> {
  const prefix = text.includes('/') ? tryParseCidr(withoutLeadingZeros(text)) : undefined
  if (!prefix) errors.invalid(path, text, CIDR_ERROR)
  return prefix
}


/** GetWarningsForCIDR of apimachinery: what is accepted and yet is not what one meant. */
export function cidrWarnings(text: string, path: string): string[] {
  const prefix = tryParseCidr(withoutLeadingZeros(text))
  if (!prefix) return []
  const { version, address, network, length } = prefix
  const canonical = `${network}/${length}`
  const warnings: string[] = []
  if (address !== network) {
    const single = `${address}/${version === 4 ? 32 : 128}`
    warnings.push(`${path}: CIDR value ${quote(text)} is ambiguous in this context (should be ${quote(canonical)} or ${quote(single)}?)`)
  }
  if (withoutLeadingZeros(text) !== text) {
    warnings.push(`${path}: non-standard CIDR value ${quote(text)} will be considered invalid in a future Kubernetes release: use ${quote(canonical)}`)
  } else if (warnings.length === 0 && version === 6 && canonical !== text) {
    warnings.push(`${path}: IPv6 CIDR value ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`)
  }
  return warnings
}

/** GetWarningsForIP of apimachinery. */
export function ipWarnings(text: string, path: string): string[] {
  const canonical = canonicalIp(withoutLeadingZeros(text))
  if (canonical === undefined) return []
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
  if (mapped !== undefined || withoutLeadingZeros(text) !== text) return [`${path}: non-standard IP address ${quote(text)} will be considered invalid in a future Kubernetes release: use ${quote(mapped ?? canonical)}`]
  return canonical !== text ? [`${path}: IPv6 address ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`] : []
}

export function networkPolicyWarnings({ spec }: NetworkPolicy): string[] {
  const ofPeers = (peers: readonly networking.NetworkPolicyPeer[] | undefined, path: string): string[] =>
    (peers ?? []).flatMap(({ ipBlock }, i) => {
      if (!ipBlock) return []
      const at = `${path}[${i}].ipBlock`
      return [...cidrWarnings(ipBlock.cidr, `${at}.cidr`), ...(ipBlock.except ?? []).flatMap((text, k) => cidrWarnings(text, `${at}.except[${k}]`))]
    })
  return [
    ...(spec.ingress ?? []).flatMap(({ from }, i) => ofPeers(from, `spec.ingress[${i}].from`)),
    ...(spec.egress ?? []).flatMap(({ to }, i) => ofPeers(to, `spec.egress[${i}].to`)),
  ]
}

/** References of Ingress backends: apiGroup, kind and name. */
export function validateTypedReference(reference: Pick<core.TypedLocalObjectReference, 'apiGroup' | 'kind' | 'name'>, path: string, errors: FieldErrors): void {
  const { apiGroup, kind, name } = reference
  if (apiGroup !== undefined) errors.invalidEach(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup))
  if (!kind) errors.required(`${path}.kind`)
  else errors.invalidEach(`${path}.kind`, kind, pathSegment(kind))
  if (!name) errors.required(`${path}.name`)
  else errors.invalidEach(`${path}.name`, name, pathSegment(name))
}
