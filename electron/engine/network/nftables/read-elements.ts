import type { Cursor } from './cursor.ts'
import { parseDuration } from './cursor.ts'
import type { DataType } from './data-types.ts'
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
