import { hex, sha256 } from '../sha256.ts'
import { encodeUtf8 } from '../text.ts'
import { StatusError, type KubernetesClient, type WriteOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { timestamp } from './human-duration.ts'
import type { Kind } from './kinds/kind.ts'
import { claimsOf, signClaims } from './service-account-key.ts'
import { badRequest, conflict, invalid, notFound } from './status.ts'
import { decodeSubresource } from './subresource-body.ts'
import type { KubeObject, Pod } from './types.ts'
import type { Server } from './server.ts'

/** POST serviceaccounts/token: pkg/registry/core/serviceaccount/storage/token.go and pkg/serviceaccount/claims.go (v1.33). */
interface TokenRequest extends KubeObject {
  spec: { audiences?: string[]; expirationSeconds?: number; boundObjectRef?: { kind?: string; apiVersion?: string; name?: string; uid?: string } | null }
  status: { token: string; expirationTimestamp: string | null }
}

/** kubeadm's --service-account-issuer, which is also the audience of the API server. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local'
export const API_AUDIENCES: readonly string[] = [ISSUER]
const MIN_SECONDS = 600
const MAX_SECONDS = 2 ** 32

/**
 * A token with the claims of a real one, signed with the issuer's key (service-account-key.ts). The same request at the
 * same moment of the same cluster gives the same token.
 */
export function requestToken(server: Server, kind: Kind, namespace: string, name: string, body: unknown, options: WriteOptions): KubeObject {
  const request = decodeSubresource<TokenRequest>(body, 'TokenRequest', 'authentication.k8s.io/v1', options)
  const { spec, metadata } = request
  if (metadata.name && metadata.name !== name) throw badRequest('the name of the object does not match the name on the URL')
  const seconds = spec.expirationSeconds ?? 3600
  validate(seconds)
  const account = server.store.get('serviceaccounts', namespace, name)
  if (!account) throw notFound(kind.resource, name)
  const audiences = spec.audiences?.length ? spec.audiences : [ISSUER]
  const issued = Math.floor(server.clock.wall() / 1000)
  const owner = { serviceaccount: { name, uid: account.metadata.uid } }
  const bound = spec.boundObjectRef ? bind(server, namespace, name, spec.boundObjectRef) : {}
  const about = { namespace, ...bound, ...owner }
  const seed = hex(sha256(encodeUtf8(JSON.stringify([about, audiences, issued, seconds, server.store.version]))))
  const claims = {
    aud: audiences, exp: issued + seconds, iat: issued, iss: ISSUER, jti: uuidOf(seed), 'kubernetes.io': about, nbf: issued, sub: `system:serviceaccount:${namespace}:${name}`,
  }
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(server.clock.wall()) },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: spec.boundObjectRef ?? null },
    status: { token: signClaims(claims), expirationTimestamp: timestamp((issued + seconds) * 1000) },
  } as unknown as KubeObject
}

function validate(seconds: number): void {
  const errors = new FieldErrors()
  if (seconds < MIN_SECONDS) errors.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes')
  if (seconds > MAX_SECONDS) errors.invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds')
  if (!errors.empty) throw invalid({ kind: 'TokenRequest', group: 'authentication.k8s.io' }, '', errors)
}

type Reference = NonNullable<TokenRequest['spec']['boundObjectRef']>
const BINDABLE: { readonly [kind: string]: { resource: string; namespaced: boolean } } = {
  Pod: { resource: 'pods', namespaced: true },
  Secret: { resource: 'secrets', namespaced: true },
  Node: { resource: 'nodes', namespaced: false },
}

