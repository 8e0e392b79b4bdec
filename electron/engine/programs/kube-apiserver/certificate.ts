import { nthAddress } from '../../network/address.ts'
import type { ClusterConfig } from '../../config.ts'
import { nodeIps } from '../../config.ts'
import { Random } from '../../random.ts'
import { makeCertificate, makeKey, type RsaKey } from '../tls/make.ts'
import type { Certificate } from '../tls/x509.ts'

/** The cluster's own authority, as kubeadm makes it: the same in every simulated cluster, for nobody keeps its key secret. */
const BORN = Date.UTC(2025, 0, 1)
const DAYS = 3650

export function clusterAuthority(): { certificate: Certificate; key: RsaKey } {
  const random = new Random(0)
  const key = makeKey(random)
  return { key, certificate: makeCertificate({ subject: [['CN', 'kubernetes']], key, notBefore: BORN, days: DAYS, alternativeNames: ['kubernetes'], isCa: true, random }) }
}

/** What the API server shows: names and addresses as kubeadm's phase certs/apiserver lists them. */
export function serverCertificate(config: ClusterConfig, wall: number, random: Random): Certificate {
  const node = config.nodes.find((n) => n.role === 'control-plane') ?? config.nodes[0]!
  const names = [node.name, 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']
  const addresses = [nthAddress(config.serviceCIDR[0]!, 1), ...nodeIps(node)]
  return makeCertificate({ subject: [['CN', 'kube-apiserver']], key: makeKey(random), notBefore: Math.floor(wall / 1000) * 1000, days: 365, alternativeNames: [...names, ...addresses], issuer: clusterAuthority(), random })
}
