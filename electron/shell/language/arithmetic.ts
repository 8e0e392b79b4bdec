/** Shell arithmetic (bash(1), ARITHMETIC EVALUATION): C's operators on 64-bit integers. */
export class ArithmeticError extends Error {}

export interface ArithmeticScope {
  get(name: string, index?: string): string | undefined
  set(name: string, value: string, index?: string): void
}

const MAX_DEPTH = 256
const BINARY: readonly (readonly string[])[] = [
  ['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!='], ['<=', '>=', '<', '>'], ['<<', '>>'], ['+', '-'], ['*', '/', '%'],
]
const ASSIGNMENTS = ['<<=', '>>=', '+=', '-=', '*=', '/=', '%=', '&=', '^=', '|=', '=']

export function evaluateArithmetic(text: string, scope: ArithmeticScope, depth = 0): bigint {
  if (depth > MAX_DEPTH) throw new ArithmeticError(`${text}: expression recursion level exceeded (error token is "${text}")`)
  return new Evaluation(text, scope, depth).run()
}

type Place = { name: string; index?: string }

class Evaluation {
  readonly #text: string
  readonly #scope: ArithmeticScope
  readonly #depth: number
  #at = 0
  /** Inside the branch of &&, || or ?: that is not taken: nothing is assigned. */
  #idle = 0
  #tokenStart = 0

  constructor(text: string, scope: ArithmeticScope, depth: number) {
    this.#text = text
    this.#scope = scope
    this.#depth = depth
  }

