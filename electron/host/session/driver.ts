import type { World } from '../../lab/world.ts'

/** The longest that events run without giving the host its turn, in real ms. */
const SLICE = 8
/** The longest sleep between looks at the wall clock, in real ms. */
const REST = 1000
/** A turn may come this much later than planned, in real ms; what is above was a laptop that slept, or a machine too slow. */
const LATENESS = 250
/** The virtual ms for which the world runs on without any input. */
const AWAKE = 3_600_000

/**
 * Lets a world's time run with the wall clock: faster, slower or not at all, as the world's own time says. A world that
 * nobody has touched for an hour falls asleep until somebody does, so that a session left open for a night costs nothing
 * and can be replayed.
 */
export class Driver {
  asleep = false
  #world: Pick<World, 'cluster' | 'time' | 'runUntil'>
  #afterSlice: () => void
  #timer: NodeJS.Timeout | undefined
  #last = performance.now()
  /** How long the rest under way was meant to be. */
  #rest = 0
  #touchedAt: number
  #stopped = false
  #running = false

  /** `afterSlice` is called after events have run, and when the world falls asleep. */
  constructor(world: Pick<World, 'cluster' | 'time' | 'runUntil'>, afterSlice: () => void) {
    this.#world = world
    this.#afterSlice = afterSlice
    this.#touchedAt = world.cluster.clock.now
    this.#restFor(0)
  }

  /** Brings the world to this moment of the wall clock, before something comes in or somebody looks. */
  sync(): void {
    if (!this.#stopped && !this.#running && !this.asleep) this.#turn()
  }

  /** Something came in: what follows of it runs now instead of at the end of the rest. */
  wake(): void {
    if (this.#stopped) return
    if (this.asleep) {
      this.asleep = false
      this.#last = performance.now()
    }
    this.#touchedAt = this.#world.cluster.clock.now
    if (!this.#running) this.#restFor(0)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #restFor(ms: number): void {
    clearTimeout(this.#timer)
    // what has passed of the rest before counts on
    this.#rest = Math.max(ms, Math.min(this.#rest, performance.now() - this.#last))
    this.#timer = setTimeout(() => this.#turn(), ms)
  }

  #turn(): void {
    clearTimeout(this.#timer)
    const done = this.#run()
    if (this.#stopped) return
    const { cluster: { clock }, time } = this.#world
    if (!done) return this.#restFor(0)
    if (clock.now - Math.max(this.#touchedAt, time.hurryTo) > AWAKE) return this.#fallAsleep()
    const next = clock.next() ?? Infinity
    this.#restFor(time.paused ? REST : Math.max(1, Math.min(REST, (next - clock.now) / time.speed)))
  }

  /** One slice; false when there is more to do at once. */
  #run(): boolean {
    const { cluster: { clock }, time } = this.#world
    const start = performance.now()
    const passed = time.paused ? 0 : Math.min(start - this.#last, this.#rest + LATENESS) * time.speed
    this.#last = start
    this.#rest = 0
    const before = clock.executed
    const target = Math.max(clock.now + passed, time.hurryTo)
    this.#running = true
    const done = this.#world.runUntil(target, () => performance.now() - start > SLICE)
    this.#running = false
    if (clock.executed !== before) this.#afterSlice()
    return done && clock.now >= time.hurryTo
  }

  #fallAsleep(): void {
    this.asleep = true
    this.#afterSlice()
  }
}
