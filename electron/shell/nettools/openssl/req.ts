import { encodeKey, encodeUtf8, makeCertificate, makeKey, toPem, type NamePart, type Process, type RsaKey, type Task } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { makeSigningRequest, provesItsKey } from '../../../engine/programs/tls/signing-request.ts'
import { loadKey, notSimulated, OpensslError, readOptions, readPem, saveText, shownName } from './options.ts'
import { describeRequest, readRequest } from './request.ts'

const OPTIONS = { x509: false, newkey: true, key: true, keyout: true, out: true, days: true, subj: true, addext: true, nodes: false, noenc: false, sha256: false, batch: false, new: false, CA: true, CAkey: true, in: true, text: false, noout: false, subject: false, verify: false }
/** Of -subj, by its long and short names. */
const TYPES: Readonly<Record<string, string>> = byName({ C: 'C', ST: 'ST', L: 'L', O: 'O', OU: 'OU', CN: 'CN', DC: 'DC', emailAddress: 'emailAddress', commonName: 'CN', organizationName: 'O', countryName: 'C' })

/** openssl req: a request (-new), or with -x509 a certificate, signed by itself or (-CA, -CAkey) by another; and what stands in one. */
export function* req(process: Process, args: readonly string[]): Task<number> {
  const options = readOptions('req', args, OPTIONS)
  const value = (name: string): string | undefined => options.get(name)?.at(-1)
  const wanted = !options.has('x509') && !options.has('CA')
  if (wanted && !options.has('new') && !options.has('newkey')) return yield* shownRequest(process, options)
  const key = yield* keyOf(process, value('newkey'), value('key'), value('keyout'), options.has('nodes') || options.has('noenc'))
  const subject = subjectOf(value('subj'))
  const names: string[] = []
  let isCa = !options.has('CA') && !wanted
  for (const extension of options.get('addext') ?? []) {
    const [, name, text = ''] = /^\s*([A-Za-z0-9]+)\s*=\s*(.*)$/.exec(extension) ?? []
    if (name === 'subjectAltName') names.push(...alternativeNames(text))
    else if (name === 'basicConstraints') isCa = /CA:true/i.test(text)
    else throw notSimulated(`req -addext ${extension}`, 'subjectAltName and basicConstraints are')
  }
  const save = function* (pem: string): Task<number> {
    const out = value('out')
    if (out === undefined) yield* process.print(pem)
    else yield* saveText(process, out, pem)
    return 0
  }
  if (wanted) return yield* save(toPem('CERTIFICATE REQUEST', makeSigningRequest({ subject, key, alternativeNames: names, isCa })))
  const [ca, caKey] = [value('CA'), value('CAkey')]
  const issuer = ca === undefined ? undefined : { certificate: readPem(process, ca)[0]!, key: loadKey(process, caKey ?? ca) }
  const certificate = makeCertificate({
    subject, key, notBefore: Math.floor(process.clock.wall() / 1000) * 1000, days: Number(value('days') ?? 30), alternativeNames: names, isCa, random: process.clock.random, ...(issuer ? { issuer } : {}),
  })
  return yield* save(toPem('CERTIFICATE', certificate.der))
}

/** What stands in a request that is there. */
function* shownRequest(process: Process, options: ReadonlyMap<string, readonly string[]>): Task<number> {
  const request = yield* readRequest(process, options.get('in')?.at(-1))
  let out = ''
  for (const name of options.keys()) {
    if (name === 'text') out += describeRequest(request)
    else if (name === 'subject') out += `subject=${shownName(request.subject)}\n`
  }
  const isGood = provesItsKey(request)
  if (options.has('verify')) yield* process.printError(`Certificate request self-signature verify ${isGood ? 'OK' : 'failure'}\n`)
  if (!options.has('noout')) {
    const pem = toPem('CERTIFICATE REQUEST', request.der)
    const file = options.get('out')?.at(-1)
    if (file === undefined) out += pem
    else yield* saveText(process, file, pem)
  }
  yield* process.print(encodeUtf8(out))
  return 0
}

function* keyOf(process: Process, newkey: string | undefined, file: string | undefined, keyout: string | undefined, open: boolean): Task<RsaKey> {
  if (file !== undefined) return loadKey(process, file)
  if (newkey !== undefined && newkey !== 'rsa:2048' && newkey !== 'rsa') throw notSimulated(`req -newkey ${newkey}`, 'use rsa:2048')
  if (!open) throw notSimulated('req with a pass phrase', 'add -nodes')
  const key = makeKey(process.clock.random)
  yield* process.printError('podhop: a key for labs only: everybody knows what it is made of\n-----\n')
  yield* saveText(process, keyout ?? 'privkey.pem', toPem('PRIVATE KEY', encodeKey(key)))
  return key
}

/** "/C=DE/O=Acme/CN=shop.example.com" */
function subjectOf(text: string | undefined): NamePart[] {
  if (text === undefined) throw notSimulated('req asking for the name', 'give -subj /CN=NAME')
  if (!text.startsWith('/')) throw new OpensslError(`req: subject name is expected to be in the format /type0=value0/type1=value1/type2=... where characters may be escaped by \\. This name is not in that format: '${text}'`)
  return text.slice(1).split(/(?<!\\)\//).filter((p) => p !== '').map((part): NamePart => {
    const at = part.indexOf('=')
    const type = TYPES[part.slice(0, at)]
    if (at < 0 || type === undefined) throw new OpensslError(`req: Hit end of string before finding the equals in the name '${part}'`)
    return [type, part.slice(at + 1).replace(/\\(.)/g, '$1')]
  })
}

export function alternativeNames(text: string): string[] {
  return text.split(',').map((entry) => {
    const [, kind, name] = /^\s*(DNS|IP)\s*:\s*(\S+)\s*$/.exec(entry) ?? []
    if (name === undefined) throw notSimulated(`req -addext subjectAltName=${entry}`, 'DNS: and IP: are')
    return kind === 'DNS' ? name : name.toLowerCase()
  })
}
