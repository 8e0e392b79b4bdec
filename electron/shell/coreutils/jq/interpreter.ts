import { own } from '../../../engine/own.ts'
import { NotSimulated } from '../command.ts'
import type { Filter, Json } from './ast.ts'
import { BUILTIN_FUNCTIONS, DEFINITIONS, formatValue } from './builtins.ts'
import { destructure, Environment, type Definition } from './environment.ts'
import { PAUSE, type Evaluation, type Located, type Pause } from './evaluation.ts'
import { FILTER_FUNCTIONS } from './filter-functions.ts'
import { deletePaths, getField, getPath, operate, setPath, slice, truthy, type Path } from './operations.ts'
import { parseJq } from './parser.ts'
import { JqError, isObject, shortText, toText, typeOf } from './values.ts'

const STEPS_AT_ONCE = 5000
/** Steps before a filter counts as endless: its results are in memory. */
const MAX_STEPS = 20_000_000
const MAX_DEPTH = 400

export class Jq implements Evaluation {
  #steps = 0
  #depth = 0
  readonly #root: Environment

  constructor(variables: ReadonlyMap<string, Json>) {
    this.#root = new Environment()
    let definitions = parseJq(DEFINITIONS)
    while (definitions.kind === 'define') {
      this.#define(definitions, this.#root)
      definitions = definitions.rest
    }
    for (const [name, value] of variables) this.#root.setVariable(name, value)
  }

