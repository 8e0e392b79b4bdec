import { holds, type Node, type Syntax } from './syntax.ts'

/** The most steps of one search. */
const MOST_STEPS = 1_000_000

/** A search with back-references or looks around that would take too long. */
export class TooManySteps extends Error {}

type Continue = (at: number) => boolean

/** A backtracking search that gives up after a number of steps, for what automata cannot do. */
export class Backtracker {
  readonly #syntax: Syntax
  #text = ''
  #steps = 0
  #spans: number[] = []

  constructor(syntax: Syntax) {
    this.#syntax = syntax
  }

  /** The leftmost match from `from` on (or only there): the first found, or the longest. */
  search(text: string, from: number, anchored: boolean, longest: boolean): number[] | undefined {
    this.#text = text
    this.#steps = 0
    for (let start = from; start <= text.length; start += (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1) {
      this.#spans = new Array<number>(2 * this.#syntax.groups + 2).fill(-1)
      let best: number[] | undefined
      try {
        this.#match(this.#syntax.root, start, (end) => {
          if (!best || end > best[1]!) best = this.#spans.with(0, start).with(1, end)
          return !longest || end === text.length
        })
      } catch (error) {
        if (error instanceof RangeError) throw new TooManySteps()
        throw error
      }
      if (best) return best
      if (anchored) return undefined
    }
    return undefined
  }

  #match(node: Node, at: number, then: Continue): boolean {
    if (++this.#steps > MOST_STEPS) throw new TooManySteps()
    const text = this.#text
    switch (node.type) {
      case 'empty':
        return then(at)
      case 'char': {
        const code = text.codePointAt(at)
        return code !== undefined && node.test.matches(code) && then(at + (code > 0xffff ? 2 : 1))
      }
      case 'assert':
        return holds(node.kind, text, at, this.#syntax.multiline) && then(at)
      case 'sequence':
        return this.#sequence(node.items, 0, at, then)
      case 'choice':
        return node.items.some((item) => this.#match(item, at, then))
      case 'group': {
        if (node.index === undefined) return this.#match(node.item, at, then)
        const i = 2 * node.index
        const [before, after] = [this.#spans[i]!, this.#spans[i + 1]!]
        const matched = this.#match(node.item, at, (end) => {
          const inner = [this.#spans[i]!, this.#spans[i + 1]!] as const
          this.#spans[i] = at
          this.#spans[i + 1] = end
          if (then(end)) return true
          ;[this.#spans[i], this.#spans[i + 1]] = inner
          return false
        })
        if (!matched) [this.#spans[i], this.#spans[i + 1]] = [before, after]
        return matched
      }
      case 'look':
        return this.#look(node) (at) && then(at)
      case 'reference': {
        const from = this.#spans[2 * node.index] ?? -1
        if (from < 0) return false
        const same = text.slice(from, this.#spans[2 * node.index + 1])
        return text.startsWith(same, at) && then(at + same.length)
      }
      case 'repeat':
        return node.item.type === 'char' ? this.#characters(node, node.item, at, then) : this.#repeat(node, 0, at, then)
    }
  }

  #sequence(items: readonly Node[], index: number, at: number, then: Continue): boolean {
    return index === items.length ? then(at) : this.#match(items[index]!, at, (next) => this.#sequence(items, index + 1, next, then))
  }

  #characters(node: Node & { type: 'repeat' }, item: Node & { type: 'char' }, from: number, then: Continue): boolean {
    const places = [from]
    const extend = (): boolean => {
      const at = places.at(-1)!
      const code = this.#text.codePointAt(at)
      if (places.length > node.max || code === undefined || !item.test.matches(code)) return false
      places.push(at + (code > 0xffff ? 2 : 1))
      return true
    }
    while (places.length <= node.min) if (!extend()) return false
    if (node.lazy) {
      do {
        if (then(places.at(-1)!)) return true
      } while (extend())
      return false
    }
    while (extend());
    this.#steps += places.length
    for (let count = places.length - 1; count >= node.min; count--) if (then(places[count]!)) return true
    return false
  }

  #repeat(node: Node & { type: 'repeat' }, count: number, at: number, then: Continue): boolean {
    const more = (): boolean => count < node.max && this.#match(node.item, at, (next) => (next > at || count < node.min) && this.#repeat(node, count + 1, next, then))
    const enough = (): boolean => count >= node.min && then(at)
    return node.lazy ? enough() || more() : more() || enough()
  }

  /** Looks behind begin wherever the inner expression can, so that it ends here. */
  #look(node: Node & { type: 'look' }): (at: number) => boolean {
    return (at) => {
      let found = false
      if (node.ahead) found = this.#match(node.item, at, () => true)
      else for (let from = at; from >= 0 && !found; from--) found = this.#match(node.item, from, (end) => end === at)
      return found !== node.negative
    }
  }
}
