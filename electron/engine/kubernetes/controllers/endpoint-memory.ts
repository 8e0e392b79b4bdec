import { deepEqual } from '../json.ts'
import type { Pod, Service } from '../types.ts'

interface Made<T> {
  readonly pod: Pod
  readonly zone: string | undefined
  readonly endpoint: T
}

interface Round<T> {
  readonly service: Service
  readonly made: Map<string, Made<T>>
}

/**
 * What each Pod of a Service came to when the Service was looked at last. A Pod that says the same is the very same
 * endpoint again: a Service of many Pods, of which one changes, costs little more than that one.
 */
export class EndpointMemory<T extends object> {
  readonly #rounds = new Map<string, Round<T>>()

  /** Begins to look at a Service; what is not asked for again is forgotten. */
  round(key: string, service: Service): (pod: Pod, zone: string | undefined, make: () => T) => T {
    const before = this.#rounds.get(key)
    const made = new Map<string, Made<T>>()
    this.#rounds.set(key, { service, made })
    return (pod, zone, make) => {
      const { uid } = pod.metadata
      const old = before?.made.get(uid)
      if (old && old.pod === pod && old.zone === zone && before!.service === service) {
        made.set(uid, old)
        return old.endpoint
      }
      const next = make()
      const endpoint = old && deepEqual(old.endpoint, next) ? old.endpoint : next
      made.set(uid, { pod, zone, endpoint })
      return endpoint
    }
  }

  forget(key: string): void {
    this.#rounds.delete(key)
  }
}
