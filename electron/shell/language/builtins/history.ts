import { isSystemError } from '../../../engine/machine/errors.ts'
import type { Task } from '../../../engine/machine/task.ts'
import { formatTime } from '../../coreutils/strftime.ts'
import { History } from '../../editor/history.ts'
import { expandHistory } from '../../editor/history-expansion.ts'
import type { HistoryEntry } from '../history-list.ts'
import type { Shell } from '../shell.ts'
import { textBuiltin, usage } from './table.ts'

const HISTORY_USAGE = 'history [-c] [-d offset] [n] or history -anrw [filename] or history -ps arg [arg...]'
const FC_USAGE = 'fc [-e ename] [-lnr] [first] [last] or fc -s [pat=rep] [command]'

/** Lines that `fc -l` shows when nothing says which. */
const SHOWN = 16

function isNumber(text: string): boolean {
  return /^\s*[-+]?\d+\s*$/.test(text)
}

textBuiltin('history', function* (shell, args) {
  const { history, process } = shell
  const options = new Set<string>()
  let offset: string | undefined
  let i = 0
  for (; i < args.length && /^-[^\d]/.test(args[i]!); i++) {
    if (args[i] === '--') {
      i++
      break
    }
    const word = args[i]!
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!
      if (!'acdnrwps'.includes(letter)) return yield* usage(shell, 'history', `-${letter}`, HISTORY_USAGE)
      options.add(letter)
      if (letter !== 'd') continue
      offset = word.slice(at + 1) || args[++i]
      if (offset === undefined) {
        yield* shell.error('history: -d: option requires an argument')
        yield* process.printError(`history: usage: ${HISTORY_USAGE}\n`)
        return 2
      }
      break
    }
  }
  const rest = args.slice(i)
  if ([...'anrw'].filter((l) => options.has(l)).length > 1) {
    yield* shell.error('history: cannot use more than one of -anrw')
    return 1
  }
  if (options.has('c')) history.clear()
  if (options.has('s')) {
    dropOwn(shell)
    if (rest.length > 0) history.add(rest.join(' '), process.clock.wall())
    return 0
  }
  if (options.has('p')) return yield* printExpanded(shell, rest)
  if (offset !== undefined) return yield* deleteEntries(shell, offset)
  for (const letter of 'anrw') if (options.has(letter)) return yield* file(shell, letter, rest[0])
  return options.has('c') ? 0 : yield* list(shell, rest)
})

/** The line of this command itself. */
function dropOwn(shell: Shell): void {
  if (shell.historyAdded) shell.history.remove(shell.history.entries.length - 1)
  shell.historyAdded = false
}

function* list(shell: Shell, rest: readonly string[]): Task<number> {
  const { history, process, variables } = shell
  const [count] = rest
  if (count !== undefined && !isNumber(count)) {
    yield* shell.error(`history: ${count}: numeric argument required`)
    return 2
  }
  if (rest.length > 1) {
    yield* shell.error('history: too many arguments')
    return 1
  }
  const format = variables.get('HISTTIMEFORMAT')
  const from = count === undefined ? 0 : Math.max(0, history.entries.length - Math.abs(Number(count)))
  for (const [i, entry] of history.entries.entries()) {
    if (i < from) continue
    yield* process.print(`${String(history.base + i).padStart(5)}${entry.original === undefined ? ' ' : '*'} ${format ? formatTime(entry.time, format) : ''}${entry.line}\n`)
  }
  return 0
}

function* printExpanded(shell: Shell, rest: readonly string[]): Task<number> {
  dropOwn(shell)
  let code = 0
  for (const arg of rest) {
    const { text, error } = expandHistory(arg, shell.history)
    if (error !== undefined) {
      yield* shell.error(`history: ${arg}: history expansion failed`)
      code = 1
    } else yield* shell.process.print(text + '\n')
  }
  return code
}

function* deleteEntries(shell: Shell, offset: string): Task<number> {
  const { history } = shell
  const range = /^(-?\d+)-(-?\d+)$/.exec(offset)
  const place = (text: string): number => (text.startsWith('-') ? history.entries.length + Number(text) : Number(text) - history.base)
  if (!range && !isNumber(offset)) {
    yield* shell.error(`history: ${offset}: numeric argument required`)
    return 1
  }
  const [from, to] = range ? [place(range[1]!), place(range[2]!)] : [place(offset), place(offset)]
  const inside = (n: number): boolean => n >= 0 && n < history.entries.length
  if (!inside(from) || !inside(to)) {
    yield* shell.error(`history: ${range ? (inside(from) ? range[2] : range[1]) : offset}: history position out of range`)
    return 1
  }
  if (to >= from) history.remove(from, to - from + 1)
  return 0
}

function* file(shell: Shell, letter: string, name: string | undefined): Task<number> {
  const path = name ?? shell.variables.get('HISTFILE')
  if (!path) return 0
  const history = new History(shell)
  try {
    if (letter === 'a') history.append(path)
    else if (letter === 'w') history.write(path)
    else shell.historyLinesRead = history.read(path, letter === 'n' ? shell.historyLinesRead : 0)
    return 0
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* shell.error(`history: ${path}: cannot ${letter === 'a' || letter === 'w' ? 'create' : 'read'}: ${error.message}`)
    return 1
  }
}

