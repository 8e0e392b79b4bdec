import type { Task } from '../../engine/machine/task.ts'
import type { OpenFile } from '../../engine/machine/types.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import { Failure, quote, tool, type Run } from './command.ts'
import { allLines, eachInput } from './input.ts'

interface Key { from: number; fromChar: number; to: number; toChar: number; modifiers: string }

function parseKey(text: string): Key {
  const match = /^(\d+)(?:\.(\d+))?([bdfghinrVM]*)(?:,(\d+)(?:\.(\d+))?([bdfghinrVM]*))?$/.exec(text)
  if (!match) throw new Failure(`invalid number at field start: invalid count at start of ${quote(text)}`, 2)
  if (match[2] === '0') throw new Failure(`character offset is zero: invalid field specification ${quote(text)}`, 2)
  if (match[1] === '0') throw new Failure(`field number is zero: invalid field specification ${quote(text)}`, 2)
  return { from: Number(match[1]), fromChar: Number(match[2] ?? 1), to: match[4] ? Number(match[4]) : Infinity, toChar: Number(match[5] ?? 0), modifiers: match[3]! + (match[6] ?? '') }
}

function keyOf(line: string, key: Key, separator: string | undefined, blanks: boolean): string {
  const fields: { start: number; end: number }[] = []
  if (separator !== undefined) {
    let start = 0
    for (let i = 0; i <= line.length; i++) {
      if (i < line.length && line[i] !== separator) continue
      fields.push({ start, end: i })
      start = i + 1
    }
  } else for (const m of line.matchAll(/\s*\S+|\s+$/g)) fields.push({ start: m.index, end: m.index + m[0].length })
  const first = fields[key.from - 1]
  if (!first) return ''
  let start = first.start
  if (blanks) while (/\s/.test(line[start] ?? '')) start++
  start += key.fromChar - 1
  const last = key.to === Infinity ? undefined : fields[key.to - 1]
  const end = key.to === Infinity || !last ? line.length : key.toChar === 0 ? last.end : last.start + key.toChar
  return line.slice(start, Math.max(start, end))
}

/** A version sort as `sort -V` and `ls -v`: digits compare as numbers. */
export function compareVersions(a: string, b: string): number {
  const pa = a.match(/\d+|\D+/g) ?? []
  const pb = b.match(/\d+|\D+/g) ?? []
  for (let i = 0; i < Math.max(pa.length, pb.length); i++) {
    const [x, y] = [pa[i] ?? '', pb[i] ?? '']
    const both = /^\d/.test(x) && /^\d/.test(y)
    const order = both ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0
    if (order !== 0) return order
  }
  return 0
}

const SUFFIXES = ' KMGTPEZY'
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']

function compareBy(a: string, b: string, modifiers: string): number {
  if (modifiers.includes('n') || modifiers.includes('h') || modifiers.includes('g')) {
    const value = (text: string): number => {
      const match = /^\s*(-?\d*\.?\d*(?:[eE][-+]?\d+)?)([KMGTPEZYk]?)/.exec(text)
      const number = Number.parseFloat(match?.[1] ?? '')
      const power = modifiers.includes('h') ? Math.max(0, SUFFIXES.indexOf((match?.[2] || ' ').toUpperCase())) : 0
      return Number.isNaN(number) ? 0 : number * 1024 ** power
    }
    return value(a) - value(b)
  }
  if (modifiers.includes('V')) return compareVersions(a, b)
  if (modifiers.includes('M')) return MONTHS.indexOf(a.trim().slice(0, 3).toUpperCase()) - MONTHS.indexOf(b.trim().slice(0, 3).toUpperCase())
  const fold = (text: string): string => {
    let out = modifiers.includes('b') ? text.trimStart() : text
    if (modifiers.includes('d')) out = out.replace(/[^A-Za-z0-9\s]/g, '')
    return modifiers.includes('f') ? out.toUpperCase() : out
  }
  const [x, y] = [fold(a), fold(b)]
  return x === y ? 0 : x < y ? -1 : 1
}

