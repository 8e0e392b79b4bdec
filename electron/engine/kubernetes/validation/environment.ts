import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { configKey, dns1123Subdomain, envVarName, qualifiedName } from './names.ts'

/** Environment variables: pkg/apis/core/validation ValidateEnv, ValidateEnvFrom (v1.33). */
const FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
const RESOURCES = ['limits.cpu', 'limits.ephemeral-storage', 'limits.memory', 'requests.cpu', 'requests.ephemeral-storage', 'requests.memory']

export function validateEnv(env: readonly core.EnvVar[] | undefined, path: string, errors: FieldErrors): void {
  env?.forEach((variable, i) => {
    const at = `${path}[${i}]`
    if (!variable.name) errors.required(`${at}.name`)
    else errors.invalidEach(`${at}.name`, variable.name, envVarName(variable.name))
    if (variable.valueFrom) validateSource(variable, variable.valueFrom, `${at}.valueFrom`, errors)
  })
}

function validateSource(variable: core.EnvVar, source: core.EnvVarSource, path: string, errors: FieldErrors): void {
  let count = 0
  if (source.fieldRef) {
    count++
    validateFieldRef(source.fieldRef, FIELD_PATHS, `${path}.fieldRef`, errors)
  }
  if (source.resourceFieldRef) {
    count++
    const { resource } = source.resourceFieldRef
    if (!resource) errors.required(`${path}.resourceFieldRef.resource`)
    else if (!RESOURCES.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
      errors.notSupported(`${path}.resourceFieldRef.resource`, resource, RESOURCES)
    }
  }
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[name]
    if (!reference) continue
    count++
    if (!reference.name) errors.required(`${path}.${name}.name`)
    if (!reference.key) errors.required(`${path}.${name}.key`)
    else errors.invalidEach(`${path}.${name}.key`, reference.key, configKey(reference.key))
  }
  if (count === 0) errors.invalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`')
  if (count > 0 && variable.value) errors.invalid(path, '', 'may not be specified when `value` is not empty')
  if (count > 1) errors.invalid(path, '', 'may not have more than one field specified at a time')
}

/** A field of the Pod, or one label or annotation of it (metadata.labels['key']). */
export function validateFieldRef(reference: core.ObjectFieldSelector, allowed: readonly string[], path: string, errors: FieldErrors): void {
  const { apiVersion, fieldPath } = reference
  if (!apiVersion) return errors.required(`${path}.apiVersion`)
  if (!fieldPath) return errors.required(`${path}.fieldPath`)
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(fieldPath)
  if (subscript) {
    const key = subscript[1] === 'metadata.annotations' ? subscript[2]!.toLowerCase() : subscript[2]!
    errors.invalidEach(path, subscript[2], qualifiedName(key))
  } else if (!allowed.includes(fieldPath)) errors.notSupported(`${path}.fieldPath`, fieldPath, allowed)
}

export function validateEnvFrom(sources: readonly core.EnvFromSource[] | undefined, path: string, errors: FieldErrors): void {
  sources?.forEach(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`
    if (prefix) errors.invalidEach(`${at}.prefix`, prefix, envVarName(prefix))
    if (configMapRef) validateReference(configMapRef.name, `${at}.configMapRef.name`, errors)
    if (secretRef) validateReference(secretRef.name, `${at}.secretRef.name`, errors)
    if (!configMapRef && !secretRef) errors.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')
    else if (configMapRef && secretRef) errors.invalid(at, '', 'may not have more than one field specified at a time')
  })
}

function validateReference(name: string | undefined, path: string, errors: FieldErrors): void {
  if (!name) errors.required(path)
  else errors.invalidEach(path, name, dns1123Subdomain(name))
}
