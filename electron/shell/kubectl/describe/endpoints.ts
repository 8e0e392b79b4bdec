import type { EndpointSlice, KubeObject } from '../../../engine/kubernetes/types.ts'
import { at, list, text } from '../objects.ts'
import type { Description } from './writer.ts'

export function describeEndpoints(d: Description, endpoints: KubeObject): void {
  d.head(endpoints)
  d.labels('Labels', endpoints.metadata.labels)
  d.annotations('Annotations', endpoints.metadata.annotations)
  d.line(0, 'Subsets:')
  for (const subset of list(at(endpoints, 'subsets'))) {
    const ips = (key: string): string => list(at(subset, key)).map((a) => text(at(a, 'ip'))).join(',') || '<none>'
    d.field('Addresses', ips('addresses'), 1)
    d.field('NotReadyAddresses', ips('notReadyAddresses'), 1)
    const ports = list(at(subset, 'ports'))
    if (ports.length > 0) {
      d.line(1, 'Ports:')
      d.line(2, 'Name\tPort\tProtocol')
      d.line(2, '----\t----\t--------')
      for (const port of ports) d.line(2, `${text(at(port, 'name')) || '<unset>'}\t${text(at(port, 'port'))}\t${text(at(port, 'protocol'))}`)
    }
    d.line(0, '')
  }
  d.events(endpoints)
}

export function describeEndpointSlice(d: Description, slice: EndpointSlice): void {
  d.head(slice)
  d.labels('Labels', slice.metadata.labels)
  d.annotations('Annotations', slice.metadata.annotations)
  d.field('AddressType', slice.addressType)
  if (!slice.ports || slice.ports.length === 0) d.line(0, 'Ports: <unset>')
  else {
    d.line(0, 'Ports:')
    d.line(1, 'Name\tPort\tProtocol')
    d.line(1, '----\t----\t--------')
    for (const port of slice.ports) d.line(1, `${port.name || '<unset>'}\t${port.port === undefined ? '<unset>' : port.port}\t${port.protocol ?? ''}`)
  }
  if (slice.endpoints.length === 0) d.line(0, 'Endpoints: <none>')
  else {
    d.line(0, 'Endpoints:')
    for (const endpoint of slice.endpoints) {
      d.line(1, `- Addresses:\t${endpoint.addresses.join(', ') || '<none>'}`)
      d.line(2, 'Conditions:')
      d.field('Ready', endpoint.conditions?.ready === undefined ? '<unset>' : endpoint.conditions.ready, 3)
      d.field('Hostname', endpoint.hostname ?? '<unset>', 2)
      if (endpoint.targetRef) d.field('TargetRef', `${endpoint.targetRef.kind ?? ''}/${endpoint.targetRef.name ?? ''}`, 2)
      d.field('NodeName', endpoint.nodeName ?? '<unset>', 2)
      d.field('Zone', endpoint.zone ?? '<unset>', 2)
    }
  }
  d.events(slice)
}
