import { permits } from '../../engine/machine/open.ts'
import { byName } from '../../engine/own.ts'
import { expandEchoEscapes, formatPrintf } from '../language/printf.ts'
import { quoteIfNeeded } from '../language/quote.ts'
import { TestError, evaluateTest } from '../language/test-command.ts'
import { lstatIfAny, statIfAny } from './access.ts'
import { Failure, missingOperand, quote, tool } from './command.ts'
import { eachInput } from './input.ts'
import { RegExpError, compileRegExp } from './regex.ts'
import { formatTime } from './strftime.ts'

tool('echo', 'raw', function* (run) {
  const args = [...run.options.operands]
  let newline = true
  let escapes = false
  while (args[0] !== undefined && /^-[neE]+$/.test(args[0])) {
    for (const letter of args.shift()!.slice(1)) {
      if (letter === 'n') newline = false
      else escapes = letter === 'e'
    }
  }
  const text = args.join(' ')
  const expanded = escapes ? expandEchoEscapes(text) : { text, stop: false }
  yield* run.print(expanded.text + (newline && !expanded.stop ? '\n' : ''))
})

tool('printf', 'raw', function* (run) {
  const [format, ...args] = run.options.operands
  if (format === undefined) throw missingOperand()
  const { text, errors } = formatPrintf(format, args, (seconds, f) => formatTime(seconds === undefined ? run.process.clock.wall() : seconds * 1000, f), quoteIfNeeded)
  yield* run.print(text)
  for (const message of errors) yield* run.warn(message.replace(/^(.*): invalid number$/, '\u2018$1\u2019: expected a numeric value'))
})

tool('test [', 'raw', function* (run) {
  yield* []
  const { process } = run
  const args = [...run.options.operands]
  if (run.name.endsWith('[') && args.pop() !== ']') throw new Failure("missing ']'", 2)
  try {
    return evaluateTest(args, {
      unary(operator, operand) {
        if (operator === '-n') return operand !== ''
        if (operator === '-z') return operand === ''
        if (operator === '-t') return process.terminalOf(Number(operand)) !== undefined
        const stat = operand === '' ? undefined : operator === '-L' || operator === '-h' ? lstatIfAny(process, process.resolve(operand)) : statIfAny(process, process.resolve(operand))
        if (!stat) return false
        const types: Record<string, string> = byName({ '-f': 'file', '-d': 'directory', '-L': 'symlink', '-h': 'symlink', '-c': 'device' })
        if (types[operator]) return stat.type === types[operator]
        if (operator === '-s') return stat.size > 0
        const wants = byName({ '-r': 'read', '-w': 'write', '-x': 'execute' } as const)
        return operator in wants ? permits(process.user, stat, wants[operator as keyof typeof wants]) : operator === '-e'
      },
      binary(operator, left, right) {
        if (operator === '<' || operator === '>') return operator === '<' ? left < right : left > right
        const [a, b] = [statIfAny(process, process.resolve(left)), statIfAny(process, process.resolve(right))]
        if (operator === '-ef') return a !== undefined && a.inode === b?.inode
        return operator === '-nt' ? a !== undefined && (!b || a.mtime > b.mtime) : b !== undefined && (!a || a.mtime < b.mtime)
      },
    }) ? 0 : 1
  } catch (error) {
    if (error instanceof TestError) throw new Failure(error.message.replace(/^(.*): integer expression expected$/, 'invalid integer \u2018$1\u2019'), 2)
    throw error
  }
})

tool('clear', 'raw', function* (run) {
  yield* run.print('\x1b[H\x1b[2J\x1b[3J')
})

tool('expr', 'raw', function* (run) {
  const args = [...run.options.operands]
  if (args.length === 0) throw new Failure('missing operand', 2, true)
  const value = new Expr(args).run()
  yield* run.print(value + '\n')
  return value === '' || value === '0' ? 1 : 0
})

/** expr(1): | & comparisons + - * / % : and the string words. */
class Expr {
  #args: string[]
  /** The argument that was read last, for messages. */
  #last: string | undefined

  constructor(args: string[]) {
    this.#args = args
  }

