import type { IpFamily } from '../service-allocator.ts'
import type { EndpointSlice, Pod, Service, ServicePort } from '../types.ts'
import { isReady, isTerminal } from './pods.ts'

/** What a Service's Pods are as endpoints; shared by the controllers of EndpointSlices and Endpoints. */
export type Endpoint = EndpointSlice['endpoints'][number]
export interface EndpointPort { name?: string; port?: number; protocol?: string; appProtocol?: string }

export const CHANGE_TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Virtual ms that it takes to look at one Pod of a Service: with a hundred of them changes are gathered for 0.1 s. */
export const LOOK = 1

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === 'None'
}

export function isSelected(pod: Pod): boolean {
  return !isTerminal(pod) && !!pod.status.podIP
}

/** The number behind a Service port's targetPort in this Pod; undefined when it names no port of it. */
function targetPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const protocol = port.protocol ?? 'TCP'
  for (const c of pod.spec.containers) for (const p of c.ports ?? []) if (p.name === target && (p.protocol ?? 'TCP') === protocol) return p.containerPort
  // sidecars, which stand with the init containers, have ports, too
  for (const c of pod.spec.initContainers ?? []) {
    if (c.restartPolicy === 'Always') for (const p of c.ports ?? []) if (p.name === target && (p.protocol ?? 'TCP') === protocol) return p.containerPort
  }
  return undefined
}

export function portsOf(service: Service, pod: Pod): EndpointPort[] {
  const out: EndpointPort[] = []
  for (const port of service.spec.ports ?? []) {
    const number = targetPort(pod, port)
    if (number === undefined) continue
    out.push({ name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP', ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}) })
  }
  return out
}

/** The Pod's address of a family; undefined where it has none. */
export function addressOf({ status }: Pod, family: IpFamily): string | undefined {
  const ips = status.podIPs ?? (status.podIP ? [{ ip: status.podIP }] : [])
  return ips.find(({ ip = '' }) => ip.includes(':') === (family === 'IPv6'))?.ip
}

/** The families that a Service has, the primary one first. */
export function familiesOf({ spec }: Service): readonly IpFamily[] {
  if (spec.ipFamilies?.length) return spec.ipFamilies as IpFamily[]
  return [spec.clusterIP?.includes(':') ? 'IPv6' : 'IPv4']
}

/** `zone`: of the Pod's node, where that has the label topology.kubernetes.io/zone. */
export function endpointOf(service: Service, pod: Pod, address: string, zone?: string): Endpoint {
  const serving = isReady(pod)
  const terminating = !!pod.metadata.deletionTimestamp
  const { hostname, subdomain } = pod.spec
  return {
    addresses: [address],
    conditions: { ready: !!service.spec.publishNotReadyAddresses || (serving && !terminating), serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
  }
}

/** Whether a Pod's change can matter to endpoints. */
export function endpointChanged(a: Pod, b: Pod): boolean {
  return (
    a.status.podIP !== b.status.podIP || a.status.podIPs?.length !== b.status.podIPs?.length || isReady(a) !== isReady(b) || isTerminal(a) !== isTerminal(b) || a.spec.nodeName !== b.spec.nodeName ||
    !a.metadata.deletionTimestamp !== !b.metadata.deletionTimestamp || a.metadata.labels !== b.metadata.labels
  )
}
