import { own } from '../../../engine/own.ts'
import { NotSimulatedError } from '../errors.ts'
import { isObject } from '../objects.ts'
import { basic, FUNCTIONS, goText, isTrue, NOT_SIMULATED, plain } from './go-template-functions.ts'
import { GoInt, Parser, TemplateError, type Node, type Pipe, type Word } from './go-template-parser.ts'

export { TemplateError }

class Jump {
  readonly kind: 'break' | 'continue'
  constructor(kind: 'break' | 'continue') {
    this.kind = kind
  }
}

/** A template of text/template over what JSON has: maps, lists, strings, float64, booleans. Undefined is Go's invalid value. */
export class GoTemplate {
  readonly #source: string
  readonly #nodes: readonly Node[]
  readonly #strict: boolean
  #out = ''
  #variables: { name: string; value: unknown }[] = []

  /** `allowMissing`: whether keys that are not there are "<no value>". Throws TemplateError. */
  constructor(source: string, options: { allowMissing: boolean }) {
    this.#source = source
    this.#strict = !options.allowMissing
    this.#nodes = new Parser(source, new Set([...Object.keys(FUNCTIONS), ...NOT_SIMULATED, 'and', 'or'])).parse()
  }

  /** What the template makes of the object, up to where it went wrong, and what did. */
  execute(object: unknown): { text: string; error?: string } {
    this.#out = ''
    this.#variables = [{ name: '$', value: object }]
    try {
      this.#walk(this.#nodes, object)
      return { text: this.#out }
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      return { text: this.#out, error: error.message }
    }
  }

  #fail(word: { at: number; text: string }, message: string): never {
    const before = this.#source.slice(0, word.at)
    throw new TemplateError(`template: output:${before.split('\n').length}:${word.at - (before.lastIndexOf('\n') + 1)}: executing "output" at <${word.text}>: ${message}`)
  }

  #walk(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) {
      if (node.kind === 'text') this.#out += node.text
      else if (node.kind === 'action') {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.variables.length === 0) this.#out += value === undefined || value === null ? '<no value>' : goText(value)
      } else if (node.kind === 'branch') this.#branch(node, dot)
      else throw new Jump(node.kind)
    }
  }

  #branch({ word, pipe, body, otherwise }: Node & { kind: 'branch' }, dot: unknown): void {
    const depth = this.#variables.length
    if (word === 'range') this.#range(pipe, body, otherwise, dot)
    else {
      const value = this.#pipe(pipe, dot)
      if (isTrue(value)) this.#walk(body, word === 'with' ? value : dot)
      else this.#walk(otherwise, dot)
    }
    this.#variables.length = depth
  }

  #range(pipe: Pipe, body: readonly Node[], otherwise: readonly Node[], dot: unknown): void {
    const value = this.#pipe({ ...pipe, variables: [] }, dot)
    const entries = this.#entries(pipe, value)
    if (entries.length === 0) return this.#walk(otherwise, dot)
    const depth = this.#variables.length
    for (const [key, item] of entries) {
      const [first, second] = pipe.variables
      if (second !== undefined) this.#set(first!, key, pipe.assigns)
      if (first !== undefined) this.#set(second ?? first, item, pipe.assigns)
      try {
        this.#walk(body, item)
      } catch (jump) {
        if (!(jump instanceof Jump)) throw jump
        if (jump.kind === 'break') break
      } finally {
        this.#variables.length = depth
      }
    }
  }

  #entries(pipe: Pipe, value: unknown): [unknown, unknown][] {
    if (value === undefined || value === null) return []
    if (Array.isArray(value)) return value.map((item, i) => [new GoInt(i), item])
    if (basic(value) === 'int') return Array.from({ length: Math.max(0, plain(value) as number) }, (_, i) => [new GoInt(i), new GoInt(i)])
    if (isObject(value) && basic(value) === undefined) return Object.keys(value).sort().map((key) => [key, value[key]])
    return this.#fail({ at: pipe.commands[0]![0]!.at, text: pipeText(pipe) }, `range can't iterate over ${goText(value)}`)
  }

  #set(name: string, value: unknown, assigns = false): void {
    if (!assigns) return void this.#variables.push({ name, value })
    for (let i = this.#variables.length - 1; i >= 0; i--) if (this.#variables[i]!.name === name) return void (this.#variables[i]!.value = value)
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown
    pipe.commands.forEach((command, i) => {
      value = this.#command(command, dot, i > 0 ? [value] : [])
    })
    for (const name of pipe.variables) this.#set(name, value, pipe.assigns)
    return value
  }

  #command(command: readonly Word[], dot: unknown, final: readonly unknown[]): unknown {
    const first = command[0]!
    if (first.kind === 'function') return this.#call(first.name, command, dot, final)
    if (command.length > 1 || final.length > 0) {
      const name = first.kind === 'field' || first.kind === 'variable' ? first.names.at(-1) : undefined
      if (name !== undefined) this.#fail({ at: first.at, text: wordText(first) }, `${name} is not a method but has arguments`)
      this.#fail({ at: first.at, text: wordText(first) }, `can't give argument to non-function ${wordText(first)}`)
    }
    if (first.kind === 'constant' && first.value === null) this.#fail({ at: first.at, text: 'nil' }, 'nil is not a command')
    return this.#word(first, dot)
  }

  #call(name: string, command: readonly Word[], dot: unknown, final: readonly unknown[]): unknown {
    const words = command.slice(1)
    if (name === 'and' || name === 'or') {
      let value: unknown
      for (const word of words) {
        value = this.#word(word, dot)
        if (isTrue(value) === (name === 'or')) return value
      }
      return final.length > 0 ? final[0] : value
    }
    if (NOT_SIMULATED.includes(name)) throw new NotSimulatedError(`the function ${name} of Go templates`, 'use other functions, or -o jsonpath')
    const where = { at: command[0]!.at, text: command.length === 1 ? name : command.map(wordText).join(' ') }
    const { least, most = Infinity, run } = FUNCTIONS[name]!
    const count = words.length + final.length
    if (count < least || count > most) this.#fail(where.text === name ? where : { at: where.at, text: name }, `wrong number of args for ${name}: want ${most === Infinity ? `at least ${least}` : least} got ${count}`)
    const args = [...words.map((word) => this.#word(word, dot)), ...final]
    try {
      return run(args)
    } catch (error) {
      if (error instanceof NotSimulatedError || error instanceof TemplateError) throw error
      return this.#fail(where, `error calling ${name}: ${(error as Error).message}`)
    }
  }

  #word(word: Word, dot: unknown): unknown {
    switch (word.kind) {
      case 'dot':
        return dot
      case 'constant':
        return word.value
      case 'field':
        return this.#fields(word, word.names, dot)
      case 'variable':
        return this.#fields(word, word.names, this.#variable(word.name))
      case 'pipe':
        return this.#fields(word, word.names, this.#pipe(word.pipe, dot))
      case 'function':
        return this.#call(word.name, [word], dot, [])
    }
  }

  #variable(name: string): unknown {
    for (let i = this.#variables.length - 1; i >= 0; i--) if (this.#variables[i]!.name === name) return this.#variables[i]!.value
    throw new TemplateError(`template: output:1: undefined variable "${name}"`)
  }

  #fields(word: Word, names: readonly string[], from: unknown): unknown {
    let value = from
    for (const name of names) {
      const where = { at: word.at, text: wordText(word) }
      if (value === undefined) {
        if (this.#strict) this.#fail(where, `nil data; no entry for key "${name}"`)
        return undefined
      }
      if (value === null) this.#fail(where, `nil pointer evaluating interface {}.${name}`)
      if (!isObject(value) || basic(value) !== undefined) this.#fail(where, `can't evaluate field ${name} in type interface {}`)
      if (this.#strict && !Object.hasOwn(value as object, name)) this.#fail(where, `map has no entry for key "${name}"`)
      value = own(value as { [key: string]: unknown }, name)
    }
    return value
  }
}

function wordText(word: Word): string {
  switch (word.kind) {
    case 'dot':
      return '.'
    case 'constant':
      return word.text
    case 'field':
      return word.names.map((n) => `.${n}`).join('')
    case 'variable':
      return [word.name, ...word.names].join('.')
    case 'function':
      return word.name
    case 'pipe':
      return `(${pipeText(word.pipe)})${word.names.map((n) => `.${n}`).join('')}`
  }
}

function pipeText({ variables, assigns, commands }: Pipe): string {
  return `${variables.length > 0 ? `${variables.join(', ')} ${assigns ? '=' : ':='} ` : ''}${commands.map((c) => c.map(wordText).join(' ')).join(' | ')}`
}
