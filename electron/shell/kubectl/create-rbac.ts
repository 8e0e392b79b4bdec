import { findNotSimulated } from '../../engine/kubernetes/discovery.ts'
import type { Task } from '../../engine/machine/task.ts'
import { byName } from '../../engine/own.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { ExitError, KubectlError, quote } from './errors.ts'
import { flags } from './flags.ts'
import { byBytes, type JsonObject } from './objects.ts'
import { createAndPrint, createNamed, metadataOf } from './saving.ts'

/** kubectl's pkg/cmd/create/create_role.go, create_clusterrole.go, create_rolebinding.go, create_clusterrolebinding.go. */
const GROUP = 'rbac.authorization.k8s.io'
const API_VERSION = `${GROUP}/v1`

const ROLE_FLAGS = `
  --resource slice
  --resource-name array
  --verb slice
`

export const createRole: Command = {
  name: 'role',
  short: 'Create a role with single rule',
  use: 'role NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, ROLE_FLAGS),
  *run(k): Task<number> {
    const name = yield* started(k)
    const wanted = readRule(k)
    if (wanted.verbs.length === 0) throw new KubectlError('at least one verb must be specified')
    yield* warnOfVerbs(k, wanted.verbs)
    if (wanted.resources.length === 0) throw new KubectlError('at least one resource must be specified')
    return yield* createAndPrint(k, { kind: 'Role', apiVersion: API_VERSION, metadata: metadataOf(name), rules: resourceRules(wanted) })
  },
}

export const createClusterRole: Command = {
  name: 'clusterrole',
  short: 'Create a cluster role',
  use: 'clusterrole NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, ROLE_FLAGS, `
    --aggregation-rule map
    --non-resource-url slice
  `),
  *run(k): Task<number> {
    const name = yield* started(k)
    const wanted = readRule(k)
    const { verbs } = wanted
    const urls = [...new Set(k.flags.list('non-resource-url'))]
    const object: JsonObject = { kind: 'ClusterRole', apiVersion: API_VERSION, metadata: metadataOf(name) }
    const labels = aggregation(k)
    if (labels) {
      if (urls.length + verbs.length + wanted.resources.length + wanted.names.length > 0) {
        throw new KubectlError('aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames')
      }
      return yield* createAndPrint(k, { ...object, rules: null, aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] } })
    }
    if (verbs.length === 0) throw new KubectlError('at least one verb must be specified')
    if (wanted.resources.length === 0 && urls.length === 0) throw new KubectlError('one of resource or nonResourceURL must be specified')
    if (wanted.resources.length > 0) {
      yield* warnOfVerbs(k, verbs)
      checkResources(wanted)
    }
    if (urls.length > 0) checkUrls(verbs, urls)
    const rules = [...resourceRules(wanted), ...(urls.length > 0 ? [{ verbs, nonResourceURLs: urls }] : [])]
    return yield* createAndPrint(k, { ...object, rules })
  },
}

interface WantedResource {
  group: string
  /** The plural, when the server knows it. */
  name: string
  subresource: string
  known: boolean
}
interface WantedRule {
  verbs: string[]
  resources: WantedResource[]
  names: string[]
}

function readRule(k: Kubectl): WantedRule {
  const given = k.flags.list('verb')
  const verbs = given.includes('*') ? ['*'] : [...new Set(given)]
  let resources: WantedResource[] = []
  for (const text of k.flags.list('resource')) {
    const slash = text.indexOf('/')
    const [place, subresource] = slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)]
    const dot = place.indexOf('.')
    const [name, group] = dot < 0 ? [place, ''] : [place.slice(0, dot), place.slice(dot + 1)]
    if (name === '*' && dot < 0 && slash < 0) {
      resources = [{ group, name, subresource, known: true }]
      break
    }
    const word = group ? `${name}.${group}` : name
    // a role may be about what nobody simulates
    const found = name === '' || name === '*' ? undefined : (k.client.findResource(word) ?? findNotSimulated(word))
    resources.push(found ? { group: found.group, name: found.name, subresource, known: true } : { group, name, subresource, known: false })
  }
  return { verbs, resources, names: [...new Set(k.flags.list('resource-name'))] }
}

const VERBS = ['*', 'get', 'delete', 'list', 'create', 'update', 'patch', 'watch', 'proxy', 'deletecollection', 'use', 'bind', 'escalate', 'impersonate']

function* warnOfVerbs(k: Kubectl, verbs: readonly string[]): Task {
  for (const verb of verbs) if (!VERBS.includes(verb)) yield* k.err(`Warning: '${verb}' is not a standard resource verb\n`)
}

const ROLES = [`roles.${GROUP}`, `clusterroles.${GROUP}`]
const SPECIAL: Record<string, readonly string[]> = byName({
  use: ['podsecuritypolicies.policy', 'podsecuritypolicies.extensions'],
  bind: ROLES,
  escalate: ROLES,
  impersonate: ['users.', 'serviceaccounts.', 'groups.', 'userextras.authentication.k8s.io'],
})

function checkResources({ verbs, resources }: WantedRule): void {
  for (const { name, group, known } of resources) {
    if (name === '') throw new KubectlError('resource must be specified if apiGroup/subresource specified')
    if (name === '*') return
    let accepted = known
    for (const verb of verbs) {
      const special = SPECIAL[verb]
      if (!special) continue
      if (!special.includes(`${name}.${group}`)) throw new KubectlError(`can not perform '${verb}' on '${name}' in group '${group}'`)
      accepted = true
    }
    if (!accepted) throw new ExitError(1, `the server doesn't have a resource type ${quote(name)}${group ? ` in group ${quote(group)}` : ''}`)
  }
}

