import type { ParseResult } from '@marcbachmann/cel-js'
import { put } from '../../../own.ts'
import { KubernetesCel } from '../../cel.ts'
import { isObject, type JsonObject } from '../../json.ts'

/**
 * CEL of policies and match conditions: apiserver/pkg/admission/plugin/cel. What needs a library that is not there is not
 * computed, and that is said when the object is applied.
 */
export interface Variables {
  object: unknown
  oldObject: unknown
  request: unknown
  params?: unknown
  namespaceObject?: unknown
  variables?: object
  authorizer?: null
}

const NAMES = ['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables', 'authorizer']

/** Made when the first expression is read: few clusters have any. */
let language: KubernetesCel | undefined
const compiled = new Map<string, ParseResult | { wrong: string } | 'unsimulated'>()

function compile(text: string): ParseResult | { wrong: string } | 'unsimulated' {
  const known = compiled.get(text)
  if (known !== undefined) return known
  const result = parsed(text)
  if (compiled.size > 5_000) compiled.clear()
  compiled.set(text, result)
  return result
}

function parsed(text: string): ParseResult | { wrong: string } | 'unsimulated' {
  let program: ParseResult
  try {
    program = (language ??= new KubernetesCel(NAMES, { open: false })).parse(text)
  } catch (error) {
    return { wrong: `compilation failed: ERROR: <input>: Syntax error: ${(error as Error).message.split('\n')[0]!}` }
  }
  const check = program.check()
  if (check.valid) return program
  const why = (check.error?.message ?? '').split('\n')[0]!
  const [, name] = /^Unknown variable: (\w+)/.exec(why) ?? []
  if (name === undefined) return 'unsimulated'
  const at = text.search(new RegExp(`(?<![\\w.])${name}\\b`))
  const lines = text.slice(0, at).split('\n')
  const column = lines.at(-1)!.length
  const pointer = ` | ${text.split('\n')[lines.length - 1]!}\n | ${'.'.repeat(column)}^`
  return { wrong: `compilation failed: ERROR: <input>:${lines.length}:${column + 1}: undeclared reference to '${name}' (in container '')\n${pointer}` }
}

/** Why an expression is none. */
export function syntaxError(expression: string): string | undefined {
  const result = compile(expression)
  return typeof result === 'object' && 'wrong' in result ? result.wrong : undefined
}

/** Whether an expression needs a part of CEL that is not simulated. */
export function unsimulated(expression: string): boolean {
  return compile(expression) === 'unsimulated'
}

export type Evaluated = { value: unknown } | { error: string }

/** Undefined: it is not simulated. */
export function evaluate(expression: string, variables: Variables): Evaluated | undefined {
  const program = compile(expression)
  if (program === 'unsimulated') return undefined
  if ('wrong' in program) return { error: program.wrong }
  try {
    return { value: program({ ...variables }) as unknown }
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!
    return { error: `expression '${expression}' resulted in error: ${why.replace(/^No such key/, 'no such key')}` }
  }
}

/** JSON as CEL has it: whole numbers are int. */
export function toCel(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(toCel)
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const key of Object.keys(value)) if (value[key] !== undefined) put(out, key, toCel(value[key]))
  return out
}
