/** Progress and lines as GNU wget 1.21 writes them (utils.c, progress.c, retr.c). */

/** "2026-01-05 08:00:00", of wall-clock ms. */
export function stamp(at: number): string {
  return new Date(Math.floor(at)).toISOString().slice(0, 19).replace('T', ' ')
}

/** human_readable: "244K", "9.8K"; up to `accuracy` with decimals. */
export function humanSize(bytes: number, accuracy = 10, decimals = 1): string {
  let value = bytes
  let unit = -1
  while (value >= 1024) {
    value /= 1024
    unit++
  }
  if (unit < 0) return String(bytes)
  return `${value < accuracy ? value.toFixed(decimals) : String(Math.round(value))}${'KMGTPE'[unit]}`
}

function scaled(bytesPerSecond: number): { value: number; unit: number } {
  let value = bytesPerSecond
  let unit = 0
  while (value >= 1024 && unit < 3) {
    value /= 1024
    unit++
  }
  return { value, unit }
}

const short = (value: number): string => value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)

/** retr_rate: "70.7 KB/s" */
export function rate(bytes: number, ms: number): string {
  const { value, unit } = scaled((bytes * 1000) / Math.max(ms, 0.001))
  return `${short(value)} ${['B/s', 'KB/s', 'MB/s', 'GB/s'][unit]}`
}

/** print_decimal, of ms in seconds. */
function decimal(ms: number): string {
  const s = ms / 1000
  if (s >= 9.95) return s.toFixed(0)
  if (s >= 0.95) return s.toFixed(1)
  if (s >= 0.001) return String(Number(s.toPrecision(1)))
  return s >= 0.0005 ? '0.001' : '0'
}

/** secs_to_human_time: "0.002s", "1m 5s" */
export function humanTime(ms: number): string {
  const s = Math.floor(ms / 1000 + 0.5)
  if (s >= 86_400) return `${Math.floor(s / 86_400)}d ${Math.floor(s / 3600) % 24}h ${Math.floor(s / 60) % 60}m ${s % 60}s`
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${Math.floor(s / 60) % 60}m ${s % 60}s`
  return s >= 60 ? `${Math.floor(s / 60)}m ${s % 60}s` : `${decimal(ms)}s`
}

/** eta_to_human_short */
function eta(seconds: number, space: string): string {
  if (seconds < 100) return `${seconds}s`
  if (seconds < 6000) return `${Math.floor(seconds / 60)}m${space}${seconds % 60}s`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h${space}${Math.floor(seconds / 60) % 60}m`
  return `${Math.floor(seconds / 86_400)}d${space}${Math.floor(seconds / 3600) % 24}h`
}

const took = (ms: number, space: string): string => (ms >= 10_000 ? eta(Math.floor(ms / 1000 + 0.5), space) : `${decimal(ms)}s`)

/** How far a document has come. Both give what is to be written now. */
export interface Progress {
  begin(): string
  /** `count` bytes more, after so many ms. */
  add(count: number, ms: number): string
  end(ms: number): string
}

export interface DotStyle { bytes: number; spacing: number; row: number }
export const DOT_STYLES: ReadonlyMap<string, DotStyle> = new Map([
  ['default', { bytes: 1024, spacing: 10, row: 50 }], ['binary', { bytes: 8192, spacing: 16, row: 48 }], ['mega', { bytes: 65_536, spacing: 8, row: 48 }], ['giga', { bytes: 1_048_576, spacing: 8, row: 32 }],
])

/** Where no terminal is: a dot a kilobyte, fifty in a row. `total`: 0 where the server did not say. */
export class Dots implements Progress {
  readonly #initial: number
  readonly #total: number
  readonly #style: DotStyle
  #rows = 0
  #dots = 0
  #left = 0
  #last = 0

  constructor(initial: number, total: number, style: DotStyle) {
    this.#initial = initial
    this.#total = total
    this.#style = style
  }

