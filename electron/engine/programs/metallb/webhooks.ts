import { encodeBase64 } from '../../kubernetes/base64.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { isObject } from '../../kubernetes/json.ts'
import type { KubeObject, Node, Secret } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import { Random } from '../../random.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { encodeKey, makeCertificate, makeKey } from '../tls/make.ts'
import { toPem, type Certificate } from '../tls/x509.ts'
import { BGP_ADVERTISEMENTS, BGP_PEERS, COMMUNITIES, communitiesFor, peersFor, unsimulatedPeer, validateAdvertisements, type BgpAdvertisement, type BgpPeerObject, type CommunityObject } from './bgp-config.ts'
import { ADDRESS_POOLS, poolsFor, type AddressPool } from './pools.ts'

/** What MetalLB's controller says of configurations before they are stored (internal/k8s/webhooks of metallb/metallb v0.15). */
const PORT = 9443
const CONFIGURATION = 'metallb-webhook-configuration'
const DAYS = 3_650

/** The pair that it serves with, and its authority for those who ask: open-policy-agent/cert-controller. */
export function rotateCertificates(process: Process, client: KubernetesClient, namespace: string): readonly Certificate[] {
  const { clock } = process
  const host = `metallb-webhook-service.${namespace}.svc`
  const random = new Random(0).fork(`metallb webhook ${clock.epoch} ${namespace} ${clock.now}`)
  const notBefore = Math.floor(clock.wall() / 1000) * 1000
  const caKey = makeKey(random)
  const authority = makeCertificate({ subject: [['O', 'metallb'], ['CN', 'cert']], key: caKey, notBefore, days: DAYS, isCa: true, random })
  const key = makeKey(random)
  const certificate = makeCertificate({ subject: [['CN', host]], key, notBefore, days: DAYS, alternativeNames: [host], issuer: { certificate: authority, key: caKey }, random })
  const pem = (label: string, bytes: Uint8Array): string => encodeBase64(encodeUtf8(toPem(label, bytes)))
  const data = { 'ca.crt': pem('CERTIFICATE', authority.der), 'tls.crt': pem('CERTIFICATE', certificate.der), 'ca.key': pem('RSA PRIVATE KEY', encodeKey(caKey)), 'tls.key': pem('RSA PRIVATE KEY', encodeKey(key)) }
  const patch = (resource: string, where: string | undefined, name: string, change: object): void => {
    try {
      client.patch(resource, where, name, 'application/merge-patch+json', change)
    } catch (error) {
      // It is not installed.
      if (!(error instanceof StatusError)) throw error
    }
  }
  patch('secrets', namespace, 'metallb-webhook-cert', { data })
  try {
    const { webhooks = [] } = client.get<KubeObject & { webhooks?: { clientConfig: object }[] }>('validatingwebhookconfigurations', undefined, CONFIGURATION)
    patch('validatingwebhookconfigurations', undefined, CONFIGURATION, { webhooks: webhooks.map((w) => ({ ...w, clientConfig: { ...w.clientConfig, caBundle: data['ca.crt'] } })) })
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
  return [certificate, authority]
}

/** The speakers' common secret: without it their Pods do not start. */
export function makeMemberlistSecret(client: KubernetesClient, namespace: string, name: string, random: Random): void {
  try {
    client.get<Secret>('secrets', namespace, name)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const bytes = Uint8Array.from({ length: 128 }, () => random.below(256))
    client.create('secrets', namespace, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data: { secretkey: encodeBase64(encodeUtf8(encodeBase64(bytes))) } } as unknown as KubeObject)
  }
}

/** Throws SystemError EADDRINUSE. */
export function serveWebhooks(process: Process, client: KubernetesClient, chain: readonly Certificate[]): () => void {
  const server = serveGo(process, 'controller', PORT, undefined, (request) => {
    const { path } = splitTarget(request.target)
    const [, kind] = /^\/validate-metallb-io-v\d\w*-(\w+)$/.exec(path) ?? []
    return kind === undefined ? GO_NOT_FOUND : answer(kind, decodeUtf8(request.body), client)
  }, { select: () => ({ chain }) })
  return () => server.close()
}

function answer(kind: string, body: string, client: KubernetesClient): GoAnswer {
  let review: unknown
  try {
    review = JSON.parse(body)
  } catch {
    return { status: 400, body: 'unable to decode the request' }
  }
  const { request } = isObject(review) ? review : {}
  const { uid, object, operation } = (isObject(request) ? request : {}) as { uid?: string; object?: KubeObject | null; operation?: string }
  const why = operation === 'DELETE' || !object ? undefined : refusal(kind, object, client)
  const response = why === undefined ? { uid, allowed: true, status: { metadata: {}, code: 200 } } : { uid, allowed: false, status: { metadata: {}, status: 'Failure', message: why, reason: 'Forbidden', code: 403 } }
  return { headers: [['Content-Type', 'application/json']], body: `${JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response })}\n` }
}

/** What is stored already, with the new one in its place. */
function withNew<T extends KubeObject>(client: KubernetesClient, resource: string, object: KubeObject): T[] {
  const others = client.list<T>(resource, { namespace: object.metadata.namespace! }).items.filter(({ metadata }) => metadata.name !== object.metadata.name)
  return [...others, object as T]
}

function refusal(kind: string, object: KubeObject, client: KubernetesClient): string | undefined {
  const { namespace } = object.metadata
  try {
    if (kind === 'ipaddresspool') poolsFor(withNew<AddressPool>(client, ADDRESS_POOLS, object))
    if (kind === 'bgppeer') {
      const missing = unsimulatedPeer(object as BgpPeerObject)
      if (missing !== undefined) return `podhop: not simulated: ${missing}`
      peersFor(withNew<BgpPeerObject>(client, BGP_PEERS, object))
    }
    if (kind === 'community') communitiesFor(withNew<CommunityObject>(client, COMMUNITIES, object))
    if (kind === 'bfdprofile') return 'bfd profiles section set'
    if (kind === 'bgpadvertisement') {
      const pools = poolsFor(client.list<AddressPool>(ADDRESS_POOLS, { namespace: namespace! }).items)
      validateAdvertisements(withNew<BgpAdvertisement>(client, BGP_ADVERTISEMENTS, object), pools, client.list<Node>('nodes').items)
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
