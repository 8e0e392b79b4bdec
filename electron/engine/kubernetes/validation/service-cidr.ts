import { canonicalIp, tryParseCidr } from '../../network/address.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { deepEqual, quote } from '../json.ts'
import type { IPAddress, ServiceCIDR } from '../types.ts'
import { IP_ERROR } from './common.ts'
import { dns1123Subdomain, pathSegment } from './names.ts'
import { CIDR_ERROR } from './networking.ts'

/** ServiceCIDRs and IPAddresses: pkg/apis/networking/validation (v1.33). */
const IMMUTABLE = 'field is immutable'

/** An IPAddress is called what it is, in its canonical form. */
export function ipAddressName(name: string): string[] {
  const canonical = canonicalIp(name)
  if (canonical === undefined) return [IP_ERROR]
  return canonical === name ? [] : [`must be in canonical form (${quote(canonical)})`]
}

export function validateIpAddress({ spec }: IPAddress, errors: FieldErrors): void {
  const { parentRef } = spec
  if (!parentRef) return errors.required('spec.parentRef')
  const path = 'spec.parentRef'
  if (parentRef.group) errors.invalidEach(`${path}.group`, parentRef.group, dns1123Subdomain(parentRef.group))
  for (const field of ['resource', 'name', 'namespace'] as const) {
    const value = parentRef[field]
    if (value) errors.invalidEach(`${path}.${field}`, value, pathSegment(value))
    else if (field !== 'namespace') errors.required(`${path}.${field}`)
  }
}

export function validateIpAddressUpdate({ spec }: IPAddress, old: IPAddress, errors: FieldErrors): void {
  const { parentRef } = spec
  if (deepEqual(parentRef, old.spec.parentRef)) return
  const { group = '', resource = '', namespace = '', name = '' } = parentRef ?? {}
  const shown = `networking.ParentReference{Group:${quote(group)}, Resource:${quote(resource)}, Namespace:${quote(namespace)}, Name:${quote(name)}}`
  errors.invalid('spec.parentRef', parentRef ? new GoValue(shown) : null, IMMUTABLE)
}

export function validateServiceCidr({ spec }: ServiceCIDR, errors: FieldErrors): void {
  const cidrs = spec.cidrs ?? []
  const path = 'spec.cidrs'
  if (cidrs.length === 0) return errors.required(path, 'at least one CIDR required')
  if (cidrs.length > 2) {
    const shown = `networking.ServiceCIDRSpec{CIDRs:[]string{${cidrs.map(quote).join(', ')}}}`
    return errors.invalid(path, new GoValue(shown), 'may only hold up to 2 values')
  }
  const versions = cidrs.map((cidr, i) => validCanonicalCidr(cidr, `${path}[${i}]`, errors))
  if (cidrs.length === 2 && versions[0] && versions[0] === versions[1]) {
    errors.invalid(path, cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64')
  }
}

/** validation.IsValidCIDR: canonical, and nothing set that the mask does not cover. The IP version that it has. */
function validCanonicalCidr(text: string, path: string, errors: FieldErrors): 4 | 6 | undefined {
  const prefix = text.includes('/') ? tryParseCidr(text) : undefined
  if (!prefix) {
    errors.invalid(path, text, CIDR_ERROR)
    return undefined
  }
  const canonical = `${prefix.network}/${prefix.length}`
  if (prefix.address !== prefix.network) errors.invalid(path, text, 'must not have bits set beyond the prefix length')
  else if (canonical !== text) errors.invalid(path, text, `must be in canonical form (${quote(canonical)})`)
  return prefix.version
}

export function validateServiceCidrUpdate(object: ServiceCIDR, old: ServiceCIDR, errors: FieldErrors): void {
  const cidrs = object.spec.cidrs ?? []
  const before = old.spec.cidrs ?? []
  if (cidrs.length === before.length) {
    before.forEach((cidr, i) => {
      if (cidr !== cidrs[i]) errors.invalid(`spec.cidrs[${i}]`, cidrs[i], IMMUTABLE)
    })
  } else if (before.length === 1 && cidrs.length === 2) {
    // One family may become two.
    if (cidrs[0] !== before[0]) errors.invalid('spec.cidrs[0]', cidrs[0], IMMUTABLE)
    validateServiceCidr(object, errors)
  } else errors.invalid('spec.cidrs', cidrs, IMMUTABLE)
}
