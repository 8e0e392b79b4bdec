import type { Clock } from '../../clock.ts'
import { SparseMap } from '../../sparse.ts'
import { ConnectionError, LateChange, StatusError, type KubernetesClient } from '../client.ts'
import type { Event, KubeObject } from '../types.ts'
import { microTimestamp, timestamp } from '../human-duration.ts'
import { EventGroup, WrittenEvent, type EventExtras, type EventKind, type ObjectReference, type Remembered, type Reporter } from './written-event.ts'

export type { ObjectReference } from './written-event.ts'

export function referenceTo(object: KubeObject, fieldPath?: string): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return { kind: object.kind, ...(namespace ? { namespace } : {}), name, uid, apiVersion: object.apiVersion, resourceVersion, ...(fieldPath ? { fieldPath } : {}) }
}

/** From which of an object's different messages of one reason on they are put together, unless ten minutes were quiet (defaultAggregateMaxEvents). */
const SIMILAR = { messages: 10, window: 600_000 }
/** What a source may tell of an object at once, and how long one more takes (defaultSpamBurst, defaultSpamQPS). */
const SPAM = { burst: 25, refill: 300_000 }
/** So many events of an object go uncounted: those of a healthy one. */
const UNCOUNTED = 12
/** As kube-apiserver's --event-ttl; with it go the recorder's memories. */
const MEMORY = 3_600_000
/** Memories before it is looked for the first time which of them are too old. */
const LOOK_AT = 4096

const UNCHECKED = { fieldValidation: 'Ignore' } as const

/** What the recorders of one cluster share. */
interface Shared {
  /** Names end with the time in ns; two of one moment must differ, whoever writes them. */
  micros: number
  /** The last of each reason: the containers of a ReplicaSet say the same of each Pod, and only one text of it need be kept. */
  readonly texts: Map<string, string>
}
const sharedOf = new WeakMap<Clock, Shared>()

function shared(clock: Clock): Shared {
  let found = sharedOf.get(clock)
  if (!found) sharedOf.set(clock, (found = { micros: 0, texts: new Map() }))
  return found
}

/**
 * Writes Events as client-go's tools/record does: an event that repeats is counted up, not written again, and many
 * that differ only in their text become one with "(combined from similar events): ". Of an object that has ever more of them
 * the server is told less often; they are counted all the same.
 */
export class EventRecorder {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #reporter: Reporter
  /** By the object's uid. */
  readonly #written = new Map<string, Remembered>()
  readonly #notes = new SparseMap<string, WrittenEvent>()
  readonly #actions = new SparseMap<string, EventExtras>()
  readonly #shared: Shared
  /** By their reason: of most there is one. */
  readonly #kinds = new SparseMap<string, EventKind>()
  /** What may still be told of objects that have many events, by their uid. */
  readonly #allowances = new Map<string, Allowance>()
  /** Several events in a row are of one object, and share what they say of it. */
  #last: { object: KubeObject | ObjectReference; fieldPath: string | undefined; about: ObjectReference } | undefined
  #lookAt = LOOK_AT

  constructor(client: KubernetesClient, clock: Clock, component: string, host?: string) {
    this.#client = client
    this.#clock = clock
    this.#reporter = { component, ...(host !== undefined && { host }), epoch: clock.epoch }
    this.#shared = shared(clock)
  }

