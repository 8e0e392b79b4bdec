import type { Service } from '../types.ts'

/** The variables that tell a Pod of the Services that exist when it starts: pkg/kubelet/envvars. */
export function serviceEnvironment(services: readonly Service[]): [string, string][] {
  const out: [string, string][] = []
  for (const { metadata, spec } of services) {
    const ip = spec.clusterIP
    if (!ip || ip === 'None' || !spec.ports?.length) continue
    const name = variable(metadata.name)
    const [first] = spec.ports
    out.push([`${name}_SERVICE_HOST`, ip], [`${name}_SERVICE_PORT`, String(first!.port)])
    for (const port of spec.ports) if (port.name) out.push([`${name}_SERVICE_PORT_${variable(port.name)}`, String(port.port)])
    const url = (port: number, protocol: string): string => `${protocol.toLowerCase()}://${ip}:${port}`
    out.push([`${name}_PORT`, url(first!.port, first!.protocol ?? 'TCP')])
    for (const port of spec.ports) {
      const protocol = port.protocol ?? 'TCP'
      const prefix = `${name}_PORT_${port.port}_${protocol}`
      out.push([prefix, url(port.port, protocol)], [`${prefix}_PROTO`, protocol.toLowerCase()], [`${prefix}_PORT`, String(port.port)], [`${prefix}_ADDR`, ip])
    }
  }
  return out
}

function variable(name: string): string {
  return name.toUpperCase().replace(/-/g, '_')
}

/** Services of the Pod's own namespace hide those of the same name that every Pod sees. */
export function visibleServices(all: Iterable<Service>, namespace: string, links: boolean): Service[] {
  const byName = new Map<string, Service>()
  const sorted = [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  for (const service of sorted) {
    if (service.metadata.namespace === namespace && links) byName.set(service.metadata.name, service)
    else if (service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes' && !byName.has('kubernetes')) byName.set('kubernetes', service)
  }
  return [...byName.values()]
}
