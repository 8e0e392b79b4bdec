import { describe, expect, it } from 'vitest'
import { KINDS } from '../kinds/index.ts'
import { schemaOf, structOf } from '../schema/index.ts'
import type { StructType, Type } from '../schema/notation.ts'
import { notationName, publishedName, publishedTypes } from './published.ts'

/** The tables of schema/ are written by hand; the published documents are the referee of their names, types and required fields. */

/** Published differently on purpose: what is only in one of the two, or is read by code of its own. */
const KNOWN: ReadonlySet<string> = new Set([
  // a union that custom-resources/schema.ts reads
  'CustomResourceValidation.openAPIV3Schema: any, published #JSONSchemaProps',
  // required by validation, though omitted when empty
  'ParentReference.name is required: it has no omitempty',
  'ParentReference.resource is required: it has no omitempty',
  // the newer Event has the series of core/v1, where it may be left out
  'EventSeries.count is required: it has no omitempty',
  // claims in a StatefulSet's template have no life of their own
  ...['allocatedResourceStatuses is missing ({string})', 'allocatedResources is missing ({quantity})', 'conditions is missing ([#PersistentVolumeClaimCondition])',
    'currentVolumeAttributesClassName is missing (string)', 'modifyVolumeStatus is missing (#ModifyVolumeStatus)'].map((text) => `PersistentVolumeClaimStatus.${text}`),
])

const SCALARS: Record<string, string> = { string: 'string', bool: 'boolean', int32: 'int32', int64: 'int64', time: 'time', micro: 'time', quantity: 'quantity', intstr: 'intstr', bytes: 'string', any: 'any' }

function ours(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `[${ours(type.of)}]`
    case 'map':
      return `{${ours(type.of)}}`
    case 'struct':
      return `#${type.name}`
    default:
      return SCALARS[type.kind]!
  }
}

function theirs(type: string): string {
  return type.replace(/#([\w.-]+)/g, (_, name: string) => publishedTypes()[name]?.s ?? `#${name.slice(name.lastIndexOf('.') + 1)}`)
}

function compare(name: string, struct: StructType, seen: Set<string>, differences: string[]): void {
  const published = publishedTypes()[name]
  if (!published || seen.has(name)) return
  seen.add(name)
  const fields = Object.entries(published.p ?? {}).filter(([field]) => !(published.k && (field === 'apiVersion' || field === 'kind')))
  const note = (text: string): void => void (KNOWN.has(text) || differences.push(text))
  for (const [field, [type]] of fields) {
    const own = struct.fields.get(field)
    if (!own) {
      if (field !== 'apiVersion' && field !== 'kind') note(`${struct.name}.${field} is missing (${theirs(type)})`)
      continue
    }
    const opaque = own.type.kind === 'any' && theirs(type) === 'object'
    if (!opaque && ours(own.type) !== theirs(type)) note(`${struct.name}.${field}: ${ours(own.type)}, published ${theirs(type)}`)
    const required = published.r?.includes(field) === true
    const written = own.keepZero && !own.pointer
    if (required && !written && !own.pointer && !['struct', 'time', 'micro'].includes(own.type.kind)) note(`${struct.name}.${field} is required: it has no omitempty`)
    const inner = type.replace(/^[[{]*#|[\]}]*$/g, '')
    let reached: Type = own.type
    while (reached.kind === 'list' || reached.kind === 'map') reached = reached.of
    if (reached.kind === 'struct') compare(inner, reached, seen, differences)
  }
  for (const field of struct.fields.keys()) if (!published.p?.[field]) note(`${struct.name}.${field} is not published`)
}

describe('the tables of schema/', () => {
  it.each(KINDS.map((kind) => kind.resource.kind).map((kind, i) => [kind, i] as const))('%s says what the published documents say', (_, i) => {
    const kind = KINDS[i]!
    const { group, version } = kind.resource
    const name = publishedName(group, version, kind.resource.kind)
    expect(name, 'a kind that published.mjs does not take along').toBeDefined()
    const differences: string[] = []
    compare(name!, structOf(kind), new Set(), differences)
    expect(differences.join('\n')).toBe('')
  })

  it('find the types that share a name with one of another group', () => {
    expect(schemaOf(notationName('io.k8s.api.discovery.v1.EndpointPort')).fields.get('port')?.pointer).toBe(true)
    expect(schemaOf(notationName('io.k8s.api.core.v1.EndpointPort')).fields.get('port')?.pointer).toBe(false)
  })
})
