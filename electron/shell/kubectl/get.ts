import type { ApiResource } from '../../engine/kubernetes/client.ts'
import type { KubeObject, Table } from '../../engine/kubernetes/types.ts'
import { ageOf } from '../../engine/kubernetes/human-duration.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { aggregate, ExitError, KubectlError, quote, throwAll } from './errors.ts'
import { FIELD_SELECTOR_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { watchResources } from './get-watch.ts'
import type { JsonObject } from './objects.ts'
import { relaxed } from './jsonpath.ts'
import { TablePrinter } from './printers/table.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'
import { rawRequest } from './raw.ts'
import { ignoreNotFound, keyOf, queryOf, resolve, type Result } from './resources.ts'
import { sortObjects, sortTable } from './sorting.ts'
import { getPrinter, humanReadable, tableOptions } from './get-printers.ts'

const FORMATS = 'json|yaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide'

export const get: Command = {
  name: 'get',
  short: 'Display one or many resources',
  use: `get [(-o|--output=)${FORMATS}] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]`,
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, FIELD_SELECTOR_FLAG, PRINT_FLAGS, `
    -A --all-namespaces bool
    --chunk-size int=500
    --ignore-not-found bool
    -L --label-columns slice
    --no-headers bool
    --output-watch-events bool
    --raw string
    --server-print bool=true
    --show-kind bool
    --show-labels bool
    --sort-by string
    --subresource string
    -w --watch bool
    --watch-only bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const watching = f.bool('watch') || f.bool('watch-only')
  const output = f.string('output')
  if (f.string('raw') !== '') {
    if (args.length > 0) throw new KubectlError('arguments may not be passed when --raw is specified')
    if (output !== '') throw new KubectlError('--raw and --output are mutually exclusive')
    if (watching || f.string('selector') !== '' || f.list('filename').length > 0) {
      throw new KubectlError('--raw may not be specified with other flags that filter the server request or alter the output')
    }
    yield* rawRequest(k, 'GET')
    return 0
  }
  if (f.bool('watch') && f.string('sort-by')) yield* k.err('warning: --watch requested, --sort-by will be ignored for watch events received\n')
  else if (f.bool('watch-only') && f.string('sort-by')) yield* k.err('warning: --watch-only requested, --sort-by will be ignored\n')
  else if (!watching && args.length === 0 && f.list('filename').length === 0 && !f.string('kustomize')) {
    yield* k.err('You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of supported resources.\n\n')
    throw k.usageError('Required resource not specified.\nUse "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain pods).')
  }
  if (f.bool('show-labels') && output !== '' && output !== 'wide') throw new KubectlError(`--show-labels option cannot be used with ${output} printer`)
  if (f.bool('output-watch-events') && !watching) throw new KubectlError('--output-watch-events option can only be used with --watch or --watch-only')
  if (watching) return yield* watchResources(k)
  const result = yield* resolve(k, queryOf(k, { args, latest: true, everything: true }))
  const errors = f.bool('ignore-not-found') ? ignoreNotFound(result.errors) : result.errors
  if (humanReadable(k)) yield* printTables(k, result, errors)
  else yield* printGeneric(k, result, errors)
  return 0
}

/** One table per run of objects of the same type, blank lines between, widths of their own. */
function* printTables(k: Kubectl, result: Result, errors: readonly unknown[]): Task {
  const sortBy = k.flags.string('sort-by')
  const groups: { resource: ApiResource; objects: KubeObject[] }[] = []
  for (const { resource, object } of result.infos) {
    const last = groups[groups.length - 1]
    if (last?.resource === resource) last.objects.push(object as unknown as KubeObject)
    else groups.push({ resource, objects: [object as unknown as KubeObject] })
  }
  const withKind = new Set(result.types).size > 1
  // the tables of several types are sorted themselves, and have no such field
  if (sortBy && withKind) throw new KubectlError(`couldn't find any field with path ${quote(relaxed(sortBy))} in the list of objects`)
  const writer = new TabWriter(TABLE)
  let out = ''
  for (const { resource, objects } of groups) {
    let table: Table = k.flags.bool('server-print') ? k.client.tableOf(keyOf(resource), objects) : plainTable(k, objects)
    if (sortBy) {
      try {
        table = sortTable(k, table, sortBy)
      } catch (error) {
        if (error instanceof ExitError) throw error
        // kubectl prints nothing then, and no error
        continue
      }
    }
    new TablePrinter(tableOptions(k, resource, withKind)).print(table, writer)
    const text = writer.flush()
    writer.forget()
    if (text !== '' && out !== '' && !k.flags.bool('no-headers')) out += '\n'
    out += text
  }
  yield* k.out(out)
  if (out === '' && errors.length === 0 && !k.flags.bool('ignore-not-found')) {
    const namespaced = !k.flags.bool('all-namespaces') && result.types.every((type) => type.namespaced)
    yield* k.err(namespaced ? `No resources found in ${k.namespace.name} namespace.\n` : 'No resources found\n')
  }
  throwAll(errors)
}

/** What kubectl makes of objects itself: names and ages. */
function plainTable(k: Kubectl, objects: readonly KubeObject[]): Table {
  const column = (name: string, format = ''): Table['columnDefinitions'][number] => ({ name, type: 'string', format, description: '', priority: 0 })
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: [column('Name', 'name'), column('Age')],
    rows: objects.map((object) => ({ cells: [object.metadata.name, ageOf(object.metadata.creationTimestamp, k.now)], object })),
  } as unknown as Table
}

function* printGeneric(k: Kubectl, result: Result, errors: readonly unknown[]): Task {
  if (result.single && errors.length > 0) throw aggregate(errors)
  if (result.infos.length === 0 && k.flags.bool('ignore-not-found')) return throwAll(errors)
  const printer = getPrinter(k)
  const sortBy = k.flags.string('sort-by')
  let objects = result.infos.map((i) => i.object!)
  if (sortBy && objects.length > 1) objects = sortObjects(k, objects, sortBy)
  if (result.single && objects.length === 1) yield* k.out(printer.print(objects[0]!))
  else yield* k.out(printer.print({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects } satisfies JsonObject))
  throwAll(errors)
}

