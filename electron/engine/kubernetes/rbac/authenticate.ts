import { readDer, readOne, TAG } from '../../programs/tls/der.ts'
import { isIssuedBy } from '../../programs/tls/signing-request.ts'
import { type Certificate, OID, oidOf, readCertificates } from '../../programs/tls/x509.ts'
import { CLUSTER_CA } from '../cluster-ca.ts'
import type { KubernetesClient } from '../client.ts'
import { decodeBase64 } from '../base64.ts'
import { BOOTSTRAP_GROUP, BOOTSTRAP_NAMESPACE, BOOTSTRAP_PREFIX, bootstrapTokenOf, hasExpired } from '../bootstrap-token.ts'
import { hex, sha256 } from '../../sha256.ts'
import { decodeUtf8 } from '../../text.ts'
import { API_AUDIENCES, readSecretToken, readToken } from '../service-account-token.ts'
import type { KubeObject, Secret } from '../types.ts'
import type { User } from './authorizer.ts'

/** Who asks without showing anything. */
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** How what a token is bound to is found: its uid, where it is there. */
type Find = (resource: 'serviceaccounts' | 'pods' | 'secrets', namespace: string, name: string) => KubeObject | undefined

/** Who shows a ServiceAccount's token; undefined: nobody whom the API server knows, or not any more. */
export function userOfToken(client: KubernetesClient, token: string, wall: number): User | undefined {
  return holderOf((resource, namespace, name) => client.list<KubeObject>(resource, { namespace, fieldSelector: `metadata.name=${name}` }).items[0], token, wall)?.user
}

/** Who shows a certificate of the cluster's authority: CN is the name, each O a group (apiserver's x509 CommonNameUserConversion). Undefined: one that is not of it, has expired, or is for something else. */
export function userOfCertificate(certificate: Certificate, wall: number): User | undefined {
  const { notBefore, notAfter } = certificate
  if (wall < notBefore || wall > notAfter) return undefined
  // signature and hash cost more than all the rest of a small request
  let user = known.get(certificate)
  if (user === undefined) known.set(certificate, (user = userIn(certificate) ?? null))
  return user ?? undefined
}

const known = new WeakMap<Certificate, User | null>()

function userIn(certificate: Certificate): User | undefined {
  const { subject, extensions } = certificate
  const purposes = extensions.find(({ oid }) => oid === OID.extendedKeyUsage)
  if (!isIssuedBy(certificate, authority()) || (purposes && !isForClients(purposes.value))) return undefined
  const of = (wanted: string): string[] => subject.filter(([type]) => type === wanted).map(([, value]) => value)
  const name = of('CN').at(-1) ?? ''
  return name === '' ? ANONYMOUS : { name, groups: [...of('O'), 'system:authenticated'], extra: credentialOf(certificate) }
}

/**
 * Who asks, by what the connection and the request show: a certificate comes before a token; one that does not hold is as good as a
 * wrong token (apiserver/pkg/authentication/request/union). Undefined: nobody whom the API server lets in.
 */
export function userOfRequest(client: KubernetesClient, { authorization, certificate }: { authorization?: string | undefined; certificate?: Certificate | undefined }, wall: number): User | undefined {
  const shown = certificate && userOfCertificate(certificate, wall)
  const [scheme, token = ''] = authorization?.split(' ') ?? []
  // what is no token is nobody's: request/bearertoken
  if (shown || scheme?.toLowerCase() !== 'bearer' || token === '') return certificate ? shown : ANONYMOUS
  return userOfToken(client, token, wall)
}

/** By what a certificate is known in the audit log and in `kubectl auth whoami`. */
export const credentialOf = (certificate: Certificate): NonNullable<User['extra']> => ({ 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hex(sha256(certificate.der))}`] })

let ca: Certificate | undefined
const authority = (): Certificate => (ca ??= readCertificates(CLUSTER_CA)[0]!)
const FOR_CLIENTS = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']
const isForClients = (value: Uint8Array): boolean => readDer(readOne(value, TAG.sequence).content).some((oid) => FOR_CLIENTS.includes(oidOf(oid)))

/** The user, and for which of the audiences the token is. What goes with it: pkg/serviceaccount/util.go, ServiceAccountInfo. */
export function holderOf(find: Find, token: string, wall: number, audiences: readonly string[] = API_AUDIENCES): { user: User; audiences: string[] } | undefined {
  const [, id] = /^([a-z0-9]{6})\.[a-z0-9]{16}$/.exec(token) ?? []
  if (id !== undefined) return ofBootstrapToken(find, id, token, wall, audiences)
  const claims = readToken(token, wall, audiences)
  if (!claims) return ofSecret(find, token, audiences)
  const { namespace, serviceaccount: { name, uid }, pod, node } = claims['kubernetes.io']
  if (find('serviceaccounts', namespace, name)?.metadata.uid !== uid) return undefined
  if (pod && find('pods', namespace, pod.name)?.metadata.uid !== pod.uid) return undefined
  const extra: Record<string, readonly string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] }
  if (node) Object.assign(extra, { 'authentication.kubernetes.io/node-name': [node.name], 'authentication.kubernetes.io/node-uid': [node.uid] })
  if (pod) Object.assign(extra, { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] })
  return { user: { ...account(namespace, name, uid), extra }, audiences: audiences.filter((each) => claims.aud.includes(each)) }
}

const account = (namespace: string, name: string, uid: string): User => ({ name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'], uid })

/** plugin/pkg/auth/authenticator/token/bootstrap. */
function ofBootstrapToken(find: Find, id: string, token: string, wall: number, audiences: readonly string[]): ReturnType<typeof holderOf> {
  const secret = find('secrets', BOOTSTRAP_NAMESPACE, `${BOOTSTRAP_PREFIX}${id}`) as Secret | undefined
  const found = secret && !secret.metadata.deletionTimestamp ? bootstrapTokenOf(secret) : undefined
  if (!found || `${found.id}.${found.secret}` !== token || hasExpired(found, wall) || !found.usages.includes('authentication')) return undefined
  const groups = [...new Set([BOOTSTRAP_GROUP, ...found.groups])].sort()
  return { user: { name: `system:bootstrap:${id}`, groups: [...groups, 'system:authenticated'] }, audiences: audiences.filter((each) => API_AUDIENCES.includes(each)) }
}

/** A token that lives in a Secret is good as long as both are there: pkg/serviceaccount/legacy.go, Validate. */
function ofSecret(find: Find, token: string, audiences: readonly string[]): ReturnType<typeof holderOf> {
  const claims = readSecretToken(token)
  if (!claims || !audiences.some((each) => API_AUDIENCES.includes(each))) return undefined
  const { namespace, name, uid } = claims
  const secret = find('secrets', namespace, claims.secret) as Secret | undefined
  const bytes = decodeBase64(secret?.data?.['token'] ?? '')
  if (!secret || secret.metadata.deletionTimestamp || typeof bytes === 'number' || decodeUtf8(bytes) !== token) return undefined
  if (find('serviceaccounts', namespace, name)?.metadata.uid !== uid) return undefined
  return { user: account(namespace, name, uid), audiences: audiences.filter((each) => API_AUDIENCES.includes(each)) }
}
