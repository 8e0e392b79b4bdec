import type { PolicyRule, Subject } from 'kubernetes-types/rbac/v1'
import type { ApiServer } from './api-server.ts'
import { BY_SERVER, defaultRange, kubernetesService, publishAddress, systemPriorities, SYSTEM_NAMESPACES } from './bootstrap.ts'
import { StatusError } from './client.ts'
import { deepEqual } from './json.ts'
import { type Draft, defaultRbac } from './rbac/default-objects.ts'
import { uncovered } from './rbac/escalation.ts'
import type { KubeObject } from './types.ts'

/** What the API server finds missing of its own, once it works: somebody has deleted it, or it was lost in etcd. */
const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

/** pkg/controlplane/controller/systemnamespaces: nobody may delete them, but who deletes in etcd is not asked. */
export function keepSystemNamespaces(server: ApiServer): void {
  for (const name of SYSTEM_NAMESPACES) if (!server.store.get('namespaces', '', name)) tried(() => server.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, BY_SERVER))
}

/** The Service of the API and where it is (kubernetesservice), and the range of Services (defaultservicecidr). */
export function keepService(server: ApiServer, serviceCIDR: readonly string[]): void {
  if (!server.store.get('namespaces', '', 'default')) return
  for (const [resource, draft] of defaultRange(server, serviceCIDR)) if (!server.store.get(resource, '', draft.metadata.name)) tried(() => server.create(resource, undefined, draft, BY_SERVER))
  if (!server.store.get('services', 'default', 'kubernetes')) tried(() => kubernetesService(server, serviceCIDR))
  if (server.advertiseAddress !== undefined) publishAddress(server, server.advertiseAddress, (resource) => !server.store.get(resource, 'default', 'kubernetes'))
}

/** pkg/controlplane/controller/clusterauthenticationtrust: what the API server publishes of its authorities. */
export function keepAuthorities(server: ApiServer, authorities: Draft): void {
  const { name, namespace = '' } = authorities.metadata
  if (server.store.get('namespaces', '', namespace) && !server.store.get('configmaps', namespace, name)) tried(() => server.create('configmaps', namespace, authorities, BY_SERVER))
}

/**
 * The post-start hooks rbac/bootstrap-roles and scheduling/bootstrap-system-priority-classes: what is missing is made, and
 * roles and bindings that are kept up get back rules and subjects that they have lost (plugin/pkg/auth/authorizer/rbac,
 * component-helpers/auth/rbac/reconciliation). `autoupdate: "false"` is left alone.
 */
export function reconcileDefaults(server: ApiServer): void {
  for (const draft of systemPriorities()) if (!server.store.get('priorityclasses', '', draft.metadata.name)) tried(() => server.create('priorityclasses', undefined, draft, BY_SERVER))
  for (const [resource, drafts] of Object.entries(defaultRbac())) {
    for (const draft of drafts) if (draft.metadata.annotations) tried(() => reconcile(server, resource, draft))
  }
}

interface RbacFields { rules?: PolicyRule[] | null; aggregationRule?: object; subjects?: Subject[]; roleRef?: object }

function reconcile(server: ApiServer, resource: string, draft: Draft): void {
  const { name, namespace } = draft.metadata
  const present = server.store.get(resource, namespace ?? '', name) as (KubeObject & RbacFields) | undefined
  if (!present) return void server.create(resource, namespace, draft, BY_SERVER)
  const { annotations = {}, labels = {} } = present.metadata
  if (annotations[AUTOUPDATE] === 'false') return
  const wanted = draft as Draft & RbacFields
  if (wanted.roleRef && !deepEqual(wanted.roleRef, present.roleRef)) {
    // a binding is to one role for ever
    server.delete(resource, namespace, name)
    return void server.create(resource, namespace, draft, BY_SERVER)
  }
  const rules = wanted.aggregationRule ? [] : uncovered(present.rules ?? [], wanted.rules ?? [])
  const subjects = (wanted.subjects ?? []).filter((subject) => !present.subjects?.some((own) => deepEqual(own, subject)))
  const all = { labels: { ...labels, ...wanted.metadata.labels }, annotations: { ...annotations, ...wanted.metadata.annotations } }
  if (rules.length === 0 && subjects.length === 0 && deepEqual(all.labels, labels) && deepEqual(all.annotations, annotations)) return
  server.update(resource, namespace, name, {
    ...present, metadata: { ...present.metadata, ...all },
    ...(rules.length > 0 ? { rules: [...(present.rules ?? []), ...rules] } : {}), ...(subjects.length > 0 ? { subjects: [...(present.subjects ?? []), ...subjects] } : {}),
  }, BY_SERVER)
}

/** What the API refuses is tried again the next time. */
export function tried(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
}
