import type * as core from 'kubernetes-types/core/v1'
import { ageOf } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import { formatLabelSelector } from '../selectors.ts'
import type { CronJob } from '../types.ts'
import { validateCronJob, validateCronJobUpdate } from '../validation/batch.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { setJobTemplateDefaults } from './job.ts'
import { apiResource, type Kind } from './kind.ts'

const containersOf = ({ spec }: CronJob): readonly core.Container[] => spec.jobTemplate.spec?.template.spec?.containers ?? []

/** batch/v1 CronJob: pkg/apis/batch/v1/defaults.go, pkg/registry/batch/cronjob. */
export const cronJob: Kind<CronJob> = {
  resource: apiResource('CronJob', 'cronjobs', { group: 'batch', shortNames: ['cj'], categories: ['all'], subresources: ['status'] }),
  type: 'CronJob',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec }) {
    spec.concurrencyPolicy ||= 'Allow'
    spec.suspend ??= false
    spec.successfulJobsHistoryLimit ??= 3
    spec.failedJobsHistoryLimit ??= 1
    if (spec.jobTemplate.spec) setJobTemplateDefaults(spec.jobTemplate.spec)
  },
  prepareForCreate(object) {
    object.status = {}
  },
  validate: validateCronJob,
  validateUpdate: validateCronJobUpdate,
  columns: [
    NAME,
    { name: 'Schedule', cell: ({ spec }) => spec.schedule },
    { name: 'Timezone', cell: ({ spec }) => spec.timeZone ?? '<none>' },
    { name: 'Suspend', cell: ({ spec }) => (spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False') },
    { name: 'Active', type: 'integer', cell: ({ status }) => status.active?.length ?? 0 },
    { name: 'Last Schedule', cell: ({ status }, { wall }) => (status.lastScheduleTime ? ageOf(status.lastScheduleTime, wall) : '<none>') },
    AGE,
    { name: 'Containers', priority: 1, cell: (o) => containersOf(o).map((c) => c.name).join(',') },
    { name: 'Images', priority: 1, cell: (o) => containersOf(o).map((c) => c.image ?? '').join(',') },
    { name: 'Selector', priority: 1, cell: ({ spec }) => formatLabelSelector(spec.jobTemplate.spec?.selector) },
  ],
}
