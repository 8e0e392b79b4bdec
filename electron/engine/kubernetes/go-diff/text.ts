/**
 * The text of a difference as github.com/google/go-cmp lays it out (cmp/report_text.go, v0.7.0): trees of texts that stand
 * on one line where they fit. Of the two kinds of spaces between which go-cmp chooses by chance, the plain one.
 */
export type Side = '' | '-' | '+'

export interface Line {
  kind: 'line'
  text: string
}
export interface Wrap {
  kind: 'wrap'
  prefix: string
  value: Node
  suffix: string
}
export interface List {
  kind: 'list'
  records: readonly Entry[]
}
export interface Entry {
  side: Side
  key: string
  value: Node
  /** What was left out: "3 identical fields". Such a row has no comma. */
  comment?: string
  elided?: boolean
}
export type Node = Line | Wrap | List

const MAX_COLUMNS = 80

export function line(text: string): Line {
  return { kind: 'line', text }
}
export function wrap(prefix: string, value: Node, suffix = ''): Wrap {
  return { kind: 'wrap', prefix, value, suffix }
}
export function braces(records: readonly Entry[]): Wrap {
  return wrap('{', { kind: 'list', records }, '}')
}
export const NIL = line('nil')
export const ELLIPSIS: Entry = { side: '', key: '', value: line('...'), elided: true }

export function render(node: Node): string {
  return `${indent(0, '')}${expanded(compact(node, ''), '', 0)}\n`
}

function indent(depth: number, side: Side): string {
  return `${side === '' ? ' ' : side} ${'\t'.repeat(depth)}`
}

/** What can stand on one line does. */
function compact(node: Node, side: Side): Node {
  if (node.kind === 'line') return node
  if (node.kind === 'wrap') {
    const value = compact(node.value, side)
    return value.kind === 'line' ? line(node.prefix + value.text + node.suffix) : { ...node, value }
  }
  const records = node.records.map((r) => ({ ...r, value: compact(r.value, r.side || side) }))
  if (records.some((r) => r.side !== '' || r.value.kind !== 'line' || r.comment !== undefined)) return { kind: 'list', records }
  const text = records.map((r) => `${r.key ? `${r.key}: ` : ''}${(r.value as Line).text}`).join(', ')
  return side !== '' && text.length > MAX_COLUMNS ? { kind: 'list', records } : line(text)
}

function expanded(node: Node, side: Side, depth: number): string {
  if (node.kind === 'line') return node.text
  if (node.kind === 'wrap') return node.prefix + expanded(node.value, side, depth) + node.suffix
  const { records } = node
  const end = `\n${indent(depth, side)}`
  if (records.length > 0 && records.every((r) => r.side === '' && r.key === '' && r.value.kind === 'line' && r.comment === undefined)) {
    return batches(records.map((r) => (r.value as Line).text)).map((batch) => `\n${indent(depth + 1, side)}${batch}`).join('') + end
  }
  const widths = aligned(records)
  const rows = records.map((r, i) => {
    const key = r.key ? `${r.key}: ` : ''
    const comment = r.comment === undefined ? '' : ` // ${r.comment}`
    return `\n${indent(depth + 1, r.side || side)}${key}${' '.repeat(widths[i]!)}${expanded(r.value, r.side || side, depth + 1)}${r.elided ? '' : ','}${comment}`
  })
  return rows.join('') + end
}

/** A list of simple values: as many on a line as fit. */
function batches(texts: readonly string[]): string[] {
  const out: string[] = []
  let batch = ''
  for (const text of texts) {
    if (batch !== '' && batch.length + text.length + 2 > MAX_COLUMNS) {
      out.push(batch.trimEnd())
      batch = ''
    }
    batch += `${text}, `
  }
  if (batch !== '') out.push(batch.trimEnd())
  return out
}

/** Spaces after each key: values of neighbours that stand on one line stand in one column. */
function aligned(records: readonly Entry[]): number[] {
  const out = records.map(() => 0)
  let start = 0
  const close = (end: number): void => {
    const width = Math.max(0, ...records.slice(start, end).map((r) => [...r.key].length))
    for (let i = start; i < end; i++) out[i] = width - [...records[i]!.key].length
  }
  records.forEach((r, i) => {
    if (r.key !== '' && r.value.kind === 'line') return
    close(i)
    start = i + 1
  })
  close(records.length)
  return out
}