  get #rowBytes(): number {
    return this.#style.bytes * this.#style.row
  }

  begin(): string {
    if (this.#initial === 0) return ''
    const { bytes, spacing } = this.#style
    let remainder = this.#initial % this.#rowBytes
    const skipped = this.#initial - remainder
    const kilobytes = String(Math.floor(skipped / 1024))
    let out = skipped > 0 ? `\n${' '.repeat(2 + Math.max(6, kilobytes.length))}[ skipping ${kilobytes}K ]` : ''
    out += `\n${kilobytes.padStart(6)}K`
    for (; remainder >= bytes; remainder -= bytes) out += `${this.#dots++ % spacing === 0 ? ' ' : ''},`
    this.#left = remainder
    this.#rows = skipped / this.#rowBytes
    return out
  }

  add(count: number, ms: number): string {
    const { bytes, spacing, row } = this.#style
    let out = ''
    this.#left += count
    while (this.#left >= bytes) {
      this.#left -= bytes
      if (this.#dots === 0) out += this.#label()
      out += `${this.#dots++ % spacing === 0 ? ' ' : ''}.`
      if (this.#dots < row) continue
      this.#dots = 0
      this.#rows++
      out += this.#stats(ms, false)
    }
    return out
  }

  end(ms: number): string {
    let out = this.#dots === 0 ? this.#label() : ''
    for (let i = this.#dots; i < this.#style.row; i++) out += i % this.#style.spacing === 0 ? '  ' : ' '
    return `${out}${this.#stats(ms, true)}\n\n`
  }

  #label(): string {
    return `\n${String(Math.floor((this.#rows * this.#rowBytes) / 1024)).padStart(6)}K`
  }

  #stats(ms: number, last: boolean): string {
    const shown = this.#rows * this.#rowBytes + this.#dots * this.#style.bytes + (last ? this.#left : 0)
    const percent = this.#total > 0 ? `${String(Math.trunc((100 * shown) / this.#total)).padStart(3)}%` : ''
    let here = last ? this.#dots * this.#style.bytes + this.#left : this.#rowBytes
    if (this.#rows === Math.floor(this.#initial / this.#rowBytes)) here -= this.#initial % this.#rowBytes
    const { value, unit } = scaled((here * 1000) / Math.max(0.001, ms - this.#last))
    this.#last = ms
    const speed = ` ${short(value).padStart(4)}${' KMG'[unit]}`
    if (last) return `${percent}${speed}=${took(ms, '')}`
    if (this.#total === 0) return percent + speed
    const left = (ms / 1000) * (Math.max(0, this.#total - shown) / Math.max(1, shown - this.#initial))
    return `${percent}${speed} ${eta(Math.floor(left + 0.5), '')}`
  }
}

/** On a terminal: one line that is drawn again, five times a second at most. */
export class Bar implements Progress {
  readonly #name: string
  readonly #initial: number
  #total: number
  readonly #width: number
  #count = 0
  #drawn = 0
  #tick = 0
  /** Of the last three seconds: what came, and when. */
  #recent: { at: number; count: number }[] = []

  constructor(name: string, initial: number, total: number, columns: number) {
    this.#name = name
    this.#initial = initial
    this.#total = Math.max(initial, total)
    this.#width = Math.max(45, columns) - 1
  }

  begin(): string {
    return `\n\r${this.#image(0, false)}`
  }

  add(count: number, ms: number): string {
    this.#count += count
    if (this.#total > 0) this.#total = Math.max(this.#total, this.#initial + this.#count)
    this.#recent.push({ at: ms, count })
    while (this.#recent.length > 1 && this.#recent[0]!.at < ms - 3000) this.#recent.shift()
    if (ms - this.#drawn < 200) return ''
    this.#drawn = ms
    return `\r${this.#image(ms, false)}`
  }

  end(ms: number): string {
    return `\r${this.#image(ms, true)}\n\n`
  }

  #image(ms: number, done: boolean): string {
    const names = Math.floor(this.#width / 4)
    const size = this.#initial + this.#count
    const room = this.#width - (names + 1 + 4 + 2 + 8 + 10 + 15)
    const inside = room < 5 ? 0 : room
    const percent = this.#total > 0 ? `${String(Math.trunc((100 * size) / this.#total)).padStart(3)}%` : '    '
    let bar = ''
    if (inside > 0 && this.#total > 0) {
      const before = Math.trunc((this.#initial / this.#total) * inside)
      const now = Math.trunc((size / this.#total) * inside) - before
      bar = `[${('+'.repeat(before) + (now > 0 ? `${'='.repeat(now - 1)}>` : '')).padEnd(inside)}]`
    } else if (inside > 0) {
      const turn = this.#tick % (inside * 2 - 6)
      const at = turn < inside - 2 ? turn + 1 : inside - (turn - inside + 5)
      bar = `[${`${' '.repeat(at - 1)}<=>`.padEnd(inside).slice(0, inside)}]`
    }
    this.#tick++
    const heard = this.#recent.reduce((n, r) => n + r.count, 0)
    const since = ms - Math.max(0, ms - 3000)
    const { value, unit } = scaled((heard * 1000) / Math.max(0.001, since))
    // a rate is known from 150 ms on
    const speed = ms >= 150 && heard > 0 ? `  ${short(value).padStart(4)}${[' B', 'KB', 'MB', 'GB'][unit]}/s` : '  --.-KB/s'
    let tail = ''
    if (done) tail = `    in ${took(ms, ' ')}`
    else if (this.#total > 0 && this.#count > 0 && ms > 3000) tail = `    eta ${eta(Math.floor((ms / 1000) * ((this.#total - size) / this.#count) + 0.5), ' ')}`
    const line = `${this.#name.slice(0, names).padEnd(names + 1)}${percent}${bar}${humanSize(size, 1000, 2).padStart(8)}${speed}${tail.padEnd(15)}`
    return line.padEnd(this.#width)
  }
}
