import { StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { launchEditor } from './edit-file.ts'
import { aggregate, ExitError, isNotFound, KubectlError, messageOf, NotSimulatedError, quote, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, PRINT_FLAGS, VALIDATE_FLAG } from './flags.ts'
import { sortedGoJson } from './json.ts'
import { withLastApplied } from './last-applied.ts'
import { parseManifest } from './manifests.ts'
import { at, equal, type JsonObject, map, text } from './objects.ts'
import { goSyntax, noPrinter, type Printer, printerFor, withoutManagedFields } from './printers/index.ts'
import { type Info, keyOf, ofText, queryOf, resolve } from './resources.ts'
import { twoWayPatch } from './three-way.ts'
import { toYaml } from './yaml.ts'

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
    --windows-line-endings bool -
  `),
  run,
}

const HEADER = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`

interface Reason { head: string; causes: readonly string[] }

/** What came of one visit to the editor. */
class Results {
  readonly reasons: Reason[] = []
  readonly file: string
  refused = 0
  retryable = 0
  gone = 0

  constructor(file = '') {
    this.file = file
  }

  /** Remembers it, and says what is told at once. */
  add(error: unknown, { resource, name }: Info): string {
    const what = `${resource.group ? `${resource.name}.${resource.group}` : resource.name} ${quote(name)}`
    if (error instanceof StatusError && error.status.reason === 'Invalid') {
      this.refused++
      this.reasons.push({ head: `${what} was not valid`, causes: (error.status.details?.causes ?? []).map((c) => `${c.field ?? ''}: ${c.message ?? ''}`) })
      return `error: ${what} is invalid\n`
    }
    if (isNotFound(error)) {
      this.gone++
      return `error: ${what} could not be found on the server\n`
    }
    this.retryable++
    return `error: ${what} could not be patched: ${messageOf(error)}\n`
  }

  get header(): string {
    const commented = (line: string): string => line.replace(/\n(?=[^#])/g, '\n# ')
    return HEADER + this.reasons.map(({ head, causes }) =>
      `# ${commented(head)}${causes.length > 0 ? ':' : ''}\n${causes.map((cause) => `# * ${commented(cause)}\n`).join('')}#\n`).join('')
  }
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  k.validation()
  if (f.string('subresource') === 'scale') throw new NotSimulatedError('kubectl edit --subresource=scale', 'use kubectl scale')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, everything: true, latest: true }))
  throwAll(errors)
  if (infos.length === 0) throw new KubectlError('edit cancelled, no objects found')
  const output = f.string('output')
  if (output !== '' && output !== 'json' && output !== 'yaml') throw new KubectlError(noPrinter(output, ['json', 'yaml']))
  return yield* session(k, infos, output === 'json')
}

function* session(k: Kubectl, infos: readonly Info[], json: boolean): Task<number> {
  const { fs } = k.process
  const shown = infos.length === 1 ? infos[0]!.object! : { apiVersion: 'v1', items: infos.map((i) => withoutManagedFields(i.object!)), kind: 'List', metadata: {} }
  const content = json ? `${sortedGoJson(withoutManagedFields(shown), '    ')}\n` : toYaml(withoutManagedFields(shown))
  const original = json ? content : HEADER + content
  let results = new Results()
  let again = false
  let edited = ''
  for (;;) {
    const before = edited
    const header = json ? '' : results.header
    let file = results.file
    try {
      ({ file, content: edited } = yield* launchEditor(k, json ? '.json' : '.yaml', again ? header + stripped(edited) : original))
    } catch (error) {
      throw yield* preserved(k, error, results.file)
    }
    if (again && meaning(before) === meaning(edited)) throw yield* preserved(k, new KubectlError('Edit cancelled, no valid changes were saved.'), file)
    if (results.file) removeFile(k, results.file)
    const invalid = k.validation() === 'Ignore' ? undefined : syntaxProblem(edited)
    if (invalid !== undefined) {
      results = new Results(file)
      again = true
      const cause = { reason: 'FieldValueInvalid', field: '<nil>', message: `Invalid value: "The edited file failed validation": ${invalid}` }
      yield* k.err(results.add(new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Invalid', message: '', details: { causes: [cause] }, code: 422 }), infos[0]!))
      continue
    }
    if (meaning(original) === meaning(edited)) {
      removeFile(k, file)
      yield* k.err('Edit cancelled, no changes made.\n')
      return 0
    }
    if (!edited.split('\n').some((line) => /^\s*[^\s#]/.test(line))) {
      removeFile(k, file)
      yield* k.err('Edit cancelled, saved file was empty.\n')
      return 0
    }
    results = new Results(file)
    const updated = ofText(k, edited, 'edited-file')
    if (updated.errors.length > 0) {
      again = true
      results.reasons.push({ head: `The edited file had a syntax error: ${messageOf(aggregate(updated.errors))}`, causes: [] })
      continue
    }
    again = false
    try {
      yield* sendAll(k, infos, updated.infos, results)
    } catch (error) {
      throw yield* preserved(k, error, fs.exists(file) ? file : '')
    }
    if (results.retryable > 0) throw new ExitError(1, `You can run \`kubectl replace -f ${file}\` to try this update again.`)
    if (results.gone > 0) throw new ExitError(1, `The edits you made on deleted resources have been saved to ${quote(file)}`)
    if (results.refused === 0) {
      removeFile(k, file)
      return 0
    }
    again = true
  }
}

function* sendAll(k: Kubectl, infos: readonly Info[], updated: readonly Info[], results: Results): Task<void> {
  const { name: working } = k.namespace
  for (const { resource, namespace } of updated) {
    if (resource.namespaced && namespace !== working) {
      throw new KubectlError(`the namespace from the provided object ${quote(namespace)} does not match the namespace ${quote(working)}. You must pass '--namespace=${namespace}' to perform this operation.`)
    }
  }
  const printers = new Map<string, Printer>()
  const print = function* (object: JsonObject, operation: string): Task<void> {
    if (!printers.has(operation)) printers.set(operation, printerFor(k, { operation }))
    yield* k.out(printers.get(operation)!.print(object))
  }
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
      patched = k.client.patch<KubeObject>(keyOf(info.resource), namespaced ? info.namespace : undefined, info.name,
        custom ? 'application/merge-patch+json' : 'application/strategic-merge-patch+json', patch,
        { fieldManager: k.flags.string('field-manager'), fieldValidation: k.validation(), subresource: k.flags.string('subresource') || undefined }) as unknown as JsonObject
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

function* preserved(k: Kubectl, error: unknown, file: string): Task<unknown> {
  if (file && k.process.fs.exists(file)) yield* k.err(`A copy of your changes has been stored to ${quote(file)}\n`)
  return error
}

function removeFile(k: Kubectl, path: string): void {
  try {
    k.process.fs.remove(path)
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

/** Without the lines that are comments (cmdutil.ManualStrip). */
function stripped(content: string): string {
  return content.split('\n').filter((line) => !/^\s*#(?!!)/.test(line)).join('\n')
}

/** What a file says, comments and layout apart. */
function meaning(content: string): string {
  try {
    return JSON.stringify(parseManifest(content) ?? null)
  } catch {
    return stripped(content)
  }
}

/** ValidateBytes: what is wrong with the text before the server has seen it. */
function syntaxProblem(content: string): string | undefined {
  let value: unknown
  try {
    value = parseManifest(stripped(content))
  } catch (error) {
    return messageOf(error).replace(/^error converting YAML to JSON: /, '')
  }
  const missing = (['apiVersion', 'kind'] as const).filter((key) => !text(at(value, key))).map((key) => `${key} not set`)
  return missing.length > 1 ? `[${missing.join(', ')}]` : missing[0]
}
