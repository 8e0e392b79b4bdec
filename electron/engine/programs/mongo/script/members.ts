import type { Task } from '../../../machine/task.ts'
import { byName } from '../../../own.ts'
import { ObjectId, type Bson } from '../bson.ts'
import { compare, isDocument, toNumber } from '../values.ts'
import { HostObject, hostFunction, ScriptError, ScriptFunction, textOf, truthy, typeError, type Value } from './values.ts'

/** Properties and methods of plain values, of those that scripts use at a prompt. */
const LONGEST = 1_000_000

export function memberOf(value: Value, key: Value): Value {
  const name = textOf(key)
  if (value === undefined || value === null) throw typeError(`Cannot read properties of ${String(value)} (reading '${name}')`)
  if (value instanceof HostObject) return value.get(name)
  if (isDocument(value)) return value.has(name) ? value.get(name) : ({ toString: hostFunction(name, () => textOf(value)), hasOwnProperty: hostFunction(name, ([k]) => value.has(textOf(k))) } as Record<string, Value>)[name === 'toString' || name === 'hasOwnProperty' ? name : '']
  if (Array.isArray(value)) return name === 'length' ? value.length : /^\d+$/.test(name) ? value[Number(name)] : ARRAY[name] && method(name, ARRAY[name], value)
  if (typeof value === 'string') return name === 'length' ? value.length : /^\d+$/.test(name) ? value[Number(name)] : plainMethod(STRING, name, value)
  if (value instanceof Date) return plainMethod(DATE, name, value)
  if (value instanceof ObjectId) return plainMethod(OBJECT_ID, name, value)
  if (toNumber(value as Bson) !== undefined) return plainMethod(NUMBER, name, toNumber(value as Bson)!)
  return name === 'toString' ? hostFunction(name, () => textOf(value)) : value instanceof ScriptFunction && name === 'name' ? value.name : undefined
}

function method<T>(name: string, run: (self: T, args: Value[]) => Task<Value>, self: T): ScriptFunction {
  return new ScriptFunction(name, (args) => run(self, args))
}

function plainMethod<T>(table: Readonly<Record<string, (self: T, args: Value[]) => Value>>, name: string, self: T): ScriptFunction | undefined {
  const run = Object.hasOwn(table, name) ? table[name] : undefined
  return run && hostFunction(name, (args) => run(self, args))
}

function callback(value: Value): ScriptFunction {
  if (!(value instanceof ScriptFunction)) throw typeError(`${value === undefined ? 'undefined' : textOf(value)} is not a function`)
  return value
}

const number = (value: Value): number | undefined => (value === undefined ? undefined : (toNumber(value as Bson) ?? Number(textOf(value))))

/** Array.prototype's; generators, since what they call may ask the server. */
export const ARRAY: Readonly<Record<string, (self: Bson[], args: Value[]) => Task<Value>>> = byName({
  *forEach(self, [f]) {
    for (const [i, v] of self.entries()) yield* callback(f).call([v, i])
    return undefined
  },
  *map(self, [f]) {
    const out: Value[] = []
    for (const [i, v] of self.entries()) out.push(yield* callback(f).call([v, i]))
    return out as Bson[]
  },
  *filter(self, [f]) {
    const out: Bson[] = []
    for (const [i, v] of self.entries()) if (truthy(yield* callback(f).call([v, i]))) out.push(v)
    return out
  },
  *find(self, [f]) {
    for (const [i, v] of self.entries()) if (truthy(yield* callback(f).call([v, i]))) return v
    return undefined
  },
  *some(self, [f]) {
    for (const [i, v] of self.entries()) if (truthy(yield* callback(f).call([v, i]))) return true
    return false
  },
  *every(self, [f]) {
    for (const [i, v] of self.entries()) if (!truthy(yield* callback(f).call([v, i]))) return false
    return true
  },
  *reduce(self, [f, start]) {
    if (self.length === 0 && start === undefined) throw typeError('Reduce of empty array with no initial value')
    let all: Value = start === undefined ? self[0] : start
    for (const [i, v] of self.entries()) if (start !== undefined || i > 0) all = yield* callback(f).call([all, v, i])
    return all
  },
  ...plainArray({
    join: (self, [by]) => self.map((v) => (v === null ? '' : textOf(v))).join(by === undefined ? ',' : textOf(by)),
    push: (self, args) => self.push(...(args as Bson[])),
    pop: (self) => self.pop(),
    slice: (self, [a, b]) => self.slice(number(a), number(b)),
    includes: (self, [v]) => self.some((x) => compare(x, (v ?? null) as Bson) === 0),
    indexOf: (self, [v]) => self.findIndex((x) => compare(x, (v ?? null) as Bson) === 0),
    concat: (self, args) => self.concat(...(args as Bson[])),
    reverse: (self) => self.reverse(),
    sort: (self, [f]) => {
      if (f !== undefined) throw new ScriptError('Error', 'podhop: not simulated: sort with a function (sort() is)')
      return self.sort((a, b) => (textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0))
    },
    toString: (self: Bson[]) => textOf(self),
  }),
})

