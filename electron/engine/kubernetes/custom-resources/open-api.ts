import { publishedDescription } from '../openapi/published.ts'
import type { DefinedResource } from '../openapi/documents.ts'
import type { OpenApiSchema } from '../openapi/types.ts'
import type { ApiResource } from '../client.ts'
import { additional, type JsonSchema } from './schema.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** How a custom resource stands in the OpenAPI documents: pkg/controller/openapi/builder. */
export function documented(resource: ApiResource, schema: JsonSchema): DefinedResource {
  const { group, version, kind } = resource
  const name = [...group.split('.').reverse(), version, kind].join('.')
  const own = plain(schema)
  const properties: Record<string, OpenApiSchema> = { ...own.properties }
  const some = 'io.k8s.api.core.v1.Pod'
  properties['apiVersion'] = { description: publishedDescription(some, 'apiVersion'), type: 'string' }
  properties['kind'] = { description: publishedDescription(some, 'kind'), type: 'string' }
  properties['metadata'] = { allOf: [{ $ref: `#/components/schemas/${META}` }], description: publishedDescription(some, 'metadata') }
  const gvk = { group, kind, version }
  return { resource, custom: { name, schema: { ...own, properties, 'x-kubernetes-group-version-kind': [gvk] } } }
}

/** A structural schema as v3 has it: int-or-string is an alternative of two types. */
function plain(schema: JsonSchema): OpenApiSchema {
  const { properties, items, additionalProperties, 'x-kubernetes-validations': _rules, ...rest } = schema
  const out: OpenApiSchema = { ...(rest as OpenApiSchema) }
  if (properties) out.properties = Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, plain(child)]))
  if (items) out.items = plain(items)
  const values = additional(schema)
  if (values) out.additionalProperties = plain(values)
  else if (additionalProperties !== undefined) out.additionalProperties = additionalProperties as boolean
  if (schema['x-kubernetes-int-or-string'] && !out.anyOf) out.oneOf = [{ type: 'integer' }, { type: 'string' }]
  return out
}
