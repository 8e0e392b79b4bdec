import { ipVersion, isLoopbackIp, isMulticastIp, isValidIp, tryParseCidr } from '../../network/address.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { deepEqual, quote } from '../json.ts'
import type { Service, ServicePort } from '../types.ts'
import { IP_ERROR, oneOf, portOrName, PROTOCOLS, refuseLeadingZeros, validIp } from './common.ts'
import { goServicePort } from './go-values.ts'
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from './names.ts'
import { cidrWarnings, ipWarnings } from './networking.ts'
import { validateLabels } from './object-meta.ts'

/** Services: pkg/apis/core/validation ValidateService (v1.33). */
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const MAX_SESSION_SECONDS = 86_400

const CIDR_ERROR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

const needsHealthCheck = ({ spec }: Service): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

const isHeadless = ({ spec }: Service): boolean => spec.clusterIPs?.[0] === 'None' || spec.clusterIP === 'None'

const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'

/** pkg/api/service/warnings.go of v1.33. */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  const out: string[] = []
  if (metadata.annotations?.[TOPOLOGY_HINTS] !== undefined) out.push(`annotation ${TOPOLOGY_HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead`)
  spec.clusterIPs?.forEach((ip, i) => out.push(...ipWarnings(ip, `spec.clusterIPs[${i}]`)))
  spec.externalIPs?.forEach((ip, i) => out.push(...ipWarnings(ip, `spec.externalIPs[${i}]`)))
  if (spec.loadBalancerIP) out.push(...ipWarnings(spec.loadBalancerIP, 'spec.loadBalancerIP'))
  spec.loadBalancerSourceRanges?.forEach((range, i) => out.push(...cidrWarnings(range.trim(), `spec.loadBalancerSourceRanges[${i}]`)))
  if (spec.type === 'ExternalName' && spec.externalIPs?.length) out.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  if (spec.type !== 'ExternalName' && spec.externalName) out.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  return out
}

export function validateService(service: Service, errors: FieldErrors): void {
  const { spec } = service
  if (!spec.ports?.length && !isHeadless(service) && spec.type !== 'ExternalName') errors.required('spec.ports')
  if (spec.type === 'LoadBalancer') {
    spec.ports?.forEach((port, i) => {
      if (port.port === 10250) errors.invalid(`spec.ports[${i}].port`, port.port, `may not expose port 10250 externally since it is used by kubelet`)
    })
    if (isHeadless(service)) errors.invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services")
  } else if (spec.type === 'NodePort') {
    if (isHeadless(service)) errors.invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services")
  } else if (spec.type === 'ExternalName') {
    if (spec.externalName) {
      const name = spec.externalName.endsWith('.') ? spec.externalName.slice(0, -1) : spec.externalName
      errors.invalidEach('spec.externalName', spec.externalName, dns1123Subdomain(name))
    } else errors.required('spec.externalName')
  }
  validatePorts(spec.ports ?? [], errors)
  validateLabels(spec.selector, 'spec.selector', errors)
  oneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity', errors)
  validateAffinityConfig(service, errors)
  validateClusterIps(service, errors)
  spec.externalIPs?.forEach((ip, i) => {
    if (validIp(ip, `spec.externalIPs[${i}]`, errors)) validateReachable(ip, `spec.externalIPs[${i}]`, errors)
  })
  oneOf(spec.type, TYPES, 'spec.type', errors)
  validateUniquePorts(service, errors)
  validateTraffic(service, errors)
}

