import type { Clock, Timer } from '../clock.ts'
import type { KubernetesClient } from './client.ts'
import { AdmissionRefusal, ConnectionError, StatusError, Undecided } from './client.ts'
import { AGENT_WRITE } from './controllers/context.ts'
import { EventRecorder } from './controllers/events.ts'
import { ifReached } from './controllers/reach.ts'
import { microTimestamp } from './human-duration.ts'
import type { KubeObject } from './types.ts'

/** client-go tools/leaderelection, in ms. */
export interface ElectionTiming { lease: number; renew: number; retry: number }

/** The defaults of kube-controller-manager and kube-scheduler. */
const TIMING: ElectionTiming = { lease: 15_000, renew: 10_000, retry: 2_000 }

type Lease = KubeObject & {
  spec: { holderIdentity?: string; leaseDurationSeconds?: number; leaseTransitions?: number; acquireTime?: string; renewTime?: string }
}

export interface ElectionOptions {
  /** Of the Lease: "kube-scheduler". */
  lease: string
  /** Of the Lease; kube-system if absent. */
  namespace?: string
  timing?: ElectionTiming
  identity: string
  /** Who says in an event that it became the leader: "default-scheduler". Absent: nobody says it. */
  component?: string
  /** Gives the lease back when it stops (ReleaseOnCancel). */
  release: boolean
  onLeading(): void
  /** It could not renew its lease in time. */
  onLost(): void
}

/** One candidate: it leads as soon as nobody else has renewed the lease for its duration, and as long as it can renew it itself. */
export class LeaderElection {
  readonly #clock: Clock
  readonly #client: KubernetesClient
  readonly #options: ElectionOptions
  readonly #events: EventRecorder | undefined
  readonly #namespace: string
  readonly #timing: ElectionTiming
  #observed: { renewTime: string | undefined; holder: string | undefined; at: number } | undefined
  #leading = false
  #renewedAt = 0
  #timer: Timer | undefined
  /** The write that was sent last, which is sent again when webhooks have answered. */
  #last: (() => boolean) | undefined
  #stopWaiting: (() => void) | undefined

  constructor(clock: Clock, client: KubernetesClient, options: ElectionOptions) {
    this.#clock = clock
    this.#client = client
    this.#options = options
    this.#namespace = options.namespace ?? 'kube-system'
    this.#timing = options.timing ?? TIMING
    this.#events = options.component === undefined ? undefined : new EventRecorder(client, clock, options.component)
    this.#try()
  }

  stop(): void {
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
    this.#stopWaiting?.()
    const { lease, identity, release } = this.#options
    if (!this.#leading || !release) return
    this.#leading = false
    ifReached(() => {
      const present = this.#get()
      if (present?.spec.holderIdentity !== identity) return
      const now = microTimestamp(this.#clock.wall())
      this.#write(lease, present, { ...present.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now })
    })
  }

  #try(): void {
    this.#timer = this.#clock.schedule(this.#timing.retry, () => this.#try(), { background: true })
    // while webhooks are asked about a write, there is no other one
    if (this.#stopWaiting) this.#learn(false)
    else this.#attempt(() => this.#acquireOrRenew())
  }

  #attempt(write: () => boolean): void {
    let renewed = false
    try {
      renewed = write()
    } catch (error) {
      if (error instanceof Undecided) {
        const again = this.#last!
        this.#stopWaiting = error.settle(() => {
          this.#stopWaiting = undefined
          if (this.#timer) this.#attempt(again)
        })
      } else if (!(error instanceof ConnectionError || error instanceof AdmissionRefusal)) throw error
    }
    this.#learn(renewed)
  }

  #learn(renewed: boolean): void {
    const { now } = this.#clock
    if (renewed) {
      this.#renewedAt = now
      if (this.#leading) return
      this.#leading = true
      const { identity, onLeading } = this.#options
      const events = this.#events
      if (events) ifReached(() => events.event(this.#get()!, 'Normal', 'LeaderElection', `${identity} became leader`))
      onLeading()
    } else if (this.#leading && now - this.#renewedAt >= this.#timing.renew) {
      this.#leading = false
      this.#clock.cancel(this.#timer)
      this.#options.onLost()
    }
  }

  #acquireOrRenew(): boolean {
    const { lease, identity } = this.#options
    const present = this.#get()
    const now = microTimestamp(this.#clock.wall())
    if (!present) return this.#write(lease, undefined, { acquireTime: now, holderIdentity: identity, leaseDurationSeconds: this.#timing.lease / 1000, leaseTransitions: 0, renewTime: now })
    const { holderIdentity: holder, renewTime, leaseTransitions = 0, acquireTime } = present.spec
    if (!this.#observed || this.#observed.renewTime !== renewTime || this.#observed.holder !== holder) this.#observed = { renewTime, holder, at: this.#clock.now }
    const mine = holder === identity
    if (!mine && holder && this.#clock.now - this.#observed.at < (present.spec.leaseDurationSeconds ?? 0) * 1000) return false
    return this.#write(lease, present, {
      acquireTime: mine ? acquireTime! : now, holderIdentity: identity, leaseDurationSeconds: this.#timing.lease / 1000, leaseTransitions: mine ? leaseTransitions : leaseTransitions + 1, renewTime: now,
    })
  }

  #get(): Lease | undefined {
    try {
      return this.#client.get<Lease>('leases', this.#namespace, this.#options.lease)
    } catch (error) {
      if (error instanceof StatusError && error.status.code === 404) return undefined
      throw error
    }
  }

  #write(name: string, present: Lease | undefined, spec: Lease['spec']): boolean {
    const send = (): boolean => {
      try {
        if (present) this.#client.update('leases', this.#namespace, name, { ...present, spec }, AGENT_WRITE)
        else this.#client.create('leases', this.#namespace, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: this.#namespace }, spec }, AGENT_WRITE)
        return true
      } catch (error) {
        if (error instanceof StatusError) return false
        throw error
      }
    }
    this.#last = send
    return send()
  }
}
