/** How etcdctl and etcdutl 3.5 print: go-humanize, zap and olekukonko/tablewriter. */
export class EtcdError extends Error {
  readonly code: number

  /** pkg/cobrautl: 1 an error, 5 interrupted, 128 bad arguments. */
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

export class NotSimulated extends Error {}

/** With 1, and without a word: what went wrong was said. */
export class Ended extends Error {}

export const BAD_ARGUMENTS = 128
export const BAD_FEATURE = 4
export const INTERRUPTED = 5

/** humanize.Bytes: "20 B", "1.3 MB". */
export function humanBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`
  const power = Math.min(6, Math.floor(Math.log(bytes) / Math.log(1000)))
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'][power]!}`
}

/** The server's and etcdctl's log: a line of JSON with the time in microseconds. */
export function zapJson(wall: number, fields: { level: string; logger?: string; caller: string; msg: string } & Readonly<Record<string, unknown>>): string {
  const { level, ...rest } = fields
  return `${JSON.stringify({ level, ts: new Date(wall).toISOString().replace(/Z$/, '000Z'), ...rest })}\n`
}

/** etcdutl's log: tabs, with the fields as JSON at the end. */
export function zapConsole(wall: number, level: string, caller: string, msg: string, fields?: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields ?? {}).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
  return `${[new Date(wall).toISOString().replace(/\.\d+Z$/, 'Z'), level, caller, msg, ...(pairs.length > 0 ? [`{${pairs.join(', ')}}`] : [])].join('\t')}\n`
}

/** `right`: cells on the right, as SetAlignment(ALIGN_RIGHT) has them; heads are capitals in the middle. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right = false): string {
  const titles = head.map((each) => each.toUpperCase())
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`
  const middle = (text: string, width: number): string => `${' '.repeat(Math.floor((width - text.length) / 2))}${text}`.padEnd(width)
  const line = (cells: readonly string[], place: (text: string, width: number) => string): string => `|${cells.map((cell, i) => ` ${place(cell, widths[i]!)} `).join('|')}|\n`
  return `${rule}${line(titles, middle)}${rule}${rows.map((row) => line(row, (text, width) => (right ? text.padStart(width) : text.padEnd(width)))).join('')}${rule}`
}
