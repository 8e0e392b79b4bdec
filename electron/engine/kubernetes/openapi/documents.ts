import type { ApiResource } from '../client.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import { publishedName, publishedSchema, reachedFrom, referenceTo } from './published.ts'
import type { GroupVersionKind, OpenApiDocument, OpenApiOperation, OpenApiSchema } from './types.ts'

/** A resource with the schema that its CustomResourceDefinition gives it, under the name that it has in the documents. */
export interface DefinedResource {
  resource: ApiResource
  /** Of custom resources. */
  custom?: { name: string; schema: OpenApiSchema }
}

/** "api/v1", "apis/apps/v1": the keys of the index at /openapi/v3. */
export function documentPath(resource: Pick<ApiResource, 'group' | 'version'>): string {
  return `${resource.group ? 'apis' : 'api'}/${apiVersionOf(resource)}`
}

const VERBS = [['get', 'get'], ['post', 'post'], ['put', 'put'], ['patch', 'patch'], ['delete', 'delete']] as const

/** What /openapi/v3/{path} answers: the resources of one group and version, with the schemas that they reach. */
export function openApiDocument(resources: readonly DefinedResource[]): OpenApiDocument {
  const document: OpenApiDocument = { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.33.1' }, paths: {}, components: { schemas: {} } }
  const own: Record<string, OpenApiSchema> = {}
  for (const { resource, custom } of resources) {
    const { group, version, kind } = resource
    const name = custom?.name ?? publishedName(group, version, kind)
    const schema = custom?.schema ?? (name === undefined ? undefined : publishedSchema(name))
    if (name !== undefined && schema) own[name] = schema
    addPaths(document, resource, { group, kind, version }, name)
  }
  const all = { ...reachedFrom(Object.values(own)), ...own }
  for (const name of Object.keys(all).sort()) document.components.schemas[name] = all[name]!
  return document
}

function addPaths(document: OpenApiDocument, resource: ApiResource, gvk: GroupVersionKind, name: string | undefined): void {
  const base = `/${documentPath(resource)}`
  const collection = resource.namespaced ? `${base}/namespaces/{namespace}/${resource.name}` : `${base}/${resource.name}`
  const operation = (action: string): OpenApiOperation => ({
    ...(action === 'get' || action === 'list' ? {} : { parameters: [{ in: 'query', name: 'fieldValidation', schema: { type: 'string', uniqueItems: true } }] }),
    responses: { 200: { description: 'OK', ...(name === undefined ? {} : { content: { 'application/json': { schema: referenceTo(name) } } }) } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  })
  const can = (verb: string): boolean => resource.verbs.includes(verb)
  const list = { ...(can('list') ? { get: operation('list') } : {}), ...(can('create') ? { post: operation('post') } : {}), ...(can('deletecollection') ? { delete: operation('deletecollection') } : {}) }
  if (Object.keys(list).length > 0) document.paths[collection] = list
  if (resource.namespaced && can('list')) document.paths[`${base}/${resource.name}`] = { get: operation('list') }
  const single: OpenApiDocument['paths'][string] = {}
  for (const [method, action] of VERBS) {
    if (method !== 'post' && can(action === 'put' ? 'update' : action)) single[method] = operation(action)
  }
  if (Object.keys(single).length > 0) document.paths[`${collection}/{name}`] = single
}
