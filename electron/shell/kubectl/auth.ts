import type { PolicyRule } from 'kubernetes-types/rbac/v1'
import type { ApiResource } from '../../engine/kubernetes/client.ts'
import { findNotSimulated } from '../../engine/kubernetes/discovery.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { reconcile } from './auth-reconcile.ts'
import type { Command, Kubectl } from './command.ts'
import { ExitError, KubectlError } from './errors.ts'
import { knowsKinds } from './discovery-cache.ts'
import { askedInVain, isNoServer } from './no-server.ts'
import { flags, PRINT_FLAGS } from './flags.ts'
import { at, byBytes, list, map, text } from './objects.ts'
import { ruleRows } from './policy-rules.ts'
import { printerFor } from './printers/index.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'
import type { JsonObject } from './objects.ts'

/** kubectl's pkg/cmd/auth. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', 'use', 'bind', 'impersonate', '*', 'approve', 'sign', 'escalate', 'attest']
const URL_VERBS = ['get', 'put', 'post', 'head', 'options', 'delete', 'patch', '*']
/** Nothing that is served under a name of its own, yet something that one may impersonate. */
const SUBJECTS = ['users', 'groups']

const canI: Command = {
  name: 'can-i',
  short: 'Check whether an action is allowed',
  use: 'can-i VERB [TYPE | TYPE/NAME | NONRESOURCEURL]',
  flags: flags(`
    -A --all-namespaces bool
    --list bool
    --no-headers bool
    -q --quiet bool
    --subresource string
  `),
  *run(k): Task<number> {
    return k.flags.bool('list') ? yield* listAccess(k) : yield* checkAccess(k)
  },
}

function* listAccess(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (k.args.length !== 0) throw new KubectlError('list option must be specified with no arguments')
  if (f.bool('quiet') || f.bool('all-namespaces') || f.string('subresource')) {
    throw new KubectlError("list option can't be specified with neither quiet, all-namespaces nor subresource options")
  }
  const { status } = ask(k, 'selfsubjectrulesreviews', { spec: { namespace: k.namespace.name } })
  const rules = [...list(at(status, 'resourceRules')), ...list(at(status, 'nonResourceRules'))] as PolicyRule[]
  const writer = new TabWriter(TABLE)
  if (!f.bool('no-headers')) writer.write('Resources\tNon-Resource URLs\tResource Names\tVerbs\n')
  for (const row of ruleRows(rules)) writer.write(`${row}\n`)
  yield* k.out(writer.flush())
  return 0
}

function* checkAccess(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (k.args.length !== 2) {
    throw new KubectlError("you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.")
  }
  const [verb, what] = k.args as [string, string]
  const everywhere = f.bool('all-namespaces')
  const subresource = f.string('subresource')
  let spec: JsonObject
  if (what.startsWith('/')) {
    if (subresource) throw new KubectlError('--subresource can not be used with NonResourceURL')
    if (!URL_VERBS.includes(verb)) yield* k.warn(`verb '${verb}' is not a known verb\n`)
    spec = { nonResourceAttributes: { verb, path: what } }
  } else {
    const slash = what.indexOf('/')
    const word = slash < 0 ? what : what.slice(0, slash)
    const resource = yield* findResource(k, word)
    if (!everywhere && resource) {
      if (resource.namespaced === false) {
        yield* k.warn(`resource '${resource.name}' is not namespace scoped${resource.group ? ` in group '${resource.group}'` : ''}\n`)
      }
      if (!VERBS.includes(verb)) yield* k.warn(`verb '${verb}' is not a known verb\n`)
    }
    const attributes = { namespace: everywhere ? '' : k.namespace.name, verb, group: resource?.group ?? '', resource: resource?.name ?? word, subresource, name: slash < 0 ? '' : what.slice(slash + 1) }
    spec = { resourceAttributes: attributes }
  }
  if (f.bool('no-headers')) throw new KubectlError('--no-headers cannot be set without --list specified')
  const { status } = ask(k, 'selfsubjectaccessreviews', { spec })
  const allowed = at(status, 'allowed') === true
  const why = [at(status, 'reason'), at(status, 'evaluationError')].map(text).filter(Boolean)
  if (!f.bool('quiet')) yield* k.out(allowed ? 'yes\n' : `${['no', ...why].join(' - ')}\n`)
  if (!allowed) throw new ExitError(1)
  return 0
}

type Named = Pick<ApiResource, 'name' | 'group'> & { namespaced?: boolean }

function* findResource(k: Kubectl, word: string): Task<Named | undefined> {
  if (word === '*') return { name: '*', group: '' }
  try {
    const found = k.client.findResource(word.toLowerCase())
    if (found) return found
    // who may do what with it is in the roles, whether it is there or not
    const unserved = findNotSimulated(word.toLowerCase())
    if (unserved) {
      const { name, group } = unserved
      yield* k.err(`podhop: not simulated: resource ${group ? `${name}.${group}` : name} (the answer is what the roles say of it)\n`)
      return unserved
    }
  } catch (error) {
    // that is said when the question itself finds nobody
    if (!isNoServer(error)) throw error
    if (!knowsKinds(k)) yield* k.err(askedInVain(k, error).repeat(2))
  }
  const [name, ...group] = word.toLowerCase().split('.')
  if (!SUBJECTS.includes(word.toLowerCase())) {
    yield* k.warn(`the server doesn't have a resource type '${name}'${group.length > 0 ? ` in group '${group.join('.')}'` : ''}\n`)
  }
  return { name: word, group: '' }
}

function ask(k: Kubectl, resource: string, question: JsonObject): { status: unknown } {
  return k.client.create<KubeObject & { status: unknown }>(resource, undefined, question)
}

const whoAmI: Command = {
  name: 'whoami',
  short: 'Experimental: Check self subject attributes',
  use: 'whoami',
  flags: flags(PRINT_FLAGS),
  *run(k): Task<number> {
    const answer = ask(k, 'selfsubjectreviews', {}) as unknown as JsonObject
    if (k.flags.string('output') !== '') {
      const { username, uid, groups, extra } = map(at(answer, 'status', 'userInfo'))
      const userInfo = { username, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) }
      // in the order of the Go type
      yield* k.out(printerFor(k, { typed: true }).print({ kind: answer['kind'], apiVersion: answer['apiVersion'], metadata: answer['metadata'], status: { userInfo } }))
      return 0
    }
    const user = at(answer, 'status', 'userInfo')
    const writer = new TabWriter(TABLE)
    writer.write(`ATTRIBUTE\tVALUE\nUsername\t${text(at(user, 'username'))}\n`)
    const bracketed = (values: unknown): string => `[${list(values).map(text).join(' ')}]`
    if (at(user, 'uid')) writer.write(`UID\t${text(at(user, 'uid'))}\n`)
    if (list(at(user, 'groups')).length > 0) writer.write(`Groups\t${bracketed(at(user, 'groups'))}\n`)
    const extra = map(at(user, 'extra'))
    for (const key of Object.keys(extra).sort(byBytes)) writer.write(`Extra: ${key}\t${bracketed(extra[key])}\n`)
    yield* k.out(writer.flush())
    return 0
  },
}

export const auth: Command = {
  name: 'auth',
  short: 'Inspect authorization',
  use: 'auth [flags]',
  helpTo: 'stderr',
  commands: [
    canI,
    reconcile,
    whoAmI,
  ],
}
