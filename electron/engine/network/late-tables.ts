import type { Ip } from './types.ts'

/**
 * Rows (routes, neighbours, FDB entries) that an agent on a node writes only when somebody looks at the tables or a packet
 * needs them: each of 5,000 nodes has three for each of the others. Looking later shows what writing at once would have shown.
 */
export interface LateRows {
  /** Whether anything is still to be written. */
  readonly behind: boolean
  /** Nothing will come any more. */
  readonly over: boolean
  /** The links that they lead through. */
  readonly devices: readonly string[]
  /** Whether neighbours and FDB entries of these links are among them, or routes only. */
  readonly tunnels: boolean
  /** Whether a route to this address could be among them. */
  concerns(destination: Ip): boolean
  write(): void
}

/** The late rows of one network namespace, in the order in which their agents came. */
export class LateTables {
  #rows: readonly LateRows[] = []
  #writing = false
  /** When the first agent came, virtual ms. */
  readonly since: number

  constructor(since: number) {
    this.since = since
  }

  add(rows: LateRows): void {
    this.#rows = [...this.#rows, rows]
  }

  get behind(): boolean {
    if (this.#writing) return false
    for (const rows of this.#rows) if (rows.behind) return true
    return false
  }

  /** They are being written just now: nobody is told, as nothing changes for who looks. */
  get writing(): boolean {
    return this.#writing
  }

  settle(): void {
    if (!this.behind) return
    this.#writing = true
    try {
      for (const rows of this.#rows) if (rows.behind) rows.write()
    } finally {
      this.#writing = false
      if (this.#rows.some((rows) => rows.over)) this.#rows = this.#rows.filter((rows) => !rows.over)
    }
  }

  /** Before a route to an address is looked for. */
  forAddress(destination: Ip): void {
    if (this.#writing) return
    if (this.#rows.some((rows) => rows.behind && rows.concerns(destination))) this.settle()
  }

  /** Before something happens to a link. */
  forLink(name: string): void {
    if (this.#rows.some((rows) => rows.devices.includes(name))) this.settle()
  }

  /** Before a link's neighbours are looked at. */
  forNeighbours(name: string): void {
    if (this.behind && this.#rows.some((rows) => rows.tunnels && rows.devices.includes(name))) this.settle()
  }
}
