/**
 * A quantity as Go's struct holds it after it came over the wire (k8s.io/apimachinery pkg/api/resource ParseQuantity):
 * a small one as an int64 with a scale, which keeps its text where that was canonical beyond doubt; others as a decimal.
 */
const PATTERN = /^(-?)(\d+)(?:\.(\d+))?(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)?(?:[eE]([+-]?\d+))?$/
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const NIL_DECIMAL = 'd:(resource.infDecAmount){Dec:(*inf.Dec)<nil>}'
const MAX_INT64 = 9223372036854775807n
/** The digits an int64 surely holds. */
const SURE_DIGITS = 18

/** The struct without its type; the text is a canonical quantity. */
export function dumpedQuantity(text: string): string {
  const match = PATTERN.exec(text)
  if (text === '0' || !match) return small(0n, 0, text === '0' ? '0' : '', 'DecimalSI')
  const [, sign, whole = '', denominator = '', suffix = '', power] = match
  const number = whole.replace(/^0+/, '')
  const binary = suffix.endsWith('i')
  const format = binary ? 'BinarySI' : power === undefined ? 'DecimalSI' : 'DecimalExponent'
  const exponent = binary ? BINARY.indexOf(suffix) * 10 : power === undefined ? (DECIMAL.indexOf(suffix) - 3) * 3 : Number(power)
  const precision = binary
    ? denominator === '' ? 15 - number.length - Math.trunc((exponent * 3) / 10) - 1 : -1
    : SURE_DIGITS - number.length - denominator.length
  const scale = (binary ? 0 : exponent) - denominator.length
  const shifted = number + denominator
  if (precision >= 0 && scale >= -9 && shifted !== '') {
    const digits = BigInt(shifted)
    const value = digits * (binary ? 1n << BigInt(exponent) : 1n)
    if (value <= MAX_INT64) {
      const canonical = binary ? (digits & 7n) !== 0n : scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0')
      return small(sign ? -value : value, scale, canonical ? text : '', format)
    }
  }
  return large(BigInt(whole + denominator), denominator.length, binary, exponent, sign !== '', format)
}

function small(value: bigint, scale: number, text: string, format: string): string {
  return `{i:(resource.int64Amount){value:(int64)${value} scale:(resource.Scale)${scale}} ${NIL_DECIMAL} s:(string)${text} Format:(resource.Format)${format}}`
}

/** Everything that is not zero is rounded up to nano units; binary ones stop at the largest int64. */
function large(digits: bigint, places: number, binary: boolean, exponent: number, negative: boolean, format: string): string {
  const factor = binary ? 1n << BigInt(exponent) : 10n ** BigInt(Math.max(exponent, 0))
  const divisor = 10n ** BigInt(places + (binary ? 0 : Math.max(-exponent, 0)))
  let nano = (digits * factor * 1_000_000_000n + divisor - 1n) / divisor
  let scale = 9
  if (binary && nano > MAX_INT64 * 1_000_000_000n) [nano, scale] = [MAX_INT64, 0]
  const words: string[] = []
  for (let rest = nano; rest > 0n; rest >>= 64n) words.push(String(rest & 0xffffffffffffffffn))
  const decimal = `{unscaled:(big.Int){neg:(bool)${negative} abs:(big.nat)[${words.join(' ')}]} scale:(inf.Scale)${scale}}`
  return `{i:(resource.int64Amount){value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)${decimal}} s:(string) Format:(resource.Format)${format}}`
}
