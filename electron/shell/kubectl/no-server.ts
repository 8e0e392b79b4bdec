import { ConnectionError } from '../../engine/kubernetes/client.ts'
import { byName } from '../../engine/own.ts'
import type { Kubectl } from './command.ts'
import { AggregateError, KubectlError, messageOf } from './errors.ts'
import { groupVersion, type JsonObject, text } from './objects.ts'

/** How often a verb asks what kinds there are before it gives up: client-go's discovery logs each time (memcache.go). */
const ASKED: Record<string, number> = byName(Object.fromEntries([
  ...['get', 'delete', 'scale', 'label', 'annotate', 'patch', 'expose', 'edit', 'rollout', 'wait', 'cluster-info'].map((verb) => [verb, 5]),
  ...['logs', 'exec', 'attach', 'port-forward', 'cordon', 'uncordon', 'drain', 'set', 'debug', 'certificate', 'create job'].map((verb) => [verb, 4]),
  ['explain', 2], ['taint', 2], ['run', 1], ['api-resources', 1], ['api-versions', 1], ['diff', 1],
]))

/** Where kubectl looks for a server when nothing names one. */
const NOWHERE = 'http://localhost:8080'
const REFUSED = 'dial tcp 127.0.0.1:8080: connect: connection refused'

export function isNoServer(error: unknown): boolean {
  return error instanceof ConnectionError && error.message.includes('localhost:8080')
}

/** The error of a request that found nobody, as Go's net/http words it. */
export function unanswered(method: 'Get' | 'Post', path: string): string {
  return `${method} "${NOWHERE}${path}": ${REFUSED}`
}

/** What a subcommand of create says of an object when there is nobody to send it to. */
export function notCreated(k: Kubectl, what: string, object: JsonObject): KubectlError {
  const [apiVersion, kind] = [text(object['apiVersion']), text(object['kind'])]
  const namespace = kind.startsWith('Cluster') || kind === 'Namespace' || kind === 'PriorityClass' ? '' : `/namespaces/${k.namespace.name}`
  const path = `${groupVersion(apiVersion).group ? '/apis' : '/api'}/${apiVersion}${namespace}/${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`
  return new KubectlError(`failed to create ${what}: ${unanswered('Post', `${path}?fieldManager=${k.flags.string('field-manager')}&fieldValidation=Strict`)}`)
}

/** How many of the errors come of there being nobody to ask. */
function refusals(error: unknown): number {
  if (error instanceof AggregateError) return error.errors.reduce<number>((sum, e) => sum + refusals(e), 0)
  return isNoServer(error) || (error instanceof KubectlError && error.message.includes(REFUSED)) ? 1 : 0
}

/** What is on stderr before the error where no kubeconfig names a server, so that kubectl tries localhost:8080. */
export function discoveryLog(k: Kubectl, error: unknown): string {
  const count = refusals(error)
  if (count === 0) return ''
  const named = k.flags.has('filename') && k.flags.list('filename').length > 0
  const raw = k.flags.has('raw') && k.flags.string('raw') !== ''
  const [, verb, subverb] = k.path.split(' ')
  const asked = verb === 'create' && !isNoServer(error) ? 0 : (ASKED[`${verb} ${subverb}`] ?? ASKED[verb ?? ''] ?? 0)
  const times = raw ? 0 : named ? (/unable to recognize/.test(messageOf(error)) ? count : 0) : asked
  return `${k.logHead('E')} memcache.go:265] "Unhandled Error" err="couldn't get current server API group list: Get \\"${NOWHERE}/api?timeout=32s\\": ${REFUSED}"\n`.repeat(times)
}