tool('sort', { flags: 'nrufbdghVMcsCimzR', values: 'ktoST', long: { numeric: 'n', 'numeric-sort': 'n', reverse: 'r', unique: 'u', key: 'k=', 'field-separator': 't=', output: 'o=', stable: 's', check: 'c?', merge: 'm', 'zero-terminated': 'z', 'random-sort': 'R', 'month-sort': 'M', 'dictionary-order': 'd', 'ignore-nonprinting': 'i', 'ignore-case': 'f', 'human-numeric-sort': 'h', 'version-sort': 'V', 'general-numeric-sort': 'g', 'ignore-leading-blanks': 'b' }, usageCode: 2 }, function* (run) {
  const { options } = run
  const separator = options.value('t')
  if (separator !== undefined && [...separator].length !== 1 && separator !== '\\0') throw new Failure(separator === '' ? 'empty tab' : `multi-character tab ${quote(separator)}`, 2)
  const global = ['n', 'r', 'f', 'b', 'd', 'g', 'h', 'V', 'M'].filter((o) => options.has(o)).join('')
  const keys = options.values('k').map(parseKey)
  const compareKeys = (a: string, b: string): number => {
    for (const key of keys) {
      const modifiers = key.modifiers || global
      const blanks = modifiers.includes('b') || modifiers.includes('n')
      const order = compareBy(keyOf(a, key, separator, blanks), keyOf(b, key, separator, blanks), modifiers)
      if (order !== 0) return modifiers.includes('r') ? -order : order
    }
    if (keys.length > 0) return 0
    const order = compareBy(a, b, global)
    return global.includes('r') ? -order : order
  }
  const bytewise = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1) * (options.has('r') ? -1 : 1)
  const compare = options.has('s') || options.has('u') ? compareKeys : (a: string, b: string): number => compareKeys(a, b) || bytewise(a, b)
  const { lines } = yield* allLines(run, options.operands, (name, message) => `cannot read: ${name}: ${message}`, options.has('z') ? 0 : 10, 2)
  if (options.has('c', 'C')) return yield* check(run, lines, options.has('u') ? (a, b) => compareKeys(a, b) || -1 : compare)
  // what is merged was sorted before; to sort it gives the same
  let sorted = options.has('R') ? shuffled(run, lines, compare) : lines.toSorted(compare)
  if (options.has('u')) sorted = sorted.filter((line, i) => i === 0 || compareKeys(sorted[i - 1]!, line) !== 0)
  const text = sorted.map((l) => l + (options.has('z') ? '\0' : '\n')).join('')
  const output = options.value('o')
  if (output === undefined) yield* run.print(text)
  else {
    const file = run.process.open(output, 'write')
    yield* file.write(encodeUtf8(text))
    file.release()
  }
  return run.code
})

/** -R: equal lines together, the rest in any order. */
function shuffled(run: Run, lines: readonly string[], compare: (a: string, b: string) => number): string[] {
  const places = new Map<string, number>()
  for (const line of lines.toSorted(compare)) if (!places.has(line)) places.set(line, run.process.clock.random.float())
  return lines.toSorted((a, b) => places.get(a)! - places.get(b)!)
}

function* check(run: Run, lines: readonly string[], compare: (a: string, b: string) => number): Generator<never, number> {
  for (let i = 1; i < lines.length; i++) {
    if (compare(lines[i - 1]!, lines[i]!) <= 0) continue
    if (run.options.has('c') && !['quiet', 'silent'].includes(run.options.value('c') ?? '')) yield* run.warn(`${run.options.operands[0] ?? '-'}:${i + 1}: disorder: ${lines[i]}`) as Generator<never, void>
    return 1
  }
  return 0
}

