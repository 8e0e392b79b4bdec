import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import type { Process, Program, SignalName } from '../../engine/machine/types.ts'
import { ParseError, type List } from './ast.ts'
import './builtins/index.ts'
import { DEFAULT_SHOPT, change, OPTION_LETTERS } from './builtins/options.ts'
import { ExpansionError, Interrupted } from './errors.ts'
import { BASH_VERSION_LINE, type Flavour } from './messages.ts'
import { Parser } from './parser.ts'
import { Shell } from './shell.ts'

/** Reads and runs commands from a terminal until it ends; the line editor provides it. */
export type Interactive = (shell: Shell) => Task<number>

/** The program bash, dash or busybox's ash: its arguments, and where its commands come from. */
export function shellProgram(flavour: Flavour, interactive: Interactive): Program {
  return function* (process) {
    const shell = new Shell(process, flavour, process.argv[0] ?? flavour)
    shell.rootPid = process.pid
    return yield* shell.run(main(shell, process, interactive))
  }
}

function* main(shell: Shell, process: Process, interactive: Interactive): Task<number> {
  const { flavour } = shell
  for (const name of ['braceexpand', 'hashall']) if (flavour === 'bash') shell.options.add(name)
  for (const name of flavour === 'bash' ? DEFAULT_SHOPT : []) shell.shopt.add(name)
  let command: string | undefined
  let wantsInteractive = false
  let login = process.argv[0]?.startsWith('-') ?? false
  let fromStdin = false
  let startup = true
  const args = [...process.argv.slice(1)]
  let wantsCommand = false
  while (args.length > 0 && /^[-+]./.test(args[0]!)) {
    const arg = args.shift()!
    if (arg === '--') break
    if (arg === '--login') login = true
    else if (arg === '--norc' || arg === '--noprofile') startup = false
    else if (arg === '--posix') shell.options.add('posix')
    else if (arg === '--version' && flavour === 'bash') {
      yield* process.print(BASH_VERSION_LINE + 'Copyright (C) 2022 Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later <http://gnu.org/licenses/gpl.html>\n\nThis is free software; you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n')
      return 0
    } else if (arg.startsWith('--')) {
      yield* process.printError(`${shell.name}: ${arg}: invalid option\n${flavour === 'bash' ? usageOf(shell.name) : ''}`)
      return 2
    } else {
      for (const letter of arg.slice(1)) {
        if (letter === 'c') wantsCommand = true
        else if (letter === 'i') wantsInteractive = true
        else if (letter === 'l') login = true
        else if (letter === 's') fromStdin = true
        else if (letter === 'o' || letter === 'O') {
          const name = args.shift() ?? ''
          if (letter === 'o') change(shell, name, arg[0] === '-')
          else shell.shopt.add(name)
        } else if (OPTION_LETTERS[letter]) change(shell, OPTION_LETTERS[letter], arg[0] === '-')
        else {
          yield* process.printError(flavour === 'bash' ? `${shell.name}: -${letter}: invalid option\n${usageOf(shell.name)}` : `${shell.name}: 0: Illegal option -${letter}\n`)
          return 2
        }
      }
    }
  }
  if (wantsCommand) {
    command = args.shift()
    if (command === undefined) {
      yield* process.printError(flavour === 'dash' ? `${shell.name}: 0: -c requires an argument\n` : `${shell.name}: -c: option requires an argument\n`)
      return 2
    }
  }
  environment(shell, login)
  if (command !== undefined) {
    shell.commandString = true
    if (args.length > 0) shell.name = args.shift()!
    shell.positional = args
    if (wantsInteractive) yield* startInteractive(shell, startup, login)
    return yield* shell.executor.source(command, { tail: true })
  }
  if (!fromStdin && args.length > 0) return yield* runFile(shell, args)
  shell.positional = args
  shell.readsStdin = true
  const terminal = process.terminalOf(0)
  if (wantsInteractive || (terminal && (process.terminalOf(1) || process.terminalOf(2)))) {
    yield* startInteractive(shell, startup, login)
    return terminal ? yield* interactive(shell) : yield* readCommands(shell)
  }
  return yield* readCommands(shell)
}

