/** Numbers and lines as GNU wget 1.21 writes them (utils.c, progress.c, retr.c). */

/** "2026-01-05 08:00:00", of wall-clock ms. */
export function stamp(at: number): string {
  return new Date(Math.floor(at)).toISOString().slice(0, 19).replace('T', ' ')
}

/** human_readable: "244K", "9.8K". */
export function humanSize(bytes: number): string {
  let value = bytes
  let unit = -1
  while (value >= 1024) {
    value /= 1024
    unit++
  }
  if (unit < 0) return String(bytes)
  return `${value < 10 ? value.toFixed(1) : String(Math.round(value))}${'KMGTPE'[unit]}`
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
  const { value, unit } = scaled((bytes * 1000) / ms)
  return `${short(value)} ${['B/s', 'KB/s', 'MB/s', 'GB/s'][unit]}`
}

/** print_decimal */
function seconds(ms: number): string {
  const s = ms / 1000
  if (s >= 10) return s < 60 ? String(Math.round(s)) : `${Math.floor(s / 60)}m${Math.round(s % 60)}`
  if (s >= 1) return Number(s.toFixed(1)).toString()
  const tidy = s < 0.001 ? 0 : s < 0.01 ? Number(s.toFixed(3)) : Number(s.toFixed(2))
  return String(tidy)
}

/** Where no terminal is: a dot a kilobyte, fifty in a row. `total`: undefined where the server did not say. */
export function dots(bytes: number, total: number | undefined, ms: number): string {
  const full = Math.floor(bytes / 1024)
  const rows = Math.max(1, Math.ceil(bytes / (50 * 1024)))
  const { value, unit } = scaled((bytes * 1000) / ms)
  const speed = ` ${short(value).padStart(4)}${' KMG'[unit]}`
  let out = ''
  for (let row = 0; row < rows; row++) {
    const here = Math.min(50, Math.max(0, full - row * 50))
    const cells = Array.from({ length: 50 }, (_, i) => `${i % 10 === 0 ? ' ' : ''}${i < here ? '.' : ' '}`).join('')
    const last = row === rows - 1
    const loaded = Math.min(bytes, (row + 1) * 50 * 1024)
    const percent = total === undefined ? '    ' : `${String(total === 0 ? 100 : Math.floor((loaded * 100) / total)).padStart(3)}%`
    const left = total === undefined ? '' : ` ${seconds(((total - loaded) * ms) / Math.max(1, bytes))}s`
    out += `\n${String(row * 50).padStart(6)}K${cells}${percent}${speed}${last ? `=${seconds(ms)}s` : left}`
  }
  return `${out}\n\n`
}

/** On a terminal: the bar as it stands when all has arrived. */
export function bar(name: string, bytes: number, total: number | undefined, ms: number, columns: number): string {
  const width = columns - 1
  const nameWidth = Math.floor(columns / 4)
  const shown = name.slice(0, nameWidth - 1).padEnd(nameWidth)
  const inside = Math.max(1, width - nameWidth - 4 - 2 - 8 - 10 - 15)
  const { value, unit } = scaled((bytes * 1000) / ms)
  const speed = ms < 50 ? '  --.-KB/s' : `  ${short(value).padStart(4)}${[' B', 'KB', 'MB', 'GB'][unit]}/s`
  const drawn = total === undefined ? '<=>'.padStart(Math.min(inside, 3)).padEnd(inside) : `${'='.repeat(inside - 1)}>`
  const size = bytes < 1024 ? String(bytes) : humanSize(bytes).replace(/^(\d+(?:\.\d)?)(\w)$/, (_, n: string, u: string) => `${n.includes('.') ? Number(n).toFixed(2) : n}${u}`)
  return `\r${shown}${total === undefined ? '    ' : '100%'}[${drawn}]${size.padStart(8)}${speed}    in ${`${seconds(ms)}s`.padEnd(8)}\n\n`
}
