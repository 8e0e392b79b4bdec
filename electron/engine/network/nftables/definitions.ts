import type { Hook } from '../types.ts'
import type { Cursor } from './cursor.ts'
import { DATA_TYPES, type DataType } from './data-types.ts'
import { NftError, NotSimulated } from './errors.ts'
import type { Location } from './lex.ts'
import { priorityValue } from './list.ts'
import { CHAIN_TYPES, type BaseChain } from './model.ts'
import { readSelector } from './parse-selector.ts'
import { readDuration, readElements, type ReadElement } from './read-elements.ts'
import type { SetDefinition } from './set.ts'

/** What stands in the braces of a chain, a set or a map. */

const HOOKS: ReadonlySet<string> = new Set(['prerouting', 'input', 'forward', 'output', 'postrouting'])

export interface ChainHeader { base?: BaseChain; policy?: { value: BaseChain['policy']; at: Location }; comment?: string }

/** One line of a chain's header, if there is one: "type … hook … priority …;", "policy …;", "comment …;". */
export function readChainHeader(cursor: Cursor, header: ChainHeader): boolean {
  const start = cursor.token
  if (cursor.is('type')) {
    cursor.take()
    const type = cursor.word()
    if (!(CHAIN_TYPES as readonly string[]).includes(type.text)) throw new NftError('unknown chain type', type.at)
    cursor.expect('hook')
    const hook = cursor.word()
    if (hook.text === 'ingress' || hook.text === 'egress') throw new NotSimulated(`nft's ${hook.text} hook`)
    if (!HOOKS.has(hook.text)) throw new NftError('unknown chain hook', hook.at)
    if (cursor.is('device') || cursor.is('devices')) throw new NotSimulated('nft chains of devices')
    header.base = { type: type.text as BaseChain['type'], hook: hook.text as Hook, priority: readPriority(cursor, hook.text as Hook), policy: 'accept' }
    cursor.skip(';')
    return true
  }
  if (cursor.is('policy')) {
    cursor.take()
    const value = cursor.skipAny('accept', 'drop')
    if (!value) throw cursor.unexpected('accept or drop')
    header.policy = { value: value as BaseChain['policy'], at: cursor.since(start.at) }
    cursor.skip(';')
    return true
  }
  if (cursor.is('comment')) {
    cursor.take()
    header.comment = cursor.take().text
    cursor.skip(';')
    return true
  }
  if (cursor.is('flags') || cursor.is('devices')) throw new NotSimulated(`"${cursor.token.text}" of nft chains`)
  return false
}

function readPriority(cursor: Cursor, hook: Hook): number {
  const start = cursor.expect('priority').at
  let value: number
  const negative = cursor.skip('-')
  if (cursor.token.kind === 'number') value = cursor.number().value * (negative ? -1 : 1)
  else {
    const name = cursor.word()
    const named = priorityValue(name.text, hook)
    if (named === undefined) throw new NftError('invalid priority expression value in this context.', cursor.since(start).to > name.at.to ? { ...start, to: name.at.to } : { ...start, to: name.at.to })
    value = named
  }
  const sign = cursor.skipAny('+', '-')
  return sign ? value + cursor.number().value * (sign === '-' ? -1 : 1) : value
}

/** "ipv4_addr . inet_service" */
function readTypes(cursor: Cursor): DataType[] {
  const types: DataType[] = []
  do {
    const word = cursor.word()
    const type = DATA_TYPES.get(word.text)
    if (!type) throw new NftError(`unknown datatype ${word.text}`, word.at)
    types.push(type)
  } while (cursor.skip('.'))
  return types
}

function readTypeOf(cursor: Cursor): { types: DataType[]; text: string } {
  const types: DataType[] = []
  const texts: string[] = []
  do {
    const selector = readSelector(cursor)
    types.push(selector.type)
    texts.push(selector.text({}))
  } while (cursor.skip('.'))
  return { types, text: texts.join(' . ') }
}

const FLAGS = ['constant', 'interval', 'dynamic', 'timeout'] as const

/** Between "{" and "}", both included. */
export function readSetBody(cursor: Cursor, name: string, isMap: boolean): { definition: SetDefinition; elements: ReadElement[]; at: Location } {
  const start = cursor.expect('{').at
  const d: { -readonly [K in keyof SetDefinition]?: SetDefinition[K] } = {}
  const flags = new Set<(typeof FLAGS)[number]>()
  let elements: ReadElement[] = []
  const readBody = (): void => {
    const word = cursor.take()
    switch (word.text) {
      case 'type':
        d.key = readTypes(cursor)
        if (isMap) d.data = readData(cursor)
        break
      case 'typeof': {
        const of = readTypeOf(cursor)
        d.key = of.types
        d.typeOf = of.text
        if (isMap) {
          cursor.expect(':', 'colon or .')
          if (cursor.skip('verdict')) [d.data, d.typeOf] = ['verdict', `${of.text} : verdict`]
          else {
            const data = readTypeOf(cursor)
            ;[d.data, d.typeOf] = [data.types, `${of.text} : ${data.text}`]
          }
        }
        break
      }
      case 'flags':
        do {
          const flag = cursor.word()
          if (!FLAGS.includes(flag.text as 'constant')) throw cursor.unexpected(undefined, flag)
          flags.add(flag.text as 'constant')
        } while (cursor.skip(','))
        break
      case 'timeout':
        d.timeout = readDuration(cursor)
        flags.add('timeout')
        break
      case 'gc-interval': d.gcInterval = readDuration(cursor); break
      case 'size': d.size = cursor.number().value; break
      case 'policy': d.policy = cursor.word().text as 'memory'; break
      case 'auto-merge': d.autoMerge = true; break
      case 'counter': d.counter = true; break
      case 'comment': d.comment = cursor.take().text; break
      case 'elements':
        cursor.expect('=')
        if (!d.key) throw new NftError('set definition does not specify key', cursor.since(start))
        elements = readElements(cursor, d.key, d.data)
        break
      default: throw cursor.unexpected(undefined, word)
    }
    if (!cursor.is(';') && !cursor.is('}') && cursor.token.kind !== 'newline') throw cursor.unexpected(word.text === 'type' ? 'newline or semicolon or .' : 'newline or semicolon')
  }
  for (;;) {
    cursor.skipSeparators()
    if (cursor.is('}')) break
    const before = d.key
    const place = cursor.token.at
    try {
      readBody()
    } catch (error) {
      // A type that cannot be read is a mistake, and then the definition has none.
      if (!(error instanceof NftError) || before || elements.length > 0 || place.line !== error.at.line) throw error
      while (!cursor.is('}') && cursor.token.kind !== 'end' && cursor.token.kind !== 'newline') cursor.take()
      error.more.push(new NftError('set definition does not specify key', cursor.since(start)))
      cursor.skip('}')
      throw error
    }
  }
  cursor.expect('}')
  const at = cursor.since(start)
  if (!d.key) throw new NftError('set definition does not specify key', at)
  if (flags.has('dynamic') && d.size === undefined) d.size = 65_535
  return { definition: { ...d, name, key: d.key, flags }, elements, at }
}

function readData(cursor: Cursor): readonly DataType[] | 'verdict' {
  if (!cursor.is(':')) throw cursor.unexpected('colon or .')
  cursor.take()
  return cursor.skip('verdict') ? 'verdict' : readTypes(cursor)
}
