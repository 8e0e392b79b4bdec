import { sleep, type Task } from '../../../engine/machine/task.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import type { Random } from '../../../engine/random.ts'
import { Failure, type Run } from '../command.ts'
import type { AwkProgram, Expression, Rule, Statement } from './ast.ts'
import { callBuiltin } from './builtins.ts'
import { AwkState, type Cell } from './state.ts'
import { AwkStreams } from './streams.ts'
import { Input, compareValues, isTrue, sprintf, toNumber, toText, type Value } from './values.ts'

class Jump extends Error {
  readonly kind: 'next' | 'nextfile' | 'break' | 'continue' | 'exit' | 'return'
  readonly value: Value
  constructor(kind: Jump['kind'], value?: Value) {
    super(kind)
    this.kind = kind
    this.value = value
  }
}

const MAX_DEPTH = 200

export class Awk extends AwkState {
  readonly #program: AwkProgram
  #depth = 0
  #steps = 0
  #ranges = new Set<Rule>()
  readonly streams: AwkStreams
  random: Random

  constructor(run: Run, program: AwkProgram) {
    super(run)
    this.#program = program
    this.streams = new AwkStreams(run)
    this.random = run.process.clock.random.fork('awk')
  }

  *main(args: readonly string[]): Task<number> {
    const argv = new Map<string, Value>([['0', 'awk'], ...args.map((a, i): [string, Value] => [String(i + 1), new Input(a)])])
    this.globals.set('ARGV', argv)
    this.globals.set('ARGC', args.length + 1)
    let code = 0
    let exited = false
    const { rules } = this.#program
    try {
      for (const rule of rules) if (rule.pattern === 'BEGIN') yield* this.#execute(rule.body!)
      const reads = rules.some((r) => r.pattern !== 'BEGIN')
      if (reads) {
        for (let i = 1; i < toNumber(this.globals.get('ARGC') as Value); i++) {
          const arg = argv.get(String(i))
          if (arg !== undefined) this.inputs.push(toText(arg))
        }
        while (yield* this.nextRecord()) yield* this.#rules(rules)
      }
    } catch (error) {
      if (!(error instanceof Jump) || error.kind !== 'exit') throw error
      code = toNumber(error.value)
      exited = true
    }
    try {
      for (const rule of rules) if (rule.pattern === 'END') yield* this.#execute(rule.body!)
    } catch (error) {
      if (!(error instanceof Jump) || error.kind !== 'exit') throw error
      if (error.value !== undefined || !exited) code = toNumber(error.value)
    }
    yield* this.streams.closeOutputs()
    return code || this.run.code
  }

