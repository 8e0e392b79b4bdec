import type { Clock, Timer } from '../../clock.ts'
import type { Probe } from '../types.ts'
import type { ProbeAnswer, ProbeResult } from './prober.ts'

export type ProbeKind = 'readiness' | 'liveness' | 'startup'

export interface ProbeWorkerSetup {
  clock: Clock
  kind: ProbeKind
  probe: Probe
  /** Virtual time at which the container started: the initial delay counts from there. */
  startedAt: number
  ask(timeoutMs: number, answer: ProbeAnswer): () => void
  /** The probe is of one mind: after successThreshold or failureThreshold answers of one kind. */
  onResult(ok: boolean): void
  /** For the event: what follows "Readiness probe ". */
  onNote(reason: 'Unhealthy' | 'ProbeWarning', message: string): void
  /** Success was found before: asked again after a period, not after the initial delay. */
  isKnownWell?: boolean
  /**
   * Whether one that is well may be asked every half a minute: the control plane's probes would be most of what happens
   * in a cluster, and nobody sees them who does not listen on the wire.
   */
  isRelaxed?(): boolean
  /** Readiness and liveness wait for the startup probe. */
  mayAsk(): boolean
}

/** Until a relist has shown the kubelet that the container runs, which sets its probes off. */
const NOTICED = 500
/** How rarely (ms) one that is well is asked where {@link ProbeWorkerSetup.isRelaxed} says so. */
const RELAXED = 30_000

/**
 * Asks again and again: pkg/kubelet/prober worker. Its timer is background, except that a cluster which settles waits
 * for the first answers of readiness and startup probes: until the container is ready, or has failed often enough.
 */
export class ProbeWorker {
  readonly #setup: ProbeWorkerSetup
  #timer: Timer | undefined
  #undo: (() => void) | undefined
  #last: boolean | undefined
  #run = 0
  #asked = 0
  #settled: boolean
  #stopped = false

  constructor(setup: ProbeWorkerSetup) {
    this.#setup = setup
    this.#settled = setup.kind === 'liveness' || setup.isKnownWell === true
    if (setup.isKnownWell) this.#later((setup.probe.periodSeconds ?? 10) * 1000)
    else this.#later(Math.max(NOTICED, (setup.probe.initialDelaySeconds ?? 0) * 1000) - (setup.clock.now - setup.startedAt))
  }

  stop(): void {
    this.#stopped = true
    this.#setup.clock.cancel(this.#timer)
    this.#undo?.()
  }

  get kind(): ProbeKind {
    return this.#setup.kind
  }

  /** The startup probe has succeeded: ask at once. */
  wake(): void {
    if (this.#undo || this.#stopped) return
    const due = this.#setup.startedAt + (this.#setup.probe.initialDelaySeconds ?? 0) * 1000
    this.#setup.clock.cancel(this.#timer)
    this.#later(Math.max(0, due - this.#setup.clock.now))
  }

  #later(delay: number): void {
    this.#timer = this.#setup.clock.schedule(delay, () => this.#ask(), { background: this.#settled })
  }

  #ask(): void {
    const { probe, clock, mayAsk, ask } = this.#setup
    const period = (probe.periodSeconds ?? 10) * 1000
    const asked = clock.now
    if (!mayAsk()) return this.#later(period)
    this.#asked++
    let answered = false
    const undo = ask((probe.timeoutSeconds ?? 1) * 1000, (result) => {
      answered = true
      this.#undo = undefined
      if (this.#stopped) return
      this.#take(result)
      if (this.#stopped) return
      const wait = result.kind === 'success' && period < RELAXED && this.#setup.isRelaxed?.() ? RELAXED : period
      this.#later(Math.max(0, asked + wait - clock.now))
    })
    if (!answered) this.#undo = undo
  }

  #take(result: ProbeResult): void {
    const { probe, onResult, onNote } = this.#setup
    const failures = probe.failureThreshold ?? 3
    if (result.kind === 'error') {
      // what could not be asked is thrown away: neither well nor ill
      if (this.#asked >= failures) this.#settled = true
      return onNote('Unhealthy', `errored and resulted in unknown state: ${result.message}`)
    }
    const ok = result.kind === 'success'
    if (this.#last === ok) this.#run++
    else {
      this.#last = ok
      this.#run = 1
    }
    if (ok || this.#asked >= failures) this.#settled = true
    if (!ok) onNote('Unhealthy', `failed: ${result.message}`)
    else if (result.warning !== undefined) onNote('ProbeWarning', `warning: ${result.warning}`)
    if (this.#run >= (ok ? (probe.successThreshold ?? 1) : failures)) onResult(ok)
  }
}
