import type { ObjectStore } from '../cni/objects.samples.ts'

/** Short ways to write a Service and an EndpointSlice. */
export interface PortSample { name?: string; port: number; protocol?: string; nodePort?: number }

export function putService(store: ObjectStore, namespace: string, name: string, clusterIP: string, ports: PortSample[], spec: object = {}, ingress: string[] = []): void {
  store.put('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports, ...spec },
    status: { loadBalancer: ingress.length > 0 ? { ingress: ingress.map((ip) => ({ ip })) } : {} },
  })
}

export interface EndpointSample { ip: string; node?: string; ready?: boolean; serving?: boolean; terminating?: boolean; zone?: string; pod?: string; hostname?: string }

export function putSlice(store: ObjectStore, namespace: string, service: string, ports: { name?: string; port: number; protocol?: string }[], endpoints: EndpointSample[], suffix = 'abcde'): void {
  store.put('endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${service}-${suffix}`, labels: { 'kubernetes.io/service-name': service } },
    addressType: endpoints[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
    ports: ports.map((p) => ({ name: '', protocol: 'TCP', ...p })),
    endpoints: endpoints.map(({ ip, node, ready = true, serving, terminating, zone, pod, hostname }) => ({
      addresses: [ip],
      conditions: { ready, serving: serving ?? ready, terminating: terminating ?? false },
      ...(node ? { nodeName: node } : {}),
      ...(hostname ? { hostname } : {}),
      ...(pod ? { targetRef: { kind: 'Pod', name: pod, namespace } } : {}),
      ...(zone ? { hints: { forZones: [{ name: zone }] } } : {}),
    })),
  })
}
