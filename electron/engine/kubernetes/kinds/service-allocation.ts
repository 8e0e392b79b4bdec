import { ipVersion } from '../../network/address.ts'
import { FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import { AllocationError, type Allocation, type IpFamily, type ServiceAllocator } from '../service-allocator.ts'
import { internalError, invalid } from '../status.ts'
import type { Service } from '../types.ts'
import { validateClusterIps } from '../validation/services.ts'
import type { Context } from './kind.ts'

/** IP families, cluster IPs and node ports of a Service: pkg/registry/core/service/storage/alloc.go. */
const SERVICE = { kind: 'Service', group: '' }

export function allocateService(service: Service, old: Service | undefined, { services }: Context): Allocation {
  const allocation = services.begin(service.metadata)
  try {
    chooseFamilies(service, old, services)
    allocateClusterIps(service, old, allocation)
    allocateNodePorts(service, old, allocation)
    allocateHealthCheck(service, old, allocation)
  } catch (error) {
    allocation.revert()
    throw error
  }
  return allocation
}

export function releaseService({ spec }: Service, { services }: Context): void {
  for (const ip of spec.clusterIPs ?? []) if (ip !== 'None') services.releaseIp(ip)
  for (const port of spec.ports ?? []) if (port.nodePort) services.releasePort(port.nodePort)
  if (spec.healthCheckNodePort) services.releasePort(spec.healthCheckNodePort)
}

function familyOf(ip: string): IpFamily {
  return ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
}

const isHeadless = ({ spec }: Service): boolean => spec.clusterIPs?.[0] === 'None' || spec.clusterIP === 'None'

function chooseFamilies(service: Service, old: Service | undefined, services: ServiceAllocator): void {
  const { spec } = service
  if (spec.type === 'ExternalName' || unchangedPreference(service, old)) return
  const headlessWithoutSelector = isHeadless(service) && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (headlessWithoutSelector ? 'RequireDualStack' : 'SingleStack')
  const name = service.metadata.name
  refuse(name, (errors) => validateClusterIps(service, errors))
  const single = spec.ipFamilyPolicy === 'SingleStack'
  refuse(name, (errors) => {
    const policy = 'spec.ipFamilyPolicy'
    if (old && single) {
      if (deepEqual(old.spec.clusterIPs, spec.clusterIPs) && (spec.clusterIPs?.length ?? 0) > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1)
      if (deepEqual(old.spec.ipFamilies, spec.ipFamilies) && (spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1)
    } else if (old) {
      if (reduced(old.spec.clusterIPs, spec.clusterIPs)) errors.invalid(policy, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP")
      if (reduced(old.spec.ipFamilies, spec.ipFamilies)) errors.invalid(policy, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family")
    }
    const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    if (single && spec.clusterIPs?.length === 2) errors.invalid(policy, spec.ipFamilyPolicy, `${must} cluster IPs are specified`)
    if (single && spec.ipFamilies?.length === 2) errors.invalid(policy, spec.ipFamilyPolicy, `${must} IP families are specified`)
    if (isHeadless(service)) return
    spec.clusterIPs?.forEach((ip, i) => {
      if (i < (spec.ipFamilies?.length ?? 0)) return
      const family = familyOf(ip)
      if (services.has(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family]
      else errors.invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, `${family} is not configured on this cluster`)
    })
  })
  if (headlessWithoutSelector) {
    spec.ipFamilies = spec.ipFamilies?.length ? spec.ipFamilies : [services.families[0]!]
    if (spec.ipFamilies.length < 2 && !single) spec.ipFamilies = [...spec.ipFamilies, other(spec.ipFamilies[0]!)]
    return
  }
  refuse(name, (errors) => {
    if (spec.ipFamilyPolicy === 'RequireDualStack' && services.families.length < 2) {
      errors.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services')
    }
    spec.ipFamilies?.forEach((family, i) => {
      if (!services.has(family)) errors.invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster')
    })
  })
  if (!spec.ipFamilies?.length) spec.ipFamilies = [services.families[0]!]
  if (!single && spec.ipFamilies.length === 1 && services.families.length === 2) spec.ipFamilies = [...spec.ipFamilies, other(spec.ipFamilies[0]!)]
}

function other(family: string): IpFamily {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

function reduced(before: readonly string[] | undefined, after: readonly string[] | undefined): boolean {
  return before?.length === 2 && after?.length === 1 && before[0] === after[0]
}

/** A PreferDualStack Service is not moved between one and two families by the cluster alone. */
function unchangedPreference({ spec }: Service, old: Service | undefined): boolean {
  if (!old || old.spec.type === 'ExternalName' || spec.ipFamilyPolicy !== 'PreferDualStack' || old.spec.ipFamilyPolicy !== 'PreferDualStack') return false
  return deepEqual(spec.clusterIPs, old.spec.clusterIPs) && deepEqual(spec.ipFamilies, old.spec.ipFamilies)
}

function allocateClusterIps(service: Service, old: Service | undefined, allocation: Allocation): void {
  const { spec } = service
  if (old && unchangedPreference(service, old)) return
  const had = old && old.spec.type !== 'ExternalName' ? (old.spec.clusterIPs ?? []) : []
  if (had[0] === 'None') return
  if (spec.type === 'ExternalName') {
    for (const ip of had) allocation.releaseIp(ip)
    return
  }
  if (isHeadless(service)) return
  const wanted = spec.clusterIPs ?? []
  // The first address of a Service never changes; validation says so to who tries.
  const ips = (spec.ipFamilies ?? []).map((family, i) => {
    if (old && i < had.length) return wanted[i] ?? had[i]!
    return take(service, family as IpFamily, wanted[i], allocation)
  })
  for (let i = ips.length; i < had.length; i++) allocation.releaseIp(had[i]!)
  spec.clusterIPs = ips
  if (ips[0]) spec.clusterIP = ips[0]
}

function take(service: Service, family: IpFamily, wanted: string | undefined, allocation: Allocation): string {
  try {
    return allocation.takeIp(family, wanted)
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error
    if (!wanted) throw internalError(`failed to allocate a serviceIP: ${error.message}`)
    const errors = new FieldErrors()
    errors.invalid('spec.clusterIPs', service.spec.clusterIPs, `failed to allocate IP ${wanted}: ${error.message}`)
    throw invalid(SERVICE, service.metadata.name, errors)
  }
}

const usesNodePorts = ({ spec }: Service): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'

function allocateNodePorts(service: Service, old: Service | undefined, allocation: Allocation): void {
  const { spec } = service
  const had = new Set((old && usesNodePorts(old) ? (old.spec.ports ?? []) : []).map((p) => p.nodePort).filter((p) => p !== undefined))
  const mine = new Map<number, Set<string>>()
  if (usesNodePorts(service)) {
    const automatic = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false
    // The same port under two protocols shares one node port.
    const byPort = new Map<number, number>()
    for (const { port, nodePort } of spec.ports ?? []) if (nodePort && !byPort.has(port)) byPort.set(port, nodePort)
    spec.ports?.forEach((port, i) => {
      if (!port.nodePort && !automatic) return
      if (!port.nodePort) {
        const shared = byPort.get(port.port)
        if (shared !== undefined && !mine.get(shared)?.has(port.protocol!)) port.nodePort = shared
      }
      const wanted = port.nodePort
      if (!wanted) {
        port.nodePort = takePort(service, i, undefined, allocation)
        byPort.set(port.port, port.nodePort)
      } else if (!had.has(wanted) && !mine.has(wanted)) takePort(service, i, wanted, allocation)
      const protocols = mine.get(port.nodePort!) ?? new Set()
      mine.set(port.nodePort!, protocols.add(port.protocol!))
    })
  }
  for (const port of had) if (!mine.has(port)) allocation.releasePort(port)
}

function takePort(service: Service, index: number, wanted: number | undefined, allocation: Allocation): number {
  try {
    return allocation.takePort(wanted)
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error
    if (wanted === undefined) throw internalError(`failed to allocate a nodePort: ${error.message}`)
    const errors = new FieldErrors()
    errors.invalid(`spec.ports[${index}].nodePort`, wanted, error.message)
    throw invalid(SERVICE, service.metadata.name, errors)
  }
}

const needsHealthCheck = ({ spec }: Service): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

function allocateHealthCheck(service: Service, old: Service | undefined, allocation: Allocation): void {
  const { spec } = service
  const before = old && needsHealthCheck(old) ? old.spec.healthCheckNodePort : undefined
  if (!needsHealthCheck(service)) {
    if (before) allocation.releasePort(before)
    return
  }
  if (before) return
  const wanted = spec.healthCheckNodePort
  try {
    spec.healthCheckNodePort = allocation.takePort(wanted)
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error
    throw internalError(`failed to allocate ${wanted ? 'requested' : 'a'} HealthCheck NodePort ${wanted ?? 0}: ${error.message}`)
  }
}

function refuse(name: string, check: (errors: FieldErrors) => void): void {
  const errors = new FieldErrors()
  check(errors)
  if (!errors.empty) throw invalid(SERVICE, name, errors)
}