tool('uniq', { flags: 'cduiDz', values: 'fsw', long: { count: 'c', repeated: 'd', unique: 'u', 'ignore-case': 'i', 'skip-fields': 'f=', 'skip-chars': 's=', 'check-chars': 'w=', 'all-repeated': 'D?', group: 'group?', 'zero-terminated': 'z' } }, function* (run) {
  const { options } = run
  const keyOfLine = (line: string): string => {
    let key = line
    for (let i = 0; i < Number(options.value('f') ?? 0); i++) key = key.replace(/^\s*\S+/, '')
    key = key.slice(Number(options.value('s') ?? 0))
    if (options.has('w')) key = key.slice(0, Number(options.value('w')))
    return options.has('i') ? key.toLowerCase() : key
  }
  let held: { line: string; key: string; count: number } | undefined
  const [input, output] = options.operands
  const target = output === undefined ? undefined : run.process.open(output, 'write')
  const flush = function* () {
    if (!held || (options.has('d') && held.count < 2) || (options.has('u') && held.count > 1)) return
    const text = (options.has('c') ? String(held.count).padStart(7) + ' ' : '') + held.line + (options.has('z') ? '\0' : '\n')
    if (target) yield* target.write(encodeUtf8(text))
    else yield* run.print(text)
  }
  const end = options.has('z') ? '\0' : '\n'
  const grouped = options.value('group')
  if (grouped !== undefined && options.has('c', 'd', 'D', 'u')) throw new Failure('--group is mutually exclusive with -c/-d/-D/-u', 1, true)
  if (grouped !== undefined || options.has('D')) return yield* groups(run, input, keyOfLine, end, target)
  yield* eachInput(run, input === undefined ? [] : [input], function* (source) {
    for (let line = yield* source.line(end.charCodeAt(0)); line !== null; line = yield* source.line(end.charCodeAt(0))) {
      const key = keyOfLine(line)
      if (held && held.key === key) held.count++
      else {
        yield* flush()
        held = { line, key, count: 1 }
      }
    }
  })
  yield* flush()
  target?.release()
})

/** `uniq -D`, `--group`: all lines, with empty ones between or around those that are alike. */
function* groups(run: Run, input: string | undefined, keyOf: (line: string) => string, end: string, target: OpenFile | undefined): Task<void> {
  const { options } = run
  const { lines } = yield* allLines(run, input === undefined ? [] : [input], undefined, end.charCodeAt(0))
  const found: string[][] = []
  let last: string | undefined
  for (const line of lines) {
    const key = keyOf(line)
    if (found.length > 0 && key === last) found.at(-1)!.push(line)
    else found.push([line])
    last = key
  }
  const shown = options.has('D') ? found.filter((g) => g.length > 1) : found
  const method = options.value('D') || options.value('group') || (options.has('D') ? 'none' : 'separate')
  let text = ''
  for (const [i, group] of shown.entries()) {
    if (method === 'prepend' || (method === 'both' && i === 0) || (method === 'separate' && i > 0)) text += end
    text += group.map((l) => l + end).join('')
    if (method === 'append' || method === 'both') text += end
  }
  if (target) {
    yield* target.write(encodeUtf8(text))
    target.release()
  } else yield* run.print(text)
}

tool('comm', { flags: '123z', long: { 'output-delimiter': 'between=', total: 'total', 'check-order': 'check', 'nocheck-order': 'nocheck', 'zero-terminated': 'z' } }, function* (run) {
  const { options } = run
  const [a, b] = options.operands
  if (a === undefined || b === undefined) throw new Failure(a === undefined ? 'missing operand' : `missing operand after ${quote(a)}`, 1, true)
  const end = options.has('z') ? '\0' : '\n'
  const left = (yield* allLines(run, [a], undefined, end.charCodeAt(0))).lines
  const right = (yield* allLines(run, [b], undefined, end.charCodeAt(0))).lines
  if (run.code > 0) return
  const between = options.value('between') ?? '\t'
  const totals = [0, 0, 0]
  const told = new Set<number>()
  let [i, k] = [0, 0]
  while (i < left.length || k < right.length) {
    const [x, y] = [left[i], right[k]]
    const column = y === undefined || (x !== undefined && x < y) ? 1 : x === undefined || y < x ? 2 : 3
    if (column !== 2) i++
    if (column !== 1) k++
    totals[column - 1]!++
    if (!options.has(String(column))) yield* run.print(between.repeat([1, 2].filter((c) => c < column && !options.has(String(c))).length) + (column === 2 ? y : x) + end)
    // Disorder matters, and is told, only once a line has found no partner.
    for (const [n, list, at] of [[1, left, i], [2, right, k]] as const) {
      if (run.isBusybox || options.has('nocheck') || told.has(n) || at === 0 || at >= list.length || list[at - 1]! <= list[at]! || (totals[0] === 0 && totals[1] === 0 && !options.has('check'))) continue
      told.add(n)
      yield* run.warn(`file ${n} is not in sorted order`)
    }
  }
  if (options.has('total')) yield* run.print(`${totals.join(between)}${between}total${end}`)
  if (told.size > 0) yield* run.warn('input is not in sorted order')
})
