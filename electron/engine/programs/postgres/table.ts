/** Results as psql prints them: aligned, unaligned or expanded (print.c of PostgreSQL 16). */
export interface Style { tuples: boolean; aligned: boolean; expanded: boolean; separator: string }
export interface Result { columns: readonly { name: string; numeric: boolean }[]; rows: readonly (readonly (string | null)[])[]; title?: string; footers?: readonly string[] }

const rowsOf = (n: number): string => `(${n} row${n === 1 ? '' : 's'})`
const linesOf = (value: string | null): string[] => (value ?? '').split('\n')
const widthOf = (value: string | null): number => Math.max(...linesOf(value).map((l) => l.length))
const centred = (text: string, width: number): string => `${' '.repeat(Math.floor((width - text.length) / 2))}${text}${' '.repeat(Math.ceil((width - text.length) / 2))}`

export function printed(result: Result, style: Style): string {
  return style.expanded ? expanded(result, style) : style.aligned ? aligned(result, style) : unaligned(result, style)
}

function footersOf({ rows, footers }: Result): readonly string[] {
  return footers ?? [rowsOf(rows.length)]
}

function unaligned(result: Result, { tuples, separator }: Style): string {
  const { columns, rows, title } = result
  const line = (cells: readonly (string | null)[]): string => `${cells.map((c) => c ?? '').join(separator)}\n`
  if (tuples) return rows.map(line).join('')
  return `${title === undefined ? '' : `${title}\n`}${line(columns.map((c) => c.name))}${rows.map(line).join('')}${footersOf(result).map((f) => `${f}\n`).join('')}`
}

function aligned(result: Result, { tuples }: Style): string {
  const { columns, rows, title } = result
  const widths = columns.map(({ name }, i) => Math.max(name.length, ...rows.map((r) => widthOf(r[i]!))))
  const total = widths.reduce((sum, w) => sum + w + 3, -1)
  let out = ''
  if (!tuples) {
    if (title !== undefined) out += `${' '.repeat(Math.max(0, Math.floor((total - title.length) / 2)))}${title}\n`
    out += `${columns.map((c, i) => ` ${centred(c.name, widths[i]!)} `).join('|')}\n${widths.map((w) => '-'.repeat(w + 2)).join('+')}\n`
  }
  for (const row of rows) {
    const cells = row.map(linesOf)
    const height = Math.max(...cells.map((c) => c.length), 1)
    for (let line = 0; line < height; line++) {
      out += `${cells.map((lines, i) => {
        const text = lines[line] ?? ''
        const more = line < lines.length - 1
        const last = i === cells.length - 1
        const filled = columns[i]!.numeric ? text.padStart(widths[i]!) : last && !more ? text : text.padEnd(widths[i]!)
        return ` ${filled}${more ? '+' : last ? '' : ' '}`
      }).join('|')}\n`
    }
  }
  if (!tuples) out += footersOf(result).map((f) => `${f}\n`).join('')
  return `${out}\n`
}

function expanded(result: Result, { tuples, aligned, separator }: Style): string {
  const { columns, rows, title } = result
  if (rows.length === 0) return tuples ? (aligned ? '\n' : '') : `${rowsOf(0)}\n${aligned ? '\n' : ''}`
  const names = Math.max(...columns.map((c) => c.name.length))
  const values = Math.max(...rows.flatMap((row) => row.map(widthOf)))
  let out = title === undefined || tuples ? '' : `${title}\n`
  for (const [n, row] of rows.entries()) {
    if (!aligned) {
      out += `${n > 0 ? '\n' : ''}${columns.map((c, i) => `${c.name}${separator}${row[i] ?? ''}\n`).join('')}`
      continue
    }
    const width = names + values + 3
    const mark = tuples ? '' : `-[ RECORD ${n + 1} ]`
    // where the names end it has a plus
    const rule = [...mark.padEnd(width, '-')]
    if (names + 1 >= mark.length) rule[names + 1] = '+'
    if (!tuples || n > 0) out += `${rule.join('')}\n`
    for (const [i, column] of columns.entries()) linesOf(row[i]!).forEach((text, line) => (out += `${(line === 0 ? column.name : '').padEnd(names)} | ${text}\n`))
  }
  return `${out}${aligned ? '\n' : ''}`
}
