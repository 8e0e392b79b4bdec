import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { labelValue } from '../../engine/kubernetes/validation/names.ts'
import { own, put } from '../../engine/own.ts'
import { type Command, type DryRun, dryRunned, type Kubectl } from './command.ts'
import { AggregateError, KubectlError, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FIELD_SELECTOR_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG, SELECTOR_FLAG } from './flags.ts'
import { at, byBytes, equal, type JsonObject, map } from './objects.ts'
import { type Printer, printerFor } from './printers/index.ts'
import { CHANGE_CAUSE, changeCause } from './record.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'

type What = 'label' | 'annotation'

const FLAGS = `${FILENAME_FLAGS}${PRINT_FLAGS}${DRY_RUN_FLAG}${SELECTOR_FLAG}${FIELD_SELECTOR_FLAG}${RECORD_FLAG}
  --all bool
  -A --all-namespaces bool
  --list bool
  --local bool
  --overwrite bool
  --resource-version string
`

export const label: Command = {
  name: 'label',
  short: 'Update the labels on a resource',
  use: 'label [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]',
  flags: flags(FLAGS, '--field-manager string=kubectl-label'),
  run: (k) => run(k, 'label'),
}

export const annotate: Command = {
  name: 'annotate',
  short: 'Update the annotations on a resource',
  use: 'annotate [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]',
  flags: flags(FLAGS, '--field-manager string=kubectl-annotate'),
  run: (k) => run(k, 'annotation'),
}

interface Changes { set: Map<string, string>; remove: string[] }

function* run(k: Kubectl, what: What): Task<number> {
  const { flags: f } = k
  const dryRun = yield* k.dryRun()
  const { resources, pairs } = splitArguments(k.args, what)
  const changes = what === 'label' ? parseLabels(pairs) : parseAnnotations(pairs)
  const listing = f.bool('list')
  const example = what === 'label' ? ['pod.yaml', 'pod.json'] : ['rsrc.yaml', 'rsrc.json']
  if (listing && f.string('output')) throw new KubectlError('--list and --output may not be specified together')
  if (f.bool('all') && f.string('selector')) throw new KubectlError('cannot set --all and --selector at the same time')
  if (f.bool('all') && f.string('field-selector')) throw new KubectlError('cannot set --all and --field-selector at the same time')
  const local = f.bool('local')
  if (local) {
    if (dryRun === 'server') throw new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?')
    if (resources.length > 0) throw new KubectlError(`can only use local files by -f ${example[0]} or --filename=${example[1]} when --local=true is set`)
    if (f.list('filename').length === 0 && !f.string('kustomize')) throw new KubectlError(`one or more files must be specified as -f ${example[0]} or --filename=${example[1]}`)
  } else if (resources.length === 0 && f.list('filename').length === 0 && !f.string('kustomize')) {
    throw new KubectlError('one or more resources must be specified as <resource> <name> or <resource>/<name>')
  }
  if (changes.set.size === 0 && changes.remove.length === 0 && !listing) throw new KubectlError(`at least one ${what} update is required`)
  if (what === 'annotation') {
    const both = changes.remove.filter((key) => changes.set.has(key))
    if (both.length > 0) throw new KubectlError(`can not both modify and remove the following annotation(s) in the same command: ${both.join(', ')}`)
  }
  const result = yield* resolve(k, local
    ? { filenames: f.list('filename'), kustomize: f.string('kustomize'), recursive: f.bool('recursive'), local }
    : queryOf(k, { args: resources, latest: true, all: false, everything: f.bool('all') }))
  if (!result.single && f.string('resource-version')) throw new KubectlError('--resource-version may only be used with a single resource')
  const errors = [...result.errors]
  const annotated = listing || what === 'label' ? undefined : printerFor(k, { operation: dryRunned('annotated', dryRun) })
  for (const info of result.infos) {
    try {
      yield* one(k, what, info, changes, { send: !local && !listing && dryRun !== 'client', listing, single: result.single, dryRun, annotated })
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  return 0
}

function* one(k: Kubectl, what: What, info: Info, changes: Changes, mode: { send: boolean; listing: boolean; single: boolean; dryRun: DryRun; annotated: Printer | undefined }): Task {
  const field = what === 'label' ? 'labels' : 'annotations'
  const before = info.object!
  const held = map(at(before, 'metadata', field))
  if (mode.send && what === 'label') {
    for (const key of changes.remove) if (!Object.hasOwn(held, key)) yield* k.out(`label ${quote(key)} not found.\n`)
  }
  if (!k.flags.bool('overwrite')) refuseOverwrites(what, held, changes)
  const values: JsonObject = { ...held }
  for (const [key, value] of changes.set) put(values, key, value)
  for (const key of changes.remove) delete values[key]
  if (mode.listing) {
    if (!mode.single) yield* k.out(`Listing ${field} for ${info.resource.kind}.${info.resource.group}/${info.name}:\n`)
    // as Go's maps mostly give them: what is new comes last
    const keys = [...Object.keys(held).sort(byBytes), ...changes.set.keys()].filter((key) => Object.hasOwn(values, key))
    for (const key of new Set(keys)) yield* k.out(`${mode.single ? '' : ' '}${key}=${String(values[key])}\n`)
    return
  }
  const version = k.flags.string('resource-version')
  const cause = mode.send ? changeCause(k) : undefined
  if (cause !== undefined && what === 'annotation') values[CHANGE_CAUSE] = cause
  const annotations = cause !== undefined && what === 'label' ? { annotations: { ...map(at(before, 'metadata', 'annotations')), [CHANGE_CAUSE]: cause } } : {}
  const after: JsonObject = { ...before, metadata: { ...map(before['metadata']), ...annotations, [field]: values, ...(version ? { resourceVersion: version } : {}) } }
  if (Object.keys(values).length === 0) delete (after['metadata'] as JsonObject)[field]
  const changed = !equal(before, after)
  let shown = after
  if (mode.send) {
    const patch: JsonObject = {}
    const entries: JsonObject = {}
    for (const [key, value] of changes.set) if (own(held, key) !== value) put(entries, key, value)
    for (const key of changes.remove) if (Object.hasOwn(held, key)) put(entries, key, null)
    if (cause !== undefined && what === 'annotation') entries[CHANGE_CAUSE] = cause
    if (Object.keys(entries).length > 0 || cause !== undefined) {
      patch['metadata'] = { ...(cause !== undefined && what === 'label' ? { annotations: { [CHANGE_CAUSE]: cause } } : {}), ...(Object.keys(entries).length > 0 ? { [field]: entries } : {}), ...(version ? { resourceVersion: version } : {}) }
    }
    const patched = yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name, 'application/merge-patch+json', patch, {
      // kubectl asks for nothing here, and that is what the server does then
      dryRun: mode.dryRun === 'server', fieldManager: k.flags.string('field-manager'), fieldValidation: 'Warn',
    }))
    if (what === 'annotation') shown = patched as unknown as JsonObject
  }
  // by the lengths of their JSON, as updateDataChangeMsg has it
  const shorter = JSON.stringify(after).length < JSON.stringify(before).length
  if (what === 'annotation') return yield* k.out(mode.annotated!.print(shown))
  const operation = !changed ? 'not labeled' : shorter && !k.flags.bool('overwrite') ? 'unlabeled' : 'labeled'
  yield* k.out(printerFor(k, { operation: dryRunned(operation, mode.dryRun) }).print(shown))
}

