import type { Clock } from '../../clock.ts'
import { SparseMap } from '../../sparse.ts'
import { ConnectionError, LateChange, StatusError, type KubernetesClient } from '../client.ts'
import type { Event, KubeObject } from '../types.ts'
import { microTimestamp, timestamp } from '../human-duration.ts'
import { WrittenEvent, type ObjectReference } from './written-event.ts'

export type { ObjectReference } from './written-event.ts'

export function referenceTo(object: KubeObject, fieldPath?: string): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return { kind: object.kind, ...(namespace ? { namespace } : {}), name, uid, apiVersion: object.apiVersion, resourceVersion, ...(fieldPath ? { fieldPath } : {}) }
}

/** How many different messages of one reason an object may have in ten minutes before they are put together. */
const SPAM = { messages: 10, window: 600_000 }
/** As kube-apiserver's --event-ttl; with it go the recorder's memories. */
const MEMORY = 3_600_000
/** Memories before it is looked for the first time which of them are too old. */
const LOOK_AT = 4096

const UNCHECKED = { fieldValidation: 'Ignore' } as const

/** Names end with the time in ns; two of one moment must differ, whoever writes them. */
const lastMicros = new WeakMap<Clock, { at: number }>()

function lastMicrosOf(clock: Clock): { at: number } {
  let last = lastMicros.get(clock)
  if (!last) lastMicros.set(clock, (last = { at: 0 }))
  return last
}

/** What was written of one object with one reason; nearly always one text. */
interface Group {
  readonly fieldPath: string | undefined
  readonly type: string
  readonly reason: string
  /** The texts since `since`. */
  messages: string | readonly string[]
  since: number
  /** The events by their text, the first apart. */
  first: string
  seen: WrittenEvent | undefined
  more: Map<string, WrittenEvent> | undefined
}

/**
 * Writes Events as client-go's tools/record does: an event that repeats is counted up, not written again, and many
 * that differ only in their text become one with "(combined from similar events): ".
 */
export class EventRecorder {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #source: { component: string; host?: string }
  /** By the object's uid. */
  readonly #groups = new Map<string, Group[]>()
  readonly #lastMicros: { at: number }
  /** Several events in a row are of one object, and share what they say of it. */
  #last: { object: KubeObject | ObjectReference; fieldPath: string | undefined; about: ObjectReference } | undefined
  readonly #notes = new SparseMap<string, WrittenEvent>()
  #lookAt = LOOK_AT

  constructor(client: KubernetesClient, clock: Clock, component: string, host?: string) {
    this.#client = client
    this.#clock = clock
    this.#source = host === undefined ? { component } : { component, host }
    this.#lastMicros = lastMicrosOf(clock)
  }

