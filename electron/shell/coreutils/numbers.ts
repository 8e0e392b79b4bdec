import type { Task } from '../../engine/machine/task.ts'
import { byName } from '../../engine/own.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import { Failure, NotSimulated, extraOperand, quote, tool, type Run } from './command.ts'
import { allLines } from './input.ts'

/** numfmt(1), factor(1), shuf(1). */

const LETTERS = 'KMGTPEZY'
const ROUNDING: Readonly<Record<string, (n: number) => number>> = byName({
  up: Math.ceil, down: Math.floor, 'from-zero': (n) => Math.sign(n) * Math.ceil(Math.abs(n)), 'towards-zero': Math.trunc, nearest: (n) => Math.sign(n) * Math.round(Math.abs(n)),
})

tool('numfmt', {
  flags: 'z', values: 'd',
  long: { to: 'to=', from: 'from=', suffix: 'suffix=', padding: 'padding=', field: 'field=', format: 'format=', round: 'round=', delimiter: 'd=', header: 'header?', invalid: 'invalid=', 'to-unit': 'to-unit=', 'from-unit': 'from-unit=', grouping: 'grouping' },
  usageCode: 1,
}, function* (run) {
  const { options } = run
  if (options.has('grouping')) throw new NotSimulated('numfmt --grouping')
  for (const name of ['to', 'from']) {
    const scale = options.value(name)
    if (scale !== undefined && !['none', 'si', 'iec', 'iec-i', ...(name === 'from' ? ['auto'] : [])].includes(scale)) throw new Failure(`invalid argument ${quote(scale)} for ${quote(`--${name}`)}`, 1, true)
  }
  const delimiter = options.value('d')
  const fields = new Set((options.value('field') ?? '1').split(',').flatMap((part) => {
    const [from, to] = part.split('-')
    return part === '-' ? [] : Array.from({ length: Number(to || from) - Number(from || 1) + 1 }, (_, i) => Number(from || 1) + i)
  }))
  const every = options.value('field') === '-'
  const lines = options.operands.length > 0 ? [...options.operands] : (yield* allLines(run, [])).lines
  let header = options.operands.length > 0 || !options.has('header') ? 0 : Number(options.value('header') || 1)
  for (const line of lines) {
    if (header > 0) {
      header--
      yield* run.print(line + '\n')
      continue
    }
    const parts = delimiter === undefined ? line.match(/[ \t]*[^ \t]+|[ \t]+$/g) ?? [''] : line.split(delimiter)
    const out: string[] = []
    for (const [i, part] of parts.entries()) {
      const blanks = delimiter === undefined ? /^[ \t]*/.exec(part)![0] : ''
      if (!every && !fields.has(i + 1)) out.push(part)
      else {
        const converted = yield* convert(run, part.slice(blanks.length))
        // Blanks before a field are its padding when nothing else is asked.
        const shown = blanks.length > 1 && !options.has('padding') ? converted.padStart(part.length - (i > 0 ? 1 : 0)) : converted
        out.push((i > 0 && delimiter === undefined ? ' ' : '') + shown)
      }
    }
    yield* run.print(out.join(delimiter ?? '') + '\n')
  }
})

