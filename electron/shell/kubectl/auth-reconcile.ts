import type { PolicyRule, Subject } from 'kubernetes-types/rbac/v1'
import { uncovered } from '../../engine/kubernetes/rbac/escalation.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { isNotFound, KubectlError, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS } from './flags.ts'
import { equal, type JsonObject, list, map, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'

/** `auth reconcile` (component-helpers/auth/rbac/reconciliation): roles and bindings get what the files have and they lack. */

interface Outcome {
  object: JsonObject
  operation: 'none' | 'create' | 'update' | 'recreate'
  isProtected: boolean
  missing: readonly unknown[]
  extra: readonly unknown[]
}

const GROUP = 'rbac.authorization.k8s.io'
const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const ROLES = ['Role', 'ClusterRole']
const BINDINGS = ['RoleBinding', 'ClusterRoleBinding']

export const reconcile: Command = {
  name: 'reconcile',
  short: 'Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects',
  use: 'reconcile -f FILENAME',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, '--remove-extra-permissions bool\n--remove-extra-subjects bool'),
  *run(k): Task<number> {
    const { flags: f } = k
    if (f.list('filename').length === 0 && f.string('kustomize') === '') throw new KubectlError('must specify one of -f and -k')
    if (k.args.length > 0) throw new KubectlError('no arguments are allowed')
    const dryRun = yield* k.dryRun()
    if (dryRun === 'server') throw new KubectlError('--dry-run=server for command reconcile is not supported yet')
    const { infos, errors } = yield* resolve(k, queryOf(k))
    const printer = printerFor(k, { operation: dryRunned('reconciled', dryRun), typed: true })
    for (const info of infos) {
      if (info.resource.group !== GROUP || ![...ROLES, ...BINDINGS].includes(info.resource.kind)) continue
      const outcome = yield* reconciled(k, info, dryRun === 'client')
      yield* k.out(printer.print(outcome.object))
      yield* k.err(told(k, outcome, ROLES.includes(info.resource.kind)))
    }
    throwAll(errors)
    return 0
  },
}

