import { Failure, type Run } from '../command.ts'
import { openInput, type Input as InputFile } from '../input.ts'
import type { Task } from '../../../engine/machine/task.ts'
import { RegExpError, compileRegExp } from '../regex.ts'
import type { Expression } from './ast.ts'
import { Input, toNumber, toText, type Value } from './values.ts'

export type Cell = Value | Map<string, Value>

/** What an awk program works on: records, fields, variables, arrays. */
export abstract class AwkState {
  readonly run: Run
  protected readonly globals = new Map<string, Cell>()
  /** The running function's parameters. */
  protected locals: Map<string, Cell> | undefined
  protected record = ''
  /** Undefined until somebody asks for the record's fields. */
  protected fields: string[] | undefined = []
  protected inputs: string[] = []
  protected input: InputFile | undefined
  #started = false
  #patterns = new Map<string, RegExp>()

  constructor(run: Run) {
    this.run = run
    for (const [name, value] of Object.entries({ FS: ' ', OFS: ' ', ORS: '\n', RS: '\n', OFMT: '%.6g', CONVFMT: '%.6g', SUBSEP: '\x1c', FILENAME: '' })) this.globals.set(name, value)
    for (const name of ['NR', 'NF', 'FNR', 'RSTART']) this.globals.set(name, 0)
    this.globals.set('RLENGTH', -1)
    this.globals.set('ENVIRON', new Map([...run.process.env].map(([k, v]): [string, Value] => [k, new Input(v)])))
  }

  setVariable(name: string, value: Value): void {
    this.globals.set(name, value)
  }

  abstract evaluate(expression: Expression): Task<Value>

  // ---- records and fields ------------------------------------------------------------------------------------------

  protected *nextRecord(): Task<boolean> {
    for (;;) {
      if (!this.input) {
        const name = this.inputs.shift()
        if (name === undefined) {
          if (this.#started) return false
          this.#started = true
          this.input = yield* openInput(this.run, '-')
        } else {
          const assignment = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(name)
          if (assignment) {
            this.set(assignment[1]!, new Input(assignment[2]!))
            continue
          }
          this.#started = true
          this.input = yield* openInput(this.run, name, (n, m) => (m === 'Is a directory' ? `read error (${m})` : (this.run.isBusybox ? `${n}: ${m}` : `cannot open ${n} (${m})`)), 2)
          if (!this.input) continue
          this.set('FILENAME', name === '-' ? '' : name)
        }
        this.set('FNR', 0)
      }
      const record = yield* this.read(this.input!)
      if (record !== null) {
        this.setRecord(record)
        this.set('NR', toNumber(this.get('NR')) + 1)
        this.set('FNR', toNumber(this.get('FNR')) + 1)
        return true
      }
      this.input!.close()
      this.input = undefined
    }
  }

  protected *read(input: InputFile): Task<string | null> {
    const separator = toText(this.get('RS'))
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
    this.record = text
    this.fields = undefined
  }

  protected allFields(): string[] {
    if (this.fields) return this.fields
    this.fields = this.split(this.record, this.get('FS'))
    this.globals.set('NF', this.fields.length)
    return this.fields
  }

  /** Where the run is, for mawk's messages. */
  get place(): string {
    return `FILENAME="${toText(this.get('FILENAME'))}" FNR=${toText(this.get('FNR'))} NR=${toText(this.get('NR'))}`
  }

  /** Text to fields by FS or split's third argument. */
  split(text: string, separator: Value | RegExp): string[] {
    if (separator instanceof RegExp) return text === '' ? [] : text.split(separator)
    const fs = toText(separator)
    if (text === '') return []
    if (fs === ' ') return text.split(/[ \t\n]+/).filter((f) => f !== '')
    if (fs === '') return [...text]
    const paragraphs = toText(this.get('RS')) === ''
    if (fs.length === 1 && fs !== '\\') return text.split(paragraphs ? new RegExp(`${fs.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}|\\n`) : fs)
    return text.split(this.pattern(fs))
  }

  #join(): void {
    this.record = this.fields!.join(toText(this.get('OFS')))
  }

  // ---- variables ---------------------------------------------------------------------------------------------------

  protected cell(name: string): Cell {
    return this.locals?.has(name) ? this.locals.get(name) : this.globals.get(name)
  }

  protected get(name: string): Value {
    if (name === 'NF') this.allFields()
    const cell = this.cell(name)
    if (cell instanceof Map) throw new Failure(`can't use array ${name} in a scalar context`, 2)
    return cell
  }

  protected set(name: string, value: Value): void {
    if (this.locals?.has(name)) {
      this.locals.set(name, value)
      return
    }
    if (name === 'NF') {
      const fields = this.allFields()
      const count = Math.max(0, Math.trunc(toNumber(value)))
      while (fields.length < count) fields.push('')
      fields.length = count
      this.#join()
    }
    this.globals.set(name, value)
  }

  array(name: string): Map<string, Value> {
    const cell = this.cell(name)
    if (cell instanceof Map) return cell
    if (cell !== undefined) throw new Failure(`can't use scalar ${name} as an array`, 2)
    const made = new Map<string, Value>()
    if (this.locals?.has(name)) this.locals.set(name, made)
    else this.globals.set(name, made)
    return made
  }

  protected *key(index: readonly Expression[]): Task<string> {
    const parts: string[] = []
    for (const expression of index) parts.push(this.keyText(yield* this.evaluate(expression)))
    return parts.join(toText(this.get('SUBSEP')))
  }

  protected keyText(value: Value): string {
    return toText(value, toText(this.get('CONVFMT')))
  }

  *assign(target: Expression, value: Value): Task<void> {
    if (target.kind === 'variable') this.set(target.name, value)
    else if (target.kind === 'element') this.array(target.name).set(yield* this.key(target.index), value)
    else if (target.kind === 'field') {
      const index = Math.trunc(toNumber(yield* this.evaluate(target.index)))
      if (index < 0) throw new Failure(`attempt to access field ${index}`, 2)
      if (index === 0) return this.setRecord(toText(value))
      const fields = this.allFields()
      while (fields.length < index) fields.push('')
      fields[index - 1] = toText(value)
      this.globals.set('NF', fields.length)
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
    return this.pattern(expression.kind === 'regex' ? expression.source : toText(yield* this.evaluate(expression)))
  }
}
