import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { checkOutput, editPrinter, editSession, OBJECT_HEADER } from './edit-session.ts'
import { KubectlError, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, PRINT_FLAGS, VALIDATE_FLAG } from './flags.ts'
import { sortedGoJson } from './json.ts'
import { LAST_APPLIED, withLastApplied } from './last-applied.ts'
import { at, equal, type JsonObject, text } from './objects.ts'
import { goSyntax } from './printers/index.ts'
import { type Info, keyOf, ofText, queryOf, resolve } from './resources.ts'

/** `create --edit`: each object has its own visit to the editor, and is created as it comes back. */
export function* editBeforeCreate(k: Kubectl): Task<number> {
  k.validation()
  checkOutput(k)
  const { infos, errors } = yield* resolve(k, queryOf(k))
  const print = editPrinter(k)
  for (const info of infos) {
    try {
      yield* editSession(k, [info], {
        header: OBJECT_HEADER,
        unchangedLineEndings: true,
        *send(_, __, updated) {
          for (const { resource, namespace, object } of updated) {
            const wanted = k.flags.bool('save-config') ? withLastApplied(object!) : object!
            yield* print((yield* k.decided(() => k.client.create<KubeObject>(keyOf(resource), resource.namespaced ? namespace : undefined, wanted, {
              fieldManager: 'kubectl-create', fieldValidation: k.validation(),
            }))) as unknown as JsonObject, 'created')
          }
        },
      })
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  return 0
}

const ANNOTATION_HEADER = `# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
`

export const editLastApplied: Command = {
  name: 'edit-last-applied',
  short: 'Edit latest last-applied-configuration annotations of a resource/object',
  use: 'edit-last-applied (RESOURCE/NAME | -f FILENAME)',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, VALIDATE_FLAG, '--field-manager string=kubectl-client-side-apply\n--windows-line-endings bool'),
  *run(k): Task<number> {
    k.validation()
    checkOutput(k)
    const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, everything: true, latest: true }))
    throwAll(errors)
    const applied: Info[] = []
    for (const { object } of infos) {
      const remembered = text(at(object, 'metadata', 'annotations', LAST_APPLIED))
      if (remembered === '') continue
      const read = ofText(k, remembered, 'edited-file')
      throwAll(read.errors)
      applied.push(read.infos[0]!)
    }
    if (applied.length === 0) throw new KubectlError('no last-applied-configuration annotation found on resources, to create the annotation, use command `kubectl apply set-last-applied --create-annotation`')
    return yield* editSession(k, applied, { header: ANNOTATION_HEADER, send: annotate })
  },
}

/** What came back is what was applied last; an object that has no uid there is held against the first. */
function* annotate(k: Kubectl, infos: readonly Info[], updated: readonly Info[]): Task<void> {
  const print = editPrinter(k)
  for (const info of updated) {
    const object = info.object!
    const before = infos.find((i) => text(at(i.object, 'metadata', 'uid')) === text(at(object, 'metadata', 'uid')))?.object
    if (!before) throw new KubectlError(`no original object found for &unstructured.Unstructured{Object:${goSyntax(object)}}`)
    if (equal(before, object)) {
      yield* print(object, 'skipped')
      continue
    }
    yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.resource.namespaced ? k.namespace.name : undefined, info.name, 'application/merge-patch+json',
      { metadata: { annotations: { [LAST_APPLIED]: `${sortedGoJson(object)}\n` } } }, { fieldManager: k.flags.string('field-manager'), fieldValidation: k.validation() }))
    yield* print(object, 'edited')
  }
}
