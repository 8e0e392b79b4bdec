import { isSystemError } from '../../../engine/machine/errors.ts'
import { createPipe } from '../../../engine/machine/pipe.ts'
import { sleep, type Task } from '../../../engine/machine/task.ts'
import type { OpenFile, Process } from '../../../engine/machine/types.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import type { Random } from '../../../engine/random.ts'
import { Failure, type Run } from '../command.ts'
import { Input as InputFile, openInput } from '../input.ts'
import { RegExpError, compileRegExp } from '../regex.ts'
import type { AwkProgram, Expression, Rule, Statement } from './ast.ts'
import { callBuiltin } from './builtins.ts'
import { Input, compareValues, isTrue, sprintf, toNumber, toText, type Value } from './values.ts'

type Cell = Value | Map<string, Value>

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

export class Awk {
  readonly run: Run
  readonly #program: AwkProgram
  readonly #globals = new Map<string, Cell>()
  #locals: Map<string, Cell> | undefined
  #depth = 0
  #steps = 0
  #record = ''
  #fields: string[] | undefined = []
  #inputs: string[] = []
  #input: InputFile | undefined
  #started = false
  #ranges = new Set<Rule>()
  #patterns = new Map<string, RegExp>()
  #outputs = new Map<string, { file: OpenFile; child?: Process }>()
  #sources = new Map<string, { input: InputFile; child?: Process }>()
  random: Random

  constructor(run: Run, program: AwkProgram) {
    this.run = run
    this.#program = program
    this.random = run.process.clock.random.fork('awk')
    for (const [name, value] of Object.entries({ FS: ' ', OFS: ' ', ORS: '\n', RS: '\n', OFMT: '%.6g', CONVFMT: '%.6g', SUBSEP: '\x1c', FILENAME: '' })) this.#globals.set(name, value)
    for (const name of ['NR', 'NF', 'FNR', 'RSTART']) this.#globals.set(name, 0)
    this.#globals.set('RLENGTH', -1)
    this.#globals.set('ENVIRON', new Map([...run.process.env].map(([k, v]): [string, Value] => [k, new Input(v)])))
  }

  setVariable(name: string, value: Value): void {
    this.#globals.set(name, value)
  }

