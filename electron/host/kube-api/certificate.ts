export interface Certificate {
  /** PEM. */
  key: string
  cert: string
}

/** Under a name of this domain the server's own clients ask for it. */
export const DOMAIN = 'apiserver.podhop'

/** A certificate for 127.0.0.1 that is new at each start; whoever has the kubeconfig knows it. Valid for a year. */
export async function makeCertificate(): Promise<Certificate> {
  // Here and not above: it takes longer to load than anything else, and few starts serve the API.
  const { generate } = await import('selfsigned')
  const day = 86_400_000
  const pems = await generate([{ name: 'commonName', value: 'podhop-apiserver' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - day),
    notAfterDate: new Date(Date.now() + 365 * day),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }, { type: 2, value: 'localhost' }, { type: 2, value: 'kubernetes' }, { type: 2, value: `*.${DOMAIN}` }] },
    ],
  })
  return { key: pems.private, cert: pems.cert }
}
