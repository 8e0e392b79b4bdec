import { decodeUtf8, encodeUtf8, readCertificates, toPem, type Process, type Task } from '../../../engine/cluster.ts'
import { describe, extensions, hexOf } from './describe.ts'
import { OpensslError, readFile, readOptions, saveText, shownName } from './options.ts'
import { publicPem, signRequest } from './sign.ts'
import { opensslDate } from './words.ts'

const OPTIONS = { in: true, noout: false, text: false, subject: false, issuer: false, dates: false, startdate: false, enddate: false, serial: false, ext: true, checkend: true, checkhost: true, modulus: false, req: false, CA: true, CAkey: true, CAcreateserial: false, CAserial: true, days: true, out: true, set_serial: true, extfile: true, extensions: true, signkey: true, key: true, sha256: false, pubkey: false }

/** openssl x509: what stands in a certificate. */
export function* x509(process: Process, args: readonly string[]): Task<number> {
  const options = readOptions('x509', args, OPTIONS)
  if (options.has('req')) return yield* signRequest(process, options)
  const path = options.get('in')?.at(-1)
  const text = path === undefined ? decodeUtf8(yield* process.readAll()) : readFile(process, path)
  const certificate = readCertificates(text)[0]
  if (!certificate) throw new OpensslError(`Could not read certificate from ${path ?? '<stdin>'}\nUnable to load certificate`)
  let out = ''
  for (const name of options.keys()) {
    if (name === 'text') out += describe(certificate)
    else if (name === 'subject') out += `subject=${shownName(certificate.subject)}\n`
    else if (name === 'issuer') out += `issuer=${shownName(certificate.issuer)}\n`
    else if (name === 'modulus') out += `Modulus=${certificate.rsa ? hexOf(certificate.rsa.modulus).toUpperCase() : 'Wrong Algorithm type'}\n`
    else if (name === 'pubkey') out += publicPem(certificate)
    else if (name === 'serial') out += `serial=${hexOf(certificate.serial).toUpperCase()}\n`
    if (name === 'dates' || name === 'startdate') out += `notBefore=${opensslDate(certificate.notBefore)}\n`
    if (name === 'dates' || name === 'enddate') out += `notAfter=${opensslDate(certificate.notAfter)}\n`
    if (name === 'ext') out += extensions(certificate, '', options.get('ext')!.at(-1)!.split(',')).join('')
  }
  const seconds = options.get('checkend')?.at(-1)
  const expires = seconds !== undefined && certificate.notAfter < process.clock.wall() + Number(seconds) * 1000
  if (seconds !== undefined) out += `Certificate will ${expires ? '' : 'not '}expire\n`
  const file = options.get('out')?.at(-1)
  if (!options.has('noout') && seconds === undefined && file === undefined) out += toPem('CERTIFICATE', certificate.der)
  if (file !== undefined && !options.has('noout')) yield* saveText(process, file, toPem('CERTIFICATE', certificate.der))
  yield* process.print(encodeUtf8(out))
  return expires ? 1 : 0
}

