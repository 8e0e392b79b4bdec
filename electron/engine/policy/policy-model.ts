import type { KubernetesClient } from '../kubernetes/client.ts'
import type { KubeObject, Namespace, NetworkPolicy, Pod } from '../kubernetes/types.ts'
import { PolicyIndex } from './policy-index.ts'
import type { PolicyChange, PolicyView } from './types.ts'

/**
 * A plugin's agent's own picture of NetworkPolicies, fed by watches: as old as the last event that reached the agent.
 *
 *     const model = new PolicyModel(context.client, (change) => this.#sync(change))   // stop: model.stop()
 *     model.view.selecting(pod, 'ingress'), model.view.addresses(set.id, 4), decide(model.view, …)
 *
 * Every event that changes something is told at once, inside the watch's event; agents that batch collect the keys.
 * Pods and Namespaces are watched from the first NetworkPolicy on, so that a cluster without any pays nothing: until
 * then `view` knows no Pods. Their events come right after the policy's, at the same virtual moment.
 */
export class PolicyModel {
  readonly #index: PolicyIndex
  readonly #client: KubernetesClient
  readonly #onNamespace: ((name: string, namespace: Namespace | undefined) => void) | undefined
  readonly #stops: (() => void)[] = []
  #watching = false
  #stopped = false

  /**
   * `always`: Pods and Namespaces are watched from the beginning, for agents that treat every Pod, selected or not.
   * `onNamespace`: each Namespace as it comes, changes (undefined: goes), for agents that read more of it than labels.
   */
  constructor(client: KubernetesClient, onChange: (change: PolicyChange) => void, options: { always?: boolean; onNamespace?: (name: string, namespace: Namespace | undefined) => void } = {}) {
    this.#client = client
    this.#onNamespace = options.onNamespace
    this.#index = new PolicyIndex((change) => {
      if (!this.#stopped) onChange(change)
    })
    this.#watch<NetworkPolicy>('networkpolicies', (policy) => {
      this.#watchPods()
      this.#index.setPolicy(policy)
    }, ({ metadata }) => this.#index.deletePolicy(`${metadata.namespace}/${metadata.name}`))
    if (options.always) this.#watchPods()
  }

  get view(): PolicyView {
    return this.#index
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
  }

  #watchPods(): void {
    if (this.#watching) return
    this.#watching = true
    this.#watch<Namespace>('namespaces', (n) => {
      this.#index.setNamespace(n)
      this.#onNamespace?.(n.metadata.name, n)
    }, (n) => {
      this.#index.deleteNamespace(n.metadata.name)
      this.#onNamespace?.(n.metadata.name, undefined)
    })
    this.#watch<Pod>('pods', (p) => this.#index.setPod(p), (p) => this.#index.deletePod(`${p.metadata.namespace}/${p.metadata.name}`))
  }

  #watch<T extends KubeObject>(resource: string, put: (object: T) => void, remove: (object: T) => void): void {
    const stop = this.#client.watch<T>(resource, {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') put(event.object)
      else if (event.type === 'DELETED') remove(event.object)
    })
    this.#stops.push(stop)
  }
}
