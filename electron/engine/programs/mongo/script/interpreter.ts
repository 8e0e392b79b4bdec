import type { Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { Double, ObjectId, type Bson, type Document } from '../bson.ts'
import { isDocument, toNumber } from '../values.ts'
import { memberOf } from './members.ts'
import { parse, type Expression, type Statement } from './parser.ts'
import { HostObject, ScriptError, ScriptFunction, textOf, truthy, typeError, type Value } from './values.ts'

/** Runs a script by its tree. Everything may wait, because `db` asks a server over the network. */
class Scope {
  readonly #own = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  find(name: string): Scope | undefined {
    return this.#own.has(name) ? this : this.#outer?.find(name)
  }

  get(name: string): Value {
    return this.#own.get(name)
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value)
  }
}

type Completion = { kind: 'return' | 'break' | 'continue'; value: Value } | undefined
/** After so many steps the script lets others run: so that Ctrl-C ends `while (true) {}`. */
const BREATH = 2000
const DEEPEST = 200

export class Interpreter {
  readonly #process: Process
  readonly #globals = new Scope()
  #steps = 0
  #depth = 0
  #last: Value

  constructor(process: Process) {
    this.#process = process
  }

  define(name: string, value: Value): void {
    this.#globals.set(name, value)
  }

  /** The value of its last expression. Throws {@link ScriptError} and what the parser throws. */
  *run(text: string): Task<Value> {
    const body = parse(text)
    this.#last = undefined
    for (const statement of body) yield* this.#execute(statement, this.#globals)
    return this.#last
  }

  *#breathe(): Task {
    if (++this.#steps % BREATH === 0) yield* this.#process.sleep(1)
  }

