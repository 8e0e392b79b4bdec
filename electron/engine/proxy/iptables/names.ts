import { base32, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'

/** Chain names of kube-proxy's iptables mode: 16 letters of a hash, for a chain's name may have 28 at most. */
const known = new Map<string, string>()

function hash(text: string): string {
  let out = known.get(text)
  if (out === undefined) {
    if (known.size > 400_000) known.clear()
    out = base32(sha256(encodeUtf8(text))).slice(0, 16)
    known.set(text, out)
  }
  return out
}

export type ServiceChain = 'KUBE-SVC' | 'KUBE-SVL' | 'KUBE-EXT' | 'KUBE-FW'

/** `port` is "namespace/name:port". */
export function serviceChain(prefix: ServiceChain, port: string, protocol: string): string {
  return `${prefix}-${hash(port + protocol)}`
}

export function endpointChain(port: string, protocol: string, endpoint: string): string {
  return `KUBE-SEP-${hash(port + protocol + endpoint)}`
}

export function isServiceChain(name: string): boolean {
  return /^KUBE-(SVC|SVL|SEP|FW|EXT)-/.test(name)
}
