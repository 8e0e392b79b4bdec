import { CLEANUP, type CustomResourceDefinition, withCondition } from '../custom-resources/definition.ts'
import { decodeDefinition } from '../custom-resources/decode-definition.ts'
import { unsimulatedRules } from '../custom-resources/rules.ts'
import { validateDefinition, validateDefinitionStatus, validateDefinitionUpdate } from '../custom-resources/validation.ts'
import { deepEqual } from '../json.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** apiextensions.k8s.io/v1 CustomResourceDefinition: apiextensions-apiserver pkg/registry/customresourcedefinition. */
export const customResourceDefinition: Kind<CustomResourceDefinition> = {
  resource: apiResource('CustomResourceDefinition', 'customresourcedefinitions', {
    group: 'apiextensions.k8s.io', shortNames: ['crd', 'crds'], categories: ['api-extensions'], namespaced: false, subresources: ['status'],
  }),
  type: 'CustomResourceDefinition',
  validName: dns1123Subdomain,
  decode: decodeDefinition,
  generationChanged: (object, old) => !deepEqual(object.spec, old.spec),
  setDefaults({ spec }) {
    const { names } = spec
    names.singular ||= (names.kind ?? '').toLowerCase()
    if (!names.listKind && names.kind) names.listKind = `${names.kind}List`
    spec.conversion ??= { strategy: 'None' }
    for (const version of spec.versions ?? []) {
      // an omitted description and a priority of 0 are the same
      for (const column of version.additionalPrinterColumns ?? []) if (column.priority === 0) delete column.priority
    }
  },
  prepareForCreate(object) {
    object.status = withStored(object, {})
  },
  prepareForUpdate(object, old) {
    object.status = withStored(object, old.status)
  },
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatus,
  warnings({ spec, metadata }, old) {
    if (old && deepEqual(spec, old.spec)) return []
    const out: string[] = []
    const rules = new Set(spec.versions.flatMap(({ schema }) => (schema?.openAPIV3Schema ? unsimulatedRules(schema.openAPIV3Schema) : [])))
    for (const rule of rules) out.push(`podhop: not simulated: the rule ${JSON.stringify(rule)} of ${metadata.name} (objects are checked against the rest of its schema)`)
    if (spec.conversion?.strategy === 'Webhook') out.push(`podhop: not simulated: the conversion webhook of ${metadata.name} (its versions are served as with the strategy None)`)
    return out
  },
  waitsForFinalize: ({ metadata }) => !metadata.deletionTimestamp,
  markDeleted(object) {
    const { metadata } = object
    if (!metadata.finalizers?.includes(CLEANUP)) metadata.finalizers = [...(metadata.finalizers ?? []), CLEANUP]
    const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon'
    object.status = withCondition(object.status, { type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message }, metadata.deletionTimestamp!)
  },
  columns: [NAME, { name: 'Created At', type: 'date', cell: ({ metadata }) => metadata.creationTimestamp ?? '' }],
}

/** The version that is stored now was stored once. */
function withStored({ spec }: CustomResourceDefinition, status: CustomResourceDefinition['status']): CustomResourceDefinition['status'] {
  const storage = spec.versions?.find((version) => version.storage)?.name
  const stored = status.storedVersions ?? []
  const next = storage === undefined || stored.includes(storage) ? stored : [...stored, storage]
  return { conditions: status.conditions ?? [], acceptedNames: status.acceptedNames ?? { plural: '', kind: '' }, storedVersions: next }
}
