import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap } from '../../kubernetes/types.ts'

/** SCTP of Cilium v1.17 (Documentation/configuration/sctp.rst): beta, off unless Helm's sctp.enabled is set. */
export function sctpEnabled(client: Pick<KubernetesClient, 'get'>): boolean {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data?.['enable-sctp'] === 'true'
  } catch {
    return false
  }
}