  *#execute(statement: Statement, scope: Scope): Task<Completion> {
    yield* this.#breathe()
    switch (statement.type) {
      case 'expression':
        this.#last = yield* this.#value(statement.of, scope)
        return undefined
      case 'define':
        scope.set(statement.name, yield* this.#value(statement.value, scope))
        return undefined
      case 'declare':
        for (const { names, pattern, value } of statement.variables) {
          const given = value && (yield* this.#named(value, names[0]!, scope))
          for (const name of names) scope.set(name, pattern === 'object' ? memberOf(given, name) : given)
        }
        return undefined
      case 'block': return yield* this.#all(statement.body, new Scope(scope))
      case 'if': return truthy(yield* this.#value(statement.test, scope)) ? yield* this.#execute(statement.yes, scope) : statement.no && (yield* this.#execute(statement.no, scope))
      case 'while': return yield* this.#loop(scope, statement.body, statement.test, undefined)
      case 'for': {
        const inner = new Scope(scope)
        if (statement.start) yield* this.#execute(statement.start, inner)
        return yield* this.#loop(inner, statement.body, statement.test, statement.next)
      }
      case 'each': return yield* this.#each(statement, scope)
      case 'return': return { kind: 'return', value: statement.of && (yield* this.#value(statement.of, scope)) }
      case 'throw': {
        const value = statement.of && (yield* this.#value(statement.of, scope))
        if (isDocument(value) && value.has('message')) throw new ScriptError(textOf(value.get('name') ?? 'Error'), textOf(value.get('message')), value)
        throw new ScriptError('Uncaught', textOf(value), value)
      }
      case 'try': return yield* this.#try(statement, scope)
      default: return { kind: statement.type, value: undefined }
    }
  }

  *#all(body: readonly Statement[], scope: Scope): Task<Completion> {
    for (const statement of body) {
      const end = yield* this.#execute(statement, scope)
      if (end) return end
    }
    return undefined
  }

  *#loop(scope: Scope, body: Statement, test: Expression | undefined, next: Expression | undefined): Task<Completion> {
    while (!test || truthy(yield* this.#value(test, scope))) {
      yield* this.#breathe()
      const end = yield* this.#execute(body, scope)
      if (end?.kind === 'break') return undefined
      if (end?.kind === 'return') return end
      if (next) yield* this.#value(next, scope)
    }
    return undefined
  }

  *#each(statement: Extract<Statement, { type: 'each' }>, scope: Scope): Task<Completion> {
    const of = yield* this.#value(statement.of, scope)
    const list = statement.keys ? keysOf(of) : yield* this.#items(of)
    for (const item of list) {
      const inner = new Scope(scope)
      inner.set(statement.name, item)
      const end = yield* this.#execute(statement.body, inner)
      if (end?.kind === 'break') return undefined
      if (end?.kind === 'return') return end
    }
    return undefined
  }

  *#items(value: Value): Task<readonly Value[]> {
    if (Array.isArray(value)) return value
    if (typeof value === 'string') return [...value]
    const toArray = value instanceof HostObject ? value.get('toArray') : undefined
    if (!(toArray instanceof ScriptFunction)) throw typeError(`${textOf(value)} is not iterable`)
    return (yield* toArray.call([])) as Bson[]
  }

  *#try(statement: Extract<Statement, { type: 'try' }>, scope: Scope): Task<Completion> {
    let end: Completion
    try {
      end = yield* this.#all(statement.body, new Scope(scope))
    } catch (error) {
      if (!(error instanceof ScriptError) || (statement.caught.length === 0 && statement.last.length > 0 && statement.name === undefined)) throw error
      const inner = new Scope(scope)
      if (statement.name !== undefined) inner.set(statement.name, error.value ?? new Map<string, Bson>([['name', error.kind], ['message', error.message]]))
      end = yield* this.#all(statement.caught, inner)
    }
    return (yield* this.#all(statement.last, new Scope(scope))) ?? end
  }

  /** A function that a variable is given has its name. */
  *#named(expression: Expression, name: string, scope: Scope): Task<Value> {
    const value = yield* this.#value(expression, scope)
    return value instanceof ScriptFunction && value.name === '' ? new ScriptFunction(name, value.call) : value
  }

  *#value(e: Expression, scope: Scope): Task<Value> {
    yield* this.#breathe()
    switch (e.type) {
      case 'literal': return e.value
      case 'regex':
        try {
          return new RegExp(e.source, e.flags)
        } catch (error) {
          throw new ScriptError('SyntaxError', (error as Error).message)
        }
      case 'template': {
        let text = e.parts[0]!
        for (const [i, of] of e.expressions.entries()) text += textOf(yield* this.#value(of, scope)) + e.parts[i + 1]!
        return text
      }
      case 'name': {
        const home = scope.find(e.name)
        if (!home) throw new ScriptError('ReferenceError', `${e.name} is not defined`)
        return home.get(e.name)
      }
      case 'array': return (yield* this.#list(e.items, scope)) as Bson[]
      case 'object': return yield* this.#object(e.entries, scope)
      case 'spread': return yield* this.#value(e.of, scope)
      case 'member': {
        const of = yield* this.#value(e.of, scope)
        return e.optional && (of === undefined || of === null) ? undefined : memberOf(of, yield* this.#value(e.key, scope))
      }
      case 'call': return yield* this.#call(e, scope)
      case 'unary': return yield* this.#unary(e, scope)
      case 'binary': return yield* this.#binary(e, scope)
      case 'conditional': return truthy(yield* this.#value(e.test, scope)) ? yield* this.#value(e.yes, scope) : yield* this.#value(e.no, scope)
      case 'assign': return yield* this.#assign(e, scope)
      case 'step': {
        const old = toNumber((yield* this.#value(e.target, scope)) as Bson) ?? NaN
        yield* this.#put(e.target, old + e.by, scope)
        return e.prefix ? old + e.by : old
      }
      case 'function': return this.#function(e, scope)
    }
  }

  *#list(items: readonly Expression[], scope: Scope): Task<Value[]> {
    const out: Value[] = []
    for (const item of items) {
      const value = yield* this.#value(item, scope)
      if (item.type === 'spread') out.push(...(yield* this.#items(value)))
      else out.push(value)
    }
    return out
  }

  *#object(entries: readonly { key: Expression; value: Expression }[], scope: Scope): Task<Value> {
    const out: Document = new Map()
    for (const { key, value } of entries) {
      const given = yield* this.#value(value, scope)
      if (value.type === 'spread') {
        if (isDocument(given)) for (const [k, v] of given) out.set(k, v)
      } else if (given !== undefined) out.set(textOf(yield* this.#value(key, scope)), given as Bson)
    }
    return out
  }

  *#call(e: Extract<Expression, { type: 'call' }>, scope: Scope): Task<Value> {
    const callee = yield* this.#value(e.callee, scope)
    if (callee === undefined && e.callee.type === 'member' && e.callee.optional) return undefined
    if (!(callee instanceof ScriptFunction)) throw typeError(`${spelled(e.callee)} is not a ${e.isNew ? 'constructor' : 'function'}`)
    const args = yield* this.#list(e.args, scope)
    if (++this.#depth > DEEPEST) {
      this.#depth = 0
      throw new ScriptError('RangeError', 'Maximum call stack size exceeded')
    }
    try {
      return yield* callee.call(args)
    } finally {
      this.#depth = Math.max(0, this.#depth - 1)
    }
  }

  #function(e: Extract<Expression, { type: 'function' }>, scope: Scope): ScriptFunction {
    return new ScriptFunction('', (args) => this.#body(e, scope, args))
  }

  *#body(e: Extract<Expression, { type: 'function' }>, scope: Scope, args: readonly Value[]): Task<Value> {
    const inner = new Scope(scope)
    e.parameters.forEach((name, i) => inner.set(name, args[i]))
    const last = this.#last
    const end = yield* this.#all(e.body, inner)
    this.#last = last
    return end?.kind === 'return' ? end.value : undefined
  }

  *#unary(e: Extract<Expression, { type: 'unary' }>, scope: Scope): Task<Value> {
    if (e.operator === 'typeof') {
      const value = e.of.type === 'name' && !scope.find(e.of.name) ? undefined : yield* this.#value(e.of, scope)
      return value instanceof ScriptFunction ? 'function' : value === undefined ? 'undefined' : value === null || value instanceof Double ? 'object' : typeof value
    }
    if (e.operator === 'delete') {
      const of = e.of.type === 'member' ? yield* this.#value(e.of.of, scope) : undefined
      if (isDocument(of) && e.of.type === 'member') of.delete(textOf(yield* this.#value(e.of.key, scope)))
      return true
    }
    const value = yield* this.#value(e.of, scope)
    if (e.operator === '!') return !truthy(value)
    if (e.operator === 'void') return undefined
    if (e.operator === 'await') return value
    const number = numeric(value)
    return e.operator === '-' ? -number : number
  }

  *#binary(e: Extract<Expression, { type: 'binary' }>, scope: Scope): Task<Value> {
    const left = yield* this.#value(e.left, scope)
    if (e.operator === '&&') return truthy(left) ? yield* this.#value(e.right, scope) : left
    if (e.operator === '||') return truthy(left) ? left : yield* this.#value(e.right, scope)
    if (e.operator === '??') return left ?? (yield* this.#value(e.right, scope))
    return operate(e.operator, left, yield* this.#value(e.right, scope))
  }

  *#assign(e: Extract<Expression, { type: 'assign' }>, scope: Scope): Task<Value> {
    let value: Value
    if (e.operator === '=') value = e.target.type === 'name' ? yield* this.#named(e.value, e.target.name, scope) : yield* this.#value(e.value, scope)
    else {
      const old = yield* this.#value(e.target, scope)
      const operator = e.operator.slice(0, -1)
      if ((operator === '??' && old !== undefined && old !== null) || (operator === '||' && truthy(old)) || (operator === '&&' && !truthy(old))) return old
      const right = yield* this.#value(e.value, scope)
      value = ['??', '||', '&&'].includes(operator) ? right : operate(operator, old, right)
    }
    yield* this.#put(e.target, value, scope)
    return value
  }

  *#put(target: Expression, value: Value, scope: Scope): Task {
    if (target.type === 'name') return (scope.find(target.name) ?? this.#globals).set(target.name, value)
    if (target.type !== 'member') throw new ScriptError('SyntaxError', 'Invalid left-hand side in assignment expression.')
    const of = yield* this.#value(target.of, scope)
    const key = textOf(yield* this.#value(target.key, scope))
    if (isDocument(of)) of.set(key, value as Bson)
    else if (Array.isArray(of) && Number(key) <= of.length) of[Number(key)] = value as Bson
    else throw typeError(`Cannot set properties of ${of === undefined ? 'undefined' : textOf(of)} (setting '${key}')`)
  }
}

function keysOf(value: Value): string[] {
  return isDocument(value) ? [...value.keys()] : Array.isArray(value) ? value.map((_, i) => String(i)) : []
}

function spelled(e: Expression): string {
  if (e.type === 'name') return e.name
  if (e.type === 'member' && e.key.type === 'literal') return `${spelled(e.of)}.${String(e.key.value)}`
  return e.type === 'call' ? `${spelled(e.callee)}(...)` : '(intermediate value)'
}

function numeric(value: Value): number {
  if (value === null) return 0
  if (value instanceof Date) return value.getTime()
  return toNumber(value as Bson) ?? (value === undefined ? NaN : Number(textOf(value)))
}

function operate(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case ',': return right
    case '+': {
      const text = (v: Value): boolean => typeof v === 'string' || v instanceof ObjectId || v instanceof Date || Array.isArray(v) || isDocument(v)
      if (!text(left) && !text(right)) return numeric(left) + numeric(right)
      const joined = textOf(left) + textOf(right)
      if (joined.length > 1_000_000) throw new ScriptError('RangeError', 'Invalid string length')
      return joined
    }
    case '-': return numeric(left) - numeric(right)
    case '*': return numeric(left) * numeric(right)
    case '/': return numeric(left) / numeric(right)
    case '%': return numeric(left) % numeric(right)
    case '**': return numeric(left) ** numeric(right)
    case '===': return left === right
    case '!==': return left !== right
    case '==': return loose(left, right)
    case '!=': return !loose(left, right)
    case 'in': return isDocument(right) && right.has(textOf(left))
    default: {
      const [a, b] = typeof left === 'string' && typeof right === 'string' ? [left, right] : [numeric(left), numeric(right)]
      return operator === '<' ? a < b : operator === '>' ? a > b : operator === '<=' ? a <= b : a >= b
    }
  }
}

function loose(left: Value, right: Value): boolean {
  if (left === null || left === undefined || right === null || right === undefined) return (left ?? null) === (right ?? null)
  if (typeof left === typeof right) return left === right
  return numeric(left) === numeric(right)
}
