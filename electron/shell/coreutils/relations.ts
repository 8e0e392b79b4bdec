import type { Task } from '../../engine/machine/task.ts'
import { Failure, extraOperand, missingOperand, quote, tool, type Run } from './command.ts'
import { allLines } from './input.ts'

/** join(1), tsort(1): lines that belong together. */

interface Row { line: string; fields: string[] }

tool('join', {
  flags: 'iz', values: '12jtaveo',
  long: { 'ignore-case': 'i', header: 'header', 'check-order': 'check', 'nocheck-order': 'nocheck', 'zero-terminated': 'z' },
}, function* (run) {
  const { options } = run
  const [first, second, extra] = options.operands
  if (first === undefined) throw missingOperand()
  if (second === undefined) throw new Failure(`missing operand after ${quote(first)}`, 1, true)
  if (extra !== undefined) throw extraOperand(extra)
  const separator = options.value('t')
  if (separator !== undefined && separator !== '\\0' && [...separator].length > 1) throw new Failure(`multi-character tab ${quote(separator)}`)
  const end = options.has('z') ? '\0' : '\n'
  const rows = function* (name: string): Task<Row[]> {
    const { lines } = yield* allLines(run, [name], undefined, end.charCodeAt(0))
    return lines.map((line) => ({ line, fields: separator === undefined ? line.split(/[ \t]+/).filter((f, i, all) => f !== '' || (i > 0 && i < all.length - 1)) : separator === '' ? [line] : line.split(separator) }))
  }
  const a = yield* rows(first)
  const b = yield* rows(second)
  if (run.code > 0) return
  const place = (option: '1' | '2'): number => {
    const text = options.value(option) ?? options.value('j') ?? '1'
    if (!/^[1-9]\d*$/.test(text)) throw new Failure(`invalid field number: ${quote(text)}`)
    return Number(text) - 1
  }
  const [keyA, keyB] = [place('1'), place('2')]
  const fold = (text: string): string => (options.has('i') ? text.toLowerCase() : text)
  const wanted = options.value('o')?.split(/[ ,]/).filter((o) => o !== '')
  const empty = options.value('e') ?? ''
  const between = separator || ' '
  const auto = wanted?.length === 1 && wanted[0] === 'auto'
  const show = (left: Row | undefined, right: Row | undefined): Task<void> => {
    const key = left?.fields[keyA] ?? right?.fields[keyB] ?? ''
    const rest = (row: Row | undefined, at: number, count: number): string[] => Array.from({ length: count }, (_, i) => i).filter((i) => i !== at).map((i) => row?.fields[i] || (auto ? empty : row?.fields[i] ?? ''))
    const cells = wanted && !auto
      ? wanted.map((w) => (w === '0' ? key : (w.startsWith('1') ? left : right)?.fields[Number(w.slice(2)) - 1]) || empty)
      : auto ? [key || empty, ...rest(left, keyA, a[0]?.fields.length ?? 0), ...rest(right, keyB, b[0]?.fields.length ?? 0)]
        : [key, ...rest(left, keyA, left?.fields.length ?? 0), ...rest(right, keyB, right?.fields.length ?? 0)]
    return run.print(cells.join(between) + end)
  }
  const alone = new Set([...options.values('a'), ...options.values('v')])
  const pairs = !options.has('v')
  let [i, j] = [0, 0]
  if (options.has('header') && a[0] && b[0]) {
    yield* show(a[0], b[0])
    i = j = 1
  }
  const told = new Set<number>()
  let unpaired = false
  // Disorder matters, and is told, only where a line found no partner.
  const disorder = function* (n: 1 | 2, list: readonly Row[], at: number): Task<void> {
    if (options.has('nocheck') || at === 0 || !(unpaired || options.has('check'))) return
    const key = n === 1 ? keyA : keyB
    if (fold(list[at - 1]!.fields[key] ?? '') <= fold(list[at]!.fields[key] ?? '') || told.has(n)) return
    told.add(n)
    yield* run.warn(`${n === 1 ? first : second}:${at + 1}: is not sorted: ${list[at]!.line}`)
  }
  while (i < a.length && j < b.length) {
    const [left, right] = [fold(a[i]!.fields[keyA] ?? ''), fold(b[j]!.fields[keyB] ?? '')]
    if (left === right) {
      let [toA, toB] = [i, j]
      while (toA < a.length && fold(a[toA]!.fields[keyA] ?? '') === left) toA++
      while (toB < b.length && fold(b[toB]!.fields[keyB] ?? '') === left) toB++
      if (pairs) for (const x of a.slice(i, toA)) for (const y of b.slice(j, toB)) yield* show(x, y)
      ;[i, j] = [toA, toB]
      continue
    }
    if (left < right) {
      if (alone.has('1')) yield* show(a[i], undefined)
      i++
      if (i < a.length) yield* disorder(1, a, i)
    } else {
      if (alone.has('2')) yield* show(undefined, b[j])
      j++
      if (j < b.length) yield* disorder(2, b, j)
    }
    unpaired = true
  }
  for (; i < a.length; i++) {
    if (alone.has('1')) yield* show(a[i], undefined)
    yield* disorder(1, a, i)
  }
  for (; j < b.length; j++) {
    if (alone.has('2')) yield* show(undefined, b[j])
    yield* disorder(2, b, j)
  }
  if (told.size > 0) yield* run.warn('input is not in sorted order')
})

interface Node { name: string; waits: number; after: Node[]; done: boolean }

tool('tsort', {}, function* (run) {
  const { operands } = run.options
  if (operands.length > 1) throw extraOperand(operands[1]!)
  const name = operands[0] ?? '-'
  const { lines } = yield* allLines(run, [name])
  const words = lines.flatMap((l) => l.split(/[ \t]+/).filter((w) => w !== ''))
  if (words.length % 2 === 1) throw new Failure(`${name}: input contains an odd number of tokens`)
  const nodes = new Map<string, Node>()
  const node = (text: string): Node => {
    const found = nodes.get(text) ?? { name: text, waits: 0, after: [], done: false }
    nodes.set(text, found)
    return found
  }
  for (let i = 0; i < words.length; i += 2) {
    const [before, after] = [node(words[i]!), node(words[i + 1]!)]
    if (before === after) continue
    after.waits++
    // GNU's list grows at its head.
    before.after.unshift(after)
  }
  const sorted = [...nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  while (sorted.some((n) => !n.done)) {
    const queue = sorted.filter((n) => !n.done && n.waits === 0)
    for (const next of queue) {
      next.done = true
      yield* run.print(next.name + '\n')
      for (const after of next.after) if (--after.waits === 0 && !after.done) queue.push(after)
    }
    if (sorted.every((n) => n.done)) return
    yield* breakLoop(run, name, sorted.filter((n) => !n.done))
  }
})

/** Names the members of a loop, and takes one of its relations away. */
function* breakLoop(run: Run, name: string, left: readonly Node[]): Task<void> {
  yield* run.warn(`${name}: input contains a loop:`)
  const way: Node[] = []
  let at: Node | undefined = left[0]
  while (at && !way.includes(at)) {
    way.push(at)
    at = left.find((n) => n.after.includes(at!))
  }
  // The way went against the arrows.
  const [start, ...back] = at ? way.slice(way.indexOf(at)) : way
  const loop = [start!, ...back.reverse()]
  for (const member of loop) yield* run.warn(member.name)
  const last = loop.at(-1)!
  const place = last.after.indexOf(start!)
  if (place >= 0) last.after.splice(place, 1)
  start!.waits = Math.max(0, start!.waits - 1)
}
