import { groupDocument, groupsOf } from '../../engine/kubernetes/http/discovery-documents.ts'
import { owned } from '../coreutils/access.ts'
import { NOWHERE } from './client-config.ts'
import type { Kubectl } from './command.ts'

/**
 * What kubectl keeps of a server's kinds below --cache-dir (client-go's discovery/cached/disk): for six hours it need not ask
 * again, so that a server that is gone is noticed by the request itself. Of its files there is the list of groups.
 */
const KEPT = 6 * 3_600_000

/** Verbs that ask no server for its kinds. */
const WITHOUT = new Set(['completion', 'config', 'help', 'kustomize', 'options', 'plugin', 'proxy', 'version'])

/** "/home/student/.kube/cache/discovery/172.18.0.2_6443/servergroups.json" */
function cacheFile(k: Kubectl): string {
  const given = k.flags.changed('cache-dir') ? k.flags.global('cache-dir') : (k.process.env.get('KUBECACHEDIR') ?? '')
  const directory = given || `${k.process.env.get('HOME') ?? ''}/.kube/cache`
  const host = (k.clientConfig.server || NOWHERE).replace(/^[a-z]+:\/\//i, '')
  return k.process.resolve(`${directory}/discovery/${host.replaceAll(/[^\w/.]/g, '_')}/servergroups.json`)
}

export function knowsKinds(k: Kubectl): boolean {
  const { fs } = k.process
  try {
    const path = cacheFile(k)
    return fs.exists(path) && k.now - fs.stat(path).mtime <= KEPT
  } catch {
    return false
  }
}

/** After a command that was answered. Where nothing can be written it goes on without. */
export function rememberKinds(k: Kubectl): void {
  const [, verb = ''] = k.path.split(' ')
  if (WITHOUT.has(verb) || !k.hasClient || knowsKinds(k)) return
  const { fs } = k.process
  try {
    const path = cacheFile(k)
    k.cluster.connection.serverVersion()
    const groups = groupsOf(k.cluster.connection.resources()).filter((g) => g.group !== '').map(groupDocument)
    makeDirectories(k, path.slice(0, path.lastIndexOf('/')))
    fs.writeFile(path, `${JSON.stringify({ kind: 'APIGroupList', apiVersion: 'v1', groups })}\n`, 0o660)
    owned(k.process, path)
  } catch {
    // as the real one
  }
}

function makeDirectories(k: Kubectl, path: string): void {
  const { fs } = k.process
  if (fs.exists(path)) return
  makeDirectories(k, path.slice(0, path.lastIndexOf('/')) || '/')
  fs.makeDirectory(path, { mode: 0o750 })
  owned(k.process, path)
}
