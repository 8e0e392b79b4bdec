import { jsonError } from '../../engine/kubernetes/json-syntax.ts'
import type { Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { type JsonObject, text } from './objects.ts'
import { notRegistered } from './scheme.ts'
import { typed } from './set-template.ts'
import { patchedLocally } from './patched-locally.ts'

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

