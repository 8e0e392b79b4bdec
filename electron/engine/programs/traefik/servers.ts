import type { EndpointSlice, Node, Service } from '../../kubernetes/types.ts'
import { readyEndpoints, type Endpoint } from '../ingress-nginx/configuration.ts'
import type { WeightedService } from './model.ts'

/** Which servers a Service of Kubernetes stands for (loadServers of pkg/provider/kubernetes/crd, loadService of …/ingress, v3.3.6). */
export interface Surroundings {
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  nodes?(): readonly Node[]
}

export interface Wanted {
  namespace: string
  name: string
  /** A number is a port's number, a text its name; of an Ingress either. */
  port: number | string | undefined
  /** Kube-proxy balances, by the Service's own address. */
  nativeLB?: boolean | undefined
  /** Each node's own port is a server, where the Service has one. */
  nodePortLB?: boolean | undefined
  /** CRD: an IngressRoute's own words of HTTP; PLAIN: those of its like for TCP and UDP; INGRESS: an Ingress'. */
  by: 'CRD' | 'PLAIN' | 'INGRESS'
  protocol?: string
}

export function serversOf(around: Surroundings, { namespace, name, port, nativeLB, nodePortLB, by, protocol = 'TCP' }: Wanted): WeightedService | { error: string } {
  const service = around.service(namespace, name)
  if (!service) return { error: by === 'CRD' ? `kubernetes service not found: ${namespace}/${name}` : 'service not found' }
  if (service.spec.type === 'ExternalName') return { error: `externalName services not allowed: ${namespace}/${name}` }
  if (by !== 'INGRESS' && !port) return { error: 'ingressRoute service port not defined' }
  const found = service.spec.ports?.find((p) => (by === 'INGRESS' ? p.name === port || String(p.port) === String(port) : typeof port === 'number' ? p.port === port : p.name === port))
  if (!found) return { error: by === 'INGRESS' ? 'service port not found' : `service port not found: ${port}` }
  const made = (endpoints: readonly Endpoint[]): WeightedService => ({ weight: 1, scheme: found.port === 443 || found.name?.startsWith('https') ? 'https' : 'http', passHost: true, endpoints })
  const native = (): WeightedService | { error: string } => {
    const { clusterIP = '' } = service.spec
    if (clusterIP === 'None' || clusterIP === '') return { error: `getting native Kubernetes Service address: ${clusterIP === '' ? 'no clusterIP found for' : 'no clusterIP on headless'} service: ${namespace}/${name}` }
    return made([{ address: clusterIP, port: found.port }])
  }
  // an IngressRoute asks for the one first, others for the other
  if (nativeLB && by === 'CRD') return native()
  if (nodePortLB && service.spec.type === 'NodePort') {
    const endpoints = (around.nodes?.() ?? []).flatMap((node) => (node.status.addresses ?? []).filter((a) => a.type === 'InternalIP').map(({ address }) => ({ address, port: found.nodePort ?? 0 })))
    return endpoints.length > 0 ? made(endpoints) : { error: by === 'INGRESS' ? `nodes not found in namespace ${namespace}` : `nodes not found for NodePort service ${namespace}/${name}` }
  }
  if (nativeLB) return native()
  return made(readyEndpoints(around, service, protocol === 'TCP' && found.name ? found.name : String(found.port), protocol))
}
