import type * as core from 'kubernetes-types/core/v1'
import { FieldErrors } from '../field-errors.ts'
import { goDiff } from '../go-diff/diff.ts'
import { deepEqual } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import type { Pod } from '../types.ts'
import { validateContainer } from './containers.ts'
import { validatePodSpec } from './pod-spec.ts'
import { validateVolumes } from './volumes.ts'

/** pods/ephemeralcontainers: ValidatePodEphemeralContainersUpdate of pkg/apis/core/validation (v1.33). */
const ALLOWED = new Set([
  'name', 'image', 'command', 'args', 'workingDir', 'env', 'envFrom', 'volumeMounts', 'volumeDevices', 'terminationMessagePath', 'terminationMessagePolicy',
  'imagePullPolicy', 'securityContext', 'stdin', 'stdinOnce', 'tty', 'targetContainerName',
])
const NOT_FOR_THEM = 'cannot be set for an Ephemeral Container'

export function validateEphemeralContainersUpdate(pod: Pod, old: Pod, errors: FieldErrors): void {
  if (old.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    errors.forbidden('', 'static pods do not support ephemeral containers')
    return
  }
  validatePodSpec(pod.spec, 'spec', errors)
  validateEphemeralContainers(pod.spec, 'spec', errors)
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((c) => [c.name, c]))
  for (const before of old.spec.ephemeralContainers ?? []) {
    const same = now.get(before.name)
    if (!same) errors.forbidden('spec.ephemeralContainers', `existing ephemeral containers "${before.name}" may not be removed\n`)
    else if (!deepEqual(same, before)) errors.forbidden('spec.ephemeralContainers', `existing ephemeral containers "${before.name}" may not be changed\n${goDiff(before, same, schemaOf('EphemeralContainer'))}`)
  }
}

/** validateEphemeralContainers. */
function validateEphemeralContainers(spec: core.PodSpec, path: string, errors: FieldErrors): void {
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map((c) => c.name))
  const names = new Set(others)
  const volumes = validateVolumes(spec.volumes, `${path}.volumes`, new FieldErrors())
  spec.ephemeralContainers?.forEach((container, i) => {
    const at = `${path}.ephemeralContainers[${i}]`
    validateContainer(container as unknown as core.Container, volumes, at, errors)
    if (container.name && names.has(container.name)) errors.duplicate(`${at}.name`, container.name)
    names.add(container.name)
    const { targetContainerName } = container
    if (targetContainerName && !others.has(targetContainerName)) errors.notFound(`${at}.targetContainerName`, targetContainerName)
    for (const [field, value] of Object.entries(container)) {
      if (!ALLOWED.has(field) && value !== undefined && !deepEqual(value, {})) errors.forbidden(`${at}.${field}`, NOT_FOR_THEM)
    }
    container.volumeMounts?.forEach((mount, k) => {
      if (mount.subPath) errors.forbidden(`${at}.volumeMounts[${k}].subPath`, NOT_FOR_THEM)
      if (mount.subPathExpr) errors.forbidden(`${at}.volumeMounts[${k}].subPathExpr`, NOT_FOR_THEM)
    })
  })
}
