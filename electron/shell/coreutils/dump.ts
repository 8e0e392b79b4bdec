import { byName } from '../../engine/own.ts'
import { concatBytes, decodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { Failure, NotSimulated, quote, tool, type Run } from './command.ts'
import { eachInput } from './input.ts'

/** od(1), hexdump(1), xxd(1): bytes as numbers and characters. */

function* everything(run: Run, names: readonly string[]): Task<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  yield* eachInput(run, names, function* (input) {
    for (let bytes = yield* input.read(); bytes !== null; bytes = yield* input.read()) {
      // An input gives its own buffer, which the next read may use again.
      chunks.push(bytes.slice())
      size += bytes.length
      if (size > MOST_IN_MEMORY) throw new Failure('memory exhausted')
    }
  })
  return concatBytes(chunks)
}

/** "16", "0x10", "020", with k, K, M, b behind it. */
function sizeOf(text: string): number | undefined {
  const match = /^(0x[0-9a-f]+|\d+)([bkKMG]?)B?$/i.exec(text)
  if (!match) return undefined
  const number = /^0\d/.test(match[1]!) ? parseInt(match[1]!, 8) : Number(match[1])
  return number * ({ b: 512, k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[2]!] ?? 1)
}

function required(text: string | undefined, otherwise: number, letter: string): number {
  if (text === undefined) return otherwise
  const size = sizeOf(text)
  if (size === undefined) throw new Failure(`invalid -${letter} argument ${quote(text)}`)
  return size
}

// ---- od ------------------------------------------------------------------------------------------------------------

interface Column { size: number; width: number; show(bytes: Uint8Array): string; text: boolean }

const ESCAPES: Readonly<Record<number, string>> = { 0: '\\0', 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r' }
const NAMES = 'nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp'.split(' ')
const WIDTHS: Readonly<Record<string, readonly number[]>> = { o: [3, 6, 11, 22], d: [4, 6, 11, 20], u: [3, 5, 10, 20], x: [2, 4, 8, 16] }

function bigOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, b) => (sum << 8n) | BigInt(b), 0n)
}

function characterOf(byte: number): string {
  return ESCAPES[byte] ?? (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte.toString(8).padStart(3, '0'))
}

function columnsOf(type: string): Column[] {
  const found: Column[] = []
  const pattern = /([ac])(z?)|([doux])([1248CSIL]?)(z?)|(f)/y
  for (let at = 0; at < type.length; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const match = pattern.exec(type)
    if (!match) throw new Failure(`invalid character '${type[at]}' in type string ${quote(type)}`)
    const [, named, namedText, kind, size, text] = match
    if (match[6]) throw new NotSimulated('od -t f (od -t x4)')
    if (named) {
      found.push({ size: 1, width: 3, text: namedText === 'z', show: ([b]) => (named === 'c' ? characterOf(b!) : (b! & 127) === 127 ? 'del' : NAMES[b! & 127] ?? String.fromCharCode(b! & 127)) })
      continue
    }
    const bytes = { '': 4, C: 1, S: 2, I: 4, L: 8 }[size!] ?? Number(size)
    const width = WIDTHS[kind!]![Math.log2(bytes)]!
    const radix = kind === 'o' ? 8 : kind === 'x' ? 16 : 10
    found.push({ size: bytes, width, text: text === 'z', show: (part) => {
      const value = bigOf(part)
      const shown = kind === 'd' ? BigInt.asIntN(bytes * 8, value) : value
      return radix === 10 ? String(shown) : shown.toString(radix).padStart(width, '0')
    } })
  }
  return found
}

const TRADITIONAL: Readonly<Record<string, string>> = byName({ a: 'a', b: 'o1', c: 'c', d: 'u2', i: 'dI', l: 'dL', o: 'o2', s: 'd2', x: 'x2' })

