import type { ParseResult } from '@marcbachmann/cel-js'
import { put } from '../../../own.ts'
import { KubernetesCel } from '../../cel.ts'
import { type AdmissionNames, admissionScope } from '../../cel/admission-scope.ts'
import { checkTypes } from '../../cel/checker.ts'
import { parseExpression } from '../../cel/syntax.ts'
import { type CelType, DYN, sameType, typeText } from '../../cel/types.ts'
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
  try {
    const program = (language ??= new KubernetesCel(NAMES, { open: false })).parse(text)
    return program.check().valid ? program : 'unsimulated'
  } catch {
    const ast = parseExpression(text)
    return 'wrong' in ast ? { wrong: `compilation failed: ${ast.wrong}` } : 'unsimulated'
  }
}

/** What an expression comes to by the types of what it may name, and why it is not accepted: CompileCELExpression. */
export function compiledType(expression: string, names: AdmissionNames, results: readonly CelType[]): { type: CelType; wrong?: string } {
  const ast = parseExpression(expression)
  if ('wrong' in ast) return { type: DYN, wrong: `compilation failed: ${ast.wrong}` }
  const { type, issues } = checkTypes(ast, expression, admissionScope(names))
  if (issues !== undefined) return { type: DYN, wrong: `compilation failed: ${issues}` }
  if (results.length === 0 || results.some((each) => sameType(each, type))) return { type }
  const wanted = results.length === 1 ? typeText(results[0]!) : `one of [${results.map(typeText).join(' ')}]`
  return { type: DYN, wrong: `must evaluate to ${wanted} but got ${typeText(type)}` }
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
