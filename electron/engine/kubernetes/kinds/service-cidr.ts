import { ipVersion } from '../../network/address.ts'
import type { IPAddress, ServiceCIDR } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { ipAddressName, validateIpAddress, validateIpAddressUpdate, validateServiceCidr, validateServiceCidrUpdate } from '../validation/service-cidr.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** networking.k8s.io/v1 ServiceCIDR (KEP-1880). */
export const serviceCidr: Kind<ServiceCIDR> = {
  resource: apiResource('ServiceCIDR', 'servicecidrs', { group: 'networking.k8s.io', namespaced: false, subresources: ['status'] }),
  type: 'ServiceCIDR',
  validName: dns1123Subdomain,
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
  columns: [NAME, { name: 'CIDRs', cell: ({ spec }) => (spec.cidrs ?? []).join(',') }, AGE],
}

/** networking.k8s.io/v1 IPAddress: that an address of a ServiceCIDR is taken, and by whom. */
export const ipAddress: Kind<IPAddress> = {
  resource: apiResource('IPAddress', 'ipaddresses', { group: 'networking.k8s.io', shortNames: ['ip'], namespaced: false }),
  type: 'IPAddress',
  validName: ipAddressName,
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
  fields: {
    'spec.parentRef.group': ({ spec }) => spec.parentRef?.group ?? '',
    'spec.parentRef.resource': ({ spec }) => spec.parentRef?.resource ?? '',
    'spec.parentRef.namespace': ({ spec }) => spec.parentRef?.namespace ?? '',
    'spec.parentRef.name': ({ spec }) => spec.parentRef?.name ?? '',
  },
  columns: [NAME, { name: 'ParentRef', cell: parent }, AGE],
}

function parent({ spec }: IPAddress): string {
  if (!spec.parentRef) return '<none>'
  const { group, resource = '', namespace, name = '' } = spec.parentRef
  return [`${resource}${group ? `.${group}` : ''}`.toLowerCase(), ...(namespace ? [namespace] : []), name].join('/')
}

const MANAGED_BY = { label: 'ipaddress.kubernetes.io/managed-by', value: 'ipallocator.k8s.io' }

/** The labels of an address that the API server itself took for a Service. */
export function allocatedLabels(ip: string): Record<string, string> {
  return { 'ipaddress.kubernetes.io/ip-family': ipVersion(ip) === 6 ? 'IPv6' : 'IPv4', [MANAGED_BY.label]: MANAGED_BY.value }
}

export function isAllocated({ metadata }: IPAddress): boolean {
  return metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value
}
