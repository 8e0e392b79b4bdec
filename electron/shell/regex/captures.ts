import { holds, type Node, type Syntax } from './syntax.ts'

/**
 * What the groups of a POSIX expression matched, when the whole matched from `start` to `end`: each part, from left to
 * right, takes the most that leaves the whole as it is; of alternatives the first that fits (regex(7)).
 */
export function posixGroups(syntax: Syntax, text: string, start: number, end: number): number[] {
  return new Assignment(syntax, text, start, end).spans
}

class Assignment {
  readonly spans: number[]
  readonly #text: string
  readonly #multiline: boolean
  readonly #end: number
  readonly #known = new Map<Node, Map<number, number[]>>()
  readonly #tails = new Map<Node, Node>()

  constructor(syntax: Syntax, text: string, start: number, end: number) {
    this.#text = text
    this.#multiline = syntax.multiline
    this.#end = end
    this.spans = new Array<number>(2 * syntax.groups + 2).fill(-1)
    this.spans[0] = start
    this.spans[1] = end
    this.#assign(syntax.root, start, end)
  }

  /** Where a match of `node` from `at` can end, the farthest first. */
  #ends(node: Node, at: number): number[] {
    let byStart = this.#known.get(node)
    if (!byStart) this.#known.set(node, (byStart = new Map()))
    let found = byStart.get(at)
    if (!found) {
      found = [...new Set(this.#compute(node, at))].filter((e) => e <= this.#end).sort((a, b) => b - a)
      byStart.set(at, found)
    }
    return found
  }

  #compute(node: Node, at: number): number[] {
    switch (node.type) {
      case 'char': {
        const code = at < this.#text.length ? this.#text.codePointAt(at)! : -1
        return code >= 0 && node.test.matches(code) ? [at + (code > 0xffff ? 2 : 1)] : []
      }
      case 'assert':
        return holds(node.kind, this.#text, at, this.#multiline) ? [at] : []
      case 'group':
        return this.#ends(node.item, at)
      case 'choice':
        return node.items.flatMap((item) => this.#ends(item, at))
      case 'sequence':
        return this.#ends(node.items[0]!, at).flatMap((middle) => this.#ends(this.#tail(node), middle))
      case 'repeat': {
        const out: number[] = []
        let reached = new Set([at])
        for (let count = 0; count <= node.max && reached.size > 0; count++) {
          if (count >= node.min) {
            const before = out.length
            for (const place of reached) if (!out.includes(place)) out.push(place)
            if (out.length === before) break
          }
          const next = new Set<number>()
          for (const place of reached) for (const end of this.#ends(node.item, place)) if (end > place || count < node.min) next.add(end)
          reached = next
        }
        return out
      }
      default:
        return [at]
    }
  }

  /** A sequence without its first item: one object each, so that answers are found again. */
  #tail(node: Node & { type: 'sequence' }): Node {
    let tail = this.#tails.get(node)
    if (!tail) this.#tails.set(node, (tail = node.items.length === 2 ? node.items[1]! : { type: 'sequence', items: node.items.slice(1) }))
    return tail
  }

  #less(node: Node & { type: 'repeat' }): Node {
    let tail = this.#tails.get(node)
    if (!tail) this.#tails.set(node, (tail = { ...node, min: Math.max(0, node.min - 1), max: node.max - 1 }))
    return tail
  }

  #assign(node: Node, from: number, to: number): void {
    switch (node.type) {
      case 'group':
        if (node.index !== undefined) {
          this.spans[2 * node.index] = from
          this.spans[2 * node.index + 1] = to
        }
        return this.#assign(node.item, from, to)
      case 'choice': {
        const fitting = node.items.find((item) => this.#ends(item, from).includes(to))
        if (fitting) this.#assign(fitting, from, to)
        return
      }
      case 'sequence': {
        const tail = this.#tail(node)
        const middle = this.#ends(node.items[0]!, from).find((m) => this.#ends(tail, m).includes(to))
        if (middle === undefined) return
        this.#assign(node.items[0]!, from, middle)
        return this.#assign(tail, middle, to)
      }
      case 'repeat': {
        let rest: Node & { type: 'repeat' } = node
        for (let at = from; at < to || rest.min > 0;) {
          const less = (rest.min === 0 && rest.max === Infinity ? rest : this.#less(rest)) as Node & { type: 'repeat' }
          const next = this.#ends(rest.item, at).find((m) => (m > at || rest.min > 0) && (m === to || this.#ends(less, m).includes(to)))
          if (next === undefined) return
          this.#assign(rest.item, at, next)
          at = next
          rest = less
        }
        return
      }
      default:
    }
  }
}
