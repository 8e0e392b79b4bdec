import type { Clock } from '../../clock.ts'
import type { ClusterConfig } from '../../config.ts'
import type { KubernetesClient, WriteOptions } from '../client.ts'
import type { InformerFactory } from './informer.ts'
import type { ManagerMetrics } from './metrics.ts'
import type { QueueCounts } from './workqueue.ts'

/** What every controller of the controller manager works with. */
export interface ControllerContext {
  readonly clock: Clock
  readonly client: KubernetesClient
  readonly informers: InformerFactory
  readonly config: ClusterConfig
  readonly options?: ManagerOptions
  /** Where it tells of its work queue, by upstream's name for it, and of nodes. */
  readonly counts?: (queue: string) => QueueCounts
  readonly metrics?: ManagerMetrics
}

/** What kube-controller-manager's command line says. */
export interface ManagerOptions {
  /** --node-monitor-grace-period in ms. */
  nodeMonitorGracePeriod?: number
}

export interface Controller {
  stop(): void
}

/** Agents send whole, known objects: the server need not look for mistyped fields. */
export const AGENT_WRITE: WriteOptions = { fieldValidation: 'Ignore' }
export const AGENT_STATUS: WriteOptions & { subresource: string } = { fieldValidation: 'Ignore', subresource: 'status' }
/** Whole objects in the form in which they are stored. */
export const CANONICAL_WRITE: WriteOptions = { ...AGENT_WRITE, canonical: true }
/** A new status of the very version that was read, in the form in which it is stored. */
export const CANONICAL_STATUS: WriteOptions & { subresource: string } = { ...AGENT_STATUS, canonical: true }
