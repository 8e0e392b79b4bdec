import { ipv4Number } from '../../address.ts'
import type { ConntrackTuple, Ip } from '../../types.ts'
import type { TrackedConnection } from './connection.ts'

/** One direction of a connection, as the table finds it by that direction's packets (struct nf_conntrack_tuple_hash). */
export interface Found {
  readonly connection: TrackedConnection
  readonly direction: 'original' | 'reply'
}

class Entry implements Found {
  readonly connection: TrackedConnection
  readonly direction: 'original' | 'reply'
  readonly tuple: ConntrackTuple
  readonly hash: number
  next: Entry | undefined

  constructor(connection: TrackedConnection, direction: 'original' | 'reply', tuple: ConntrackTuple) {
    this.connection = connection
    this.direction = direction
    this.tuple = tuple
    this.hash = hashOf(tuple)
  }
}

const FEW = 16

/** Connections by the tuples of both their directions: a hash table with chains, as the kernel's, for keys made of text cost too much. */
export class ConnectionTable {
  /** Made with the first connection; a power of two of them. */
  #buckets: (Entry | undefined)[] = []
  /** In the order in which they came, with the reply's tuple as it stands in the table. */
  readonly #connections = new Map<TrackedConnection, ConntrackTuple>()

  connections(): Iterable<TrackedConnection> {
    return this.#connections.keys()
  }

  get(tuple: ConntrackTuple): Found | undefined {
    const buckets = this.#buckets
    if (buckets.length === 0) return undefined
    const hash = hashOf(tuple)
    let entry = buckets[hash & (buckets.length - 1)]
    while (entry && (entry.hash !== hash || !sameTuple(entry.tuple, tuple))) entry = entry.next
    return entry
  }

  add(connection: TrackedConnection): void {
    this.#connections.set(connection, connection.reply)
    if (this.#connections.size * 2 > this.#buckets.length) this.#grow()
    this.#insert(new Entry(connection, 'original', connection.original))
    this.#insert(new Entry(connection, 'reply', connection.reply))
  }

  delete(connection: TrackedConnection): void {
    const reply = this.#connections.get(connection)
    if (!reply) return
    this.#connections.delete(connection)
    this.#remove(connection, connection.original)
    this.#remove(connection, reply)
  }

  #insert(entry: Entry): void {
    const at = entry.hash & (this.#buckets.length - 1)
    entry.next = this.#buckets[at]
    this.#buckets[at] = entry
  }

  #remove(connection: TrackedConnection, tuple: ConntrackTuple): void {
    const at = hashOf(tuple) & (this.#buckets.length - 1)
    let before: Entry | undefined
    for (let entry = this.#buckets[at]; entry; before = entry, entry = entry.next) {
      if (entry.connection !== connection || !sameTuple(entry.tuple, tuple)) continue
      if (before) before.next = entry.next
      else this.#buckets[at] = entry.next
      return
    }
  }

  #grow(): void {
    const old = this.#buckets
    this.#buckets = new Array<Entry | undefined>(Math.max(FEW, 2 * old.length)).fill(undefined)
    for (const first of old) {
      for (let entry = first; entry;) {
        const { next } = entry
        this.#insert(entry)
        entry = next
      }
    }
  }
}

export function sameTuple(a: ConntrackTuple, b: ConntrackTuple): boolean {
  return a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort && a.source === b.source && a.destination === b.destination && a.protocol === b.protocol
}

function hashOf({ source, destination, sourcePort, destinationPort, protocol }: ConntrackTuple): number {
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
