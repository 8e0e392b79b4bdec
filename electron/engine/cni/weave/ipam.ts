import type { Filesystem } from '../../machine/types.ts'
import type { Cidr, Ip, Mac } from '../../network/types.ts'
import { DATABASE } from './names.ts'
import { Ring, type OwnedRange, type RingEntry } from './ring.ts'

/** Of the bridge, which is nobody's container. */
export const EXPOSE = 'weave:expose'

interface Stored { name: Mac; born: number; ring: RingEntry[]; owned: Record<string, string> }

/** One peer's allocator (ipam/allocator.go): hands out what it owns of the ring, the lowest first, and remembers on disk. */
export class Allocator {
  readonly ring: Ring
  readonly #fs: Filesystem
  readonly #name: Mac
  readonly #taken = new Map<number, string>()

  constructor(fs: Filesystem, name: Mac, range: Cidr) {
    this.#fs = fs
    this.#name = name
    this.ring = new Ring(range)
    if (!fs.exists(DATABASE)) return
    const stored = JSON.parse(fs.readText(DATABASE)) as Stored
    if (stored.name !== name) return
    this.ring.merge({ entries: stored.ring, born: stored.born })
    for (const [offset, id] of Object.entries(stored.owned)) this.#taken.set(Number(offset), id)
  }

  get active(): number {
    return this.#taken.size
  }

  /** Who has which addresses: container ids in the order of their first address. */
  list(): { id: string; ip: Ip }[] {
    return [...this.#taken].sort(([a], [b]) => a - b).map(([offset, id]) => ({ id, ip: this.ring.address(offset) }))
  }

  find(id: string): Ip | undefined {
    return this.list().find((row) => row.id === id)?.ip
  }

  /** The address that it has, or a new one; undefined: nothing is free. */
  allocate(id: string): Ip | undefined {
    const known = this.find(id)
    if (known !== undefined) return known
    for (const range of this.#usable()) {
      for (let offset = range.start; offset < range.end; offset++) {
        if (this.#taken.has(offset)) continue
        this.#taken.set(offset, id)
        this.save()
        return this.ring.address(offset)
      }
    }
    return undefined
  }

  /** False: it has none. */
  release(id: string): boolean {
    const mine = [...this.#taken].filter(([, owner]) => owner === id)
    for (const [offset] of mine) this.#taken.delete(offset)
    if (mine.length > 0) this.save()
    return mine.length > 0
  }

  /** The half of the largest free piece, for a peer that asks (space.Donate). */
  donate(to: Mac): boolean {
    let best: OwnedRange | undefined
    for (const range of this.#usable()) {
      let start = range.start
      for (let offset = range.start; offset <= range.end; offset++) {
        if (offset < range.end && !this.#taken.has(offset)) continue
        if (offset - start > (best ? best.end - best.start : 0)) best = { start, end: offset }
        start = offset + 1
      }
    }
    if (!best || best.end - best.start < 2) return false
    const middle = best.start + ((best.end - best.start + 1) >> 1)
    const whole = this.ring.owned(this.#name).find((r) => r.start <= middle && middle < r.end)!
    // up to the end of the piece: the network's last address goes along with it
    this.ring.grant({ start: middle, end: best.end === this.ring.size - 1 ? whole.end : best.end }, to, this.#name)
    this.save()
    return true
  }

  save(): void {
    this.#fs.makeDirectory(DATABASE.slice(0, DATABASE.lastIndexOf('/')), { parents: true })
    const stored: Stored = { name: this.#name, born: this.ring.born, ring: this.ring.entries, owned: Object.fromEntries([...this.#taken].map(([offset, id]) => [String(offset), id])) }
    this.#fs.writeFile(DATABASE, JSON.stringify(stored))
  }

  /** Without the network's own address and its broadcast address. */
  #usable(): OwnedRange[] {
    return this.ring.owned(this.#name).map(({ start, end }) => ({ start: Math.max(start, 1), end: Math.min(end, this.ring.size - 1) }))
  }
}
