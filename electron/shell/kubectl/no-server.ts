import { ConnectionError } from '../../engine/kubernetes/client.ts'
import { byName } from '../../engine/own.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { DIAL_TIMEOUT } from './dial-server.ts'
import { knowsKinds } from './discovery-cache.ts'
import { AggregateError, KubectlError, messageOf, UnreachableError } from './errors.ts'
import { groupVersion, type JsonObject, text } from './objects.ts'

/** How often a verb asks what kinds there are before it gives up: client-go's discovery logs each time (memcache.go). */
const ASKED: Record<string, number> = byName(Object.fromEntries([
  ...['get', 'delete', 'scale', 'label', 'annotate', 'patch', 'expose', 'edit', 'rollout', 'wait', 'cluster-info'].map((verb) => [verb, 5]),
  ...['logs', 'exec', 'attach', 'port-forward', 'cordon', 'uncordon', 'drain', 'set', 'debug', 'certificate', 'create job'].map((verb) => [verb, 4]),
  ['explain', 2], ['taint', 2], ['run', 1], ['api-resources', 1], ['api-versions', 1], ['diff', 1], ['create role', 2], ['create clusterrole', 2],
]))

/** These ask whatever is known already. */
const ALWAYS_ASK = new Set(['api-resources', 'api-versions'])
const NO_ROUTE = 3_000

export function isNoServer(error: unknown): boolean {
  return error instanceof ConnectionError
}

/** The error of a request that found nobody, as Go's net/http words it. */
export function unanswered(error: unknown, method: 'Get' | 'Post', path: string): string {
  const { message } = error as ConnectionError
  const url = error instanceof UnreachableError ? error.url : `https://${(error as ConnectionError).server ?? ''}`
  return `${method} "${url.replace(/\/$/, '')}${path}": ${message}`
}

/** What a subcommand of create says of an object when there is nobody to send it to. */
export function notCreated(k: Kubectl, error: unknown, what: string, object: JsonObject): KubectlError {
  const [apiVersion, kind] = [text(object['apiVersion']), text(object['kind'])]
  const namespace = kind.startsWith('Cluster') || kind === 'Namespace' || kind === 'PriorityClass' ? '' : `/namespaces/${k.namespace.name}`
  const path = `${groupVersion(apiVersion).group ? '/apis' : '/api'}/${apiVersion}${namespace}/${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`
  return new KubectlError(`failed to create ${what}: ${unanswered(error, 'Post', `${path}?fieldManager=${k.flags.string('field-manager')}&fieldValidation=Strict`)}`)
}

/** Those of the errors that come of there being nobody to ask. */
function refusals(k: Kubectl, error: unknown): unknown[] {
  if (error instanceof AggregateError) return error.errors.flatMap((e) => refusals(k, e))
  if (isNoServer(error)) return [error]
  if (error instanceof KubectlError && isNoServer(error.cause)) return [error.cause]
  return error instanceof KubectlError && k.unreachable && error.message.includes(k.unreachable.message) ? [k.unreachable] : []
}

/** How long a try takes that ends so, in virtual ms: client-go's dialer gives up, or the kernel has asked three times who has the address. */
function tryTime(k: Kubectl, error: unknown): number {
  const message = messageOf(error)
  if (/no route to host$/.test(message)) return Math.min(NO_ROUTE, k.requestTimeout)
  return /i\/o timeout$|Client\.Timeout exceeded/.test(message) ? Math.min(DIAL_TIMEOUT, k.requestTimeout) : 0
}

/** What is on stderr before the error where nobody answers: a line a try, each after its time. */
export function* tellDiscovery(k: Kubectl, error: unknown): Task {
  const [found] = refusals(k, error)
  if (found === undefined) return
  const pause = tryTime(k, found)
  // it has been tried once
  let tried = k.unreachable || k.session?.failed ? 1 : 0
  for (let left = Math.max(1, triesOf(k, error)), told = triesOf(k, error); left > 0; left--, told--) {
    if (pause > 0 && tried-- <= 0) yield* k.process.sleep(pause)
    if (told > 0) yield* k.err(askedInVain(k, found))
  }
}

function triesOf(k: Kubectl, error: unknown): number {
  const count = refusals(k, error).length
  const named = k.flags.has('filename') && k.flags.list('filename').length > 0
  const raw = k.flags.has('raw') && k.flags.string('raw') !== ''
  const [, verb, subverb] = k.path.split(' ')
  const asked = verb === 'create' && !isNoServer(error) ? 0 : (ASKED[`${verb} ${subverb}`] ?? ASKED[verb ?? ''] ?? 0)
  const warm = knowsKinds(k) && !ALWAYS_ASK.has(verb ?? '')
  if (warm && !named && !raw) return k.asksAgain ? 3 : 0
  return raw ? 0 : named && verb !== 'diff' ? (/unable to recognize/.test(messageOf(error)) ? count : 0) : asked
}

/** The line that discovery logs each time it finds nobody. */
export function askedInVain(k: Kubectl, error: unknown): string {
  return `${k.logHead('E')} memcache.go:265] "Unhandled Error" err=${JSON.stringify(`couldn't get current server API group list: ${unanswered(error, 'Get', '/api?timeout=32s')}`)}\n`
}
