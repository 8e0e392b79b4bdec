import { quote } from './json.ts'

/**
 * Validation errors with their field paths and texts: k8s.io/apimachinery/pkg/util/validation/field.
 * Paths are plain strings ("spec.containers[0].image").
 */
export interface FieldError {
  reason: string
  field: string
  body: string
}

/** A Go struct or slice that a message prints with %#v or its own String(): the text is made by the caller. */
export class GoValue {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Value = string | number | boolean | null | undefined | GoValue | readonly string[]

export class FieldErrors {
  readonly list: FieldError[] = []

  get empty(): boolean {
    return this.list.length === 0
  }
  required(field: string, detail = ''): void {
    this.#add('FieldValueRequired', field, 'Required value', detail)
  }
  invalid(field: string, value: Value, detail: string): void {
    this.#add('FieldValueInvalid', field, `Invalid value: ${print(value)}`, detail)
  }
  /** Without a value (field.OmitValueType). */
  invalidRule(field: string, detail: string): void {
    this.#add('FieldValueInvalid', field, 'Invalid value', detail)
  }
  notSupported(field: string, value: Value, supported: readonly string[]): void {
    this.#add('FieldValueNotSupported', field, `Unsupported value: ${print(value)}`, `supported values: ${supported.map(quote).join(', ')}`)
  }
  duplicate(field: string, value: Value): void {
    this.#add('FieldValueDuplicate', field, `Duplicate value: ${print(value)}`, '')
  }
  forbidden(field: string, detail: string): void {
    this.#add('FieldValueForbidden', field, 'Forbidden', detail)
  }
  notFound(field: string, value: Value): void {
    this.#add('FieldValueNotFound', field, `Not found: ${print(value)}`, '')
  }
  tooLong(field: string, maximum: number): void {
    this.#add('FieldValueTooLong', field, 'Too long', `may not be more than ${maximum} bytes`)
  }
  tooMany(field: string, actual: number, maximum: number): void {
    this.#add('FieldValueTooMany', field, `Too many: ${actual}`, `must have at most ${maximum} items`)
  }
  internal(field: string, detail: string): void {
    this.#add('InternalError', field, 'Internal error', detail)
  }
  /** One `invalid` per message. */
  invalidEach(field: string, value: Value, details: readonly string[]): void {
    for (const detail of details) this.invalid(field, value, detail)
  }

  /** The aggregated text: one error bare, several in brackets, doubles once. */
  text(): string {
    const all = [...new Set(this.list.map((e) => `${e.field}: ${e.body}`))]
    return all.length === 1 ? all[0]! : `[${all.join(', ')}]`
  }

  #add(reason: string, field: string, body: string, detail: string): void {
    this.list.push({ reason, field, body: detail ? `${body}: ${detail}` : body })
  }
}

function print(value: Value): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof GoValue) return value.text
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'object') return `[]string{${value.map(quote).join(', ')}}`
  return String(value)
}
