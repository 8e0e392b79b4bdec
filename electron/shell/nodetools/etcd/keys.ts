import type { Process, Task } from '../../../engine/cluster.ts'
import { encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { type KeyRange } from '../../../engine/kubernetes/etcd/keys.ts'
import type { EtcdDeleted, EtcdDeleteRequest, EtcdPut, EtcdPutRequest, EtcdRange, EtcdRangeRequest, SortTarget } from '../../../engine/programs/etcd/services.ts'
import { concatBytes, encodeUtf8 } from '../../../engine/text.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { accessOf, unary } from './client.ts'
import { formatOf, headerFields, headerJson, keyValueFields, keyValueJson, listJson, printPairs } from './print.ts'
import { BAD_ARGUMENTS, BAD_FEATURE, EtcdError } from './words.ts'

/** etcdctl's commands about keys: ctlv3/command/{get,put,del,compaction}_command.go of 3.5. */
export const GET_FLAGS = `
  --consistency string=l
  --order string
  --sort-by string
  --limit int=0
  --prefix bool
  --from-key bool
  --rev int=0
  --keys-only bool
  --count-only bool
  --print-value-only bool
`
export const DEL_FLAGS = `
  --prefix bool
  --from-key bool
  --prev-kv bool
`
export const PUT_FLAGS = `
  --lease string=0
  --prev-kv bool
  --ignore-value bool
  --ignore-lease bool
`
const ONE_OF = '`--prefix` and `--from-key` cannot be set at the same time, choose one'
const TOO_MANY = 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'
const TARGETS: readonly SortTarget[] = ['KEY', 'VERSION', 'CREATE', 'MODIFY', 'VALUE']

export function* get(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  const [key = '', end] = names
  if (names.length === 0) throw new EtcdError('get command needs one argument as key and an optional argument as range_end', BAD_ARGUMENTS)
  const [prefix, fromKey, keysOnly, countOnly] = ['prefix', 'from-key', 'keys-only', 'count-only'].map((name) => given.bool(name)) as [boolean, boolean, boolean, boolean]
  if (prefix && fromKey) throw new EtcdError(ONE_OF, BAD_ARGUMENTS)
  if (keysOnly && countOnly) throw new EtcdError('`--keys-only` and `--count-only` cannot be set at the same time, choose one', BAD_ARGUMENTS)
  if (!['s', 'l'].includes(given.string('consistency'))) throw new EtcdError(`unknown consistency flag ${JSON.stringify(given.string('consistency'))}`, BAD_FEATURE)
  if (end !== undefined && (prefix || fromKey)) throw new EtcdError(TOO_MANY, BAD_ARGUMENTS)
  const order = given.string('order').toUpperCase()
  if (!['', 'ASCEND', 'DESCEND'].includes(order)) throw new EtcdError(`bad sort order ${given.string('order')}`, BAD_FEATURE)
  const target = TARGETS.find((each) => each === (given.string('sort-by').toUpperCase() || 'KEY'))
  if (!target) throw new EtcdError(`bad sort target ${given.string('sort-by')}`, BAD_FEATURE)
  const request: EtcdRangeRequest = {
    ...rangeOf(given, key, end), limit: given.int('limit'), revision: Math.max(0, given.int('rev')), sortBy: target, descending: order === 'DESCEND', keysOnly, countOnly,
  }
  const { header, kvs, count, more } = yield* unary<EtcdRange>(process, accessOf(process, given), 'KV/Range', request)
  const format = formatOf(given, false)
  const valueOnly = given.bool('print-value-only')
  if (countOnly && format !== 'fields') throw new EtcdError('--count-only is only for `--write-out=fields`', BAD_ARGUMENTS)
  if (valueOnly && format !== 'simple') throw new EtcdError('print-value-only is only for `--write-out=simple`', BAD_ARGUMENTS)
  if (format === 'fields') return yield* process.print(`${headerFields(header)}${kvs.map((kv) => keyValueFields(kv)).join('')}"More" : ${more}\n"Count" : ${count}\n`)
  if (format === 'json') return yield* process.print(`{"header":${headerJson(header)}${listJson('kvs', kvs.map(keyValueJson))}${more ? ',"more":true' : ''}${count > 0 ? `,"count":${count}` : ''}}\n`)
  yield* printPairs(process, kvs, { hexed: given.bool('hex'), valueOnly })
}

/** The value is an argument, or else all of the standard input. */
export function* put(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  const usage = new EtcdError('put command needs 1 argument and input from stdin or 2 arguments', BAD_ARGUMENTS)
  const [key = '', argument] = names
  if (names.length === 0) throw usage
  const keep = given.bool('ignore-value')
  if (keep && names.length > 1) throw new EtcdError("put command needs only 1 argument when 'ignore-value' is set", BAD_ARGUMENTS)
  const bytes = keep ? undefined : argument === undefined ? yield* standardInput(process) : encodeUtf8(argument)
  if (bytes?.length === 0 && argument === undefined) throw usage
  const lease = given.string('lease')
  if (!/^[+-]?[0-9a-f]+$/i.test(lease)) throw new EtcdError(`bad lease ID (strconv.ParseInt: parsing ${JSON.stringify(lease)}: invalid syntax), expecting ID in Hex`, BAD_ARGUMENTS)
  const request: EtcdPutRequest = { key, value: bytes && encodeBase64(bytes), lease: lease.replace(/^[+-]?0+(?=.)/, ''), prevKv: given.bool('prev-kv') }
  const { header, prevKv } = yield* unary<EtcdPut>(process, accessOf(process, given), 'KV/Put', request)
  const format = formatOf(given, false)
  if (format === 'fields') return yield* process.print(headerFields(header) + (prevKv ? keyValueFields(prevKv, 'Prev') : ''))
  if (format === 'json') return yield* process.print(`{"header":${headerJson(header)}${prevKv ? `,"prev_kv":${keyValueJson(prevKv)}` : ''}}\n`)
  yield* process.print('OK\n')
  yield* printPairs(process, prevKv ? [prevKv] : [], { hexed: given.bool('hex') })
}

function* standardInput(process: Process): Task<Uint8Array> {
  const parts: Uint8Array[] = []
  for (;;) {
    const data = yield* process.read(0)
    if (data === null) return concatBytes(parts)
    parts.push(data)
  }
}

/** Says how many keys are gone. */
export function* del(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  if (names.length === 0 || names.length > 2) throw new EtcdError('del command needs one argument as key and an optional argument as range_end', BAD_ARGUMENTS)
  const [key = '', end] = names
  const [prefix, fromKey] = [given.bool('prefix'), given.bool('from-key')]
  if (prefix && fromKey) throw new EtcdError(ONE_OF, BAD_ARGUMENTS)
  if (end !== undefined && (prefix || fromKey)) throw new EtcdError(TOO_MANY, BAD_ARGUMENTS)
  const request: EtcdDeleteRequest = { ...rangeOf(given, key, end), prevKv: given.bool('prev-kv') }
  const { header, deleted, prevKvs } = yield* unary<EtcdDeleted>(process, accessOf(process, given), 'KV/DeleteRange', request)
  const format = formatOf(given, false)
  if (format === 'fields') return yield* process.print(`${headerFields(header)}"Deleted" : ${deleted}\n${prevKvs.map((kv) => keyValueFields(kv, 'Prev')).join('')}`)
  if (format === 'json') return yield* process.print(`{"header":${headerJson(header)}${deleted > 0 ? `,"deleted":${deleted}` : ''}${listJson('prev_kvs', prevKvs.map(keyValueJson))}}\n`)
  yield* process.print(`${deleted}\n`)
  yield* printPairs(process, prevKvs, { hexed: given.bool('hex') })
}

export function* compaction(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  const [text = ''] = names
  if (names.length !== 1) throw new EtcdError('compaction command needs 1 argument', BAD_ARGUMENTS)
  if (!/^[+-]?\d+$/.test(text)) throw new EtcdError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  yield* unary(process, accessOf(process, given), 'KV/Compact', { revision: Number(text) })
  yield* process.print(`compacted revision ${Number(text)}\n`)
}

/** With neither --prefix nor --from-key no key at all is one that is missing. */
export function rangeOf(given: FlagSet, key: string, end: string | undefined): KeyRange {
  const prefix = given.bool('prefix')
  const fromKey = given.has('from-key') && given.bool('from-key')
  return { key: key === '' && (prefix || fromKey) ? '\0' : key, end: fromKey || (prefix && key === '') ? '\0' : prefix ? after(key) : end }
}

/** clientv3.GetPrefixRangeEnd: the first key after all that begin so. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
