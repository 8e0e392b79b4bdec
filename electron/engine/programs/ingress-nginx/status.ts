import type { Clock, Timer } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { AGENT_STATUS } from '../../kubernetes/controllers/context.ts'
import { ignoringGone } from '../../kubernetes/controllers/ownership.ts'
import { ifReached } from '../../kubernetes/controllers/reach.ts'
import { deepEqual } from '../../kubernetes/json.ts'
import type { Ingress, Node, Pod, Service } from '../../kubernetes/types.ts'

/** Once a minute the leader writes into every Ingress where it can be reached (internal/ingress/status/status.go). */
const INTERVAL = 60_000

type Address = { ip?: string; hostname?: string }

export interface StatusOptions {
  /** "ingress-nginx/ingress-nginx-controller": --publish-service. Without it the nodes' addresses are written. */
  publishService: { namespace: string; name: string } | undefined
  /** The controller's own Pod. */
  pod: Pod
  ingresses(): readonly Ingress[]
  log(source: string, text: string): void
}

export class StatusSync {
  readonly #clock: Clock
  readonly #client: KubernetesClient
  readonly #options: StatusOptions
  #timer: Timer | undefined
  #due = 0

  constructor(clock: Clock, client: KubernetesClient, options: StatusOptions) {
    this.#clock = clock
    this.#client = client
    this.#options = options
    this.#tick()
  }

  /** An Ingress is new: what waits for a settled cluster waits for its address too. */
  expect(): void {
    if (this.#timer?.background) this.#schedule(false)
  }

  stop(): void {
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
  }

  /** The controller ends: without another one nobody answers at the addresses any more. */
  shutdown(): void {
    this.stop()
    ifReached(() => {
      const addresses = this.#addresses()
      const { log } = this.#options
      if (addresses.length > 1) return log('status.go:126', '"leaving status update for next leader"')
      if (this.#pods().length > 1) return
      log('status.go:135', `"removing value from ingress status" address=${JSON.stringify(addresses)}`)
      this.#write([])
    })
  }

  #tick(): void {
    this.#due = this.#clock.now + INTERVAL
    let done = true
    ifReached(() => {
      const addresses = this.#addresses()
      this.#write(addresses)
      // a Pod that is not yet ready will be; a balancer that nobody makes will not
      done = addresses.length > 0 || this.#options.publishService !== undefined
    })
    this.#schedule(done || this.#options.ingresses().length === 0)
  }

  #schedule(background: boolean): void {
    this.#clock.cancel(this.#timer)
    this.#timer = this.#clock.schedule(this.#due - this.#clock.now, () => this.#tick(), { background })
  }

  #pods(): Pod[] {
    const { labels, namespace } = this.#options.pod.metadata
    const own = Object.entries(labels ?? {}).filter(([key]) => key !== 'pod-template-hash' && key !== 'controller-revision-hash' && key !== 'pod-template-generation')
    return [...this.#client.list<Pod>('pods', { namespace, labelSelector: own.map(([k, v]) => `${k}=${v}`).join(',') }).items]
  }

  #addresses(): Address[] {
    const { publishService } = this.#options
    const found: Address[] = []
    if (publishService) {
      const service = this.#client.list<Service>('services', { namespace: publishService.namespace, fieldSelector: `metadata.name=${publishService.name}` }).items[0]
      for (const { ip, hostname } of service?.status.loadBalancer?.ingress ?? []) found.push(ip ? { ip } : { hostname: hostname ?? '' })
      for (const ip of service?.spec.externalIPs ?? []) if (!found.some((f) => f.ip === ip)) found.push({ ip })
    } else {
      for (const pod of this.#pods()) {
        if (pod.status.phase !== 'Running' || !pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) continue
        const node = this.#client.list<Node>('nodes', { fieldSelector: `metadata.name=${pod.spec.nodeName}` }).items[0]
        const of = (type: string): string[] => (node?.status.addresses ?? []).filter((a) => a.type === type).map((a) => a.address)
        const external = of('ExternalIP')
        for (const ip of external.length > 0 ? external : of('InternalIP')) if (!found.some((f) => f.ip === ip)) found.push({ ip })
      }
    }
    return found.sort((a, b) => ((a.ip ?? '') < (b.ip ?? '') ? -1 : 1))
  }

  #write(addresses: readonly Address[]): void {
    for (const ingress of this.#options.ingresses()) {
      const { name, namespace } = ingress.metadata
      ignoringGone(() => {
        const present = this.#client.get<Ingress>('ingresses', namespace, name)
        const current = present.status.loadBalancer?.ingress
        if (deepEqual(current ?? [], addresses)) return
        this.#options.log('status.go:304', `"updating Ingress status" namespace="${namespace}" ingress="${name}" currentValue=${JSON.stringify(current ?? null)} newValue=${JSON.stringify(addresses)}`)
        this.#client.update('ingresses', namespace, name, { ...present, status: { loadBalancer: addresses.length > 0 ? { ingress: addresses } : {} } }, AGENT_STATUS)
      })
    }
  }
}
