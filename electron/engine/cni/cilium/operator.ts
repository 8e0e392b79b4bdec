import type { Clock, Timer } from '../../clock.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import { BgpOperator } from './bgp/operator.ts'
import { readConfig } from './config.ts'
import { LbIpam } from './lb-ipam.ts'
import { CILIUM_ENDPOINTS, CILIUM_IDENTITIES, type CiliumEndpoint } from './objects.ts'
import { refusalsOf } from './policy-validation.ts'
import type { CiliumNetworkPolicy } from './policy-rules.ts'

/** cilium-operator of v1.17: collects identities that no endpoint has, and says of policies that they are valid. */
const IDENTITY_GC = 900_000

export class CiliumOperator {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #log: (message: string) => void
  readonly #stops: (() => void)[] = []
  #unused = new Set<string>()
  #timer: Timer | undefined

  constructor(client: KubernetesClient, clock: Clock, families: readonly (4 | 6)[], log: (message: string, level?: 'info' | 'warning') => void) {
    this.#client = asManager(client, 'cilium-operator-generic')
    this.#clock = clock
    this.#log = log
    for (const plural of ['ciliumnetworkpolicies', 'ciliumclusterwidenetworkpolicies']) this.#validate(`${plural}.cilium.io`)
    const lbIpam = new LbIpam(client, clock, families, (level, message) => log(message, level))
    this.#stops.push(() => lbIpam.stop())
    if (readConfig(client)['enable-bgp-control-plane'] === 'true') {
      const bgp = new BgpOperator(this.#client, clock, log)
      this.#stops.push(() => bgp.stop())
    }
    log('Starting CRD identity garbage collector')
    this.#collect()
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#clock.cancel(this.#timer)
  }

  /** operator/pkg/networkpolicy: the condition Valid. */
  #validate(resource: string): void {
    this.#stops.push(this.#client.watch<CiliumNetworkPolicy>(resource, {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
      const { object } = event
      const conditions = (object.status?.conditions ?? []) as { type: string; status: string; message?: string }[]
      const refusals = refusalsOf(object)
      const valid = { type: 'Valid', status: refusals.length === 0 ? 'True' : 'False', message: refusals.length === 0 ? 'Policy validation succeeded' : refusals.join('\n') }
      if (conditions.some((c) => c.type === 'Valid' && c.status === valid.status && c.message === valid.message)) return
      const condition = { ...valid, lastTransitionTime: timestamp(this.#clock.wall()) }
      const { namespace, name } = object.metadata
      this.#clock.schedule(1, () => {
        try {
          this.#client.patch(resource, namespace, name, 'application/merge-patch+json', { status: { conditions: [condition] } }, { subresource: 'status' })
        } catch {
          // It went, or the API server did: its next version is looked at again.
        }
      })
    }))
  }

  #collect(): void {
    this.#timer = this.#clock.schedule(IDENTITY_GC, () => {
      try {
        this.#collectNow()
      } catch {
        // The API server cannot be reached: next time.
      }
      this.#collect()
    }, { background: true })
  }

  /** What is not used at two looks in a row goes (identity-heartbeat-timeout). */
  #collectNow(): void {
    const used = new Set(this.#client.list<CiliumEndpoint>(CILIUM_ENDPOINTS).items.map((e) => String(e.status?.identity?.id)))
    const unused = this.#client.list(CILIUM_IDENTITIES).items.map((i) => i.metadata.name).filter((name) => !used.has(name))
    for (const name of unused.filter((n) => this.#unused.has(n))) {
      this.#client.delete(CILIUM_IDENTITIES, undefined, name)
      this.#log(`Garbage collected identity ${name}`)
    }
    this.#unused = new Set(unused)
  }
}
