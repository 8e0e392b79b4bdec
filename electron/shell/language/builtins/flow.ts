import { isSystemError } from '../../../engine/machine/errors.ts'
import { findExecutable } from '../../../engine/machine/executable.ts'
import { SIGNAL_NUMBERS } from '../../../engine/machine/signals.ts'
import type { Task } from '../../../engine/machine/task.ts'
import type { OpenFile, SignalName } from '../../../engine/machine/types.ts'
import { concatBytes, decodeUtf8 } from '../../../engine/text.ts'
import { Break, Exit, Return } from '../errors.ts'
import { notFound } from '../messages.ts'
import { quoteForShell } from '../quote.ts'
import type { Shell } from '../shell.ts'
import { command, hash, type } from '../lookup.ts'
import { BUILTINS, letters, textBuiltin, usage } from './table.ts'

function* numeric(shell: Shell, name: string, text: string | undefined, fallback: number): Task<number> {
  if (text === undefined) return fallback
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  yield* shell.error(shell.flavour === 'bash' ? `${name}: ${text}: numeric argument required` : `${name}: Illegal number: ${text}`)
  throw new Exit(2)
}

textBuiltin(': true', function* () {
  yield* []
  return 0
})

textBuiltin('false', function* () {
  yield* []
  return 1
})

for (const name of ['break', 'continue']) {
  textBuiltin(name, function* (shell, args) {
    if (shell.flavour === 'bash' && args[0] !== undefined && shell.loopDepth > 0 && !/^[-+]?\d+$/.test(args[0])) {
      yield* shell.error(`${name}: ${args[0]}: numeric argument required`)
      throw new Exit(128)
    }
    const levels = shell.loopDepth === 0 ? 1 : yield* numeric(shell, name, args[0], 1)
    if (shell.loopDepth === 0) {
      if (shell.flavour === 'bash') yield* shell.error(`${name}: only meaningful in a \`for', \`while', or \`until' loop`)
      return 0
    }
    if (levels < 1) {
      yield* shell.error(`${name}: ${levels}: loop count out of range`)
      throw new Break(shell.loopDepth, false, 1)
    }
    throw new Break(Math.min(levels, shell.loopDepth), name === 'continue')
  })
}

textBuiltin('return', function* (shell, args) {
  if (args.length > 1 && shell.flavour === 'bash') {
    yield* shell.error('return: too many arguments')
    if (shell.interactive) return 1
    throw new Exit(1)
  }
  if (shell.flavour === 'bash' && shell.functionNames.length === 0 && shell.sourceDepth === 0) {
    yield* shell.error('return: can only `return\' from a function or sourced script')
    return 2
  }
  if (args[0] !== undefined && !/^[-+]?\d+$/.test(args[0])) {
    yield* shell.error(`return: ${args[0]}: numeric argument required`)
    throw new Return(2)
  }
  throw new Return((args[0] === undefined ? shell.status : Number(args[0])) & 255)
})

textBuiltin('exit logout', function* (shell, args) {
  if (args.length > 1 && shell.flavour === 'bash' && /^[-+]?\d+$/.test(args[0]!)) {
    yield* shell.error('exit: too many arguments')
    return 1
  }
  if (shell.interactive && shell.flavour === 'bash') yield* shell.process.printError(shell.shopt.has('login_shell') ? 'logout\n' : 'exit\n')
  if (shell.interactive && shell.jobs.all.some((j) => j.stopped) && !shell.warnedOfJobs) {
    yield* shell.process.printError('There are stopped jobs.\n')
    shell.warnedOfJobs = true
    return 1
  }
  throw new Exit((yield* numeric(shell, 'exit', args[0], shell.status)) & 255)
})

textBuiltin('eval', function* (shell, args) {
  const text = (args[0] === '--' ? args.slice(1) : args).join(' ')
  if (text.trim() === '') return 0
  shell.traceLevel++
  try {
    return yield* shell.executor.nested(() => shell.executor.source(text, { firstLine: shell.line, title: 'eval' }))
  } finally {
    shell.traceLevel--
  }
})

for (const name of ['source', '.']) textBuiltin(name, (shell, args) => source(shell, name, args))

/** To its end: it may be a pipe, as with `source <(command)`. */
function* everything(file: OpenFile): Task<string> {
  const chunks: Uint8Array[] = []
  for (let chunk = yield* file.read(); chunk; chunk = yield* file.read()) chunks.push(chunk)
  return decodeUtf8(concatBytes(chunks))
}

