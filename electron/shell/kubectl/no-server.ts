import { ConnectionError } from '../../engine/kubernetes/client.ts'
import { byName } from '../../engine/own.ts'
import type { Kubectl } from './command.ts'
import { AggregateError, KubectlError, messageOf, UnreachableError } from './errors.ts'
import { groupVersion, type JsonObject, text } from './objects.ts'

/** How often a verb asks what kinds there are before it gives up: client-go's discovery logs each time (memcache.go). */
const ASKED: Record<string, number> = byName(Object.fromEntries([
  ...['get', 'delete', 'scale', 'label', 'annotate', 'patch', 'expose', 'edit', 'rollout', 'wait', 'cluster-info'].map((verb) => [verb, 5]),
  ...['logs', 'exec', 'attach', 'port-forward', 'cordon', 'uncordon', 'drain', 'set', 'debug', 'certificate', 'create job'].map((verb) => [verb, 4]),
  ['explain', 2], ['taint', 2], ['run', 1], ['api-resources', 1], ['api-versions', 1], ['diff', 1], ['create role', 2], ['create clusterrole', 2],
]))

/** Where kubectl looks for a server when nothing names one. */
export const NOWHERE = 'http://localhost:8080'

export function isNoServer(error: unknown): boolean {
  return error instanceof ConnectionError
}

/** The error of a request that found nobody, as Go's net/http words it. */
export function unanswered(error: unknown, method: 'Get' | 'Post', path: string): string {
  const { message } = error as ConnectionError
  const url = error instanceof UnreachableError ? error.url : `https://${/^dial tcp (\S+): /.exec(message)?.[1] ?? ''}`
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
  return error instanceof KubectlError && k.unreachable && error.message.includes(k.unreachable.message) ? [k.unreachable] : []
}

/** What is on stderr before the error where nobody answers. */
export function discoveryLog(k: Kubectl, error: unknown): string {
  const found = refusals(k, error)
  const count = found.length
  if (count === 0) return ''
  const named = k.flags.has('filename') && k.flags.list('filename').length > 0
  const raw = k.flags.has('raw') && k.flags.string('raw') !== ''
  const [, verb, subverb] = k.path.split(' ')
  const asked = verb === 'create' && !isNoServer(error) ? 0 : (ASKED[`${verb} ${subverb}`] ?? ASKED[verb ?? ''] ?? 0)
  const times = raw ? 0 : named && verb !== 'diff' ? (/unable to recognize/.test(messageOf(error)) ? count : 0) : asked
  return askedInVain(k, found[0]).repeat(times)
}

/** The line that discovery logs each time it finds nobody. */
export function askedInVain(k: Kubectl, error: unknown): string {
  return `${k.logHead('E')} memcache.go:265] "Unhandled Error" err=${JSON.stringify(`couldn't get current server API group list: ${unanswered(error, 'Get', '/api?timeout=32s')}`)}\n`
}