  *run(filter: Filter, input: Json): Generator<Json | Pause> {
    for (const found of this.evaluate(filter, { value: input }, new Environment(this.#root))) yield found === PAUSE ? PAUSE : found.value
  }

  #define(filter: Extract<Filter, { kind: 'define' }>, environment: Environment): void {
    environment.setFunction(`${filter.name}/${filter.parameters.length}`, { parameters: filter.parameters, body: filter.body, environment })
  }

  /** Counts; whether it is time to let others work. */
  step(): boolean {
    if (++this.#steps > MAX_STEPS) throw new NotSimulated(`a filter of more than ${MAX_STEPS} steps (a smaller input, or a filter that ends)`)
    return this.#steps % STEPS_AT_ONCE === 0
  }

  *collected(filter: Filter, input: Json, environment: Environment): Generator<Pause, Json[]> {
    const out: Json[] = []
    for (const value of this.values(filter, input, environment)) if (value === PAUSE) yield PAUSE; else out.push(value)
    return out
  }

  *values(filter: Filter, input: Json, environment: Environment): Generator<Json | Pause> {
    for (const found of this.evaluate(filter, { value: input }, environment)) yield found === PAUSE ? PAUSE : found.value
  }

  *evaluate(f: Filter, input: Located, env: Environment): Generator<Located | Pause> {
    if (this.step()) yield PAUSE
    const plain = (value: Json): Located => (input.path ? { value, path: undefined as unknown as Path } : { value })
    switch (f.kind) {
      case 'identity':
        yield input
        return
      case 'recurse':
        yield* this.#recurse(input)
        return
      case 'literal':
        yield plain(f.value)
        return
      case 'variable': {
        const value = f.name === '__loc__' ? { file: '<top-level>', line: 1 } : env.variable(f.name)
        if (value === undefined) throw new JqError(`$${f.name} is not defined`)
        yield plain(value)
        return
      }
      case 'field':
        for (const target of this.evaluate(f.target, input, env)) if (target === PAUSE) yield PAUSE; else {
          for (const name of this.values(f.name, input.value, env)) if (name === PAUSE) yield PAUSE; else {
            try {
              yield { value: getField(target.value, name), ...(target.path && { path: [...target.path, name as string] }) }
            } catch (error) {
              if (!(error instanceof JqError) || !f.optional) throw error
            }
          }
        }
        return
      case 'slice':
        for (const target of this.evaluate(f.target, input, env)) if (target === PAUSE) yield PAUSE; else {
          for (const to of f.to ? this.values(f.to, input.value, env) : [null]) if (to === PAUSE) yield PAUSE; else {
            for (const from of f.from ? this.values(f.from, input.value, env) : [null]) if (from === PAUSE) yield PAUSE; else {
              try {
                yield { value: slice(target.value, from, to), ...(target.path && { path: [...target.path, { start: from, end: to }] }) }
              } catch (error) {
                if (!(error instanceof JqError) || !f.optional) throw error
              }
            }
          }
        }
        return
      case 'iterate':
        for (const target of this.evaluate(f.target, input, env)) if (target === PAUSE) yield PAUSE; else {
          const { value, path } = target
          if (Array.isArray(value)) for (const [i, v] of value.entries()) yield { value: v, ...(path && { path: [...path, i] }) }
          else if (isObject(value)) for (const [k, v] of Object.entries(value)) yield { value: v, ...(path && { path: [...path, k] }) }
          else if (!f.optional) throw new JqError(`Cannot iterate over ${typeOf(value)} (${shortText(value)})`)
        }
        return
      case 'pipe':
        for (const middle of this.evaluate(f.left, input, env)) if (middle === PAUSE) yield PAUSE; else yield* this.evaluate(f.right, middle, env)
        return
      case 'comma':
        yield* this.evaluate(f.left, input, env)
        yield* this.evaluate(f.right, input, env)
        return
      case 'alternative': {
        let any = false
        try {
          for (const found of this.evaluate(f.left, input, env)) if (found === PAUSE) yield PAUSE; else {
            if (found.value === null || found.value === false) continue
            any = true
            yield found
          }
        } catch (error) {
          if (!(error instanceof JqError)) throw error
        }
        if (!any) yield* this.evaluate(f.right, input, env)
        return
      }
      case 'and':
      case 'or':
        for (const left of this.values(f.left, input.value, env)) if (left === PAUSE) yield PAUSE; else {
          if (truthy(left) === (f.kind === 'or')) yield plain(f.kind === 'or')
          else for (const right of this.values(f.right, input.value, env)) if (right === PAUSE) yield PAUSE; else yield plain(truthy(right))
        }
        return
      case 'binary':
        for (const right of this.values(f.right, input.value, env)) if (right === PAUSE) yield PAUSE; else for (const left of this.values(f.left, input.value, env)) if (left === PAUSE) yield PAUSE; else yield plain(operate(f.operator, left, right))
        return
      case 'negate':
        for (const value of this.values(f.operand, input.value, env)) if (value === PAUSE) yield PAUSE; else {
          if (typeof value !== 'number') throw new JqError(`${typeOf(value)} (${shortText(value)}) cannot be negated`)
          yield plain(-value)
        }
        return
      case 'array':
        yield plain(f.items ? yield* this.collected(f.items, input.value, env) : [])
        return
      case 'object':
        for (const value of this.#object(f.entries, 0, input.value, env)) if (value === PAUSE) yield PAUSE; else yield plain(value)
        return
      case 'string':
        for (const text of this.#string(f.parts, 0, f.format, input.value, env)) if (text === PAUSE) yield PAUSE; else yield plain(text)
        return
      case 'format':
        yield plain(formatValue(f.name, input.value))
        return
      case 'if':
        for (const test of this.values(f.test, input.value, env)) if (test === PAUSE) yield PAUSE; else {
          if (truthy(test)) yield* this.evaluate(f.yes, input, env)
          else if (f.no) yield* this.evaluate(f.no, input, env)
          else yield input
        }
        return
      case 'try':
        try {
          yield* this.evaluate(f.body, input, env)
        } catch (error) {
          if (!(error instanceof JqError)) throw error
          if (f.handler) yield* this.evaluate(f.handler, { value: error.value }, env)
        }
        return
      case 'reduce': {
        let state: Json = null
        for (const init of this.values(f.init, input.value, env)) if (init === PAUSE) yield PAUSE; else state = init
        for (const item of this.values(f.source, input.value, env)) if (item === PAUSE) yield PAUSE; else {
          const inner = new Environment(env)
          destructure(f.pattern, item, inner)
          let last: Json = null
          for (const next of this.values(f.update, state, inner)) if (next === PAUSE) yield PAUSE; else last = next
          state = last
        }
        yield plain(state)
        return
      }
      case 'foreach':
        for (const init of this.values(f.init, input.value, env)) if (init === PAUSE) yield PAUSE; else {
          let state = init
          for (const item of this.values(f.source, input.value, env)) if (item === PAUSE) yield PAUSE; else {
            const inner = new Environment(env)
            destructure(f.pattern, item, inner)
            for (const next of this.values(f.update, state, inner)) if (next === PAUSE) yield PAUSE; else {
              state = next
              if (f.extract) {
                for (const out of this.values(f.extract, next, inner)) if (out === PAUSE) yield PAUSE; else yield plain(out)
              } else yield plain(next)
            }
          }
        }
        return
      case 'bind':
        for (const value of this.values(f.source, input.value, env)) if (value === PAUSE) yield PAUSE; else {
          const inner = new Environment(env)
          destructure(f.pattern, value, inner)
          yield* this.evaluate(f.body, input, inner)
        }
        return
      case 'define': {
        const inner = new Environment(env)
        this.#define(f, inner)
        yield* this.evaluate(f.rest, input, inner)
        return
      }
      case 'update':
        yield* this.#update(f, input, env)
        return
      case 'call':
        yield* this.#call(f, input, env)
    }
  }

  *#recurse(input: Located): Generator<Located | Pause> {
    yield input
    const { value, path } = input
    if (Array.isArray(value)) for (const [i, v] of value.entries()) yield* this.#recurse({ value: v, ...(path && { path: [...path, i] }) })
    else if (isObject(value)) for (const [k, v] of Object.entries(value)) yield* this.#recurse({ value: v, ...(path && { path: [...path, k] }) })
  }

  *#object(entries: readonly { key: Filter; value: Filter }[], at: number, input: Json, env: Environment): Generator<Json | Pause> {
    const entry = entries[at]
    if (!entry) {
      yield {}
      return
    }
    for (const key of this.values(entry.key, input, env)) if (key === PAUSE) yield PAUSE; else {
      if (typeof key !== 'string') throw new JqError(`Object keys must be strings`)
      for (const value of this.values(entry.value, input, env)) if (value === PAUSE) yield PAUSE; else {
        for (const rest of this.#object(entries, at + 1, input, env)) if (rest === PAUSE) yield PAUSE; else yield { [key]: value, ...(rest as object) }
      }
    }
  }

  *#string(parts: readonly (string | Filter)[], at: number, format: string | undefined, input: Json, env: Environment): Generator<string | Pause> {
    const part = parts[at]
    if (part === undefined) {
      yield ''
      return
    }
    for (const value of typeof part === 'string' ? [part] : this.values(part, input, env)) if (value === PAUSE) yield PAUSE; else {
      const text = typeof part === 'string' ? part : format ? formatValue(format, value as Json) : typeof value === 'string' ? value : toText(value as Json)
      for (const rest of this.#string(parts, at + 1, format, input, env)) if (rest === PAUSE) yield PAUSE; else yield text + rest
    }
  }

  *paths(filter: Filter, input: Json, env: Environment): Generator<Pause, Path[]> {
    const paths: Path[] = []
    for (const found of this.evaluate(filter, { value: input, path: [] }, env)) {
      if (found === PAUSE) yield PAUSE
      else if (!found.path) throw new JqError('Invalid path expression')
      else paths.push(found.path)
    }
    return paths
  }

  *#update(f: Extract<Filter, { kind: 'update' }>, input: Located, env: Environment): Generator<Located | Pause> {
    if (f.operator === '|=') {
      let value = input.value
      const removed: Path[] = []
      for (const path of yield* this.paths(f.path, input.value, env)) {
        let next: Json | undefined
        for (const found of this.values(f.value, getPath(value, path), env)) {
          if (found === PAUSE) yield PAUSE
          else {
            next = found
            break
          }
        }
        if (next === undefined) removed.push(path)
        else value = setPath(value, path, next)
      }
      yield { value: deletePaths(value, removed) }
      return
    }
    for (const right of this.values(f.value, input.value, env)) if (right === PAUSE) yield PAUSE; else {
      let value = input.value
      for (const path of yield* this.paths(f.path, input.value, env)) {
        const before = getPath(value, path)
        const operator = f.operator.slice(0, -1)
        value = setPath(value, path, operator === '' ? right : operator === '//' ? (truthy(before) ? before : right) : operate(operator, before, right))
      }
      yield { value }
    }
  }

  *#call(f: Extract<Filter, { kind: 'call' }>, input: Located, env: Environment): Generator<Located | Pause> {
    const key = `${f.name}/${f.args.length}`
    const found = env.function(key)
    if (found) {
      if (this.#depth > MAX_DEPTH) throw new JqError('podhop: this filter calls itself too deeply')
      this.#depth++
      try {
        if ('filter' in found) yield* this.evaluate(found.filter, input, found.environment)
        else yield* this.#apply(found, f.args, 0, new Environment(found.environment), input, env)
      } finally {
        this.#depth--
      }
      return
    }
    const special = own(FILTER_FUNCTIONS, key)
    if (special) return yield* special(this, f.args, input, env)
    const builtin = own(BUILTIN_FUNCTIONS, key)
    if (!builtin) throw new JqError(`${key} is not defined`)
    for (const args of this.#product(f.args, input.value, env)) if (args === PAUSE) yield PAUSE; else yield { value: builtin(input.value, args) }
  }

  *#apply(definition: Definition, args: readonly Filter[], at: number, inner: Environment, input: Located, env: Environment): Generator<Located | Pause> {
    const parameter = definition.parameters[at]
    if (parameter === undefined) {
      yield* this.evaluate(definition.body, input, inner)
      return
    }
    if (!parameter.startsWith('$')) {
      inner.setFunction(`${parameter}/0`, { filter: args[at]!, environment: env })
      yield* this.#apply(definition, args, at + 1, inner, input, env)
      return
    }
    for (const value of this.values(args[at]!, input.value, env)) if (value === PAUSE) yield PAUSE; else {
      inner.setVariable(parameter.slice(1), value)
      inner.setFunction(`${parameter.slice(1)}/0`, { filter: { kind: 'literal', value }, environment: env })
      yield* this.#apply(definition, args, at + 1, inner, input, env)
    }
  }

  *#product(args: readonly Filter[], input: Json, env: Environment): Generator<Json[] | Pause> {
    const [head, ...tail] = args
    if (!head) {
      yield []
      return
    }
    for (const rest of this.#product(tail, input, env)) if (rest === PAUSE) yield PAUSE; else for (const value of this.values(head, input, env)) if (value === PAUSE) yield PAUSE; else yield [value, ...rest]
  }
}
