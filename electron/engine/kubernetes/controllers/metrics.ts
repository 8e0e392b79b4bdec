import { buildInfo, exposition, type Labels, type MetricFamily } from '../../prometheus.ts'
import type { QueueCounts } from './workqueue.ts'

/**
 * What kube-controller-manager v1.33 tells Prometheus of what it does here: its work queues (component-base/metrics/prometheus/
 * workqueue) under their upstream names, and the nodes by zone (pkg/controller/nodelifecycle/metrics.go). Durations are not
 * told: virtual time passes between pieces of work, hardly within them.
 */
export class ManagerMetrics {
  readonly #queues = new Map<string, QueueCounts>()
  /** By zone, as the node lifecycle controller saw them last. */
  zones: ReadonlyMap<string, { ready: number; total: number }> = new Map()
  readonly #evictions = new Map<string, number>()

  queue(name: string): QueueCounts {
    let counts = this.#queues.get(name)
    if (!counts) this.#queues.set(name, (counts = { adds: 0, gets: 0, retries: 0 }))
    return counts
  }

  evicted(zone: string): void {
    this.#evictions.set(zone, (this.#evictions.get(zone) ?? 0) + 1)
  }

  families(): MetricFamily[] {
    const queues = [...this.#queues]
    const ofQueues = (name: string, help: string, type: MetricFamily['type'], value: (counts: QueueCounts) => number): MetricFamily =>
      ({ name: `workqueue_${name}`, help: `[ALPHA] ${help}`, type, samples: queues.map(([queue, counts]) => ({ labels: { name: queue }, value: value(counts) })) })
    const ofZones = (name: string, help: string, value: (counts: { ready: number; total: number }) => number): MetricFamily =>
      ({ name: `node_collector_${name}`, help: `[ALPHA] ${help}`, type: 'gauge', samples: [...this.zones].map(([zone, counts]) => ({ labels: { zone }, value: value(counts) })) })
    return [
      ofQueues('adds_total', 'Total number of adds handled by workqueue', 'counter', ({ adds }) => adds),
      ofQueues('depth', 'Current depth of workqueue', 'gauge', ({ adds, gets }) => Math.max(0, adds - gets)),
      ofQueues('retries_total', 'Total number of retries handled by workqueue', 'counter', ({ retries }) => retries),
      ofZones('zone_size', 'Gauge measuring number of registered Nodes per zones.', ({ total }) => total),
      ofZones('zone_health', 'Gauge measuring percentage of healthy nodes per zone.', ({ ready, total }) => (100 * ready) / total),
      ofZones('unhealthy_nodes_in_zone', 'Gauge measuring number of not Ready Nodes per zones.', ({ ready, total }) => total - ready),
      { name: 'node_collector_evictions_total', help: '[STABLE] Number of Node evictions that happened since current instance of NodeController started.', type: 'counter', samples: [...this.zones.keys()].map((zone) => ({ labels: { zone }, value: this.#evictions.get(zone) ?? 0 })) },
    ]
  }
}

/** A program's own families, with whether it leads and what it is (component-base/metrics, client-go/tools/leaderelection). */
export function ofPart(name: string, leads: boolean, families: readonly MetricFamily[]): string {
  const labels: Labels = { name }
  return exposition([
    buildInfo(), ...families,
    { name: 'leader_election_master_status', help: '[ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. \'name\' is the string used to identify the lease. Please make sure to group by name.', type: 'gauge', samples: [{ labels, value: leads ? 1 : 0 }] },
  ])
}
