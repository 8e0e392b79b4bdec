import { concatBytes, encodeUtf8 } from '../../text.ts'

/**
 * Swagger 2.0 as gnostic's protobuf, which kubectl and helm ask for at /openapi/v2. Field numbers:
 * github.com/google/gnostic, openapiv2/OpenAPIv2.proto. Written, never read.
 */
type Json = Readonly<Record<string, unknown>>
type Encode = (value: never) => Uint8Array
/** Name in JSON → field number and how its value is written; those in `many` are written once for each element. */
type Fields = Readonly<Record<string, readonly [number: number, encode: Encode, many?: 'many']>>

const VARINT = 0
const DOUBLE = 1
const LENGTH = 2

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)))
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return new Uint8Array(bytes)
}

const sized = (number: number, bytes: Uint8Array): Uint8Array => concatBytes([varint(number * 8 + LENGTH), varint(bytes.length), bytes])

// What follows the field's number and wire type is made by these; the wire type goes with the encoder.
const wireTypes = new Map<Encode, number>()
const text: Encode = (value: string) => encodeUtf8(String(value))
const integer: Encode = (value: number) => varint(value)
const flag: Encode = (value: boolean) => varint(value ? 1 : 0)
const double: Encode = (value: number) => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return bytes
}
wireTypes.set(integer, VARINT).set(flag, VARINT).set(double, DOUBLE)

/** An Any holds YAML, of which JSON is a part. */
const any: Encode = (value: unknown) => sized(2, encodeUtf8(`${JSON.stringify(value)}\n`))

/** Everything of an object that the message knows; `extensions`: the field that takes its x-…. */
function message(fields: () => Fields, extensions?: number): Encode {
  return (value: Json) => {
    const known = fields()
    const parts: Uint8Array[] = []
    for (const [key, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      const field = known[key]
      if (field) {
        const [number, encode, many] = field
        const wire = wireTypes.get(encode) ?? LENGTH
        for (const one of many && Array.isArray(inner) ? inner : [inner]) {
          const bytes = encode(one as never)
          parts.push(wire === LENGTH ? sized(number, bytes) : concatBytes([varint(number * 8 + wire), bytes]))
        }
      } else if (extensions !== undefined && key.startsWith('x-')) parts.push(sized(extensions, named(key, any(inner as never))))
    }
    return concatBytes(parts)
  }
}

const named = (name: string, value: Uint8Array): Uint8Array => concatBytes([sized(1, encodeUtf8(name)), sized(2, value)])

/** A map as a list of names with values, in field `number`. */
const map = (number: number, encode: Encode): Encode => (value: Json) => concatBytes(Object.entries(value).map(([name, inner]) => sized(number, named(name, encode(inner as never)))))

/** A message of one field, in which something else is. */
const within = (number: number, encode: Encode): Encode => (value: never) => sized(number, encode(value))

const schema: Encode = message(() => SCHEMA, 31)
const strings: Encode = (value: string | string[]) => concatBytes([value].flat().map((one) => sized(1, encodeUtf8(one))))
const additional: Encode = (value: Json | boolean) => (typeof value === 'boolean' ? concatBytes([varint(2 * 8 + VARINT), varint(value ? 1 : 0)]) : sized(1, schema(value as never)))

const SCHEMA: Fields = {
  $ref: [1, text], format: [2, text], title: [3, text], description: [4, text], default: [5, any], multipleOf: [6, double], maximum: [7, double],
  exclusiveMaximum: [8, flag], minimum: [9, double], exclusiveMinimum: [10, flag], maxLength: [11, integer], minLength: [12, integer], pattern: [13, text],
  maxItems: [14, integer], minItems: [15, integer], uniqueItems: [16, flag], maxProperties: [17, integer], minProperties: [18, integer], required: [19, text, 'many'],
  enum: [20, any, 'many'], additionalProperties: [21, additional], type: [22, strings], items: [23, within(1, schema)], allOf: [24, schema, 'many'], properties: [25, map(1, schema)],
  example: [30, any],
}

const QUERY: Fields = { required: [1, flag], in: [2, text], description: [3, text], name: [4, text], type: [6, text], uniqueItems: [20, flag] }
const PATH: Fields = { required: [1, flag], in: [2, text], description: [3, text], name: [4, text], type: [5, text], uniqueItems: [19, flag] }
const BODY: Fields = { description: [1, text], name: [2, text], in: [3, text], required: [4, flag], schema: [5, schema] }
const query = message(() => QUERY, 23)
const path = message(() => PATH, 22)
const body = message(() => BODY, 6)

/** ParametersItem: a Parameter, of the body or, two messages deeper, of the query or the path. */
const parameter: Encode = (value: Json) => {
  if (value['in'] === 'body') return sized(1, sized(1, body(value as never)))
  return sized(1, sized(2, value['in'] === 'path' ? sized(4, path(value as never)) : sized(3, query(value as never))))
}

const RESPONSE: Fields = { description: [1, text], schema: [2, within(1, schema)] }
const response = message(() => RESPONSE, 5)
const OPERATION: Fields = {
  tags: [1, text, 'many'], summary: [2, text], description: [3, text], operationId: [5, text], produces: [6, text, 'many'], consumes: [7, text, 'many'],
  parameters: [8, parameter, 'many'], responses: [9, map(1, within(1, response))], schemes: [10, text, 'many'], deprecated: [11, flag],
}
const operation = message(() => OPERATION, 13)
const ITEM: Fields = {
  get: [2, operation], put: [3, operation], post: [4, operation], delete: [5, operation], options: [6, operation], head: [7, operation], patch: [8, operation],
  parameters: [9, parameter, 'many'],
}
const INFO: Fields = { title: [1, text], version: [2, text], description: [3, text] }
const DOCUMENT: Fields = {
  swagger: [1, text], info: [2, message(() => INFO, 7)], paths: [8, map(2, message(() => ITEM, 10))], definitions: [9, map(1, schema)],
}

export const swaggerProtobuf: (document: object) => Uint8Array = message(() => DOCUMENT, 16) as (document: object) => Uint8Array
