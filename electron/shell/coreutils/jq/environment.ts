import type { Filter, Json, Pattern } from './ast.ts'
import { getField } from './operations.ts'

export interface Closure { filter: Filter; environment: Environment }
export interface Definition { parameters: string[]; body: Filter; environment: Environment }

export class Environment {
  readonly #parent: Environment | undefined
  readonly #variables = new Map<string, Json>()
  readonly #functions = new Map<string, Definition | Closure>()

  constructor(parent?: Environment) {
    this.#parent = parent
  }

  variable(name: string): Json | undefined {
    return this.#variables.has(name) ? this.#variables.get(name) : this.#parent?.variable(name)
  }

  function(key: string): Definition | Closure | undefined {
    return this.#functions.get(key) ?? this.#parent?.function(key)
  }

  setVariable(name: string, value: Json): void {
    this.#variables.set(name, value)
  }

  setFunction(key: string, definition: Definition | Closure): void {
    this.#functions.set(key, definition)
  }
}

/** Gives the names of a pattern (`. as [$a, {b: $c}]`) their parts of a value. */
export function destructure(pattern: Pattern, value: Json, env: Environment): void {
  if ('name' in pattern) env.setVariable(pattern.name, value)
  else if ('items' in pattern) pattern.items.forEach((p, i) => destructure(p, value === null ? null : getField(value, i), env))
  else for (const { key, pattern: inner } of pattern.entries) destructure(inner, getField(value, (key as { value: Json }).value), env)
}
