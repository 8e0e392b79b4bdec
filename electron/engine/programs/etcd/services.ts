import { encodeBase64, decodeBase64 } from '../../kubernetes/base64.ts'
import { encodeDatabase, type Member } from '../../kubernetes/etcd/database.ts'
import { EtcdRefusal, type KeyEvent, type KeySpace, type KeyValue, NotSimulatedHere } from '../../kubernetes/etcd/key-space.ts'
import type { KeyRange } from '../../kubernetes/etcd/keys.ts'
import { compareStrings } from '../../kubernetes/json.ts'
import { parseGoDuration, type GoAnswer } from '../http/go.ts'
import type { AnswerBody } from '../http/server.ts'
import type { Process } from '../../machine/types.ts'
import { hex } from '../../sha256.ts'
import { sha1 } from '../../sha1.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import type { EtcdStorage } from './storage.ts'

/**
 * etcd's gRPC services, as far as etcdctl asks them (api/etcdserverpb/rpc.proto): within TLS nobody sees that JSON is
 * spoken instead of protobuf.
 */
export const VERSION = '3.5.21'
/** Its one member was elected once; terms are not counted further. */
export const RAFT_TERM = 2

export interface EtcdHeader { clusterId: string; memberId: string; revision: number }
/** `value`: base64; absent where keys alone were asked for. */
export interface EtcdKeyValue { key: string; created: number; modified: number; writes: number; value?: string }
export interface EtcdRange { header: EtcdHeader; count: number; more: boolean; kvs: EtcdKeyValue[] }
export interface EtcdRangeRequest extends KeyRange { limit?: number; revision?: number; sortBy?: SortTarget; descending?: boolean; keysOnly?: boolean; countOnly?: boolean }
export type SortTarget = 'KEY' | 'VERSION' | 'CREATE' | 'MODIFY' | 'VALUE'
export interface EtcdPut { header: EtcdHeader; prevKv?: EtcdKeyValue }
/** `value` undefined: what it has. */
export interface EtcdPutRequest { key: string; value: string | undefined; lease: string; prevKv: boolean }
export interface EtcdDeleted { header: EtcdHeader; deleted: number; prevKvs: EtcdKeyValue[] }
export interface EtcdDeleteRequest extends KeyRange { prevKv?: boolean }
export interface EtcdStatus { header: EtcdHeader; version: string; dbSize: number; raftTerm: number; raftIndex: number }
export interface EtcdHash { header: EtcdHeader; hash: number; compactRevision: number }
export interface EtcdMembers { header: EtcdHeader; members: { id: string; name: string; peerUrls: string; clientUrls: string }[] }
export interface EtcdWatchRequest extends KeyRange { startRevision: number; prevKv: boolean; progressNotify: boolean }
export interface EtcdEvent { kv: EtcdKeyValue; deleted: boolean; prevKv?: EtcdKeyValue }
/** A line each. */
export interface EtcdWatched { header: EtcdHeader; events: EtcdEvent[]; created?: true; compactRevision?: number }
/** Instead of an answer. */
export interface EtcdRefused { refused: { code: string; message: string } }
export interface EtcdNotSimulated { notSimulated: string }

export interface EtcdHost { flags: ReadonlyMap<string, string>; member: Member; storage: EtcdStorage }

/** ms: --experimental-watch-progress-notify-interval's default. */
const PROGRESS = 600_000

export function answerEtcd(process: Process, path: string, body: string, host: EtcdHost): GoAnswer {
  try {
    return answer(process, path, body, host)
  } catch (error) {
    if (error instanceof NotSimulatedHere) return json({ notSimulated: error.message } satisfies EtcdNotSimulated)
    if (error instanceof EtcdRefusal) return json({ refused: { code: error.code, message: error.message } } satisfies EtcdRefused)
    throw error
  }
}

function json(value: unknown): GoAnswer {
  return { body: JSON.stringify(value), contentType: 'application/grpc' }
}

function answer(process: Process, path: string, body: string, { flags, member, storage }: EtcdHost): GoAnswer {
  const { keys } = storage
  const memberId = memberIdOf(member)
  const header = (): EtcdHeader => ({ memberId, clusterId: clusterIdOf(memberId), revision: keys.revision })
  switch (path) {
    case '/etcdserverpb.KV/Range': return json(range(keys, JSON.parse(body) as EtcdRangeRequest, header))
    case '/etcdserverpb.KV/Put': return json(put(storage, JSON.parse(body) as EtcdPutRequest, header))
    case '/etcdserverpb.KV/DeleteRange': {
      const { prevKv, ...wanted } = JSON.parse(body) as EtcdDeleteRequest
      checkKey(wanted.key)
      const gone = storage.remove(wanted)
      return json({ header: header(), deleted: gone.length, prevKvs: prevKv ? gone.map((each) => said(each)) : [] } satisfies EtcdDeleted)
    }
    case '/etcdserverpb.KV/Compact': {
      keys.compact((JSON.parse(body) as { revision: number }).revision)
      return json({ header: header() })
    }
    case '/etcdserverpb.Watch/Watch': {
      const request = JSON.parse(body) as EtcdWatchRequest
      const interval = parseGoDuration(flags.get('experimental-watch-progress-notify-interval') ?? '') ?? PROGRESS
      return { contentType: 'application/grpc', stream: (stream) => watch(process, keys, request, header, interval, stream) }
    }
    case '/etcdserverpb.Maintenance/Snapshot': return { body: encodeDatabase(storage.now(member)), contentType: 'application/grpc' }
    case '/etcdserverpb.Maintenance/Status': {
      const { revision } = keys
      return json({ header: header(), version: VERSION, dbSize: encodeUtf8(encodeDatabase(storage.now(member))).length, raftTerm: RAFT_TERM, raftIndex: revision + 4 } satisfies EtcdStatus)
    }
    case '/etcdserverpb.Maintenance/HashKV': {
      const everything = { key: '\0', end: '\0' }
      return json({ header: header(), hash: keys.hash((JSON.parse(body) as { revision: number }).revision), compactRevision: keys.compacted(everything) } satisfies EtcdHash)
    }
    // nothing is left over in its file, and it has no quota that could be used up
    case '/etcdserverpb.Maintenance/Defragment':
    case '/etcdserverpb.Maintenance/Alarm': return json({ header: header() })
    case '/etcdserverpb.Cluster/MemberList':
      return json({ header: header(), members: [{ id: memberId, name: flags.get('name') ?? 'default', peerUrls: member.peerUrls, clientUrls: flags.get('advertise-client-urls') ?? '' }] } satisfies EtcdMembers)
    default: return { status: 404 }
  }
}

