import type { Clock, Timer } from '../../clock.ts'

/** A Pod that waits for a node. */
export interface QueuedPod {
  readonly key: string
  priority: number
  /** When it came, or last failed. */
  since: number
  readonly came: number
  attempts: number
  /** The plugins that refused it last time. */
  plugins: ReadonlySet<string>
  readonly sequence: number
}

/** initialBackoff, maxBackoff, and podMaxInUnschedulablePodsDuration with the period of its check. */
const BACK_OFF = { first: 1_000, most: 10_000 }
const FLUSH = { after: 300_000, period: 30_000 }
/** Between a Pod's arrival and its turn: the watches have told by then what was written before. */
const TURN = 1

/**
 * pkg/scheduler/backend/queue: Pods whose turn it is, by priority and then age; Pods that wait for their back-off;
 * and Pods that wait for something to change.
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #work: (entry: QueuedPod) => void
  #active: QueuedPod[] = []
  readonly #queued = new Set<string>()
  readonly #backingOff = new Map<string, { entry: QueuedPod; timer: Timer }>()
  readonly #unschedulable = new Map<string, QueuedPod>()
  #sequence = 0
  #turn: Timer | undefined
  #flush: Timer | undefined
  #stopped = false

  /** `work` answers with {@link failed} for a Pod that found no node. */
  constructor(clock: Clock, work: (entry: QueuedPod) => void) {
    this.#clock = clock
    this.#work = work
  }

  has(key: string): boolean {
    return this.#queued.has(key) || this.#backingOff.has(key) || this.#unschedulable.has(key)
  }

  /** How many Pods are where. */
  get sizes(): Record<'active' | 'backoff' | 'unschedulable', number> {
    return { active: this.#queued.size, backoff: this.#backingOff.size, unschedulable: this.#unschedulable.size }
  }

  /** How many wait, by the plugin that refused them. */
  get refused(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { plugins } of this.#unschedulable.values()) for (const plugin of plugins) counts.set(plugin, (counts.get(plugin) ?? 0) + 1)
    return counts
  }

  get waiting(): number {
    return this.#unschedulable.size
  }

  add(key: string, priority: number): void {
    if (this.#stopped || this.has(key)) return
    this.#activate({ key, priority, since: this.#clock.now, came: this.#clock.now, attempts: 0, plugins: new Set(), sequence: this.#sequence++ })
  }

  /** The Pod itself was changed: whatever it waits for, it may fit now. */
  changed(key: string): void {
    const entry = this.#unschedulable.get(key)
    if (!entry) return
    this.#unschedulable.delete(key)
    this.#afterBackOff(entry)
  }

  delete(key: string): void {
    this.#queued.delete(key)
    this.#clock.cancel(this.#backingOff.get(key)?.timer)
    this.#backingOff.delete(key)
    this.#unschedulable.delete(key)
  }

  failed(entry: QueuedPod, plugins: ReadonlySet<string>): void {
    if (this.#stopped) return
    entry.plugins = plugins
    entry.since = this.#clock.now
    this.#unschedulable.set(entry.key, entry)
    this.#flushLater()
  }

  /** Comes back after its back-off whatever happens: the API did not answer. */
  retry(entry: QueuedPod): void {
    entry.since = this.#clock.now
    if (!this.#stopped) this.#afterBackOff(entry)
  }

  /** Something happened that may help these. */
  move(mayFit: (entry: QueuedPod) => boolean): void {
    for (const [key, entry] of this.#unschedulable) {
      if (!mayFit(entry)) continue
      this.#unschedulable.delete(key)
      this.#afterBackOff(entry)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#clock.cancel(this.#turn)
    this.#clock.cancel(this.#flush)
    for (const { timer } of this.#backingOff.values()) this.#clock.cancel(timer)
    this.#backingOff.clear()
    this.#unschedulable.clear()
    this.#queued.clear()
    this.#active = []
  }

  #afterBackOff(entry: QueuedPod): void {
    const duration = entry.attempts === 0 ? 0 : Math.min(BACK_OFF.most, BACK_OFF.first * 2 ** (entry.attempts - 1))
    const wait = entry.since + duration - this.#clock.now
    if (wait <= 0) return this.#activate(entry)
    const timer = this.#clock.schedule(wait, () => {
      this.#backingOff.delete(entry.key)
      this.#activate(entry)
    })
    this.#backingOff.set(entry.key, { entry, timer })
  }

  #activate(entry: QueuedPod): void {
    this.#queued.add(entry.key)
    this.#active.push(entry)
    this.#turn ??= this.#clock.schedule(TURN, () => this.#drain())
  }

  #drain(): void {
    this.#turn = undefined
    const batch = this.#active.sort((a, b) => b.priority - a.priority || a.since - b.since || a.sequence - b.sequence)
    this.#active = []
    for (const entry of batch) {
      if (this.#stopped) return
      if (!this.#queued.delete(entry.key)) continue
      entry.attempts++
      this.#work(entry)
    }
  }

  #flushLater(): void {
    this.#flush ??= this.#clock.schedule(FLUSH.period, () => {
      this.#flush = undefined
      this.move((entry) => this.#clock.now - entry.since > FLUSH.after)
      if (this.#unschedulable.size > 0) this.#flushLater()
    }, { background: true })
  }
}
