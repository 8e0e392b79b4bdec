import type { PolicyRule, Subject } from 'kubernetes-types/rbac/v1'
import { compareStrings } from '../json.ts'
import type { ClusterRole, KubeObject } from '../types.ts'
import { RBAC_GROUP } from '../validation/rbac.ts'
import { aggregatedRules } from './aggregation.ts'
import { CONTROLLER_ROLES } from './controller-roles.ts'
import * as defaults from './default-roles.ts'

/** Makes objects of the tables of default-roles.ts and controller-roles.ts; once, for every cluster is born with the same ones. */
export type Draft = Omit<KubeObject, 'metadata'> & { metadata: { name: string; namespace?: string; labels?: object; annotations?: object } }

const GROUPS: Record<string, string> = {
  '-': '',
  authn: 'authentication.k8s.io',
  authz: 'authorization.k8s.io',
  rbac: RBAC_GROUP,
  net: 'networking.k8s.io',
  disc: 'discovery.k8s.io',
  coord: 'coordination.k8s.io',
  stor: 'storage.k8s.io',
  cert: 'certificates.k8s.io',
  ev: 'events.k8s.io',
  adm: 'admissionregistration.k8s.io',
  node: 'node.k8s.io',
}
const VERBS: Record<string, readonly string[]> = {
  R: ['get', 'list', 'watch'],
  W: ['create', 'delete', 'deletecollection', 'patch', 'update'],
  E: ['create', 'patch', 'update'],
}

function parseRule(line: string): PolicyRule {
  if (line === '!') return parseRule('E -,ev events')
  const [verbs, groups, resources, names] = line.split(' ') as [string, string, string?, string?]
  const rule: PolicyRule = { verbs: verbs.split(',').flatMap((v) => VERBS[v] ?? [v]).sort(compareStrings) }
  if (resources === undefined) return { ...rule, nonResourceURLs: groups.split(',') }
  rule.apiGroups = groups.split(',').map((g) => GROUPS[g] ?? g)
  rule.resources = resources.split(',')
  if (names) rule.resourceNames = names.split(',')
  return rule
}

const KEPT_UP = { labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' }, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' } }
const AGGREGATE = (to: string): string => `rbac.authorization.k8s.io/aggregate-to-${to}`

function draft(kind: string, place: string, keptUp: boolean, content: object): Draft {
  const [namespace, name] = place.includes('/') ? (place.split('/') as [string, string]) : [undefined, place]
  const metadata = { name, ...(namespace ? { namespace } : {}), ...(keptUp ? KEPT_UP : {}) }
  return { apiVersion: `${RBAC_GROUP}/v1`, kind, metadata, ...content } as Draft
}

function parseRoles(kind: string, table: string, keptUp: boolean, prefix = ''): Draft[] {
  return table
    .trim()
    .split(/\n(?! )/)
    .map((paragraph) => {
      const [head, ...rules] = paragraph.split('\n')
      const [name, to] = head!.split(' >')
      const made = draft(kind, prefix + name!, keptUp, { rules: rules.map((line) => parseRule(line.slice(1))) })
      if (to) made.metadata.labels = { ...made.metadata.labels, [AGGREGATE(to)]: 'true' }
      return made
    })
}

function parseSubject(text: string): Subject {
  const name = text.slice(2)
  if (text.startsWith('S:')) return { kind: 'ServiceAccount', name, namespace: 'kube-system' }
  return { kind: text.startsWith('G:') ? 'Group' : 'User', apiGroup: RBAC_GROUP, name }
}

function parseBindings(kind: string, table: string, keptUp: boolean): Draft[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [place, role, ...subjects] = line.split(' ').filter(Boolean) as [string, string, ...string[]]
      const name = role === '=' ? place.slice(place.indexOf('/') + 1) : role
      const roleRef = { apiGroup: RBAC_GROUP, kind: kind.replace('Binding', ''), name }
      return draft(kind, place, keptUp, { ...(subjects.length > 0 ? { subjects: subjects.map(parseSubject) } : {}), roleRef })
    })
}

/** admin, edit and view, as the aggregation controller leaves them. */
function aggregated(roles: Draft[]): Draft[] {
  const all = [...roles]
  for (const [name, from, to] of [['view', 'view', 'edit'], ['edit', 'edit', 'admin'], ['admin', 'admin', undefined]] as const) {
    const labels = { ...KEPT_UP.labels, ...(to ? { [AGGREGATE(to)]: 'true' } : {}) }
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [AGGREGATE(from)]: 'true' } }] }
    const role = draft('ClusterRole', name, true, { rules: [], aggregationRule }) as Draft & ClusterRole
    role.metadata.labels = labels
    all.sort((a, b) => compareStrings(a.metadata.name, b.metadata.name))
    role.rules = aggregatedRules(role, all as unknown as ClusterRole[])
    all.push(role)
  }
  return all
}

let made: Readonly<Record<string, readonly Draft[]>> | undefined

/** Resource → what a new cluster has of it. */
export function defaultRbac(): Readonly<Record<string, readonly Draft[]>> {
  return (made ??= {
    clusterroles: aggregated([
      ...parseRoles('ClusterRole', defaults.CLUSTER_ROLES, true),
      ...parseRoles('ClusterRole', CONTROLLER_ROLES, true, 'system:controller:'),
      ...parseRoles('ClusterRole', defaults.KUBEADM_CLUSTER_ROLES, false),
    ]),
    clusterrolebindings: [
      ...parseBindings('ClusterRoleBinding', defaults.CLUSTER_ROLE_BINDINGS, true),
      ...parseBindings('ClusterRoleBinding', controllerBindings(), true),
      ...parseBindings('ClusterRoleBinding', defaults.KUBEADM_CLUSTER_ROLE_BINDINGS, false),
    ],
    roles: [...parseRoles('Role', defaults.ROLES, true), ...parseRoles('Role', defaults.KUBEADM_ROLES, false)],
    rolebindings: [...parseBindings('RoleBinding', defaults.ROLE_BINDINGS, true), ...parseBindings('RoleBinding', defaults.KUBEADM_ROLE_BINDINGS, false)],
  })
}

function controllerBindings(): string {
  const names = CONTROLLER_ROLES.trim().split(/\n(?! )/).map((paragraph) => paragraph.split('\n')[0]!)
  return names.map((name) => `system:controller:${name} = S:${name}`).join('\n')
}