function checkKey(key: string): void {
  if (key === '') throw new EtcdRefusal('InvalidArgument', 'key is not provided')
}

function said(kv: KeyValue, keysOnly = false): EtcdKeyValue {
  const { key, created, modified, writes } = kv
  return { key, created, modified, writes, ...(keysOnly ? {} : { value: encodeBase64(kv.value()) }) }
}

const BY: Readonly<Record<SortTarget, (a: KeyValue, b: KeyValue) => number>> = {
  KEY: (a, b) => compareStrings(a.key, b.key),
  VERSION: (a, b) => a.writes - b.writes,
  CREATE: (a, b) => a.created - b.created,
  MODIFY: (a, b) => a.modified - b.modified,
  VALUE: (a, b) => compareStrings(hex(a.value()), hex(b.value())),
}

function range(keys: KeySpace, { key, end, limit = 0, revision = 0, sortBy = 'KEY', descending = false, keysOnly, countOnly }: EtcdRangeRequest, header: () => EtcdHeader): EtcdRange {
  checkKey(key)
  const found = keys.range({ key, end }, revision)
  const by = BY[sortBy]
  if (sortBy !== 'KEY' || descending) found.sort((a, b) => (descending ? by(b, a) : by(a, b)))
  const chosen = countOnly ? [] : limit > 0 ? found.slice(0, limit) : found
  return { header: header(), count: found.length, more: !countOnly && chosen.length < found.length, kvs: chosen.map((kv) => said(kv, keysOnly)) }
}

function put(storage: EtcdStorage, { key, value, lease, prevKv }: EtcdPutRequest, header: () => EtcdHeader): EtcdPut {
  checkKey(key)
  const bytes = value === undefined ? storage.keys.range({ key })[0]?.value() : (decodeBase64(value) as Uint8Array)
  if (!bytes) throw new EtcdRefusal('InvalidArgument', 'key not found')
  // nobody is granted one here
  if (lease !== '0') throw new EtcdRefusal('NotFound', 'requested lease not found')
  const before = storage.put(key, bytes)
  return { header: header(), ...(prevKv && before ? { prevKv: said(before) } : {}) }
}

/** First that it stands, then what was already, then what happens: what comes at one moment goes out together. */
function watch(process: Process, keys: KeySpace, { key, end, startRevision, prevKv, progressNotify }: EtcdWatchRequest, header: () => EtcdHeader, interval: number, stream: AnswerBody): void {
  const { clock } = process
  const wanted: KeyRange = { key: key === '' ? '\0' : key, end }
  const send = (answer: EtcdWatched): void => stream.send(encodeUtf8(`${JSON.stringify(answer)}\n`))
  send({ header: header(), events: [], created: true })
  const past = startRevision > 0 ? keys.since(wanted, startRevision) : []
  if (!past) {
    send({ header: { ...header(), revision: 0 }, events: [], compactRevision: keys.compacted(wanted) })
    return stream.end()
  }
  let waiting: KeyEvent[] = [...past]
  const tell = (): void => {
    const events = waiting
    waiting = []
    timer = undefined
    if (events.length > 0) send({ header: header(), events: events.map((event) => eventSaid(event, prevKv)) })
  }
  let timer = past.length > 0 ? clock.schedule(0, tell) : undefined
  const stopObserving = keys.observe(wanted, (event) => {
    if (event.revision < startRevision) return
    waiting.push(event)
    timer ??= clock.schedule(0, tell)
  })
  const progress = (): void => {
    ticking = clock.schedule(interval, progress, { background: true })
    send({ header: header(), events: [] })
  }
  let ticking = progressNotify ? clock.schedule(interval, progress, { background: true }) : undefined
  const stop = (): void => {
    stopObserving()
    clock.cancel(timer)
    clock.cancel(ticking)
  }
  stream.onGone = stop
  process.onExit(stop)
}

function eventSaid({ revision, key, now, before }: KeyEvent, prevKv: boolean): EtcdEvent {
  return { deleted: !now, kv: now ? said(now) : { key, created: 0, modified: revision, writes: 0 }, ...(prevKv && before ? { prevKv: said(before) } : {}) }
}

/** server/etcdserver/api/membership: computeMemberId and genID. */
export function memberIdOf({ peerUrls, token }: Member): string {
  return hex(sha1(encodeUtf8(peerUrls.split(',').sort().join('') + token)).slice(0, 8)).replace(/^0+/, '')
}

export function clusterIdOf(memberId: string): string {
  const bytes = memberId.padStart(16, '0').match(/../g)!.map((byte) => parseInt(byte, 16))
  return hex(sha1(concatBytes([Uint8Array.from(bytes)])).slice(0, 8)).replace(/^0+/, '')
}
