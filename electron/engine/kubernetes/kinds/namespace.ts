import { forbidden } from '../status.ts'
import type { Namespace } from '../types.ts'
import { dns1123Label } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

const IMMORTAL = ['default', 'kube-system', 'kube-public']

/** core/v1 Namespace: pkg/registry/core/namespace, admission plugin NamespaceLifecycle. */
export const namespace: Kind<Namespace> = {
  resource: apiResource('Namespace', 'namespaces', {
    shortNames: ['ns'],
    namespaced: false,
    subresources: ['finalize', 'status'],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  }),
  type: 'Namespace',
  validName: dns1123Label,
  setDefaults({ metadata }) {
    if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
  },
  prepareForCreate(object) {
    object.status = { phase: 'Active' }
    object.spec = { finalizers: ['kubernetes'] }
  },
  prepareForUpdate(object, old) {
    object.spec = { ...object.spec, ...(old.spec.finalizers ? { finalizers: old.spec.finalizers } : {}) }
  },
  validate() {},
  validateUpdate() {},
  waitsForFinalize: (object) => (object.spec.finalizers?.length ?? 0) > 0,
  markDeleted(object) {
    object.status = { ...object.status, phase: 'Terminating' }
  },
  checkDelete({ metadata }) {
    if (IMMORTAL.includes(metadata.name)) throw forbidden({ name: 'namespaces', group: '' }, metadata.name, 'this namespace may not be deleted')
  },
  fields: { 'status.phase': (o) => o.status.phase ?? '' },
  columns: [NAME, { name: 'Status', cell: ({ status }) => status.phase ?? '' }, AGE],
}