function refuseOverwrites(what: What, held: JsonObject, { set }: Changes): void {
  const taken = [...set].filter(([key, value]) => Object.hasOwn(held, key) && held[key] !== value).map(([key]) => key)
  if (taken.length === 0) return
  if (what === 'label') throwAll([new AggregateError(taken.map((key) => new KubectlError(`'${key}' already has a value (${String(held[key])}), and --overwrite is false`)))])
  throw new KubectlError(`--overwrite is false but found the following declared annotation(s): ${taken.map((key) => `'${key}' already has a value (${String(held[key])})`).join('; ')}`)
}

/** GetResourcesAndPairs: first resources, then KEY=VALUE and KEY-. */
function splitArguments(args: readonly string[], what: What): { resources: string[]; pairs: string[] } {
  const isPair = (arg: string): boolean => arg.indexOf('=') > 0 || (arg.endsWith('-') && arg.length > 1)
  const at = args.findIndex(isPair)
  if (at < 0) return { resources: [...args], pairs: [] }
  if (!args.slice(at).every(isPair)) throw new KubectlError(`all resources must be specified before ${what} changes: ${args.slice(at).find((a) => !isPair(a))!}`)
  return { resources: args.slice(0, at), pairs: args.slice(at) }
}

function parseLabels(pairs: readonly string[]): Changes {
  const changes: Changes = { set: new Map(), remove: [] }
  for (const pair of pairs) {
    if (pair.includes('=')) {
      const parts = pair.split('=')
      if (parts.length !== 2) throw new KubectlError(`invalid label spec: ${pair}`)
      const wrong = labelValue(parts[1]!)
      if (wrong.length > 0) throw new KubectlError(`invalid label value: ${quote(pair)}: ${wrong.join(';')}`)
      changes.set.set(parts[0]!, parts[1]!)
    } else changes.remove.push(pair.slice(0, -1))
  }
  if (changes.remove.some((key) => changes.set.has(key))) throw new KubectlError('can not both modify and remove a label in the same command')
  return changes
}

/** ParsePairs: only the first "=" parts key and value. */
function parseAnnotations(pairs: readonly string[]): Changes {
  const changes: Changes = { set: new Map(), remove: [] }
  const wrong: string[] = []
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at === 0) wrong.push(pair)
    else if (at > 0) changes.set.set(pair.slice(0, at), pair.slice(at + 1))
    else changes.remove.push(pair.slice(0, -1))
  }
  if (wrong.length > 0) throw new KubectlError(`invalid annotation format: ${wrong.join(', ')}`)
  return changes
}
