import { DerError } from '../../programs/tls/der.ts'
import { provesItsKey, signingRequestOf } from '../../programs/tls/signing-request.ts'
import { readCertificates } from '../../programs/tls/x509.ts'
import { decodeUtf8 } from '../../text.ts'
import { decodeBase64 } from '../base64.ts'
import { type FieldErrors, GoValue } from '../field-errors.ts'
import { compareStrings, deepEqual, quote } from '../json.ts'
import type { CertificateSigningRequest } from '../types.ts'
import { dns1123Label, dns1123Subdomain } from './names.ts'

/** CertificateSigningRequests: pkg/apis/certificates/validation (v1.33). */
const KEY_USAGES: readonly string[] = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection', 'encipher only', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping',
].sort(compareStrings)

export function validateSigningRequest({ spec, status }: CertificateSigningRequest, errors: FieldErrors): void {
  const bytes = decodeBase64(spec.request)
  const raw = typeof bytes === 'number' ? new Uint8Array() : bytes
  const wrong = unreadable(raw)
  if (wrong !== undefined) errors.invalid('spec.request', new GoValue(raw.length === 0 ? '[]byte(nil)' : `[]byte{${Array.from(raw, (b) => `0x${b.toString(16)}`).join(', ')}}`), wrong)
  const { usages = [], expirationSeconds } = spec
  if (usages.length === 0) errors.required('spec.usages')
  usages.forEach((usage, i) => {
    if (!KEY_USAGES.includes(usage)) errors.notSupported(`spec.usages[${i}]`, usage, KEY_USAGES)
  })
  usages.forEach((usage, i) => {
    if (usages.indexOf(usage) < i) errors.duplicate(`spec.usages[${i}]`, usage)
  })
  if (spec.signerName === 'kubernetes.io/legacy-unknown') errors.invalid('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version')
  else validateSignerName(spec.signerName, 'spec.signerName', errors)
  if (expirationSeconds !== undefined && expirationSeconds < 600) errors.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)')
  validateConditions(status, errors)
}

function unreadable(bytes: Uint8Array): string | undefined {
  try {
    const request = signingRequestOf(decodeUtf8(bytes))
    if (!request) return 'PEM block type must be CERTIFICATE REQUEST'
    return provesItsKey(request) ? undefined : 'crypto/rsa: verification error'
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return /PEM/.test(error.message) ? 'PEM block type must be CERTIFICATE REQUEST' : 'asn1: syntax error: data truncated'
  }
}

/** pkg/apis/core/validation ValidateSignerName. */
function validateSignerName(name: string, path: string, errors: FieldErrors): void {
  if (!name) return errors.required(path)
  const [domain = '', label = '', ...rest] = name.split('/')
  if (rest.length > 0 || !name.includes('/')) return errors.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
  if (domain.length > 253) errors.tooLong(path, 253)
  const each = (value: string, rule: (label: string) => string[]): void => {
    for (const part of value.split('.')) {
      const found = rule(part)
      if (found.length === 0) continue
      return errors.invalidEach(path, value, found.map((why) => `validating label ${quote(part)}: ${why}`))
    }
  }
  each(domain, dns1123Label)
  if (!domain.includes('.')) errors.invalid(path, domain, 'should be a domain with at least two segments separated by dots')
  each(label, dns1123Subdomain)
  if (name.length > 571) errors.tooLong(path, 571)
}

const ONLY_TRUE = ['Approved', 'Denied', 'Failed']

function validateConditions({ conditions = [] }: CertificateSigningRequest['status'], errors: FieldErrors): void {
  conditions.forEach(({ type, status }, i) => {
    const path = `status.conditions[${i}]`
    if (!type) errors.required(`${path}.type`)
    const allowed = ONLY_TRUE.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (!status) errors.required(`${path}.status`)
    else if (!allowed.includes(status)) errors.notSupported(`${path}.status`, status, allowed)
    const before = conditions.slice(0, i).map((c) => c.type)
    if ((type === 'Approved' && before.includes('Denied')) || (type === 'Denied' && before.includes('Approved'))) errors.invalid(`${path}.type`, type, 'Approved and Denied conditions are mutually exclusive')
    if (before.includes(type)) errors.duplicate(`${path}.type`, type)
  })
}

/** Of both ways to the status: only approval decides, only status issues. */
export function validateSigningStatus({ status }: CertificateSigningRequest, { status: old }: CertificateSigningRequest, errors: FieldErrors, subresource?: string): void {
  validateConditions(status, errors)
  const { certificate } = status
  if (certificate && certificate !== old.certificate) {
    const why = unissued(certificate)
    if (why !== undefined) errors.invalid('status.certificate', '<certificate data>', why)
  }
  const of = (where: CertificateSigningRequest['status'], wanted: string): unknown[] => (where.conditions ?? []).filter(({ type }) => type === wanted)
  for (const type of ONLY_TRUE) if (of(status, type).length < of(old, type).length) errors.forbidden('status.conditions', `updates may not remove a condition of type ${quote(type)}`)
  if (subresource !== 'approval') {
    for (const type of ['Approved', 'Denied']) {
      const [now, then] = [of(status, type), of(old, type)]
      if (now.length > then.length) errors.forbidden('status.conditions', `updates may not add a condition of type ${quote(type)}`)
      else if (now.length === then.length && !deepEqual(now, then)) errors.forbidden('status.conditions', `updates may not modify a condition of type ${quote(type)}`)
    }
  }
  if (old.certificate && certificate !== old.certificate) errors.forbidden('status.certificate', 'updates may not modify existing certificate content')
}

function unissued(certificate: string): string | undefined {
  const bytes = decodeBase64(certificate)
  const text = typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  const other = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].find(([, type]) => type !== 'CERTIFICATE')
  if (other) return `only CERTIFICATE PEM blocks are allowed, found ${quote(other[1]!)}`
  try {
    return readCertificates(text).length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return 'x509: malformed certificate'
  }
}
