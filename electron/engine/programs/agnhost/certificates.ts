import { Random } from '../../random.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** localhost.crt of the image (test/images/agnhost/porter): Go's generate_cert with --host 127.0.0.1,::1,example.com --ca. */
export function ownCertificate(): Certificate {
  const random = new Random(0)
  return makeCertificate({ subject: [['O', 'Acme Co']], key: makeKey(random), notBefore: 0, days: 41_666, alternativeNames: ['example.com', '127.0.0.1', '::1'], isCa: true, random })
}
