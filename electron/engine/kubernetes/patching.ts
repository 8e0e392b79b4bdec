import type { PatchType, WriteOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { goFormat, isObject, sortedJson, type JsonObject } from './json.ts'
import { decodeObject } from './kinds/decoding.ts'
import { asServed, type Kind, storeKey } from './kinds/kind.ts'
import { applyConfiguration } from './managed-fields/apply.ts'
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, JsonPatchError, StrategicPatchError, type Operation } from './patch.ts'
import { schemaOf } from './schema/index.ts'
import type { StructType } from './schema/notation.ts'
import { badRequest, conflict, internalFailure, invalid, notFound, notSimulated, rejected, unsupportedMediaType } from './status.ts'
import { scaleOf, unserved, updateScale } from './subresources.ts'
import type { KubeObject } from './types.ts'
import { checkNames, decodeBody, keepTakeAway, setNamespace } from './object-body.ts'
import { applyUpdate, createObject } from './writes.ts'
import type { Server } from './server.ts'

/** PATCH requests: k8s.io/apiserver/pkg/endpoints/handlers/patch.go. */
export function patchObject(
  server: Server,
  kind: Kind,
  namespace: string | undefined,
  name: string,
  type: PatchType,
  patch: unknown,
  options: WriteOptions & { subresource?: string },
): KubeObject {
  const { resource } = kind
  checkPatchOptions(type, options)
  if (type === 'application/apply-patch+yaml') return applyObject(server, kind, namespace, name, patch, options)
  const old = server.store.get(storeKey(kind), resource.namespaced ? (namespace ?? 'default') : '', name)
  if (!old) throw notFound(resource, name)
  const { subresource } = options
  if (subresource && !resource.subresources.includes(subresource)) throw notFound(resource, name)
  if (subresource === 'scale') {
    const scale = scaleOf(old, kind)
    return updateScale(server, kind, old, applyPatch(scale as unknown as JsonObject, type, patch, schemaOf('Scale')).patched, options)
  }
  if (subresource && subresource !== 'status' && !kind.parts?.[subresource]) throw unserved(resource, subresource)
  const { patched, shown } = applyPatch(asServed(kind, old) as unknown as JsonObject, type, patch, kind.schema ? undefined : schemaOf(kind.type))
  const wording = type === 'application/strategic-merge-patch+json' ? 'converter' : 'json'
  const { value, error, unknown } = decodeObject(kind, patched, old, wording)
  const validation = options.fieldValidation ?? 'Strict'
  if (error || (unknown.length > 0 && validation === 'Strict')) {
    throw badPatch(shown(patched), error ?? `strict decoding error: ${unknown.join(', ')}`)
  }
  if (validation === 'Warn') for (const text of unknown) options.onWarning?.(text)
  value.apiVersion = old.apiVersion
  value.kind = old.kind
  value.metadata = { ...value.metadata }
  keepTakeAway(patched, value)
  checkNames(value, name, old.metadata.namespace)
  setNamespace(kind, value.metadata, old.metadata.namespace)
  return applyUpdate(server, kind, old, value, options)
}

/** metav1 validation.ValidatePatchOptions. */
function checkPatchOptions(type: PatchType, { fieldManager = '', force }: WriteOptions): void {
  const errors = new FieldErrors()
  if (type === 'application/apply-patch+yaml') {
    if (!fieldManager) errors.required('fieldManager', 'is required for apply patch')
  } else if (force !== undefined) errors.forbidden('force', 'may not be specified for non-apply patch')
  if (fieldManager.length > 128) errors.tooLong('fieldManager', 128)
  if (!errors.empty) throw invalid({ kind: 'PatchOptions', group: 'meta.k8s.io' }, '', errors)
}

function applyObject(
  server: Server,
  kind: Kind,
  namespace: string | undefined,
  name: string,
  config: unknown,
  options: WriteOptions & { subresource?: string },
): KubeObject {
  const { resource } = kind
  const { subresource } = options
  const home = resource.namespaced ? (namespace ?? 'default') : ''
  if (!isObject(config)) throw badRequest('error decoding YAML: error unmarshaling JSON: json: cannot unmarshal into Go value of type map[string]interface {}')
  const live = server.store.get(storeKey(kind), home, name)
  if (subresource && (!live || !resource.subresources.includes(subresource))) throw notFound(resource, name)
  if (subresource && subresource !== 'status') throw notSimulated(`server-side apply of ${resource.name}/${subresource} (kubectl patch --subresource=${subresource})`)
  const { object, entries } = applyConfiguration(server.clock, kind, live, config, options)
  const decoded = decodeBody(kind, object, live, { ...options, fieldValidation: 'Ignore' })
  const { uid, resourceVersion } = decoded.metadata
  if (uid && !live) throw conflict(resource, name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
  if (resourceVersion && !live) throw internalFailure('resourceVersion should not be set on objects to be created')
  if (decoded.metadata.namespace && decoded.metadata.namespace !== home) throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  if (decoded.metadata.name !== name) throw badRequest(wrongName(decoded.metadata.name, name))
  return live ? applyUpdate(server, kind, live, decoded, options, entries) : createObject(server, kind, namespace, decoded, options, entries)
}

function wrongName(given: string | undefined, wanted: string): string {
  return given ? `the name of the object (${given}) does not match the name on the URL (${wanted})` : 'name must be provided'
}

/** What the server calls an invalid patch: a Status without a kind, which kubectl prints as "The request is invalid". */
function badPatch(shown: string, why: string): Error {
  const errors = new FieldErrors()
  errors.invalid('patch', shown, why)
  return invalid({ kind: '', group: '' }, '', errors)
}

function applyPatch(target: JsonObject, type: PatchType, patch: unknown, schema: StructType | undefined): { patched: unknown; shown: (patched: unknown) => string } {
  switch (type) {
    case 'application/json-patch+json': {
      if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${isObject(patch) ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`)
      try {
        return { patched: applyJsonPatch(target, patch as Operation[]), shown: sortedJson }
      } catch (error) {
        if (error instanceof JsonPatchError) throw rejected()
        throw error
      }
    }
    case 'application/merge-patch+json':
      if (!isObject(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
      return { patched: applyMergePatch(target, patch), shown: sortedJson }
    case 'application/strategic-merge-patch+json':
      if (!schema) throw unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'])
      if (!isObject(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
      try {
        return { patched: applyStrategicMergePatch(target, patch, schema), shown: () => goFormat(patch) }
      } catch (error) {
        if (error instanceof StrategicPatchError) throw badRequest(error.message)
        throw error
      }
    default:
      throw unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'])
  }
}
