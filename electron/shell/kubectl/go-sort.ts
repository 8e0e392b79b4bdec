/**
 * Sorted as Go's sort.Sort does it: what compares equal stays in place in lists of up to twelve, and in longer ones comes
 * to stand where pattern-defeating quicksort (Peters, arXiv 2106.05123) happens to leave it. `less` need be no order.
 */
export function goSort<T>(items: readonly T[], less: (a: T, b: T) => boolean): T[] {
  const sorter = new Sorter([...items], less)
  sorter.sort(0, items.length, bits(items.length))
  return sorter.items
}

/** How many bits a number has. */
function bits(n: number): number {
  return n === 0 ? 0 : 32 - Math.clz32(n)
}

const INSERTION = 12
const LONG = 50

class Sorter<T> {
  readonly items: T[]
  readonly #before: (a: T, b: T) => boolean

  constructor(items: T[], before: (a: T, b: T) => boolean) {
    this.items = items
    this.#before = before
  }

  #less(i: number, j: number): boolean {
    return this.#before(this.items[i]!, this.items[j]!)
  }
  #swap(i: number, j: number): void {
    const kept = this.items[i]!
    this.items[i] = this.items[j]!
    this.items[j] = kept
  }

  /** From `from` up to `to`; `limit`: how many bad pivots there may be before a heap takes over. */
  sort(from: number, to: number, limit: number): void {
    let balanced = true
    let partitioned = true
    for (;;) {
      const length = to - from
      if (length <= INSERTION) return this.#insert(from, to)
      if (limit === 0) return this.#heap(from, to)
      if (!balanced) {
        this.#shake(from, to)
        limit--
      }
      let { pivot, trend } = this.#choose(from, to)
      if (trend === 'falling') {
        for (let i = from, j = to - 1; i < j; i++, j--) this.#swap(i, j)
        pivot = to - 1 - (pivot - from)
        trend = 'rising'
      }
      if (balanced && partitioned && trend === 'rising' && this.#nearlySorted(from, to)) return
      if (from > 0 && !this.#less(from - 1, pivot)) {
        from = this.#skipEqual(from, to, pivot)
        continue
      }
      const { middle, already } = this.#partition(from, to, pivot)
      partitioned = already
      const [left, right] = [middle - from, to - middle]
      balanced = Math.min(left, right) >= Math.floor(length / 8)
      if (left < right) {
        this.sort(from, middle, limit)
        from = middle + 1
      } else {
        this.sort(middle + 1, to, limit)
        to = middle
      }
    }
  }

  #insert(from: number, to: number): void {
    for (let i = from + 1; i < to; i++) for (let j = i; j > from && this.#less(j, j - 1); j--) this.#swap(j, j - 1)
  }

  #heap(from: number, to: number): void {
    const sift = (root: number, end: number): void => {
      for (;;) {
        let child = 2 * root + 1
        if (child >= end) return
        if (child + 1 < end && this.#less(from + child, from + child + 1)) child++
        if (!this.#less(from + root, from + child)) return
        this.#swap(from + root, from + child)
        root = child
      }
    }
    const size = to - from
    for (let i = Math.floor((size - 1) / 2); i >= 0; i--) sift(i, size)
    for (let i = size - 1; i >= 0; i--) {
      this.#swap(from, from + i)
      sift(0, i)
    }
  }

  /** Three in the middle change places with others, by xorshift from the length. */
  #shake(from: number, to: number): void {
    const length = to - from
    if (length < 8) return
    let state = BigInt(length)
    const mask = (1n << BigInt(bits(length))) - 1n
    const at = from + Math.floor(length / 4) * 2 - 1
    for (let i = 0; i < 3; i++) {
      state = BigInt.asUintN(64, state ^ (state << 13n))
      state ^= state >> 7n
      state = BigInt.asUintN(64, state ^ (state << 17n))
      let other = Number(state & mask)
      if (other >= length) other -= length
      this.#swap(at + i, from + other)
    }
  }

  /** The median of three, of long lists that of three medians, and what its comparisons tell of the whole. */
  #choose(from: number, to: number): { pivot: number; trend: 'rising' | 'falling' | 'unknown' } {
    const length = to - from
    const quarter = Math.floor(length / 4)
    let swaps = 0
    const order = (a: number, b: number): [number, number] => {
      if (!this.#less(b, a)) return [a, b]
      swaps++
      return [b, a]
    }
    const median = (a: number, b: number, c: number): number => {
      ;[a, b] = order(a, b)
      ;[b, c] = order(b, c)
      ;[a, b] = order(a, b)
      return b
    }
    let [i, j, k] = [from + quarter, from + quarter * 2, from + quarter * 3]
    if (length >= LONG) [i, j, k] = [median(i - 1, i, i + 1), median(j - 1, j, j + 1), median(k - 1, k, k + 1)]
    const pivot = median(i, j, k)
    return { pivot, trend: swaps === 0 ? 'rising' : swaps === 12 ? 'falling' : 'unknown' }
  }

  /** A few steps of insertion; whether they were enough. */
  #nearlySorted(from: number, to: number): boolean {
    let i = from + 1
    for (let step = 0; step < 5; step++) {
      while (i < to && !this.#less(i, i - 1)) i++
      if (i === to) return true
      if (to - from < LONG) return false
      this.#swap(i, i - 1)
      if (i - from >= 2) for (let j = i - 1; j >= 1 && this.#less(j, j - 1); j--) this.#swap(j, j - 1)
      if (to - i >= 2) for (let j = i + 1; j < to && this.#less(j, j - 1); j++) this.#swap(j, j - 1)
    }
    return false
  }

  #skipEqual(from: number, to: number, pivot: number): number {
    this.#swap(from, pivot)
    let [i, j] = [from + 1, to - 1]
    for (;;) {
      while (i <= j && !this.#less(from, i)) i++
      while (i <= j && this.#less(from, j)) j--
      if (i > j) return i
      this.#swap(i++, j--)
    }
  }

  #partition(from: number, to: number, pivot: number): { middle: number; already: boolean } {
    this.#swap(from, pivot)
    let [i, j] = [from + 1, to - 1]
    for (let already = true; ; already = false) {
      while (i <= j && this.#less(i, from)) i++
      while (i <= j && !this.#less(j, from)) j--
      if (i > j) {
        this.#swap(j, from)
        return { middle: j, already }
      }
      this.#swap(i++, j--)
    }
  }
}
