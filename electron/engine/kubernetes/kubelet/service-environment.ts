import type { Service } from '../types.ts'
import type { Sources } from './environment.ts'

/** The variables that tell a Pod of the Services that exist when it starts: pkg/kubelet/envvars. */
export function serviceEnvironment(services: readonly Service[]): (readonly [string, string])[] {
  return services.flatMap(variablesOf)
}

type Variables = readonly (readonly [string, string])[]

/** All containers that see a Service have the same texts of it. */
const known = new WeakMap<Service, Variables>()

function variablesOf(service: Service): Variables {
  let variables = known.get(service)
  if (!variables) known.set(service, (variables = makeVariables(service)))
  return variables
}

function makeVariables({ metadata, spec }: Service): Variables {
  const out: [string, string][] = []
  const ip = spec.clusterIP
  if (!ip || ip === 'None' || !spec.ports?.length) return out
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
  return out
}

function variable(name: string): string {
  return name.toUpperCase().replace(/-/g, '_')
}

/**
 * Services of the Pod's own namespace hide those of the same name that every Pod sees; by name. Containers that are started
 * one after the other see the same list.
 */
export function visibleServices(sources: Pick<Sources, 'services'>, namespace: string, links: boolean): readonly Service[] {
  const visible = links ? sources.services(namespace).slice() : []
  const everywhere = visible.find(isKubernetes) ?? sources.services('default').find(isKubernetes)
  if (!everywhere) return visible.sort(byName)
  if (!visible.includes(everywhere)) visible.push(everywhere)
  visible.sort(byName)
  let lists = latest.get(everywhere)
  if (!lists) latest.set(everywhere, (lists = new Map()))
  const key = links ? namespace : ''
  const list = lists.get(key)
  if (list?.length === visible.length && list.every((service, i) => service === visible[i])) return list
  lists.set(key, visible)
  return visible
}

/** By the Service that every Pod sees, then by namespace. */
const latest = new WeakMap<Service, Map<string, readonly Service[]>>()

function isKubernetes(service: Service): boolean {
  return service.metadata.name === 'kubernetes'
}

function byName(a: Service, b: Service): number {
  return a.metadata.name < b.metadata.name ? -1 : 1
}
