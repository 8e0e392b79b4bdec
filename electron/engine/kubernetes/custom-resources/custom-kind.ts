import { own } from '../../own.ts'
import { ageOf } from '../human-duration.ts'
import { deepEqual, isObject, sortedJson, type JsonObject } from '../json.ts'
import { NAME } from '../kinds/columns.ts'
import { apiVersionOf, type Column, type Kind, type ScaleFields } from '../kinds/kind.ts'
import type { ApiResource } from '../client.ts'
import { type Decoded, decode } from '../schema/decode.ts'
import { schemaOf } from '../schema/index.ts'
import type { KubeObject } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import type { CustomResourceDefinition, DefinitionVersion, PrinterColumn } from './definition.ts'
import { readPath } from './json-path.ts'
import { mergeType } from './merge-types.ts'
import { copyOf, prune, setDefaults } from './pruning.ts'
import { hasRules, validateRules } from './rules.ts'
import type { JsonSchema } from './schema.ts'
import { WEBHOOKS } from './webhooks.ts'
import { validateEmbedded, validateLists, validateValue } from './values.ts'

/** A version of a custom resource, as the API server serves it. */
export interface CustomKind extends Kind {
  readonly definition: string
  readonly jsonSchema: JsonSchema
}

type Stored = KubeObject & JsonObject

/** The kind that one version of an established CustomResourceDefinition is: pkg/registry/customresource. */
export function customKind({ spec, status, metadata }: CustomResourceDefinition, version: DefinitionVersion, preferred: string): CustomKind {
  const names = status.acceptedNames!
  const home = `${names.plural}.${spec.group}`
  const parts = version.subresources ?? {}
  const terminating = metadata.deletionTimestamp !== undefined
  const resource: ApiResource = {
    name: names.plural,
    singular: names.singular ?? '',
    kind: names.kind,
    group: spec.group,
    version: version.name,
    namespaced: spec.scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: terminating ? ['delete', 'deletecollection', 'get', 'list', 'watch'] : ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    subresources: [...(parts.status ? ['status'] : []), ...(parts.scale ? ['scale'] : [])],
    custom: true,
    key: version.name === preferred ? home : `${names.plural}.${version.name}.${spec.group}`,
    ...(version.deprecated ? { deprecation: version.deprecationWarning ?? `${spec.group}/${version.name} ${names.kind} is deprecated` } : {}),
  }
  const schema = version.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const hasStatus = parts.status !== undefined
  const ruled = hasRules(schema)
  const webhooks = WEBHOOKS[home]
  const stored = spec.versions.find((each) => each.storage)!.name
  const whole: Kind = {
    resource,
    type: 'CustomResource',
    schema: mergeType(schema, names.kind),
    storedAs: home,
    ...(spec.versions.length > 1 ? { storedVersion: apiVersionOf({ group: spec.group, version: stored }) } : {}),
    validName: dns1123Subdomain,
    decode: (body, old) => decodeCustom(body, old, schema),
    generationChanged: (object, old) => !deepEqual(desired(object, hasStatus), desired(old, hasStatus)),
    prepareForCreate(object) {
      if (!hasStatus) return
      delete (object as Stored)['status']
      // what is read back from etcd has its defaults again
      setDefaults(object, schema)
    },
    prepareForUpdate(object, old) {
      webhooks?.mutate?.(object)
      if (!hasStatus) return
      const before = (old as Stored)['status']
      if (before === undefined) delete (object as Stored)['status']
      else (object as Stored)['status'] = before
      setDefaults(object, schema)
    },
    ...(webhooks?.mutate ? { admit: (object) => webhooks.mutate!(object) } : {}),
    ...(webhooks ? { deny: webhooks.deny } : {}),
    validate: (object, errors) => {
      validateValue(object, undefined, schema, '', errors)
      validateEmbedded(object, schema, '', errors)
      validateLists(object, schema, '', errors)
      if (ruled) validateRules(object, undefined, schema, '', errors)
    },
    validateUpdate: (object, old, errors) => {
      validateValue(object, old, schema, '', errors)
      validateEmbedded(object, schema, '', errors)
      validateLists(object, schema, '', errors)
      if (ruled) validateRules(object, old, schema, '', errors)
    },
    validateStatusUpdate: (object, old, errors) => {
      const own = schema.properties?.['status']
      const after = (object as Stored)['status']
      if (own && after !== undefined) validateValue(after, (old as Stored)['status'], own, 'status', errors)
      validateLists(object, schema, '', errors)
      if (ruled) validateRules(object, old, schema, '', errors)
    },
    fields: fieldsOf(version),
    unknownField: (field) => `field label not supported: ${field}`,
    columns: columnsOf(version.additionalPrinterColumns),
    ...(parts.scale ? { scale: scaleFields(parts.scale) } : {}),
  }
  return { ...whole, definition: metadata.name, jsonSchema: schema }
}

