import { copied } from '../own.ts'
import type { WriteOptions } from './client.ts'
import { isObject, quote } from './json.ts'
import { decodeObject } from './kinds/decoding.ts'
import { apiVersionOf, type Kind } from './kinds/kind.ts'
import { checkRequestSize } from './sizes.ts'
import { badRequest } from './status.ts'
import type { KubeObject } from './types.ts'

/** A decoded copy that strategies may change; subtrees that are the stored object's own are shared with it. */
export function decodeBody(kind: Kind, body: unknown, old: KubeObject | undefined, options: WriteOptions): KubeObject {
  const { resource } = kind
  const apiVersion = apiVersionOf(resource)
  if (options.canonical) return { ...(body as KubeObject), metadata: copied((body as KubeObject).metadata) }
  checkRequestSize(body, options)
  const given = isObject(body) ? body : {}
  if (given['kind'] !== undefined && given['kind'] !== '' && (given['kind'] !== resource.kind || (given['apiVersion'] ?? apiVersion) !== apiVersion)) {
    throw badRequest(wrongKind(resource, given))
  }
  const { value, error, unknown: strays } = decodeObject(kind, body, old)
  const unknown = options.duplicates?.length ? [...options.duplicates.map((field) => `duplicate field ${quote(field)}`), ...strays] : strays
  const prefix = `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: `
  if (error) throw badRequest(prefix + error)
  const validation = options.fieldValidation ?? 'Strict'
  if (unknown.length > 0) {
    if (validation === 'Strict') throw badRequest(`${prefix}strict decoding error: ${unknown.join(', ')}`)
    if (validation === 'Warn') for (const text of unknown) options.onWarning?.(text)
  }
  value.apiVersion = kind.storedVersion ?? apiVersion
  value.kind = resource.kind
  value.metadata = copied(value.metadata)
  keepTakeAway(given, value)
  return value
}

/** An empty list of managedFields takes all of them away, where elsewhere an empty list is none. */
export function keepTakeAway(given: unknown, object: KubeObject): void {
  const metadata = isObject(given) && isObject(given['metadata']) ? given['metadata'] : undefined
  const rows = metadata?.['managedFields']
  if (Array.isArray(rows) && rows.length === 0) Object.assign(object.metadata, { managedFields: rows })
}

function wrongKind(resource: Kind['resource'], given: { [key: string]: unknown }): string {
  for (const field of ['apiVersion', 'kind']) {
    const sent = given[field]
    if (sent === undefined || sent === null || typeof sent === 'string') continue
    const what = Array.isArray(sent) ? 'array' : typeof sent === 'boolean' ? 'bool' : typeof sent
    return `couldn't get version/kind; json parse error: json: cannot unmarshal ${what} into Go struct field .${field} of type string`
  }
  const expected = apiVersionOf(resource)
  const apiVersion = String(given['apiVersion'] ?? expected)
  if (given['kind'] === resource.kind) return `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`
  return `${String(given['kind'])} in version "${apiVersion.split('/').pop()}" cannot be handled as a ${resource.kind}: converting (${String(given['kind'])}) to (${resource.kind}): unknown conversion`
}

/** The object in the body must be that of the path: checkName of k8s.io/apiserver/pkg/endpoints/handlers. */
export function checkNames({ metadata }: KubeObject, name: string, namespace: string | undefined): void {
  if (!metadata.name) throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  if (metadata.name !== name) throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  if (namespace !== undefined && metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest(`the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${namespace})`)
  }
}

/** EnsureObjectNamespaceMatchesRequestNamespace: what has no namespace gets the request's, what is cluster-scoped none. */
export function setNamespace(kind: Kind, metadata: KubeObject['metadata'], namespace: string | undefined): void {
  if (!kind.resource.namespaced) {
    delete metadata.namespace
    return
  }
  const wanted = namespace ?? metadata.namespace ?? 'default'
  if (metadata.namespace && metadata.namespace !== wanted) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  metadata.namespace = wanted
}
