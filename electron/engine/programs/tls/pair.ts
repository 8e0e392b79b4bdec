import type { Process } from '../../machine/types.ts'
import { DerError } from './der.ts'
import { readKey } from './make.ts'
import { readCertificates, type Certificate } from './x509.ts'

/** Go's tls.LoadX509KeyPair: the chain, or the error's text. */
export function loadPair(process: Process, certificateFile: string, keyFile: string): { chain: readonly Certificate[] } | { error: string } {
  const { fs } = process
  for (const file of [certificateFile, keyFile]) if (!fs.exists(process.resolve(file))) return { error: `open ${file}: no such file or directory` }
  const key = fs.readText(process.resolve(keyFile))
  try {
    const chain = readCertificates(fs.readText(process.resolve(certificateFile)))
    const own = chain[0]
    if (!own) return { error: 'tls: failed to find any PEM data in certificate input' }
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) return { error: 'tls: failed to find any PEM data in key input' }
    const rsa = readKey(key)
    return rsa && own.rsa && rsa.n !== own.rsa.modulus ? { error: 'tls: private key does not match public key' } : { chain }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return { error: 'x509: malformed certificate' }
  }
}
