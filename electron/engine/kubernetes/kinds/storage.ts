import type { KubeObject, PersistentVolumeClaim, StorageClass } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateClaim, validateClaimUpdate, validateStorageClass, validateStorageClassUpdate } from '../validation/storage.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Context, type Kind } from './kind.ts'

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'
const DEFAULT_CLASS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']
export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection'

/** The scheduler's word to a provisioner: where the first Pod that uses the claim will run. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'

/** GetPersistentVolumeClaimClass of pkg/apis/core/helper. */
export function claimClass({ spec, metadata }: PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? ''
}

const SHORT_MODES: Record<string, string> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' }

/** core/v1 PersistentVolumeClaim: admission plugins DefaultStorageClass and StorageObjectInUseProtection. No volume ever comes. */
export const persistentVolumeClaim: Kind<PersistentVolumeClaim> = {
  resource: apiResource('PersistentVolumeClaim', 'persistentvolumeclaims', { shortNames: ['pvc'], subresources: ['status'] }),
  type: 'PersistentVolumeClaim',
  validName: dns1123Subdomain,
  setDefaults(object) {
    if (object.spec.volumeMode === undefined) object.spec = { ...object.spec, volumeMode: 'Filesystem' }
  },
  admit(object, { store }) {
    const { metadata, spec } = object
    if (!metadata.finalizers?.includes(CLAIM_PROTECTION)) metadata.finalizers = [...(metadata.finalizers ?? []), CLAIM_PROTECTION]
    if (spec.storageClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return
    const fallback = defaultClass(store)
    if (fallback) object.spec = { ...spec, storageClassName: fallback }
  },
  prepareForCreate(object) {
    object.status = { phase: 'Pending' }
  },
  validate: (object, errors) => validateClaim(object, errors),
  validateUpdate: validateClaimUpdate,
  warnings: (_, old) => (old ? [] : ['podhop: not simulated: storage (the claim stays Pending; use emptyDir, configMap or hostPath volumes)']),
  columns: [
    NAME,
    { name: 'Status', cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status.phase ?? '')) },
    { name: 'Volume', cell: ({ spec }) => spec.volumeName ?? '' },
    { name: 'Capacity', cell: ({ spec, status }) => (spec.volumeName ? (status.capacity?.['storage'] ?? '0') : '') },
    { name: 'Access Modes', cell: ({ spec, status }) => (spec.volumeName ? (status.accessModes ?? []).map((m) => SHORT_MODES[m] ?? m).join(',') : '') },
    { name: 'StorageClass', cell: claimClass },
    { name: 'VolumeAttributesClass', cell: ({ spec }) => (spec as { volumeAttributesClassName?: string }).volumeAttributesClassName ?? '<unset>' },
    AGE,
    { name: 'VolumeMode', priority: 1, cell: ({ spec }) => spec.volumeMode ?? '<unset>' },
  ],
}

function isDefault({ metadata }: KubeObject): boolean {
  return DEFAULT_CLASS.some((key) => metadata.annotations?.[key] === 'true')
}

/** Of several the newest. */
function defaultClass(store: Context['store']): string | undefined {
  let chosen: KubeObject | undefined
  for (const each of store.list('storageclasses', '')) {
    if (isDefault(each) && (!chosen || each.metadata.creationTimestamp > chosen.metadata.creationTimestamp)) chosen = each
  }
  return chosen?.metadata.name
}

/** storage.k8s.io/v1 StorageClass. */
export const storageClass: Kind<StorageClass> = {
  resource: apiResource('StorageClass', 'storageclasses', { group: 'storage.k8s.io', shortNames: ['sc'], namespaced: false }),
  type: 'StorageClass',
  validName: dns1123Subdomain,
  setDefaults(object) {
    object.reclaimPolicy ??= 'Delete'
    object.volumeBindingMode ??= 'Immediate'
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  warnings: (_, old) => (old ? [] : ['podhop: not simulated: storage (no provisioner runs; claims of this class stay Pending)']),
  columns: [
    { ...NAME, cell: (o) => `${o.metadata.name}${isDefault(o) ? ' (default)' : ''}` },
    { name: 'Provisioner', cell: (o) => o.provisioner },
    { name: 'ReclaimPolicy', cell: (o) => o.reclaimPolicy ?? '' },
    { name: 'VolumeBindingMode', cell: (o) => o.volumeBindingMode ?? '' },
    { name: 'AllowVolumeExpansion', cell: (o) => String(o.allowVolumeExpansion ?? false) },
    AGE,
  ],
}
