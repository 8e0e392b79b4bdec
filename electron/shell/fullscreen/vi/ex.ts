import { byName } from '../../../engine/own.ts'
import { sizeOf } from '../screen.ts'
import type { Loaded } from '../text-file.ts'
import { firstNonBlank } from './buffer.ts'
import type { Vi } from './normal.ts'
import { compilePattern, messageOf, search } from './pattern.ts'

/** The files of the machine, as an editor sees them. `save` throws a SystemError. */
export interface Files {
  load(name: string): Loaded
  save(name: string, text: string): void
  exists(name: string): boolean
}

/** Said on the bottom line. */
class ExError extends Error {}

const NO_WRITE = 'E37: No write since last change (add ! to override)'
/** Commands that vim has and this one has not. */
const UNSIMULATED = /^(?:g|global|v|vglobal|!|m|move|t|co|copy|norm|normal|sp|split|vs|vsplit|tabe|tabnew|tabedit|sort|j|join|k|mark|map|noremap|syntax|syn|sy|filetype|colo|colorscheme|help|h|h|reg|registers|undo|redo|u|red|b|bn|bp|ls|n|next|prev|source|so|sh|shell|make|ter|terminal|let|echo|python|py3|>|<|put|pu)$/

/** Runs one command line of ex. */
export function runEx(vi: Vi, line: string): void {
  try {
    run(vi, line)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    vi.message = messageOf(error)
  }
}