  *main(args: readonly string[]): Task<number> {
    const argv = new Map<string, Value>([['0', 'awk'], ...args.map((a, i): [string, Value] => [String(i + 1), new Input(a)])])
    this.#globals.set('ARGV', argv)
    this.#globals.set('ARGC', args.length + 1)
    let code = 0
    let exited = false
    const { rules } = this.#program
    try {
      for (const rule of rules) if (rule.pattern === 'BEGIN') yield* this.#execute(rule.body!)
      const reads = rules.some((r) => r.pattern !== 'BEGIN')
      if (reads) {
        for (let i = 1; i < toNumber(this.#globals.get('ARGC') as Value); i++) {
          const arg = argv.get(String(i))
          if (arg !== undefined) this.#inputs.push(toText(arg))
        }
        while (yield* this.#nextRecord()) yield* this.#rules(rules)
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
    for (const name of [...this.#outputs.keys()]) yield* this.close(name)
    return code || this.run.code
  }

  *#rules(rules: readonly Rule[]): Task<void> {
    for (const rule of rules) {
      if (rule.pattern === 'BEGIN' || rule.pattern === 'END') continue
      if (!(yield* this.#matches(rule))) continue
      try {
        if (rule.body) yield* this.#execute(rule.body)
        else yield* this.run.print(this.#record + toText(this.#get('ORS')))
      } catch (error) {
        if (!(error instanceof Jump)) throw error
        if (error.kind === 'next') return
        if (error.kind !== 'nextfile') throw error
        this.#input?.close()
        this.#input = undefined
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

  // ---- records and fields ------------------------------------------------------------------------------------------

  *#nextRecord(): Task<boolean> {
    for (;;) {
      if (!this.#input) {
        const name = this.#inputs.shift()
        if (name === undefined) {
          if (this.#started) return false
          this.#started = true
          this.#input = yield* openInput(this.run, '-')
        } else {
          const assignment = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(name)
          if (assignment) {
            this.#set(assignment[1]!, new Input(assignment[2]!))
            continue
          }
          this.#started = true
          this.#input = yield* openInput(this.run, name, (n, m) => (m === 'Is a directory' ? `read error (${m})` : `cannot open "${n}" (${m})`), 2)
          if (!this.#input) continue
          this.#set('FILENAME', name === '-' ? '' : name)
        }
        this.#set('FNR', 0)
      }
      const record = yield* this.#read(this.#input!)
      if (record !== null) {
        this.setRecord(record)
        this.#set('NR', toNumber(this.#get('NR')) + 1)
        this.#set('FNR', toNumber(this.#get('FNR')) + 1)
        return true
      }
      this.#input!.close()
      this.#input = undefined
    }
  }

  *#read(input: InputFile): Task<string | null> {
    const separator = toText(this.#get('RS'))
    if (separator === '\n') return yield* input.line()
    if (separator.length === 1) {
      return yield* input.line(separator.charCodeAt(0))
    }
    if (separator !== '') throw new Failure('podhop: not simulated: RS of several characters (one character, or "" for paragraphs)', 69)
    const lines: string[] = []
    for (;;) {
      const line = yield* input.line()
      if (line === null) return lines.length > 0 ? lines.join('\n') : null
      if (line !== '') lines.push(line)
      else if (lines.length > 0) return lines.join('\n')
    }
  }

  setRecord(text: string): void {
    this.#record = text
    this.#fields = undefined
  }

  #split(): string[] {
    if (this.#fields) return this.#fields
    this.#fields = this.split(this.#record, this.#get('FS'))
    this.#globals.set('NF', this.#fields.length)
    return this.#fields
  }

  /** Text to fields by FS or split's third argument. */
  split(text: string, separator: Value | RegExp): string[] {
    if (separator instanceof RegExp) return text === '' ? [] : text.split(new RegExp(separator.source.replace(/\((?!\?)/g, '(?:'), 'u'))
    const fs = toText(separator)
    if (text === '') return []
    if (fs === ' ') return text.split(/[ \t\n]+/).filter((f) => f !== '')
    if (fs === '') return [...text]
    const paragraphs = toText(this.#get('RS')) === ''
    if (fs.length === 1 && fs !== '\\') return text.split(paragraphs ? new RegExp(`${fs.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}|\\n`) : fs)
    return text.split(new RegExp(this.pattern(fs).source.replace(/(?<!\\)\((?!\?)/g, '(?:'), 'u'))
  }

  #join(): void {
    this.#record = this.#fields!.join(toText(this.#get('OFS')))
  }

  // ---- variables ---------------------------------------------------------------------------------------------------

  #cell(name: string): Cell {
    return this.#locals?.has(name) ? this.#locals.get(name) : this.#globals.get(name)
  }

  #get(name: string): Value {
    if (name === 'NF') this.#split()
    const cell = this.#cell(name)
    if (cell instanceof Map) throw new Failure(`can't use array ${name} in a scalar context`, 2)
    return cell
  }

  #set(name: string, value: Value): void {
    if (this.#locals?.has(name)) {
      this.#locals.set(name, value)
      return
    }
    if (name === 'NF') {
      const fields = this.#split()
      const count = Math.max(0, Math.trunc(toNumber(value)))
      while (fields.length < count) fields.push('')
      fields.length = count
      this.#join()
    }
    this.#globals.set(name, value)
  }

  array(name: string): Map<string, Value> {
    const cell = this.#cell(name)
    if (cell instanceof Map) return cell
    if (cell !== undefined) throw new Failure(`can't use scalar ${name} as an array`, 2)
    const made = new Map<string, Value>()
    if (this.#locals?.has(name)) this.#locals.set(name, made)
    else this.#globals.set(name, made)
    return made
  }

  *#key(index: readonly Expression[]): Task<string> {
    const parts: string[] = []
    for (const expression of index) parts.push(this.#keyText(yield* this.#evaluate(expression)))
    return parts.join(toText(this.#get('SUBSEP')))
  }

  #keyText(value: Value): string {
    return toText(value, toText(this.#get('CONVFMT')))
  }

  *assign(target: Expression, value: Value): Task<void> {
    if (target.kind === 'variable') this.#set(target.name, value)
    else if (target.kind === 'element') this.array(target.name).set(yield* this.#key(target.index), value)
    else if (target.kind === 'field') {
      const index = Math.trunc(toNumber(yield* this.#evaluate(target.index)))
      if (index < 0) throw new Failure(`attempt to access field ${index}`, 2)
      if (index === 0) return this.setRecord(toText(value))
      const fields = this.#split()
      while (fields.length < index) fields.push('')
      fields[index - 1] = toText(value)
      this.#globals.set('NF', fields.length)
      this.#join()
    } else if (target.kind === 'group' && target.inner.length === 1) yield* this.assign(target.inner[0]!, value)
  }

  pattern(source: string): RegExp {
    let found = this.#patterns.get(source)
    if (!found) {
      try {
        found = compileRegExp(source, 'extended', 'g')
      } catch (error) {
        if (error instanceof RegExpError) throw new Failure(`regular expression compile failed (${error.message.toLowerCase()})\n${source}`, 2)
        throw error
      }
      this.#patterns.set(source, found)
    }
    found.lastIndex = 0
    return found
  }

  *patternOf(expression: Expression): Task<RegExp> {
    return this.pattern(expression.kind === 'regex' ? expression.source : toText(yield* this.#evaluate(expression)))
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
        return this.pattern(e.source).test(this.#record) ? 1 : 0
      case 'variable':
        return this.#get(e.name)
      case 'field': {
        const index = Math.trunc(toNumber(yield* this.#evaluate(e.index)))
        if (index === 0) return new Input(this.#record)
        if (index < 0) throw new Failure(`attempt to access field ${index}`, 2)
        const text = this.#split()[index - 1]
        return text === undefined ? undefined : new Input(text)
      }
      case 'element': {
        const key = yield* this.#key(e.index)
        const array = this.array(e.name)
        if (!array.has(key)) array.set(key, undefined)
        return array.get(key)
      }
      case 'in':
        return this.array(e.name).has(yield* this.#key(e.index)) ? 1 : 0
      case 'group':
        return e.inner.length === 1 ? yield* this.#evaluate(e.inner[0]!) : yield* this.#key(e.inner)
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
        return this.#keyText(left) + this.#keyText(right)
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
    if (!e.user) return yield* callBuiltin(this, e.name, e.args, this.#record)
    const definition = this.#program.functions.get(e.name)
    if (!definition) throw new Failure(`function ${e.name} never defined`, 2)
    if (this.#depth > MAX_DEPTH) throw new Failure('function call nesting too deep', 2)
    const locals = new Map<string, Cell>()
    const untyped: [string, string][] = []
    for (const [i, parameter] of definition.parameters.entries()) {
      const arg = e.args[i]
      if (arg?.kind === 'variable') {
        const cell = this.#cell(arg.name)
        if (cell === undefined) untyped.push([parameter, arg.name])
        locals.set(parameter, cell)
      } else locals.set(parameter, arg ? yield* this.#evaluate(arg) : undefined)
    }
    const outer = this.#locals
    this.#locals = locals
    this.#depth++
    try {
      yield* this.#execute(definition.body)
      return undefined
    } catch (error) {
      if (error instanceof Jump && error.kind === 'return') return error.value
      throw error
    } finally {
      this.#locals = outer
      this.#depth--
      // An unset variable that the function used as an array has become one.
      for (const [parameter, name] of untyped) {
        const cell = locals.get(parameter)
        if (!(cell instanceof Map)) continue
        if (outer?.has(name)) outer.set(name, cell)
        else this.#globals.set(name, cell)
      }
    }
  }

  *#getline(e: Extract<Expression, { kind: 'getline' }>): Task<Value> {
    let record: string | null
    if (e.command) record = yield* this.#fromCommand(toText(yield* this.#evaluate(e.command)))
    else if (e.file) {
      const name = toText(yield* this.#evaluate(e.file))
      let source = this.#sources.get(name)
      if (!source) {
        try {
          source = { input: name === '-' ? new InputFile(this.run, '-', undefined) : new InputFile(this.run, name, this.run.process.open(name, 'read')) }
        } catch (error) {
          if (isSystemError(error)) return -1
          throw error
        }
        this.#sources.set(name, source)
      }
      record = yield* this.#read(source.input)
    } else {
      const [before, fields] = [this.#record, this.#fields]
      if (!(yield* this.#nextRecord())) return 0
      if (!e.target) return 1
      const read = this.#record
      this.#record = before
      this.#fields = fields
      yield* this.assign(e.target, new Input(read))
      return 1
    }
    if (record === null) return 0
    if (e.target) yield* this.assign(e.target, new Input(record))
    else this.setRecord(record)
    if (e.command) this.#set('NR', toNumber(this.#get('NR')) + 1)
    return 1
  }

  *#fromCommand(command: string): Task<string | null> {
    let source = this.#sources.get(command)
    if (!source) {
      const { process } = this.run
      const { reader, writer } = createPipe(process.clock)
      const child = process.spawn({ argv: ['sh', '-c', command], files: new Map(process.files).set(1, writer) })
      writer.release()
      source = { input: new InputFile(this.run, command, reader), child }
      this.#sources.set(command, source)
    }
    return yield* this.#read(source.input)
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
          this.#set(s.variable, new Input(key))
          if (!(yield* this.#loop(s.body))) return
        }
        return
      case 'delete':
        if (s.index) this.array(s.name).delete(yield* this.#key(s.index))
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
    const ofmt = toText(this.#get('OFMT'))
    const text = s.formatted
      ? sprintf(toText(values[0]), values.slice(1))
      : (values.length === 0 ? this.#record : values.map((v) => toText(v, ofmt)).join(toText(this.#get('OFS')))) + toText(this.#get('ORS'))
    if (!s.redirect) return yield* this.run.print(text)
    const name = toText(yield* this.#evaluate(s.redirect.target))
    yield* this.#output(name, s.redirect.operator).write(encodeUtf8(text))
  }

  #output(name: string, operator: '>' | '>>' | '|'): OpenFile {
    const existing = this.#outputs.get(name)
    if (existing) return existing.file
    const { process } = this.run
    let entry: { file: OpenFile; child?: Process }
    if (operator === '|') {
      const { reader, writer } = createPipe(process.clock)
      const child = process.spawn({ argv: ['sh', '-c', name], files: new Map(process.files).set(0, reader) })
      reader.release()
      entry = { file: writer, child }
    } else {
      try {
        entry = { file: process.open(name, operator === '>' ? 'write' : 'append') }
      } catch (error) {
        if (isSystemError(error)) throw new Failure(`cannot open "${name}" for output`, 2)
        throw error
      }
    }
    this.#outputs.set(name, entry)
    return entry.file
  }

  *close(name: string): Task<number> {
    const output = this.#outputs.get(name)
    const source = this.#sources.get(name)
    this.#outputs.delete(name)
    this.#sources.delete(name)
    output?.file.release()
    source?.input.close()
    const child = output?.child ?? source?.child
    if (child) return (yield* this.run.process.wait(child)).code
    return output || source ? 0 : -1
  }

  *system(command: string): Task<number> {
    const { process } = this.run
    const child = process.spawn({ argv: ['sh', '-c', command], files: process.files })
    return (yield* process.wait(child)).code
  }

  setMatch(start: number, length: number): void {
    this.#set('RSTART', start)
    this.#set('RLENGTH', length)
  }

  fieldSeparator(): Value {
    return this.#get('FS')
  }

  convert(value: Value): string {
    return this.#keyText(value)
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
