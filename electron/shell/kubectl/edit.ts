import { StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { checkOutput, editPrinter, editSession, OBJECT_HEADER, type Results } from './edit-session.ts'
import { KubectlError, NotSimulatedError, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, PRINT_FLAGS, VALIDATE_FLAG } from './flags.ts'
import { sortedGoJson } from './json.ts'
import { withLastApplied } from './last-applied.ts'
import { at, equal, type JsonObject, map } from './objects.ts'
import { goSyntax, withoutManagedFields } from './printers/index.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'
import { twoWayPatch } from './three-way.ts'

/** Objects of the server in an editor, as often as it takes (kubectl's pkg/cmd/util/editor). */
export const edit: Command = {
  name: 'edit',
  short: 'Edit a resource on the server',
  use: 'edit (RESOURCE/NAME | -f FILENAME)',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, VALIDATE_FLAG, `
    --field-manager string=kubectl-edit
    --output-patch bool
    --record bool !
    --save-config bool
    --subresource string
    --windows-line-endings bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  k.validation()
  if (k.flags.string('subresource') === 'scale') throw new NotSimulatedError('kubectl edit --subresource=scale', 'use kubectl scale')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, everything: true, latest: true }))
  throwAll(errors)
  if (infos.length === 0) throw new KubectlError('edit cancelled, no objects found')
  checkOutput(k)
  return yield* editSession(k, infos, { header: OBJECT_HEADER, send: sendPatches })
}

/** What changed of each, as a patch. */
function* sendPatches(k: Kubectl, infos: readonly Info[], updated: readonly Info[], results: Results): Task<void> {
  const print = editPrinter(k)
  for (const info of updated) {
    const before = infos.find((i) => equal(at(i.object, 'metadata', 'uid'), at(info.object, 'metadata', 'uid')))?.object
    const wanted = withManagedFields(info.object!, before)
    const object = k.flags.bool('save-config') ? withLastApplied(wanted) : wanted
    if (!before) throw new KubectlError(`no original object found for &unstructured.Unstructured{Object:${goSyntax(object)}}`)
    if (equal(before, object)) {
      yield* print(object, 'skipped')
      continue
    }
    const { custom, kind, namespaced } = info.resource
    const patch = twoWayPatch(custom ? undefined : kind, before, object)
    if (['apiVersion', 'kind', 'managedFields'].some((field) => field in patch) || 'name' in map(patch['metadata'])) {
      throw new KubectlError('At least one of apiVersion, kind and name was changed')
    }
    if (k.flags.bool('output-patch')) yield* k.out(`Patch: ${sortedGoJson(patch)}\n`)
    let patched: JsonObject
    try {
      patched = (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), namespaced ? info.namespace : undefined, info.name,
        custom ? 'application/merge-patch+json' : 'application/strategic-merge-patch+json', patch,
        { fieldManager: k.flags.string('field-manager'), fieldValidation: k.validation(), subresource: k.flags.string('subresource') || undefined }))) as unknown as JsonObject
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason === 'NotSimulated') throw error
      yield* k.err(results.add(error, info))
      continue
    }
    yield* print(patched, 'edited')
  }
}

/** They are not shown, and what somebody wrote there does not count. */
function withManagedFields(object: JsonObject, original: JsonObject | undefined): JsonObject {
  const managedFields = at(original, 'metadata', 'managedFields')
  const bare = withoutManagedFields(object)
  return managedFields === undefined ? bare : { ...bare, metadata: { ...map(bare['metadata']), managedFields } }
}
