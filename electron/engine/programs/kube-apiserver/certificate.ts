import { nthAddress } from '../../network/address.ts'
import { nodeIps, type ClusterConfig } from '../../config.ts'
import { Random } from '../../random.ts'
import { makeCertificate, makeKey, type RsaKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** The cluster's own authority, as kubeadm makes it: the same in every simulated cluster, for nobody keeps its key secret. */
export const BORN = Date.UTC(2025, 0, 1)
export const DAYS = 3650

export function authorityKey(): RsaKey {
  return makeKey(new Random(0))
}

export function clusterAuthority(): { certificate: Certificate; key: RsaKey } {
  const random = new Random(0)
  const key = makeKey(random)
  return { key, certificate: makeCertificate({ subject: [['CN', 'kubernetes']], key, notBefore: BORN, days: DAYS, alternativeNames: ['kubernetes'], isCa: true, random }) }
}

/** Whom the API server's certificate is for: names and addresses as kubeadm's phase certs/apiserver lists them. */
export function serverNames(config: ClusterConfig): string[] {
  const node = config.nodes.find((n) => n.role === 'control-plane') ?? config.nodes[0]!
  return [node.name, 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', nthAddress(config.serviceCIDR[0]!, 1), ...nodeIps(node)]
}
