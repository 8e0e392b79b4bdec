import { ipVersion } from '../../network/address.ts'
import type { FieldErrors } from '../field-errors.ts'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice } from '../types.ts'
import { oneOf, PROTOCOLS, validIp } from './common.ts'
import { validateReachable } from './services.ts'
import { dns1123Label, dns1123Subdomain, portNumber } from './names.ts'

/** Endpoints and EndpointSlices: pkg/apis/core/validation, pkg/apis/discovery/validation (v1.33). */
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']
const MAX_ENDPOINTS = 1000
const MAX_ADDRESSES = 100
const MAX_PORTS = 20_000

export function validateEndpoints({ subsets }: Endpoints, errors: FieldErrors): void {
  subsets?.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const path = `subsets[${i}]`
    if (addresses.length + notReadyAddresses.length === 0) errors.required(path, 'must specify `addresses` or `notReadyAddresses`')
    addresses.forEach((a, k) => validEndpoint(a.ip, `${path}.addresses[${k}].ip`, errors))
    notReadyAddresses.forEach((a, k) => validEndpoint(a.ip, `${path}.notReadyAddresses[${k}].ip`, errors))
    ports.forEach((port, k) => {
      const at = `${path}.ports[${k}]`
      if (!port.name) {
        if (ports.length > 1) errors.required(`${at}.name`)
      } else errors.invalidEach(`${at}.name`, port.name, dns1123Label(port.name))
      errors.invalidEach(`${at}.port`, port.port, portNumber(port.port))
      oneOf(port.protocol, PROTOCOLS, `${at}.protocol`, errors)
    })
  })
}

function validEndpoint(ip: string, path: string, errors: FieldErrors): void {
  validIp(ip, path, errors)
  validateReachable(ip, path, errors)
}

export function validateEndpointSlice(slice: EndpointSlice, errors: FieldErrors): void {
  const { addressType, endpoints, ports = [] } = slice
  if (!addressType) errors.required('addressType')
  else if (!ADDRESS_TYPES.includes(addressType)) errors.notSupported('addressType', addressType, ADDRESS_TYPES)
  if (endpoints.length > MAX_ENDPOINTS) return errors.tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)
  endpoints.forEach(({ addresses, hostname }, i) => {
    const path = `endpoints[${i}]`
    if (addresses.length === 0) errors.required(`${path}.addresses`, 'must contain at least 1 address')
    else if (addresses.length > MAX_ADDRESSES) errors.tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES)
    addresses.forEach((address, k) => {
      const at = `${path}.addresses[${k}]`
      if (addressType === 'FQDN') errors.invalidEach(at, address, dns1123Subdomain(address))
      else if (addressType === 'IPv4' || addressType === 'IPv6') {
        if (ipVersion(address) !== (addressType === 'IPv6' ? 6 : 4)) errors.invalid(at, address, `must be a valid ${addressType} address`)
        validateReachable(address, at, errors)
      }
    })
    if (hostname) errors.invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname))
  })
  if (ports.length > MAX_PORTS) return errors.tooMany('ports', ports.length, MAX_PORTS)
  const names = new Set<string>()
  ports.forEach(({ name = '', protocol }, i) => {
    const path = `ports[${i}]`
    if (name) errors.invalidEach(`${path}.name`, name, dns1123Label(name))
    if (names.has(name)) errors.duplicate(`${path}.name`, name)
    names.add(name)
    oneOf(protocol, PROTOCOLS, `${path}.protocol`, errors)
  })
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice, errors: FieldErrors): void {
  validateEndpointSlice(slice, errors)
  if (slice.addressType !== old.addressType) errors.invalid('addressType', slice.addressType, 'field is immutable')
}
