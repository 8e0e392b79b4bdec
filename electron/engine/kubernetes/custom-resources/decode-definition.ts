import { isObject } from '../json.ts'
import { type Decoded, decode } from '../schema/decode.ts'
import { schemaOf } from '../schema/index.ts'
import type { KubeObject } from '../types.ts'
import type { CustomResourceDefinition } from './definition.ts'
import { SchemaReader } from './schema.ts'

/** A CustomResourceDefinition with the schemas inside it, which the tables of schema/ cannot say. */
export function decodeDefinition(body: unknown, old: KubeObject | undefined): Decoded<CustomResourceDefinition> {
  const decoded = decode<CustomResourceDefinition>(body, schemaOf('CustomResourceDefinition'), old)
  if (decoded.error !== undefined) return decoded
  const { value } = decoded
  const reader = new SchemaReader()
  const versions = value.spec.versions?.map((version, i) => {
    const schema = version.schema?.openAPIV3Schema
    if (schema === undefined) return version
    const before = (old as CustomResourceDefinition | undefined)?.spec.versions?.[i]?.schema?.openAPIV3Schema
    if (schema === before) return { ...version }
    return { ...version, schema: { openAPIV3Schema: reader.read(schema, `spec.versions[${i}].schema.openAPIV3Schema`) } }
  })
  const subresources = versions?.map((version) => (isObject(version.subresources?.status) ? { ...version, subresources: { ...version.subresources, status: {} } } : version))
  return {
    value: { ...value, spec: { ...value.spec, names: { ...value.spec.names }, versions: subresources ?? [] } },
    error: reader.error,
    unknown: [...decoded.unknown, ...reader.unknown],
  }
}
