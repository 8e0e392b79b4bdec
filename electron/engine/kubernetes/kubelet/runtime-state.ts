import type { Clock, Timer } from '../../clock.ts'
import type { KubeletLog } from '../../node/kubelet-log.ts'
import { goDuration } from './go-duration.ts'
import { CONTAINERD_GONE } from './runtime-gone.ts'

/** Until a silent containerd is called down (maxWaitForContainerRuntime and a look), and the PLEG unhealthy (relistThreshold). */
const SILENCE = [35_000, 185_000] as const

/** What the kubelet holds of a containerd that does not answer: pkg/kubelet/runtime.go, and the PLEG's Healthy. */
export class RuntimeState {
  readonly #clock: Clock
  readonly #log: KubeletLog | undefined
  readonly #isStopped: () => boolean
  #sanity: Timer | undefined
  /** Since when (virtual ms) it does not answer. */
  down: number | undefined

  constructor(clock: Clock, log: KubeletLog | undefined, isStopped: () => boolean) {
    this.#clock = clock
    this.#log = log
    this.#isStopped = isStopped
  }

  /** It answers no more. `report`: what it says of itself is due. */
  fall(report: () => void): void {
    this.down = this.#clock.now
    this.#sanityChecks()
    for (const delay of SILENCE) this.#clock.schedule(delay, report, { background: true })
  }

  rise(): void {
    this.down = undefined
    this.#log?.line('I', 'kuberuntime_manager.go:279', () => '"Container runtime initialized" containerRuntime="containerd" version="2.0.5" apiVersion="v1"')
  }

  /** runtimeState.runtimeErrors. */
  problems(): string[] {
    if (this.down === undefined) return []
    const silent = this.#clock.now - this.down
    return [
      ...(silent >= SILENCE[0] ? ['container runtime is down'] : []),
      ...(silent >= SILENCE[1] ? [`PLEG is not healthy: pleg was last seen active ${goDuration(silent)} ago; threshold is 3m0s`] : []),
    ]
  }

  /** updateRuntimeUp and syncLoop, every five seconds. */
  #sanityChecks(): void {
    const log = this.#log
    if (this.down === undefined || !log) return
    if (!this.#isStopped()) {
      const problems = this.problems()
      const error = JSON.stringify(CONTAINERD_GONE)
      log.line('E', 'log.go:32', () => `"Status from runtime service failed" err=${error}`)
      log.line('E', 'kubelet.go:3002', () => `"Container runtime sanity check failed" err=${error}`)
      if (problems.length > 0) log.line('E', 'kubelet.go:2451', () => `"Skipping pod synchronization" err=${JSON.stringify(problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`)}`)
    }
    this.#clock.cancel(this.#sanity)
    this.#sanity = this.#clock.schedule(5_000, () => this.#sanityChecks(), { background: true })
  }
}
