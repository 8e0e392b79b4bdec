import { deepEqual } from '../json.ts'
import { forbidden } from '../status.ts'
import type { PodDisruptionBudget, PriorityClass } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { SYSTEM_PRIORITIES, validateDisruptionBudget, validateDisruptionStatus, validatePriorityClass, validatePriorityClassUpdate } from '../validation/policy.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Context, type Kind } from './kind.ts'

/** policy/v1 PodDisruptionBudget: pkg/registry/policy/poddisruptionbudget. */
export const podDisruptionBudget: Kind<PodDisruptionBudget> = {
  resource: apiResource('PodDisruptionBudget', 'poddisruptionbudgets', { group: 'policy', shortNames: ['pdb'], subresources: ['status'] }),
  type: 'PodDisruptionBudget',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  prepareForCreate(object) {
    object.status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }
  },
  validate: validateDisruptionBudget,
  validateStatusUpdate: validateDisruptionStatus,
  columns: [
    NAME,
    { name: 'Min Available', cell: ({ spec }) => String(spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', cell: ({ spec }) => String(spec.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', cell: ({ status }) => status.disruptionsAllowed },
    AGE,
  ],
}

const PRIORITY_CLASSES = { name: 'priorityclasses', group: 'scheduling.k8s.io' }

/** scheduling.k8s.io/v1 PriorityClass: pkg/registry/scheduling/priorityclass, admission plugin Priority. */
export const priorityClass: Kind<PriorityClass> = {
  resource: apiResource('PriorityClass', 'priorityclasses', { group: 'scheduling.k8s.io', shortNames: ['pc'], namespaced: false }),
  type: 'PriorityClass',
  validName: dns1123Subdomain,
  createOnUpdate: true,
  generationChanged: (o, old) => o.value !== old.value,
  setDefaults(object) {
    object.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  admit: onlyOneDefault,
  prepareForUpdate: onlyOneDefaultNow,
  validate: validatePriorityClass,
  validateUpdate: validatePriorityClassUpdate,
  checkDelete({ metadata }) {
    if (metadata.name in SYSTEM_PRIORITIES) throw forbidden(PRIORITY_CLASSES, metadata.name, 'this is a system priority class and cannot be deleted')
  },
  columns: [
    NAME,
    { name: 'Value', type: 'integer', cell: (o) => o.value },
    { name: 'Global-Default', type: 'boolean', cell: (o) => o.globalDefault ?? false },
    AGE,
    { name: 'PreemptionPolicy', cell: (o) => o.preemptionPolicy ?? '' },
  ],
}

function onlyOneDefault({ globalDefault, metadata }: PriorityClass, { store }: Context): void {
  if (!globalDefault) return
  const other = store.list('priorityclasses', '').find((c) => (c as PriorityClass).globalDefault && c.metadata.name !== metadata.name)
  if (!other) return
  throw forbidden(PRIORITY_CLASSES, metadata.name, `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`)
}

function onlyOneDefaultNow(object: PriorityClass, _old: PriorityClass, context: Context): void {
  onlyOneDefault(object, context)
}