  run(): string {
    const value = this.#level(0)
    if (this.#args.length > 0) throw new Failure(`syntax error: unexpected argument ${quote(this.#args[0]!)}`, 2)
    return value
  }

  static readonly #levels = [['|'], ['&'], ['<', '<=', '=', '==', '!=', '>=', '>'], ['+', '-'], ['*', '/', '%'], [':']]

  #level(level: number): string {
    const operators = Expr.#levels[level]
    if (!operators) return this.#primary()
    let left = this.#level(level + 1)
    while (this.#args[0] !== undefined && operators.includes(this.#args[0])) {
      const operator = this.#args.shift()!
      this.#last = operator
      left = this.#apply(operator, left, this.#level(level + 1))
    }
    return left
  }

  #primary(): string {
    const arg = this.#args.shift()
    if (arg === undefined) throw new Failure(this.#last === undefined ? 'syntax error: missing argument' : `syntax error: missing argument after ${quote(this.#last)}`, 2)
    this.#last = arg
    if (arg === '+' && this.#args.length > 0) return this.#args.shift()!
    if (arg === '(') {
      const value = this.#level(0)
      if (this.#args.shift() !== ')') throw new Failure("syntax error: expecting ')'", 2)
      return value
    }
    if (this.#args.length > 0) {
      if (arg === 'length') return String([...this.#primary()].length)
      if (arg === 'match') return this.#apply(':', this.#primary(), this.#primary())
      if (arg === 'substr') {
        const [text, from, count] = [this.#primary(), Number(this.#primary()), Number(this.#primary())]
        return text.slice(from - 1, from - 1 + count)
      }
      if (arg === 'index') {
        const [text, chars] = [this.#primary(), this.#primary()]
        return String([...text].findIndex((c) => chars.includes(c)) + 1)
      }
    }
    return arg
  }

  #apply(operator: string, a: string, b: string): string {
    if (operator === '|') return a !== '' && a !== '0' ? a : b
    if (operator === '&') return a !== '' && a !== '0' && b !== '' && b !== '0' ? a : '0'
    if (operator === ':') {
      try {
        const match = compileRegExp('^' + b.replace(/^\^/, ''), 'basic').exec(a)
        const grouped = /\\\(/.test(b)
        return grouped ? (match?.[1] ?? '') : String(match ? match[0].length : 0)
      } catch (error) {
        if (error instanceof RegExpError) throw new Failure(error.message, 2)
        throw error
      }
    }
    const numbers = /^-?\d+$/.test(a) && /^-?\d+$/.test(b)
    if (/^[<>=!]/.test(operator)) {
      const order = numbers ? (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0) : a < b ? -1 : a > b ? 1 : 0
      const truth = { '<': order < 0, '<=': order <= 0, '=': order === 0, '==': order === 0, '!=': order !== 0, '>=': order >= 0, '>': order > 0 }[operator]
      return truth ? '1' : '0'
    }
    if (!numbers) throw new Failure('non-integer argument', 2)
    const [x, y] = [BigInt(a), BigInt(b)]
    if ((operator === '/' || operator === '%') && y === 0n) throw new Failure('division by zero', 2)
    return String(operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : operator === '/' ? x / y : x % y)
  }
}

tool('fold', { flags: 'sb', values: 'w', long: { width: 'w=', spaces: 's' } }, function* (run) {
  const width = Number(run.options.value('w') ?? 80)
  if (!(width >= 1)) throw new Failure(`invalid number of columns: ${quote(run.options.value('w')!)}${/^0+$/.test(run.options.value('w')!) ? ': Numerical result out of range' : ''}`)
  yield* eachInput(run, run.options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      let rest = line
      while (rest.length > width) {
        let cut = width
        if (run.options.has('s')) {
          const space = rest.lastIndexOf(' ', width - 1)
          if (space >= 0) cut = space + 1
        }
        yield* run.print(rest.slice(0, cut) + '\n')
        rest = rest.slice(cut)
      }
      yield* run.print(rest + (input.unterminated ? '' : '\n'))
    }
  })
})