tool('od', {
  flags: 'abcdilosxv', values: 'AtNj', attached: 'w',
  long: { 'address-radix': 'A=', format: 't=', 'read-bytes': 'N=', 'skip-bytes': 'j=', width: 'w?', 'output-duplicates': 'v' }, unsupported: 'Sfh',
}, function* (run) {
  const { options } = run
  const columns = options.given.flatMap(([option, value]) => (option === 't' ? columnsOf(value) : TRADITIONAL[option] ? columnsOf(TRADITIONAL[option]) : []))
  if (columns.length === 0) columns.push(...columnsOf('o2'))
  const all = yield* everything(run, options.operands)
  const skip = required(options.value('j'), 0, 'j')
  if (skip > all.length) throw new Failure('cannot skip past end of combined input')
  const bytes = all.subarray(skip, skip + required(options.value('N'), all.length, 'N'))
  const width = options.has('w') ? Number(options.value('w') || 32) : 16
  const address = options.value('A') ?? 'o'
  if (!'doxn'.includes(address)) throw new Failure(`invalid output address radix '${address}'; it must be one character from [doxn]`)
  const offset = (n: number): string => (address === 'n' ? '' : n.toString(address === 'd' ? 10 : address === 'x' ? 16 : 8).padStart(address === 'x' ? 6 : 7, '0'))
  const block = Math.max(...columns.map((c) => (c.width + 1) * (width / c.size)))
  let before: string | undefined
  let starred = false
  for (let at = 0; at < bytes.length; at += width) {
    const row = bytes.subarray(at, at + width)
    const whole = row.join()
    if (!options.has('v') && whole === before && row.length === width) {
      if (!starred) yield* run.print('*\n')
      starred = true
      continue
    }
    before = whole
    starred = false
    for (const [i, column] of columns.entries()) yield* run.print((i === 0 ? offset(skip + at) : ' '.repeat(offset(0).length)) + rowOf(column, row, width, block) + '\n')
  }
  if (address !== 'n' && (bytes.length > 0 || run.code === 0)) yield* run.print(offset(skip + bytes.length) + '\n')
})

/** The cells of one row; all types take the same room, and what is left over is spread between their cells. */
function rowOf(column: Column, row: Uint8Array, width: number, block: number): string {
  const cells = width / column.size
  const spare = block - column.width * cells
  let left = spare
  let out = ''
  for (let i = cells; i > 0; i--) {
    const next = Math.floor((spare * (i - 1)) / cells)
    const at = (cells - i) * column.size
    const part = new Uint8Array(column.size)
    part.set(row.subarray(at, at + column.size))
    if (at < row.length) out += column.show(part).padStart(left - next + column.width)
    else if (column.text) out += ' '.repeat(left - next + column.width)
    left = next
  }
  return column.text ? `${out}  >${printable(row)}<` : out
}

function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.')).join('')
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

// ---- hexdump -------------------------------------------------------------------------------------------------------

/** Options that choose a form: bytes of a cell, its width, and how it is shown. */
const FORMS: Readonly<Record<string, { size: number; show(value: number): string }>> = {
  b: { size: 1, show: (v) => ' ' + v.toString(8).padStart(3, '0') },
  c: { size: 1, show: (v) => characterOf(v).padStart(4) },
  d: { size: 2, show: (v) => '   ' + String(v).padStart(5, '0') },
  o: { size: 2, show: (v) => '  ' + v.toString(8).padStart(6, '0') },
  x: { size: 2, show: (v) => '    ' + v.toString(16).padStart(4, '0') },
  '': { size: 2, show: (v) => ' ' + v.toString(16).padStart(4, '0') },
}

tool('hexdump hd', { flags: 'bcCdovx', values: 'nse', long: { canonical: 'C', 'no-squeezing': 'v', length: 'n=', skip: 's=' }, unsupported: 'fL' }, function* (run) {
  const { options } = run
  if (options.has('e')) throw new NotSimulated('hexdump -e (hexdump -C, od -t x1)')
  const all = yield* everything(run, options.operands)
  const skip = Math.min(all.length, required(options.value('s'), 0, 's'))
  const bytes = all.subarray(skip, skip + required(options.value('n'), all.length, 'n'))
  const canonical = options.has('C') || run.name.endsWith('hd')
  const form = FORMS[options.last('b', 'c', 'd', 'o', 'x') ?? '']!
  const offset = (n: number): string => n.toString(16).padStart(canonical ? 8 : 7, '0')
  let before: string | undefined
  let starred = false
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const whole = row.join()
    if (!options.has('v') && whole === before && row.length === 16) {
      if (!starred) yield* run.print('*\n')
      starred = true
      continue
    }
    before = whole
    starred = false
    if (canonical) {
      const cells = Array.from({ length: 16 }, (_, i) => (i === 8 ? '  ' : ' ') + (row[i] === undefined ? '  ' : hexByte(row[i]))).join('')
      yield* run.print(`${offset(skip + at)} ${cells}  |${printable(row)}|\n`)
      continue
    }
    const cell = form.show(0).length
    const shown = Array.from({ length: 16 / form.size }, (_, i) => {
      const place = i * form.size
      return place < row.length ? form.show(row[place]! | (form.size === 2 ? (row[place + 1] ?? 0) << 8 : 0)) : ' '.repeat(cell)
    })
    yield* run.print(offset(skip + at) + shown.join('') + '\n')
  }
  if (bytes.length > 0) yield* run.print(offset(skip + bytes.length) + '\n')
})

