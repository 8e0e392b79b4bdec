import type { Task } from '../../engine/machine/task.ts'
import { statIfAny } from './access.ts'
import { Failure, tool, type Run } from './command.ts'
import { openInput } from './input.ts'
import { formatTime } from './strftime.ts'

/** Lines [a1, a2) of the one became lines [b1, b2) of the other. */
interface Change { a1: number; a2: number; b1: number; b2: number }

/** Myers' O(ND) difference of two lists of lines. */
export function differences(a: readonly string[], b: readonly string[]): Change[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let [endA, endB] = [a.length, b.length]
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--
    endB--
  }
  const [n, m] = [endA - start, endB - start]
  const max = n + m
  const trace: Int32Array[] = []
  const v = new Int32Array(2 * max + 2)
  let found = -1
  for (let d = 0; d <= max && found < 0; d++) {
    trace.push(v.slice())
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && v[max + k - 1]! < v[max + k + 1]!) ? v[max + k + 1]! : v[max + k - 1]! + 1
      let y = x - k
      while (x < n && y < m && a[start + x] === b[start + y]) {
        x++
        y++
      }
      v[max + k] = x
      if (x >= n && y >= m) {
        found = d
        break
      }
    }
  }
  const changes: Change[] = []
  let [x, y] = [n, m]
  for (let d = found; d > 0; d--) {
    const before = trace[d]!
    const k = x - y
    const down = k === -d || (k !== d && before[max + k - 1]! < before[max + k + 1]!)
    const fromK = down ? k + 1 : k - 1
    const fromX = before[max + fromK]!
    const fromY = fromX - fromK
    const [midX, midY] = down ? [fromX, fromY + 1] : [fromX + 1, fromY]
    const first = changes[0]
    if (first && first.a1 === start + midX && first.b1 === start + midY) {
      first.a1 = start + fromX
      first.b1 = start + fromY
    } else changes.unshift({ a1: start + fromX, a2: start + midX, b1: start + fromY, b2: start + midY })
    ;[x, y] = [fromX, fromY]
  }
  return changes
}

tool('diff', { flags: 'uqsNrbwiBace', values: 'UCL', long: { unified: 'u?', brief: 'q', 'new-file': 'N', recursive: 'r', 'ignore-all-space': 'w', 'ignore-space-change': 'b', 'ignore-case': 'i', label: 'L=', color: 'color?', 'report-identical-files': 's' }, unsupported: 'ynpdtT', usageCode: 2 }, function* (run) {
  const { options, process } = run
  if (options.has('c', 'C', 'e')) throw new Failure('podhop: not simulated: this output format (diff -u)', 69)
  const [one, two, extra] = options.operands
  if (one === undefined || two === undefined) throw usage(run, `missing operand after '${one ?? run.name}'`)
  if (extra !== undefined) throw usage(run, `extra operand '${extra}'`)
  const directory = (name: string): boolean => name !== '-' && statIfAny(process, run.resolve(name))?.type === 'directory'
  if (directory(one) && directory(two)) return yield* directories(run, one, two)
  const left = directory(one) ? `${one.replace(/\/$/, '')}/${two.split('/').pop()}` : one
  const right = directory(two) ? `${two.replace(/\/$/, '')}/${one.split('/').pop()}` : two
  return yield* compare(run, left, right, '')
})

/** diffutils puts its name before the hint, too. */
function usage(run: Run, message: string): Failure {
  return new Failure(`${message}\n${run.name}: Try '${run.name} --help' for more information.`, 2)
}

function* directories(run: Run, one: string, two: string): Task<number> {
  const { fs } = run.process
  const names = [...new Set([...fs.readDirectory(run.resolve(one)), ...fs.readDirectory(run.resolve(two))])].sort()
  let code = 0
  for (const name of names) {
    const [a, b] = [`${one}/${name}`, `${two}/${name}`]
    const [sa, sb] = [statIfAny(run.process, run.resolve(a)), statIfAny(run.process, run.resolve(b))]
    if (!sa || !sb) {
      if (run.options.has('N')) code = Math.max(code, yield* compare(run, a, b, `diff ${shownOptions(run)}${a} ${b}\n`))
      else {
        yield* run.print(`Only in ${sa ? one : two}: ${name}\n`)
        code = Math.max(code, 1)
      }
    } else if (sa.type === 'directory' && sb.type === 'directory') {
      if (run.options.has('r')) code = Math.max(code, yield* directories(run, a, b))
      else yield* run.print(`Common subdirectories: ${a} and ${b}\n`)
    } else code = Math.max(code, yield* compare(run, a, b, `diff ${shownOptions(run)}${a} ${b}\n`))
  }
  return code
}

function shownOptions(run: Run): string {
  const flags = ['u', 'r', 'N', 'w', 'b', 'i'].filter((o) => run.options.has(o)).map((o) => `-${o} `)
  return flags.join('')
}

function* read(run: Run, name: string): Task<string[] | undefined> {
  if (run.options.has('N') && name !== '-' && !statIfAny(run.process, run.resolve(name))) return []
  const input = yield* openInput(run, name, undefined, 2)
  if (!input) return undefined
  const text = yield* input.text()
  input.close()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  else if (lines.length > 0) lines[lines.length - 1] += '\0'
  return lines
}

