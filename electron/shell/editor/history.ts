import type { Shell } from '../language/shell.ts'

/** Lines kept (HISTSIZE of Debian's bashrc). */
const KEPT = 1000

/** ~/.bash_history, written after every command, so that a crash loses nothing. */
export class History {
  readonly #shell: Shell

  constructor(shell: Shell) {
    this.#shell = shell
  }

  get #file(): string | undefined {
    const file = this.#shell.variables.get('HISTFILE')
    return file === undefined || file === '' ? undefined : this.#shell.process.resolve(file)
  }

  load(): void {
    const { variables, process, history } = this.#shell
    const home = variables.get('HOME')
    if (variables.get('HISTFILE') === undefined && home) variables.set('HISTFILE', `${home === '/' ? '' : home}/.bash_history`)
    const file = this.#file
    if (!file || !process.fs.exists(file)) return
    history.push(...process.fs.readText(file).split('\n').filter(Boolean).slice(-KEPT))
  }

  /** Debian's HISTCONTROL=ignoreboth: not what begins with a space, not the same line twice in a row. */
  add(line: string): void {
    const { history, process, variables } = this.#shell
    if (line.trim() === '' || line.startsWith(' ') || history[history.length - 1] === line) return
    history.push(line)
    if (history.length > KEPT) history.shift()
    const file = this.#file
    if (!file) return
    try {
      if (!process.fs.exists(file)) {
        process.open(file, 'append').release()
        process.fs.chmod(file, 0o600)
      }
      process.fs.appendFile(file, line.replace(/\n/g, ' ') + '\n')
    } catch {
      // No home directory, or a full disk: the history of this session still works.
      variables.unset('HISTFILE')
    }
  }
}

/** !!, !$, !^, !*, !n, !-n, !text (history(3)). `error` is bash's message. */
export function expandHistory(line: string, history: readonly string[]): { text: string; changed: boolean; error?: string } {
  if (!line.includes('!')) return { text: line, changed: false }
  let out = ''
  let changed = false
  let single = false
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!
    if (c === "'" ) single = !single
    if (c === '\\' && !single) {
      out += c + (line[++i] ?? '')
      continue
    }
    const match = c === '!' && !single && line[i - 1] !== '$' && line[i - 1] !== '{' && line[i - 1] !== '[' ? /^!(!|\$|\^|\*|-?\d+|\?[^?\n]+\??|[A-Za-z_./][^\s;|&"'()]*)/.exec(line.slice(i)) : null
    if (!match) {
      out += c
      continue
    }
    const what = match[1]!
    const last = history[history.length - 1]
    const words = (last ?? '').trim().split(/\s+/)
    let text: string | undefined
    if (what === '!') text = last
    else if (what === '$') text = last && words[words.length - 1]
    else if (what === '^') text = last && (words[1] ?? '')
    else if (what === '*') text = last && words.slice(1).join(' ')
    else if (/^-?\d+$/.test(what)) text = Number(what) < 0 ? history[history.length + Number(what)] : history[Number(what) - 1]
    else if (what.startsWith('?')) text = [...history].reverse().find((h) => h.includes(what.replace(/\?/g, '')))
    else text = [...history].reverse().find((h) => h.startsWith(what))
    if (text === undefined) return { text: line, changed: false, error: `${match[0]}: event not found` }
    out += text
    changed = true
    i += match[0].length - 1
  }
  return { text: out, changed }
}
