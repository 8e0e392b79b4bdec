import { quoteForShell } from '../quote.ts'
import type { MemoryFilesystem } from '../../../engine/machine/filesystem.ts'
import { textBuiltin } from './table.ts'

textBuiltin('alias', function* (shell, args) {
  let code = 0
  const line = (name: string): string => `${shell.flavour === 'bash' ? 'alias ' : ''}${name}=${quoteForShell(shell.aliases.get(name)!)}\n`
  for (const arg of args.length > 0 ? args : [...shell.aliases.keys()].sort()) {
    const at = args.length > 0 ? arg.indexOf('=') : -1
    if (arg === '-p') continue
    if (at > 0) shell.aliases.set(arg.slice(0, at), arg.slice(at + 1))
    else if (shell.aliases.has(arg)) yield* shell.process.print(line(arg))
    else {
      yield* shell.error(`alias: ${arg}: not found`)
      code = 1
    }
  }
  return code
})

textBuiltin('unalias', function* (shell, args) {
  let code = 0
  for (const arg of args) {
    if (arg === '-a') shell.aliases.clear()
    else if (!shell.aliases.delete(arg)) {
      yield* shell.error(`unalias: ${arg}: not found`)
      code = 1
    }
  }
  return code
})

textBuiltin('umask', function* (shell, args) {
  const fs = shell.process.fs as MemoryFilesystem
  const [text] = args.filter((a) => a !== '-S')
  if (text === undefined) {
    const rwx = (shift: number): string => ['r', 'w', 'x'].filter((_, i) => !((fs.umask >> shift) & (4 >> i))).join('')
    yield* shell.process.print(args.includes('-S') ? `u=${rwx(6)},g=${rwx(3)},o=${rwx(0)}\n` : fs.umask.toString(8).padStart(4, '0') + '\n')
    return 0
  }
  if (!/^[0-7]{1,4}$/.test(text)) {
    yield* shell.error(/^\d/.test(text) ? `umask: ${text}: octal number out of range` : `umask: \`${text[0]}': invalid symbolic mode operator`)
    return 1
  }
  fs.umask = parseInt(text, 8) & 0o777
  return 0
})

textBuiltin('ulimit', function* (shell, args) {
  const limits: Record<string, string> = { n: '1024', u: 'unlimited', f: 'unlimited', c: '0', s: '8192', t: 'unlimited', v: 'unlimited' }
  const letter = args[0] === undefined ? 'f' : args[0].replace(/^-[SH]*/, '')
  if (args.length > 1 || !(letter in limits)) {
    yield* shell.process.printError('podhop: not simulated: ulimit with these arguments (ulimit -n)\n')
    return 69
  }
  yield* shell.process.print(limits[letter] + '\n')
  return 0
})

textBuiltin('history', function* (shell, args) {
  if (args[0] === '-c') {
    shell.history.length = 0
    return 0
  }
  if (args[0] !== undefined && !/^\d+$/.test(args[0])) {
    yield* shell.error(`history: ${args[0]}: numeric argument required`)
    return 1
  }
  const from = args[0] === undefined ? 0 : Math.max(0, shell.history.length - Number(args[0]))
  for (let i = from; i < shell.history.length; i++) yield* shell.process.print(`${String(i + 1).padStart(5)}  ${shell.history[i]}\n`)
  return 0
})

textBuiltin('times', function* (shell) {
  yield* shell.process.print('0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n')
  return 0
})

for (const [name, instead] of [['bind', 'the keys are those of readline'], ['complete', 'completion is built in'], ['compgen', 'press Tab'], ['compopt', 'completion is built in'], ['fc', 'history'], ['enable', 'builtin'], ['caller', 'set -x'], ['suspend', 'Ctrl-Z'], ['help', 'hop explain, or man pages on the real machine']] as const) {
  textBuiltin(name, function* (shell) {
    yield* shell.process.printError(`podhop: not simulated: ${name} (${instead})\n`)
    return 69
  })
}
