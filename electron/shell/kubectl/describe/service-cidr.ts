import type { IPAddress, ServiceCIDR } from '../../../engine/kubernetes/types.ts'
import { type Description, rfc1123 } from './writer.ts'

export function describeServiceCidr(d: Description, range: ServiceCIDR): void {
  const { metadata, spec, status } = range
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('CIDRs', (spec.cidrs ?? []).join(', '))
  if (status.conditions?.length) {
    d.line(0, 'Status:')
    d.line(0, 'Conditions:')
    d.line(1, 'Type\tStatus\tLastTransitionTime\tReason\tMessage')
    d.line(1, '----\t------\t------------------\t------\t-------')
    for (const c of status.conditions) d.line(1, `${c.type}\t${c.status}\t${rfc1123(c.lastTransitionTime)}\t${c.reason}\t${c.message}`)
  }
  d.events(range)
}

export function describeIpAddress(d: Description, address: IPAddress): void {
  const { metadata, spec } = address
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  if (spec.parentRef) {
    d.line(0, 'Parent Reference:')
    d.field('Group', spec.parentRef.group, 1)
    d.field('Resource', spec.parentRef.resource, 1)
    d.field('Namespace', spec.parentRef.namespace, 1)
    d.field('Name', spec.parentRef.name, 1)
  }
  d.events(address)
}
