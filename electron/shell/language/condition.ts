import type { Task } from '../../engine/machine/task.ts'
import { permits } from '../../engine/machine/open.ts'
import type { FileStat } from '../../engine/machine/types.ts'
import type { Condition } from './ast.ts'
import { compileRegExp } from '../coreutils/regex.ts'
import { RegExpLimit } from '../regex/guarded.ts'
import { RegularExpressionError } from './errors.ts'
import { matchesPattern } from './pattern.ts'
import type { Shell } from './shell.ts'

/** [[ … ]]: words are not split, == and != take patterns, =~ regular expressions. */
export function* evaluateCondition(shell: Shell, condition: Condition, inverted: '' | '! ' = ''): Task<boolean> {
  const traces = shell.options.has('xtrace')
  switch (condition.kind) {
    case 'not':
      return !(yield* evaluateCondition(shell, condition.operand, inverted === '' && condition.operand.kind !== 'not' ? '! ' : ''))
    case 'and':
      return (yield* evaluateCondition(shell, condition.left)) && (yield* evaluateCondition(shell, condition.right))
    case 'or':
      return (yield* evaluateCondition(shell, condition.left)) || (yield* evaluateCondition(shell, condition.right))
    case 'unary': {
      const operand = yield* shell.expander.string(condition.operand)
      if (traces) yield* shell.trace(`[[ ${inverted}${condition.operator} ${operand === '' ? "''" : operand} ]]`)
      return unaryTest(shell, condition.operator, operand)
    }
    case 'binary': {
      const { operator } = condition
      const left = yield* shell.expander.string(condition.left)
      const trace = (right: string): Task<void> => shell.trace(`[[ ${inverted}${left === '' ? "''" : left} ${operator} ${right === '' ? "''" : right} ]]`)
      if (operator === '=~') {
        const expression = yield* shell.expander.regularExpression(condition.right)
        if (traces) yield* trace(expression)
        return regularMatch(shell, left, expression)
      }
      if (operator === '=' || operator === '==' || operator === '!=') {
        const pattern = yield* shell.expander.pattern(condition.right)
        if (traces) yield* trace(yield* shell.expander.quotedPattern(condition.right))
        return matchesPattern(pattern, left, { extended: true, ignoreCase: shell.shopt.has('nocasematch') }) === (operator !== '!=')
      }
      const right = yield* shell.expander.string(condition.right)
      if (traces) yield* trace(right)
      if (/^-(eq|ne|lt|le|gt|ge)$/.test(operator)) return compare(operator, shell.expander.evaluate(left, '[[: '), shell.expander.evaluate(right, '[[: '))
      return binaryTest(shell, operator, left, right)
    }
  }
}

function regularMatch(shell: Shell, text: string, source: string): boolean {
  let match: RegExpExecArray | null
  try {
    match = compileRegExp(source, 'extended', shell.shopt.has('nocasematch') ? 'i' : '').exec(text)
  } catch (error) {
    if (error instanceof RegExpLimit) throw new RegularExpressionError(`podhop: not simulated: ${error.message}`)
    throw new RegularExpressionError('[[: invalid regular expression')
  }
  const groups = match ? [...match].map((g) => g ?? '') : []
  shell.variables.replace('BASH_REMATCH', { array: new Map(groups.map((g, i) => [i, g])) })
  return match !== null
}

export function compare(operator: string, a: bigint, b: bigint): boolean {
  switch (operator) {
    case '-eq':
      return a === b
    case '-ne':
      return a !== b
    case '-lt':
      return a < b
    case '-le':
      return a <= b
    case '-gt':
      return a > b
    default:
      return a >= b
  }
}

export function binaryTest(shell: Shell, operator: string, left: string, right: string): boolean {
  switch (operator) {
    case '<':
      return left < right
    case '>':
      return left > right
    default: {
      const [a, b] = [statOf(shell, left), statOf(shell, right)]
      if (operator === '-ef') return a !== undefined && b !== undefined && a.inode === b.inode
      if (operator === '-nt') return a !== undefined && (b === undefined || a.mtime > b.mtime)
      return b !== undefined && (a === undefined || a.mtime < b.mtime)
    }
  }
}

export function unaryTest(shell: Shell, operator: string, operand: string): boolean {
  switch (operator) {
    case '-n':
      return operand !== ''
    case '-z':
      return operand === ''
    case '-R':
      return shell.variables.own(operand)?.reference === true && shell.variables.own(operand)?.value !== undefined
    case '-v': {
      const all = /^(\w+)\[[@*]\]$/.exec(operand)
      if (all) return (shell.variables.find(all[1]!)?.array?.size ?? shell.variables.find(all[1]!)?.table?.size ?? 0) > 0
      const element = /^(\w+)\[(.*)\]$/.exec(operand)
      return element ? shell.expander.element(element[1]!, element[2]!) !== undefined : shell.parameter(operand) !== undefined
    }
    case '-o':
      return shell.options.has(operand)
    case '-t':
      return shell.process.terminalOf(Number(operand)) !== undefined
    case '-h':
    case '-L':
      return statOf(shell, operand, false)?.type === 'symlink'
  }
  const stat = statOf(shell, operand)
  if (!stat) return false
  switch (operator) {
    case '-f':
      return stat.type === 'file'
    case '-d':
      return stat.type === 'directory'
    case '-c':
      return stat.type === 'device'

    case '-s':
      return stat.size > 0
    case '-r':
      return permits(shell.process.user, stat, 'read')
    case '-w':
      return permits(shell.process.user, stat, 'write')
    case '-x':
      return permits(shell.process.user, stat, 'execute')
    case '-e':
    case '-a':
      return true
    case '-u':
      return (stat.mode & 0o4000) !== 0
    case '-g':
      return (stat.mode & 0o2000) !== 0
    case '-k':
      return (stat.mode & 0o1000) !== 0
    case '-O':
      return stat.uid === shell.process.user.uid
    case '-G':
      return stat.gid === shell.process.user.gid
    case '-N':
      return true
    default:
      return false
  }
}

function statOf(shell: Shell, path: string, follow = true): FileStat | undefined {
  if (path === '') return undefined
  try {
    const absolute = shell.process.resolve(path)
    return follow ? shell.process.fs.stat(absolute) : shell.process.fs.lstat(absolute)
  } catch {
    return undefined
  }
}
