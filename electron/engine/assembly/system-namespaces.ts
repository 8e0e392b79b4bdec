import type { Clock, Timer } from '../clock.ts'
import { SYSTEM_NAMESPACES } from '../kubernetes/bootstrap.ts'
import { StatusError, type KubernetesClient } from '../kubernetes/client.ts'
import { AGENT_WRITE } from '../kubernetes/controllers/context.ts'
import { ifReached } from '../kubernetes/controllers/reach.ts'

/** ms: pkg/controlplane/controller/systemnamespaces. */
const LOOKED_AT_EVERY = 60_000

/** The API server makes those of its namespaces that are missing (nobody may delete them, but who deletes in etcd is not asked). */
export function keepSystemNamespaces(clock: Clock, client: KubernetesClient): { stop(): void } {
  let timer: Timer | undefined
  const later = (): void => {
    timer = clock.schedule(LOOKED_AT_EVERY, () => {
      later()
      ifReached(() => {
        const present = new Set(client.list('namespaces').items.map(({ metadata }) => metadata.name))
        for (const name of SYSTEM_NAMESPACES) if (!present.has(name)) tried(() => client.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, AGENT_WRITE))
      })
    }, { background: true })
  }
  later()
  return { stop: () => clock.cancel(timer) }
}

/** What the API refuses is tried again the next time. */
export function tried(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
}
