import { authorityKey } from '../../programs/kube-apiserver/certificate.ts'
import { issueCertificate, type SigningRequest } from '../../programs/tls/signing-request.ts'
import { readCertificates, toPem } from '../../programs/tls/x509.ts'
import { own } from '../../own.ts'
import type { Random } from '../../random.ts'
import { encodeUtf8 } from '../../text.ts'
import { encodeBase64 } from '../base64.ts'
import { CLUSTER_CA } from '../cluster-ca.ts'
import { requestIn } from '../kinds/certificate-signing-request.ts'
import { authorize, rbacOf } from '../rbac/authorizer.ts'
import type { CertificateCondition, CertificateSigningRequest } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

const CLIENT = 'kubernetes.io/kube-apiserver-client'
const KUBELET = 'kubernetes.io/kube-apiserver-client-kubelet'
const SERVING = 'kubernetes.io/kubelet-serving'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** --cluster-signing-duration. */
const YEAR = 365 * 24 * HOUR
const BACKDATE = 5 * MINUTE
/** How long requests are kept: pkg/controller/certificates/cleaner. */
const KEPT = { decided: HOUR, pending: 24 * HOUR }

/**
 * Approves what kubelets ask for themselves, signs what is approved, and tidies up: pkg/controller/certificates (approver, signer, cleaner) of
 * v1.33.
 */
export class CertificatesController implements Controller {
  readonly #context: ControllerContext
  readonly #requests: Informer<CertificateSigningRequest>
  readonly #queue: WorkQueue
  #random: Random | undefined

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name), context.counts?.('certificate'))
    this.#requests = context.informers.of<CertificateSigningRequest>('certificatesigningrequests')
    const add = ({ metadata }: CertificateSigningRequest): void => this.#queue.add(metadata.name)
    this.#requests.on({ onAdd: add, onUpdate: add })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const found = this.#requests.get(undefined, name)
    if (!found) return
    const request = requestIn(found.spec.request)
    if (!request) return
    const { conditions = [], certificate } = found.status
    const has = (type: string): boolean => conditions.some((c) => c.type === type)
    this.#tidy(found)
    if (certificate || has('Denied') || has('Failed')) return
    if (has('Approved')) this.#sign(found, request)
    else this.#approve(found, request)
  }

  #tidy({ metadata, status: { conditions = [] } }: CertificateSigningRequest): void {
    const { clock, client } = this.#context
    const decided = conditions.find(({ type }) => type === 'Approved' || type === 'Denied' || type === 'Failed')
    const left = (decided ? KEPT.decided : KEPT.pending) - since(clock, decided?.lastUpdateTime ?? metadata.creationTimestamp)
    if (left > 0) this.#queue.addAfter(metadata.name, left, { background: true })
    else ignoringGone(() => client.delete('certificatesigningrequests', undefined, metadata.name, { preconditions: { uid: metadata.uid } }))
  }

  #approve(found: CertificateSigningRequest, request: SigningRequest): void {
    const { client } = this.#context
    const { signerName, username = '', groups = [], usages = [] } = found.spec
    if (signerName !== KUBELET || wrongForKubelet(request, usages) !== undefined) return
    const may = (subresource: string): boolean => authorize(rbacOf(client), { name: username, groups }, { verb: 'create', group: 'certificates.k8s.io', resource: 'certificatesigningrequests', subresource, namespace: undefined, name: undefined }).allowed
    const own = request.subject.some(([type, value]) => type === 'CN' && value === username)
    const self = own && may('selfnodeclient')
    if (!self && !may('nodeclient')) return
    const condition: CertificateCondition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: `Auto approving ${self ? 'self ' : ''}kubelet client certificate after SubjectAccessReview.` }
    ignoringGone(() => client.update('certificatesigningrequests', undefined, found.metadata.name, withCondition(found, condition), { ...AGENT_WRITE, subresource: 'approval' }))
  }

  #sign(found: CertificateSigningRequest, request: SigningRequest): void {
    const { client, clock } = this.#context
    const { signerName, usages = [], expirationSeconds } = found.spec
    const check = own(SIGNERS, signerName)
    if (!check) return
    const wrong = check(request, usages)
    const write = (object: CertificateSigningRequest): void => void ignoringGone(() => client.update('certificatesigningrequests', undefined, found.metadata.name, object, AGENT_STATUS))
    if (wrong !== undefined) return write(withCondition(found, { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: wrong }))
    const now = Math.floor(clock.wall() / 1000) * 1000
    const wanted = Math.min(YEAR, Math.max(10 * MINUTE, expirationSeconds === undefined ? YEAR : expirationSeconds * 1000))
    const certificate = issueCertificate({
      request, issuer: { certificate: readCertificates(CLUSTER_CA)[0]!, key: authorityKey() }, notBefore: now - BACKDATE, notAfter: now + wanted - (wanted < 8 * HOUR ? 0 : BACKDATE),
      keyUsage: usages.reduce((bits, usage) => bits | (own(KEY_USAGE, usage) ?? 0), 0), extendedKeyUsage: usages.flatMap((usage) => own(EXTENDED, usage) ?? []),
      random: (this.#random ??= clock.random.fork('certificates')),
    })
    write({ ...found, status: { ...found.status, certificate: encodeBase64(encodeUtf8(toPem('CERTIFICATE', certificate.der))) } })
  }
}

