import type { ContainerView, NodeView, PodView, ServiceView, TopologyView } from '../../electron/bridge/view.ts'
import type { Thing } from '../state/desk.svelte.ts'

/** How a Pod stands: a state for colour and shape, and the sign that goes with it. */
export type Standing = 'ready' | 'pending' | 'failing' | 'done' | 'going'

const FAILED = /Err|Error|BackOff|Failed|OOMKilled|Evicted|Unknown|Invalid|NeverPull|Unschedulable/

export function standing(pod: PodView): Standing {
  if (pod.terminating) return 'going'
  if (pod.down) return 'failing'
  if (FAILED.test(pod.status)) return 'failing'
  if (pod.status === 'Completed' || pod.status === 'Succeeded') return 'done'
  return pod.ready ? 'ready' : 'pending'
}

export function containerStanding(container: ContainerView, pod: Pick<PodView, 'down'>): Standing {
  if (pod.down && container.state === 'running') return 'failing'
  if (container.state === 'running') return container.ready ? 'ready' : 'pending'
  if (container.reason && FAILED.test(container.reason)) return 'failing'
  return container.state === 'terminated' ? 'done' : 'pending'
}

export const SIGN: Record<Standing, string> = { ready: '●', pending: '◐', failing: '✕', done: '✓', going: '◌' }

export function readiness(pod: PodView): string {
  const containers = Object.values(pod.containers)
  return `${containers.filter((c) => c.ready).length}/${containers.length}`
}

export function nodeState(node: NodeView): string {
  return node.down ? 'down' : node.ready ? 'Ready' : 'NotReady'
}

/** "80/TCP", "8080:31214/TCP", as kubectl prints a Service's ports. */
export function servicePorts(service: ServiceView): string {
  return service.ports.map((p) => `${p.port}${p.nodePort ? `:${p.nodePort}` : ''}/${p.protocol}`).join(',')
}

export function serviceAddress(service: ServiceView): string {
  return service.clusterIP === 'None' || service.clusterIP === '' ? 'headless' : service.clusterIP
}

/** "3 endpoints", and how many of them are ready when not all are. */
export function endpointCount(service: ServiceView): string {
  const all = service.endpoints.length
  const ready = service.endpoints.filter((e) => e.ready).length
  const noun = all === 1 ? 'endpoint' : 'endpoints'
  return ready === all ? `${all} ${noun}` : `${ready} of ${all} ${noun} ready`
}

/** One line about a thing, for the eye that passes over it. */
export function describe(topology: TopologyView, thing: Thing): string {
  if (thing.kind === 'pod') {
    const pod = topology.pods[thing.id]
    return pod ? `Pod ${thing.id}  ${pod.ip ?? 'no address'}  ${pod.down ? 'its node is down' : `${pod.status}  ${readiness(pod)}`}${pod.hostInterface ? `  ${pod.hostInterface}` : ''}` : ''
  }
  if (thing.kind === 'service') {
    const service = topology.services[thing.id]
    return service ? `Service ${thing.id}  ${service.type}  ${serviceAddress(service)}  ${servicePorts(service)}  ${endpointCount(service)}` : ''
  }
  if (thing.kind === 'node') {
    const node = topology.nodes[thing.id]
    return node ? `Node ${node.name}  ${node.role}  ${nodeState(node)}  ${node.address}  pods ${node.podCIDR}` : ''
  }
  const outside = topology.outside[thing.id]
  return outside ? `${outside.label}  ${outside.address ?? ''}` : ''
}
