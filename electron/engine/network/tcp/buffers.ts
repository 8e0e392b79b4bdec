import { add, distance } from './sequence.ts'

/** Bytes that wait for their acknowledgement. Offset 0 is the first one not acknowledged. */
export class SendBuffer {
  #chunks: Uint8Array[] = []
  /** Bytes of the first chunk that are acknowledged already. */
  #skip = 0
  length = 0

  push(data: Uint8Array): void {
    if (data.length === 0) return
    this.#chunks.push(data.slice())
    this.length += data.length
  }

  drop(count: number): void {
    this.length -= count
    let left = count + this.#skip
    let whole = 0
    while (whole < this.#chunks.length && this.#chunks[whole]!.length <= left) left -= this.#chunks[whole++]!.length
    if (whole > 0) this.#chunks.splice(0, whole)
    this.#skip = left
  }

  slice(offset: number, count: number): Uint8Array {
    const out = new Uint8Array(Math.min(count, this.length - offset))
    let at = 0
    let skip = offset + this.#skip
    for (const chunk of this.#chunks) {
      if (at === out.length) break
      if (skip >= chunk.length) {
        skip -= chunk.length
        continue
      }
      const part = chunk.subarray(skip, skip + out.length - at)
      out.set(part, at)
      at += part.length
      skip = 0
    }
    return out
  }
}

/** Segments that came before their turn. */
export class ReassemblyQueue {
  #segments: { sequence: number; data: Uint8Array; fin: boolean }[] = []

  get size(): number {
    return this.#segments.length
  }

  add(sequence: number, data: Uint8Array, fin: boolean): void {
    const at = this.#segments.findIndex((s) => distance(s.sequence, sequence) >= 0)
    const same = this.#segments[at]
    if (same?.sequence === sequence && same.data.length >= data.length && (same.fin || !fin)) return
    this.#segments.splice(at < 0 ? this.#segments.length : at, 0, { sequence, data, fin })
  }

  /** What a SACK reports (RFC 2018 4): at most three blocks, first the one that has `latest`. */
  blocks(latest: number): [number, number][] {
    const out: [number, number][] = []
    for (const { sequence, data } of this.#segments) {
      const [last, end] = [out.at(-1), add(sequence, data.length)]
      if (last && distance(sequence, last[1]) <= 0) last[1] = distance(end, last[1]) > 0 ? end : last[1]
      else out.push([sequence, end])
    }
    const newest = out.findIndex(([from, to]) => distance(latest, from) >= 0 && distance(latest, to) < 0)
    if (newest > 0) out.unshift(...out.splice(newest, 1))
    return out.slice(0, 3)
  }

  /** What continues at `next`, without what is there already; undefined when there is a gap. */
  take(next: number): { data: Uint8Array; fin: boolean } | undefined {
    for (let first = this.#segments[0]; first && distance(first.sequence, next) <= 0; first = this.#segments[0]) {
      this.#segments.shift()
      const known = distance(next, first.sequence)
      if (known < first.data.length || (first.fin && known === first.data.length)) {
        return { data: first.data.subarray(known), fin: first.fin }
      }
    }
    return undefined
  }
}
