import type { KubernetesClient } from '../client.ts'
import { readToken } from '../service-account-token.ts'
import type { KubeObject, Pod } from '../types.ts'
import type { User } from './authorizer.ts'

/** Who shows a ServiceAccount's token; undefined: nobody whom the API server knows, or not any more. */
export function userOfToken(client: KubernetesClient, token: string, wall: number): User | undefined {
  const claims = readToken(token, wall)
  if (!claims) return undefined
  const { namespace, serviceAccount, uid, pod } = claims
  const account = client.list<KubeObject>('serviceaccounts', { namespace, fieldSelector: `metadata.name=${serviceAccount}` }).items[0]
  if (account?.metadata.uid !== uid) return undefined
  if (pod && client.list<Pod>('pods', { namespace, fieldSelector: `metadata.name=${pod.name}` }).items[0]?.metadata.uid !== pod.uid) return undefined
  return { name: `system:serviceaccount:${namespace}:${serviceAccount}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'], uid }
}
