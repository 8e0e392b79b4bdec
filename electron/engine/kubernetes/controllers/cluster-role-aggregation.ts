import { compareStrings, deepEqual } from '../json.ts'
import { aggregatedRules } from '../rbac/aggregation.ts'
import type { ClusterRole } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

/** Keeps roles with an aggregationRule the sum of those that it selects: pkg/controller/clusterroleaggregation. */
export class ClusterRoleAggregationController implements Controller {
  readonly #context: ControllerContext
  readonly #roles: Informer<ClusterRole>
  readonly #queue: WorkQueue
  #aggregated = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name), context.counts?.('ClusterRoleAggregator'))
    this.#roles = context.informers.of<ClusterRole>('clusterroles')
    const changed = (role: ClusterRole): void => {
      if (role.aggregationRule) this.#aggregated.add(role.metadata.name)
      for (const name of this.#aggregated) this.#queue.add(name)
    }
    this.#roles.on({
      onAdd: changed,
      onUpdate: changed,
      onDelete: (role) => {
        this.#aggregated.delete(role.metadata.name)
        changed({ ...role, aggregationRule: undefined })
      },
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const role = this.#roles.get(undefined, name)
    if (!role?.aggregationRule) return void this.#aggregated.delete(name)
    const all = [...this.#roles.values()].sort((a, b) => compareStrings(a.metadata.name, b.metadata.name))
    const rules = aggregatedRules(role, all)
    if (deepEqual(rules, role.rules ?? [])) return
    ignoringGone(() => this.#context.client.patch('clusterroles', undefined, name, 'application/merge-patch+json', { rules }))
  }
}