function run(vi: Vi, typed: string): void {
  const { buffer } = vi
  const { range, rest } = readRange(vi, typed.trimStart().replace(/^:+/, ''))
  const match = /^\s*([A-Za-z]+|!|[<>])?(!)?\s*(.*?)\s*$/s.exec(rest)!
  const [, given = '', bang, argument = ''] = match
  const name = /^s[^A-Za-z0-9\s"|]/.test(rest) ? 's' : given
  if (name === '') {
    if (rest.trim() !== '') throw new ExError(`E492: Not an editor command: ${typed}`)
    if (range) buffer.at = { row: range.last, column: firstNonBlank(buffer.lines[range.last]!) }
    return
  }
  const force = bang === '!'
  switch (name) {
    case 's': case 'su': case 'substitute': return substitute(vi, range, rest.slice(rest.indexOf(name) + name.length))
    case 'w': case 'write': return write(vi, argument, force, range)
    case 'wq': case 'wqa': case 'wqall':
      write(vi, argument, force, range)
      vi.exitCode = 0
      return
    case 'x': case 'xit': case 'exit': case 'xa': case 'xall':
      if (buffer.modified || argument) write(vi, argument, force, range)
      vi.exitCode = 0
      return
    case 'wa': case 'wall': return write(vi, '', force, undefined)
    case 'q': case 'quit': case 'qa': case 'qall': case 'quita': case 'quitall':
      if (buffer.modified && !force) throw new ExError(name.startsWith('qa') || name.endsWith('all') ? `E37: No write since last change (add ! to override)` : NO_WRITE)
      vi.exitCode = 0
      return
    case 'cq': case 'cquit': vi.exitCode = 1; return
    case 'e': case 'edit':
      if (buffer.modified && !force) throw new ExError(NO_WRITE)
      if (!argument && vi.name === undefined) throw new ExError('E32: No file name')
      openFile(vi, argument || vi.name!)
      return
    case 'r': case 'read': {
      if (argument.startsWith('!')) throw new ExError('podhop: not simulated: :r! in vi')
      const loaded = vi.files.load(argument || vi.name || '')
      if (loaded.missing) throw new ExError(`E484: Can't open file ${argument}`)
      const row = (range?.last ?? buffer.at.row) + 1
      buffer.begin()
      buffer.lines.splice(row, 0, ...loaded.lines)
      buffer.at = { row: Math.min(row, buffer.lines.length - 1), column: 0 }
      vi.message = `"${argument}" ${loaded.lines.length}L, ${sizeOf(loaded.lines)}B`
      return
    }
    case 'd': case 'delete': {
      const { first, last } = range ?? { first: buffer.at.row, last: buffer.at.row }
      buffer.begin()
      buffer.register = { lines: buffer.cutLines(first, last), linewise: true }
      const count = last - first + 1
      vi.message = buffer.isEmpty ? '--No lines in buffer--' : count > 2 ? `${count} fewer lines` : ''
      return
    }
    case 'y': case 'yank': {
      const { first, last } = range ?? { first: buffer.at.row, last: buffer.at.row }
      buffer.register = { lines: buffer.lines.slice(first, last + 1), linewise: true }
      if (last - first >= 2) vi.message = `${last - first + 1} lines yanked`
      return
    }
    case 'set': case 'se': return setOptions(vi, argument)
    case 'noh': case 'nohlsearch': return
    case 'f': case 'file':
      if (argument) vi.name = argument
      vi.message = `"${vi.name ?? '[No Name]'}"${buffer.modified ? ' [Modified]' : ''} ${buffer.lines.length} lines --${Math.floor(((buffer.at.row + 1) * 100) / buffer.lines.length)}%--`
      return
  }
  if (UNSIMULATED.test(name)) throw new ExError(`podhop: not simulated: :${name} in vi`)
  throw new ExError(`E492: Not an editor command: ${typed}`)
}

interface Range { first: number; last: number }

function readRange(vi: Vi, text: string): { range: Range | undefined; rest: string } {
  const { buffer } = vi
  const end = buffer.lines.length - 1
  if (text.startsWith('%')) return { range: { first: 0, last: end }, rest: text.slice(1) }
  const rows: number[] = []
  let rest = text
  for (;;) {
    const address = /^\s*(\d+|\.|\$|\/(?:[^/\\]|\\.)*\/?)?((?:[+-]\d*)*)/.exec(rest)!
    const [whole, base, offsets = ''] = address
    if (base === undefined && offsets === '') {
      if (rows.length === 0 && !/^\s*,/.test(rest)) break
      rows.push(buffer.at.row)
    } else {
      let row = base === undefined || base === '.' ? buffer.at.row : base === '$' ? end : /^\d/.test(base) ? Number(base) - 1 : patternRow(vi, base)
      for (const [, sign, digits] of offsets.matchAll(/([+-])(\d*)/g)) row += (sign === '-' ? -1 : 1) * (digits === '' ? 1 : Number(digits))
      rows.push(row)
    }
    rest = rest.slice(whole.length).trimStart()
    if (!rest.startsWith(',') && !rest.startsWith(';')) break
    rest = rest.slice(1)
  }
  if (rows.length === 0) return { range: undefined, rest }
  const [first, last] = rows.length === 1 ? [rows[0]!, rows[0]!] : rows.slice(-2) as [number, number]
  // a line number alone may be too large; elsewhere that is an error
  if (rest.trim() === '') return { range: { first: 0, last: Math.max(0, Math.min(end, last)) }, rest }
  if (first > last) throw new ExError('E493: Backwards range given')
  if (last > end) throw new ExError('E16: Invalid range')
  return { range: { first: Math.max(0, first), last: Math.max(0, last) }, rest }
}

function patternRow(vi: Vi, text: string): number {
  const pattern = text.slice(1).replace(/\/$/, '')
  const found = search(vi.buffer.lines, compilePattern(pattern, vi.options), { row: vi.buffer.at.row, column: vi.buffer.line.length }, true)
  if (!found) throw new ExError(`E486: Pattern not found: ${pattern}`)
  return found.at.row
}

function substitute(vi: Vi, range: Range | undefined, text: string): void {
  const { buffer } = vi
  const separator = text[0]
  if (separator === undefined || separator === ' ') throw new ExError('podhop: not simulated: :s without a pattern in vi')
  const parts: string[] = ['']
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length) {
      parts[parts.length - 1] += text[i + 1] === separator ? separator : text.slice(i, i + 2)
      i++
    } else if (text[i] === separator && parts.length < 3) parts.push('')
    else parts[parts.length - 1] += text[i]
  }
  const [written = '', replacement = '', flags = ''] = parts
  const pattern = written || vi.lastSearch?.pattern
  if (pattern === undefined || pattern === '') throw new ExError('E35: No previous regular expression')
  if (flags.includes('c')) throw new ExError('podhop: not simulated: the flag c of :s in vi')
  if (/[^giIen]/.test(flags.trim())) throw new ExError(`E488: Trailing characters: ${flags.replace(/^[giIen]+/, '')}`)
  vi.lastSearch = { pattern, forward: true }
  const ignorecase = flags.includes('i') || (vi.options.ignorecase && !flags.includes('I'))
  const expression = compilePattern(pattern, { ignorecase, smartcase: vi.options.smartcase && !flags.includes('i') })
  const { first, last } = range ?? { first: buffer.at.row, last: buffer.at.row }
  let [count, touched] = [0, 0]
  // All of them or none: a pattern may turn out to be too much for one of the lines.
  const changed = buffer.lines.slice(first, last + 1).map((line) => {
    let hits = 0
    const made = line.replace(expression, (...args: unknown[]) => {
      hits++
      if (hits > 1 && !flags.includes('g')) return args[0] as string
      count++
      return expand(replacement, args as (string | undefined)[])
    })
    if (hits > 0) touched++
    return hits > 0 ? made.split('\n') : undefined
  })
  buffer.begin()
  let row = first
  for (const lines of flags.includes('n') ? [] : changed) {
    if (lines) {
      buffer.lines.splice(row, 1, ...lines)
      row += lines.length - 1
      buffer.at = { row, column: firstNonBlank(buffer.lines[row]!) }
    }
    row++
  }
  if (count === 0 && !flags.includes('e')) throw new ExError(`E486: Pattern not found: ${pattern}`)
  if (flags.includes('n')) vi.message = `${count} match${count === 1 ? '' : 'es'} on ${touched} line${touched === 1 ? '' : 's'}`
  else if (count > 2) vi.message = `${count} substitutions on ${touched} line${touched === 1 ? '' : 's'}`
}

