import { base32, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { EndpointInfo } from '../endpoints.ts'
import type { ServicePortInfo } from '../service-ports.ts'

/**
 * Names of the chains and sets of kube-proxy's nftables mode: a hash, so that they differ early, and what they are for
 * ("service-ULMVA6XW-ns1/svc1/tcp/p80"); hashAndTruncate of pkg/proxy/nftables/proxier.go of Kubernetes v1.33.
 */
const LONGEST = 240

const known = new Map<string, string>()

function hashed(name: string): string {
  let out = known.get(name)
  if (out === undefined) {
    if (known.size > 400_000) known.clear()
    out = `${base32(sha256(encodeUtf8(name))).slice(0, 8)}-${name}`
    if (out.length > LONGEST) out = `${out.slice(0, LONGEST - 3)}...`
    known.set(name, out)
  }
  return out
}

export type ServiceChain = 'service' | 'local' | 'external' | 'firewall'

export function serviceChain(prefix: ServiceChain, { service, portName, protocol }: Pick<ServicePortInfo, 'service' | 'portName' | 'protocol'>): string {
  return `${prefix}-${hashed(`${service}/${protocol}/${portName}`)}`
}

/** Of one endpoint of the port; `affinity` is the set of its clients. */
export function endpointName(prefix: 'endpoint' | 'affinity', { service, portName, protocol }: ServicePortInfo, { ip, port }: Pick<EndpointInfo, 'ip' | 'port'>): string {
  return `${prefix}-${hashed(`${service}/${protocol}/${portName}__${ip.replaceAll(':', '.')}/${port}`)}`
}

/** Only the chains of Services and endpoints have a slash in their names. */
export function isServiceChain(name: string): boolean {
  return name.includes('/')
}

export function isAffinitySet(name: string): boolean {
  return name.startsWith('affinity-')
}
