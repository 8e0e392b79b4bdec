import type * as core from 'kubernetes-types/core/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { goDiff } from '../go-diff/diff.ts'
import { deepEqual } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import { milliValue } from '../schema/quantity.ts'
import type { PersistentVolumeClaim, StorageClass } from '../types.ts'
import { dns1123Subdomain, qualifiedName } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'

/** Claims and classes of storage: pkg/apis/core/validation, pkg/apis/storage/validation (v1.33). */
const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const VOLUME_MODES = ['Block', 'Filesystem']

export function validateClaim({ spec }: { spec: core.PersistentVolumeClaimSpec }, errors: FieldErrors, path = 'spec'): void {
  const modes = spec.accessModes ?? []
  if (modes.length === 0) errors.required(`${path}.accessModes`, 'at least 1 access mode is required')
  validateLabelSelector(spec.selector, `${path}.selector`, errors)
  for (const mode of modes) if (!ACCESS_MODES.includes(mode)) errors.notSupported(`${path}.accessModes`, mode, ACCESS_MODES)
  if (modes.includes('ReadWriteOncePod') && modes.some((m) => m !== 'ReadWriteOncePod')) {
    errors.forbidden(`${path}.accessModes`, 'may not use ReadWriteOncePod with other access modes')
  }
  const storage = spec.resources?.requests?.['storage']
  if (storage === undefined) errors.required(`${path}.resources[storage]`)
  else if (milliValue(storage) <= 0) errors.invalid(`${path}.resources[storage]`, storage, 'must be greater than zero')
  if (spec.storageClassName) errors.invalidEach(`${path}.storageClassName`, spec.storageClassName, dns1123Subdomain(spec.storageClassName))
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) errors.notSupported(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES)
  if (spec.dataSource) {
    if (!spec.dataSource.kind) errors.required(`${path}.dataSource.kind`)
    if (!spec.dataSource.name) errors.required(`${path}.dataSource.name`)
  }
}

export function validateClaimUpdate(object: PersistentVolumeClaim, old: PersistentVolumeClaim, errors: FieldErrors): void {
  validateClaim(object, errors)
  const before = { ...old.spec }
  // A volume and a class may be given once.
  if (!before.volumeName) before.volumeName = object.spec.volumeName
  if (before.storageClassName === undefined) before.storageClassName = object.spec.storageClassName
  if (!deepEqual(object.spec, before)) {
    errors.forbidden('spec', `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${goDiff(before, object.spec, schemaOf('PersistentVolumeClaimSpec'))}`)
  }
}

export function validateStorageClass(storage: StorageClass, errors: FieldErrors): void {
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode } = storage
  if (!provisioner) errors.required('provisioner')
  else errors.invalidEach('provisioner', provisioner, qualifiedName(provisioner.toLowerCase()))
  for (const key in parameters) if (!key) errors.invalid('parameters', key, 'field can not be empty.')
  if (reclaimPolicy !== undefined && !['Delete', 'Retain'].includes(reclaimPolicy)) errors.notSupported('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain'])
  const modes = ['Immediate', 'WaitForFirstConsumer']
  if (volumeBindingMode !== undefined && !modes.includes(volumeBindingMode)) errors.notSupported('volumeBindingMode', volumeBindingMode, modes)
}

export function validateStorageClassUpdate(object: StorageClass, old: StorageClass, errors: FieldErrors): void {
  if (!deepEqual(object.parameters, old.parameters)) errors.forbidden('parameters', 'updates to parameters are forbidden.')
  if (object.provisioner !== old.provisioner) errors.forbidden('provisioner', 'updates to provisioner are forbidden.')
  if (object.reclaimPolicy !== old.reclaimPolicy) errors.forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.')
  if (object.volumeBindingMode !== old.volumeBindingMode) errors.invalid('volumeBindingMode', new GoValue('0xc000a2e0f0'), 'field is immutable')
}
