import { ipVersion } from '../../network/address.ts'
import type { FieldErrors } from '../field-errors.ts'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice } from '../types.ts'
import { oneOf, PROTOCOLS, refuseLeadingZeros, validIp } from './common.ts'
import { validateReachable } from './services.ts'
import { dns1123Label, dns1123Subdomain, labelValue, portNumber, qualifiedName } from './names.ts'
import { validateLabels } from './object-meta.ts'

/** Endpoints and EndpointSlices: pkg/apis/core/validation, pkg/apis/discovery/validation (v1.33). */
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']
const MAX_ENDPOINTS = 1000
const MAX_ADDRESSES = 100
const MAX_PORTS = 20_000
const MAX_TOPOLOGY_LABELS = 16
const MAX_ZONE_HINTS = 8

export function validateEndpoints({ subsets }: Endpoints, errors: FieldErrors): void {
  subsets?.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const path = `subsets[${i}]`
    if (addresses.length + notReadyAddresses.length === 0) errors.required(path, 'must specify `addresses` or `notReadyAddresses`')
    addresses.forEach((a, k) => validEndpoint(a, `${path}.addresses[${k}]`, errors))
    notReadyAddresses.forEach((a, k) => validEndpoint(a, `${path}.notReadyAddresses[${k}]`, errors))
    ports.forEach((port, k) => {
      const at = `${path}.ports[${k}]`
      if (!port.name) {
        if (ports.length > 1) errors.required(`${at}.name`)
      } else errors.invalidEach(`${at}.name`, port.name, dns1123Label(port.name))
      errors.invalidEach(`${at}.port`, port.port, portNumber(port.port))
      oneOf(port.protocol, PROTOCOLS, `${at}.protocol`, errors)
      if (port.appProtocol !== undefined) errors.invalidEach(`${at}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol))
    })
  })
}

function validEndpoint({ ip, hostname, nodeName }: { ip: string; hostname?: string; nodeName?: string }, path: string, errors: FieldErrors): void {
  validIp(ip, `${path}.ip`, errors)
  if (hostname) errors.invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname))
  if (nodeName !== undefined) errors.invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName))
  reachable(ip, `${path}.ip`, errors)
}

/** What is no address is said a second time. */
function reachable(ip: string, path: string, errors: FieldErrors): void {
  if (ipVersion(ip) === undefined) errors.invalid(path, ip, 'must be a valid IP address')
  else validateReachable(ip, path, errors)
}

/** IsFullyQualifiedDomainName of apimachinery: a dot at the end is no part of it. */
function fullyQualified(address: string, path: string, errors: FieldErrors): void {
  if (address === '') return errors.required(path)
  const name = address.replace(/\.$/, '')
  const labels = name.split('.')
  const wrong = dns1123Subdomain(name)
  if (wrong.length > 0) return errors.invalid(path, name, wrong.join(','))
  if (labels.length < 2) return errors.invalid(path, name, 'should be a domain with at least two segments separated by dots')
  const label = labels.find((each) => dns1123Label(each).length > 0)
  if (label !== undefined) errors.invalid(path, label, dns1123Label(label).join(','))
}

export function validateEndpointSlice(slice: EndpointSlice, errors: FieldErrors): void {
  const { addressType, endpoints, ports = [] } = slice
  if (!addressType) errors.required('addressType')
  else if (!ADDRESS_TYPES.includes(addressType)) errors.notSupported('addressType', addressType, ADDRESS_TYPES)
  if (endpoints.length > MAX_ENDPOINTS) return errors.tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)
  endpoints.forEach(({ addresses, hostname, nodeName, deprecatedTopology, hints }, i) => {
    const path = `endpoints[${i}]`
    if (addresses.length === 0) errors.required(`${path}.addresses`, 'must contain at least 1 address')
    else if (addresses.length > MAX_ADDRESSES) errors.tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES)
    addresses.forEach((address, k) => {
      const at = `${path}.addresses[${k}]`
      if (addressType === 'FQDN') fullyQualified(address, at, errors)
      else if (addressType === 'IPv4' || addressType === 'IPv6') {
        if (ipVersion(address) !== (addressType === 'IPv6' ? 6 : 4)) {
          refuseLeadingZeros(address)
          errors.invalid(at, address, `must be a valid ${addressType} address`)
        }
        reachable(address, at, errors)
      }
    })
    if (nodeName !== undefined) errors.invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName))
    if (deprecatedTopology) {
      const labels = Object.keys(deprecatedTopology).length
      if (labels > MAX_TOPOLOGY_LABELS) errors.tooMany(`${path}.deprecatedTopology`, labels, MAX_TOPOLOGY_LABELS)
      validateLabels(deprecatedTopology, `${path}.deprecatedTopology`, errors)
    }
    if (hostname !== undefined) errors.invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname))
    if (hints?.forZones) validateZones(hints.forZones, `${path}.hints.forZones`, errors)
  })
  if (ports.length > MAX_PORTS) return errors.tooMany('ports', ports.length, MAX_PORTS)
  const names = new Set<string>()
  ports.forEach(({ name = '', protocol, appProtocol }, i) => {
    const path = `ports[${i}]`
    if (name) errors.invalidEach(`${path}.name`, name, dns1123Label(name))
    if (names.has(name)) errors.duplicate(`${path}.name`, name)
    names.add(name)
    oneOf(protocol, PROTOCOLS, `${path}.protocol`, errors)
    if (appProtocol !== undefined) errors.invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol))
  })
}

function validateZones(zones: readonly { name: string }[], path: string, errors: FieldErrors): void {
  if (zones.length > MAX_ZONE_HINTS) return errors.tooMany(path, zones.length, MAX_ZONE_HINTS)
  const seen = new Set<string>()
  zones.forEach(({ name }, i) => {
    const at = `${path}[${i}].name`
    if (seen.has(name)) errors.duplicate(at, name)
    seen.add(name)
    errors.invalidEach(at, name, labelValue(name))
  })
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice, errors: FieldErrors): void {
  validateEndpointSlice(slice, errors)
  if (slice.addressType !== old.addressType) errors.invalid('addressType', slice.addressType, 'field is immutable')
}
