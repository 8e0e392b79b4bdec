import { byName } from '../../own.ts'
import type { DataType, Value } from './data-types.ts'
import { beginsSelector, readSelectors } from './parse-selector.ts'
import type { RuleReader } from './parse-rule.ts'
import type { Selector } from './selectors.ts'
import { readValue } from './spans.ts'
import type { SetReference, Source } from './statements.ts'

const OPERATORS: Readonly<Record<string, '&' | '|' | '^'>> = byName({ and: '&', '&': '&', or: '|', '|': '|', xor: '^', '^': '^' })

/** What a mark is set to: "0x1", "meta mark & 0xff | 0x100", "ip saddr map @marks". */
export function readSource(reader: RuleReader, type: DataType): Source {
  const { cursor } = reader
  let source: { value?: Value; selectors?: Selector[]; map?: SetReference }
  if (beginsSelector(cursor)) {
    const selectors = readSelectors(reader)
    source = { selectors }
    if (cursor.skip('map')) source.map = reader.reference(selectors.map((s) => s.type), [type]) as SetReference
  } else source = { value: readValue(cursor, type).value }
  const operations: { operator: '&' | '|' | '^'; value: number }[] = []
  while (cursor.token.text in OPERATORS && cursor.token.kind !== 'quoted') {
    const operator = OPERATORS[cursor.take().text]!
    operations.push({ operator, value: readValue(cursor, type).value as number })
  }
  // "and" binds more tightly than "xor", and that than "or"
  for (let i = 0; i + 1 < operations.length;) {
    const [now, next] = [operations[i]!, operations[i + 1]!]
    if (BINDING.indexOf(next.operator) <= BINDING.indexOf(now.operator)) i++
    else {
      now.value = combined(now.value, next)
      operations.splice(i + 1, 1)
      i = 0
    }
  }
  if (source.value !== undefined) return { value: operations.reduce(combined, Number(source.value)), operations: [] }
  return { ...source, operations: folded(operations) }
}

const BINDING = ['|', '^', '&']

function combined(before: number, { operator, value }: { operator: '&' | '|' | '^'; value: number }): number {
  return (operator === '&' ? before & value : operator === '|' ? before | value : before ^ value) >>> 0
}

/** The kernel has one mask and one xor for all of them, and nft's listing is made from these (netlink_parse_bitwise). */
function folded(operations: Source['operations']): Source['operations'] {
  let mask = 0xffff_ffff
  let xor = 0
  for (const { operator, value } of operations) {
    if (operator === '^') xor ^= value
    else {
      mask &= operator === '&' ? value : ~value
      xor = operator === '&' ? xor & value : (xor & ~value) | value
    }
  }
  const or = (xor & ~mask) >>> 0
  const and = (mask | or) >>> 0
  const flip = (xor & mask) >>> 0
  return [...(and === 0xffff_ffff ? [] : [{ operator: '&' as const, value: and }]), ...(flip === 0 ? [] : [{ operator: '^' as const, value: flip }]), ...(or === 0 ? [] : [{ operator: '|' as const, value: or }])]
}
