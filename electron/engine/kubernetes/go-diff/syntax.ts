import { quote } from '../json.ts'
import type { Type } from '../schema/notation.ts'
import { fieldOf, goType, mapKey, nameOf, parseQuantityParts, type GoType } from './values.ts'

/** An address of upstream's memory, which is another one each time. */
export const ADDRESS = '0xc000a2e0f0'

/** A value of the API as Go's fmt prints its internal type with %#v. */
export function goSyntax(value: unknown, type: Type): string {
  return print(goType(type), value)
}

function print(type: GoType, value: unknown): string {
  const absent = value === undefined || value === null
  switch (type.kind) {
    case 'pointer':
      return `(${nameOf(type)})(${absent ? 'nil' : ADDRESS})`
    case 'struct':
      return `${type.name}{${type.fields.map((f) => `${f.name}:${print(f.type, fieldOf(value, f))}`).join(', ')}}`
    case 'slice':
      return Array.isArray(value) ? `${type.name}{${value.map((each) => print(type.of, each)).join(', ')}}` : `${type.name}(nil)`
    case 'map':
      if (absent) return `${type.name}(nil)`
      return `${type.name}{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${mapKey({ stringKeys: true }, k)}:${print(type.of, v)}`).join(', ')}}`
    case 'intstr':
      return `intstr.IntOrString{Type:${typeof value === 'string' ? 1 : 0}, IntVal:${typeof value === 'number' ? value : 0}, StrVal:${quote(typeof value === 'string' ? value : '')}}`
    case 'quantity': {
      const text = absent ? '' : String(value)
      const { number, scale, format } = parseQuantityParts(text)
      return `resource.Quantity{i:resource.int64Amount{value:${number}, scale:${scale}}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:${quote(text)}, Format:${quote(absent ? '' : format)}}`
    }
    case 'scalar':
      if (typeof value === 'string') return quote(value)
      if (!absent) return String(value)
      return type.name === 'bool' ? 'false' : /^u?int/.test(type.name) ? '0' : '""'
  }
}