function plainArray(table: Record<string, (self: Bson[], args: Value[]) => Value>): Record<string, (self: Bson[], args: Value[]) => Task<Value>> {
  return Object.fromEntries(Object.entries(table).map(([name, run]) => [name, function* (self: Bson[], args: Value[]) {
    return run(self, args)
  }]))
}

const limited = (text: string): string => {
  if (text.length > LONGEST) throw new ScriptError('RangeError', 'Invalid string length')
  return text
}

const STRING: Readonly<Record<string, (self: string, args: Value[]) => Value>> = {
  toUpperCase: (s) => s.toUpperCase(), toLowerCase: (s) => s.toLowerCase(), trim: (s) => s.trim(), toString: (s: string) => s,
  includes: (s, [x]) => s.includes(textOf(x)), startsWith: (s, [x]) => s.startsWith(textOf(x)), endsWith: (s, [x]) => s.endsWith(textOf(x)), indexOf: (s, [x]) => s.indexOf(textOf(x)),
  split: (s, [x]) => (x === undefined ? [s] : s.split(x instanceof RegExp ? x : textOf(x))), slice: (s, [a, b]) => s.slice(number(a), number(b)), substring: (s, [a, b]) => s.substring(number(a) ?? 0, number(b)),
  replace: (s, [a, b]) => s.replace(a instanceof RegExp ? a : textOf(a), textOf(b)), repeat: (s, [n]) => limited(s.length * (number(n) ?? 0) > LONGEST ? ' '.repeat(LONGEST + 1) : s.repeat(Math.max(number(n) ?? 0, 0))),
  padStart: (s, [n, by]) => s.padStart(Math.min(number(n) ?? 0, LONGEST), by === undefined ? ' ' : textOf(by)), padEnd: (s, [n, by]) => s.padEnd(Math.min(number(n) ?? 0, LONGEST), by === undefined ? ' ' : textOf(by)),
}

const NUMBER: Readonly<Record<string, (self: number, args: Value[]) => Value>> = {
  toFixed: (n, [d]) => n.toFixed(Math.min(number(d) ?? 0, 100)), toString: (n: number, [radix]: Value[]) => n.toString(Math.min(Math.max(number(radix) ?? 10, 2), 36)), valueOf: (n: number) => n, toNumber: (n) => n,
}

const DATE: Readonly<Record<string, (self: Date, args: Value[]) => Value>> = {
  getTime: (d) => d.getTime(), valueOf: (d: Date) => d.getTime(), toISOString: (d) => d.toISOString(), toJSON: (d) => d.toISOString(), toString: (d: Date) => textOf(d), getFullYear: (d) => d.getUTCFullYear(),
  getMonth: (d) => d.getUTCMonth(), getDate: (d) => d.getUTCDate(), getDay: (d) => d.getUTCDay(), getHours: (d) => d.getUTCHours(), getMinutes: (d) => d.getUTCMinutes(), getSeconds: (d) => d.getUTCSeconds(),
}

const OBJECT_ID: Readonly<Record<string, (self: ObjectId, args: Value[]) => Value>> = {
  toString: (o: ObjectId) => o.hex, toHexString: (o) => o.hex, getTimestamp: (o) => new Date(parseInt(o.hex.slice(0, 8), 16) * 1000), equals: (o, [other]) => other instanceof ObjectId && other.hex === o.hex,
}
