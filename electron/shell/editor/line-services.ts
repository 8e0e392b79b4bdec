import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { ParseError } from '../language/ast.ts'
import { ExpansionError } from '../language/errors.ts'
import { expandGlob } from '../language/glob.ts'
import { Parser } from '../language/parser.ts'
import type { Shell } from '../language/shell.ts'
import type { Completion } from './candidates.ts'
import { candidate, commandNames, fileNames, wordsOf } from './completion.ts'
import type { CompletionKind } from './completing.ts'
import type { Edited } from './line-editor.ts'
import { programmed } from './programmed.ts'

/** What the shell gives its line editor beyond reading keys. */

/** Candidates for the word before the cursor, of one sort of names where that was asked for. */
export function* completions(shell: Shell, text: string, kind: CompletionKind): Task<Completion> {
  if (kind === 'any') return asSet(shell, yield* programmed(shell, text))
  const { words, start, quote } = wordsOf(text)
  const word = words.at(-1)!
  const path = kind === 'filename' || kind.startsWith('glob')
  const candidates = namesOf(shell, word, kind).map((name) => (path || kind === 'command' ? candidate(name, quote, path) : { insert: name, display: name, open: false }))
  return asSet(shell, { candidates, start, quote })
}

/** match-hidden-files and expand-tilde. */
function asSet(shell: Shell, found: Completion): Completion {
  const { variables } = shell.readline
  const home = shell.variables.get('HOME')
  let { candidates } = found
  if (!variables.is('match-hidden-files')) candidates = candidates.filter(({ display }) => !display.startsWith('.'))
  if (variables.is('expand-tilde') && home !== undefined) candidates = candidates.map((c) => (c.insert.startsWith('~/') ? { ...c, insert: home + c.insert.slice(1) } : c))
  return { ...found, candidates }
}

function namesOf(shell: Shell, word: string, kind: CompletionKind): string[] {
  const { process } = shell
  const ignoreCase = shell.readline.variables.is('completion-ignore-case')
  const begins = (name: string): boolean => (ignoreCase ? name.toLowerCase().startsWith(word.toLowerCase()) : name.startsWith(word))
  switch (kind) {
    case 'filename': return fileNames(process, word, ignoreCase)
    case 'variable': return shell.variables.names().map((name) => `$${name}`).filter((name) => begins(name) || name.slice(1).startsWith(word))
    case 'username': return firstFields(shell, '/etc/passwd', ':').map((name) => `~${name}`).filter((name) => begins(name) || name.slice(1).startsWith(word))
    case 'hostname': return [...new Set(hostNames(shell))].map((name) => (word.startsWith('@') ? `@${name}` : name)).filter(begins)
    case 'command': return commandNames(shell, word)
    default: return expandGlob(process.fs, process.cwd, kind === 'glob-prefix' ? `${word}*` : word, { extended: shell.shopt.has('extglob'), dots: false, ignoreCase: false, globstar: false })
  }
}

function lines(shell: Shell, file: string): string[] {
  try {
    return shell.process.fs.readText(file).split('\n')
  } catch (error) {
    if (isSystemError(error)) return []
    throw error
  }
}

function firstFields(shell: Shell, file: string, by: string): string[] {
  return lines(shell, file).map((line) => line.split(by)[0]!).filter(Boolean)
}

function hostNames(shell: Shell): string[] {
  return lines(shell, '/etc/hosts').flatMap((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1))
}

/** The line with its aliases, or everything but names of files, expanded; undefined: it cannot be. */
export function* expandedLine(shell: Shell, text: string, what: 'alias' | 'shell'): Task<string | undefined> {
  const aliased = text.replace(/(^|[;|&(])(\s*)([^\s;|&<>()$'"`\\]+)/g, (whole, before: string, blank: string, word: string) => (shell.aliases.has(word) ? before + blank + shell.aliases.get(word)! : whole))
  if (what === 'alias') return aliased
  try {
    // the whole line is one word for once: what would end a word, or be a pattern, stands for itself
    const word = aliased.replace(/'[^']*'|"(?:\\[^]|[^"\\])*"|\\[^]|\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`|\$\{[^}]*\}|[\s;|&<>()~*?[\]{}#]/g, (part) => (part.length === 1 ? `\\${part}` : part))
    const command = new Parser(`: x${word}`, { aliases: () => new Map() }).next()?.items[0]?.command
    const last = command?.kind === 'simple' ? command.words[1] : undefined
    return last && 'parts' in last ? (yield* shell.expander.string(last)).slice(1) : aliased
  } catch (error) {
    if (error instanceof ParseError || error instanceof ExpansionError) return undefined
    throw error
  }
}

const READLINE_VARIABLES = ['READLINE_LINE', 'READLINE_POINT', 'READLINE_MARK', 'READLINE_ARGUMENT']

/** A command that `bind -x` gave a key: it sees the line, and may change it. */
export function* boundCommand(shell: Shell, command: string, { text, point, mark }: Edited, argument: number | undefined): Task<{ line: Edited; keepPrompt: boolean }> {
  const { variables, status } = shell
  const values = [text, String(point), String(mark), ...(argument === undefined ? [] : [String(argument)])]
  for (const [i, value] of values.entries()) exported(variables, READLINE_VARIABLES[i]!, value)
  const code = yield* shell.executor.source(command)
  shell.status = status
  const number = (name: string, otherwise: number): number => (/^\d+$/.test(variables.get(name) ?? '') ? Number(variables.get(name)) : otherwise)
  const line = { text: variables.get('READLINE_LINE') ?? text, point: number('READLINE_POINT', point), mark: number('READLINE_MARK', mark) }
  for (const name of READLINE_VARIABLES) variables.unset(name)
  return { line, keepPrompt: code === 124 }
}

function exported(variables: Shell['variables'], name: string, value: string): void {
  variables.set(name, value)
  variables.export(name)
}

/** C-x C-e: the line goes into the history and to the editor, and what is left there is run. */
export function* editAndExecute(shell: Shell, text: string, number: number | undefined): Task<void> {
  if (text !== '' && number === undefined) shell.history.add(text, shell.process.clock.wall())
  shell.historyAdded = false
  const editor = '${VISUAL:-${EDITOR:-$(command -v editor || echo emacs)}}'
  yield* shell.executor.source(`fc -e "${editor}" ${number ?? ''}`)
}
