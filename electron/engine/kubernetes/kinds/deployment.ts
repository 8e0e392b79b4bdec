import { deepEqual } from '../json.ts'
import type { Deployment } from '../types.ts'
import { validateDeployment, validateDeploymentUpdate } from '../validation/workloads.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME, TEMPLATE_COLUMNS } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

/** apps/v1 Deployment: pkg/apis/apps/v1/defaults.go, pkg/registry/apps/deployment. */
export const deployment: Kind<Deployment> = {
  resource: apiResource('Deployment', 'deployments', { group: 'apps', shortNames: ['deploy'], categories: ['all'], subresources: ['scale', 'status'] }),
  type: 'Deployment',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec) || !deepEqual(o.metadata.annotations, old.metadata.annotations),
  setDefaults({ spec }) {
    spec.replicas ??= 1
    spec.strategy ??= {}
    spec.strategy.type ??= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {}
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
      spec.strategy.rollingUpdate.maxSurge ??= '25%'
    }
    spec.revisionHistoryLimit ??= 10
    spec.progressDeadlineSeconds ??= 600
    if (spec.template.spec) setPodSpecDefaults(spec.template.spec)
  },
  prepareForCreate(object) {
    object.status = {}
  },
  // labels stay, annotations do not: the controller writes the revision with the status
  prepareForStatusUpdate(object, _old, submitted) {
    const { annotations } = submitted.metadata
    if (annotations === undefined) delete object.metadata.annotations
    else object.metadata.annotations = annotations
  },
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  columns: [
    NAME,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}` },
    { name: 'Up-to-date', type: 'integer', cell: ({ status }) => status.updatedReplicas ?? 0 },
    { name: 'Available', type: 'integer', cell: ({ status }) => status.availableReplicas ?? 0 },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
}
