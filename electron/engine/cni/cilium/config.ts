import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap } from '../../kubernetes/types.ts'

export type AgentLog = (level: 'info' | 'warning' | 'error', message: string, subsystem: string, fields?: string) => void

/** cilium-config, as it is now. */
export function readConfig(client: Pick<KubernetesClient, 'get'>): Readonly<Record<string, string>> {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data ?? {}
  } catch (error) {
    if (error instanceof StatusError) return {}
    throw error
  }
}
