import type { Cursor } from './cursor.ts'
import { parseDuration } from './cursor.ts'
import { compareValues, type DataType, type Value } from './data-types.ts'
import { NftError } from './errors.ts'
import type { Verdict } from './evaluate.ts'
import type { Location } from './lex.ts'
import type { Element, Span } from './set.ts'
import { readSpan, type ReadSpan } from './spans.ts'

export interface ReadElement { element: Element; at: Location; form: ReadSpan['form']; target?: Location }

/** "accept", "goto chain"…; undefined when none stands here. `at` is the chain's name. */
export function readVerdict(cursor: Cursor): { verdict: Verdict; at: Location } | undefined {
  const word = cursor.token.kind === 'word' ? cursor.token.text : ''
  if (word === 'accept' || word === 'drop' || word === 'continue' || word === 'return') return { verdict: { kind: word }, at: cursor.take().at }
  if (word !== 'jump' && word !== 'goto') return undefined
  cursor.take()
  const chain = cursor.word()
  return { verdict: { kind: word, chain: chain.text }, at: chain.at }
}

function readKey(cursor: Cursor, types: readonly DataType[]): { key: Span[]; at: Location; form: ReadSpan['form'] } {
  const start = cursor.token.at
  const key: Span[] = []
  let form: ReadSpan['form'] = 'value'
  for (let i = 0; i < types.length; i++) {
    if (i > 0) cursor.expect('.', 'comma or \'}\'')
    const read = readSpan(cursor, types[i]!)
    if (read.form === 'range' || read.form === 'prefix') form = read.form
    key.push(read.span)
  }
  return { key, at: cursor.since(start), form }
}

/** The elements of a set or map between "{" and "}". */
export function readElements(cursor: Cursor, key: readonly DataType[], data: readonly DataType[] | 'verdict' | undefined): ReadElement[] {
  cursor.expect('{')
  const out: ReadElement[] = []
  for (;;) {
    cursor.skipNewlines()
    if (cursor.is('}') && out.length > 0) break
    const read = readKey(cursor, key)
    const element: Element = { key: read.key }
    let target: Location | undefined
    readOptions(cursor, element)
    cursor.skipNewlines()
    if (data !== undefined && (data === 'verdict' || cursor.is(':'))) {
      cursor.expect(':')
      if (data === 'verdict') {
        const verdict = readVerdict(cursor)
        if (!verdict) throw cursor.unexpected()
        element.verdict = verdict.verdict
        target = read.at
      } else element.data = readKey(cursor, data).key
    }
    readOptions(cursor, element)
    out.push({ element, at: read.at, form: read.form, ...(target && { target }) })
    cursor.skipNewlines()
    if (cursor.skip(',')) continue
    if (!cursor.is('}')) throw cursor.unexpected("comma or '}'")
    break
  }
  cursor.expect('}')
  return out
}

function readOptions(cursor: Cursor, element: Element): void {
  for (;;) {
    if (cursor.skip('comment')) element.comment = cursor.take().text
    else if (cursor.skip('timeout')) element.timeout = readDuration(cursor)
    else if (cursor.skip('expires')) element.expiresAt = readDuration(cursor)
    else if (cursor.skip('counter')) {
      element.counter = { packets: 0, bytes: 0 }
      if (cursor.skip('packets')) {
        element.counter.packets = cursor.number().value
        cursor.expect('bytes')
        element.counter.bytes = cursor.number().value
      }
    } else return
  }
}

export function readDuration(cursor: Cursor): number {
  const token = cursor.take()
  const value = parseDuration(token.text)
  if (value === undefined) throw new NftError('invalid time format', token.at)
  return value
}

/** A set without a name and with ranges: what overlaps or follows at once is one range (auto-merge; nft 1.0.6). */
export function autoMerged(read: readonly ReadElement[]): ReadElement[] {
  const out: ReadElement[] = []
  for (const next of [...read].sort((a, b) => compareValues(a.element.key[0]!.from, b.element.key[0]!.from))) {
    const last = out.at(-1)
    const [a, b] = [last?.element.key[0], next.element.key[0]!]
    if (!last || !a || compareValues(b.from, following(a.to)) > 0) out.push(next)
    else if (compareValues(b.to, a.to) > 0) out[out.length - 1] = { ...last, form: 'range', element: { ...last.element, key: [{ from: a.from, to: b.to }] } }
  }
  return out
}

const following = (value: Value): Value => (typeof value === 'bigint' ? value + 1n : typeof value === 'number' ? value + 1 : value)
