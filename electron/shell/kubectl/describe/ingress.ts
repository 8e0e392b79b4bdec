import type { IngressBackend } from 'kubernetes-types/networking/v1'
import type { EndpointSlice, Ingress, IngressClass, Service } from '../../../engine/kubernetes/types.ts'
import { messageOf } from '../errors.ts'
import { formatEndpoints } from './service.ts'
import type { Description } from './writer.ts'

export function describeIngress(d: Description, ingress: Ingress): void {
  const { metadata, spec, status } = ingress
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.field('Namespace', metadata.namespace)
  d.field('Address', [...new Set((status.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean))].sort().join(','))
  d.field('Ingress Class', spec.ingressClassName ?? '<none>')
  const fallback = spec.defaultBackend ? backend(d, metadata.namespace, spec.defaultBackend) : '<default>'
  d.field('Default backend', fallback)
  if (spec.tls?.length) {
    d.line(0, 'TLS:')
    for (const { secretName, hosts = [] } of spec.tls) d.line(1, `${secretName ? `${secretName} terminates` : 'SNI routes'} ${hosts.join(',')}`)
  }
  d.line(0, 'Rules:\n  Host\tPath\tBackends')
  d.line(1, '----\t----\t--------')
  const rules = (spec.rules ?? []).filter((rule) => rule.http)
  for (const { host, http } of rules) {
    d.line(1, `${host || '*'}\t`)
    for (const path of http!.paths) d.line(2, `\t${path.path ?? ''} \t${backend(d, metadata.namespace, path.backend)}`)
  }
  if (rules.length === 0) d.line(1, `*\t*\t${fallback}`)
  d.annotations('Annotations', metadata.annotations)
  d.events(ingress)
}

/** "web:80 (10.244.1.2:80,10.244.2.3:80)": where its requests end at this moment. */
function backend({ k: { client } }: Description, namespace: string, { service, resource }: IngressBackend): string {
  if (!service) return resource ? `APIGroup: ${resource.apiGroup ?? '<none>'}, Kind: ${resource.kind}, Name: ${resource.name}` : ''
  const { name, port } = service
  const shown = `${name}:${port?.number ? port.number : (port?.name ?? '')}`
  try {
    const slices = client.list<EndpointSlice>('endpointslices', { namespace, labelSelector: `kubernetes.io/service-name=${name}` }).items
    const { spec } = client.get<Service>('services', namespace, name)
    const found = spec.ports?.filter((p) => (port?.number ? p.port === port.number : !!port?.name && p.name === port.name)).at(-1)
    return `${shown} (${formatEndpoints(slices, found?.name ?? '')})`
  } catch (error) {
    return `${shown} (<error: ${messageOf(error)}>)`
  }
}

export function describeIngressClass(d: Description, { metadata, spec, ...rest }: IngressClass): void {
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Controller', spec.controller)
  if (spec.parameters) {
    d.line(0, 'Parameters:')
    if (spec.parameters.apiGroup !== undefined) d.field('APIGroup', spec.parameters.apiGroup, 1)
    d.field('Kind', spec.parameters.kind, 1)
    d.field('Name', spec.parameters.name, 1)
  }
  d.events({ metadata, ...rest })
}
