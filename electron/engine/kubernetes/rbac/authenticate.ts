import type { KubernetesClient } from '../client.ts'
import { API_AUDIENCES, readToken } from '../service-account-token.ts'
import type { KubeObject } from '../types.ts'
import type { User } from './authorizer.ts'

/** Who asks without showing anything. */
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** How what a token is bound to is found: its uid, where it is there. */
type Find = (resource: 'serviceaccounts' | 'pods', namespace: string, name: string) => KubeObject | undefined

/** Who shows a ServiceAccount's token; undefined: nobody whom the API server knows, or not any more. */
export function userOfToken(client: KubernetesClient, token: string, wall: number): User | undefined {
  return holderOf((resource, namespace, name) => client.list<KubeObject>(resource, { namespace, fieldSelector: `metadata.name=${name}` }).items[0], token, wall)?.user
}

/** The user, and for which of the audiences the token is. What goes with it: pkg/serviceaccount/util.go, ServiceAccountInfo. */
export function holderOf(find: Find, token: string, wall: number, audiences: readonly string[] = API_AUDIENCES): { user: User; audiences: string[] } | undefined {
  const claims = readToken(token, wall, audiences)
  if (!claims) return undefined
  const { namespace, serviceaccount: { name, uid }, pod, node } = claims['kubernetes.io']
  if (find('serviceaccounts', namespace, name)?.metadata.uid !== uid) return undefined
  if (pod && find('pods', namespace, pod.name)?.metadata.uid !== pod.uid) return undefined
  const extra: Record<string, readonly string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] }
  if (node) Object.assign(extra, { 'authentication.kubernetes.io/node-name': [node.name], 'authentication.kubernetes.io/node-uid': [node.uid] })
  if (pod) Object.assign(extra, { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] })
  const user: User = { name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'], uid, extra }
  return { user, audiences: audiences.filter((each) => claims.aud.includes(each)) }
}
