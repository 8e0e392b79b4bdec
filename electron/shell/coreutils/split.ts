import { byName } from '../../engine/own.ts'
import { concatBytes, encodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import { Failure, NotSimulated, missingOperand, quote, quoted, tool, type Run } from './command.ts'
import { allLines, openComplaint, openInput } from './input.ts'
import { compileRegExp, RegExpError } from './regex.ts'

/** split(1), csplit(1). */

const UNITS: Readonly<Record<string, number>> = byName({ '': 1, b: 512, K: 1024, k: 1024, KB: 1000, KiB: 1024, M: 1024 ** 2, MB: 1e6, MiB: 1024 ** 2, G: 1024 ** 3 })

function count(text: string, what: string): number {
  const match = /^(\d+)([a-zA-Z]*)$/.exec(text)
  const size = match ? Number(match[1]) * (UNITS[match[2]!] ?? NaN) : NaN
  if (!(size > 0)) throw new Failure(`invalid number of ${what}: ${quote(text)}`)
  return size
}

/** aa, ab, …; with digits 00, 01, …; too few of them end the run. */
function suffix(n: number, length: number, digits: string): string {
  let out = ''
  for (let i = 0; i < length; i++) {
    out = digits[n % digits.length]! + out
    n = Math.floor(n / digits.length)
  }
  if (n > 0) throw new Failure('output file suffixes exhausted')
  return out
}

function* write(run: Run, name: string, bytes: Uint8Array): Task<void> {
  const file = run.process.open(name, 'write')
  yield* file.write(bytes)
  file.release()
}

tool('split', {
  flags: 'edx', values: 'lbanCt', number: 'l',
  long: { lines: 'l=', bytes: 'b=', 'suffix-length': 'a=', number: 'n=', 'numeric-suffixes': 'd?', 'hex-suffixes': 'x?', 'additional-suffix': 'more=', verbose: 'verbose', 'elide-empty-files': 'e', 'line-bytes': 'C=', filter: 'filter=' },
}, function* (run) {
  const { options } = run
  if (options.has('C', 't', 'filter')) throw new NotSimulated('this form of split (split -l, -b, -n)')
  const [name = '-', prefix = 'x'] = options.operands
  const input = yield* openInput(run, name, openComplaint)
  if (!input) return
  const bytes = yield* input.bytes()
  input.close()
  const pieces: Uint8Array[] = []
  const chunks = options.value('n')
  if (chunks !== undefined) {
    if (!/^\d+$/.test(chunks)) throw new NotSimulated(`split -n ${chunks} (split -n 4)`)
    const parts = count(chunks, 'chunks')
    const size = Math.floor(bytes.length / parts)
    for (let i = 0, at = 0; i < parts; i++) {
      // What does not divide goes to the last.
      const to = i === parts - 1 ? bytes.length : at + size
      if (to > at || !options.has('e')) pieces.push(bytes.subarray(at, to))
      at = to
    }
  } else if (options.has('b')) {
    const size = count(options.value('b')!, 'bytes')
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  } else {
    const size = count(options.value('l') ?? '1000', 'lines')
    for (let at = 0; at < bytes.length; ) {
      let to = at
      for (let n = 0; n < size && to < bytes.length; n++) to = (bytes.indexOf(10, to) + 1) || bytes.length
      pieces.push(bytes.subarray(at, to))
      at = to
    }
  }
  const digits = options.has('d') ? '0123456789' : options.has('x') ? '0123456789abcdef' : 'abcdefghijklmnopqrstuvwxyz'
  const from = Number(options.value('d') || options.value('x') || 0)
  for (const [i, piece] of pieces.entries()) {
    const file = prefix + suffix(from + i, Number(options.value('a') ?? 2), digits) + (options.value('more') ?? '')
    if (options.has('verbose')) yield* run.print(`creating file ${quoted(file)}\n`)
    yield* write(run, file, piece)
  }
})

tool('csplit', {
  flags: 'kqsz', values: 'fnb',
  long: { prefix: 'f=', digits: 'n=', 'suffix-format': 'b=', 'keep-files': 'k', quiet: 'q', silent: 'q', 'elide-empty-files': 'z', 'suppress-matched': 'suppress' },
}, function* (run) {
  const { options, process } = run
  const [name, ...patterns] = options.operands
  if (name === undefined) throw missingOperand()
  if (patterns.length === 0) throw new Failure(`missing operand after ${quote(name)}`, 1, true)
  if (options.has('b')) throw new NotSimulated('csplit -b (csplit -f, -n)')
  const { lines, ended } = yield* allLines(run, [name], openComplaint)
  if (run.code > 0) return
  const made: string[] = []
  let at = 0
  const put = function* (to: number, skipped: boolean): Task<void> {
    const part = lines.slice(at, to)
    at = to
    if (skipped || (part.length === 0 && options.has('z'))) return
    const file = (options.value('f') ?? 'xx') + String(made.length).padStart(Number(options.value('n') ?? 2), '0')
    const bytes = encodeUtf8(part.map((l, i) => l + (to === lines.length && i === part.length - 1 && !ended ? '' : '\n')).join(''))
    made.push(file)
    yield* write(run, file, concatBytes([bytes]))
    if (!options.has('s', 'q')) yield* run.print(`${bytes.length}\n`)
  }
  try {
    for (let i = 0; i < patterns.length; i++) {
      const pattern = patterns[i]!
      const again = /^\{(\d+|\*)\}$/.exec(patterns[i + 1] ?? '')
      if (again) i++
      const times = again ? (again[1] === '*' ? Infinity : Number(again[1]) + 1) : 1
      const expression = /^([/%])(.*)\1([-+]?\d+)?$/s.exec(pattern)
      if (!expression && !/^\d+$/.test(pattern)) throw new Failure(`${quote(pattern)}: invalid pattern`)
      let from = at
      for (let n = 0; n < times; n++) {
        let to: number
        if (expression) {
          const test = compileRegExp(expression[2]!, 'basic')
          const found = lines.findIndex((line, place) => place >= from + (made.length > 0 || n > 0 ? 1 : 0) && test.test(line))
          if (found < 0) {
            if (times === Infinity) break
            yield* put(lines.length, expression[1] === '%')
            throw new Failure(`${quote(pattern)}: match not found${n > 0 ? ` on repetition ${n}` : ''}`)
          }
          to = found + Number(expression[3] ?? 0)
          from = found
        } else {
          to = Number(pattern) * (n + 1) - 1
          if (to > lines.length) {
            if (times === Infinity) break
            yield* put(lines.length, false)
            throw new Failure(`${quote(pattern)}: line number out of range${n > 0 ? ` on repetition ${n}` : ''}`)
          }
        }
        yield* put(Math.max(at, to), expression?.[1] === '%')
        if (options.has('suppress')) at++
      }
    }
    yield* put(lines.length, false)
  } catch (error) {
    if (!(error instanceof Failure || error instanceof RegExpError)) throw error
    if (!options.has('k')) for (const file of made) process.fs.remove(run.resolve(file))
    throw error instanceof Failure ? error : new Failure(`${quote(patterns[0]!)}: invalid regular expression: ${error.message}`)
  }
})
