import { LateBody } from '../client.ts'
import { microTimestamp, timestamp } from '../human-duration.ts'

export interface ObjectReference {
  apiVersion?: string
  kind: string
  namespace?: string
  name: string
  uid: string
  resourceVersion?: string
  fieldPath?: string
}

/** Who writes events; `epoch` is the clock's, in ms since 1970. */
export interface Reporter { component: string; host?: string; epoch: number }

/** What few events have. `action`: an event of the new API (events.k8s.io); `related`: who it is about besides. */
export interface EventExtras { annotations?: Record<string, string> | undefined; action?: string; related?: ObjectReference | undefined }

/** What many events have in common: those of one reporter and reason share it. */
export interface EventKind { reporter: Reporter; type: string; reason: string; extras: EventExtras | undefined }

/** Of an object's name, that the event's is not longer than a name may be. */
const LONGEST = 253 - 1 - 16

/**
 * An Event that was written: what its recorder remembers of it, and what it is made of once somebody looks. A cluster has
 * seven for each Pod, so it has no field that can be told from the others.
 */
export class WrittenEvent extends LateBody {
  readonly #about: ObjectReference
  readonly #kind: EventKind
  readonly text: string
  /** Its name's time in µs, less the time at which it was written. */
  readonly #ahead: number
  count = 1
  /** When it was last seen again, in virtual time. */
  #seen: number | undefined = undefined
  /** What its recorder remembers besides of the same object. */
  next: Remembered | undefined = undefined

  constructor(about: ObjectReference, kind: EventKind, text: string, now: number, micros: number) {
    super()
    this.at = now
    this.#about = about
    this.#kind = kind
    // Put together from pieces, a text stays a tree of them until somebody looks into it.
    text.charCodeAt(0)
    this.text = text
    this.#ahead = micros - this.#writtenMicros()
  }

  get type(): string {
    return this.#kind.type
  }

  get reason(): string {
    return this.#kind.reason
  }

  #writtenMicros(): number {
    return Math.round((this.#kind.reporter.epoch + this.at) * 1000)
  }

  /** When it was seen last, in virtual time. */
  get seen(): number {
    return this.#seen ?? this.at
  }

  set seen(now: number) {
    this.#seen = now
  }

  get fieldPath(): string | undefined {
    return this.#about.fieldPath
  }

  get namespace(): string {
    return this.#about.namespace ?? 'default'
  }

  get name(): string {
    return `${this.#about.name}.${(BigInt(this.#writtenMicros() + this.#ahead) * 1000n).toString(16)}`
  }

  get hasFittingName(): boolean {
    return this.#about.name.length <= LONGEST
  }

  make(): object {
    const { reporter, type, reason, extras } = this.#kind
    const { component, host, epoch } = reporter
    const { annotations, action, related } = extras ?? {}
    const { text } = this
    const wall = epoch + this.at
    const metadata = { name: this.name, namespace: this.namespace, ...(annotations ? { annotations } : {}) }
    const head = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject: this.#about, reason, message: text }
    if (action !== undefined) {
      const eventTime = microTimestamp(wall)
      return { ...head, source: {}, firstTimestamp: null, lastTimestamp: null, type, eventTime, action, ...(related ? { related } : {}), reportingComponent: component, reportingInstance: `${component}-${host ?? ''}` }
    }
    const time = timestamp(wall)
    const source = host === undefined ? { component } : { component, host }
    return { ...head, source, firstTimestamp: time, lastTimestamp: time, count: 1, type, eventTime: null, reportingComponent: component, reportingInstance: host ?? '' }
  }
}

/** What was written of one object with one reason, once it is more than one event. */
export class EventGroup {
  readonly fieldPath: string | undefined
  readonly type: string
  readonly reason: string
  /** The texts since `since`. */
  messages: readonly string[]
  since: number
  readonly #events = new Map<string, WrittenEvent>()
  next: Remembered | undefined = undefined

  constructor({ fieldPath, type, reason }: Pick<EventGroup, 'fieldPath' | 'type' | 'reason'>, message: string, since: number) {
    this.fieldPath = fieldPath
    this.type = type
    this.reason = reason
    this.messages = [message]
    this.since = since
  }

  /** By their text, or by the word for those that were put together. */
  get events(): Map<string, WrittenEvent> {
    return this.#events
  }
}

/** A chain of these is what a recorder remembers of one object. */
export type Remembered = WrittenEvent | EventGroup
