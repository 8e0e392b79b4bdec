import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import { userOfToken } from '../../engine/kubernetes/rbac/authenticate.ts'
import { asUser, become } from '../../engine/kubernetes/rbac/as-user.ts'
import { ADMIN } from '../../engine/kubernetes/rbac/authorizer.ts'
import { failure } from '../../engine/kubernetes/status.ts'
import { KubectlError } from './errors.ts'
import type { FlagSet } from './flags.ts'
import type { Kubeconfig } from './kubeconfig.ts'
import { list, map, text } from './objects.ts'

/** The client as the user of the kubeconfig, or as whom --token, --as, --as-group and --as-uid say: clientcmd's AuthInfo and its overrides. */
export function identified(client: KubernetesClient, config: Kubeconfig, flags: FlagSet, wall: number): KubernetesClient {
  const name = flags.global('user') || config.context(flags.string('context'))?.user || ''
  const entry = map(config.entries('users').find((u) => u['name'] === name)?.['user'])
  const of = (flag: string, field: string): string => flags.global(flag) || text(entry[field])
  const as = of('as', 'as')
  const groups = flags.list('as-group').length > 0 ? flags.list('as-group') : list(entry['as-groups']).map(text)
  const uid = of('as-uid', 'as-uid')
  if (!as && (groups.length > 0 || uid)) throw new KubectlError(`requesting uid, groups or user-extra for ${name} without impersonating a user`)
  const token = of('token', 'token')
  // a certificate comes first for the server
  const shown = token && !entry['client-certificate-data'] && !entry['client-certificate'] ? userOfToken(client, token, wall) : ADMIN
  if (!shown) throw failure(401, 'Unauthorized', 'Unauthorized')
  const user = as ? become(client, shown, { user: as, groups, ...(uid ? { uid } : {}) }) : shown
  return user === ADMIN ? client : asUser(client, user)
}