function expand(replacement: string, groups: readonly (string | undefined)[]): string {
  return replacement.replace(/\\(.)|&/g, (whole, escaped: string | undefined) => {
    if (whole === '&') return groups[0]!
    if (/\d/.test(escaped!)) return typeof groups[Number(escaped)] === 'string' ? groups[Number(escaped)]! : ''
    return { r: '\n', n: '\0', t: '\t' }[escaped!] ?? escaped!
  })
}

function write(vi: Vi, argument: string, force: boolean, range: Range | undefined): void {
  const { buffer } = vi
  if (argument.startsWith('!') || argument.startsWith('>>')) throw new ExError('podhop: not simulated: :w ! and :w >> in vi')
  const name = argument || vi.name
  if (name === undefined) throw new ExError('E32: No file name')
  if (vi.readonly && !force && name === vi.name) throw new ExError("E45: 'readonly' option is set (add ! to override)")
  const existed = vi.files.exists(name)
  if (argument && argument !== vi.name && existed && !force) throw new ExError('E13: File exists (add ! to override)')
  const lines = range ? buffer.lines.slice(range.first, range.last + 1) : buffer.isEmpty ? [] : buffer.lines
  try {
    vi.files.save(name, lines.map((line) => `${line.replaceAll('\0', '\n')}\n`).join(''))
  } catch {
    throw new ExError(`"${name}" E212: Can't open file for writing`)
  }
  vi.name ??= name
  if (name === vi.name && !range) buffer.modified = false
  vi.message = `"${name}" ${existed ? '' : '[New] '}${lines.length}L, ${sizeOf(lines)}B written`
}

/** Reads a file into the buffer, and says what it is. */
export function openFile(vi: Vi, name: string): void {
  const loaded = vi.files.load(name)
  vi.name = name
  vi.readonly = vi.options.readonly || loaded.readonly
  vi.buffer.load(loaded.lines)
  const { lines } = loaded
  const what = loaded.missing && { new: '[New]', denied: '[Permission Denied]', directory: 'is a directory', 'no-directory': '[New DIRECTORY]' }[loaded.missing]
  vi.message = what ? `"${name}" ${what}` : `"${name}" ${vi.readonly ? '[readonly] ' : ''}${loaded.unended ? '[noeol] ' : ''}${lines.length}L, ${sizeOf(lines) - (loaded.unended ? 1 : 0)}B`
}

const SWITCHES: Readonly<Record<string, 'number' | 'autoindent' | 'expandtab' | 'ignorecase' | 'smartcase' | 'readonly'>> = byName({
  nu: 'number', number: 'number', ai: 'autoindent', autoindent: 'autoindent', et: 'expandtab', expandtab: 'expandtab',
  ic: 'ignorecase', ignorecase: 'ignorecase', scs: 'smartcase', smartcase: 'smartcase', ro: 'readonly', readonly: 'readonly',
})
const NUMBERS: Readonly<Record<string, 'tab' | 'shift'>> = byName({ ts: 'tab', tabstop: 'tab', sw: 'shift', shiftwidth: 'shift' })
const OTHER_OPTIONS = /^(?:hls|hlsearch|is|incsearch|wrap|list|paste|ruler|ru|showmode|smd|rnu|relativenumber|sts|softtabstop|cursorline|cul|mouse|ff|fileformat|syntax|syn|si|smartindent|bg|background|compatible|cp|so|scrolloff|ws|wrapscan)$/

function setOptions(vi: Vi, argument: string): void {
  for (const word of argument.split(/\s+/).filter((w) => w !== '')) {
    const [, no, name = '', how, value] = /^(no)?([a-z]+)([=!?:]?)(.*)$/.exec(word) ?? []
    const whole = `${no ?? ''}${name}`
    const onOff = SWITCHES[name] ?? SWITCHES[whole]
    const number = NUMBERS[whole]
    if (number) {
      if (how !== '=') vi.message = `  ${number === 'tab' ? 'tabstop' : 'shiftwidth'}=${vi.options[number]}`
      else if (!/^\d+$/.test(value ?? '')) throw new ExError(`E521: Number required after =: ${word}`)
      else if (Number(value) === 0 && number === 'tab') throw new ExError(`E487: Argument must be positive: ${word}`)
      else vi.options[number] = Math.min(Number(value), 99) || vi.options.tab
    } else if (onOff) {
      if (how === '?') vi.message = `${vi.options[onOff] ? '  ' : 'no'}${onOff}`
      else if (how === '=') throw new ExError(`E474: Invalid argument: ${word}`)
      else vi.options[onOff] = how === '!' ? !vi.options[onOff] : no !== 'no'
      if (onOff === 'readonly') vi.readonly = vi.options.readonly
    } else if (OTHER_OPTIONS.test(name)) throw new ExError(`podhop: not simulated: :set ${word} in vi`)
    else throw new ExError(`E518: Unknown option: ${word}`)
  }
}