  event(object: KubeObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string, options?: { fieldPath?: string; annotations?: Record<string, string> }): void {
    const about = this.#about(object, options?.fieldPath)
    const group = this.#group(about, type, reason, message)
    const isSpam = group.messages.length > SPAM.messages && typeof group.messages !== 'string'
    const text = isSpam ? `(combined from similar events): ${message}` : message
    const key = isSpam ? '(similar)' : message
    const { now } = this.#clock
    const seen = group.first === key ? group.seen : group.more?.get(key)
    try {
      if (seen && now - seen.seen < MEMORY && this.#countUp(seen, text)) return
      const annotations = options?.annotations
      const made = new WrittenEvent(about, this.#source, type, reason, text, this.#clock.wall(), this.#micros(), now, annotations && { annotations })
      this.#create(made)
      if (group.seen && group.first !== key) (group.more ??= new Map()).set(key, made)
      else {
        group.first = key
        group.seen = made
      }
      if (this.#groups.size > this.#lookAt) this.#forgetOld()
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
  }

  /** As the new events API (events.k8s.io) writes them: the scheduler uses it. `related` is who it is about besides. */
  note(object: KubeObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, action: string, message: string, related?: KubeObject): void {
    const about = 'metadata' in object ? referenceTo(object) : object
    const key = [about.uid, type, reason, message].join('\n')
    const seen = this.#notes.get(key)
    const { now } = this.#clock
    try {
      if (seen && now - seen.seen < 360_000) {
        const series = { count: ++seen.count, lastObservedTime: microTimestamp(this.#clock.wall()) }
        seen.seen = now
        this.#patch(seen, { series })
        return
      }
      const made = new WrittenEvent(about, this.#source, type, reason, message, this.#clock.wall(), this.#micros(), now, { action, related: related && referenceTo(related) })
      this.#create(made)
      this.#notes.set(key, made)
      if (this.#notes.size > this.#lookAt) this.#forgetOld()
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
  }

  #countUp(seen: WrittenEvent, message: string): boolean {
    try {
      this.#patch(seen, { count: seen.count + 1, lastTimestamp: timestamp(this.#clock.wall()), message })
    } catch (error) {
      // Somebody deleted it, or it is too old: a new one is written.
      if (error instanceof StatusError && error.status.code === 404) return false
      throw error
    }
    seen.count++
    seen.seen = this.#clock.now
    return true
  }

  #about(object: KubeObject | ObjectReference, fieldPath: string | undefined): ObjectReference {
    if (this.#last?.object === object && this.#last.fieldPath === fieldPath) return this.#last.about
    const about = 'metadata' in object ? referenceTo(object, fieldPath) : { ...object, ...(fieldPath ? { fieldPath } : {}) }
    this.#last = { object, fieldPath, about }
    return about
  }

  #group({ uid, fieldPath }: ObjectReference, type: string, reason: string, message: string): Group {
    let groups = this.#groups.get(uid)
    if (!groups) this.#groups.set(uid, (groups = []))
    let group = groups.find((one) => one.reason === reason && one.fieldPath === fieldPath && one.type === type)
    if (!group) groups.push((group = { fieldPath, type, reason, messages: message, since: this.#clock.now, first: '', seen: undefined, more: undefined }))
    if (this.#clock.now - group.since > SPAM.window) {
      group.messages = message
      group.since = this.#clock.now
    }
    const { messages } = group
    if (typeof messages !== 'string') {
      if (messages.length <= SPAM.messages && !messages.includes(message)) group.messages = [...messages, message]
    } else if (messages !== message) group.messages = [messages, message]
    return group
  }

  /** Most of them nobody reads: the server has them made when somebody does. */
  #create(event: WrittenEvent): void {
    if (event.hasFittingName) this.#client.create<Event>('events', event.namespace, event, UNCHECKED)
    else {
      event.taken = true
      this.#client.create<Event>('events', event.namespace, event.make(), UNCHECKED)
    }
  }

  #patch(event: WrittenEvent, patch: object): void {
    const late = event.taken ? undefined : new LateChange(() => ({ namespace: event.namespace, name: event.name, patch }))
    this.#client.patch('events', event.namespace, late ? '' : event.name, 'application/merge-patch+json', late ?? patch)
  }

  #micros(): number {
    return (this.#lastMicros.at = Math.max(Math.round(this.#clock.wall() * 1000), this.#lastMicros.at + 1))
  }

  /** Seldom, when all of them are young: each look goes through all. */
  #forgetOld(): void {
    const { now } = this.#clock
    const isOld = (event: WrittenEvent | undefined): boolean => !event || now - event.seen > MEMORY
    const isForgotten = ({ seen, since, more }: Group): boolean => isOld(seen) && now - since > SPAM.window && [...(more?.values() ?? [])].every(isOld)
    for (const [uid, groups] of this.#groups) {
      const left = groups.filter((group) => !isForgotten(group))
      if (left.length === 0) this.#groups.delete(uid)
      else if (left.length < groups.length) this.#groups.set(uid, left)
    }
    for (const [key, seen] of this.#notes) if (isOld(seen)) this.#notes.delete(key)
    this.#lookAt = Math.max(LOOK_AT, 2 * Math.max(this.#groups.size, this.#notes.size))
  }
}

/** Events are best effort: what the server refuses (a namespace that goes) is dropped. */
function isRefusal(error: unknown): boolean {
  return error instanceof StatusError || error instanceof ConnectionError
}
