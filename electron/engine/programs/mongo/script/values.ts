import type { Task } from '../../../machine/task.ts'
import { Binary, Double, ObjectId, type Bson } from '../bson.ts'
import { isDocument } from '../values.ts'

/** What a script's variables hold: BSON, functions, and objects of the shell's own (db, collections, cursors). */
export type Value = Bson | undefined | ScriptFunction | HostObject

export class ScriptFunction {
  readonly name: string
  readonly call: (args: Value[]) => Task<Value>

  constructor(name: string, call: (args: Value[]) => Task<Value>) {
    this.name = name
    this.call = call
  }
}

/** An object with behaviour. `show` is what the prompt prints of it; it may ask the server. */
export abstract class HostObject {
  abstract get(name: string): Value
  abstract show(): Task<string>
}

/** A thrown error: "TypeError: x is not a function". */
export class ScriptError extends Error {
  readonly kind: string
  readonly value: Value

  constructor(kind: string, message: string, value?: Value) {
    super(message)
    this.kind = kind
    this.value = value
  }
}

export function typeError(message: string): ScriptError {
  return new ScriptError('TypeError', message)
}

export function hostFunction(name: string, call: (args: Value[]) => Value): ScriptFunction {
  return new ScriptFunction(name, function* (args) {
    return call(args)
  })
}

export function truthy(value: Value): boolean {
  if (value instanceof Double) return value.value !== 0
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '' && value !== 0n && !Number.isNaN(value)
}

/** ToString, as far as scripts need it. */
export function textOf(value: Value): string {
  if (Array.isArray(value)) return value.map((v) => (v === null || v === undefined ? '' : textOf(v))).join(',')
  if (value instanceof ObjectId) return value.hex
  if (value instanceof Double) return String(value.value)
  if (value instanceof Date) return isNaN(value.getTime()) ? 'Invalid Date' : value.toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (.*) GMT$/, '$1 $3 $2 $4 $5 GMT+0000 (Coordinated Universal Time)')
  if (value instanceof ScriptFunction) return `function ${value.name}() { [native code] }`
  return isDocument(value) || value instanceof HostObject || value instanceof Binary ? '[object Object]' : String(value)
}

/** A value that can go to the server; undefined becomes null, as the driver has it in arrays. */
export function toBson(value: Value, where: string): Bson {
  if (value === undefined) return null
  if (value instanceof ScriptFunction || value instanceof HostObject) throw new ScriptError('MongoInvalidArgumentError', `${where} holds something that is no data`)
  return value
}