function* convert(run: Run, text: string): Task<string> {
  const { options } = run
  const suffix = options.value('suffix') ?? ''
  const bare = suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text
  const match = /^(-?\d+(?:\.\d+)?)(([KMGTPEZYk])(i?))?$/.exec(bare)
  const from = options.value('from') ?? 'none'
  const fail = (message: string): Task<string> => invalid(run, text, message)
  if (!match) {
    const number = /^-?\d+(?:\.\d*)?/.exec(bare)?.[0]
    if (number === undefined) return yield* fail(`invalid number: ${quote(text)}`)
    return yield* fail(/^[KMGTPEZY]/.test(bare.slice(number.length)) ? `invalid suffix in input ${quote(text)}: ${quote(bare.slice(number.length + 1))}` : `invalid suffix in input: ${quote(text)}`)
  }
  const [, digits, unit, letter, i] = match
  if (unit !== undefined && from === 'none') return yield* fail(`rejecting suffix in input: ${quote(text)} (consider using --from)`)
  if (from === 'iec-i' && unit !== undefined && i === '') return yield* fail(`missing 'i' suffix in input: ${quote(text)} (e.g Ki/Mi/Gi)`)
  if (i === 'i' && (from === 'si' || from === 'iec')) return yield* fail(`invalid suffix in input ${quote(text)}: ${quote('i')}`)
  const base = from === 'si' || (from === 'auto' && i === '') ? 1000 : 1024
  const power = letter === undefined ? 0 : LETTERS.indexOf(letter.toUpperCase()) + 1
  const value = Number(digits) * base ** power * Number(options.value('from-unit') ?? 1) / Number(options.value('to-unit') ?? 1)
  const round = ROUNDING[options.value('round') ?? 'from-zero']
  if (!round) throw new Failure(`invalid argument ${quote(options.value('round')!)} for ${quote('--round')}`, 1, true)
  const format = /^([^%]*)%(['0-]*)(\d*)(?:\.(\d+))?f(.*)$/.exec(options.value('format') ?? '%f')
  if (!format) throw new Failure(`format ${quote(options.value('format')!)} has no % directive`)
  const precision = format[4] === undefined ? undefined : Number(format[4])
  const scaled = scale(value, options.value('to') ?? 'none', round, precision, digits!.split('.')[1]?.length ?? 0) + suffix
  const width = Number(format[3] || options.value('padding') || 0)
  const padded = width < 0 || format[2]!.includes('-') ? scaled.padEnd(Math.abs(width)) : scaled.padStart(width, format[2]!.includes('0') ? '0' : ' ')
  return format[1]! + padded + format[5]!
}

function scale(value: number, to: string, round: (n: number) => number, precision: number | undefined, decimals: number): string {
  const rounded = (n: number, places: number): number => round(Number((n * 10 ** places).toPrecision(15))) / 10 ** places
  if (to === 'none') return rounded(value, precision ?? decimals).toFixed(precision ?? decimals)
  const base = to === 'si' ? 1000 : 1024
  let power = 0
  let n = value
  while (Math.abs(n) >= base) {
    n /= base
    power++
  }
  let places = precision ?? (power > 0 && Math.abs(n) < 10 ? 1 : 0)
  n = rounded(n, places)
  if (Math.abs(n) >= base) {
    n /= base
    power++
    places = precision ?? 1
  }
  if (precision === undefined && places === 1 && Math.abs(n) >= 10) places = 0
  return n.toFixed(places) + (power > 0 ? LETTERS[power - 1]! + (to === 'iec-i' ? 'i' : '') : '')
}

function* invalid(run: Run, text: string, message: string): Task<string> {
  const how = run.options.value('invalid') ?? 'abort'
  if (how === 'abort') throw new Failure(message, 2)
  if (how !== 'ignore') yield* run.warn(message, how === 'fail' ? 2 : 0)
  return text
}

/** Largest number that is taken apart here. */
const LARGEST = 10n ** 12n

tool('factor', { unsupported: 'h' }, function* (run) {
  const { operands } = run.options
  const words = operands.length > 0 ? operands : (yield* allLines(run, [])).lines.flatMap((l) => l.split(/\s+/).filter((w) => w !== ''))
  for (const word of words) {
    if (!/^\+?\d+$/.test(word)) {
      yield* run.warn(`${quote(word)} is not a valid positive integer`)
      continue
    }
    const whole = BigInt(word.replace('+', ''))
    if (whole > LARGEST) throw new NotSimulated(`factor of numbers above ${LARGEST}`)
    let n = Number(whole)
    const factors: number[] = []
    for (let p = 2; p * p <= n; p += p === 2 ? 1 : 2) for (; n % p === 0; n /= p) factors.push(p)
    if (n > 1) factors.push(n)
    yield* run.print(`${whole}:${factors.map((f) => ` ${f}`).join('')}\n`)
  }
})

tool('shuf', { flags: 'erz', values: 'nio', long: { echo: 'e', repeat: 'r', 'head-count': 'n=', 'input-range': 'i=', output: 'o=', 'zero-terminated': 'z', 'random-source': 'source=' } }, function* (run) {
  const { options, process } = run
  if (options.has('source')) throw new NotSimulated('shuf --random-source')
  const end = options.has('z') ? '\0' : '\n'
  const range = options.value('i')
  const bounds = /^(\d+)-(\d+)$/.exec(range ?? '0-0')
  if (!bounds || Number(bounds[2]) + 1 < Number(bounds[1])) throw new Failure(`invalid input range: ${quote(range!)}`)
  if (range !== undefined && options.operands.length > 0) throw extraOperand(options.operands[0]!)
  const size = Number(bounds[2]) - Number(bounds[1]) + 1
  if (size > 1_000_000) throw new NotSimulated('shuf -i of more than a million numbers')
  const items = range !== undefined ? Array.from({ length: size }, (_, i) => String(Number(bounds[1]) + i)) : options.has('e') ? [...options.operands] : (yield* allLines(run, options.operands, undefined, end.charCodeAt(0))).lines
  const most = Math.min(Infinity, ...options.values('n').map((n) => {
    if (!/^\d+$/.test(n)) throw new Failure(`invalid line count: ${quote(n)}`)
    return Number(n)
  }))
  const { random } = process.clock
  const out = options.has('o') ? process.open(options.value('o')!, 'write') : undefined
  const write = (text: string): Task<void> => (out ? out.write(encodeUtf8(text)) : run.print(text))
  if (options.has('r')) {
    if (items.length === 0 && most > 0) throw new Failure('no lines to repeat')
    for (let i = 0; i < most; i++) yield* write(random.pick(items) + end)
  } else {
    for (let i = items.length - 1; i > 0; i--) {
      const k = random.below(i + 1)
      ;[items[i], items[k]] = [items[k]!, items[i]!]
    }
    for (const item of items.slice(0, most)) yield* write(item + end)
  }
  out?.release()
})