// ---- xxd -----------------------------------------------------------------------------------------------------------

tool('xxd', { flags: 'abeEipruCdv', values: 'clsgno', long: {} }, function* (run) {
  const { options } = run
  if (options.has('e', 'E', 'a', 'C', 'd', 'o')) throw new NotSimulated('this form of xxd (xxd, -p, -r, -b, -i, -c, -g, -l, -s, -u)')
  const [name = '-', target] = options.operands
  if (target !== undefined) throw new NotSimulated('an output file of xxd (xxd FILE > OUTPUT)')
  const all = yield* everything(run, [name])
  if (options.has('r')) return yield* run.print(reversed(decodeUtf8(all), options.has('p')))
  const skip = Number(options.value('s') ?? 0)
  const start = skip < 0 ? Math.max(0, all.length + skip) : skip
  const bytes = all.subarray(start, start + Number(options.value('l') ?? all.length))
  const upper = (text: string): string => (options.has('u') ? text.toUpperCase() : text)
  if (options.has('i')) return yield* run.print(asC(bytes, options.value('n') ?? (name === '-' ? undefined : name), Number(options.value('c') ?? 12)))
  const columns = Number(options.value('c') ?? (options.has('p') ? 30 : options.has('b') ? 6 : 16))
  if (options.has('p')) {
    for (let at = 0; at < bytes.length; at += columns) yield* run.print(upper(Array.from(bytes.subarray(at, at + columns), hexByte).join('')) + '\n')
    return
  }
  const digits = options.has('b') ? 8 : 2
  const group = Number(options.value('g') ?? (options.has('b') ? 1 : 2)) || columns
  const width = columns * digits + Math.ceil(columns / group)
  for (let at = 0; at < bytes.length; at += columns) {
    const row = bytes.subarray(at, at + columns)
    let cells = ''
    for (const [i, b] of row.entries()) cells += (i % group === 0 ? ' ' : '') + (options.has('b') ? b.toString(2).padStart(8, '0') : upper(hexByte(b)))
    yield* run.print(`${(start + at).toString(16).padStart(8, '0')}:${cells.padEnd(width)}  ${printable(row)}\n`)
  }
})

function asC(bytes: Uint8Array, name: string | undefined, columns: number): string {
  const rows: string[] = []
  for (let at = 0; at < bytes.length; at += columns) rows.push('  ' + Array.from(bytes.subarray(at, at + columns), (b) => '0x' + hexByte(b)).join(', '))
  const list = rows.join(',\n') + '\n'
  if (name === undefined) return list
  const variable = name.replace(/[^A-Za-z0-9]/g, '_').replace(/^(?=\d)/, '__')
  return `unsigned char ${variable}[] = {\n${list}};\nunsigned int ${variable}_len = ${bytes.length};\n`
}

function reversed(text: string, plain: boolean): Uint8Array {
  if (plain) return Uint8Array.from(text.replace(/[^0-9a-fA-F]/g, '').match(/../g) ?? [], (pair) => parseInt(pair, 16))
  const out: number[] = []
  for (const line of text.split('\n')) {
    const match = /^([0-9a-fA-F]+):((?: ?[0-9a-fA-F]{2})+)/.exec(line)
    if (!match) continue
    const at = parseInt(match[1]!, 16)
    if (at > MOST_IN_MEMORY) throw new Failure('memory exhausted')
    while (out.length < at) out.push(0)
    for (const [i, pair] of (match[2]!.match(/[0-9a-fA-F]{2}/g) ?? []).entries()) out[at + i] = parseInt(pair, 16)
  }
  return Uint8Array.from(out)
}

tool('strings', { flags: 'af', values: 'nt', number: 'n', unsupported: 'oeTUdw' }, function* (run) {
  const { options } = run
  const least = Number(options.value('n') ?? 4)
  const radix = options.value('t')
  const offset = (n: number): string => (radix === undefined ? '' : `${n.toString(radix === 'd' ? 10 : radix === 'x' ? 16 : 8).padStart(7)} `)
  yield* eachInput(run, options.operands, function* (input) {
    const bytes = yield* input.bytes()
    let start = 0
    for (let at = 0; at <= bytes.length; at++) {
      const b = bytes[at]
      if (b !== undefined && (b === 9 || (b >= 0x20 && b < 0x7f))) continue
      if (at - start >= least) yield* run.print(`${options.has('f') ? `${input.name}: ` : ''}${offset(start)}${decodeUtf8(bytes.subarray(start, at))}\n`)
      start = at + 1
    }
  })
})