function* source(shell: Shell, command: string, args: string[]): Task<number> {
  const [path, ...rest] = args
  if (path === undefined) {
    yield* shell.error(`${command}: filename argument required`)
    yield* shell.process.printError(`${command}: usage: ${command} filename [arguments]\n`)
    return 2
  }
  const { process } = shell
  let text: string
  try {
    const found = path.includes('/') ? undefined : findExecutable(process.machine, { cwd: process.cwd, env: shell.pathEnvironment(), user: { ...process.user, uid: 0 } }, path)
    const absolute = process.resolve(found && process.fs.exists(found) && !process.fs.programAt(found) ? found : path)
    if (process.fs.exists(absolute) && process.fs.stat(absolute).type === 'directory') {
      yield* shell.error(`${command}: ${path}: is a directory`)
      return 1
    }
    const file = process.open(absolute, 'read')
    try {
      text = yield* everything(file)
    } finally {
      file.release()
    }
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (shell.flavour === 'bash') {
      yield* shell.error(`${path}: ${error.message}`)
      return 1
    }
    yield* shell.error(`.: ${shell.flavour === 'dash' ? `cannot open ${path}: No such file` : `can't open '${path}': ${error.message}`}`)
    if (!shell.interactive) throw new Exit(2)
    return 2
  }
  const { positional, messageName, plainMessages, line, positionalChanges: changes } = shell
  if (rest.length > 0) shell.positional = rest
  shell.sourceDepth++
  shell.traceLevel++
  shell.messageName = path
  shell.calls.push({ source: path, line })
  shell.plainMessages = false
  try {
    let code: number
    try {
      code = yield* shell.executor.nested(() => shell.executor.source(text))
    } catch (error) {
      if (!(error instanceof Return)) throw error
      code = error.code
    }
    if (shell.traps.get('RETURN')) {
      shell.status = code
      yield* shell.executor.runTrap('RETURN')
    }
    return code
  } finally {
    shell.sourceDepth--
    shell.traceLevel--
    if (rest.length > 0 && (shell.positionalChanges === changes || shell.functionNames.length > 0)) shell.positional = positional
    shell.messageName = messageName
    shell.calls.pop()
    shell.plainMessages = plainMessages
    shell.line = line
  }
}

textBuiltin('exec', function* (shell, args, context) {
  const { process } = shell
  let name: string | undefined
  let env = new Map(process.env)
  let rest = args
  for (; rest[0] !== undefined && /^-[acl]+$/.test(rest[0]); rest = rest.slice(1)) {
    if (rest[0].includes('c')) env = new Map()
    if (rest[0].includes('a')) {
      name = rest[1]
      rest = rest.slice(1)
    }
  }
  if (rest[0] === '--') rest = rest.slice(1)
  if (rest.length === 0) {
    context.keepRedirections()
    return 0
  }
  const executable = findExecutable(process.machine, { cwd: process.cwd, env: shell.pathEnvironment(), user: process.user }, rest[0]!)
  if (env.has('SHLVL')) env.set('SHLVL', String(Math.max(0, Number(env.get('SHLVL')) - 1)))
  let code = 127
  let replacement: Task<number> | undefined
  try {
    if (executable === undefined) yield* shell.error(shell.flavour === 'bash' ? `exec: ${rest[0]}: not found` : `exec: ${notFound(shell, rest[0]!)}`)
    else replacement = process.exec({ argv: name === undefined ? rest : [name, ...rest.slice(1)], executable: rest[0]!.includes('/') ? rest[0]! : executable, env })
  } catch (error) {
    if (!isSystemError(error)) throw error
    const directory = executable !== undefined && process.fs.exists(executable) && process.fs.stat(executable).type === 'directory'
    if (directory) yield* shell.error(`${rest[0]}: Is a directory`)
    yield* shell.error(directory ? `exec: ${rest[0]}: cannot execute: Is a directory` : `${rest[0]}: ${error.message}`)
    code = error.code === 'ENOENT' ? 127 : 126
  }
  if (replacement) {
    shell.jobControl = false
    throw new Exit(yield* replacement, true)
  }
  if (shell.interactive || shell.shopt.has('execfail')) return code
  throw new Exit(code)
})

function signalOf(text: string): SignalName | 'EXIT' | 'ERR' | 'DEBUG' | 'RETURN' | undefined {
  const upper = text.toUpperCase()
  if (upper === '0' || upper === 'EXIT') return 'EXIT'
  if (upper === 'ERR' || upper === 'DEBUG' || upper === 'RETURN') return upper
  if (/^\d+$/.test(text)) return (Object.keys(SIGNAL_NUMBERS) as SignalName[]).find((s) => SIGNAL_NUMBERS[s] === Number(text))
  const name = (upper.startsWith('SIG') ? upper : 'SIG' + upper) as SignalName
  return name in SIGNAL_NUMBERS ? name : undefined
}

textBuiltin('trap', function* (shell, args) {
  const { options, rest, bad } = letters(args, 'lp')
  if (bad) return yield* usage(shell, 'trap', bad, 'trap [-lp] [[arg] signal_spec ...]')
  if (options.has('l')) return yield* shell.executor.source('kill -l')
  if (rest.length === 0 || options.has('p')) {
    const order = (name: string): number => SIGNAL_NUMBERS[name as SignalName] ?? ['EXIT', 'DEBUG', 'ERR', 'RETURN'].indexOf(name) * 100
    for (const [name, action] of [...shell.traps].sort((a, b) => order(a[0]) - order(b[0]))) {
      if (rest.length > 0 && !rest.some((r) => signalOf(r) === name)) continue
      yield* shell.process.print(`trap -- ${quoteForShell(action)} ${name}\n`)
    }
    return 0
  }
  const reset = rest.length === 1 || rest[0] === '-'
  const action = reset ? undefined : rest[0]!
  let code = 0
  for (const text of rest.length === 1 ? rest : rest.slice(1)) {
    const name = signalOf(text)
    if (!name) {
      yield* shell.error(`trap: ${text}: invalid signal specification`)
      code = 1
      continue
    }
    if (action === undefined) shell.traps.delete(name)
    else shell.traps.set(name, action)
    if (name.startsWith('SIG')) setHandler(shell, name as SignalName, action)
  }
  return code
})

function setHandler(shell: Shell, signal: SignalName, action: string | undefined): void {
  if (action === '') shell.process.onSignal(signal, 'ignore')
  else if (action === undefined) shell.process.onSignal(signal, shell.defaultHandlers.get(signal))
  else {
    shell.process.onSignal(signal, () => {
      shell.pendingTraps.push(signal)
      shell.trapped.notify()
    })
  }
}

textBuiltin('builtin', function* (shell, args, context) {
  if (args.length === 0) return 0
  const builtin = BUILTINS.get(args[0]!)
  if (builtin) return yield* builtin(shell, args.slice(1), context)
  yield* shell.error(`builtin: ${args[0]}: not a shell builtin`)
  return 1
})

textBuiltin('hash', hash)
textBuiltin('type', type)
textBuiltin('command', command)
