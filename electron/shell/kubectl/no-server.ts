import { ConnectionError } from '../../engine/kubernetes/client.ts'
import type { Kubectl } from './command.ts'

/** How often a verb asks what kinds there are before it gives up: client-go's discovery logs each time (memcache.go). */
const ASKED: Record<string, number> = Object.fromEntries([
  ...['get', 'delete', 'scale', 'label', 'annotate', 'patch', 'expose', 'edit'].map((verb) => [verb, 5]),
  ...['logs', 'exec', 'attach', 'port-forward', 'cordon', 'uncordon', 'drain', 'rollout', 'set', 'wait', 'debug', 'certificate'].map((verb) => [verb, 4]),
  ['explain', 2], ['taint', 2], ['run', 1],
])

/** What is on stderr before the error where no kubeconfig names a server, so that kubectl tries localhost:8080. */
export function discoveryLog(k: Kubectl, error: unknown): string {
  if (!(error instanceof ConnectionError) || !error.message.includes('localhost:8080')) return ''
  const named = k.flags.has('filename') && k.flags.list('filename').length > 0
  const raw = k.flags.has('raw') && k.flags.string('raw') !== ''
  const times = named || raw ? 0 : (ASKED[k.path.split(' ')[1] ?? ''] ?? 0)
  const line = `${k.logHead('E')} memcache.go:265] "Unhandled Error" err="couldn't get current server API group list: Get \\"http://localhost:8080/api?timeout=32s\\": dial tcp 127.0.0.1:8080: connect: connection refused"\n`
  return line.repeat(times)
}
