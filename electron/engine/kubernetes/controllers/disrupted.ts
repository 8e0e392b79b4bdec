import type { Clock } from '../../clock.ts'
import type { KubernetesClient } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import type { Pod, PodCondition } from '../types.ts'
import { AGENT_STATUS } from './context.ts'
import { isTerminal } from './pods.ts'

/** Writes the condition DisruptionTarget (KEP-3329) before a Pod is taken away; `phase` for Pods that nobody else will end. */
export function markDisrupted(client: KubernetesClient, clock: Clock, pod: Pod, reason: string, message: string, phase?: 'Failed'): void {
  const { namespace, name, uid } = pod.metadata
  const present = client.get<Pod>('pods', namespace, name)
  if (present.metadata.uid !== uid) return
  const condition: PodCondition = { type: 'DisruptionTarget', status: 'True', lastProbeTime: null as never, lastTransitionTime: timestamp(clock.wall()), reason, message }
  const conditions = [...(present.status.conditions ?? []).filter((c) => c.type !== condition.type), condition]
  const status = { ...present.status, conditions, ...(phase && !isTerminal(present) ? { phase } : {}) }
  client.update('pods', namespace, name, { ...present, status }, AGENT_STATUS)
}
