import { NftError } from './errors.ts'
import type { Cursor } from './cursor.ts'
import type { Statement } from './model.ts'
import { logStatement } from './statements.ts'

const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit']
/** In the order in which they are listed. */
const FLAGS = ['tcp sequence', 'tcp options', 'ip options', 'skuid', 'ether', 'all']

/** `log [prefix TEXT] [level L | group N [snaplen N] [queue-threshold N]] [flags F…]` (nft(8), src/parser_bison.y), in the order in which nft lists it. */
export function readLog(cursor: Cursor): Statement {
  const start = cursor.take()
  const said: Record<string, string | number> = {}
  const flags = new Set<string>()
  for (;;) {
    const option = cursor.skipAny('prefix', 'level', 'flags', 'group', 'snaplen', 'queue-threshold')
    if (!option) break
    if (option === 'flags') readFlags(cursor, flags)
    else if (option === 'prefix' || option === 'level') {
      const value = cursor.take()
      if (value.kind !== 'word' && value.kind !== 'quoted') throw cursor.unexpected('string', value)
      if (option === 'level' && !LEVELS.includes(value.text)) throw new NftError('invalid log level', value.at)
      said[option] = value.text
    } else said[option] = cursor.number().value
  }
  const grouped = ['group', 'snaplen', 'queue-threshold'].some((word) => word in said)
  if (grouped && 'level' in said) throw new NftError('level and group are mutually exclusive', start.at)
  // what is so of itself is not told
  if (said['level'] === 'warn') delete said['level']
  const { prefix, level } = said
  const numbers = ['group', 'snaplen', 'queue-threshold'].filter((word) => word in said).map((word) => ` ${word} ${said[word]}`).join('')
  const text = `log${prefix === undefined ? '' : ` prefix "${prefix}"`}${numbers}${level === undefined ? '' : ` level ${level}`}${flagsText(flags)}`
  const listed = FLAGS.filter((flag) => flags.has(flag))
  const json = { ...Object.fromEntries(['prefix', 'group', 'snaplen', 'queue-threshold', 'level'].filter((k) => k in said).map((k) => [k, said[k]!])), ...(listed.length === 0 ? {} : { flags: listed.length === 1 ? listed[0]! : listed }) }
  return logStatement(text, json)
}

/** `tcp sequence,options`, `ip options`, `skuid`, `ether`, `all` */
function readFlags(cursor: Cursor, flags: Set<string>): void {
  const word = cursor.skipAny('tcp', 'ip', 'skuid', 'ether', 'all')
  if (word === 'tcp') {
    do {
      const which = cursor.skipAny('sequence', 'seq', 'options')
      if (which === undefined) throw cursor.unexpected('seq or options')
      flags.add(which === 'options' ? 'tcp options' : 'tcp sequence')
    } while (cursor.skip(','))
  } else if (word === 'ip') {
    cursor.expect('options')
    flags.add('ip options')
  } else if (word !== undefined) flags.add(word)
  else throw cursor.unexpected()
}

function flagsText(flags: ReadonlySet<string>): string {
  if (flags.has('all')) return ' flags all'
  const tcp = ['sequence', 'options'].filter((word) => flags.has(`tcp ${word}`))
  return `${tcp.length > 0 ? ` flags tcp ${tcp.join(',')}` : ''}${['ip options', 'skuid', 'ether'].filter((word) => flags.has(word)).map((word) => ` flags ${word}`).join('')}`
}