/** What bumps the generation: everything but metadata, and status where that is a subresource. */
function desired(object: KubeObject, hasStatus: boolean): JsonObject {
  const { metadata: _metadata, apiVersion: _apiVersion, ...rest } = object as Stored
  if (hasStatus) delete (rest as JsonObject)['status']
  return rest as JsonObject
}

function decodeCustom(body: unknown, old: KubeObject | undefined, schema: JsonSchema): Decoded<KubeObject> {
  const given = isObject(body) ? body : {}
  const meta = decode<KubeObject>({ metadata: given['metadata'] ?? {} }, schemaOf('CustomResource'), old)
  if (!isObject(body)) return { ...meta, error: 'json: cannot unmarshal into Go value of type map[string]interface {}' }
  const value = copyOf(given) as Stored
  for (const key of Object.keys(value)) if (value[key] === null) delete value[key]
  value.metadata = meta.value.metadata
  setDefaults(value, schema)
  const unknown = [...meta.unknown, ...prune(value, schema).map((path) => `unknown field ${JSON.stringify(path)}`)]
  return { value, error: meta.error, unknown }
}

function fieldsOf({ selectableFields }: DefinitionVersion): NonNullable<Kind['fields']> {
  const out: Record<string, (object: KubeObject) => string> = {}
  for (const { jsonPath } of selectableFields ?? []) {
    if (!jsonPath) continue
    const read = readPath(jsonPath)
    out[jsonPath.replace(/^\./, '')] = (object) => {
      const value = read(object)[0]
      return value === undefined || value === null ? '' : String(value as string)
    }
  }
  return out
}

const DEFAULT_COLUMNS: readonly PrinterColumn[] = [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }]

function columnsOf(columns: readonly PrinterColumn[] | undefined): Column<KubeObject>[] {
  const shown = columns && columns.length > 0 ? columns : DEFAULT_COLUMNS
  return [NAME, ...shown.map(({ name = '', type = 'string', format = '', priority = 0, description = '', jsonPath = '' }): Column<KubeObject> => {
    const read = readPath(jsonPath)
    return {
      name, type: type as NonNullable<Column<KubeObject>['type']>, format, priority,
      description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
      cell: (object, { wall }) => cellOf(type, read(object)[0], wall),
    }
  })]
}

function cellOf(type: string, value: unknown, wall: number): string | number | boolean | null {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      if (typeof value !== 'string') return null
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : ageOf(value, wall)
    default:
      return typeof value === 'object' ? sortedJson(value) : String(value as string)
  }
}

type ScalePaths = NonNullable<NonNullable<DefinitionVersion['subresources']>['scale']>

function scaleFields({ specReplicasPath = '', statusReplicasPath = '', labelSelectorPath = '' }: ScalePaths): ScaleFields {
  const number = (path: string) => (object: KubeObject): number => {
    const value = readPath(path)(object)[0]
    return typeof value === 'number' ? value : 0
  }
  return {
    replicas: number(specReplicasPath),
    statusReplicas: number(statusReplicasPath),
    selector: (object) => {
      const value = labelSelectorPath ? readPath(labelSelectorPath)(object)[0] : undefined
      return typeof value === 'string' ? value : ''
    },
    withReplicas: (object, replicas) => setAt(object as Stored, specReplicasPath.split('.').slice(1), replicas) as unknown as KubeObject,
  }
}

function setAt(object: JsonObject, path: readonly string[], value: number): JsonObject {
  const [key, ...rest] = path
  const below = own(object, key!)
  return { ...object, [key!]: rest.length === 0 ? value : setAt(isObject(below) ? below : {}, rest, value) }
}