  *#rules(rules: readonly Rule[]): Task<void> {
    for (const rule of rules) {
      if (rule.pattern === 'BEGIN' || rule.pattern === 'END') continue
      if (!(yield* this.#matches(rule))) continue
      try {
        if (rule.body) yield* this.#execute(rule.body)
        else yield* this.run.print(this.record + toText(this.get('ORS')))
      } catch (error) {
        if (!(error instanceof Jump)) throw error
        if (error.kind === 'next') return
        if (error.kind !== 'nextfile') throw error
        this.input?.close()
        this.input = undefined
        return
      }
    }
  }

  *#matches(rule: Rule): Task<boolean> {
    const { pattern } = rule
    if (pattern === undefined) return true
    if (!Array.isArray(pattern)) return isTrue(yield* this.#evaluate(pattern as Expression))
    if (!this.#ranges.has(rule)) {
      if (!isTrue(yield* this.#evaluate(pattern[0]))) return false
      this.#ranges.add(rule)
    }
    if (isTrue(yield* this.#evaluate(pattern[1]))) this.#ranges.delete(rule)
    return true
  }

  // ---- expressions -------------------------------------------------------------------------------------------------

  *evaluate(expression: Expression): Task<Value> {
    return yield* this.#evaluate(expression)
  }

  *#evaluate(e: Expression): Task<Value> {
    switch (e.kind) {
      case 'number':
      case 'string':
        return e.value
      case 'regex':
        return this.pattern(e.source).test(this.record) ? 1 : 0
      case 'variable':
        return this.get(e.name)
      case 'field': {
        const index = Math.trunc(toNumber(yield* this.#evaluate(e.index)))
        if (index === 0) return new Input(this.record)
        if (index < 0) throw new Failure(`attempt to access field ${index}`, 2)
        const text = this.allFields()[index - 1]
        return text === undefined ? undefined : new Input(text)
      }
      case 'element': {
        const key = yield* this.key(e.index)
        const array = this.array(e.name)
        if (!array.has(key)) array.set(key, undefined)
        return array.get(key)
      }
      case 'in':
        return this.array(e.name).has(yield* this.key(e.index)) ? 1 : 0
      case 'group':
        return e.inner.length === 1 ? yield* this.#evaluate(e.inner[0]!) : yield* this.key(e.inner)
      case 'conditional':
        return yield* this.#evaluate(isTrue(yield* this.#evaluate(e.test)) ? e.yes : e.no)
      case 'assign': {
        const right = yield* this.#evaluate(e.value)
        const value = e.operator === '=' ? right : arithmetic(e.operator.slice(0, -1), toNumber(yield* this.#evaluate(e.target)), toNumber(right))
        yield* this.assign(e.target, value)
        return value
      }
      case 'unary': {
        const value = yield* this.#evaluate(e.operand)
        return e.operator === '!' ? (isTrue(value) ? 0 : 1) : e.operator === '-' ? -toNumber(value) : toNumber(value)
      }
      case 'step': {
        const before = toNumber(yield* this.#evaluate(e.target))
        const after = before + (e.operator === '++' ? 1 : -1)
        yield* this.assign(e.target, after)
        return e.prefix ? after : before
      }
      case 'match': {
        const text = toText(yield* this.#evaluate(e.left))
        return (yield* this.patternOf(e.right)).test(text) !== e.negated ? 1 : 0
      }
      case 'binary':
        return yield* this.#binary(e)
      case 'call':
        return yield* this.#call(e)
      case 'getline':
        return yield* this.#getline(e)
    }
  }

  *#binary(e: Extract<Expression, { kind: 'binary' }>): Task<Value> {
    const left = yield* this.#evaluate(e.left)
    if (e.operator === '&&') return isTrue(left) && isTrue(yield* this.#evaluate(e.right)) ? 1 : 0
    if (e.operator === '||') return isTrue(left) || isTrue(yield* this.#evaluate(e.right)) ? 1 : 0
    const right = yield* this.#evaluate(e.right)
    switch (e.operator) {
      case ' ':
        return this.keyText(left) + this.keyText(right)
      case '<':
        return compareValues(left, right) < 0 ? 1 : 0
      case '<=':
        return compareValues(left, right) <= 0 ? 1 : 0
      case '>':
        return compareValues(left, right) > 0 ? 1 : 0
      case '>=':
        return compareValues(left, right) >= 0 ? 1 : 0
      case '==':
        return compareValues(left, right) === 0 ? 1 : 0
      case '!=':
        return compareValues(left, right) !== 0 ? 1 : 0
      default:
        return arithmetic(e.operator, toNumber(left), toNumber(right))
    }
  }

  *#call(e: Extract<Expression, { kind: 'call' }>): Task<Value> {
    if (!e.user) return yield* callBuiltin(this, e.name, e.args, this.record)
    const definition = this.#program.functions.get(e.name)
    if (!definition) throw new Failure(`function ${e.name} never defined`, 2)
    if (this.#depth > MAX_DEPTH) throw new Failure('function call nesting too deep', 2)
    const locals = new Map<string, Cell>()
    const untyped: [string, string][] = []
    for (const [i, parameter] of definition.parameters.entries()) {
      const arg = e.args[i]
      if (arg?.kind === 'variable') {
        const cell = this.cell(arg.name)
        if (cell === undefined) untyped.push([parameter, arg.name])
        locals.set(parameter, cell)
      } else locals.set(parameter, arg ? yield* this.#evaluate(arg) : undefined)
    }
    const outer = this.locals
    this.locals = locals
    this.#depth++
    try {
      yield* this.#execute(definition.body)
      return undefined
    } catch (error) {
      if (error instanceof Jump && error.kind === 'return') return error.value
      throw error
    } finally {
      this.locals = outer
      this.#depth--
      // An unset variable that the function used as an array has become one.
      for (const [parameter, name] of untyped) {
        const cell = locals.get(parameter)
        if (!(cell instanceof Map)) continue
        if (outer?.has(name)) outer.set(name, cell)
        else this.globals.set(name, cell)
      }
    }
  }

  *#getline(e: Extract<Expression, { kind: 'getline' }>): Task<Value> {
    let record: string | null
    if (e.command) record = yield* this.read(this.streams.fromCommand(toText(yield* this.#evaluate(e.command))))
    else if (e.file) {
      const name = toText(yield* this.#evaluate(e.file))
      const source = this.streams.fromFile(name)
      if (!source) return -1
      record = yield* this.read(source)
    } else {
      const [before, fields] = [this.record, this.fields]
      if (!(yield* this.nextRecord())) return 0
      if (!e.target) return 1
      const read = this.record
      this.record = before
      this.fields = fields
      yield* this.assign(e.target, new Input(read))
      return 1
    }
    if (record === null) return 0
    if (e.target) yield* this.assign(e.target, new Input(record))
    else this.setRecord(record)
    if (e.command) this.set('NR', toNumber(this.get('NR')) + 1)
    return 1
  }

  // ---- statements --------------------------------------------------------------------------------------------------

  *#execute(s: Statement): Task<void> {
    if (++this.#steps % 2000 === 0) yield sleep(this.run.process.clock, 1, { background: true })
    switch (s.kind) {
      case 'block':
        for (const inner of s.body) yield* this.#execute(inner)
        return
      case 'expression':
        yield* this.#evaluate(s.value)
        return
      case 'print':
        return yield* this.#print(s)
      case 'if':
        if (isTrue(yield* this.#evaluate(s.test))) yield* this.#execute(s.yes)
        else if (s.no) yield* this.#execute(s.no)
        return
      case 'while':
        while (isTrue(yield* this.#evaluate(s.test))) if (!(yield* this.#loop(s.body))) return
        return
      case 'do':
        do if (!(yield* this.#loop(s.body))) return
        while (isTrue(yield* this.#evaluate(s.test)))
        return
      case 'for':
        if (s.init) yield* this.#execute(s.init)
        while (!s.test || isTrue(yield* this.#evaluate(s.test))) {
          if (!(yield* this.#loop(s.body))) return
          if (s.step) yield* this.#execute(s.step)
        }
        return
      case 'for-in':
        for (const key of [...this.array(s.array).keys()]) {
          this.set(s.variable, new Input(key))
          if (!(yield* this.#loop(s.body))) return
        }
        return
      case 'delete':
        if (s.index) this.array(s.name).delete(yield* this.key(s.index))
        else this.array(s.name).clear()
        return
      case 'exit':
      case 'return':
        throw new Jump(s.kind, s.value ? yield* this.#evaluate(s.value) : undefined)
      default:
        throw new Jump(s.kind)
    }
  }

  *#loop(body: Statement): Task<boolean> {
    try {
      if (++this.#steps % 2000 === 0) yield sleep(this.run.process.clock, 1, { background: true })
      yield* this.#execute(body)
      return true
    } catch (error) {
      if (!(error instanceof Jump)) throw error
      if (error.kind === 'continue') return true
      if (error.kind === 'break') return false
      throw error
    }
  }

  *#print(s: Extract<Statement, { kind: 'print' }>): Task<void> {
    const values: Value[] = []
    for (const arg of s.args) values.push(yield* this.#evaluate(arg))
    const ofmt = toText(this.get('OFMT'))
    const text = s.formatted
      ? yield* this.#format(s, toText(values[0]), values.slice(1))
      : (values.length === 0 ? this.record : values.map((v) => toText(v, ofmt)).join(toText(this.get('OFS')))) + toText(this.get('ORS'))
    yield* this.#write(s, text)
  }

  *#write(s: Extract<Statement, { kind: 'print' }>, text: string): Task<void> {
    if (!s.redirect) return yield* this.run.print(text)
    const name = toText(yield* this.#evaluate(s.redirect.target))
    yield* this.streams.output(name, s.redirect.operator).write(encodeUtf8(text))
  }

  *#format(s: Extract<Statement, { kind: 'print' }>, format: string, values: readonly Value[]): Task<string> {
    let before = ''
    try {
      return sprintf(format, values, { name: 'printf', place: () => this.place, before: (text) => (before = text) })
    } catch (error) {
      yield* this.#write(s, before)
      throw error
    }
  }

  *system(command: string): Task<number> {
    const { process } = this.run
    const child = process.spawn({ argv: ['sh', '-c', command], files: process.files })
    return (yield* process.wait(child)).code
  }

  setMatch(start: number, length: number): void {
    this.set('RSTART', start)
    this.set('RLENGTH', length)
  }

  fieldSeparator(): Value {
    return this.get('FS')
  }

  convert(value: Value): string {
    return this.keyText(value)
  }
}

function arithmetic(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      if (b === 0) throw new Failure('division by zero', 2)
      return a / b
    case '%':
      if (b === 0) throw new Failure('division by zero in %', 2)
      return a % b
    default:
      return a ** b
  }
}