/** What the token dies with. */
function bind(server: Server, namespace: string, account: string, { kind = '', apiVersion = '', name = '', uid }: Reference): object {
  const of = apiVersion === 'v1' && Object.hasOwn(BINDABLE, kind) ? BINDABLE[kind] : undefined
  if (!of) throw badRequest(`cannot bind token to object of type ${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`)
  const object = server.store.get(of.resource, of.namespaced ? namespace : '', name)
  if (!object) throw notFound({ name: of.resource, group: '' }, name)
  if (uid && uid !== object.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`
    throw conflict({ name: kind, group: '' }, name, why)
  }
  const reference = { name, uid: object.metadata.uid }
  if (kind !== 'Pod') return { [kind.toLowerCase()]: reference }
  const { serviceAccountName = '', nodeName } = (object as Pod).spec
  if (serviceAccountName !== account) {
    throw badRequest(`cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`)
  }
  const node = nodeName ? server.store.get('nodes', '', nodeName) : undefined
  return { ...(node ? { node: { name: nodeName, uid: node.metadata.uid } } : {}), pod: reference }
}

/** Whose token a Pod has: the account that was there when it was made, though it be gone, or another one of its name be there now. */
export function accountAt(client: KubernetesClient, { metadata: { namespace, uid }, spec }: Pod, issued: number): KubeObject {
  const name = spec.serviceAccountName ?? 'default'
  try {
    const now = client.get('serviceaccounts', namespace, name)
    if (Date.parse(now.metadata.creationTimestamp!) <= issued * 1000) return now
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.code !== 404) throw error
  }
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, uid: uuidOf(hex(sha256(encodeUtf8(`${uid} account`)))) } } as KubeObject
}

/** What a kubelet mounts into a Pod; its claims are those of a TokenRequest that is bound to the Pod. */
export function podToken(pod: Pod, account: KubeObject, node: KubeObject | undefined, audiences: readonly string[] = [ISSUER], issued: number, seconds: number): string {
  const { namespace, name, uid } = pod.metadata
  const id = hex(sha256(encodeUtf8(`${uid} ${issued}`)))
  const about = { namespace, ...(node ? { node: { name: node.metadata.name, uid: node.metadata.uid } } : {}), pod: { name, uid }, serviceaccount: { name: account.metadata.name, uid: account.metadata.uid } }
  return signClaims({ aud: audiences, exp: issued + seconds, iat: issued, iss: ISSUER, jti: uuidOf(id), 'kubernetes.io': about, nbf: issued, sub: `system:serviceaccount:${namespace}:${account.metadata.name}` })
}

/** The issuer of tokens that live in Secrets: pkg/serviceaccount/legacy.go. */
const LEGACY_ISSUER = 'kubernetes/serviceaccount'

/** Of a Secret of type kubernetes.io/service-account-token: it has no end, and is good as long as its Secret is there. */
export function secretToken({ metadata: { namespace, name } }: KubeObject, account: KubeObject): string {
  return signClaims({
    iss: LEGACY_ISSUER, 'kubernetes.io/serviceaccount/namespace': namespace, 'kubernetes.io/serviceaccount/secret.name': name,
    'kubernetes.io/serviceaccount/service-account.name': account.metadata.name, 'kubernetes.io/serviceaccount/service-account.uid': account.metadata.uid,
    sub: `system:serviceaccount:${namespace}:${account.metadata.name}`,
  })
}

export interface SecretClaims { namespace: string; secret: string; name: string; uid: string }

/** What a {@link secretToken} says; undefined: it is none. */
export function readSecretToken(token: string): SecretClaims | undefined {
  const claims = claimsOf(token) as Record<string, string> | undefined
  if (claims?.['iss'] !== LEGACY_ISSUER) return undefined
  const claim = (name: string): string => claims[`kubernetes.io/serviceaccount/${name}`] ?? ''
  return { namespace: claim('namespace'), secret: claim('secret.name'), name: claim('service-account.name'), uid: claim('service-account.uid') }
}

function uuidOf(digits: string): string {
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${'89ab'[parseInt(digits[16]!, 16) & 3]}${digits.slice(17, 20)}-${digits.slice(20, 32)}`
}

/** What a token says that this cluster made, and that is good at this moment for one of the audiences; undefined: nothing. */
export function readToken(token: string, wall: number, audiences: readonly string[] = API_AUDIENCES): Claims | undefined {
  const claims = claimsOf(token) as Claims | undefined
  if (!claims) return undefined
  const { aud, exp, nbf } = claims
  if (!Array.isArray(aud)) return undefined
  return audiences.some((each) => aud.includes(each)) && wall / 1000 < exp && wall / 1000 >= nbf ? claims : undefined
}

interface Reached { name: string; uid: string }
export interface Claims { aud: string[]; exp: number; nbf: number; jti: string; 'kubernetes.io': { namespace: string; serviceaccount: Reached; pod?: Reached; node?: Reached } }
