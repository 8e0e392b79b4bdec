import { ageOf } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Service } from '../types.ts'
import { dns1035Label } from '../validation/names.ts'
import { serviceWarnings, validateService, validateServiceUpdate } from '../validation/services.ts'
import { NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { formatLabels } from './label-text.ts'
import { allocateService, releaseService } from './service-allocation.ts'

const SESSION_SECONDS = 10_800

/** core/v1 Service: pkg/apis/core/v1/defaults.go, pkg/registry/core/service. */
export const service: Kind<Service> = {
  resource: apiResource('Service', 'services', { shortNames: ['svc'], categories: ['all'], subresources: ['proxy', 'status'] }),
  type: 'Service',
  validName: dns1035Label,
  createOnUpdate: true,
  setDefaults({ spec }) {
    spec.sessionAffinity ??= 'None'
    if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig) delete spec.sessionAffinityConfig
    if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
      spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: SESSION_SECONDS } }
    }
    spec.type ??= 'ClusterIP'
    for (const port of spec.ports ?? []) {
      port.protocol ??= 'TCP'
      if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
    }
    const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
    if (external && spec.type !== 'ExternalName') spec.externalTrafficPolicy ??= 'Cluster'
    if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
    if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  },
  prepareForCreate(object) {
    object.status = { loadBalancer: {} }
    const { spec } = object
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  },
  prepareForUpdate(object, old) {
    object.spec = { ...object.spec }
    if (object.spec.ports) object.spec.ports = object.spec.ports.map((port) => ({ ...port }))
    const { spec } = object
    normalizeClusterIps(object, old)
    patchAllocated(object, old)
    dropTypeDependent(object, old)
    if (spec.type !== 'LoadBalancer' && old.spec.type === 'LoadBalancer') object.status = { ...object.status, loadBalancer: {} }
  },
  prepareForStatusUpdate(object, _old, submitted) {
    // the strategy keeps the spec, no more
    for (const field of ['labels', 'annotations', 'finalizers'] as const) {
      if (submitted.metadata[field] === undefined) delete object.metadata[field]
      else Object.assign(object.metadata, { [field]: submitted.metadata[field] })
    }
    const { ingress } = object.status?.loadBalancer ?? {}
    if (object.spec.type !== 'LoadBalancer' || !ingress?.some((i) => i.ip && i.ipMode === undefined)) return
    object.status = { ...object.status, loadBalancer: { ingress: ingress.map((i) => (i.ip ? { ipMode: 'VIP', ...i } : i)) } }
  },
  allocate: allocateService,
  release: releaseService,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
  fields: { 'spec.clusterIP': (o) => o.spec.clusterIP ?? '', 'spec.type': (o) => o.spec.type ?? '' },
  columns: [
    NAME,
    { name: 'Type', cell: ({ spec }) => spec.type ?? '' },
    { name: 'Cluster-IP', cell: ({ spec }) => spec.clusterIPs?.[0] ?? spec.clusterIP ?? '<none>' },
    { name: 'External-IP', cell: externalIp },
    { name: 'Port(s)', cell: portText },
    { name: 'Age', cell: (o, { wall }) => ageOf(o.metadata.creationTimestamp, wall) },
    { name: 'Selector', priority: 1, cell: ({ spec }) => formatLabels(spec.selector) },
  ],
}

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? []
  if (spec.type === 'ExternalName') return spec.externalName ?? ''
  if (spec.type !== 'LoadBalancer') return external.join(',') || '<none>'
  const ingress = (status.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean)
  const assigned = [...new Set(ingress)].sort()
  if (external.length > 0) return [...assigned, ...external].join(',')
  return assigned.join(',') || '<pending>'
}

function portText({ spec }: Service): string {
  const ports = (spec.ports ?? []).map((p) => `${p.port}${p.nodePort ? `:${p.nodePort}` : ''}/${p.protocol}`)
  return ports.join(',') || '<none>'
}

/** pkg/registry/core/service NormalizeClusterIPs: clusterIP and clusterIPs follow each other. */
function normalizeClusterIps({ spec }: Service, { spec: old }: Service): void {
  if (old.clusterIPs && !spec.clusterIPs && spec.clusterIP === old.clusterIP) spec.clusterIPs = old.clusterIPs
  if (spec.clusterIP === old.clusterIP || !deepEqual(spec.clusterIPs, old.clusterIPs)) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}

const needsClusterIp = ({ spec }: Service): boolean => spec.type !== 'ExternalName'
const needsNodePorts = ({ spec }: Service): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'
/** pkg/api/service ExternallyAccessible. */
const isMetFromOutside = (service: Service): boolean => needsNodePorts(service) || (service.spec.type === 'ClusterIP' && (service.spec.externalIPs?.length ?? 0) > 0)
export const needsHealthCheck = ({ spec }: Service): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

/** What was allocated before and is left out now is taken over: a manifest need not name it. */
function patchAllocated(object: Service, old: Service): void {
  const { spec } = object
  if (needsClusterIp(old) && needsClusterIp(object)) {
    if (!spec.clusterIP && old.spec.clusterIP) spec.clusterIP = old.spec.clusterIP
    if (!spec.clusterIPs?.length && old.spec.clusterIPs) spec.clusterIPs = old.spec.clusterIPs
  }
  if (needsNodePorts(old) && needsNodePorts(object)) {
    // by name: all else of a port may have changed
    const taken = new Set((spec.ports ?? []).map((p) => p.nodePort))
    const before = new Map((old.spec.ports ?? []).map((p) => [p.name ?? '', p.nodePort]))
    for (const port of spec.ports ?? []) {
      const had = before.get(port.name ?? '')
      if (!port.nodePort && had && !taken.has(had)) port.nodePort = had
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(object) && !spec.healthCheckNodePort) spec.healthCheckNodePort = old.spec.healthCheckNodePort
}

/** What no longer applies after a change of type, and was not itself changed, goes. */
function dropTypeDependent(object: Service, old: Service): void {
  const { spec } = object
  if (needsClusterIp(old) && !needsClusterIp(object)) {
    if (spec.clusterIP === old.spec.clusterIP && deepEqual(spec.clusterIPs, old.spec.clusterIPs)) {
      delete spec.clusterIP
      delete spec.clusterIPs
    }
    if (deepEqual(spec.ipFamilies, old.spec.ipFamilies)) delete spec.ipFamilies
    if (spec.ipFamilyPolicy === old.spec.ipFamilyPolicy) delete spec.ipFamilyPolicy
    if (spec.internalTrafficPolicy === old.spec.internalTrafficPolicy) delete spec.internalTrafficPolicy
  }
  if (needsNodePorts(old) && !needsNodePorts(object)) {
    // ports may come and go, as long as none has a node port of its own choice: that is refused with all of them
    const before = new Set((old.spec.ports ?? []).map((p) => p.nodePort))
    if ((spec.ports ?? []).every((port) => !port.nodePort || before.has(port.nodePort))) for (const port of spec.ports ?? []) delete port.nodePort
  }
  if (isMetFromOutside(old) && !isMetFromOutside(object) && spec.externalTrafficPolicy === old.spec.externalTrafficPolicy) delete spec.externalTrafficPolicy
  if (needsHealthCheck(old) && !needsHealthCheck(object) && spec.healthCheckNodePort === old.spec.healthCheckNodePort) delete spec.healthCheckNodePort
  if (old.spec.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.spec.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts
    if (spec.loadBalancerClass === old.spec.loadBalancerClass) delete spec.loadBalancerClass
  }
}
