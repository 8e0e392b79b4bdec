/** Of units.c: numbers as iperf3 reads and writes them. */

/** "10M": of bytes with steps of 1024, of rates (`step` 1000) with those. What is no number is 0, as with atof(3). */
export function readUnits(text: string, step: 1000 | 1024): number {
  const [, number = '0', suffix = ''] = /^\s*([+-]?\d*\.?\d+(?:e[+-]?\d+)?)([kmgt]?)/i.exec(text) ?? []
  return Number(number) * step ** (suffix === '' ? 0 : ' kmgt'.indexOf(suffix.toLowerCase()))
}

/**
 * unit_snprintf(): "1.25 GBytes", " 129 KBytes", "10.8 Gbits". `format`: a letter of -f, large for bytes; "A" and "a" find the unit by the
 * amount. `bytes`: the amount.
 */
export function units(bytes: number, format: string): string {
  const bits = format === format.toLowerCase()
  const step = bits ? 1000 : 1024
  let amount = bits ? bytes * 8 : bytes
  let power = ' kmgt'.indexOf(format.toLowerCase())
  if (power < 0) {
    let rest = amount
    for (power = 0; rest >= step && power < 4; power++) rest /= step
  }
  amount /= step ** power
  const digits = amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0
  return `${amount.toFixed(digits).padStart(4)} ${' KMGT'[power]!.trim()}${bits ? 'bits' : 'Bytes'}`
}
