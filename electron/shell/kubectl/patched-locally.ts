import type { PatchType } from '../../engine/kubernetes/client.ts'
import type { JsonObject as PatchObject } from '../../engine/kubernetes/json.ts'
import { applyJsonPatch, JsonPatchError, type Operation } from '../../engine/kubernetes/patch/json-patch.ts'
import { applyMergePatch } from '../../engine/kubernetes/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../engine/kubernetes/patch/strategic-merge.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import { KubectlError, messageOf } from './errors.ts'
import { isObject, text, type JsonObject } from './objects.ts'

/** A patch worked out here, without the server. */
export function patchedLocally(object: JsonObject, type: PatchType, patch: unknown): JsonObject {
  if (type === 'application/json-patch+json') {
    try {
      return applyJsonPatch(object, patch as Operation[]) as JsonObject
    } catch (error) {
      if (error instanceof JsonPatchError) throw new KubectlError(messageOf(error))
      throw error
    }
  }
  if (!isObject(patch)) throw new KubectlError('Invalid JSON Patch')
  if (type === 'application/merge-patch+json') return applyMergePatch(object, patch) as JsonObject
  return applyStrategicMergePatch(object as PatchObject, patch as PatchObject, schemaOf(text(object['kind']))) as JsonObject
}