/** A rule for each API group. */
function resourceRules(wanted: WantedRule): JsonObject[] {
  const { verbs, resources, names } = wanted
  checkResources(wanted)
  const groups = new Map<string, Set<string>>()
  for (const { group, name, subresource } of resources) {
    const list = groups.get(group) ?? new Set()
    groups.set(group, list.add(subresource ? `${name}/${subresource}` : name))
  }
  return [...groups]
    .sort(([a], [b]) => byBytes(a, b))
    .map(([group, list]) => ({ verbs, apiGroups: [group], resources: [...list], ...(names.length > 0 ? { resourceNames: names } : {}) }))
}

const URL_VERBS = ['*', 'get', 'post', 'put', 'delete', 'patch', 'head', 'options']

function checkUrls(verbs: readonly string[], urls: readonly string[]): void {
  for (const verb of verbs) if (!URL_VERBS.includes(verb)) throw new KubectlError(`invalid verb: '${verb}' for nonResourceURL`)
  for (const url of urls) {
    if (url === '*') continue
    if (!url.startsWith('/')) throw new KubectlError('nonResourceURL should start with /')
    if (url.slice(0, -1).includes('*')) throw new KubectlError("nonResourceURL only supports wildcard matches when '*' is at the end")
  }
}

function aggregation(k: Kubectl): Record<string, string> | undefined {
  const pairs = k.flags.list('aggregation-rule').flatMap((text) => text.split(',')).filter(Boolean)
  if (pairs.length === 0) return undefined
  const labels = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
  })
  return Object.fromEntries(labels.sort(([a], [b]) => byBytes(a, b)))
}

const SUBJECT_FLAGS = `
  --clusterrole string
  --group array
  --serviceaccount array
  --user array
`

export const createRoleBinding: Command = {
  name: 'rolebinding',
  short: 'Create a role binding for a particular role or cluster role',
  use: 'rolebinding NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, SUBJECT_FLAGS, '--role string'),
  *run(k): Task<number> {
    const name = yield* started(k)
    const [role, clusterRole] = [k.flags.string('role'), k.flags.string('clusterrole')]
    if ((role === '') === (clusterRole === '')) throw new KubectlError('exactly one of clusterrole or role must be specified')
    const roleRef = role ? { apiGroup: GROUP, kind: 'Role', name: role } : { apiGroup: GROUP, kind: 'ClusterRole', name: clusterRole }
    return yield* createNamed(k, binding('RoleBinding', name, subjects(k), roleRef), 'rolebinding')
  },
}

export const createClusterRoleBinding: Command = {
  name: 'clusterrolebinding',
  short: 'Create a cluster role binding for a particular cluster role',
  use: 'clusterrolebinding NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, SUBJECT_FLAGS),
  required: ['clusterrole'],
  *run(k): Task<number> {
    const name = yield* started(k)
    const roleRef = { apiGroup: GROUP, kind: 'ClusterRole', name: k.flags.string('clusterrole') }
    return yield* createNamed(k, binding('ClusterRoleBinding', name, subjects(k), roleRef), 'clusterrolebinding')
  },
}

function binding(kind: string, name: string, bound: JsonObject[], roleRef: JsonObject): JsonObject {
  return { kind, apiVersion: API_VERSION, metadata: metadataOf(name), ...(bound.length > 0 ? { subjects: bound } : {}), roleRef }
}

function subjects(k: Kubectl): JsonObject[] {
  const named = (kind: string, names: readonly string[]): JsonObject[] => names.map((name) => ({ kind, apiGroup: GROUP, name }))
  const accounts = k.flags.list('serviceaccount').map((text): JsonObject => {
    const parts = text.split(':')
    if (parts.length !== 2 || !parts[0] || !parts[1]) throw new KubectlError('serviceaccount must be <namespace>:<name>')
    return { kind: 'ServiceAccount', name: parts[1], namespace: parts[0] }
  })
  return [...named('User', k.flags.list('user')), ...named('Group', k.flags.list('group')), ...accounts]
}
