import type { Header, Hop } from './types.ts'

/** A hop as its stage writes it; the recorder adds when and where it was. */
export type HopContent = Omit<Hop, 'at' | 'machine' | 'networkNamespace'>

/** What a hop is told from. */
export interface Seen {
  readonly at: number
  readonly networkNamespace: string
  readonly interface: string | undefined
  readonly before: Header
  readonly after: Header | undefined
}

/** Up to four things that a stage knew; none of them may change afterwards. */
export type Facts = readonly [unknown?, unknown?, unknown?, unknown?]

/**
 * Makes a hop of what was seen, when somebody reads the journey: nobody ever reads most of them. It may look at nothing but
 * what it is given, for the world has gone on since.
 */
export type Telling<F extends Facts> = (seen: Seen, ...facts: F) => HopContent

/** A hop that nobody has read yet. */
export class Note implements Seen {
  readonly at: number
  readonly machine: string
  readonly networkNamespace: string
  readonly interface: string | undefined
  readonly before: Header
  readonly after: Header | undefined
  readonly #telling: Telling<[unknown, unknown, unknown, unknown]>
  readonly #a: unknown
  readonly #b: unknown
  readonly #c: unknown
  readonly #d: unknown

  constructor(
    at: number, machine: string, networkNamespace: string, interfaceName: string | undefined, before: Header, after: Header | undefined,
    telling: Telling<[unknown, unknown, unknown, unknown]>, a: unknown, b: unknown, c: unknown, d: unknown,
  ) {
    this.at = at
    this.machine = machine
    this.networkNamespace = networkNamespace
    this.interface = interfaceName
    this.before = before
    this.after = after
    this.#telling = telling
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  told(): Hop {
    return complete(this.#telling(this, this.#a, this.#b, this.#c, this.#d), this.at, this.machine, this.networkNamespace)
  }
}

/** Callers hand over a fresh object; completing it in place saves a copy for each hop. */
export function complete(content: HopContent, at: number, machine: string, networkNamespace: string): Hop {
  const hop = content as Hop
  hop.at = at
  hop.machine = machine
  hop.networkNamespace = networkNamespace
  return hop
}

/** The hops of one packet's way. */
export class Way {
  #written: (Note | Hop)[] = []
  /** Since somebody has read them; hops that follow are told at once, for the reader may have kept the list. */
  #read: Hop[] | undefined

  get length(): number {
    return (this.#read ?? this.#written).length
  }

  get hops(): Hop[] {
    if (!this.#read) {
      this.#read = this.#written.map(told)
      this.#written = []
    }
    return this.#read
  }

  add(hop: Note | Hop): void {
    if (this.#read) this.#read.push(told(hop))
    else this.#written.push(hop)
  }

  /** The same hops so far. */
  copy(): Way {
    const copy = new Way()
    copy.append(this)
    return copy
  }

  /** Whether both end at the same place, on the way to the same address. */
  endsAs(way: Way): boolean {
    const [own, other] = [this.#last, way.#last]
    return own !== undefined && own.machine === other?.machine && own.interface === other.interface && own.before.destination === other.before.destination
  }

  get #last(): Note | Hop | undefined {
    return (this.#read ?? this.#written).at(-1)
  }

  append(way: Way): void {
    for (const hop of way.#read ?? way.#written) this.add(hop)
  }
}

function told(hop: Note | Hop): Hop {
  return hop instanceof Note ? hop.told() : hop
}
