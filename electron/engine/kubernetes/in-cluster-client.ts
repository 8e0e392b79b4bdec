import type { Process } from '../machine/types.ts'
import type { KubernetesClient } from './client.ts'
import { asUser } from './rbac/as-user.ts'
import { userOfToken } from './rbac/authenticate.ts'
import { failure } from './status.ts'

export const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/**
 * The API as a Pod's own program may use it: client-go's rest.InClusterConfig, with the token that is mounted there now. A Pod
 * without one is what `client` is. Throws 401 for a token that nobody knows any more.
 */
export function inClusterClient({ fs, clock }: Pick<Process, 'fs' | 'clock'>, client: KubernetesClient): KubernetesClient {
  if (!fs.exists(TOKEN)) return client
  const user = userOfToken(client, fs.readText(TOKEN).trim(), clock.wall())
  if (!user) throw failure(401, 'Unauthorized', 'Unauthorized')
  return asUser(client, user)
}
