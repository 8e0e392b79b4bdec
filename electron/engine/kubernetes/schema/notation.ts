/**
 * Compact field schemas. One type a line (continued by indented lines): its name and its fields `json:type`, or
 * `Name =type` for a named type that is not a struct.
 *
 *   s i l b any            string, int32, int64, bool, anything
 *   time micro quantity    the scalars of metav1 and resource, which have texts of their own
 *   intstr bytes           IntOrString, base64
 *   [T] {T} Name           list, map of strings to T, a type of this or another table
 *   *T                     a pointer: kept when it is zero
 *   T!                     written even when empty (no omitempty)
 *   @key @ ~ =             strategic merge: list merged by that key, set of scalars, retainKeys, replace
 *   %a,b=TCP %set %        server-side apply, where it differs: list of objects with these keys (and their defaults),
 *                          set of scalars, owned as one; `Name%` is a struct that is always owned as one
 */
export type ScalarKind = 'string' | 'int32' | 'int64' | 'bool' | 'any' | 'time' | 'micro' | 'quantity' | 'intstr' | 'bytes'

export interface ScalarType {
  kind: ScalarKind
  /** As Go's messages call it: "string", "v1.Protocol". */
  go: string
}
export interface ListType {
  kind: 'list'
  of: Type
  go: string
}
export interface MapType {
  kind: 'map'
  of: Type
  go: string
}
export interface StructType {
  kind: 'struct'
  name: string
  go: string
  fields: ReadonlyMap<string, Field>
  /** Server-side apply: nobody owns a part of it (x-kubernetes-map-type: atomic). */
  atomic: boolean
  /** Fields that are in every object, with what they are when they were not given. */
  always: readonly Field[]
}
export type Type = ScalarType | ListType | MapType | StructType

export interface Field {
  name: string
  type: Type
  pointer: boolean
  /** Kept when it has its zero value. */
  keepZero: boolean
  merge: 'atomic' | 'merge'
  /** Of a merged list of objects. */
  mergeKey: string
  retainKeys: boolean
  replace: boolean
  /** Server-side apply: x-kubernetes-list-type and -map-type. */
  ownership: 'atomic' | 'granular' | 'set' | 'keys'
  /** x-kubernetes-list-map-keys, sorted, with what a key is when an item does not have it. */
  listKeys: readonly ListKey[]
}

export interface ListKey {
  name: string
  default: string | undefined
}

const SCALARS: Record<string, [ScalarKind, string]> = {
  s: ['string', 'string'],
  i: ['int32', 'int32'],
  l: ['int64', 'int64'],
  b: ['bool', 'bool'],
  any: ['any', 'interface {}'],
  time: ['time', 'v1.Time'],
  micro: ['micro', 'v1.MicroTime'],
  quantity: ['quantity', 'resource.Quantity'],
  intstr: ['intstr', 'intstr.IntOrString'],
  bytes: ['bytes', '[]uint8'],
}

/** Types by name, made when they are first asked for. */
export class Schema {
  #lines = new Map<string, string>()
  #atomic = new Set<string>()
  #types = new Map<string, Type>()

  constructor(tables: readonly string[]) {
    for (const table of tables) {
      for (const line of table.replace(/\n +/g, ' ').trim().split('\n')) {
        const space = line.indexOf(' ')
        const atomic = line[space - 1] === '%'
        const name = line.slice(0, atomic ? space - 1 : space)
        if (atomic) this.#atomic.add(name)
        this.#lines.set(name, line.slice(space + 1))
      }
    }
  }

  struct(name: string): StructType {
    const type = this.#named(name)
    if (type.kind !== 'struct') throw new Error(`${name} is not a struct`)
    return type
  }

  #named(name: string): Type {
    const known = this.#types.get(name)
    if (known) return known
    const line = this.#lines.get(name)
    if (line === undefined) throw new Error(`no schema for ${name}`)
    const short = name.slice(name.indexOf('.') + 1)
    if (line.startsWith('=')) {
      const type = { ...this.#parse(line.slice(1)), go: `v1.${short}` }
      this.#types.set(name, type)
      return type
    }
    const fields = new Map<string, Field>()
    const always: Field[] = []
    const type: StructType = { kind: 'struct', name: short, go: `v1.${short}`, fields, atomic: this.#atomic.has(name), always }
    this.#types.set(name, type)
    for (const text of line.split(' ')) {
      const field = this.#field(text)
      fields.set(field.name, field)
      const zeroTime = field.type.kind === 'time' || field.type.kind === 'micro'
      if (!field.pointer && (field.type.kind === 'struct' || zeroTime || field.keepZero)) always.push(field)
    }
    return type
  }

  #field(notation: string): Field {
    const match = /^([\w$]+):(\*?)([\w.[\]{}]+)(!?)(@?)(\w*)(~?)(=?)(?:(%)([\w,=]*))?$/.exec(notation)
    if (!match) throw new Error(`bad field notation: ${notation}`)
    const [, name, pointer, text, keep, at, key, retain, replace, percent, apply] = match
    const merge = at ? 'merge' : 'atomic'
    const type = this.#parse(text!)
    return {
      name: name!,
      type,
      pointer: pointer !== '',
      keepZero: pointer !== '' || keep !== '',
      merge,
      mergeKey: key ?? '',
      retainKeys: retain !== '',
      replace: replace !== '',
      ...ownershipOf(type, percent ? apply! : at ? key! || 'set' : type.kind === 'list' ? '' : undefined),
    }
  }

  #parse(text: string): Type {
    const scalar = SCALARS[text]
    if (scalar) return { kind: scalar[0], go: scalar[1] }
    if (text.startsWith('[')) {
      const of = this.#parse(text.slice(1, -1))
      return { kind: 'list', of, go: `[]${of.go}` }
    }
    if (text.startsWith('{')) {
      const of = this.#parse(text.slice(1, -1))
      return { kind: 'map', of, go: `map[string]${of.go}` }
    }
    return this.#named(text)
  }
}

/** Undefined: nothing is said, and what is not a list is owned field by field. */
function ownershipOf(type: Type, notation: string | undefined): Pick<Field, 'ownership' | 'listKeys'> {
  if (notation === undefined) return { ownership: 'granular', listKeys: [] }
  if (notation === '') return { ownership: 'atomic', listKeys: [] }
  if (notation === 'set') return { ownership: 'set', listKeys: [] }
  if (type.kind !== 'list') throw new Error(`only lists have keys: ${notation}`)
  const listKeys = notation.split(',').map((part) => {
    const [name, value] = part.split('=')
    return { name: name!, default: value }
  })
  return { ownership: 'keys', listKeys }
}
