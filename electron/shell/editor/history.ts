import { isSystemError } from '../../engine/machine/errors.ts'
import { matchesPattern } from '../language/pattern.ts'
import type { Shell } from '../language/shell.ts'

/** HISTSIZE and HISTFILESIZE, when nothing says otherwise. */
const KEPT = '500'

/** What an interactive bash does with its history: HISTCONTROL, HISTIGNORE, HISTSIZE and the file of HISTFILE. */
export class History {
  readonly #shell: Shell

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** Lines kept; a value that is no number, or below 0, keeps all. */
  #limit(name: 'HISTSIZE' | 'HISTFILESIZE'): number {
    const value = this.#shell.variables.get(name) ?? ''
    return /^\s*\d+\s*$/.test(value) ? Number(value) : Infinity
  }

  load(): void {
    const { variables } = this.#shell
    const home = variables.get('HOME')
    if (variables.get('HISTFILE') === undefined && home) variables.set('HISTFILE', `${home === '/' ? '' : home}/.bash_history`)
    if (variables.get('HISTSIZE') === undefined) variables.set('HISTSIZE', KEPT)
    if (variables.get('HISTFILESIZE') === undefined) variables.set('HISTFILESIZE', variables.get('HISTSIZE')!)
    const file = variables.get('HISTFILE')
    if (!file) return
    try {
      this.read(file)
    } catch (error) {
      // There is no history yet, or none that this user may read.
      if (!isSystemError(error)) throw error
    }
    this.#shell.history.unwritten = 0
  }

  /** Adds a file's lines; "#<seconds>" before a line is when it was. */
  read(file: string, from = 0): number {
    const { process, history } = this.#shell
    const lines = process.fs.readText(process.resolve(file)).split('\n').slice(0, -1)
    let time = process.clock.wall()
    for (const line of lines.slice(from)) {
      if (/^#\d/.test(line)) time = Number.parseInt(line.slice(1), 10) * 1000
      else if (line !== '') history.add(line, time, this.#limit('HISTSIZE'))
    }
    return lines.length
  }

  /** Whether HISTCONTROL and HISTIGNORE keep this line. */
  #kept(line: string): boolean {
    const { variables, history } = this.#shell
    const control = new Set((variables.get('HISTCONTROL') ?? '').split(':'))
    const last = history.last?.line
    if ((control.has('ignorespace') || control.has('ignoreboth')) && /^[ \t]/.test(line)) return false
    if ((control.has('ignoredups') || control.has('ignoreboth')) && line === last) return false
    const ignored = (variables.get('HISTIGNORE') ?? '').split(/(?<!\\):/).filter(Boolean)
    if (ignored.some((p) => matchesPattern(p.replace(/(?<!\\)&/g, () => (last ?? '').replace(/[\\*?[\]]/g, '\\$&')).replace(/\\&/g, '&'), line))) return false
    if (control.has('erasedups')) {
      for (let i = history.entries.length - 1; i >= 0; i--) if (history.entries[i]!.line === line) history.remove(i)
    }
    return true
  }

  /** A command that was read; `first` is its first line, by which it is judged. Whether it was kept. */
  add(text: string, first: string): boolean {
    const { history, process } = this.#shell
    if (first.trim() === '' || !this.#kept(first)) return false
    const most = this.#limit('HISTSIZE')
    const over = history.entries.length - most
    if (over > 0) {
      // HISTSIZE became less: bash counts from how many were forgotten.
      history.stifle(most)
      history.base = over
    }
    history.add(text, process.clock.wall(), most)
    return true
  }

  /** Appends what is in no file yet. After every command, not at the end as bash does, so that a crash loses nothing. */
  save(): void {
    const { variables, history } = this.#shell
    const file = variables.get('HISTFILE')
    if (!file || history.unwritten === 0) return
    try {
      this.append(file)
      this.#truncate(file)
    } catch (error) {
      // No home directory, or a full disk: the history of this session still works.
      if (!isSystemError(error)) throw error
      history.unwritten = 0
    }
  }

  #truncate(file: string): void {
    const most = this.#limit('HISTFILESIZE')
    const { process } = this.#shell
    const lines = process.fs.readText(process.resolve(file)).split('\n')
    if (lines.length - 1 > most) process.fs.writeFile(process.resolve(file), lines.slice(lines.length - 1 - most).join('\n'))
  }

  append(file: string): void {
    const { entries, unwritten } = this.#shell.history
    this.#write(file, entries.slice(entries.length - unwritten), 'append')
    this.#shell.history.unwritten = 0
  }

  write(file: string): void {
    this.#write(file, this.#shell.history.entries, 'write')
  }

  #write(file: string, entries: readonly { line: string; time: number }[], how: 'append' | 'write'): void {
    const { process, variables } = this.#shell
    const path = process.resolve(file)
    const stamped = variables.get('HISTTIMEFORMAT') !== undefined
    const text = entries.map((e) => (stamped ? `#${Math.floor(e.time / 1000)}\n` : '') + e.line + '\n').join('')
    const isNew = !process.fs.exists(path)
    process.open(path, how).release()
    if (isNew) process.fs.chmod(path, 0o600)
    process.fs.appendFile(path, text)
  }
}

/** Words after which a line break needs no semicolon (bash's no_semi_successors). */
const NO_SEMICOLON = /(^|[\s;&|(){}])(case|do|else|elif|if|then|until|while|in)$|[{(;&|]$/

/** Joins the lines of one command as `shopt -s cmdhist` keeps them: as one line that means the same. */
export function joinLines(lines: readonly string[]): string {
  let out = lines[0] ?? ''
  const here = lines.length > 1 && /<<-?\s*[^\s<]/.test(out)
  for (const line of lines.slice(1)) {
    if (openQuote(out) || here) out += '\n' + line
    else if (/(^|[^\\])(\\\\)*\\$/.test(out)) out = out.slice(0, -1) + line
    else out += separator(out, line) + line
  }
  return here ? out + '\n' : out
}

function separator(before: string, next: string): string {
  const text = before.trimEnd()
  if (text === '') return ''
  if (NO_SEMICOLON.test(text) || /(^|[\s;])\w+ ?\(\)$/.test(text) || /(^|[\s;])function\s+\S+$/.test(text)) return ' '
  if (/(^|[\s;])case\s+\S+$/.test(text) || (/(^|[\s;])for\s+\w+$/.test(text) && /^\s*in\b/.test(next))) return ' '
  // A pattern of case ends with a parenthesis that nothing opened.
  if (text.endsWith(')') && /(^|[\s;])case\s/.test(text) && !/(^|[\s;])esac\b/.test(text.slice(text.lastIndexOf('case ')))) return ' '
  return next.trim() === '' ? '' : '; '
}

/** Whether a quotation goes on after the text. */
function openQuote(text: string): boolean {
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '\\' && quote !== "'") i++
    else if (quote !== '') quote = c === quote ? '' : quote
    else if (c === "'" || c === '"' || c === '`') quote = c
    else if (c === '#' && (i === 0 || /\s/.test(text[i - 1]!))) i = text.indexOf('\n', i) < 0 ? text.length : text.indexOf('\n', i)
  }
  return quote !== ''
}
