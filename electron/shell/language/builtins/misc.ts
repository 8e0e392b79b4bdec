import { quoteForShell } from '../quote.ts'
import type { MemoryFilesystem } from '../../../engine/machine/filesystem.ts'
import { letters, textBuiltin, usage } from './table.ts'

textBuiltin('alias', function* (shell, args) {
  let code = 0
  const line = (name: string): string => `${shell.flavour === 'bash' ? 'alias ' : ''}${name}=${quoteForShell(shell.aliases.get(name)!)}\n`
  for (const arg of args.length > 0 ? args : [...shell.aliases.keys()].sort()) {
    const at = args.length > 0 ? arg.indexOf('=') : -1
    if (arg === '-p') continue
    if (at > 0 && /[\s/$`=|&;()<>'"]/.test(arg.slice(0, at))) {
      yield* shell.error(`alias: \`${arg.slice(0, at)}': invalid alias name`)
      code = 1
    } else if (at > 0) shell.aliases.set(arg.slice(0, at), arg.slice(at + 1))
    else if (shell.aliases.has(arg)) yield* shell.process.print(line(arg))
    else {
      yield* shell.error(`alias: ${arg}: not found`)
      code = 1
    }
  }
  return code
})

textBuiltin('unalias', function* (shell, args) {
  if (args.length === 0) {
    yield* shell.process.printError('unalias: usage: unalias [-a] name [name ...]\n')
    return 2
  }
  let code = 0
  for (const arg of args) {
    if (arg === '-a') shell.aliases.clear()
    else if (!shell.aliases.delete(arg)) {
      if (shell.flavour === 'dash') yield* shell.process.printError(`unalias: ${arg} not found\n`)
      else yield* shell.error(`unalias: ${arg}: not found`)
      code = 1
    }
  }
  return code
})

textBuiltin('umask', function* (shell, args) {
  const { options, rest, bad } = letters(args.filter((a, i) => i > 0 || !/^-[rwxX]/.test(a)), 'pS')
  if (bad) return yield* usage(shell, 'umask', bad, 'umask [-p] [-S] [mode]')
  const fs = shell.process.fs as MemoryFilesystem
  const text = rest[0]
  if (text === undefined) {
    const rwx = (shift: number): string => ['r', 'w', 'x'].filter((_, i) => !((fs.umask >> shift) & (4 >> i))).join('')
    const shown = options.has('S') ? `u=${rwx(6)},g=${rwx(3)},o=${rwx(0)}` : fs.umask.toString(8).padStart(4, '0')
    yield* shell.process.print(`${options.has('p') ? `umask ${options.has('S') ? '-S ' : ''}` : ''}${shown}\n`)
    return 0
  }
  if (/^\d/.test(text)) {
    if (!/^[0-7]+$/.test(text) || parseInt(text, 8) > 0o7777) {
      yield* shell.error(`umask: ${text}: octal number out of range`)
      return 1
    }
    fs.umask = parseInt(text, 8) & 0o777
    return 0
  }
  let allowed = ~fs.umask & 0o777
  for (const clause of text.split(',')) {
    const found = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause)
    if (!found) {
      const rest = clause.replace(/^[ugoa]*/, '')
      yield* shell.error(/^[-+=]/.test(rest) ? `umask: \`${rest.replace(/^[-+=][rwxXst]*/, '')[0]}': invalid symbolic mode character` : `umask: \`${rest[0] ?? ''}': invalid symbolic mode operator`)
      return 1
    }
    const [, who, operator, what] = found as unknown as [string, string, string, string]
    let bits = 0
    for (const w of who === '' || who.includes('a') ? 'ugo' : who) {
      const shift = { u: 6, g: 3, o: 0 }[w as 'u' | 'g' | 'o']
      const mask = [...what].reduce((sum, c) => sum | ({ r: 4, w: 2, x: 1, X: 1 }[c] ?? 0), 0)
      if (operator === '=') allowed &= ~(7 << shift)
      bits |= mask << shift
    }
    allowed = operator === '-' ? allowed & ~bits : allowed | bits
  }
  fs.umask = ~allowed & 0o777
  if (options.has('S')) yield* shell.executor.source('umask -S')
  return 0
})

textBuiltin('times', function* (shell) {
  yield* shell.process.print('0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n')
  return 0
})

/** Builtins that bash has, and what to use instead. */
const NOT_SIMULATED = [['enable', 'builtin'], ['suspend', 'Ctrl-Z'], ['help', 'hop explain, or man pages on the real machine']] as const

for (const [name, instead] of NOT_SIMULATED) {
  textBuiltin(name, function* (shell) {
    yield* shell.process.printError(`podhop: not simulated: ${name} (${instead})\n`)
    return 69
  })
}

textBuiltin('caller', function* (shell, args) {
  const [text] = args
  if (text !== undefined && !/^\d+$/.test(text)) {
    yield* shell.error(`caller: ${text}: invalid number`)
    yield* shell.process.printError('caller: usage: caller [expr]\n')
    return 2
  }
  const frame = Number(text ?? 0)
  const calls = [...shell.calls].reverse()
  if (calls.length === 0 || frame >= calls.length) {
    if (text === undefined) yield* shell.process.print('0 NULL\n')
    return text === undefined ? 0 : 1
  }
  const { line } = calls[frame]!
  const source = shell.dynamicArray('BASH_SOURCE')![frame + 1] ?? 'NULL'
  const name = shell.dynamicArray('FUNCNAME')![frame + 1] ?? 'main'
  yield* shell.process.print(text === undefined ? `${line} ${source}\n` : `${line} ${name} ${source}\n`)
  return 0
})

