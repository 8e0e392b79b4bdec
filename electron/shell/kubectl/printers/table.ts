import type { Table } from '../../../engine/kubernetes/types.ts'
import { byName, own } from '../../../engine/own.ts'
import { byBytes } from '../objects.ts'
import type { TabWriter } from './tabwriter.ts'

/** cli-runtime's HumanReadablePrinter: the server's tables, with what the flags add. */
export interface TableOptions {
  noHeaders: boolean
  wide: boolean
  showLabels: boolean
  labelColumns: readonly string[]
  withNamespace: boolean
  /** "pod", "deployment.apps": put before the name. */
  kind?: string
}

const EVENT_TYPES: Record<string, string> = byName({ ADDED: 'ADDED   ', MODIFIED: 'MODIFIED', DELETED: 'DELETED ', ERROR: 'ERROR   ' })

export class TablePrinter {
  readonly #options: TableOptions
  #columns = ''
  #headersDone = false

  constructor(options: TableOptions) {
    this.#options = options
  }

  print(table: Table, writer: TabWriter, eventType = ''): void {
    const options = this.#options
    const columns = JSON.stringify(table.columnDefinitions)
    let headers = !options.noHeaders
    if (this.#headersDone && columns === this.#columns) headers = false
    else this.#headersDone = false
    this.#columns = columns
    if (table.rows.length > 0) this.#headersDone = true
    const shown = table.columnDefinitions.map((c, i) => ({ c, i })).filter(({ c }) => options.wide || c.priority === 0)
    const nameColumn = options.kind === undefined ? -1 : table.columnDefinitions.findIndex((c) => c.format === 'name' && c.type === 'string')
    const lines: string[] = []
    if (headers && table.rows.length > 0) {
      lines.push([
        ...(eventType ? ['EVENT'] : []),
        ...(options.withNamespace ? ['NAMESPACE'] : []),
        ...shown.map(({ c }) => c.name.toUpperCase()),
        ...options.labelColumns.map((l) => l.slice(l.lastIndexOf('/') + 1).toUpperCase()),
        ...(options.showLabels ? ['LABELS'] : []),
      ].join('\t'))
    }
    for (const row of table.rows) {
      const labels = row.object?.metadata.labels ?? {}
      const cells = shown.map(({ i }) => (i === nameColumn ? `${options.kind}/${String(row.cells[i])}` : cell(row.cells[i])))
      lines.push([
        ...(eventType ? [EVENT_TYPES[eventType] ?? eventType] : []),
        ...(options.withNamespace ? [row.object?.metadata.namespace ?? ''] : []),
        ...cells,
        ...options.labelColumns.map((l) => own(labels, l) ?? ''),
        ...(options.showLabels ? [formatLabels(labels)] : []),
      ].join('\t'))
    }
    if (lines.length > 0) writer.write(`${lines.join('\n')}\n`)
  }
}

/** Text ends at its first line break; control characters are shown as ^X. */
function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = String(value)
  const cut = text.search(/[\f\n\r]/)
  return escapeTerminal(cut < 0 ? text : `${text.slice(0, cut)}...`)
}

export function escapeTerminal(text: string): string {
  return text.replaceAll('\x1b', '^[').replaceAll('\r', '\\r')
}

/** labels.FormatLabels */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined, none = '<none>'): string {
  const keys = Object.keys(labels ?? {}).sort(byBytes)
  return keys.length === 0 ? none : keys.map((key) => `${key}=${labels![key]}`).join(',')
}