// ---- fc ------------------------------------------------------------------------------------------------------------

textBuiltin('fc', function* (shell, args) {
  const { process } = shell
  const options = new Set<string>()
  let editor: string | undefined
  let i = 0
  for (; i < args.length && /^-[^\d]/.test(args[i]!); i++) {
    const word = args[i]!
    if (word === '--') {
      i++
      break
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!
      if (!'elnrs'.includes(letter)) return yield* usage(shell, 'fc', `-${letter}`, FC_USAGE)
      options.add(letter)
      if (letter !== 'e') continue
      editor = word.slice(at + 1) || args[++i]
      if (editor === undefined) {
        yield* shell.error('fc: -e: option requires an argument')
        yield* process.printError(`fc: usage: ${FC_USAGE}\n`)
        return 2
      }
      break
    }
  }
  const rest = args.slice(i)
  if (options.has('s') || editor === '-') return yield* again(shell, rest)
  const { entries } = shell.history
  if (entries.length === 0) return 0
  // Its own line is not meant, unless it is named.
  const last = Math.max(0, entries.length - 1 - (shell.historyAdded ? 1 : 0))
  const listing = options.has('l')
  const begin = rest[0] === undefined ? (listing ? Math.max(0, last - SHOWN + 1) : last) : placeOf(shell, rest[0], last)
  const end = rest[1] !== undefined ? placeOf(shell, rest[1], last) : rest[0] !== undefined && !listing ? begin : last
  if (begin === undefined || end === undefined || begin < 0 || end < 0) {
    yield* shell.error(`fc: ${(begin ?? -1) < 0 && rest[0] !== undefined && !isNumber(rest[0]) ? 'no command found' : 'history specification out of range'}`)
    return 1
  }
  let chosen = entries.slice(Math.min(begin, end), Math.max(begin, end) + 1)
  if (options.has('r') !== begin > end) chosen = chosen.toReversed()
  if (!listing) return yield* edited(shell, chosen, editor)
  for (const entry of chosen) {
    const number = options.has('n') ? '' : String(shell.history.base + entries.indexOf(entry))
    yield* process.print(`${number}\t${entry.original === undefined ? ' ' : '*'}${entry.line}\n`)
  }
  return 0
})

/** A number, one that counts from the end, or how a line begins. */
function placeOf(shell: Shell, text: string, last: number): number | undefined {
  const { entries, base } = shell.history
  if (isNumber(text)) {
    const n = Number(text)
    const place = n < 0 ? last + 1 + n : n === 0 ? (text.includes('-') ? last + 1 : last) : n - base
    return Math.max(0, Math.min(place, entries.length - 1))
  }
  const found = entries.slice(0, last + 1).findLastIndex((e) => e.line.startsWith(text))
  return found < 0 ? undefined : found
}

function replaceOwn(shell: Shell, text: string): void {
  dropOwn(shell)
  shell.history.add(text, shell.process.clock.wall())
  shell.historyAdded = true
}

/** `fc -s`: the same command once more, with changes. */
function* again(shell: Shell, rest: readonly string[]): Task<number> {
  const changes: [string, string][] = []
  let i = 0
  for (; i < rest.length && rest[i]!.includes('='); i++) {
    const at = rest[i]!.indexOf('=')
    changes.push([rest[i]!.slice(0, at), rest[i]!.slice(at + 1)])
  }
  const { entries } = shell.history
  const last = entries.length - 1 - (shell.historyAdded ? 1 : 0)
  const place = rest[i] === undefined ? last : placeOf(shell, rest[i]!, last)
  const entry = place === undefined ? undefined : entries[place]
  if (!entry) {
    yield* shell.error('fc: no command found')
    return 1
  }
  let text = entry.line
  for (const [from, to] of changes) if (from !== '') text = text.split(from).join(to)
  yield* shell.process.printError(text + '\n')
  replaceOwn(shell, text)
  return yield* shell.executor.source(text)
}

/** Opens an editor with the lines, and runs what it leaves. */
function* edited(shell: Shell, chosen: readonly HistoryEntry[], given: string | undefined): Task<number> {
  const { process, variables } = shell
  const editor = given ?? (variables.get('FCEDIT') || variables.get('EDITOR') || '$(command -v editor || echo vi)')
  const path = `/tmp/bash-fc.${process.clock.random.suffix(6)}`
  process.fs.writeFile(path, chosen.map((e) => e.line + '\n').join(''))
  try {
    if ((yield* shell.executor.source(`${editor} ${path}`)) !== 0) return 1
    const text = process.fs.readText(path).replace(/\n$/, '')
    yield* process.printError(text + '\n')
    replaceOwn(shell, text)
    return yield* shell.executor.source(text)
  } finally {
    process.fs.remove(path)
  }
}
