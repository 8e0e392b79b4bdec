import { deepEqual } from '../json.ts'
import type { Pod, Service } from '../types.ts'
import { CHANGE_TRIGGER } from './endpoint.ts'
import { podCondition } from './pods.ts'

interface Made<T> {
  readonly pod: Pod
  readonly zone: string | undefined
  readonly endpoint: T
}

interface Last<T> {
  readonly service: Service
  readonly made: Map<string, Made<T>>
}

/** One look at a Service. */
export interface Round<T> {
  /** A Pod as an endpoint; what is not asked for again is forgotten. */
  endpoint(pod: Pod, zone: string | undefined, make: () => T): T
  /**
   * The annotation endpoints.kubernetes.io/last-change-trigger-time (endpointslice/util/trigger_time_tracker.go): when the
   * first of the Pods that changed since the last look became ready or unready; of a Service that was never looked at,
   * when it was made; undefined when neither tells of it.
   */
  trigger(): string | undefined
}

/**
 * What each Pod of a Service came to when the Service was looked at last. A Pod that says the same is the very same
 * endpoint again: a Service of many Pods, of which one changes, costs little more than that one.
 */
export class EndpointMemory<T extends object> {
  readonly #last = new Map<string, Last<T>>()

  round(key: string, service: Service): Round<T> {
    const before = this.#last.get(key)
    const made = new Map<string, Made<T>>()
    this.#last.set(key, { service, made })
    let changed: string | undefined
    return {
      endpoint: (pod, zone, make) => {
        const { uid } = pod.metadata
        const old = before?.made.get(uid)
        if (old && old.pod === pod && old.zone === zone && before!.service === service) {
          made.set(uid, old)
          return old.endpoint
        }
        const time = old?.pod === pod ? undefined : turnOf(pod)
        if (time !== undefined && time > ((old && turnOf(old.pod)) ?? '') && (changed === undefined || time < changed)) changed = time
        const next = make()
        const endpoint = old && deepEqual(old.endpoint, next) ? old.endpoint : next
        made.set(uid, { pod, zone, endpoint })
        return endpoint
      },
      trigger: () => (before ? changed : service.metadata.creationTimestamp),
    }
  }

  forget(key: string): void {
    this.#last.delete(key)
  }
}

/** When a Pod became ready, or ceased to be. */
function turnOf(pod: Pod): string | undefined {
  return podCondition(pod, 'Ready')?.lastTransitionTime
}

/** Annotations with the new trigger; without the former one where there is no new one; undefined where there are none. */
export function withTrigger(annotations: Record<string, string> | undefined, trigger: string | undefined): Record<string, string> | undefined {
  if (trigger !== undefined) return { ...annotations, [CHANGE_TRIGGER]: trigger }
  const rest = Object.entries(annotations ?? {}).filter(([key]) => key !== CHANGE_TRIGGER)
  return rest.length > 0 ? Object.fromEntries(rest) : undefined
}

/** Metadata with these annotations, or without any. */
export function withAnnotations<M extends object>(metadata: M, annotations: Record<string, string> | undefined): M {
  if (annotations) return { ...metadata, annotations }
  const { annotations: _, ...rest } = metadata as M & { annotations?: unknown }
  return rest as M
}
