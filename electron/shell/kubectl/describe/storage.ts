import type { PersistentVolumeClaim, Pod, StorageClass } from '../../../engine/kubernetes/types.ts'
import { formatLabels } from '../printers/table.ts'
import { byBytes } from '../objects.ts'
import { type Description, rfc1123 } from './writer.ts'

const CLASS = 'volume.beta.kubernetes.io/storage-class'
const SHORT_MODES: Record<string, string> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' }

export function describeClaim(d: Description, claim: PersistentVolumeClaim): void {
  const { metadata, spec, status } = claim
  d.head(claim)
  d.field('StorageClass', metadata.annotations?.[CLASS] ?? spec.storageClassName ?? '')
  d.field('Status', metadata.deletionTimestamp ? `Terminating (lasts ${d.age(metadata.deletionTimestamp)})` : status.phase)
  d.field('Volume', spec.volumeName)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Finalizers', `[${(metadata.finalizers ?? []).join(' ')}]`)
  d.field('Capacity', spec.volumeName ? (status.capacity?.['storage'] ?? '0') : '')
  d.field('Access Modes', spec.volumeName ? (status.accessModes ?? []).map((m) => SHORT_MODES[m] ?? m).join(',') : '')
  if (spec.volumeMode !== undefined) d.field('VolumeMode', spec.volumeMode)
  if (spec.dataSource) {
    d.line(0, 'DataSource:')
    if (spec.dataSource.apiGroup !== undefined) d.field('APIGroup', spec.dataSource.apiGroup, 1)
    d.field('Kind', spec.dataSource.kind, 1)
    d.field('Name', spec.dataSource.name, 1)
  }
  usedBy(d, claim)
  if (status.conditions?.length) {
    d.line(0, 'Conditions:')
    d.line(1, 'Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage')
    d.line(1, '----\t------\t-----------------\t------------------\t------\t-------')
    for (const c of status.conditions) d.line(1, `${c.type} \t${c.status} \t${rfc1123(c.lastProbeTime)} \t${rfc1123(c.lastTransitionTime)} \t${c.reason ?? ''} \t${c.message ?? ''}`)
  }
  d.events(claim)
}

function usedBy(d: Description, { metadata }: PersistentVolumeClaim): void {
  const pods = d.k.client.list<Pod>('pods', { namespace: metadata.namespace }).items
  const owners = new Set((metadata.ownerReferences ?? []).filter((o) => o.kind === 'Pod').map((o) => o.uid))
  const using = pods.filter((pod) => owners.has(pod.metadata.uid) || pod.spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === metadata.name))
  const names = using.map((pod) => pod.metadata.name).sort(byBytes)
  d.write(0, 'Used By:\t')
  if (names.length === 0) d.line(0, '<none>')
  names.forEach((name, i) => d.line(0, i === 0 ? name : `\t${name}`))
}

const DEFAULT = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export function describeStorageClass(d: Description, storage: StorageClass): void {
  const { metadata, provisioner, parameters, allowVolumeExpansion, mountOptions, reclaimPolicy, volumeBindingMode, allowedTopologies } = storage
  d.field('Name', metadata.name)
  d.field('IsDefaultClass', DEFAULT.some((key) => metadata.annotations?.[key] === 'true') ? 'Yes' : 'No')
  d.field('Annotations', formatLabels(metadata.annotations))
  d.field('Provisioner', provisioner)
  d.field('Parameters', formatLabels(parameters))
  d.field('AllowVolumeExpansion', allowVolumeExpansion === undefined ? '<unset>' : allowVolumeExpansion ? 'True' : 'False')
  if (!mountOptions?.length) d.field('MountOptions', '<none>')
  else {
    d.line(0, 'MountOptions:')
    for (const option of mountOptions) d.line(1, option)
  }
  if (reclaimPolicy) d.field('ReclaimPolicy', reclaimPolicy)
  if (volumeBindingMode) d.field('VolumeBindingMode', volumeBindingMode)
  if (allowedTopologies) {
    d.line(0, 'AllowedTopologies:\t')
    allowedTopologies.forEach(({ matchLabelExpressions = [] }, i) => {
      d.write(1, `Term ${i}:\t`)
      if (matchLabelExpressions.length === 0) d.line(0, '<none>')
      matchLabelExpressions.forEach(({ key, values }, k) => d.line(0, `${k > 0 ? '  \t' : ''}${key} in [${values.join(', ')}]`))
    })
  }
  d.events(storage)
}
