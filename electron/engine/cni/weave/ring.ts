import { nthAddress, parseCidr } from '../../network/address.ts'
import type { Cidr, Ip, Mac } from '../../network/types.ts'

/**
 * Who owns which part of the range of addresses (ipam/ring of weaveworks/weave): a ring of tokens, each owning the
 * addresses from itself to the next one. Addresses are offsets in the range.
 */
export interface RingEntry { token: number; peer: Mac; version: number }

export interface OwnedRange { start: number; end: number }

export class Ring {
  readonly range: Cidr
  readonly size: number
  /** By token. */
  entries: RingEntry[] = []
  /** Virtual ms at which consensus was reached; of two that were reached apart the earlier counts. */
  born = 0

  constructor(range: Cidr) {
    this.range = range
    this.size = 2 ** (32 - parseCidr(range).length)
  }

  get empty(): boolean {
    return this.entries.length === 0
  }

  /** ClaimForPeers: CIDR-aligned parts for the peers in the order of their names. */
  claim(peers: readonly Mac[], now: number): void {
    this.born = now
    const divide = (from: number, to: number, owners: readonly Mac[]): void => {
      const share = to - from
      if (share === 0) return
      if (share === 1 || owners.length === 1) {
        this.entries.push({ token: from, peer: owners[0]!, version: 0 })
        return
      }
      const [middle, half] = [from + Math.floor(share / 2), owners.length >> 1]
      divide(from, middle, owners.slice(0, half))
      divide(middle + (share % 2), to, owners.slice(half))
    }
    divide(0, this.size, [...new Set(peers)].sort())
  }

  owned(peer: Mac): OwnedRange[] {
    return this.entries.flatMap((entry, i) => (entry.peer === peer ? [{ start: entry.token, end: this.entries[i + 1]?.token ?? this.size }] : []))
  }

  /** How many addresses each peer has, in the ring's order. */
  shares(): Map<Mac, number> {
    const shares = new Map<Mac, number>()
    this.entries.forEach(({ token, peer }, i) => shares.set(peer, (shares.get(peer) ?? 0) + (this.entries[i + 1]?.token ?? this.size) - token))
    return shares
  }

  /** Gives a part of one's own to another peer (GrantRangeToHost). */
  grant({ start, end }: OwnedRange, to: Mac, from: Mac): void {
    const put = (token: number, peer: Mac): void => {
      const known = this.entries.find((e) => e.token === token)
      if (known) {
        known.peer = peer
        known.version++
      } else this.entries.push({ token, peer, version: 1 })
    }
    const next = this.entries.some((e) => e.token === end)
    put(start, to)
    if (end < this.size && !next) put(end, from)
    this.entries.sort((a, b) => a.token - b.token)
  }

  /** All that a peer had is another's (`weave rmpeer`). */
  transfer(from: Mac, to: Mac): boolean {
    const theirs = this.entries.filter((e) => e.peer === from)
    for (const entry of theirs) {
      entry.peer = to
      entry.version++
    }
    return theirs.length > 0
  }

  /** What another peer knows. True: something here is new. */
  merge(other: { entries: readonly RingEntry[]; born: number }): boolean {
    if (other.entries.length === 0) return false
    if (this.empty || other.born < this.born) {
      this.entries = other.entries.map((e) => ({ ...e }))
      this.born = other.born
      return true
    }
    if (other.born > this.born) return false
    let changed = false
    for (const theirs of other.entries) {
      const mine = this.entries.find((e) => e.token === theirs.token)
      if (mine && mine.version >= theirs.version) continue
      if (mine) Object.assign(mine, theirs)
      else this.entries.push({ ...theirs })
      changed = true
    }
    if (changed) this.entries.sort((a, b) => a.token - b.token)
    return changed
  }

  address(offset: number): Ip {
    return nthAddress(this.range, offset)
  }
}
