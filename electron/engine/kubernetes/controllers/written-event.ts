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

export interface EventSource { component: string; host?: string }

/** Of an object's name, that the event's is not longer than a name may be. */
const LONGEST = 253 - 1 - 16

/** An Event that was written: what its recorder remembers of it, and what it is made of once somebody looks. */
export class WrittenEvent extends LateBody {
  readonly #about: ObjectReference
  readonly #source: EventSource
  readonly #type: string
  readonly #reason: string
  readonly #text: string
  /** When it was written, in ms since 1970; and in µs, as no other one was. */
  readonly #wall: number
  readonly #micros: number
  /** `action`: an event of the new API (events.k8s.io). */
  readonly #more: { annotations?: Record<string, string> | undefined; action?: string; related?: ObjectReference | undefined } | undefined
  count = 1
  /** When it was seen last, in virtual time. */
  seen: number

  constructor(about: ObjectReference, source: EventSource, type: string, reason: string, text: string, wall: number, micros: number, seen: number, more?: { annotations?: Record<string, string> | undefined; action?: string; related?: ObjectReference | undefined }) {
    super()
    this.#about = about
    this.#source = source
    this.#type = type
    this.#reason = reason
    this.#text = text
    this.#wall = wall
    this.#micros = micros
    this.seen = seen
    this.#more = more
  }

  get namespace(): string {
    return this.#about.namespace ?? 'default'
  }

  get name(): string {
    return `${this.#about.name}.${(BigInt(this.#micros) * 1000n).toString(16)}`
  }

  get hasFittingName(): boolean {
    return this.#about.name.length <= LONGEST
  }

  make(): object {
    const { component, host = '' } = this.#source
    const { annotations, action, related } = this.#more ?? {}
    const metadata = { name: this.name, namespace: this.namespace, ...(annotations ? { annotations } : {}) }
    const head = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject: this.#about, reason: this.#reason, message: this.#text }
    const type = this.#type
    if (action !== undefined) {
      const eventTime = microTimestamp(this.#wall)
      return { ...head, source: {}, firstTimestamp: null, lastTimestamp: null, type, eventTime, action, ...(related ? { related } : {}), reportingComponent: component, reportingInstance: `${component}-${host}` }
    }
    const time = timestamp(this.#wall)
    return { ...head, source: this.#source, firstTimestamp: time, lastTimestamp: time, count: 1, type, eventTime: null, reportingComponent: component, reportingInstance: host }
  }
}
