import type { Hop, Journey, Verdict } from './types.ts'
import { Way } from './way.ts'

/** A journey as the recorder writes it: its hops are told when somebody reads them. */
export class RecordedJourney implements Journey {
  declare readonly id: number
  declare readonly at: number
  declare readonly protocol: Journey['protocol']
  declare readonly from: string
  declare readonly program?: string
  declare readonly source: string
  declare readonly sourcePort?: number
  declare readonly destination: string
  declare readonly destinationPort?: number
  declare readonly hops: Hop[]
  declare readonly reply: Hop[]
  declare verdict: Verdict
  declare reason?: string
  declare finalDestination?: string
  declare sourceSeenByServer?: string
  declare to?: string
  declare packets: number
  declare bytes: number
  #forward = new Way()
  #back = new Way()
  #answered: 'yes' | 'a copy failed' | undefined

  constructor({ id, at, protocol, from, program, source, sourcePort, destination, destinationPort }: Omit<Journey, 'hops' | 'reply' | 'verdict' | 'packets' | 'bytes'>) {
    this.id = id
    this.at = at
    this.protocol = protocol
    this.from = from
    this.program = program
    this.source = source
    this.sourcePort = sourcePort
    this.destination = destination
    this.destinationPort = destinationPort
    // The object's own, as the window gets a copy of it.
    Object.defineProperty(this, 'hops', HOPS)
    Object.defineProperty(this, 'reply', REPLY)
    this.verdict = 'pending'
    this.packets = 0
    this.bytes = 0
  }

  way(direction: 'forward' | 'reply'): Way {
    return direction === 'forward' ? this.#forward : this.#back
  }

  /** Whether an answer has arrived: until then one of its copies may fail, which counts only if no other arrives. */
  get answered(): 'yes' | 'a copy failed' | undefined {
    return this.#answered
  }
  set answered(answered: 'yes' | 'a copy failed') {
    this.#answered = answered
  }

  /** The way of a later packet in place of the one that was there. */
  take(direction: 'forward' | 'reply', way: Way): void {
    if (direction === 'forward') this.#forward = way
    else this.#back = way
  }
}

const HOPS: PropertyDescriptor = {
  enumerable: true,
  get(this: RecordedJourney) {
    return this.way('forward').hops
  },
}
const REPLY: PropertyDescriptor = {
  enumerable: true,
  get(this: RecordedJourney) {
    return this.way('reply').hops
  },
}
