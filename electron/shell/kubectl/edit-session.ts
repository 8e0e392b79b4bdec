import { StatusError } from '../../engine/kubernetes/client.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { launchEditor } from './edit-file.ts'
import { aggregate, ExitError, isNotFound, KubectlError, messageOf, quote } from './errors.ts'
import { sortedGoJson } from './json.ts'
import { parseManifest } from './manifests.ts'
import { at, type JsonObject, text } from './objects.ts'
import { noPrinter, type Printer, printerFor, withoutManagedFields } from './printers/index.ts'
import { type Info, ofText } from './resources.ts'
import { toYaml } from './yaml.ts'

/** Objects in an editor, as often as it takes (kubectl's pkg/cmd/util/editor): what `edit`, `create --edit` and `apply edit-last-applied` share. */
export interface EditMode {
  /** The comment above the object. */
  readonly header: string
  /** --windows-line-endings is not passed on (create). */
  readonly unchangedLineEndings?: boolean
  /** What is done with what came back. */
  send(k: Kubectl, infos: readonly Info[], updated: readonly Info[], results: Results): Task<void>
}

export const OBJECT_HEADER = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`

interface Reason { head: string; causes: readonly string[] }

/** What came of one visit to the editor. */
export class Results {
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

  /** The comment above it. */
  header(mode: EditMode): string {
    const commented = (line: string): string => line.replace(/\n(?=[^#])/g, '\n# ')
    return mode.header + this.reasons.map(({ head, causes }) =>
      `# ${commented(head)}${causes.length > 0 ? ':' : ''}\n${causes.map((cause) => `# * ${commented(cause)}\n`).join('')}#\n`).join('')
  }
}

/** The formats that an editor is given. */
export function checkOutput(k: Kubectl): void {
  const output = k.flags.string('output')
  if (output !== '' && output !== 'json' && output !== 'yaml') throw new KubectlError(noPrinter(output, ['json', 'yaml']))
}

/** Prints what became of an object, by operation. */
export function editPrinter(k: Kubectl): (object: JsonObject, operation: string) => Task<void> {
  const printers = new Map<string, Printer>()
  return function* (object, operation) {
    if (!printers.has(operation)) printers.set(operation, printerFor(k, { operation }))
    yield* k.out(printers.get(operation)!.print(object))
  }
}

/** One visit to the editor, and those that its mistakes cost. */
export function* editSession(k: Kubectl, infos: readonly Info[], mode: EditMode): Task<number> {
  const json = k.flags.string('output') === 'json'
  const { fs } = k.process
  const shown = infos.length === 1 ? infos[0]!.object! : { apiVersion: 'v1', items: infos.map((i) => withoutManagedFields(i.object!)), kind: 'List', metadata: {} }
  const content = json ? `${sortedGoJson(withoutManagedFields(shown), '    ')}\n` : toYaml(withoutManagedFields(shown))
  const original = windows(k, mode, json ? content : mode.header + content)
  let results = new Results()
  let again = false
  let edited = ''
  for (;;) {
    const before = edited
    const header = json ? '' : results.header(mode)
    let file = results.file
    try {
      ({ file, content: edited } = yield* launchEditor(k, json ? '.json' : '.yaml', again ? windows(k, mode, header) + stripped(edited) : original))
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
      requireNamespace(k, updated.infos)
      yield* mode.send(k, infos, updated.infos, results)
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

function requireNamespace(k: Kubectl, updated: readonly Info[]): void {
  const { name: working } = k.namespace
  for (const { resource, namespace } of updated) {
    if (resource.namespaced && namespace !== working) {
      throw new KubectlError(`the namespace from the provided object ${quote(namespace)} does not match the namespace ${quote(working)}. You must pass '--namespace=${namespace}' to perform this operation.`)
    }
  }
}

/** --windows-line-endings */
function windows(k: Kubectl, { unchangedLineEndings }: EditMode, content: string): string {
  return !unchangedLineEndings && k.flags.bool('windows-line-endings') ? content.replaceAll('\n', '\r\n') : content
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
