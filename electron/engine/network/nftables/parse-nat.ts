import { IPV4, IPV6, SERVICE, type DataType } from './data-types.ts'
import { NftError } from './errors.ts'
import { beginsSelector, readSelectors } from './parse-selector.ts'
import type { RuleReader } from './parse-rule.ts'
import { readSpan } from './spans.ts'
import type { Span } from './set.ts'
import { translate, type SetReference, type Translation } from './statements.ts'

/** masquerade, redirect, snat, dnat: "dnat ip to 10.0.0.1:80 random,persistent". */
export function readNat(reader: RuleReader): void {
  const { cursor } = reader
  const { family: tableFamily } = reader.context
  const what = cursor.take()
  const start = what.at
  const named = what.text === 'dnat' || what.text === 'snat' ? cursor.skipAny('ip', 'ip6') : undefined
  const version = (named ?? (tableFamily === 'inet' ? reader.network?.protocol ?? 'ip' : tableFamily)) === 'ip6' ? 6 : 4
  const type = version === 6 ? IPV6 : IPV4
  const translation: Translation = { what: what.text as Translation['what'], family: '', flags: [], version }
  let concatenated = false
  if (cursor.skip('to')) {
    if (beginsSelector(cursor)) {
      const selectors = readSelectors(reader)
      cursor.expect('map')
      concatenated = mapHasPorts(reader)
      const data: DataType[] = concatenated ? [type, SERVICE] : [type]
      translation.source = { selectors, map: reader.reference(selectors.map((s) => s.type), data) as SetReference }
    } else readTarget(reader, translation, type, start)
  } else if (what.text === 'dnat' || what.text === 'snat') throw cursor.unexpected('to')
  const flags: string[] = []
  for (;;) {
    const flag = cursor.skipAny('random', 'fully-random', 'persistent')
    if (!flag) break
    flags.push(flag)
    cursor.skip(',')
  }
  // In the order of nft's listing, whatever the order was.
  translation.flags = ['random', 'fully-random', 'persistent'].filter((f) => flags.includes(f))
  if (tableFamily === 'inet' || concatenated) translation.family = what.text === 'dnat' || what.text === 'snat' ? (version === 6 ? 'ip6' : 'ip') : ''
  reader.add(translate(translation))
}

/** Whether the data of the map that follows has a port behind the address. */
function mapHasPorts(reader: RuleReader): boolean {
  const { cursor } = reader
  if (cursor.is('@')) {
    const data = reader.context.set(cursor.peek().text)?.data
    return Array.isArray(data) && data.length > 1
  }
  for (let i = 1; ; i++) {
    const token = cursor.peek(i)
    if (token.kind === 'end' || token.text === '}') return false
    if (token.text !== ':') continue
    for (let j = i + 1; ; j++) {
      const next = cursor.peek(j)
      if (next.kind === 'end' || next.text === ',' || next.text === '}') return false
      if (next.text === '.') return true
    }
  }
}

function readTarget(reader: RuleReader, translation: { addresses?: Span; ports?: Span }, type: DataType, start: { line: number; from: number; to: number }): void {
  const { cursor } = reader
  if (!cursor.is(':')) {
    const open = cursor.skip('[')
    translation.addresses = readSpan(cursor, type).span
    if (open) cursor.expect(']')
  }
  if (!cursor.skip(':')) return
  const at = cursor.token.at
  const { span } = readSpan(cursor, SERVICE)
  if (!reader.transport) throw new NftError('transport protocol mapping is only valid after transport protocol match', cursor.since(at), start)
  translation.ports = span
}
