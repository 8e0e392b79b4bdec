import type { EndpointSlice, Service } from '../../../engine/kubernetes/types.ts'
import { formatLabels } from '../printers/table.ts'
import type { Description } from './writer.ts'

export function describeService(d: Description, service: Service): void {
  const { spec, status, metadata } = service
  d.head(service)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Selector', formatLabels(spec.selector))
  d.field('Type', spec.type)
  if (spec.ipFamilyPolicy) d.field('IP Family Policy', spec.ipFamilyPolicy)
  d.field('IP Families', spec.ipFamilies?.join(',') || '<none>')
  d.field('IP', spec.clusterIP)
  d.field('IPs', spec.clusterIPs?.join(',') || '<none>')
  if (spec.externalIPs?.length) d.field('External IPs', spec.externalIPs.join(','))
  if (spec.loadBalancerIP) d.field('Desired LoadBalancer IP', spec.loadBalancerIP)
  if (spec.externalName) d.field('External Name', spec.externalName)
  const ingress = status?.loadBalancer?.ingress ?? []
  if (ingress.length > 0) {
    d.field('LoadBalancer Ingress', ingress.map((i) => (i.ip ? `${i.ip}${i.ipMode ? ` (${i.ipMode})` : ''}` : (i.hostname ?? ''))).join(', '))
  }
  const slices = d.k.client.list<EndpointSlice>('endpointslices', { namespace: metadata.namespace, labelSelector: `kubernetes.io/service-name=${metadata.name}` }).items
  for (const port of spec.ports ?? []) {
    const name = port.name || '<unset>'
    const protocol = port.protocol ?? 'TCP'
    d.line(0, `Port:\t${name}\t${port.port}/${protocol}`)
    d.field('TargetPort', `${String(port.targetPort ?? 0)}/${protocol}`)
    if (port.nodePort) d.line(0, `NodePort:\t${name}\t${port.nodePort}/${protocol}`)
    d.field('Endpoints', formatEndpoints(slices, port.name ?? ''))
  }
  d.field('Session Affinity', spec.sessionAffinity)
  if (spec.externalTrafficPolicy) d.field('External Traffic Policy', spec.externalTrafficPolicy)
  if (spec.internalTrafficPolicy) d.field('Internal Traffic Policy', spec.internalTrafficPolicy)
  if (spec.healthCheckNodePort) d.field('HealthCheck NodePort', spec.healthCheckNodePort)
  if (spec.loadBalancerSourceRanges?.length) d.field('LoadBalancer Source Ranges', spec.loadBalancerSourceRanges.join(','))
  d.events(service)
}

/** The first three, and how many more. */
export function formatEndpoints(slices: readonly EndpointSlice[], portName: string): string {
  if (slices.length === 0) return '<none>'
  const all: string[] = []
  for (const slice of slices) {
    const ready = slice.endpoints.filter((e) => e.conditions?.ready ?? true).map((e) => e.addresses[0]!)
    if (!slice.ports || slice.ports.length === 0) all.push(...ready)
    else for (const port of slice.ports) {
      if ((port.name ?? '') === portName) all.push(...ready.map((address) => (address.includes(':') ? `[${address}]:${port.port ?? 0}` : `${address}:${port.port ?? 0}`)))
    }
  }
  const shown = all.slice(0, 3).join(',')
  return all.length > 3 ? `${shown} + ${all.length - 3} more...` : shown
}