function usageOf(name: string): string {
  const long = ['debug', 'debugger', 'dump-po-strings', 'dump-strings', 'help', 'init-file', 'login', 'noediting', 'noprofile', 'norc', 'posix', 'pretty-print', 'rcfile', 'restricted', 'verbose', 'version']
  return `Usage:\t${name} [GNU long option] [option] ...\n\t${name} [GNU long option] [option] script-file ...\nGNU long options:\n${long.map((l) => `\t--${l}\n`).join('')}Shell options:\n\t-ilrsD or -c command or -O shopt_option\t\t(invocation only)\n\t-abefhkmnptuvxBCEHPT or -o option\n`
}

/** Functions that a parent shell exported (`export -f`). */
function importFunctions(shell: Shell): void {
  for (const [key, value] of shell.process.env) {
    const name = /^BASH_FUNC_(.+)%%$/.exec(key)?.[1]
    if (name === undefined || !value.startsWith('() {')) continue
    try {
      const definition = new Parser(`${name} ${value}`).next()?.items[0]?.command
      if (definition?.kind === 'function') shell.functions.set(name, definition)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
    }
  }
}

function environment(shell: Shell, login: boolean): void {
  const { variables, process, flavour } = shell
  const preset = (name: string, value: string, exported = false): void => {
    if (variables.get(name) === undefined) variables.set(name, value)
    if (exported) variables.export(name)
  }
  preset('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  variables.set('PWD', process.cwd)
  variables.export('PWD')
  if (flavour !== 'dash') {
    variables.set('SHLVL', String((Number(variables.get('SHLVL') ?? '0') || 0) + 1))
    variables.export('SHLVL')
  }
  variables.set('IFS', ' \t\n')
  variables.set('OPTIND', '1')
  preset('PS4', '+ ')
  variables.set('PPID', String(process.parent?.pid ?? 0))
  if (flavour !== 'bash') return
  importFunctions(shell)
  for (const [name, value] of [['BASH', '/usr/bin/bash'], ['BASH_VERSION', '5.2.15(1)-release'], ['HOSTNAME', process.machine.hostname], ['HOSTTYPE', 'x86_64'], ['MACHTYPE', 'x86_64-pc-linux-gnu'], ['OSTYPE', 'linux-gnu']] as const) variables.set(name, value)
  variables.set('UID', String(process.user.uid))
  variables.set('EUID', String(process.user.uid))
  variables.replace('BASH_VERSINFO', { array: new Map(['5', '2', '15', '1', 'release', 'x86_64-pc-linux-gnu'].map((v, i) => [i, v])) })
  if (login) shell.shopt.add('login_shell')
}

function* runFile(shell: Shell, args: string[]): Task<number> {
  const { process } = shell
  const [path, ...rest] = args as [string, ...string[]]
  let text: string
  try {
    const absolute = process.resolve(path)
    if (process.fs.stat(absolute).type === 'directory') {
      yield* process.printError(`${path}: ${path}: Is a directory\n`)
      return 126
    }
    if (process.fs.programAt(absolute) !== undefined) {
      yield* process.printError(`${path}: ${path}: cannot execute binary file\n`)
      return 126
    }
    process.open(absolute, 'read').release()
    text = process.fs.readText(absolute)
  } catch (error) {
    if (!isSystemError(error)) throw error
    const name = shell.name.split('/').pop()
    if (shell.flavour === 'dash') yield* process.printError(`${shell.name}: 0: cannot open ${path}: No such file\n`)
    else if (shell.flavour === 'busybox') yield* process.printError(`${name}: can't open '${path}': ${error.message}\n`)
    else yield* process.printError(`${shell.name}: ${path}: ${error.message}\n`)
    return shell.flavour === 'bash' || error.code === 'ENOENT' ? (error.code === 'ENOENT' ? (shell.flavour === 'bash' ? 127 : 2) : 126) : 2
  }
  shell.name = path
  shell.scriptFile = path
  shell.positional = rest
  return yield* shell.executor.source(text)
}

const QUIET: readonly SignalName[] = ['SIGTERM', 'SIGQUIT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']

function* startInteractive(shell: Shell, startup: boolean, login: boolean): Task<void> {
  const { process } = shell
  shell.interactive = true
  shell.plainMessages = true
  shell.shopt.add('expand_aliases')
  if (shell.flavour === 'bash') for (const option of ['emacs', 'histexpand', 'history']) shell.options.add(option)
  for (const signal of QUIET) {
    shell.defaultHandlers.set(signal, () => undefined)
    process.onSignal(signal, () => undefined)
  }
  const { terminal } = shell
  if (terminal) {
    if (!terminal.session || terminal.session.status) terminal.session = process
    shell.jobControl = true
    shell.options.add('monitor')
    terminal.foreground = process.group
  }
  if (shell.variables.get('PS1') === undefined) shell.variables.set('PS1', shell.flavour === 'bash' ? '\\s-\\v\\$ ' : shell.flavour === 'busybox' ? '\\w \\$ ' : process.user.uid === 0 ? '# ' : '$ ')
  if (shell.variables.get('PS2') === undefined) shell.variables.set('PS2', '> ')
  if (!startup || shell.flavour === 'dash') return
  const home = shell.variables.get('HOME') ?? ''
  // Debian's /etc/profile reads /etc/bash.bashrc
  const files = shell.flavour === 'busybox' ? (login ? ['/etc/profile'] : []) : login ? ['/etc/profile', '/etc/bash.bashrc', `${home}/.profile`, `${home}/.bashrc`] : ['/etc/bash.bashrc', '/etc/bash/bashrc', `${home}/.bashrc`]
  for (const file of files) {
    if (!process.fs.exists(file)) continue
    shell.sourceDepth++
    yield* shell.executor.source(process.fs.readText(file))
    shell.sourceDepth--
  }
  shell.status = 0
}

/** Commands from a pipe or file on stdin, one after another: what a command reads there is not ours. */
function* readCommands(shell: Shell): Task<number> {
  let text = ''
  let line = 1
  for (;;) {
    const next = yield* readLine(shell.process)
    if (next !== null) text += next
    if (text === '') return shell.status
    let parser: Parser
    let failure: ParseError | undefined
    let lists: List[] = []
    try {
      parser = new Parser(text, { flavour: shell.flavour, firstLine: line, interactive: next !== null, extendedGlobs: shell.shopt.has('extglob'), aliases: () => shell.activeAliases })
      for (let list = parser.next(); list; list = parser.next()) lists.push(list)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
      if (error.incomplete && next !== null) continue
      failure = error
      lists = []
    }
    line += text.split('\n').length - 1
    text = ''
    if (failure) {
      yield* shell.executor.syntaxError(failure)
      shell.status = 2
      if (!shell.interactive) return 2
    }
    for (const list of lists) {
      try {
        yield* shell.executor.commandLine(list)
      } catch (error) {
        if (!shell.interactive || !(error instanceof Interrupted || error instanceof ExpansionError)) throw error
      }
    }
    if (next === null) return shell.status
  }
}

function* readLine(process: Process): Task<string | null> {
  const bytes: number[] = []
  for (;;) {
    const chunk = yield* process.read(0, 1)
    if (chunk === null) return bytes.length > 0 ? decode(bytes) : null
    bytes.push(chunk[0]!)
    if (chunk[0] === 10) return decode(bytes)
  }
}

function decode(bytes: readonly number[]): string {
  return decodeUtf8(Uint8Array.from(bytes))
}
