import { SystemError, isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { Failure, quote, quoted, tool, type Run } from './command.ts'

/** env(1), nohup(1) and their kin: a command in the tool's place, with something changed for it. */

export function cannotStart(code: number, name: string, verb: string): string {
  const message = code === 127 ? 'No such file or directory' : 'Permission denied'
  return verb === '' ? `${quote(name)}: ${message}` : `${verb} ${quote(name)}: ${message}`
}

/** `env -S`: words as a shell would see them, with quotes, backslashes and ${NAME}. */
function words(text: string, env: ReadonlyMap<string, string>): string[] {
  const out: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quote === '' && /\s/.test(c)) {
      if (word !== undefined) out.push(word)
      word = undefined
      continue
    }
    word ??= ''
    const variable = quote === "'" ? null : /^\$\{(\w+)\}/.exec(text.slice(i))
    if (variable) {
      word += env.get(variable[1]!) ?? ''
      i += variable[0].length - 1
    } else if (c === '\\' && quote !== "'") {
      const next = text[++i] ?? ''
      word += { n: '\n', t: '\t', _: ' ' }[next] ?? next
    } else if (c === quote) quote = ''
    else if (quote === '' && (c === "'" || c === '"')) quote = c
    else word += c
  }
  if (quote !== '') throw new Failure('no terminating quote in -S string', 125)
  if (word !== undefined) out.push(word)
  return out
}

tool('env', { flags: 'i0', values: 'uCS', long: { 'ignore-environment': 'i', unset: 'u=', chdir: 'C=', 'split-string': 'S=', null: '0' }, unsupported: 'v', stopAtOperand: true, usageCode: 125 }, function* (run) {
  const { options, process } = run
  const env = options.has('i') ? new Map<string, string>() : new Map(process.env)
  for (const name of options.values('u')) env.delete(name)
  const operands = [...options.operands]
  const command = options.value('S')
  if (command !== undefined) operands.unshift(...words(command, process.env))
  const directory = options.value('C')
  if (directory !== undefined) {
    if (operands.every((o) => o.includes('='))) throw new Failure('must specify command with --chdir (-C)', 125, true)
    if (!(yield* run.attempt((e) => `cannot change directory to ${quoted(directory)}: ${e.message}`, () => {
      const path = run.resolve(directory)
      if (process.fs.stat(path).type !== 'directory') throw new SystemError('ENOTDIR')
      process.cwd = path
    }, 125))) return 125
  }
  if (operands[0] === '-') {
    env.clear()
    operands.shift()
  }
  while (operands[0]?.includes('=')) {
    const [name, ...value] = operands.shift()!.split('=')
    env.set(name!, value.join('='))
  }
  if (operands.length === 0) {
    for (const [name, value] of env) yield* run.print(`${name}=${value}${options.has('0') ? '\0' : '\n'}`)
    return 0
  }
  let program: Task<number>
  try {
    program = process.exec({ argv: operands, env })
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* run.warn(run.isBusybox ? `can't execute '${operands[0]}': ${error.message}` : `${quote(operands[0]!)}: ${error.message}`)
    return error.code === 'ENOENT' ? 127 : 126
  }
  return yield* program
})

tool('printenv', { flags: '0' }, function* (run) {
  const { operands } = run.options
  if (operands.length === 0) for (const [name, value] of run.process.env) yield* run.print(`${name}=${value}\n`)
  for (const name of operands) {
    const value = run.process.env.get(name)
    if (value === undefined) run.code = 1
    else yield* run.print(value + '\n')
  }
})

tool('stdbuf', { values: 'ioe', long: { input: 'i=', output: 'o=', error: 'e=' }, stopAtOperand: true, usageCode: 125 }, function* (run) {
  if (run.options.operands.length === 0) throw new Failure('missing operand', 125, true)
  if (run.options.given.length === 0) throw new Failure('you must specify a buffering mode option', 125, true)
  // Programs here write at once.
  return yield* become(run)
})

tool('nohup nice', { values: 'n', number: 'n', long: { adjustment: 'n=' }, stopAtOperand: true, usageCode: 125 }, function* (run) {
  const { operands } = run.options
  if (run.name.endsWith('nice')) {
    const adjustment = run.options.value('n')
    if (operands.length === 0 && adjustment === undefined) return yield* run.print('0\n')
    if (operands.length === 0) throw new Failure('a command must be given with an adjustment', 125, true)
    if (adjustment !== undefined && !/^[-+]?\d+$/.test(adjustment)) throw new Failure(`invalid adjustment ${quote(adjustment)}`, 125)
  } else {
    if (operands.length === 0) throw new Failure('missing operand', 125, true)
    run.process.onSignal('SIGHUP', 'ignore')
    if (run.process.terminalOf(1)) {
      // What nobody may see any more goes to a file.
      const out = run.process.open('nohup.out', 'append')
      yield* run.warn(`${run.process.terminalOf(0) ? 'ignoring input and ' : ''}appending output to ${quoted('nohup.out')}`, 0)
      if (run.process.terminalOf(2)) run.process.files.set(2, out.retain())
      run.process.files.set(1, out)
      if (run.process.terminalOf(0)) run.process.files.set(0, run.process.open('/dev/null', 'read'))
    }
  }
  return yield* become(run, run.name.endsWith('nice') ? '' : undefined)
})

/** Runs the command of the operands in the tool's place. */
function* become(run: Run, verb = 'failed to run command'): Task<number> {
  let program: Task<number>
  try {
    program = run.process.exec({ argv: run.options.operands })
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* run.warn(cannotStart(error.code === 'ENOENT' ? 127 : 126, run.options.operands[0]!, verb))
    return error.code === 'ENOENT' ? 127 : 126
  }
  return yield* program
}
