import { decodeBase64 } from '../base64.ts'
import type { FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import type { Secret } from '../kinds/config.ts'
import type { ConfigMap, Event } from '../types.ts'
import { configKey } from './names.ts'

/** ConfigMaps, Secrets and Events: pkg/apis/core/validation (v1.33). */
const MAX_BYTES = 1024 * 1024
const IMMUTABLE = 'field is immutable when `immutable` is set'

export function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap, errors: FieldErrors): void {
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    errors.invalidEach(`data[${key}]`, key, configKey(key))
    if (Object.hasOwn(binaryData, key)) errors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')
    size += value.length
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.invalidEach(`binaryData[${key}]`, key, configKey(key))
    size += Math.floor((value.length * 3) / 4)
  }
  if (size > MAX_BYTES) errors.tooLong('', MAX_BYTES)
}

export function validateConfigMapUpdate(object: ConfigMap, old: ConfigMap, errors: FieldErrors): void {
  if (old.immutable) {
    if (!object.immutable) errors.forbidden('immutable', IMMUTABLE)
    if (!deepEqual(object.data, old.data)) errors.forbidden('data', IMMUTABLE)
    if (!deepEqual(object.binaryData, old.binaryData)) errors.forbidden('binaryData', IMMUTABLE)
  }
  validateConfigMap(object, errors)
}

const REQUIRED_KEYS = new Map<string, readonly string[]>([
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
])

export function validateSecret({ data = {}, type = '', metadata }: Secret, errors: FieldErrors): void {
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    errors.invalidEach(`data[${key}]`, key, configKey(key))
    const bytes = decodeBase64(value)
    if (typeof bytes !== 'number') size += bytes.length
  }
  if (size > MAX_BYTES) errors.tooLong('data', MAX_BYTES)
  if (type === 'kubernetes.io/service-account-token' && !metadata.annotations?.['kubernetes.io/service-account.name']) {
    errors.required('metadata.annotations[kubernetes.io/service-account.name]')
  }
  if (type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined) {
    errors.required('data[username]')
    errors.required('data[password]')
  }
  for (const key of REQUIRED_KEYS.get(type) ?? []) if (data[key] === undefined) errors.required(`data[${key}]`)
}

export function validateSecretUpdate(object: Secret, old: Secret, errors: FieldErrors): void {
  if (object.type !== old.type) errors.invalid('type', object.type, 'field is immutable')
  if (old.immutable) {
    if (!object.immutable) errors.forbidden('immutable', IMMUTABLE)
    if (!deepEqual(object.data, old.data)) errors.forbidden('data', IMMUTABLE)
  }
  validateSecret(object, errors)
}

export function validateEvent({ involvedObject, metadata }: Event, errors: FieldErrors): void {
  const { namespace } = involvedObject
  if (!namespace) {
    if (metadata.namespace !== 'default') errors.invalid('involvedObject.namespace', namespace ?? '', 'does not match event.namespace')
  } else if (namespace !== metadata.namespace) errors.invalid('involvedObject.namespace', namespace, 'does not match event.namespace')
}
