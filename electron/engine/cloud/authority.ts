import { makeCertificate, makeKey, type RsaKey } from '../programs/tls/make.ts'
import type { Certificate } from '../programs/tls/x509.ts'
import { Random } from '../random.ts'

/** Who vouches for the pretended internet's servers, as the authorities of ca-certificates do for the real one's. Made when somebody asks, always the same. */
interface Authority { key: RsaKey; certificate: Certificate }

const BORN = Date.UTC(2025, 0, 1)
const DAYS = 3650
let authority: Authority | undefined

function internetAuthority(): Authority {
  if (!authority) {
    const random = new Random(853)
    const key = makeKey(random)
    authority = { key, certificate: makeCertificate({ subject: [['O', 'Podhop'], ['CN', 'Pretended Internet Root']], key, notBefore: BORN, days: DAYS, isCa: true, random }) }
  }
  return authority
}

/** What programs find in /etc/ssl/certs. */
export function systemRoots(): readonly Certificate[] {
  return [internetAuthority().certificate]
}

const made = new Map<string, Certificate>()

/** A server's certificate, for these names and addresses, the first as its CN. */
export function certificateOf(names: readonly string[]): Certificate {
  const key = names.join(' ')
  let certificate = made.get(key)
  if (!certificate) {
    const random = new Random(854).fork(key)
    certificate = makeCertificate({ subject: [['CN', names[0]!]], key: makeKey(random), notBefore: BORN, days: DAYS, alternativeNames: names, issuer: internetAuthority(), random })
    made.set(key, certificate)
  }
  return certificate
}
