import { deepEqual } from '../json.ts'
import type { ReplicationController } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateReplicationController, validateReplicationControllerUpdate } from '../validation/workloads.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { formatLabels } from './label-text.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

/** core/v1 ReplicationController: pkg/apis/core/v1/defaults.go, pkg/registry/core/replicationcontroller. */
export const replicationController: Kind<ReplicationController> = {
  resource: apiResource('ReplicationController', 'replicationcontrollers', { shortNames: ['rc'], categories: ['all'], subresources: ['scale', 'status'] }),
  type: 'ReplicationController',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec, metadata }) {
    // What it selects, and its own labels, are those of its Pods unless it says otherwise.
    const labels = spec.template?.metadata?.labels
    if (labels) {
      if (!spec.selector || Object.keys(spec.selector).length === 0) spec.selector = labels
      if (!metadata.labels || Object.keys(metadata.labels).length === 0) metadata.labels = labels
    }
    spec.replicas ??= 1
    if (spec.template?.spec) setPodSpecDefaults(spec.template.spec)
  },
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  validate: validateReplicationController,
  validateUpdate: validateReplicationControllerUpdate,
  fields: { 'status.replicas': (o) => String(o.status.replicas) },
  columns: [
    NAME,
    { name: 'Desired', type: 'integer', cell: ({ spec }) => spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status.replicas },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status.readyReplicas ?? 0 },
    AGE,
    ...(TEMPLATE_COLUMNS.slice(0, 2) as []),
    { name: 'Selector', priority: 1, cell: ({ spec }) => formatLabels(spec.selector) },
  ],
}
