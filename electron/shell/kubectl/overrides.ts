import { jsonError } from '../../engine/kubernetes/json-syntax.ts'
import { applyJsonPatch, JsonPatchError, type Operation } from '../../engine/kubernetes/patch/json-patch.ts'
import { applyMergePatch } from '../../engine/kubernetes/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../engine/kubernetes/patch/strategic-merge.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { JsonObject as PatchObject } from '../../engine/kubernetes/json.ts'
import type { PatchType } from '../../engine/kubernetes/client.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, messageOf } from './errors.ts'
import { isObject, type JsonObject, text } from './objects.ts'
import { notRegistered } from './scheme.ts'
import { typed } from './set-template.ts'

/** The flags of an object that is changed before it is sent. */
export const OVERRIDE_FLAGS = `
  --override-type string=merge
  --overrides string
`

/** `--overrides` of run and expose (kubectl's cmdutil.NewOverriderFlag): a patch on what was generated. */
export function overridden(k: Kubectl, object: JsonObject): JsonObject {
  const written = k.flags.string('overrides')
  const type = k.flags.string('override-type')
  if (k.flags.changed('override-type') && !['json', 'merge', 'strategic'].includes(type)) {
    throw new KubectlError(`invalid override type: ${type}`)
  }
  if (written === '') return object
  const wrong = jsonError(written)
  if (wrong !== undefined) throw new KubectlError(type === 'merge' ? 'Invalid JSON Patch' : wrong)
  const patch: unknown = JSON.parse(written)
  const made = patchedLocally(object, type === 'json' ? 'application/json-patch+json' : type === 'strategic' ? 'application/strategic-merge-patch+json' : 'application/merge-patch+json', patch)
  const [apiVersion, kind] = [text(made['apiVersion']), text(made['kind'])]
  // it is read as what it says it is
  if (kind !== text(object['kind']) && apiVersion === text(object['apiVersion'])) throw notRegistered(kind, apiVersion)
  return typed(made)
}

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
