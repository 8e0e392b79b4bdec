import type { ControllerRevision } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateControllerRevision, validateControllerRevisionUpdate } from '../validation/stateful-sets.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** apps/v1 ControllerRevision: pkg/registry/apps/controllerrevision. */
export const controllerRevision: Kind<ControllerRevision> = {
  resource: apiResource('ControllerRevision', 'controllerrevisions', { group: 'apps' }),
  type: 'ControllerRevision',
  validName: dns1123Subdomain,
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
  columns: [NAME, { name: 'Controller', cell: controllerText }, { name: 'Revision', cell: ({ revision }) => String(revision) }, AGE],
}

/** "statefulset.apps/web" */
function controllerText({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find((o) => o.controller)
  if (!owner) return '<none>'
  const slash = owner.apiVersion.indexOf('/')
  const kind = slash < 0 ? owner.kind : `${owner.kind}.${owner.apiVersion.slice(0, slash)}`
  return `${kind.toLowerCase()}/${owner.name}`
}
