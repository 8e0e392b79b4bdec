import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { milliValue } from '../schema/quantity.ts'
import { validateFieldRef } from './environment.ts'
import { dns1123Label } from './names.ts'

/** Volumes and their mounts: pkg/apis/core/validation ValidateVolumes, ValidateVolumeMounts (v1.33). */
export type VolumeNames = ReadonlySet<string>

const MODE_ERROR = 'must be a number between 0 and 0777 (octal), both inclusive'
const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']
const DOWNWARD_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']

export function validateVolumes(volumes: readonly core.Volume[] | undefined, path: string, errors: FieldErrors): VolumeNames {
  const names = new Set<string>()
  volumes?.forEach((volume, i) => {
    const at = `${path}[${i}]`
    const before = errors.list.length
    validateSource(volume, at, errors)
    if (!volume.name) errors.required(`${at}.name`)
    else errors.invalidEach(`${at}.name`, volume.name, dns1123Label(volume.name))
    if (volume.name && names.has(volume.name)) errors.duplicate(`${at}.name`, volume.name)
    if (errors.list.length === before || volume.name) names.add(volume.name)
  })
  return names
}

function validateSource(volume: core.Volume, path: string, errors: FieldErrors): void {
  const { name: _, ...sources } = volume
  const kinds = Object.keys(sources) as (keyof typeof sources)[]
  if (kinds.length === 0) return errors.required(path, 'must specify a volume type')
  kinds.forEach((kind, i) => {
    const at = `${path}.${kind}`
    if (i > 0) return errors.forbidden(at, 'may not specify more than 1 volume type')
    if (kind === 'hostPath') validateHostPath(volume.hostPath!, at, errors)
    else if (kind === 'emptyDir') validateEmptyDir(volume.emptyDir!, at, errors)
    else if (kind === 'secret') {
      if (!volume.secret!.secretName) errors.required(`${at}.secretName`)
      validateFiles(volume.secret!, at, errors)
    } else if (kind === 'configMap') {
      if (!volume.configMap!.name) errors.required(`${at}.name`)
      validateFiles(volume.configMap!, at, errors)
    } else if (kind === 'persistentVolumeClaim') {
      if (!volume.persistentVolumeClaim!.claimName) errors.required(`${at}.claimName`)
    } else if (kind === 'nfs') {
      if (!volume.nfs!.server) errors.required(`${at}.server`)
      if (!volume.nfs!.path) errors.required(`${at}.path`)
    } else if (kind === 'downwardAPI') {
      validMode(volume.downwardAPI!.defaultMode, `${at}.defaultMode`, errors)
      validateDownward(volume.downwardAPI!.items, at, errors)
    } else if (kind === 'projected') validateProjected(volume.projected!, at, errors)
  })
}

function validMode(mode: number | undefined, path: string, errors: FieldErrors): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.invalid(path, mode, MODE_ERROR)
}

function validateHostPath({ path: target, type }: core.HostPathVolumeSource, path: string, errors: FieldErrors): void {
  if (!target) return errors.required(`${path}.path`)
  if (hasDotDot(target)) errors.invalid(`${path}.path`, target, "must not contain '..'")
  if (type && !HOST_PATH_TYPES.includes(type)) errors.notSupported(`${path}.type`, type, HOST_PATH_TYPES)
}

function validateEmptyDir({ sizeLimit }: core.EmptyDirVolumeSource, path: string, errors: FieldErrors): void {
  if (sizeLimit !== undefined && milliValue(sizeLimit) < 0) errors.forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')
}

interface Files {
  defaultMode?: number
  items?: core.KeyToPath[]
}

function validateFiles({ defaultMode, items }: Files, path: string, errors: FieldErrors): void {
  validMode(defaultMode, `${path}.defaultMode`, errors)
  items?.forEach((item, i) => {
    const at = `${path}.items[${i}]`
    if (!item.key) errors.required(`${at}.key`)
    if (!item.path) errors.required(`${at}.path`)
    else validateRelative(item.path, `${at}.path`, errors)
    validMode(item.mode, `${at}.mode`, errors)
  })
}

function validateDownward(items: readonly core.DownwardAPIVolumeFile[] | undefined, path: string, errors: FieldErrors): void {
  items?.forEach((item) => {
    if (!item.path) errors.required(`${path}.path`)
    else validateRelative(item.path, `${path}.path`, errors)
    if (item.fieldRef) {
      validateFieldRef(item.fieldRef, DOWNWARD_FIELDS, `${path}.fieldRef`, errors)
      if (item.resourceFieldRef) errors.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')
    } else if (!item.resourceFieldRef) errors.required(path, 'one of fieldRef and resourceFieldRef is required')
    validMode(item.mode, `${path}.mode`, errors)
  })
}

function validateProjected({ defaultMode, sources }: core.ProjectedVolumeSource, path: string, errors: FieldErrors): void {
  validMode(defaultMode, `${path}.defaultMode`, errors)
  sources?.forEach((source, i) => {
    const at = `${path}.sources[${i}]`
    if (source.secret) {
      if (!source.secret.name) errors.required(`${at}.secret.name`)
      validateFiles(source.secret, `${at}.secret`, errors)
    }
    if (source.configMap) {
      if (!source.configMap.name) errors.required(`${at}.configMap.name`)
      validateFiles(source.configMap, `${at}.configMap`, errors)
    }
    if (source.downwardAPI) validateDownward(source.downwardAPI.items, `${at}.downwardAPI`, errors)
    if (source.serviceAccountToken && !source.serviceAccountToken.path) errors.required(`${at}.serviceAccountToken.path`)
  })
}

function hasDotDot(path: string): boolean {
  return path.split('/').includes('..')
}

function validateRelative(path: string, field: string, errors: FieldErrors): void {
  if (path.startsWith('/')) errors.invalid(field, path, 'must be a relative path')
  if (hasDotDot(path)) errors.invalid(field, path, "must not contain '..'")
  if (path.startsWith('..') && path !== '..' && !path.startsWith('../')) errors.invalid(field, path, "must not start with '..'")
}

export function validateVolumeMounts(mounts: readonly core.VolumeMount[] | undefined, volumes: VolumeNames, path: string, errors: FieldErrors): void {
  const places = new Set<string>()
  mounts?.forEach((mount, i) => {
    const at = `${path}[${i}]`
    if (!mount.name) errors.required(`${at}.name`)
    if (!volumes.has(mount.name)) errors.notFound(`${at}.name`, mount.name)
    if (!mount.mountPath) errors.required(`${at}.mountPath`)
    if (places.has(mount.mountPath)) errors.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique')
    places.add(mount.mountPath)
    if (mount.subPath) validateDescending(mount.subPath, `${at}.subPath`, errors)
    if (mount.subPathExpr) {
      if (mount.subPath) errors.invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive')
      validateDescending(mount.subPathExpr, `${at}.subPathExpr`, errors)
    }
    if (mount.mountPropagation && !['Bidirectional', 'HostToContainer', 'None'].includes(mount.mountPropagation)) {
      errors.notSupported(`${at}.mountPropagation`, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None'])
    }
  })
}

export function validateDescending(path: string, field: string, errors: FieldErrors): void {
  if (path.startsWith('/')) errors.invalid(field, path, 'must be a relative path')
  if (hasDotDot(path)) errors.invalid(field, path, "must not contain '..'")
}
