import { ipv4Number } from '../../address.ts'
import type { ConntrackTuple, Ip } from '../../types.ts'
import type { TrackedConnection } from './connection.ts'

/** One direction of a connection, as the table finds it by that direction's packets (struct nf_conntrack_tuple_hash). */
export interface Found {
  readonly connection: TrackedConnection
  readonly direction: 'original' | 'reply'
}

const FEW = 16

/**
 * Connections by the tuples of both their directions: two hash tables with chains as the kernel's one. The chains and the
 * order in which connections came run through the connections themselves, for there are very many.
 */
export class ConnectionTable {
  /** Made with the first connection; a power of two of them, twice as many at least as there are connections. */
  #originals: (TrackedConnection | undefined)[] = []
  #replies: (TrackedConnection | undefined)[] = []
  #first: TrackedConnection | undefined
  #last: TrackedConnection | undefined
  #size = 0

  /** `hash` is the tuple's {@link hashOf}. */
  get(tuple: ConntrackTuple, hash: number): Found | undefined {
    const originals = this.#originals
    if (originals.length === 0) return undefined
    const at = hash & (originals.length - 1)
    // What came last stands first in the kernel's chains: the reply of a connection with itself.
    for (let connection = this.#replies[at]; connection; connection = connection.replyNext) {
      if (connection.replyHash === hash && sameTuple(connection.known!, tuple)) return { connection, direction: 'reply' }
    }
    for (let connection = originals[at]; connection; connection = connection.originalNext) {
      if (connection.originalHash === hash && sameTuple(connection.original, tuple)) return { connection, direction: 'original' }
    }
    return undefined
  }

  /** The connection knows its hashes. */
  add(connection: TrackedConnection): void {
    connection.known = connection.reply
    connection.earlier = this.#last
    if (this.#last) this.#last.later = connection
    else this.#first = connection
    this.#last = connection
    if (2 * ++this.#size > this.#originals.length) this.#grow()
    else this.#insert(connection)
  }

  delete(connection: TrackedConnection): void {
    if (!connection.known) return
    const { earlier, later } = connection
    if (earlier) earlier.later = later
    else this.#first = later
    if (later) later.earlier = earlier
    else this.#last = earlier
    this.#size--
    this.#remove(connection)
    connection.known = connection.earlier = connection.later = connection.originalNext = connection.replyNext = undefined
  }

  /** In the order in which they came; the one that was given last may be deleted meanwhile. */
  *connections(): Iterable<TrackedConnection> {
    for (let connection = this.#first; connection;) {
      const { later } = connection
      yield connection
      connection = later
    }
  }

  #insert(connection: TrackedConnection): void {
    const mask = this.#originals.length - 1
    const original = connection.originalHash & mask
    const reply = connection.replyHash & mask
    connection.originalNext = this.#originals[original]
    this.#originals[original] = connection
    connection.replyNext = this.#replies[reply]
    this.#replies[reply] = connection
  }

  #remove(connection: TrackedConnection): void {
    const mask = this.#originals.length - 1
    const original = connection.originalHash & mask
    const reply = connection.replyHash & mask
    let before = this.#originals[original]!
    if (before === connection) this.#originals[original] = connection.originalNext
    else {
      while (before.originalNext !== connection) before = before.originalNext!
      before.originalNext = connection.originalNext
    }
    before = this.#replies[reply]!
    if (before === connection) this.#replies[reply] = connection.replyNext
    else {
      while (before.replyNext !== connection) before = before.replyNext!
      before.replyNext = connection.replyNext
    }
  }

  #grow(): void {
    const size = Math.max(FEW, 2 * this.#originals.length)
    this.#originals = new Array<TrackedConnection | undefined>(size).fill(undefined)
    this.#replies = new Array<TrackedConnection | undefined>(size).fill(undefined)
    for (const connection of this.connections()) this.#insert(connection)
  }
}

export function sameTuple(a: ConntrackTuple, b: ConntrackTuple): boolean {
  return a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort && a.source === b.source && a.destination === b.destination && a.protocol === b.protocol
}

export function hashOf({ source, destination, sourcePort, destinationPort, protocol }: ConntrackTuple): number {
  let hash = Math.imul(addressHash(source), 0x9e3779b1) ^ addressHash(destination)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ ((sourcePort << 16) | destinationPort)
  hash = Math.imul(hash ^ protocol.length, 0xc2b2ae35)
  // Not negative, and small enough for the engine's small integers everywhere.
  return (hash ^ (hash >>> 16)) & 0x3fffffff
}

function addressHash(ip: Ip): number {
  const v4 = ipv4Number(ip)
  if (!Number.isNaN(v4)) return v4 | 0
  let hash = 2166136261
  for (let i = 0; i < ip.length; i++) hash = Math.imul(hash ^ ip.charCodeAt(i), 16777619)
  return hash
}
