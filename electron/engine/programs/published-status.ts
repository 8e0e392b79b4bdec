import type { KubernetesClient } from '../kubernetes/client.ts'
import { AGENT_STATUS } from '../kubernetes/controllers/context.ts'
import { ignoringGone } from '../kubernetes/controllers/ownership.ts'
import { ifReached } from '../kubernetes/controllers/reach.ts'
import { deepEqual } from '../kubernetes/json.ts'
import type { Ingress, Service } from '../kubernetes/types.ts'

/** Writes the addresses of a controller's own, published Service into its Ingresses; one that has none yet leaves them as they are. */
export function publishAddresses(client: KubernetesClient, published: Service | undefined, ingresses: readonly Ingress[]): void {
  const addresses = published?.status.loadBalancer?.ingress
  if (!addresses?.length) return
  const wanted = addresses.map(({ ip, hostname }) => (ip ? { ip } : { hostname: hostname ?? '' }))
  for (const { metadata, status } of ingresses) {
    if (deepEqual(status.loadBalancer?.ingress ?? [], wanted)) continue
    ifReached(() => ignoringGone(() => {
      const present = client.get<Ingress>('ingresses', metadata.namespace, metadata.name)
      client.update('ingresses', metadata.namespace, metadata.name, { ...present, status: { loadBalancer: { ingress: wanted } } }, AGENT_STATUS)
    }))
  }
}
