import { ipv4Number } from '../../address.ts'
import type { ConntrackTuple, Ip } from '../../types.ts'
import type { TrackedConnection } from './connection.ts'

/** One direction of a connection, as the table finds it by that direction's packets (struct nf_conntrack_tuple_hash). */
export interface Found {
  readonly connection: TrackedConnection
  readonly direction: 'original' | 'reply'
}

const FEW = 32
const REPLY = 1
/** Tells a place that is taken from an empty one. */
const TAKEN = 0x8000_0000

const NONE = new Int32Array(0)

/**
 * Connections by the tuples of both their directions: a hash table with linear probing. Hash and direction stand apart from
 * the connections and close to each other, for there are very many and most of who asks finds nothing. The order in which
 * connections came runs through the connections themselves.
 */
export class ConnectionTable {
  /** Made with the first connection; a power of two of them, of which at most half are taken: hash, then direction. Zero: empty. */
  #keys: Int32Array = NONE
  #connections: (TrackedConnection | undefined)[] = []
  #first: TrackedConnection | undefined
  #last: TrackedConnection | undefined
  #size = 0

  /** `hash` is the tuple's {@link hashOf}. */
  get(tuple: ConntrackTuple, hash: number): Found | undefined {
    const keys = this.#keys
    if (keys.length === 0) return undefined
    const mask = keys.length - 1
    const wanted = (hash << 1) | TAKEN
    let found: TrackedConnection | undefined
    for (let at = hash & mask, key = keys[at]!; key !== 0; at = (at + 1) & mask, key = keys[at]!) {
      if ((key & ~REPLY) !== wanted) continue
      const connection = this.#connections[at]!
      // The reply of a connection with itself stands first in the kernel's chains.
      if (key !== wanted) {
        if (sameTuple(connection.known!, tuple)) return { connection, direction: 'reply' }
      } else if (sameTuple(connection.original, tuple)) found = connection
    }
    return found && { connection: found, direction: 'original' }
  }

  /** The connection knows its hashes. */
  add(connection: TrackedConnection): void {
    connection.known = connection.reply
    connection.earlier = this.#last
    if (this.#last) this.#last.later = connection
    else this.#first = connection
    this.#last = connection
    if (4 * ++this.#size > this.#keys.length) this.#grow()
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
    this.#remove((connection.originalHash << 1) | TAKEN, connection)
    this.#remove((connection.replyHash << 1) | TAKEN | REPLY, connection)
    connection.known = connection.earlier = connection.later = undefined
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
    this.#place((connection.originalHash << 1) | TAKEN, connection)
    this.#place((connection.replyHash << 1) | TAKEN | REPLY, connection)
  }

  #place(key: number, connection: TrackedConnection): void {
    const mask = this.#keys.length - 1
    let at = (key >>> 1) & mask
    while (this.#keys[at] !== 0) at = (at + 1) & mask
    this.#keys[at] = key
    this.#connections[at] = connection
  }

  /** One of its two places; what stands behind moves up, so that no search ends too early. */
  #remove(key: number, connection: TrackedConnection): void {
    const keys = this.#keys
    const connections = this.#connections
    const mask = keys.length - 1
    let gap = (key >>> 1) & mask
    while (connections[gap] !== connection || keys[gap] !== key) gap = (gap + 1) & mask
    for (let at = (gap + 1) & mask; keys[at] !== 0; at = (at + 1) & mask) {
      const home = (keys[at]! >>> 1) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      keys[gap] = keys[at]!
      connections[gap] = connections[at]
      gap = at
    }
    keys[gap] = 0
    connections[gap] = undefined
  }

  #grow(): void {
    const size = Math.max(FEW, 2 * this.#keys.length)
    this.#keys = new Int32Array(size)
    this.#connections = new Array<TrackedConnection | undefined>(size).fill(undefined)
    for (let connection = this.#first; connection; connection = connection.later) this.#insert(connection)
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