function validatePorts(ports: readonly ServicePort[], errors: FieldErrors): void {
  const names = new Set<string>()
  ports.forEach((port, i) => {
    const path = `spec.ports[${i}]`
    if (!port.name) {
      if (ports.length > 1) errors.required(`${path}.name`)
    } else {
      errors.invalidEach(`${path}.name`, port.name, dns1123Label(port.name))
      if (names.has(port.name)) errors.duplicate(`${path}.name`, port.name)
      names.add(port.name)
    }
    errors.invalidEach(`${path}.port`, port.port, portNumber(port.port))
    oneOf(port.protocol, PROTOCOLS, `${path}.protocol`, errors)
    portOrName(port.targetPort, `${path}.targetPort`, errors)
    if (port.appProtocol !== undefined) errors.invalidEach(`${path}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol))
  })
}

function validateAffinityConfig({ spec }: Service, errors: FieldErrors): void {
  const { sessionAffinity, sessionAffinityConfig: config } = spec
  const path = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None' && config) errors.forbidden(path, "must not be set when session affinity is None")
  if (sessionAffinity !== 'ClientIP') return
  const seconds = config?.clientIP?.timeoutSeconds
  if (seconds === undefined) return errors.required(path, "when session affinity type is ClientIP")
  if (seconds <= 0 || seconds > MAX_SESSION_SECONDS) {
    errors.invalid(`${path}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_SESSION_SECONDS}`)
  }
}

/** ValidateNonSpecialIP: no address that leads nowhere else. */
export function validateReachable(ip: string, path: string, errors: FieldErrors): void {
  if (ip === '0.0.0.0' || ip === '::') errors.invalid(path, ip, `may not be unspecified (${ip})`)
  if (isLoopbackIp(ip)) errors.invalid(path, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')
  if (ip.startsWith('169.254.') || /^fe[89ab]/i.test(ip)) errors.invalid(path, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')
  if (isMulticastIp(ip) && (ip.startsWith('224.0.0.') || /^ff.2:/i.test(ip))) {
    errors.invalid(path, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')
  }
}

function validateUniquePorts({ spec }: Service, errors: FieldErrors): void {
  const nodePorts = new Set<string>()
  const ports = new Set<string>()
  spec.ports?.forEach((port, i) => {
    if (spec.type !== 'ClusterIP' || !port.nodePort) return
    errors.forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'")
  })
  spec.ports?.forEach(({ protocol = '', nodePort }, i) => {
    if (!nodePort) return
    const key = `${protocol}/${nodePort}`
    if (nodePorts.has(key)) errors.duplicate(`spec.ports[${i}].nodePort`, goServicePort({ protocol, nodePort }))
    nodePorts.add(key)
  })
  spec.ports?.forEach(({ protocol = '', port }, i) => {
    const key = `${protocol}/${port}`
    if (ports.has(key)) errors.duplicate(`spec.ports[${i}]`, goServicePort({ protocol, port }))
    ports.add(key)
  })
}

function validateTraffic({ spec }: Service, errors: FieldErrors): void {
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)
  if (spec.loadBalancerSourceRanges?.length && spec.type !== 'LoadBalancer') {
    errors.forbidden('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'")
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer') {
    errors.forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'")
  }
  if (spec.loadBalancerClass !== undefined && spec.type !== 'LoadBalancer') {
    errors.forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'")
  }
  spec.loadBalancerSourceRanges?.forEach((range, i) => {
    if (tryParseCidr(range.trim())) return
    refuseLeadingZeros(range.trim())
    errors.invalid(`spec.LoadBalancerSourceRanges[${i}]`, range.trim(), CIDR_ERROR)
  })
  if (spec.loadBalancerClass !== undefined) errors.invalidEach('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName(spec.loadBalancerClass))
  const policy = spec.externalTrafficPolicy
  if (!external) {
    if (policy) errors.invalid('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services')
  } else oneOf(policy, ['Cluster', 'Local'], 'spec.externalTrafficPolicy', errors)
  if (spec.healthCheckNodePort && !(spec.type === 'LoadBalancer' && policy === 'Local')) {
    const text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    errors.invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, text)
  }
  if (spec.healthCheckNodePort && spec.type === 'LoadBalancer' && policy === 'Local') errors.invalidEach('spec.healthCheckNodePort', spec.healthCheckNodePort, portNumber(spec.healthCheckNodePort))
  if (spec.type !== 'ExternalName') oneOf(spec.internalTrafficPolicy, ['Cluster', 'Local'], 'spec.internalTrafficPolicy', errors)
  if (spec.trafficDistribution !== undefined && spec.trafficDistribution !== 'PreferClose') {
    errors.notSupported('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose'])
  }
}

function list(ips: readonly string[] | undefined): GoValue {
  return new GoValue(ips?.length ? `[]string{${ips.map(quote).join(', ')}}` : '[]string(nil)')
}

/** ValidateServiceClusterIPsRelatedFields: clusterIP, clusterIPs, ipFamilies and their policy together. */
export function validateClusterIps(service: Service, errors: FieldErrors): void {
  const { spec } = service
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  if (spec.type === 'ExternalName') {
    if (clusterIPs.length > 0) errors.forbidden('spec.clusterIPs', 'may not be set for ExternalName services')
    if (ipFamilies.length > 0) errors.forbidden('spec.ipFamilies', 'may not be set for ExternalName services')
    if (ipFamilyPolicy !== undefined) errors.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services')
    return
  }
  if (ipFamilyPolicy !== undefined && !['SingleStack', 'PreferDualStack', 'RequireDualStack'].includes(ipFamilyPolicy)) {
    errors.notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack'])
  }
  if (ipFamilies.length > 2) errors.invalid('spec.ipFamilies', list(ipFamilies), 'may only hold up to 2 values')
  ipFamilies.forEach((family, i) => {
    if (family !== 'IPv4' && family !== 'IPv6') errors.notSupported(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6'])
    else if (ipFamilies.indexOf(family) < i) errors.duplicate(`spec.ipFamilies[${i}]`, family)
  })
  if (clusterIPs.length === 0) {
    if (clusterIP) errors.required('spec.clusterIPs')
    return
  }
  if (clusterIPs.length > 2) errors.invalid('spec.clusterIPs', list(clusterIPs), 'may only hold up to 2 values')
  if (!clusterIP) errors.invalid('spec.clusterIPs', list(clusterIPs), 'must be empty when `clusterIP` is not specified')
  else if (clusterIPs[0] !== clusterIP) errors.invalid('spec.clusterIPs[0]', list(clusterIPs), 'first value must match `clusterIP`')
  validateEach(clusterIPs, ipFamilies, errors)
}

function validateEach(clusterIPs: readonly string[], ipFamilies: readonly string[], errors: FieldErrors): void {
  let wellFormed = true
  clusterIPs.forEach((ip, i) => {
    const path = `spec.clusterIPs[${i}]`
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length > 1) errors.invalid(`spec.clusterIPs`, list(clusterIPs), "'None' must be the first and only value")
      wellFormed = false
      return
    }
    if (isValidIp(ip)) return
    wellFormed = false
    refuseLeadingZeros(ip)
    errors.invalid(path, ip, IP_ERROR)
  })
  if (!wellFormed) return
  if (clusterIPs.length === 2 && ipVersion(clusterIPs[0]!) === ipVersion(clusterIPs[1]!)) {
    errors.invalid('spec.clusterIPs', list(clusterIPs), 'may specify no more than one IP for each IP family')
  }
  clusterIPs.forEach((ip, i) => {
    const family = ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
    const wanted = ipFamilies[i]
    if (wanted && wanted !== family) errors.invalid(`spec.clusterIPs[${i}]`, ip, `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``)
  })
}

