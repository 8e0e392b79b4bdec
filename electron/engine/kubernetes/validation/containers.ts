import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { oneOf, PROTOCOLS } from './common.ts'
import { validateEnv, validateEnvFrom } from './environment.ts'
import { dns1123Label, portName, portNumber } from './names.ts'
import { validateLifecycle, validateProbes } from './probes.ts'
import { validateResources } from './resources.ts'
import { validateSecurityContext } from './security-context.ts'
import { validateVolumeMounts, type VolumeNames } from './volumes.ts'

/** Containers of a Pod spec: pkg/apis/core/validation validateContainers, validateInitContainers (v1.33). */
type Container = core.Container

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']
const ONLY_SIDECARS = 'may not be set for init containers without restartPolicy=Always'

export function validateContainers(containers: readonly Container[] | undefined, volumes: VolumeNames, path: string, errors: FieldErrors): void {
  if (!containers?.length) return errors.required(path)
  const names = new Set<string>()
  containers.forEach((container, i) => {
    const at = `${path}[${i}]`
    validateContainer(container, volumes, at, errors)
    if (container.name && names.has(container.name)) errors.duplicate(`${at}.name`, container.name)
    names.add(container.name)
    validateLifecycle(container.lifecycle, `${at}.lifecycle`, errors)
    validateProbes(container, at, errors)
    if (container.restartPolicy) errors.forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers')
  })
  validateHostPorts(containers, path, errors)
}

export function validateInitContainers(
  containers: readonly Container[] | undefined,
  regular: readonly Container[] | undefined,
  volumes: VolumeNames,
  path: string,
  errors: FieldErrors,
): void {
  const names = new Set((regular ?? []).map((c) => c.name))
  containers?.forEach((container, i) => {
    const at = `${path}[${i}]`
    validateContainer(container, volumes, at, errors)
    if (container.name && names.has(container.name)) errors.duplicate(`${at}.name`, container.name)
    names.add(container.name)
    validateHostPorts([container], path, errors, i)
    const sidecar = container.restartPolicy === 'Always'
    if (container.restartPolicy && !sidecar) errors.notSupported(`${at}.restartPolicy`, container.restartPolicy, ['Always'])
    if (sidecar) {
      validateLifecycle(container.lifecycle, `${at}.lifecycle`, errors)
      validateProbes(container, at, errors)
      return
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field]) errors.forbidden(`${at}.${field}`, ONLY_SIDECARS)
    }
  })
}

export function validateContainer(container: Container, volumes: VolumeNames, path: string, errors: FieldErrors): void {
  if (!container.name) errors.required(`${path}.name`)
  else errors.invalidEach(`${path}.name`, container.name, dns1123Label(container.name))
  if (!container.image) errors.required(`${path}.image`)
  else if (container.image !== container.image.trim()) errors.invalid(`${path}.image`, container.image, 'must not have leading or trailing whitespace')
  oneOf(container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'], `${path}.terminationMessagePolicy`, errors)
  validatePorts(container.ports, `${path}.ports`, errors)
  validateEnv(container.env, `${path}.env`, errors)
  validateEnvFrom(container.envFrom, `${path}.envFrom`, errors)
  validateVolumeMounts(container.volumeMounts, volumes, `${path}.volumeMounts`, errors)
  oneOf(container.imagePullPolicy, PULL_POLICIES, `${path}.imagePullPolicy`, errors)
  validateResources(container.resources, `${path}.resources`, errors)
  validateSecurityContext(container.securityContext, `${path}.securityContext`, errors)
}

function validatePorts(ports: readonly core.ContainerPort[] | undefined, path: string, errors: FieldErrors): void {
  const names = new Set<string>()
  ports?.forEach((port, i) => {
    const at = `${path}[${i}]`
    if (port.name) {
      const problems = portName(port.name)
      if (problems.length > 0) errors.invalidEach(`${at}.name`, port.name, problems)
      else if (names.has(port.name)) errors.duplicate(`${at}.name`, port.name)
      else names.add(port.name)
    }
    if (!port.containerPort) errors.required(`${at}.containerPort`)
    else errors.invalidEach(`${at}.containerPort`, port.containerPort, portNumber(port.containerPort))
    if (port.hostPort) errors.invalidEach(`${at}.hostPort`, port.hostPort, portNumber(port.hostPort))
    oneOf(port.protocol, PROTOCOLS, `${at}.protocol`, errors)
  })
}

/** Two containers of a Pod cannot have one port of the node. */
function validateHostPorts(containers: readonly Container[], path: string, errors: FieldErrors, from = 0): void {
  const taken = new Set<string>()
  containers.forEach((container, c) => {
    container.ports?.forEach(({ hostPort, hostIP, protocol }, i) => {
      if (!hostPort) return
      const key = `${protocol}/${hostIP ?? ''}/${hostPort}`
      if (taken.has(key)) errors.duplicate(`${path}[${from + c}].ports[${i}].hostPort`, key)
      taken.add(key)
    })
  })
}
