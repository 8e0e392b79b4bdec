/**
 * resource.Quantity's canonical form (k8s.io/apimachinery/pkg/api/resource): what "0.5", "1000m" or "1024Mi" become
 * in a stored object. Exact, by big integers; no more precise than nano.
 */
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d+))?$/
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
export const QUANTITY_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

interface Parsed {
  /** The value in nano units. */
  nano: bigint
  format: 'binary' | 'decimal' | 'exponent'
}

function parse(text: string): Parsed | undefined {
  const match = PATTERN.exec(text)
  if (!match) return undefined
  const [, sign, whole, fraction = '', suffix, exponent] = match
  if (!whole && !fraction) return undefined
  const digits = BigInt((whole ?? '') + fraction)
  const binary = suffix?.endsWith('i') ?? false
  let numerator = digits * 1_000_000_000n
  let divisor = 10n ** BigInt(fraction.length)
  if (binary) numerator *= 1024n ** BigInt(BINARY.indexOf(suffix!))
  else {
    const power = exponent === undefined ? (DECIMAL.indexOf(suffix ?? '') - 3) * 3 : Number(exponent)
    if (Math.abs(power) > 30) return undefined
    if (power >= 0) numerator *= 10n ** BigInt(power)
    else divisor *= 10n ** BigInt(-power)
  }
  const nano = (numerator + divisor - 1n) / divisor
  return { nano: sign === '-' ? -nano : nano, format: binary ? 'binary' : exponent === undefined ? 'decimal' : 'exponent' }
}

/** The same few are written in every template; emptied when there are many. */
const canonical = new Map<string, string | undefined>()
const REMEMBERED = 1000

/** The canonical text, or undefined when it is not a quantity. */
export function canonicalQuantity(text: string): string | undefined {
  if (canonical.has(text)) return canonical.get(text)
  const made = canonicalOf(text)
  if (canonical.size >= REMEMBERED) canonical.clear()
  canonical.set(text, made)
  return made
}

function canonicalOf(text: string): string | undefined {
  const parsed = parse(text)
  if (!parsed) return undefined
  const { nano, format } = parsed
  if (nano === 0n) return '0'
  const negative = nano < 0n
  const amount = negative ? -nano : nano
  const sign = negative ? '-' : ''
  if (format === 'binary' && amount % 1_000_000_000n === 0n && amount >= 1024n * 1_000_000_000n) {
    let value = amount / 1_000_000_000n
    let i = 0
    while (value % 1024n === 0n && i < BINARY.length - 1) {
      value /= 1024n
      i++
    }
    return `${sign}${value}${BINARY[i]}`
  }
  let value = amount
  let i = 0
  while (value % 1000n === 0n && i < DECIMAL.length - 1) {
    value /= 1000n
    i++
  }
  if (format === 'exponent') return `${sign}${value}${i === 3 ? '' : `e${(i - 3) * 3}`}`
  return `${sign}${value}${DECIMAL[i]}`
}

/** The exact value in thousand-millionths; 0 for what is no quantity. */
export function nanoValue(text: string): bigint {
  return parse(text)?.nano ?? 0n
}

/** The value in thousandths, for comparisons and sums (cpu in millicores, memory times 1000). */
export function milliValue(text: string): number {
  const parsed = parse(text)
  return parsed ? Number(parsed.nano) / 1e6 : 0
}