  run(): bigint {
    this.#blanks()
    if (this.#at >= this.#text.length) return 0n
    const value = this.#comma()
    this.#blanks()
    if (this.#text[this.#at] === '=') throw this.#error('attempted assignment to non-variable', this.#at)
    if (this.#at < this.#text.length) throw this.#error('syntax error in expression', this.#at)
    return value
  }

  #error(message: string, at: number): ArithmeticError {
    return new ArithmeticError(`${this.#text.trimStart()}: ${message} (error token is "${this.#text.slice(at)}")`)
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #accept(...operators: readonly string[]): string | undefined {
    this.#blanks()
    for (const operator of operators) {
      if (!this.#text.startsWith(operator, this.#at)) continue
      const rest = this.#text.slice(this.#at + operator.length)
      // "<" is not the beginning of "<<", "&" not of "&&", "+" not of "+=".
      if (operator.length === 1 && '<>&|'.includes(operator) && rest[0] === operator) continue
      if (ASSIGNMENTS.includes(operator + '=') && rest[0] === '=' && rest[1] !== '=') continue
      this.#tokenStart = this.#at
      this.#at += operator.length
      return operator
    }
    return undefined
  }

  #comma(): bigint {
    let value = this.#assignment()
    while (this.#accept(',')) value = this.#assignment()
    return value
  }

  #assignment(): bigint {
    const start = this.#at
    const place = this.#place()
    if (place) {
      this.#blanks()
      const operator = ASSIGNMENTS.find((o) => this.#text.startsWith(o, this.#at) && !(o === '=' && this.#text[this.#at + 1] === '='))
      if (operator) {
        this.#at += operator.length
        const right = this.#assignment()
        const value = operator === '=' ? right : this.#apply(operator.slice(0, -1), this.#read(place), right)
        return this.#write(place, value)
      }
    }
    this.#at = start
    return this.#ternary()
  }

  #ternary(): bigint {
    const condition = this.#binary(0)
    if (!this.#accept('?')) return condition
    if (!condition) this.#idle++
    const yes = this.#comma()
    if (!condition) this.#idle--
    if (!this.#accept(':')) throw this.#error('`:\' expected for conditional expression', this.#at)
    if (condition) this.#idle++
    const no = this.#assignment()
    if (condition) this.#idle--
    return condition ? yes : no
  }

  #binary(level: number): bigint {
    const operators = BINARY[level]
    if (!operators) return this.#power()
    let left = this.#binary(level + 1)
    for (;;) {
      this.#blanks()
      if (operators.includes('*') && this.#text.startsWith('**', this.#at)) return left
      const operator = this.#accept(...operators)
      if (!operator) return left
      const skip = (operator === '&&' && !left) || (operator === '||' && !!left)
      if (skip) this.#idle++
      this.#blanks()
      const at = this.#at
      const right = this.#binary(level + 1)
      if (skip) this.#idle--
      left = this.#apply(operator, left, right, at)
    }
  }

  #power(): bigint {
    const base = this.#unary()
    if (!this.#accept('**')) return base
    const at = this.#at
    const exponent = this.#power()
    if (exponent < 0n) throw this.#error('exponent less than 0', at + Math.max(0, this.#text.slice(at, this.#at).search(/\w+\s*$/)))
    let value = 1n
    for (let i = 0n; i < exponent && i < 64n; i++) value = BigInt.asIntN(64, value * base)
    return value
  }

  #unary(): bigint {
    this.#blanks()
    const two = this.#text.slice(this.#at, this.#at + 2)
    if (two === '++' || two === '--') {
      const start = this.#at
      this.#at += 2
      const place = this.#place()
      if (place) return this.#write(place, this.#read(place) + (two === '++' ? 1n : -1n))
      this.#at = start
    }
    const operator = this.#text[this.#at]
    if (operator === '!' || operator === '~' || operator === '-' || operator === '+') {
      this.#tokenStart = this.#at
      this.#at++
      const value = this.#unary()
      return operator === '!' ? (value ? 0n : 1n) : operator === '~' ? ~value : operator === '-' ? BigInt.asIntN(64, -value) : value
    }
    return this.#primary()
  }

  #primary(): bigint {
    this.#blanks()
    const start = this.#at
    if (this.#text[start] === '(') {
      this.#at++
      const value = this.#comma()
      if (!this.#accept(')')) throw this.#error("missing `)'", this.#at)
      return value
    }
    const place = this.#place()
    if (place) {
      const post = this.#text.startsWith('++', this.#at) ? 1n : this.#text.startsWith('--', this.#at) ? -1n : 0n
      const value = this.#read(place)
      if (post) {
        this.#at += 2
        this.#write(place, value + post)
      }
      return value
    }
    const number = /^[0-9][0-9a-zA-Z@_#]*/.exec(this.#text.slice(start))
    if (!number) throw this.#error('syntax error: operand expected', this.#at >= this.#text.length ? this.#tokenStart : this.#at)
    this.#at += number[0].length
    return this.#number(number[0], start)
  }

  #number(text: string, at: number): bigint {
    if (/^0[xX][0-9a-fA-F]+$/.test(text)) return BigInt.asIntN(64, BigInt(text))
    if (/^0[0-7]+$/.test(text)) return BigInt.asIntN(64, BigInt('0o' + text.slice(1)))
    if (/^[0-9]+$/.test(text) && (text === '0' || text[0] !== '0')) return BigInt.asIntN(64, BigInt(text))
    const based = /^([0-9]+)#([0-9a-zA-Z@_]+)$/.exec(text)
    if (based) {
      const base = Number(based[1])
      if (base < 2 || base > 64) throw this.#error('invalid arithmetic base', at)
      let value = 0n
      for (const c of based[2]!) {
        const digit = base <= 36 ? parseInt(c, 36) : '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_'.indexOf(c)
        if (!(digit >= 0 && digit < base)) throw this.#error('value too great for base', at)
        value = BigInt.asIntN(64, value * BigInt(base) + BigInt(digit))
      }
      return value
    }
    throw this.#error('value too great for base', at)
  }

  #place(): Place | undefined {
    this.#blanks()
    const name = /^[A-Za-z_]\w*/.exec(this.#text.slice(this.#at))
    if (!name) return undefined
    this.#at += name[0].length
    if (this.#text[this.#at] !== '[') return { name: name[0] }
    let depth = 0
    for (let i = this.#at; i < this.#text.length; i++) {
      if (this.#text[i] === '[') depth++
      else if (this.#text[i] === ']' && --depth === 0) {
        const index = this.#text.slice(this.#at + 1, i)
        this.#at = i + 1
        return { name: name[0], index }
      }
    }
    throw this.#error('bad array subscript', this.#at)
  }

  #read(place: Place): bigint {
    if (this.#idle > 0) return 0n
    const text = this.#scope.get(place.name, place.index)
    if (text === undefined || text === '') return 0n
    if (/^(0|[1-9][0-9]*|-[1-9][0-9]*)$/.test(text)) return BigInt.asIntN(64, BigInt(text))
    return evaluateArithmetic(text, this.#scope, this.#depth + 1)
  }

  #write(place: Place, value: bigint): bigint {
    const wrapped = BigInt.asIntN(64, value)
    if (this.#idle === 0) this.#scope.set(place.name, String(wrapped), place.index)
    return wrapped
  }

  #apply(operator: string, a: bigint, b: bigint, at = this.#at): bigint {
    const truth = (value: boolean): bigint => (value ? 1n : 0n)
    switch (operator) {
      case '||': return truth(!!a || !!b)
      case '&&': return truth(!!a && !!b)
      case '|': return a | b
      case '^': return a ^ b
      case '&': return a & b
      case '==': return truth(a === b)
      case '!=': return truth(a !== b)
      case '<=': return truth(a <= b)
      case '>=': return truth(a >= b)
      case '<': return truth(a < b)
      case '>': return truth(a > b)
      case '<<': return BigInt.asIntN(64, a << (b & 63n))
      case '>>': return a >> (b & 63n)
      case '+': return BigInt.asIntN(64, a + b)
      case '-': return BigInt.asIntN(64, a - b)
      case '*': return BigInt.asIntN(64, a * b)
      default:
        if (b === 0n) {
          if (this.#idle > 0) return 0n
          throw this.#error('division by 0', at)
        }
        return operator === '/' ? BigInt.asIntN(64, a / b) : a % b
    }
  }
}
