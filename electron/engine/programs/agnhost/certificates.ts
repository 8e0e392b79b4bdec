import type { Process } from '../../machine/types.ts'
import { Random } from '../../random.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import { DerError } from '../tls/der.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'

/** Go's tls.LoadX509KeyPair: the chain, or the error's text. */
export function loadPair(process: Process, certificateFile: string, keyFile: string): { chain: readonly Certificate[] } | { error: string } {
  const { fs } = process
  for (const file of [certificateFile, keyFile]) if (!fs.exists(process.resolve(file))) return { error: `open ${file}: no such file or directory` }
  try {
    const chain = readCertificates(fs.readText(process.resolve(certificateFile)))
    if (chain.length > 0) return { chain }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  return { error: 'tls: failed to find any PEM data in certificate input' }
}

/** localhost.crt of the image (test/images/agnhost/porter): Go's generate_cert with --host 127.0.0.1,::1,example.com --ca. */
export function ownCertificate(): Certificate {
  const random = new Random(0)
  return makeCertificate({ subject: [['O', 'Acme Co']], key: makeKey(random), notBefore: 0, days: 41_666, alternativeNames: ['example.com', '127.0.0.1', '::1'], isCa: true, random })
}
