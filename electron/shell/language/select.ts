import type { Task } from '../../engine/machine/task.ts'
import type { Select } from './ast.ts'
import { BUILTINS } from './builtins/table.ts'
import { wordText } from './print.ts'
import type { Shell } from './shell.ts'

const SPACE = 2
const TAB = 8

/** `select`: a menu on stderr, a choice from stdin, until the input ends or the body breaks (bash(1), Compound Commands). */
export function* selectLoop(shell: Shell, command: Select, loop: (condition: () => Task<boolean>) => Task<number>): Task<number> {
  const words = command.words ? yield* shell.expander.words(command.words) : [...shell.positional]
  if (words.length === 0) return (shell.status = 0)
  const head = `select ${command.name} in ${command.words ? command.words.map(wordText).join(' ') : '"$@"'}`
  let showMenu = true
  let ended = false
  const status = yield* loop(function* () {
    shell.line = command.line
    yield* shell.executor.announce(command, head)
    if (shell.options.has('xtrace')) yield* shell.trace(head)
    for (;;) {
      if (showMenu) yield* shell.process.printError(menu(words, Number(shell.variables.get('COLUMNS') ?? 0) || 80))
      yield* shell.process.printError(shell.variables.get('PS3') ?? '#? ')
      if ((yield* BUILTINS.get('read')!(shell, [], { last: false, keepRedirections: () => undefined })) !== 0) {
        yield* shell.process.print('\n')
        ended = true
        return false
      }
      const reply = shell.variables.get('REPLY') ?? ''
      showMenu = reply === ''
      if (reply === '') continue
      shell.assign(command.name, /^\s*[-+]?\d+\s*$/.test(reply) ? (words[Number(reply) - 1] ?? '') : '')
      return true
    }
  })
  return ended ? (shell.status = 1) : status
}

/** The words in columns, numbered, as wide as the screen allows. */
function menu(words: readonly string[], columns: number): string {
  const digits = String(words.length).length
  const width = Math.max(...words.map((w) => [...w].length)) + digits + SPACE + 2
  let rows = Math.ceil(words.length / Math.max(1, Math.floor(columns / width)))
  if (rows === 1) rows = words.length
  let out = ''
  for (let row = 0; row < rows; row++) {
    let at = 0
    for (let i = row; i < words.length; i += rows) {
      const item = `${String(i + 1).padStart(at === 0 ? String(rows).length : digits)}) ${words[i]}`
      out += item
      if (i + rows < words.length) out += blanks(at + [...item].length, at + width)
      at += width
    }
    out += '\n'
  }
  return out
}

function blanks(from: number, to: number): string {
  let out = ''
  while (from < to) {
    const tab = Math.floor(to / TAB) > Math.floor(from / TAB)
    out += tab ? '\t' : ' '
    from += tab ? TAB - (from % TAB) : 1
  }
  return out
}
