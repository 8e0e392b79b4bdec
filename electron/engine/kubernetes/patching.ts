import type { PatchType, WriteOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { goFormat, isObject, sortedJson, type JsonObject } from './json.ts'
import type { Kind } from './kinds/kind.ts'
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, JsonPatchError, StrategicPatchError, type Operation } from './patch.ts'
import { decode } from './schema/decode.ts'
import { schemaOf } from './schema/index.ts'
import { badRequest, invalid, notFound, notSimulated, rejected, unsupportedMediaType } from './status.ts'
import { scaleOf, updateScale } from './subresources.ts'
import type { KubeObject } from './types.ts'
import { applyUpdate, keepTakeAway, type Server } from './writes.ts'

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
  if (type === 'application/apply-patch+yaml') throw notSimulated('server-side apply (kubectl apply without --server-side)')
  const old = server.store.get(resource.name, resource.namespaced ? (namespace ?? 'default') : '', name)
  if (!old) throw notFound(resource, name)
  const { subresource } = options
  if (subresource && !resource.subresources.includes(subresource)) throw notFound(resource, name)
  if (subresource === 'scale') {
    const scale = scaleOf(old)
    return updateScale(server, kind, old, applyPatch(scale as unknown as JsonObject, type, patch, 'Scale').patched, options)
  }
  if (subresource && subresource !== 'status') throw notSimulated(`patch of ${resource.name}/${subresource}`)
  const { patched, shown } = applyPatch(old as unknown as JsonObject, type, patch, kind.type)
  const wording = type === 'application/strategic-merge-patch+json' ? 'converter' : 'json'
  const { value, error, unknown } = decode<KubeObject>(patched, schemaOf(kind.type), old, wording)
  const validation = options.fieldValidation ?? 'Strict'
  if (error || (unknown.length > 0 && validation === 'Strict')) {
    throw badPatch(shown(patched), error ?? `strict decoding error: ${unknown.join(', ')}`)
  }
  if (validation === 'Warn') for (const text of unknown) options.onWarning?.(text)
  value.apiVersion = old.apiVersion
  value.kind = old.kind
  value.metadata = { ...value.metadata }
  keepTakeAway(patched, value)
  if (value.metadata.name !== name) throw badRequest(`the name of the object (${value.metadata.name}) does not match the name on the URL (${name})`)
  if (value.metadata.namespace !== old.metadata.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  return applyUpdate(server, kind, old, value, options)
}

/** What the server calls an invalid patch: a Status without a kind, which kubectl prints as "The request is invalid". */
function badPatch(shown: string, why: string): Error {
  const errors = new FieldErrors()
  errors.invalid('patch', shown, why)
  return invalid({ kind: '', group: '' }, '', errors)
}

function applyPatch(target: JsonObject, type: PatchType, patch: unknown, schema: string): { patched: unknown; shown: (patched: unknown) => string } {
  switch (type) {
    case 'application/json-patch+json': {
      if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${isObject(patch) ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`)
      try {
        return { patched: applyJsonPatch(target, patch as Operation[]), shown: sortedJson }
      } catch (error) {
        if (error instanceof JsonPatchError) throw rejected(error.message)
        throw error
      }
    }
    case 'application/merge-patch+json':
      if (!isObject(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
      return { patched: applyMergePatch(target, patch), shown: sortedJson }
    case 'application/strategic-merge-patch+json':
      if (!isObject(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
      try {
        return { patched: applyStrategicMergePatch(target, patch, schemaOf(schema)), shown: () => goFormat(patch) }
      } catch (error) {
        if (error instanceof StrategicPatchError) throw badRequest(error.message)
        throw error
      }
    default:
      throw unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'])
  }
}