function* reconciled(k: Kubectl, info: Info, onlyLook: boolean): Task<Outcome> {
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  const isRole = ROLES.includes(info.resource.kind)
  const expected = info.object!
  let existing: JsonObject | undefined
  try {
    existing = k.client.get<KubeObject>(key, namespace, info.name) as unknown as JsonObject
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  const outcome: Outcome = !existing ? { object: expected, operation: 'create', isProtected: false, missing: list(expected[isRole ? 'rules' : 'subjects']), extra: [] } : isRole ? roleOf(existing, expected, k.flags.bool('remove-extra-permissions')) : bindingOf(existing, expected, k.flags.bool('remove-extra-subjects'))
  if (outcome.isProtected || onlyLook || outcome.operation === 'none') return outcome
  if (outcome.operation === 'update') return { ...outcome, object: (yield* k.decided(() => k.client.update<KubeObject>(key, namespace, info.name, outcome.object as unknown as KubeObject))) as unknown as JsonObject }
  // a binding to another role cannot be changed: it goes, and comes again
  if (outcome.operation === 'recreate') yield* k.decided(() => k.client.delete(key, namespace, info.name))
  if (namespace !== undefined) yield* ensureNamespace(k, namespace)
  return { ...outcome, object: (yield* k.decided(() => k.client.create<KubeObject>(key, namespace, expected))) as unknown as JsonObject }
}

function* ensureNamespace(k: Kubectl, name: string): Task {
  try {
    k.client.get('namespaces', undefined, name)
  } catch (error) {
    if (!isNotFound(error)) throw error
    yield* k.decided(() => k.client.create('namespaces', undefined, { metadata: { name } }))
  }
}

/** The live object with the labels and annotations of the file below its own. */
function withMetadata(existing: JsonObject, expected: JsonObject): JsonObject {
  const [now, wanted] = [map(existing['metadata']), map(expected['metadata'])]
  const metadata = { ...now }
  for (const field of ['annotations', 'labels']) if (wanted[field] !== undefined) metadata[field] = { ...map(wanted[field]), ...map(now[field]) }
  return { ...existing, metadata }
}

function isProtected(existing: JsonObject): boolean {
  return map(map(existing['metadata'])['annotations'])[AUTO_UPDATE] === 'false'
}

function roleOf(existing: JsonObject, expected: JsonObject, removeExtra: boolean): Outcome {
  let object = withMetadata(existing, expected)
  let changed = !equal(object, existing)
  const [has, wants] = [list(existing['rules']), list(expected['rules'])] as [PolicyRule[], PolicyRule[]]
  const [aggregates, shallAggregate] = [existing['aggregationRule'], expected['aggregationRule']]
  const extra = aggregates !== undefined && shallAggregate !== undefined ? [] : uncovered(wants, has)
  const missing = uncovered(has, wants)
  if (!removeExtra && missing.length > 0) object = { ...object, rules: [...has, ...missing] }
  else if (removeExtra && (missing.length > 0 || extra.length > 0)) object = { ...object, rules: wants }
  const selectors = (rule: unknown): readonly unknown[] => list(map(rule)['clusterRoleSelectors'])
  const absent = (of: unknown, from: unknown): unknown[] => selectors(of).filter((s) => !selectors(from).some((other) => equal(s, other)))
  const [extraSelectors, missingSelectors] = [shallAggregate === undefined ? [] : absent(aggregates, shallAggregate), absent(shallAggregate, aggregates)]
  if (shallAggregate === undefined && aggregates !== undefined) {
    const { aggregationRule: _, ...rest } = object
    object = rest
  } else if (!removeExtra && missingSelectors.length > 0) object = { ...object, aggregationRule: { clusterRoleSelectors: [...selectors(aggregates), ...missingSelectors] } }
  else if (removeExtra && missingSelectors.length + extraSelectors.length > 0) object = { ...object, aggregationRule: shallAggregate }
  changed ||= !equal(object, existing)
  return { object, operation: changed ? 'update' : 'none', isProtected: isProtected(existing), missing, extra }
}

function bindingOf(existing: JsonObject, expected: JsonObject, removeExtra: boolean): Outcome {
  const [has, wants] = [list(existing['subjects']), list(expected['subjects'])]
  if (!equal(existing['roleRef'], { apiGroup: GROUP, ...map(expected['roleRef']) })) {
    return { object: expected, operation: 'recreate', isProtected: isProtected(existing), missing: [], extra: [] }
  }
  let object = withMetadata(existing, expected)
  const same = (a: unknown, b: unknown): boolean => ['kind', 'name', 'namespace'].every((field) => text(map(a)[field]) === text(map(b)[field]))
  const missing = wants.filter((s) => !has.some((other) => same(s, other)))
  const extra = has.filter((s) => !wants.some((other) => same(s, other)))
  if (!removeExtra && missing.length > 0) object = { ...object, subjects: [...has, ...missing] }
  else if (removeExtra && missing.length + extra.length > 0) object = { ...object, subjects: wants }
  return { object, operation: equal(object, existing) ? 'none' : 'update', isProtected: isProtected(existing), missing, extra }
}

/** What was done about it, with Go's %+v of what came and went. */
function told(k: Kubectl, { operation, isProtected: opted, missing, extra }: Outcome, isRole: boolean): string {
  if (operation === 'none') return ''
  const line = (one: unknown): string => `\t\t${isRole ? goRule(one as PolicyRule) : goSubject(one as Subject)}\n`
  const what = isRole ? 'rules' : 'subjects'
  let out = `\treconciliation required ${operation}${opted ? `, but object opted out (${AUTO_UPDATE}: false)` : ''}\n`
  if (missing.length > 0) out += `\tmissing ${what} added:\n${missing.map(line).join('')}`
  if (extra.length > 0 && k.flags.bool(isRole ? 'remove-extra-permissions' : 'remove-extra-subjects')) out += `\textra ${what} removed:\n${extra.map(line).join('')}`
  return out
}

function goRule({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): string {
  const fields: [string, readonly string[]][] = [['Verbs', verbs], ['APIGroups', apiGroups], ['Resources', resources], ['ResourceNames', resourceNames], ['NonResourceURLs', nonResourceURLs]]
  return `{${fields.map(([name, values]) => `${name}:[${values.join(' ')}]`).join(' ')}}`
}

function goSubject({ kind, apiGroup = kind === 'ServiceAccount' ? '' : GROUP, name, namespace = '' }: Subject): string {
  return `{Kind:${kind} APIGroup:${apiGroup} Name:${name} Namespace:${namespace}}`
}
