import { deepEqual } from '../json.ts'
import type { Kind } from '../kinds/kind.ts'
import { requestIn } from '../kinds/certificate-signing-request.ts'
import { forbidden } from '../status.ts'
import type { Store } from '../store.ts'
import type { CertificateSigningRequest, KubeObject } from '../types.ts'
import { authorize, rbacIn, type User } from './authorizer.ts'

/**
 * Who approves or signs requests must be allowed to for that signer, and nobody gets a certificate for system:masters: the admission
 * plugins CertificateApproval, CertificateSigning and CertificateSubjectRestriction (plugin/pkg/admission/certificates of v1.33). Throws what
 * they refuse.
 */
export function confirmSigner({ resource }: Kind, object: KubeObject, old: KubeObject | undefined, subresource: string | undefined, user: User | undefined, store: Store): void {
  if (resource.name !== 'certificatesigningrequests') return
  const { metadata, spec, status } = object as CertificateSigningRequest
  if (!old) {
    const isMaster = spec.signerName === 'kubernetes.io/kube-apiserver-client' && requestIn(spec.request)?.subject.some(([type, value]) => type === 'O' && value === 'system:masters') === true
    if (isMaster) throw forbidden(resource, metadata.name ?? '', 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed')
    return
  }
  const before = (old as CertificateSigningRequest)
  const verb = subresource === 'approval' ? 'approve' : 'sign'
  const unchanged = status.certificate === before.status.certificate && deepEqual(failures(status), failures(before.status))
  if (!user || (verb === 'sign' && unchanged)) return
  const { signerName } = before.spec
  const rbac = rbacIn(store)
  const may = (name: string): boolean => authorize(rbac, user, { verb, group: 'certificates.k8s.io', resource: 'signers', subresource: undefined, namespace: undefined, name }).allowed
  if (may(signerName) || may(`${signerName.split('/')[0]!}/*`)) return
  throw forbidden(resource, metadata.name, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`)
}

const failures = ({ conditions = [] }: CertificateSigningRequest['status']): unknown => conditions.filter(({ type }) => type === 'Failed')
