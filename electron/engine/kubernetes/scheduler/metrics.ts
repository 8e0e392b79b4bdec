import type { MetricFamily } from '../../prometheus.ts'
import { Registry } from '../../prometheus.ts'

const PROFILE = 'default-scheduler'
/** prometheus.ExponentialBuckets(0.01, 2, 20). */
const SLI = Array.from({ length: 20 }, (_, i) => 0.01 * 2 ** i)

/**
 * What kube-scheduler v1.33 tells Prometheus of what it does here (pkg/scheduler/metrics/metrics.go). An attempt takes no
 * virtual time, so that its duration is not told; from a Pod's coming to its binding is.
 */
export class SchedulerMetrics {
  readonly #registry = new Registry({
    schedule_attempts_total: ['counter', "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem."],
    pod_scheduling_attempts: ['histogram', '[STABLE] Number of attempts to successfully schedule a pod.', [1, 2, 4, 8, 16]],
    pod_scheduling_sli_duration_seconds: ['histogram', '[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.', SLI],
    preemption_attempts_total: ['counter', '[STABLE] Total preemption attempts in the cluster till now'],
    preemption_victims: ['histogram', '[STABLE] Number of selected preemption victims', [1, 2, 4, 8, 16, 32, 64]],
    unschedulable_pods: ['gauge', '[ALPHA] The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it to not schedule and so this metric have meaning only when broken down by plugin.'],
  }, 'scheduler_')

  /** `waited`: s since it came. */
  scheduled(attempts: number, waited: number): void {
    this.#registry.add('schedule_attempts_total', { profile: PROFILE, result: 'scheduled' })
    this.#registry.observe('pod_scheduling_attempts', {}, attempts)
    this.#registry.observe('pod_scheduling_sli_duration_seconds', { attempts: attempts >= 15 ? '15+' : String(attempts) }, waited)
  }

  failed(result: 'unschedulable' | 'error'): void {
    this.#registry.add('schedule_attempts_total', { profile: PROFILE, result })
  }

  preempted(victims: number): void {
    this.#registry.add('preemption_attempts_total', {})
    this.#registry.observe('preemption_victims', {}, victims)
  }

  /** `pending`: by queue; `refused`: by plugin. */
  text(pending: Readonly<Record<string, number>>, refused: ReadonlyMap<string, number>): { own: string; pending: MetricFamily } {
    this.#registry.clear('unschedulable_pods')
    for (const [plugin, count] of refused) this.#registry.set('unschedulable_pods', { plugin, profile: PROFILE }, count)
    const help = "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated."
    return { own: this.#registry.text(), pending: { name: 'scheduler_pending_pods', help, type: 'gauge', samples: Object.entries(pending).map(([queue, value]) => ({ labels: { queue }, value })) } }
  }
}
