import { ConnectionError, type KubernetesClient } from '../../../engine/kubernetes/client.ts'
import type { Cluster, Process, Task } from '../../../engine/cluster.ts'
import { ClientConfig, connect, tryServer } from '../../kubectl/client-config.ts'
import { FlagSet, GLOBAL_FLAGS } from '../../kubectl/flags.ts'
import { identified } from '../../kubectl/identity.ts'
import { loadKubeconfig } from '../../kubectl/kubeconfig.ts'

/** What ends kubeadm: "error: …", exit code 1 (cmd/kubeadm/app/util/error.go). */
export class KubeadmError extends Error {}
export class NotSimulated extends Error {}

export const ADMIN_CONF = '/etc/kubernetes/admin.conf'
/** Of each request, in ms. */
const PATIENCE = 10_000

/** The API server with a kubeconfig's rights, and its URL. */
export interface Admin { client: KubernetesClient; server: string }

/** cmdutil.GetKubeConfigPath: what a flag, KUBECONFIG or the home directory name, else the administrator's. */
export function kubeconfigPath(process: Process, given: string | undefined): string {
  if (given !== undefined) return given
  const named = (process.env.get('KUBECONFIG') ?? '').split(':').filter((path) => path !== '')
  const places = [...(named.length > 0 ? named : [`${process.env.get('HOME') ?? '/root'}/.kube/config`]), ADMIN_CONF]
  return places.find((path) => process.fs.exists(process.resolve(path))) ?? places[0]!
}

export function* openAdmin(process: Process, cluster: Cluster, path: string): Task<Admin> {
  if (!process.fs.exists(process.resolve(path))) throw new KubeadmError(`failed to load admin kubeconfig: open ${path}: no such file or directory`)
  const flags = new FlagSet(GLOBAL_FLAGS)
  flags.parse([`--kubeconfig=${path}`])
  const config = new ClientConfig(process, loadKubeconfig(process, flags), flags)
  const dialled = yield* tryServer(process, cluster, config.server, PATIENCE)
  return { client: identified(connect(cluster, config, dialled, undefined), config, process.clock.wall(), true), server: config.server }
}

/** What client-go says of a request that failed. */
export function requestError(error: unknown, method: string, url: string): string {
  return error instanceof ConnectionError ? `${method} "${url}": ${error.message}` : (error as Error).message
}
