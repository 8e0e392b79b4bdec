import { describe, expect, it } from 'vitest'
import { Random } from '../../random.ts'
import { encodeKey, makeCertificate, makeKey, readKey } from './make.ts'
import { matchingName, nameText, readCertificates, toPem, verifyChain } from './x509.ts'

const NOW = Date.UTC(2026, 0, 5, 8)
const DAY = 86_400_000

describe('certificates', () => {
  const random = new Random(7)
  const key = makeKey(random)
  const ca = makeCertificate({ subject: [['O', 'Acme'], ['CN', 'Acme CA']], key, notBefore: NOW, days: 3650, isCa: true, random })
  const serverKey = makeKey(random)
  const server = makeCertificate({ subject: [['CN', 'shop.example.com']], key: serverKey, notBefore: NOW, days: 30, alternativeNames: ['shop.example.com', '*.wild.example.com', '10.0.0.1', 'fd00::1'], issuer: { certificate: ca, key }, random })

  it('are read back from PEM', () => {
    const [read] = readCertificates(`junk\n${toPem('CERTIFICATE', server.der)}`)
    expect(nameText(read!.subject, '=', ', ')).toBe('CN=shop.example.com')
    expect(nameText(read!.issuer, '=', ', ')).toBe('O=Acme, CN=Acme CA')
    expect([read!.notBefore, read!.notAfter, read!.isCa, read!.keySize]).toEqual([NOW, NOW + 30 * DAY, false, 2048])
    expect(read!.dnsNames).toEqual(['shop.example.com', '*.wild.example.com'])
    expect(read!.ipAddresses).toEqual(['10.0.0.1', 'fd00::1'])
    expect(readKey(toPem('PRIVATE KEY', encodeKey(serverKey)))).toEqual(serverKey)
  })

  it.each([
    ['shop.example.com', 'shop.example.com'], ['SHOP.example.com', 'shop.example.com'], ['a.wild.example.com', '*.wild.example.com'], ['a.b.wild.example.com', undefined],
    ['wild.example.com', undefined], ['10.0.0.1', '10.0.0.1'], ['10.0.0.2', undefined], ['FD00::1', 'fd00::1'],
  ])('cover %s by %s', (host, name) => expect(matchingName(server, host)).toBe(name))

  it('are believed when their chain ends at one that is trusted, in their time', () => {
    const words = (...args: Parameters<typeof verifyChain>): string | undefined => verifyChain(...args)?.text
    expect(words([server], [ca], NOW + DAY)).toBeUndefined()
    expect(words([server], [], NOW + DAY)).toBe('unable to get local issuer certificate')
    expect(words([server, ca], [], NOW + DAY)).toBe('self-signed certificate in certificate chain')
    expect(words([ca], [], NOW + DAY)).toBe('self-signed certificate')
    expect(words([server], [ca], NOW + 31 * DAY)).toBe('certificate has expired')
    expect(words([server], [ca], NOW - DAY)).toBe('certificate is not yet valid')
  })
})
