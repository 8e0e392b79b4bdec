/** An event that waits for its time. */
export interface Timer {
  readonly at: number
  readonly sequence: number
  readonly background: boolean
  run: (() => void) | null
}

/**
 * Timers by their time, those of one time in the order in which they came. The near future is a small heap; what is later
 * waits unordered, a span of time together, until its span is next: most timers are cancelled before (TCP's), or are so far
 * away that they need not be sorted again and again among what happens now.
 */
export class TimerQueue {
  readonly #span: number
  #near: Timer[] = []
  /** What is before it is near. */
  #horizon: number
  /** By number of its span. */
  readonly #far = new Map<number, Timer[]>()
  /** The numbers of spans that have something, as a heap. */
  readonly #spans: number[] = []

  /** `span`: in ms, a power of two, so that times are divided exactly; Infinity for few timers. */
  constructor(span: number) {
    this.#span = span
    this.#horizon = span
  }

  add(timer: Timer): void {
    if (timer.at < this.#horizon || this.#horizon === Infinity) return push(this.#near, timer, before)
    const number = Math.floor(timer.at / this.#span)
    const span = this.#far.get(number)
    if (span) return void span.push(timer)
    this.#far.set(number, [timer])
    push(this.#spans, number, less)
  }

  /** The next one that is not cancelled; undefined when there is none, or surely none until `limit`. */
  first(limit: number): Timer | undefined {
    for (;;) {
      const near = this.#near
      while (near.length > 0) {
        const timer = near[0]!
        if (timer.run) return timer
        pop(near, before)
      }
      if (this.#spans.length === 0 || this.#spans[0]! * this.#span > limit) return undefined
      const number = pop(this.#spans, less)
      this.#horizon = (number + 1) * this.#span
      for (const timer of this.#far.get(number)!) if (timer.run) push(near, timer, before)
      this.#far.delete(number)
    }
  }

  /** The one that {@link first} has found. */
  removeFirst(): void {
    pop(this.#near, before)
  }
}

type Order<T> = (a: T, b: T) => boolean

const before: Order<Timer> = (a, b) => a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
const less: Order<number> = (a, b) => a < b

function push<T>(heap: T[], item: T, before: Order<T>): void {
  let i = heap.length
  heap.push(item)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(item, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = item
}

function pop<T>(heap: T[], before: Order<T>): T {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return top
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return top
}