function withCondition(found: CertificateSigningRequest, condition: CertificateCondition): CertificateSigningRequest {
  return { ...found, status: { ...found.status, conditions: [...(found.status.conditions ?? []), condition] } }
}

/** What a signer has against a request: pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go. */
const SIGNERS: Readonly<Record<string, (request: SigningRequest, usages: readonly string[]) => string | undefined>> = {
  [CLIENT](_, usages) {
    const other = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage))
    if (other !== undefined) return `invalid usage for client certificate: ${other}`
    return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
  },
  [KUBELET]: wrongForKubelet,
  [SERVING](request, usages) {
    if (!isOfNodes(request)) return NOT_NODES
    if (request.dnsNames.length + request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required'
    if (!isExactly(usages, ['digital signature', 'key encipherment', 'server auth'])) return 'usages did not match [digital signature key encipherment server auth]'
    return isNode(request) ? undefined : NOT_NODE
  },
}

const NOT_NODES = 'subject organization is not system:nodes'
const NOT_NODE = 'subject common name does not begin with system:node:'
const isOfNodes = ({ subject }: SigningRequest): boolean => subject.filter(([type]) => type === 'O').map(([, value]) => value).join('\n') === 'system:nodes'
const isNode = ({ subject }: SigningRequest): boolean => subject.findLast(([type]) => type === 'CN')?.[1].startsWith('system:node:') === true

/** With key encipherment, or, for other keys than RSA, without it. */
function isExactly(usages: readonly string[], wanted: readonly string[]): boolean {
  const without = wanted.filter((usage) => usage !== 'key encipherment')
  return [wanted, without].some((list) => new Set(usages).size === list.length && list.every((usage) => usages.includes(usage)))
}

function wrongForKubelet(request: SigningRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return NOT_NODES
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (!isNode(request)) return NOT_NODE
  return isExactly(usages, ['digital signature', 'key encipherment', 'client auth']) ? undefined : 'usages did not match [client auth digital signature key encipherment]'
}

/** RFC 5280 4.2.1.3 and 4.2.1.12. */
const KEY_USAGE: Readonly<Record<string, number>> = {
  signing: 0x80, 'digital signature': 0x80, 'content commitment': 0x40, 'key encipherment': 0x20, 'data encipherment': 0x10, 'key agreement': 0x08, 'cert sign': 0x04, 'crl sign': 0x02, 'encipher only': 0x01,
}
const EXTENDED: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0', 'server auth': '1.3.6.1.5.5.7.3.1', 'client auth': '1.3.6.1.5.5.7.3.2', 'code signing': '1.3.6.1.5.5.7.3.3', 'email protection': '1.3.6.1.5.5.7.3.4', 's/mime': '1.3.6.1.5.5.7.3.4', timestamping: '1.3.6.1.5.5.7.3.8', 'ocsp signing': '1.3.6.1.5.5.7.3.9',
}
