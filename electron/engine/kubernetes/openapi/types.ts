/** OpenAPI v3 schemas, as kube-apiserver v1.33 publishes them at /openapi/v3 and CustomResourceDefinitions carry them. */
export interface OpenApiSchema {
  $ref?: string
  description?: string
  type?: string
  format?: string
  title?: string
  default?: unknown
  nullable?: boolean
  enum?: unknown[]
  properties?: Record<string, OpenApiSchema>
  required?: string[]
  items?: OpenApiSchema
  additionalProperties?: OpenApiSchema | boolean
  allOf?: OpenApiSchema[]
  oneOf?: OpenApiSchema[]
  'x-kubernetes-group-version-kind'?: GroupVersionKind[]
  'x-kubernetes-patch-merge-key'?: string
  'x-kubernetes-patch-strategy'?: string
  [extension: string]: unknown
}

export interface GroupVersionKind { group: string; kind: string; version: string }

export interface OpenApiOperation {
  description?: string
  operationId?: string
  parameters?: object[]
  responses: object
  tags?: string[]
  'x-kubernetes-action': string
  'x-kubernetes-group-version-kind': GroupVersionKind
}

/** A document of one group and version at /openapi/v3/…. */
export interface OpenApiDocument {
  openapi: '3.0.0'
  info: { title: string; version: string }
  paths: Record<string, Partial<Record<'get' | 'post' | 'put' | 'patch' | 'delete', OpenApiOperation>>>
  components: { schemas: Record<string, OpenApiSchema> }
}

/** What published.mjs takes from the package: description, scalar, fields [type, description, values], required, group version kind. */
export interface PublishedType {
  d: string
  s?: 'quantity' | 'intstr' | 'time' | 'object' | 'any'
  p?: Record<string, [type: string, description: string, values?: string[]]>
  r?: string[]
  k?: [group: string, version: string, kind: string]
}
