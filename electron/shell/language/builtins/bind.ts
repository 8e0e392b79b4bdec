import { isSystemError } from '../../../engine/machine/errors.ts'
import type { Task } from '../../../engine/machine/task.ts'
import { initializeReadline } from '../../editor/init-file.ts'
import { FUNCTIONS, isFunction } from '../../readline/functions.ts'
import type { Keymap } from '../../readline/keymap.ts'
import { closing } from '../../readline/readline.ts'
import { parseSequence, showSequence } from '../../readline/sequences.ts'
import type { Shell } from '../shell.ts'
import { textBuiltin, usage } from './table.ts'

const USAGE = 'bind [-lpsvPSVX] [-m keymap] [-f filename] [-q name] [-u name] [-r keyseq] [-x keyseq:shell-command] [keyseq:readline-function or readline-command]'
const KEYMAPS = ['emacs', 'emacs-standard', 'emacs-meta', 'emacs-ctlx', 'vi', 'vi-move', 'vi-command', 'vi-insert']
const LISTS = 'lpsvPSVX'
/** Keys of a function that are named; "..." stands for the rest. */
const NAMED = 5

textBuiltin('bind', function* (shell, args) {
  if (!shell.interactive && !shell.readline.initialized) yield* shell.error('bind: warning: line editing not enabled')
  else yield* initializeReadline(shell)
  const given = parse(args)
  if ('bad' in given) {
    if (given.bad.length === 2) return yield* usage(shell, 'bind', given.bad, USAGE)
    yield* shell.error(`bind: ${given.bad}`)
    yield* shell.process.printError(`bind: usage: ${USAGE}\n`)
    return 2
  }
  const { options, rest } = given
  for (const [letter, value] of options) {
    const code = yield* run(shell, letter, value)
    if (code !== 0) return code
  }
  for (const line of rest) yield* tell(shell, shell.readline.line(line))
  return 0
})

function parse(args: readonly string[]): { options: [string, string][]; rest: readonly string[] } | { bad: string } {
  const options: [string, string][] = []
  let i = 0
  for (; i < args.length && /^-./.test(args[i]!); i++) {
    const word = args[i]!
    if (word === '--') {
      i++
      break
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!
      if (LISTS.includes(letter)) options.push([letter, ''])
      else if ('mfqurx'.includes(letter)) {
        const value = word.slice(at + 1) || args[++i]
        if (value === undefined) return { bad: `-${letter}: option requires an argument` }
        options.push([letter, value])
        break
      } else return { bad: `-${letter}` }
    }
  }
  return { options, rest: args.slice(i) }
}

function* tell(shell: Shell, messages: readonly string[]): Task<void> {
  for (const message of messages) yield* shell.process.printError(`${message}\n`)
}

function* run(shell: Shell, letter: string, value: string): Task<number> {
  const { readline, process } = shell
  const { keymap } = readline
  const fail = function* (message: string): Task<number> {
    yield* shell.error(`bind: ${message}`)
    return 1
  }
  switch (letter) {
    case 'm':
      if (!KEYMAPS.includes(value)) return yield* fail(`\`${value}': invalid keymap name`)
      if (!value.startsWith('emacs')) yield* process.printError(`podhop: not simulated: the keymap ${value} (emacs)\n`)
      return value.startsWith('emacs') ? 0 : 69
    case 'f':
      try {
        const name = process.resolve(value)
        yield* tell(shell, readline.readFile(process.fs.readText(name), value, (path) => process.fs.exists(path) ? process.fs.readText(path) : undefined))
        return 0
      } catch (error) {
        if (!isSystemError(error)) throw error
        return yield* fail(`${value}: cannot read: ${error.message}`)
      }
    case 'q':
    case 'u':
      if (!isFunction(value)) return yield* fail(`\`${value}': unknown function name`)
      if (letter === 'u') {
        keymap.unbindFunction(value)
        return 0
      }
      yield* process.print(describe(keymap, value, `${value} can be invoked via `, `${value} is not bound to any keys.\n`))
      return keymap.keysOf(value).length > 0 ? 0 : 1
    case 'r':
      keymap.unbind(parseSequence(value))
      return 0
    case 'x':
      return yield* bindCommand(shell, value)
    default:
      yield* process.print(list(shell, letter))
      return 0
  }
}

/** -x: quoted keys, a colon, and a command that may be quoted. */
function* bindCommand(shell: Shell, value: string): Task<number> {
  const text = value.trim()
  const fail = function* (message: string): Task<number> {
    yield* shell.error(`bind: ${message}`)
    return 1
  }
  if (!text.startsWith('"')) return yield* fail(`${text}: first non-whitespace character is not \`"'`)
  const end = closing(text, 0)
  if (end < 0) return yield* fail(`no closing \`"' in ${text}`)
  const rest = /^\s*:\s*([^]*)$/.exec(text.slice(end + 1))
  if (!rest) return yield* fail(`${text}: missing colon separator`)
  const command = rest[1]!
  const quoted = (command.startsWith('"') || command.startsWith("'")) && closing(command, 0) === command.length - 1
  shell.readline.keymap.bind(parseSequence(text.slice(1, end)), { kind: 'command', text: quoted ? command.slice(1, -1) : command })
  return 0
}

function describe(keymap: Keymap, name: string, before: string, none: string): string {
  const keys = keymap.keysOf(name)
  if (keys.length === 0) return none
  return `${before}${keys.slice(0, NAMED).map((k) => `"${k}"`).join(', ')}${keys.length > NAMED ? ', ...' : '.'}\n`
}

function list(shell: Shell, letter: string): string {
  const { keymap, variables } = shell.readline
  const quoted = (text: string): string => showSequence(text)
  switch (letter) {
    case 'l': return FUNCTIONS.map((name) => `${name}\n`).join('')
    case 'p': return '\n' + FUNCTIONS.map((name) => {
      const keys = keymap.keysOf(name)
      return keys.length === 0 ? `# ${name} (not bound)\n` : keys.map((k) => `"${k}": ${name}\n`).join('')
    }).join('')
    case 'P': return '\n' + FUNCTIONS.map((name) => describe(keymap, name, `${name} can be found on `, `${name} is not bound to any keys\n`)).join('')
    case 's': return keymap.texts('macro').map(({ keys, text }) => `"${keys}": "${quoted(text)}"\n`).join('')
    case 'S': return keymap.texts('macro').map(({ keys, text }) => `${keys} outputs ${quoted(text)}\n`).join('')
    case 'X': return keymap.texts('command').map(({ keys, text }) => `"${keys}": "${text}"\n`).join('')
    case 'v': return variables.list().map(([name, value]) => `set ${name} ${value}\n`).join('')
    default: return variables.list().map(([name, value]) => `${name} is set to \`${value}'\n`).join('')
  }
}
