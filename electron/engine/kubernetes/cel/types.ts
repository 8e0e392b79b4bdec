/**
 * The types of CEL and what is assignable to what: cel-go's checker (checker/types.go, common/types/types.go). Struct types know
 * their fields; a type's `of` are its parameters.
 */
export type Kind = 'any' | 'bool' | 'bytes' | 'double' | 'duration' | 'dyn' | 'error' | 'int' | 'list' | 'map' | 'null' | 'opaque' | 'param' | 'string' | 'struct' | 'timestamp' | 'type' | 'uint'

export interface CelType {
  readonly kind: Kind
  readonly name: string
  readonly of: readonly CelType[]
  /** Of a struct: undefined where it has no such field. */
  readonly field?: (name: string) => CelType | undefined
}

const simple = (kind: Kind, name: string = kind): CelType => ({ kind, name, of: [] })

export const ANY = simple('any', 'google.protobuf.Any')
export const BOOL = simple('bool')
export const BYTES = simple('bytes')
export const DOUBLE = simple('double')
export const DURATION = simple('duration', 'google.protobuf.Duration')
export const DYN = simple('dyn')
export const ERROR = simple('error', '*error*')
export const INT = simple('int')
export const NULL = simple('null', 'null_type')
export const STRING = simple('string')
export const TIMESTAMP = simple('timestamp', 'google.protobuf.Timestamp')
export const UINT = simple('uint')

export const SCALARS: Readonly<Record<string, CelType>> = { any: ANY, bool: BOOL, bytes: BYTES, double: DOUBLE, duration: DURATION, dyn: DYN, int: INT, null: NULL, string: STRING, timestamp: TIMESTAMP, uint: UINT }

export const listOf = (element: CelType): CelType => ({ kind: 'list', name: 'list', of: [element] })
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', name: 'map', of: [key, value] })
export const optionalOf = (value: CelType): CelType => ({ kind: 'opaque', name: 'optional_type', of: [value] })
export const typeOf = (value: CelType): CelType => ({ kind: 'type', name: 'type', of: [value] })
export const parameter = (name: string): CelType => ({ kind: 'param', name, of: [] })
export const opaque = (name: string, of: readonly CelType[] = []): CelType => ({ kind: 'opaque', name, of })
export const structOf = (name: string, field: (name: string) => CelType | undefined): CelType => ({ kind: 'struct', name, of: [], field })

export function isOptional(type: CelType): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type'
}

const isDyn = ({ kind }: CelType): boolean => kind === 'dyn' || kind === 'any'
export const isWild = (type: CelType): boolean => isDyn(type) || type.kind === 'error'

export function sameType(a: CelType, b: CelType): boolean {
  return a === b || (a.kind === b.kind && a.name === b.name && a.of.length === b.of.length && a.of.every((each, i) => sameType(each, b.of[i]!)))
}

/** As messages about types that do not fit have it: checker/format.go. */
export function formatType({ kind, name, of }: CelType): string {
  if (kind === 'any' || kind === 'duration' || kind === 'null' || kind === 'timestamp') return kind
  if (kind === 'error') return '!error!'
  return of.length === 0 ? name : `${name}(${of.map(formatType).join(', ')})`
}

/** As messages about results have it: Type.String() of common/types. */
export function typeText({ kind, name, of }: CelType): string {
  if (kind === 'param') return `<${name}>`
  return of.length === 0 ? name : `${name}(${of.map(typeText).join(', ')})`
}

/** What type parameters stand for. Tries work on a copy, so that what fails leaves nothing behind. */
export class Substitutions {
  #found = new Map<string, CelType>()

  /** Whether a value of each of `given` may stand where `wanted` is; if so, what the parameters are from now on is kept. */
  assign(given: readonly CelType[], wanted: readonly CelType[]): boolean {
    const before = new Map(this.#found)
    if (given.length === wanted.length && given.every((each, i) => this.#fits(each, wanted[i]!))) return true
    this.#found = before
    return false
  }

  /** `free`: what nothing is known of becomes dyn. */
  resolve(type: CelType, free = false): CelType {
    if (type.kind === 'param') {
      const found = this.#found.get(type.name)
      return found ? this.resolve(found, free) : free ? DYN : type
    }
    return type.of.length === 0 ? type : { ...type, of: type.of.map((each) => this.resolve(each, free)) }
  }

  #fits(given: CelType, wanted: CelType): boolean {
    if (wanted.kind === 'param') {
      const fits = this.#stands(given, wanted)
      if (fits !== undefined) return fits
    }
    if (given.kind === 'param') return this.#stands(wanted, given) === true
    if (isWild(given) || isWild(wanted)) return true
    if (given.kind === 'null') return nullable(wanted)
    if (wanted.kind === 'null') return nullable(given)
    if (given.kind === 'type') return wanted.kind === 'type'
    return given.kind === wanted.kind && given.name === wanted.name && given.of.length === wanted.of.length && given.of.every((each, i) => this.#fits(each, wanted.of[i]!))
  }

  /** Whether the parameter may stand for the type; undefined: it may not, but it stands for nothing else. */
  #stands(type: CelType, param: CelType): boolean | undefined {
    if (sameType(type, param)) return true
    const known = this.#found.get(param.name)
    if (!known) {
      if (this.#occurs(param, type)) return undefined
      this.#found.set(param.name, type)
      return true
    }
    if (sameType(type, known)) return true
    if (!this.#fits(type, known)) return false
    const general = lessSpecific(type, known) ? type : known
    if (!this.#occurs(param, general)) this.#found.set(param.name, general)
    return true
  }

  #occurs(param: CelType, within: CelType): boolean {
    if (sameType(param, within)) return true
    if (within.kind !== 'param') return within.of.some((each) => this.#occurs(param, each))
    const known = this.#found.get(within.name)
    return known !== undefined && this.#occurs(param, known)
  }
}

function nullable({ kind }: CelType): boolean {
  return kind === 'null' || kind === 'opaque' || kind === 'struct' || kind === 'any' || kind === 'duration' || kind === 'timestamp'
}

/** Whether the first of two types that fit is at least as general as the second. */
export function lessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'param') return true
  if (isDyn(b) || b.kind === 'param' || a.kind !== b.kind) return false
  if (a.kind === 'type') return true
  return a.name === b.name && a.of.length === b.of.length && a.of.every((each, i) => lessSpecific(each, b.of[i]!))
}
