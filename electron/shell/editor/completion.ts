import { DEFAULT_PATH } from '../../engine/machine/executable.ts'
import type { Process } from '../../engine/machine/types.ts'
import { BUILTINS } from '../language/builtins/table.ts'
import type { Shell } from '../language/shell.ts'
import type { Candidate, Completion } from './candidates.ts'

/** A candidate, what it means, and whether more may follow in the same word. */
export interface Described { name: string; description?: string; open?: boolean }

/** Candidates for the word at `index` of a command line's words (the word is cut off at the cursor). */
export type Completer = (words: readonly string[], index: number, process: Process) => readonly (string | Described)[]

const completers = new Map<string, Completer>()
const KEYWORDS = ['case', 'do', 'done', 'elif', 'else', 'esac', 'fi', 'for', 'function', 'if', 'in', 'then', 'time', 'until', 'while']
const SPECIAL = /[\s|&;()<>'"\\$`*?[\]{}!#~]/g

/**
 * Adds completion for a command's arguments. Candidates that do not begin with the word are left out by the editor;
 * one that ends in "=", "/" or ":" gets no space. A completer that wants file names returns {@link fileNames}'s.
 */
export function registerCompletion(command: string, completer: Completer): void {
  completers.set(command, completer)
}

/** Paths that begin with `word`; directories end in "/". */
export function fileNames(process: Process, word: string, ignoreCase = false): string[] {
  const slash = word.lastIndexOf('/') + 1
  const directory = word.slice(0, slash)
  const prefix = word.slice(slash)
  const home = process.env.get('HOME') ?? '/'
  const path = process.resolve(directory.startsWith('~/') ? home + directory.slice(1) : directory || '.')
  let names: string[]
  try {
    names = process.fs.readDirectory(path)
  } catch {
    return []
  }
  return names
    .concat(prefix.startsWith('.') ? ['.', '..'] : [])
    .filter((name) => begins(name, prefix, ignoreCase))
    .map((name) => directory + name + (isDirectory(process, `${path}/${name}`) ? '/' : ''))
}

function begins(name: string, prefix: string, ignoreCase: boolean): boolean {
  return ignoreCase ? name.toLowerCase().startsWith(prefix.toLowerCase()) : name.startsWith(prefix)
}

function isDirectory(process: Process, path: string): boolean {
  try {
    return process.fs.stat(path).type === 'directory'
  } catch {
    return false
  }
}

export function commandNames(shell: Shell, prefix: string): string[] {
  const { process } = shell
  const names = new Set([...BUILTINS.keys(), ...KEYWORDS, ...shell.functions.keys(), ...shell.aliases.keys()])
  for (const directory of (shell.variables.get('PATH') ?? DEFAULT_PATH).split(':')) {
    try {
      for (const name of process.fs.readDirectory(process.resolve(directory || '.'))) names.add(name)
    } catch {
      // A directory of PATH that is not there.
    }
  }
  return [...names].filter((n) => begins(n, prefix, shell.readline.variables.is('completion-ignore-case'))).sort()
}

interface Parsed {
  words: string[]
  /** Where the last word begins in the text, after its opening quote. */
  start: number
  quote: string
  afterRedirect: boolean
  /** Where the simple command begins. */
  commandStart: number
}

/** The words of the last simple command of a line, the last one possibly empty or unfinished. */
export function wordsOf(text: string): Parsed {
  const chars = [...text]
  let words: string[] = []
  let word = ''
  let inWord = false
  let start = chars.length
  let quote = ''
  let afterRedirect = false
  let commandStart = 0
  const end = (): void => {
    if (inWord) {
      if (afterRedirect) afterRedirect = false
      else words.push(word)
    }
    word = ''
    inWord = false
  }
  const begin = (at: number): void => {
    if (!inWord) start = at
    inWord = true
  }
  for (let i = 0; i < chars.length; i++) {
    const c = chars[i]!
    if (quote !== '') {
      if (c === quote) quote = ''
      else word += c
      continue
    }
    if (c === '\\') {
      begin(i)
      word += chars[++i] ?? ''
    } else if (c === "'" || c === '"') {
      begin(i + 1)
      quote = c
    } else if (c === ' ' || c === '\t' || c === '\n') end()
    else if ('|&;('.includes(c)) {
      end()
      words = []
      commandStart = i + 1
    } else if (c === '<' || c === '>') {
      end()
      afterRedirect = true
    } else {
      begin(i)
      word += c
    }
  }
  if (!inWord) start = chars.length
  words.push(word)
  return { words, start, quote, afterRedirect, commandStart }
}

/** What Tab offers at the end of `text` (the line up to the cursor). `as`: the command whose completion it is. */
export function complete(shell: Shell, text: string, as?: string): Completion {
  const { process } = shell
  const parsed = wordsOf(text)
  let { words } = parsed
  const { start, quote, afterRedirect } = parsed
  while (words.length > 1 && /^[A-Za-z_]\w*=/.test(words[0]!)) words = words.slice(1)
  const word = words[words.length - 1]!
  const variable = /^(.*)\$(\{?)(\w*)$/s.exec(word)
  if (variable && quote !== "'") {
    const names = shell.variables.names().filter((n) => n.startsWith(variable[3]!))
    const closing = variable[2] ? '}' : ''
    // A directory in it goes on with a slash.
    const tail = (n: string): string => (isDirectory(process, shell.variables.get(n) || '\0') ? '/' : '')
    return { candidates: names.map((n) => ({ insert: `${variable[1]}$${variable[2]}${n}${closing}${tail(n)}`, display: n, open: tail(n) !== '' })), start, quote }
  }
  const ignoreCase = shell.readline.variables.is('completion-ignore-case')
  const asFiles = (): Candidate[] => fileNames(process, word, ignoreCase).map((name) => candidate(name, quote, true))
  if (afterRedirect) return { candidates: asFiles(), start, quote }
  // What follows = and : is a word of its own for file names (COMP_WORDBREAKS).
  const part = quote === '' && (words.length === 1 ? /^\w+=/.test(word) : !completers.has(expandedName(shell, words[0]!))) ? /^(.*[=:])(.*)$/s.exec([...text].slice(start).join('')) : null
  if (part) return { candidates: fileNames(process, part[2]!.replace(/\\(.)/gs, '$1'), ignoreCase).map((name) => candidate(name, quote, true)), start: start + [...part[1]!].length, quote }
  if (words.length === 1) {
    if (word.includes('/')) return { candidates: asFiles(), start, quote }
    return { candidates: commandNames(shell, word).map((name) => candidate(name, quote, false)), start, quote }
  }
  const alias = shell.aliases.get(words[0]!)
  const expanded = as !== undefined ? [as, ...words.slice(1)] : alias === undefined ? words : [...alias.trim().split(/\s+/), ...words.slice(1)]
  const command = expanded[0]!.split('/').pop()!
  const completer = completers.get(command)
  if (!completer) {
    const files = asFiles()
    return { candidates: command === 'cd' || command === 'rmdir' || command === 'pushd' ? files.filter((f) => f.open) : files, start, quote }
  }
  const found = new Map<string, Described>()
  for (const one of completer(expanded, expanded.length - 1, process)) {
    const described = typeof one === 'string' ? { name: one } : one
    if (begins(described.name, word, ignoreCase)) found.set(described.name, described)
  }
  return { candidates: withDescriptions([...found.values()], quote, process), start, quote }
}

/** The command that a name stands for. */
function expandedName(shell: Shell, name: string): string {
  return (shell.aliases.get(name)?.trim().split(/\s+/)[0] ?? name).split('/').pop()!
}

export function candidate(name: string, quote: string, path: boolean): Candidate {
  const display = path ? (name.replace(/\/$/, '').split('/').pop() ?? name) + (name.endsWith('/') ? '/' : '') : name
  const tilde = name.startsWith('~/') ? '~' : ''
  const insert = quote ? name : tilde + name.slice(tilde.length).replace(SPECIAL, '\\$&')
  return { insert, display, open: /[/=:]$/.test(name) }
}

/** Candidates with what they mean behind them, as cobra's completion script for bash pads and cuts them. */
function withDescriptions(found: readonly Described[], quote: string, process: Process): Candidate[] {
  const width = (process.terminalOf(1) ?? process.terminalOf(0))?.columns ?? 80
  const longest = Math.max(0, ...found.map(({ name }) => name.length))
  const room = width - longest - 4
  return found.map(({ name, description, open }) => {
    const made = candidate(name, quote, name.includes('/'))
    const shown = description && room > 8 ? `${name.padEnd(longest)}  (${description.length > room ? `${description.slice(0, room - 1)}…` : description})` : made.display
    return { ...made, display: shown, open: made.open || (open ?? false) }
  })
}
