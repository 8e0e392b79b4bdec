import { DerError } from '../../programs/tls/der.ts'
import { type SigningRequest, signingRequestOf } from '../../programs/tls/signing-request.ts'
import { decodeUtf8 } from '../../text.ts'
import { decodeBase64 } from '../base64.ts'
import { humanDuration, timestamp } from '../human-duration.ts'
import type { CertificateCondition, CertificateSigningRequest } from '../types.ts'
import { validateSigningRequest, validateSigningStatus } from '../validation/certificates.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** certificates.k8s.io/v1 CertificateSigningRequest: pkg/registry/certificates/certificates, pkg/printers/internalversion. */
export const certificateSigningRequest: Kind<CertificateSigningRequest> = {
  resource: apiResource('CertificateSigningRequest', 'certificatesigningrequests', { group: 'certificates.k8s.io', shortNames: ['csr'], namespaced: false, subresources: ['approval', 'status'] }),
  type: 'CertificateSigningRequest',
  validName: () => [],
  prepareForCreate(object, _context, _warn, user) {
    const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...spec } = object.spec
    object.spec = spec
    if (user) {
      Object.assign(object.spec, { username: user.name, ...(user.uid ? { uid: user.uid } : {}), groups: [...user.groups], ...(user.extra ? { extra: user.extra } : {}) })
    }
    object.status = {}
  },
  prepareForUpdate(object, old) {
    object.spec = old.spec
    object.status = old.status
  },
  prepareForStatusUpdate(object, old, _submitted, subresource, { clock }) {
    const { certificate } = subresource === 'approval' ? old.status : object.status
    const now = timestamp(clock.wall())
    const conditions = (object.status.conditions ?? []).map((condition): CertificateCondition => {
      const before = old.status.conditions?.find(({ type }) => type === condition.type)
      const since = before?.status === condition.status ? before.lastTransitionTime : undefined
      return { ...condition, lastUpdateTime: condition.lastUpdateTime ?? now, lastTransitionTime: condition.lastTransitionTime ?? since ?? now }
    })
    object.status = { ...(certificate === undefined ? {} : { certificate }), ...(conditions.length > 0 ? { conditions } : {}) }
  },
  validate: validateSigningRequest,
  validateUpdate() {},
  validateStatusUpdate: validateSigningStatus,
  fields: { 'spec.signerName': ({ spec }) => spec.signerName },
  columns: [
    NAME,
    AGE,
    { name: 'SignerName', cell: ({ spec }) => spec.signerName || '<none>' },
    { name: 'Requestor', cell: ({ spec }) => spec.username ?? '' },
    { name: 'RequestedDuration', cell: ({ spec: { expirationSeconds } }) => (expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * 1000)) },
    { name: 'Condition', cell: ({ status }) => signingState(status) },
  ],
}

/** extractCSRStatus, which kubectl describe has too. */
export function signingState({ conditions = [], certificate }: CertificateSigningRequest['status']): string {
  const has = (wanted: string): boolean => conditions.some(({ type }) => type === wanted)
  return `${has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'}${has('Failed') ? ',Failed' : ''}${certificate ? ',Issued' : ''}`
}

/** What spec.request asks for; undefined where nobody can read it. */
export function requestIn(request: string): SigningRequest | undefined {
  const bytes = decodeBase64(request)
  if (typeof bytes === 'number') return undefined
  try {
    return signingRequestOf(decodeUtf8(bytes))
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
