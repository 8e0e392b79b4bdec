import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts'
import { IP_ERROR, oneOf, validIp } from './common.ts'
import { validateContainers, validateInitContainers } from './containers.ts'
import { dns1123Label, dns1123Subdomain, qualifiedName, rangeError } from './names.ts'
import { validateLabels } from './object-meta.ts'
import { validatePodSecurityContext } from './security-context.ts'
import { validateVolumes } from './volumes.ts'

/** ValidatePodSpec of pkg/apis/core/validation (v1.33), in its order, for the features that v1.33 has on. */
export function validatePodSpec(spec: core.PodSpec, path: string, errors: FieldErrors, options: { template?: boolean } = {}): void {
  const volumes = validateVolumes(spec.volumes, `${path}.volumes`, errors)
  validateContainers(spec.containers, volumes, `${path}.containers`, errors)
  validateInitContainers(spec.initContainers, spec.containers, volumes, `${path}.initContainers`, errors)
  oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${path}.restartPolicy`, errors)
  oneOf(spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], `${path}.dnsPolicy`, errors)
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, errors)
  validatePodSecurityContext(spec, path, errors)
  if (spec.hostNetwork) validateHostNetwork(spec, path, errors, options.template ?? false)
  spec.imagePullSecrets?.forEach(({ name }, i) => {
    if (!name) errors.required(`${path}.imagePullSecrets[${i}].name`)
  })
  validateAffinity(spec.affinity, `${path}.affinity`, errors)
  validateDns(spec, path, errors)
  spec.readinessGates?.forEach(({ conditionType }, i) => {
    errors.invalidEach(`${path}.readinessGates[${i}].conditionType`, conditionType, qualifiedName(conditionType))
  })
  validateSchedulingGates(spec.schedulingGates, `${path}.schedulingGates`, errors)
  validateTopologySpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`, errors)
  if (spec.serviceAccountName) errors.invalidEach(`${path}.serviceAccountName`, spec.serviceAccountName, dns1123Subdomain(spec.serviceAccountName))
  if (spec.nodeName) errors.invalidEach(`${path}.nodeName`, spec.nodeName, dns1123Subdomain(spec.nodeName))
  validateDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`, errors)
  if (spec.hostname) errors.invalidEach(`${path}.hostname`, spec.hostname, dns1123Label(spec.hostname))
  if (spec.subdomain) errors.invalidEach(`${path}.subdomain`, spec.subdomain, dns1123Label(spec.subdomain))
  validateTolerations(spec.tolerations, `${path}.tolerations`, errors)
  validateHostAliases(spec.hostAliases, `${path}.hostAliases`, errors)
  if (spec.priorityClassName) errors.invalidEach(`${path}.priorityClassName`, spec.priorityClassName, dns1123Subdomain(spec.priorityClassName))
  if (spec.runtimeClassName) errors.invalidEach(`${path}.runtimeClassName`, spec.runtimeClassName, dns1123Subdomain(spec.runtimeClassName))
  if (spec.preemptionPolicy) oneOf(spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'], `${path}.preemptionPolicy`, errors)
  if (spec.os) oneOf(spec.os.name, ['linux', 'windows'], `${path}.os.name`, errors)
}

function validateDeadline(value: number | undefined, path: string, errors: FieldErrors): void {
  if (value !== undefined && (value < 1 || value > 2147483647)) errors.invalid(path, value, rangeError(1, 2147483647))
}

function validateHostNetwork(spec: core.PodSpec, path: string, errors: FieldErrors, template: boolean): void {
  spec.containers.forEach((container, c) => {
    container.ports?.forEach(({ hostPort = 0, containerPort }, i) => {
      if (hostPort === containerPort || (template && hostPort === 0)) return
      errors.invalid(`${path}.containers[${c}].ports[${i}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true')
    })
  })
}

const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32

function validateDns({ dnsPolicy, dnsConfig }: core.PodSpec, path: string, errors: FieldErrors): void {
  const at = `${path}.dnsConfig`
  if (dnsPolicy === 'None' && !dnsConfig) errors.required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')
  if (!dnsConfig) return
  const { nameservers = [], searches = [], options = [] } = dnsConfig
  if (dnsPolicy === 'None' && nameservers.length === 0) {
    errors.required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')
  }
  if (nameservers.length > MAX_NAMESERVERS) errors.invalid(`${at}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`)
  nameservers.forEach((ip, i) => validIp(ip, `${at}.nameservers[${i}]`, errors))
  if (searches.length > MAX_SEARCHES) errors.invalid(`${at}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`)
  searches.forEach((search, i) => {
    if (search === '.') return
    const domain = search.endsWith('.') ? search.slice(0, -1) : search
    errors.invalidEach(`${at}.searches[${i}]`, search, dns1123Subdomain(domain))
  })
  options.forEach(({ name }, i) => {
    if (!name) errors.required(`${at}.options[${i}]`, 'must not be empty')
  })
}

function validateHostAliases(aliases: readonly core.HostAlias[] | undefined, path: string, errors: FieldErrors): void {
  aliases?.forEach(({ ip, hostnames }, i) => {
    if (!ip) errors.invalid(`${path}[${i}].ip`, ip ?? '', IP_ERROR)
    else validIp(ip, `${path}[${i}].ip`, errors)
    hostnames?.forEach((name, k) => errors.invalidEach(`${path}[${i}].hostnames[${k}]`, name, dns1123Subdomain(name)))
  })
}

function validateSchedulingGates(gates: readonly { name: string }[] | undefined, path: string, errors: FieldErrors): void {
  const seen = new Set<string>()
  gates?.forEach(({ name }, i) => {
    errors.invalidEach(`${path}[${i}]`, name, qualifiedName(name))
    if (seen.has(name)) errors.duplicate(`${path}[${i}]`, name)
    seen.add(name)
  })
}