  event(object: KubeObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string, options?: { fieldPath?: string; annotations?: Record<string, string> }): void {
    const about = this.#about(object, options?.fieldPath)
    const annotations = options?.annotations
    const extras = annotations && { annotations }
    const first = this.#written.get(about.uid)
    let known = first
    while (known && !(known.reason === reason && known.fieldPath === about.fieldPath && known.type === type)) known = known.next
    if (known) return this.#again(about, first!, known, message, extras)
    const made = this.#make(about, type, reason, message, extras)
    // What the server refuses counts all the same.
    const remembered = this.#mayTell(about.uid, first) && this.#create(made) ? made : new EventGroup(made, message, made.at)
    if (first) {
      remembered.next = first.next
      first.next = remembered
      return
    }
    this.#written.set(about.uid, remembered)
    if (this.#written.size > this.#lookAt) this.#forgetOld()
  }

  /** An event of an object and reason that there was one of before. */
  #again(about: ObjectReference, first: Remembered, known: Remembered, message: string, extras: EventExtras | undefined): void {
    const { now } = this.#clock
    const group = known instanceof EventGroup ? known : this.#grouped(about.uid, first, known)
    if (now - group.since > SIMILAR.window) group.messages = []
    group.since = now
    const isKnown = group.messages.includes(message)
    const isSpam = !isKnown && group.messages.length >= SIMILAR.messages - 1
    if (!isKnown && !isSpam) group.messages = [...group.messages, message]
    const text = isSpam ? `(combined from similar events): ${message}` : message
    const key = isSpam ? '(similar)' : message
    const seen = group.events.get(key)
    const mayTell = this.#mayTell(about.uid, first)
    if (seen && now - seen.seen < MEMORY && (mayTell ? this.#countUp(seen, text) : ++seen.count)) return
    if (!mayTell) return
    const made = this.#make(about, group.type, group.reason, text, extras)
    if (this.#create(made)) group.events.set(key, made)
  }

  /** EventSourceObjectSpamFilter: a bucket with a token for each event, that fills again slowly. */
  #mayTell(uid: string, first: Remembered | undefined): boolean {
    if (!first) return true
    const { now } = this.#clock
    let left = this.#allowances.get(uid)
    if (!left) {
      const told = toldOf(first)
      if (told < UNCOUNTED) return true
      this.#allowances.set(uid, (left = { tokens: SPAM.burst - told, at: firstOf(first) }))
    }
    left.tokens = Math.min(SPAM.burst, left.tokens + (now - left.at) / SPAM.refill)
    left.at = now
    if (left.tokens < 1) return false
    left.tokens--
    return true
  }

  #grouped(uid: string, first: Remembered, single: WrittenEvent): EventGroup {
    const group = new EventGroup(single, single.text, single.at)
    group.events.set(single.text, single)
    group.next = single.next
    single.next = undefined
    if (first === single) this.#written.set(uid, group)
    else {
      let before = first
      while (before.next !== single) before = before.next!
      before.next = group
    }
    return group
  }

  /** As the new events API (events.k8s.io) writes them: the scheduler uses it. `related` is who it is about besides. */
  note(object: KubeObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, action: string, message: string, related?: KubeObject): void {
    const about = 'metadata' in object ? referenceTo(object) : object
    const first = this.#notes.get(about.uid)
    let seen = first
    while (seen && !(seen.text === message && seen.reason === reason && seen.type === type)) seen = seen.next as WrittenEvent | undefined
    const { now } = this.#clock
    if (seen && now - seen.seen < 360_000) {
      const series = { count: ++seen.count, lastObservedTime: microTimestamp(this.#clock.wall()) }
      seen.seen = now
      return void this.#patch(seen, { series })
    }
    const made = this.#make(about, type, reason, message, related ? { action, related: referenceTo(related) } : this.#acting(action))
    if (!this.#create(made)) return
    // In the place of one that is too old to be counted up.
    let left: WrittenEvent | undefined
    for (let one = first; one; ) {
      const next = one.next as WrittenEvent | undefined
      if (one !== seen) {
        one.next = left
        left = one
      }
      one = next
    }
    made.next = left
    this.#notes.set(about.uid, made)
    if (this.#notes.size > this.#lookAt) this.#forgetOld()
  }

  #acting(action: string): EventExtras {
    let extras = this.#actions.get(action)
    if (!extras) this.#actions.set(action, (extras = { action }))
    return extras
  }

  /** False: somebody deleted it, or it is too old, so a new one is written. */
  #countUp(seen: WrittenEvent, message: string): boolean {
    const refusal = this.#patch(seen, { count: seen.count + 1, lastTimestamp: timestamp(this.#clock.wall()), message })
    if (refusal) return !(refusal instanceof StatusError && refusal.status.code === 404)
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

  #make(about: ObjectReference, type: string, reason: string, text: string, extras: EventExtras | undefined): WrittenEvent {
    return new WrittenEvent(about, this.#kind(type, reason, extras), this.#text(reason, text), this.#clock.now, this.#micros())
  }

  #kind(type: string, reason: string, extras: EventExtras | undefined): EventKind {
    const known = this.#kinds.get(reason)
    if (known && known.type === type && known.extras === extras) return known
    const kind = { reporter: this.#reporter, type, reason, extras }
    this.#kinds.set(reason, kind)
    return kind
  }

  #text(reason: string, text: string): string {
    const { texts } = this.#shared
    const last = texts.get(reason)
    if (last === text) return last
    texts.set(reason, text)
    return text
  }

  /** Most of them nobody reads: the server has them made when somebody does. Tells whether the server took it. */
  #create(event: WrittenEvent): boolean {
    const body = event.hasFittingName ? event : event.make()
    event.taken = body !== event
    return !refusalOf(() => this.#client.create<Event>('events', event.namespace, body, UNCHECKED))
  }

  #patch(event: WrittenEvent, patch: object): Error | undefined {
    const late = event.taken ? undefined : new LateChange(() => ({ namespace: event.namespace, name: event.name, patch }))
    return refusalOf(() => this.#client.patch('events', event.namespace, late ? '' : event.name, 'application/merge-patch+json', late ?? patch))
  }

  #micros(): number {
    return (this.#shared.micros = Math.max(Math.round(this.#clock.wall() * 1000), this.#shared.micros + 1))
  }

  /** Seldom, when all of them are young: each look goes through all. */
  #forgetOld(): void {
    const { now } = this.#clock
    const isOld = (event: WrittenEvent): boolean => now - event.seen > MEMORY
    const isForgotten = (one: Remembered): boolean =>
      one instanceof EventGroup ? now - one.since > SIMILAR.window && [...one.events.values()].every(isOld) : isOld(one)
    for (const [uid, first] of this.#written) keep(this.#written, uid, first, isForgotten)
    for (const [uid, first] of this.#notes) keep(this.#notes, uid, first, isForgotten)
    for (const uid of this.#allowances.keys()) if (!this.#written.has(uid)) this.#allowances.delete(uid)
    this.#lookAt = Math.max(LOOK_AT, 2 * Math.max(this.#written.size, this.#notes.size))
  }
}

interface Allowance { tokens: number; at: number }

/** How many events a chain stands for: asked at each, so it makes nothing. */
function toldOf(first: Remembered): number {
  let told = 0
  for (let one: Remembered | undefined = first; one; one = one.next) {
    if (one instanceof EventGroup) for (const event of one.events.values()) told += event.count
    else told += one.count
  }
  return told
}

/** When the first of a chain was, in virtual ms. */
function firstOf(first: Remembered): number {
  const times: number[] = []
  for (let one: Remembered | undefined = first; one; one = one.next) times.push(...(one instanceof EventGroup ? [...one.events.values()] : [one]).map((event) => event.at))
  return Math.min(...times)
}

/** Takes out of a chain what is forgotten. */
function keep<T extends Remembered>(all: { set(uid: string, first: T): unknown; delete(uid: string): unknown }, uid: string, first: T, isForgotten: (one: T) => boolean): void {
  const left: T[] = []
  for (let one: T | undefined = first; one; one = one.next as T | undefined) if (!isForgotten(one)) left.push(one)
  left.forEach((one, i) => (one.next = left[i + 1]))
  if (!left[0]) all.delete(uid)
  else if (left[0] !== first) all.set(uid, left[0])
}

/** Events are best effort: what the server refuses (a namespace that goes) is dropped. */
function refusalOf(write: () => void): Error | undefined {
  try {
    write()
    return undefined
  } catch (error) {
    if (error instanceof StatusError || error instanceof ConnectionError) return error
    throw error
  }
}
