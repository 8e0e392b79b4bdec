import type * as core from 'kubernetes-types/core/v1'
import { deepEqual } from '../json.ts'
import type { StatefulSet } from '../types.ts'
import { dns1123Label } from '../validation/names.ts'
import { validateStatefulSet, validateStatefulSetUpdate } from '../validation/stateful-sets.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

/** apps/v1 StatefulSet: pkg/apis/apps/v1/defaults.go, pkg/registry/apps/statefulset. */
export const statefulSet: Kind<StatefulSet> = {
  resource: apiResource('StatefulSet', 'statefulsets', { group: 'apps', shortNames: ['sts'], categories: ['all'], subresources: ['scale', 'status'] }),
  type: 'StatefulSet',
  validName: dns1123Label,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec }) {
    spec.podManagementPolicy ??= 'OrderedReady'
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ??= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.partition ??= 0
      // The gate MaxUnavailableStatefulSet is off in v1.33: the API server drops the field.
      delete spec.updateStrategy.rollingUpdate.maxUnavailable
    }
    const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {})
    retention.whenDeleted ||= 'Retain'
    retention.whenScaled ||= 'Retain'
    spec.replicas ??= 1
    spec.revisionHistoryLimit ??= 10
    for (const claim of spec.volumeClaimTemplates ?? []) setClaimDefaults(claim)
    if (spec.template.spec) setPodSpecDefaults(spec.template.spec)
  },
  prepareForCreate(object) {
    object.status = { replicas: 0, availableReplicas: 0 }
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  columns: [
    NAME,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}` },
    AGE,
    ...TEMPLATE_COLUMNS.slice(0, 2),
  ],
}

function setClaimDefaults(claim: core.PersistentVolumeClaim): void {
  claim.apiVersion ??= 'v1'
  claim.kind ??= 'PersistentVolumeClaim'
  if (claim.spec) claim.spec.volumeMode ??= 'Filesystem'
  if (!claim.status?.phase) Object.assign(claim, { status: { ...claim.status, phase: 'Pending' } })
}