function* compare(run: Run, one: string, two: string, title: string): Task<number> {
  const { options } = run
  const a = yield* read(run, one)
  const b = yield* read(run, two)
  if (!a || !b) return 2
  const key = (line: string): string => {
    let out = line
    if (options.has('w')) out = out.replace(/\s+/g, '')
    else if (options.has('b')) out = out.replace(/\s+/g, ' ').trimEnd()
    return options.has('i') ? out.toLowerCase() : out
  }
  const changes = differences(a.map(key), b.map(key))
  if (changes.length === 0) {
    if (options.has('s')) yield* run.print(`Files ${one} and ${two} are identical\n`)
    return 0
  }
  if (options.has('q')) {
    yield* run.print(`Files ${one} and ${two} differ\n`)
    return 1
  }
  yield* run.print(title)
  if (options.has('u', 'U')) yield* unified(run, one, two, a, b, changes)
  else yield* normal(run, a, b, changes)
  return 1
}

function marked(mark: string, line: string): string {
  return line.endsWith('\0') ? `${mark}${line.slice(0, -1)}\n\\ No newline at end of file\n` : `${mark}${line}\n`
}

function* normal(run: Run, a: readonly string[], b: readonly string[], changes: readonly Change[]): Task<void> {
  const range = (from: number, to: number): string => (to - from <= 1 ? String(to) : `${from + 1},${to}`)
  for (const { a1, a2, b1, b2 } of changes) {
    const kind = a1 === a2 ? 'a' : b1 === b2 ? 'd' : 'c'
    yield* run.print(`${range(a1, a2)}${kind}${range(b1, b2)}\n`)
    for (const line of a.slice(a1, a2)) yield* run.print(marked('< ', line))
    if (kind === 'c') yield* run.print('---\n')
    for (const line of b.slice(b1, b2)) yield* run.print(marked('> ', line))
  }
}

function* unified(run: Run, one: string, two: string, a: readonly string[], b: readonly string[], changes: readonly Change[]): Task<void> {
  const { options, process } = run
  const context = Number(options.value('U') ?? 3)
  const stamp = (name: string): string => formatTime(name === '-' ? process.clock.wall() : (statIfAny(process, run.resolve(name))?.mtime ?? 0), '%Y-%m-%d %H:%M:%S.%N %z')
  const [labelOne, labelTwo] = options.values('L')
  yield* run.print(`--- ${labelOne ?? `${one}\t${stamp(one)}`}\n+++ ${labelTwo ?? `${two}\t${stamp(two)}`}\n`)
  const hunks: Change[][] = []
  for (const change of changes) {
    const last = hunks.at(-1)?.at(-1)
    if (last && change.a1 - last.a2 <= 2 * context) hunks.at(-1)!.push(change)
    else hunks.push([change])
  }
  for (const hunk of hunks) {
    const [first, last] = [hunk[0]!, hunk.at(-1)!]
    const [fromA, toA] = [Math.max(0, first.a1 - context), Math.min(a.length, last.a2 + context)]
    const [fromB, toB] = [Math.max(0, first.b1 - context), Math.min(b.length, last.b2 + context)]
    const range = (from: number, to: number): string => (to - from === 1 ? String(from + 1) : `${to === from ? from : from + 1},${to - from}`)
    yield* run.print(`@@ -${range(fromA, toA)} +${range(fromB, toB)} @@\n`)
    let at = fromA
    for (const { a1, a2, b1, b2 } of hunk) {
      for (const line of a.slice(at, a1)) yield* run.print(marked(' ', line))
      for (const line of a.slice(a1, a2)) yield* run.print(marked('-', line))
      for (const line of b.slice(b1, b2)) yield* run.print(marked('+', line))
      at = a2
    }
    for (const line of a.slice(at, toA)) yield* run.print(marked(' ', line))
  }
}

tool('cmp', { flags: 'sl', values: 'n', long: { quiet: 's', silent: 's', verbose: 'l', bytes: 'n=' }, unsupported: 'bi', usageCode: 2 }, function* (run) {
  const [one, two = '-'] = run.options.operands
  if (one === undefined) throw usage(run, `missing operand after '${run.name}'`)
  const most = Number(run.options.value('n') ?? Infinity)
  if (Number.isNaN(most)) throw usage(run, `invalid --bytes value '${run.options.value('n')}'`)
  const texts: Uint8Array[] = []
  for (const name of [one, two]) {
    const input = yield* openInput(run, name, undefined, 2)
    if (!input) return 2
    texts.push((yield* input.bytes()).slice(0, most))
    input.close()
  }
  const [a, b] = texts as [Uint8Array, Uint8Array]
  const shorter = a.length < b.length ? one : two
  if (run.options.has('l')) {
    const width = String(Math.min(a.length, b.length)).length
    let differs = a.length !== b.length
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      if (a[i] === b[i]) continue
      differs = true
      yield* run.print(`${String(i + 1).padStart(width)} ${a[i]!.toString(8).padStart(3)} ${b[i]!.toString(8).padStart(3)}\n`)
    }
    if (a.length !== b.length) yield* run.process.printError(`${run.name}: EOF on ${shorter} after byte ${Math.min(a.length, b.length)}\n`)
    return differs ? 1 : 0
  }
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  if (at === a.length && at === b.length) return 0
  if (!run.options.has('s')) {
    const line = a.subarray(0, at).filter((c) => c === 10).length + 1
    if (at < Math.min(a.length, b.length)) yield* run.print(`${one} ${two} differ: ${run.isBusybox ? 'char' : 'byte'} ${at + 1}, line ${line}\n`)
    else yield* run.process.printError(`${run.name}: EOF on ${shorter} after byte ${at}, line ${line - 1}\n`)
  }
  return 1
})