export function validateServiceUpdate(service: Service, old: Service, errors: FieldErrors): void {
  validateService(service, errors)
  if (needsHealthCheck(service) && needsHealthCheck(old) && service.spec.healthCheckNodePort !== old.spec.healthCheckNodePort) errors.forbidden('spec.healthCheckNodePort', 'field is immutable')
  if (service.spec.type === 'ExternalName' || old.spec.type === 'ExternalName') return
  if (!(isHeadless(service) && isHeadless(old))) validateAddressChange(service, old, errors)
  const before = old.spec.ipFamilies?.[0]
  const after = service.spec.ipFamilies?.[0]
  if (before && after && before !== after) errors.invalid('spec.ipFamilies[0]', list(service.spec.ipFamilies), 'may not change once set')
  if (service.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer' && service.spec.loadBalancerClass !== old.spec.loadBalancerClass) {
    errors.invalid('spec.loadBalancerClass', service.spec.loadBalancerClass, 'may not change once set')
  }
}

function validateAddressChange(service: Service, old: Service, errors: FieldErrors): void {
  const after = service.spec.clusterIPs ?? []
  const before = old.spec.clusterIPs ?? []
  if (deepEqual(after, before)) return
  if (before.length > 0 && after.length === 0) errors.invalid('spec.clusterIPs[0]', list(after), 'primary clusterIP can not be unset')
  const compared = before.length === after.length ? before.length : Math.min(1, before.length, after.length)
  for (let i = 0; i < compared; i++) {
    if (before[i] !== after[i]) errors.invalid(`spec.clusterIPs[${i}]`, list(after), 'may not change once set')
  }
  if (before.length > after.length && after.length === 1 && service.spec.ipFamilyPolicy !== 'SingleStack') {
    errors.invalid('spec.ipFamilyPolicy', service.spec.ipFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary clusterIP")
  }
}
