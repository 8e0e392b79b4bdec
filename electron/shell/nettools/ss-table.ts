/** The columns of ss(8), iproute2 6.1 misc/ss.c: as wide as what is in them, on a terminal spread over its width. */
const COLUMNS = [
  { header: 'Netid', right: false, before: '' },
  { header: 'State', right: false, before: ' ' },
  { header: 'Recv-Q', right: false, before: ' ' },
  { header: 'Send-Q', right: false, before: ' ' },
  { header: 'Local Address:', right: true, before: ' ' },
  { header: 'Port', right: false, before: '' },
  { header: 'Peer Address:', right: true, before: ' ' },
  { header: 'Port', right: false, before: '' },
  { header: 'Process', right: false, before: '' },
] as const

/** Nine cells. */
export type SocketRow = readonly string[]

export interface TableOptions { netid: boolean; state: boolean; header: boolean; terminalWidth?: number | undefined }

export function layOut(rows: readonly SocketRow[], options: TableOptions): string {
  const enabled = COLUMNS.map((_, i) => (i === 0 ? options.netid : i === 1 ? options.state : true))
  const lines = options.header ? [COLUMNS.map((c) => c.header), ...rows] : rows
  const screen = options.terminalWidth ?? Infinity
  let first = true
  const widths = COLUMNS.map((column, i) => {
    if (!enabled[i]) return 0
    const longest = lines.reduce((most, row) => Math.max(most, row[i]!.length), 0)
    const width = Math.min(longest === 0 || first ? longest : longest + column.before.length, screen)
    if (width > 0) first = false
    return width
  })
  if (screen !== Infinity) spread(widths, screen)
  const shown = COLUMNS.map((_, i) => i).filter((i) => enabled[i])
  return lines.map((row) => shown.map((i, at) => cell(row[i]!, widths[i]!, COLUMNS[i]!, at > 0)).join('') + '\n').join('')
}

function cell(text: string, width: number, { right, before }: (typeof COLUMNS)[number], started: boolean): string {
  const lead = started ? before : ''
  return right ? lead + text.padStart(width - lead.length) : (lead + text).padEnd(width)
}

/** What is left of each of the terminal's lines goes to the columns in it; a column that does not fit begins the next line. */
function spread(widths: number[], screen: number): void {
  let begin = 0
  let length = 0
  let columns = 0
  for (let c = 0; c < widths.length; c++) {
    if (widths[c] === 0) continue
    columns++
    length += widths[c]!
    const last = widths.slice(c + 1).every((w) => w === 0)
    if (!last && length < screen) continue
    if (length > screen) {
      length -= widths[c]!
      c--
      columns--
    }
    const room = screen - length
    let rest = columns > 0 ? room % columns : 0
    for (let i = c; i >= begin && room > 0; i--) {
      if (widths[i] === 0) continue
      widths[i]! += Math.floor(room / columns) + (rest-- > 0 ? 1 : 0)
    }
    begin = c + 1
    length = 0
    columns = 0
  }
}
