import { encodeUtf8, type Process, type RsaKey, type Task, toPem } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { der, readDer, readOne, TAG } from '../../../engine/programs/tls/der.ts'
import { encodeAlternative, encodePublicKey, extension } from '../../../engine/programs/tls/make.ts'
import { assemble, extendedUsageExtension, keyIdentifiers, keyUsageExtension, provesItsKey } from '../../../engine/programs/tls/signing-request.ts'
import { type Certificate, OID } from '../../../engine/programs/tls/x509.ts'
import { loadKey, notSimulated, OpensslError, readFile, readPem, saveText, shownName } from './options.ts'
import { alternativeNames } from './req.ts'
import { readRequest } from './request.ts'

const DAY = 86_400_000
const USAGES: Readonly<Record<string, number>> = byName({ digitalSignature: 0x80, nonRepudiation: 0x40, keyEncipherment: 0x20, dataEncipherment: 0x10, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 })
const PURPOSES: Readonly<Record<string, string>> = byName({ serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2', codeSigning: '1.3.6.1.5.5.7.3.3', emailProtection: '1.3.6.1.5.5.7.3.4', timeStamping: '1.3.6.1.5.5.7.3.8' })

/** openssl x509 -req: an authority (-CA, -CAkey), or the key itself (-signkey), makes a certificate of a request. */
export function* signRequest(process: Process, options: ReadonlyMap<string, readonly string[]>): Task<number> {
  const value = (name: string): string | undefined => options.get(name)?.at(-1)
  const request = yield* readRequest(process, value('in'))
  if (!provesItsKey(request)) throw new OpensslError('Certificate request self-signature did not match the contents')
  yield* process.printError(`Certificate request self-signature ok\nsubject=${shownName(request.subject)}\n`)
  const ca = value('CA')
  const own = value('signkey') ?? value('key')
  if (ca === undefined && own === undefined) throw new OpensslError('We need a private key to sign with')
  const key = loadKey(process, own ?? value('CAkey') ?? ca!)
  const authority = ca === undefined ? undefined : readPem(process, ca)[0]!
  if (authority && authority.rsa?.modulus !== key.n) throw new OpensslError('CA certificate and CA private key do not match')
  const subject = readDer(readOne(request.signed, TAG.sequence).content)[1]!.raw
  const notBefore = Math.floor(process.clock.wall() / 1000) * 1000
  const given = value('set_serial')
  const serial = given === undefined ? undefined : BigInt(given)
  const file = value('extfile')
  const named = file === undefined ? [] : extensionsOf(readFile(process, file), value('extensions'))
  const extensions = named.length === 0 ? [] : [...named, ...keyIdentifiers(request.publicKey, key)]
  const certificate = assemble({
    ...(serial === undefined ? {} : { serial }), serialBytes: 20, issuer: authority ? { certificate: authority, key } : { subject, key }, subject, publicKey: request.publicKey, notBefore, notAfter: notBefore + Number(value('days') ?? 30) * DAY, extensions, random: process.clock.random,
  })
  if (ca !== undefined && options.has('CAcreateserial')) yield* saveText(process, value('CAserial') ?? `${ca.replace(/\.[^./]*$/, '')}.srl`, `${certificate.serial.toString(16).toUpperCase()}\n`)
  const pem = toPem('CERTIFICATE', certificate.der)
  const out = value('out')
  if (out === undefined) yield* process.print(encodeUtf8(pem))
  else yield* saveText(process, out, pem)
  return 0
}

/** x509v3_config(5), as far as certificates of a cluster need it; `section`: what -extensions names. */
function extensionsOf(text: string, section: string | undefined): Uint8Array[] {
  const sections = new Map<string, [string, string][]>()
  let at = ''
  for (const line of text.split('\n').map((each) => each.replace(/#.*$/, '').trim())) {
    const [, head] = /^\[\s*([^\]]*?)\s*\]$/.exec(line) ?? []
    const [, name, value] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? []
    if (head !== undefined) at = head
    else if (name !== undefined) sections.set(at, [...(sections.get(at) ?? []), [name, value!]])
  }
  const chosen = section ?? sections.get('')?.find(([name]) => name === 'extensions')?.[1] ?? ''
  return (sections.get(chosen) ?? []).filter(([name]) => name !== 'extensions').flatMap(([name, full]) => {
    const critical = /^critical\s*,\s*/.test(full)
    const words = full.replace(/^critical\s*,\s*/, '').split(/\s*,\s*/)
    switch (name) {
      case 'subjectAltName': {
        const list = words[0]!.startsWith('@') ? (sections.get(words[0]!.slice(1)) ?? []).map(([kind, one]) => `${kind.replace(/\.\d+$/, '')}:${one}`) : words
        return [extension(OID.alternativeNames, critical, der(TAG.sequence, ...alternativeNames(list.join(',')).map(encodeAlternative)))]
      }
      case 'basicConstraints':
        return [extension(OID.basicConstraints, critical, der(TAG.sequence, ...(/CA:true/i.test(full) ? [der(TAG.boolean, Uint8Array.of(255))] : [])))]
      case 'keyUsage':
        return [keyUsageExtension(words.reduce((bits, word) => bits | numberOf(USAGES, word, name), 0), critical)]
      case 'extendedKeyUsage':
        return [extendedUsageExtension(words.map((word) => numberOf(PURPOSES, word, name)), critical)]
      case 'subjectKeyIdentifier':
      case 'authorityKeyIdentifier':
        return []
      default:
        throw notSimulated(`x509 -extfile with ${name}`, 'subjectAltName, basicConstraints, keyUsage and extendedKeyUsage are')
    }
  })
}

function numberOf<T>(table: Readonly<Record<string, T>>, word: string, name: string): T {
  const found = table[word]
  if (found === undefined) throw notSimulated(`${name}=${word}`, `${Object.keys(table).join(', ')} are`)
  return found
}

/** SubjectPublicKeyInfo in PEM. */
export function publicPem({ rsa }: Pick<Certificate, 'rsa'>): string {
  if (!rsa) throw notSimulated('a public key that is not RSA', 'use RSA keys')
  return publicOf({ n: rsa.modulus })
}

export function publicOf(key: Pick<RsaKey, 'n'>): string {
  return toPem('PUBLIC KEY', encodePublicKey(key))
}
