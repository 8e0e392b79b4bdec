import { deepEqual } from '../json.ts'
import type { ReplicaSet } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateReplicaSet, validateReplicaSetUpdate } from '../validation/workloads.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

/** apps/v1 ReplicaSet: pkg/registry/apps/replicaset. */
export const replicaSet: Kind<ReplicaSet> = {
  resource: apiResource('ReplicaSet', 'replicasets', { group: 'apps', shortNames: ['rs'], categories: ['all'], subresources: ['scale', 'status'] }),
  type: 'ReplicaSet',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec }) {
    spec.replicas ??= 1
    if (spec.template?.spec) setPodSpecDefaults(spec.template.spec)
  },
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  fields: { 'status.replicas': (o) => String(o.status.replicas) },
  columns: [
    NAME,
    { name: 'Desired', type: 'integer', cell: ({ spec }) => spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status.replicas },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status.readyReplicas ?? 0 },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
}
