import { holds, type Assertion, type CharTest, type Node, type Syntax } from './syntax.ts'

/** More states than this are glibc's "Regular expression too big". */
const MOST_STATES = 60_000

const CHAR = 0
const SPLIT = 1
const JUMP = 2
const SAVE = 3
const ASSERT = 4
const MATCH = 5

interface Instruction { op: number; x: number; y: number; test?: CharTest; kind?: Assertion }

interface Thread { pc: number; saved: number[] }

/** A match: pairs of start and end in UTF-16 units, the whole first; -1 where a group took no part. */
export type Spans = number[]

export class TooBig extends Error {}

/** An expression without back-references as an automaton: time is linear in the subject (Thompson, Pike). */
export class Automaton {
  readonly #program: Instruction[] = []
  readonly #multiline: boolean
  readonly #groups: number
  #marks: Uint32Array
  #generation = 0

  constructor(syntax: Syntax) {
    this.#multiline = syntax.multiline
    this.#groups = syntax.groups
    this.#compile(syntax.root)
    this.#emit({ op: MATCH, x: 0, y: 0 })
    this.#marks = new Uint32Array(this.#program.length)
  }

  #emit(instruction: Instruction): number {
    if (this.#program.length >= MOST_STATES) throw new TooBig('Regular expression too big')
    return this.#program.push(instruction) - 1
  }

  #compile(node: Node): void {
    switch (node.type) {
      case 'char':
        this.#emit({ op: CHAR, x: 0, y: 0, test: node.test })
        return
      case 'assert':
        this.#emit({ op: ASSERT, x: 0, y: 0, kind: node.kind })
        return
      case 'sequence':
        for (const item of node.items) this.#compile(item)
        return
      case 'choice': {
        const ends: number[] = []
        node.items.forEach((item, i) => {
          if (i === node.items.length - 1) return this.#compile(item)
          const split = this.#emit({ op: SPLIT, x: this.#program.length + 1, y: 0 })
          this.#compile(item)
          ends.push(this.#emit({ op: JUMP, x: 0, y: 0 }))
          this.#program[split]!.y = this.#program.length
        })
        for (const end of ends) this.#program[end]!.x = this.#program.length
        return
      }
      case 'group':
        if (node.index !== undefined) this.#emit({ op: SAVE, x: 2 * node.index, y: 0 })
        this.#compile(node.item)
        if (node.index !== undefined) this.#emit({ op: SAVE, x: 2 * node.index + 1, y: 0 })
        return
      case 'repeat':
        return this.#repeat(node)
      default:
    }
  }

  #repeat(node: Node & { type: 'repeat' }): void {
    const { item, min, max, lazy } = node
    const split = (at: number, then: number, other: number): void => {
      this.#program[at]!.x = lazy ? other : then
      this.#program[at]!.y = lazy ? then : other
    }
    for (let i = 0; i < min; i++) this.#compile(item)
    if (max === Infinity) {
      const loop = this.#emit({ op: SPLIT, x: 0, y: 0 })
      this.#compile(item)
      this.#emit({ op: JUMP, x: loop, y: 0 })
      split(loop, loop + 1, this.#program.length)
      return
    }
    const skips: number[] = []
    for (let i = min; i < max; i++) {
      skips.push(this.#emit({ op: SPLIT, x: 0, y: 0 }))
      this.#compile(item)
    }
    for (const skip of skips) split(skip, skip + 1, this.#program.length)
  }

  /** The leftmost of the longest matches from `from` on (or only there): where it begins and ends. */
  longest(text: string, from: number, anchored: boolean): [number, number] | undefined {
    let states: number[] = []
    let starts: number[] = []
    let best: [number, number] | undefined
    for (let at = from, next = from; ; at = next) {
      const nextStates: number[] = []
      const nextStarts: number[] = []
      if (!best && (at === from || !anchored)) this.#close(0, at, text, at, states, starts, at === from || states.length === 0)
      const code = at < text.length ? text.codePointAt(at)! : -1
      next = at + (code > 0xffff ? 2 : 1)
      this.#generation++
      for (let i = 0; i < states.length; i++) {
        const start = starts[i]!
        if (best && start > best[0]) continue
        const instruction = this.#program[states[i]!]!
        if (instruction.op === MATCH) {
          if (!best || start < best[0] || at > best[1]) best = [start, at]
        } else if (code >= 0 && instruction.test!.matches(code)) this.#close(states[i]! + 1, start, text, next, nextStates, nextStarts, false)
      }
      if (code < 0 || (nextStates.length === 0 && (anchored || best))) return best
      states = nextStates
      starts = nextStarts
    }
  }

  /** The states reached without a character. The earliest start comes first, and stays. */
  #close(pc: number, start: number, text: string, at: number, states: number[], starts: number[], fresh: boolean): void {
    if (fresh) this.#generation++
    const stack = [pc]
    while (stack.length > 0) {
      const here = stack.pop()!
      if (this.#marks[here] === this.#generation) continue
      this.#marks[here] = this.#generation
      const instruction = this.#program[here]!
      switch (instruction.op) {
        case SPLIT:
          stack.push(instruction.y, instruction.x)
          break
        case JUMP:
          stack.push(instruction.x)
          break
        case SAVE:
          stack.push(here + 1)
          break
        case ASSERT:
          if (holds(instruction.kind!, text, at, this.#multiline)) stack.push(here + 1)
          break
        default:
          states.push(here)
          starts.push(start)
      }
    }
  }

  /** The first match in the order of preference (as Perl has it), with its groups; ending at `end` if that is given. */
  preferred(text: string, from: number, anchored: boolean, end?: number): Spans | undefined {
    let threads: Thread[] = []
    let best: Spans | undefined
    for (let at = from, next = from; ; at = next) {
      if (!best && (at === from || !anchored)) {
        const saved = new Array<number>(2 * this.#groups + 2).fill(-1)
        saved[0] = at
        this.#follow({ pc: 0, saved }, text, at, threads, at === from || threads.length === 0)
      }
      const code = at < text.length ? text.codePointAt(at)! : -1
      next = at + (code > 0xffff ? 2 : 1)
      const following: Thread[] = []
      this.#generation++
      for (const thread of threads) {
        const instruction = this.#program[thread.pc]!
        if (instruction.op === MATCH) {
          if (end !== undefined && at !== end) continue
          best = thread.saved
          best[1] = at
          break
        }
        if (code >= 0 && instruction.test!.matches(code)) this.#follow({ pc: thread.pc + 1, saved: thread.saved }, text, next, following, false)
      }
      if (code < 0 || (following.length === 0 && (anchored || best))) return best
      threads = following
    }
  }

  #follow(thread: Thread, text: string, at: number, threads: Thread[], fresh: boolean): void {
    if (fresh) this.#generation++
    const stack = [thread]
    while (stack.length > 0) {
      const { pc, saved } = stack.pop()!
      if (this.#marks[pc] === this.#generation) continue
      this.#marks[pc] = this.#generation
      const instruction = this.#program[pc]!
      switch (instruction.op) {
        case SPLIT:
          stack.push({ pc: instruction.y, saved }, { pc: instruction.x, saved })
          break
        case JUMP:
          stack.push({ pc: instruction.x, saved })
          break
        case SAVE:
          stack.push({ pc: pc + 1, saved: saved.with(instruction.x, at) })
          break
        case ASSERT:
          if (holds(instruction.kind!, text, at, this.#multiline)) stack.push({ pc: pc + 1, saved })
          break
        default:
          threads.push({ pc, saved: instruction.op === MATCH ? saved.slice() : saved })
      }
    }
  }
}
