import type { Process, Task } from '../../../engine/cluster.ts'
import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { quote } from '../../../engine/kubernetes/json.ts'
import { goJson } from '../../../engine/programs/http/go.ts'
import { RAFT_TERM, type EtcdEvent, type EtcdHeader, type EtcdKeyValue } from '../../../engine/programs/etcd/services.ts'
import { encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../../engine/text.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { BAD_FEATURE, EtcdError, NotSimulated } from './words.ts'

/** How etcdctl writes what came (etcdctl/ctlv3/command/printer_simple.go, printer_fields.go, printer_json.go of 3.5). */
export type Format = 'simple' | 'table' | 'json' | 'fields'

/** `tables`: whether the command has one. */
export function formatOf(given: FlagSet, tables = true): Format {
  const format = given.string('write-out')
  if (format === 'protobuf') throw new NotSimulated('etcdctl -w protobuf (use -w json)')
  if (!['simple', 'table', 'json', 'fields'].includes(format)) throw new EtcdError('unsupported output format', BAD_FEATURE)
  if (format === 'table' && !tables) throw new EtcdError('table not supported as output format', BAD_FEATURE)
  return format as Format
}

/** IDs are numbers of 64 bits, of which JSON.stringify knows none. */
export function decimal(id: string): string {
  return String(BigInt(`0x${id}`))
}

export function headerFields({ clusterId, memberId, revision }: EtcdHeader): string {
  return `"ClusterID" : ${decimal(clusterId)}\n"MemberID" : ${decimal(memberId)}\n"Revision" : ${revision}\n"RaftTerm" : ${RAFT_TERM}\n`
}

/** What is zero is left out. */
export function headerJson({ clusterId, memberId, revision }: EtcdHeader): string {
  return `{"cluster_id":${decimal(clusterId)},"member_id":${decimal(memberId)},${revision === 0 ? '' : `"revision":${revision},`}"raft_term":${RAFT_TERM}}`
}

function bytesOf({ value }: EtcdKeyValue): Uint8Array {
  const bytes = decodeBase64(value ?? '')
  return typeof bytes === 'number' ? new Uint8Array(0) : bytes
}

export function keyValueJson(kv: EtcdKeyValue): string {
  const { key, created, modified, writes, value } = kv
  return JSON.stringify({
    key: encodeBase64(encodeUtf8(key)), ...(created === 0 ? {} : { create_revision: created }), ...(modified === 0 ? {} : { mod_revision: modified }),
    ...(writes === 0 ? {} : { version: writes }), ...(value === undefined || value === '' ? {} : { value }),
  })
}

export function keyValueFields(kv: EtcdKeyValue, prefix = ''): string {
  const { key, created, modified, writes } = kv
  const row = (name: string, value: string | number): string => `"${prefix}${name}" : ${value}\n`
  return row('Key', quote(key)) + row('CreateRevision', created) + row('ModRevision', modified) + row('Version', writes) + row('Value', quoteBytes(bytesOf(kv))) + row('Lease', 0)
}

/** A line for the key and one for the value, which may be any bytes. */
function keyValueSimple(kv: EtcdKeyValue, { hexed, valueOnly = false }: { hexed: boolean; valueOnly?: boolean }): Uint8Array {
  const shown = (bytes: Uint8Array): Uint8Array => (hexed ? encodeUtf8([...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')) : bytes)
  const newline = encodeUtf8('\n')
  return concatBytes([...(valueOnly ? [] : [shown(encodeUtf8(kv.key)), newline]), shown(bytesOf(kv)), newline])
}

export function eventJson({ deleted, kv, prevKv }: EtcdEvent): string {
  return `{${deleted ? '"type":1,' : ''}"kv":${keyValueJson(kv)}${prevKv ? `,"prev_kv":${keyValueJson(prevKv)}` : ''}}`
}

export function eventFields({ deleted, kv, prevKv }: EtcdEvent): string {
  return `"Type" : ${deleted ? 'DELETE' : 'PUT'}\n${prevKv ? keyValueFields(prevKv, 'Prev') : ''}${keyValueFields(kv)}`
}

export function* printPairs(process: Process, kvs: readonly EtcdKeyValue[], how: { hexed: boolean; valueOnly?: boolean }): Task<void> {
  for (const kv of kvs) yield* process.print(keyValueSimple(kv, how))
}

/** Go's %q of bytes: what is no UTF-8 is told byte by byte. */
export function quoteBytes(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!
    const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0
    const text = length === 0 ? '\ufffd' : decodeUtf8(bytes.subarray(i, i + length))
    if (length > 0 && !text.includes('\ufffd')) {
      out += quote(text).slice(1, -1)
      i += length
    } else {
      out += `\\x${lead.toString(16).padStart(2, '0')}`
      i++
    }
  }
  return `"${out}"`
}

/** A list of objects that are JSON already. */
export function listJson(name: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `,${goJson(name)}:[${items.join(',')}]`
}
