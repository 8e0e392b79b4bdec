import { at, list, map, text } from '../objects.ts'
import { OLD_SOURCES } from './old-volumes.ts'
import type { Description } from './writer.ts'

/** The volumes of a Pod or of a template (`space` is then two blanks): kubectl's describeVolumes. */
export function describeVolumes(d: Description, volumes: readonly unknown[] | undefined, space = ''): void {
  if (!volumes || volumes.length === 0) return d.line(0, `${space}Volumes:\t<none>`)
  d.line(0, `${space}Volumes:`)
  for (const volume of volumes) {
    d.line(1, `${space ? ' ' : ''}${text(at(volume, 'name'))}:`)
    const kind = Object.keys(map(volume)).find((key) => key !== 'name')
    const describe = kind === undefined ? undefined : (SOURCES.get(kind) ?? OLD_SOURCES.get(kind))
    if (describe) describe(d, at(volume, kind!))
    else d.line(2, '<unknown>')
  }
}

export type Describe = (d: Description, source: unknown) => void

const type = (d: Description, name: string, what: string): void => d.field('Type', `${name} (${what})`, 2)
const optional = (source: unknown): string => String(at(source, 'optional') ?? false)
const readOnly = (d: Description, source: unknown): void => d.field('ReadOnly', at(source, 'readOnly') ?? false, 2)
const fields = (d: Description, source: unknown, names: readonly (readonly [label: string, key: string])[]): void => {
  for (const [label, key] of names) d.field(label, text(at(source, key)), 2)
}

const SOURCES = new Map<string, Describe>([
  ['hostPath', (d, source) => {
    type(d, 'HostPath', 'bare host directory volume')
    fields(d, source, [['Path', 'path'], ['HostPathType', 'type']])
  }],
  ['emptyDir', (d, source) => {
    type(d, 'EmptyDir', "a temporary directory that shares a pod's lifetime")
    d.field('Medium', at(source, 'medium'), 2)
    d.field('SizeLimit', at(source, 'sizeLimit') ?? '<unset>', 2)
  }],
  ['gitRepo', (d, source) => {
    type(d, 'GitRepo', 'a volume that is pulled from git when the pod is created')
    fields(d, source, [['Repository', 'repository'], ['Revision', 'revision']])
  }],
  ['secret', (d, source) => {
    type(d, 'Secret', 'a volume populated by a Secret')
    d.field('SecretName', at(source, 'secretName'), 2)
    d.field('Optional', optional(source), 2)
  }],
  ['configMap', (d, source) => {
    type(d, 'ConfigMap', 'a volume populated by a ConfigMap')
    d.field('Name', at(source, 'name'), 2)
    d.field('Optional', optional(source), 2)
  }],
  ['nfs', (d, source) => {
    type(d, 'NFS', 'an NFS mount that lasts the lifetime of a pod')
    fields(d, source, [['Server', 'server'], ['Path', 'path']])
    readOnly(d, source)
  }],
  ['persistentVolumeClaim', (d, source) => {
    type(d, 'PersistentVolumeClaim', 'a reference to a PersistentVolumeClaim in the same namespace')
    fields(d, source, [['ClaimName', 'claimName']])
    readOnly(d, source)
  }],
  ['ephemeral', (d, source) => {
    type(d, 'EphemeralVolume', 'an inline specification for a volume that gets created and deleted with the pod')
    const template = at(source, 'volumeClaimTemplate')
    if (template === undefined) return
    fields(d, at(template, 'spec'), [['StorageClass', 'storageClassName'], ['Volume', 'volumeName']])
    pairs(d, 'Labels', at(template, 'metadata', 'labels'))
    pairs(d, 'Annotations', at(template, 'metadata', 'annotations'))
    // these are a bound claim's
    d.field('Capacity', '', 2)
    d.field('Access Modes', '', 2)
    if (at(template, 'spec', 'volumeMode') !== undefined) d.field('VolumeMode', at(template, 'spec', 'volumeMode'), 2)
  }],
  ['downwardAPI', (d, source) => {
    type(d, 'DownwardAPI', 'a volume populated by information about the pod')
    d.line(2, 'Items:')
    for (const item of list(at(source, 'items'))) {
      for (const field of ['fieldRef.fieldPath', 'resourceFieldRef.resource']) {
        const named = at(item, ...field.split('.'))
        if (named !== undefined) d.line(3, `${text(named)} -> ${text(at(item, 'path'))}`)
      }
    }
  }],
  ['csi', (d, source) => {
    type(d, 'CSI', 'a Container Storage Interface (CSI) volume source')
    fields(d, source, [['Driver', 'driver'], ['FSType', 'fsType']])
    readOnly(d, source)
    pairs(d, 'VolumeAttributes', at(source, 'volumeAttributes'))
  }],
  ['image', (d, source) => {
    type(d, 'Image', 'a container image or OCI artifact')
    fields(d, source, [['Reference', 'reference'], ['PullPolicy', 'pullPolicy']])
  }],
  ['projected', (d, source) => {
    type(d, 'Projected', 'a volume that contains injected data from multiple sources')
    for (const each of list(at(source, 'sources'))) {
      if (at(each, 'secret')) {
        d.field('SecretName', at(each, 'secret', 'name'), 2)
        d.field('Optional', optional(at(each, 'secret')), 2)
      } else if (at(each, 'downwardAPI')) d.field('DownwardAPI', 'true', 2)
      else if (at(each, 'configMap')) {
        d.field('ConfigMapName', at(each, 'configMap', 'name'), 2)
        d.field('Optional', optional(at(each, 'configMap')), 2)
      } else if (at(each, 'serviceAccountToken')) d.field('TokenExpirationSeconds', at(each, 'serviceAccountToken', 'expirationSeconds'), 2)
    }
  }],
])

/** key=value, a line each; kubectl indents the values once more than the other fields'. */
function pairs(d: Description, title: string, values: unknown): void {
  const lines = Object.entries(map(values)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${text(value)}`)
  d.write(2, `${title}:\t`)
  if (lines.length === 0) return d.line(title === 'VolumeAttributes' ? 0 : 2, '<none>')
  lines.forEach((line, i) => {
    if (i > 0) d.write(4, '\t')
    d.line(2, line)
  })
}
