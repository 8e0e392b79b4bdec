/** What test(1) asks the system. */
export interface TestHost {
  unary(operator: string, operand: string): boolean
  binary(operator: string, left: string, right: string): boolean
}

export class TestError extends Error {}

const UNARY = /^-[bcdefghknoprstuvwxzLSGON]$/
const BINARY = new Set(['=', '==', '!=', '<', '>', '-eq', '-ne', '-lt', '-le', '-gt', '-ge', '-nt', '-ot', '-ef'])

/** test(1), by the number of arguments as POSIX has it, beyond four by precedence. */
export function evaluateTest(args: readonly string[], host: TestHost): boolean {
  switch (args.length) {
    case 0:
      return false
    case 1:
      return args[0] !== ''
    case 2:
      if (args[0] === '!') return args[1] === ''
      if (UNARY.test(args[0]!)) return unary(args[0]!, args[1]!, host)
      throw new TestError(`${args[0]}: unary operator expected`)
    case 3: {
      const [a, b, c] = args as [string, string, string]
      if (BINARY.has(b)) return binary(b, a, c, host)
      if (b === '-a') return a !== '' && c !== ''
      if (b === '-o') return a !== '' || c !== ''
      if (a === '!') return !evaluateTest([b, c], host)
      if (a === '(' && c === ')') return b !== ''
      throw new TestError(`${b}: binary operator expected`)
    }
  }
  if (args.length === 4 && args[0] === '!') return !evaluateTest(args.slice(1), host)
  if (args.length === 4 && args[0] === '(' && args[3] === ')') return evaluateTest(args.slice(1, 3), host)
  return new Expression(args, host).run()
}

function unary(operator: string, operand: string, host: TestHost): boolean {
  return host.unary(operator, operand)
}

function binary(operator: string, left: string, right: string, host: TestHost): boolean {
  switch (operator) {
    case '=':
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '-eq': case '-ne': case '-lt': case '-le': case '-gt': case '-ge': {
      const [a, b] = [integer(left), integer(right)]
      return operator === '-eq' ? a === b : operator === '-ne' ? a !== b : operator === '-lt' ? a < b : operator === '-le' ? a <= b : operator === '-gt' ? a > b : a >= b
    }
    default:
      return host.binary(operator, left, right)
  }
}

function integer(text: string): bigint {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new TestError(`${text}: integer expression expected`)
  return BigInt(text.trim().replace(/^\+/, ''))
}

class Expression {
  #args: readonly string[]
  #host: TestHost
  #at = 0

  constructor(args: readonly string[], host: TestHost) {
    this.#args = args
    this.#host = host
  }

  run(): boolean {
    const value = this.#or()
    if (this.#at < this.#args.length) throw new TestError('too many arguments')
    return value
  }

  #or(): boolean {
    let value = this.#and()
    while (this.#args[this.#at] === '-o') {
      this.#at++
      const right = this.#and()
      value = value || right
    }
    return value
  }

  #and(): boolean {
    let value = this.#term()
    while (this.#args[this.#at] === '-a') {
      this.#at++
      const right = this.#term()
      value = value && right
    }
    return value
  }

  #term(): boolean {
    const first = this.#args[this.#at]
    if (first === undefined) throw new TestError('argument expected')
    if (first === '!') {
      this.#at++
      return !this.#term()
    }
    if (first === '(') {
      this.#at++
      const value = this.#or()
      if (this.#args[this.#at] !== ')') throw new TestError("`)' expected")
      this.#at++
      return value
    }
    const second = this.#args[this.#at + 1]
    const third = this.#args[this.#at + 2]
    if (second !== undefined && third !== undefined && BINARY.has(second)) {
      this.#at += 3
      return binary(second, first, third, this.#host)
    }
    if (UNARY.test(first) && second !== undefined) {
      this.#at += 2
      return unary(first, second, this.#host)
    }
    this.#at++
    return first !== ''
  }
}
