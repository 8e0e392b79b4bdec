import type { ApiResource } from '../../engine/cluster.ts'
import type { Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { printerFor, type Printer } from './printers/index.ts'
import { CustomColumns } from './printers/custom-columns.ts'
import type { TableOptions } from './printers/table.ts'
import { kindWord } from './resources.ts'

export function humanReadable(k: Kubectl): boolean {
  const output = k.flags.string('output')
  return (output === '' && k.flags.string('template') === '') || output === 'wide'
}

/** The printer of -o with custom-columns, which only get has. */
export function getPrinter(k: Kubectl): Printer {
  const output = k.flags.string('output')
  const columns = /^custom-columns(-file)?(?:=([\s\S]*))?$/.exec(output)
  if (!columns) return printerFor(k, { alsoAllowed: ['custom-columns', 'custom-columns-file', 'wide'] })
  const spec = columns[2] || k.flags.string('template')
  if (!spec) throw new KubectlError('custom-columns format specified but no custom columns given')
  if (!columns[1]) return CustomColumns.fromSpec(spec, k.flags.bool('no-headers'))
  if (!k.process.fs.exists(k.process.resolve(spec))) throw new KubectlError(`error reading template ${spec}, open ${spec}: no such file or directory\n`)
  return CustomColumns.fromTemplate(k.process.fs.readText(k.process.resolve(spec)))
}

export function tableOptions(k: Kubectl, resource: ApiResource, withKind: boolean): TableOptions {
  const f = k.flags
  return {
    noHeaders: f.bool('no-headers'),
    wide: f.string('output') === 'wide',
    showLabels: f.bool('show-labels'),
    labelColumns: f.list('label-columns'),
    withNamespace: f.bool('all-namespaces') && resource.namespaced,
    kind: withKind || f.bool('show-kind') ? kindWord(resource) : undefined,
  }
}
