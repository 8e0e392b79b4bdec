import type { Service, ServicePort } from '../kubernetes/types.ts'
import { ipVersion } from '../network/address.ts'
import type { Cidr, Ip } from '../network/types.ts'

/** One port of a Service as kube-proxy sees it: pkg/proxy/serviceport.go of Kubernetes v1.33. */
export interface ServicePortInfo {
  /** "default/web:http", or "default/web" for a port without a name. */
  name: string
  /** "default/web" */
  service: string
  portName: string
  /** Names its endpoints among those of the Service: "portName/protocol". */
  endpointsKey: string
  protocol: 'tcp' | 'udp' | 'sctp'
  clusterIP: Ip
  port: number
  nodePort: number
  externalIPs: readonly Ip[]
  loadBalancerIPs: readonly Ip[]
  sourceRanges: readonly Cidr[]
  healthCheckNodePort: number
  /** Seconds, when sessionAffinity is ClientIP. */
  stickySeconds: number | undefined
  internalPolicyLocal: boolean
  externalPolicyLocal: boolean
}

export function isExternallyAccessible(info: ServicePortInfo): boolean {
  return info.nodePort !== 0 || info.loadBalancerIPs.length > 0 || info.externalIPs.length > 0
}

/** Even with externalTrafficPolicy Local these are needed, for what comes from inside the cluster. */
export function usesClusterEndpoints(info: ServicePortInfo): boolean {
  return !info.internalPolicyLocal || isExternallyAccessible(info)
}

export function usesLocalEndpoints(info: ServicePortInfo): boolean {
  return info.internalPolicyLocal || (info.externalPolicyLocal && isExternallyAccessible(info))
}

/** Every node's kube-proxy makes the same of a Service; objects are never changed in place. */
const known = { 4: new WeakMap<Service, readonly ServicePortInfo[]>(), 6: new WeakMap<Service, readonly ServicePortInfo[]>() }

/** No ports for what kube-proxy leaves alone: headless Services, ExternalName, and those of another proxy. */
export function servicePorts(service: Service, family: 4 | 6): readonly ServicePortInfo[] {
  let ports = known[family].get(service)
  if (!ports) known[family].set(service, (ports = readPorts(service, family)))
  return ports
}

export function sameServicePorts(a: readonly ServicePortInfo[], b: readonly ServicePortInfo[]): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function readPorts(service: Service, family: 4 | 6): ServicePortInfo[] {
  const { spec, metadata } = service
  if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None') return []
  if (metadata.labels?.['service.kubernetes.io/service-proxy-name'] !== undefined) return []
  const ofFamily = (ips: readonly string[] | undefined): Ip[] => (ips ?? []).filter((ip) => ipVersion(ip) === family)
  const clusterIP = ofFamily(spec.clusterIPs ?? [spec.clusterIP])[0]
  if (clusterIP === undefined) return []
  const ingress = (service.status.loadBalancer?.ingress ?? []).filter((i) => i.ip && i.ipMode !== 'Proxy').map((i) => i.ip!)
  const externalIPs = ofFamily(spec.externalIPs)
  const accepts = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
  const key = `${metadata.namespace}/${metadata.name}`
  const protocolOf = (port: ServicePort): ServicePortInfo['protocol'] => (port.protocol ?? 'TCP').toLowerCase() as ServicePortInfo['protocol']
  return (spec.ports ?? []).map((port: ServicePort): ServicePortInfo => ({
    name: port.name ? `${key}:${port.name}` : key,
    service: key,
    portName: port.name ?? '',
    endpointsKey: `${port.name ?? ''}/${protocolOf(port)}`,
    protocol: protocolOf(port),
    clusterIP,
    port: port.port,
    nodePort: port.nodePort ?? 0,
    externalIPs,
    loadBalancerIPs: ofFamily(ingress),
    sourceRanges: (spec.loadBalancerSourceRanges ?? []).map((c) => c.trim()).filter((c) => c.includes(':') === (family === 6)),
    healthCheckNodePort: spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' ? (spec.healthCheckNodePort ?? 0) : 0,
    stickySeconds: spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined,
    internalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    externalPolicyLocal: accepts && spec.externalTrafficPolicy === 'Local',
  }))
}
