import { humanDuration } from '../../../engine/kubernetes/human-duration.ts'
import { requestIn, signingState } from '../../../engine/kubernetes/kinds/certificate-signing-request.ts'
import type { CertificateSigningRequest } from '../../../engine/kubernetes/types.ts'
import { formatLabels } from '../printers/table.ts'
import { type Description, rfc1123 } from './writer.ts'

export function describeSigningRequest(d: Description, object: CertificateSigningRequest): void {
  const { metadata, spec, status } = object
  const request = requestIn(spec.request)
  d.field('Name', metadata.name)
  d.field('Labels', formatLabels(metadata.labels))
  d.field('Annotations', formatLabels(metadata.annotations))
  d.field('CreationTimestamp', rfc1123(metadata.creationTimestamp))
  d.field('Requesting User', spec.username)
  if (spec.signerName) d.field('Signer', spec.signerName)
  if (spec.expirationSeconds !== undefined) d.field('Requested Duration', humanDuration(spec.expirationSeconds * 1000))
  d.field('Status', signingState(status))
  d.line(0, 'Subject:')
  const of = (wanted: string): string[] => (request?.subject ?? []).filter(([type]) => type === wanted).map(([, value]) => value)
  d.line(0, `\tCommon Name:\t${of('CN').at(-1) ?? ''}`)
  d.line(0, `\tSerial Number:\t${of('serialNumber').at(-1) ?? ''}`)
  const listed = (name: string, values: readonly string[]): void => {
    values.forEach((value, i) => d.line(0, `\t${i === 0 ? `${name}:` : ''}\t${value}`))
  }
  for (const [name, type] of [['Organization', 'O'], ['Organizational Unit', 'OU'], ['Country', 'C'], ['Locality', 'L'], ['Province', 'ST']] as const) listed(name, of(type))
  const [names, addresses] = [request?.dnsNames ?? [], request?.ipAddresses ?? []]
  if (names.length + addresses.length > 0) {
    d.line(0, 'Subject Alternative Names:')
    listed('DNS Names', names)
    listed('IP Addresses', addresses)
  }
  d.events(object)
}
