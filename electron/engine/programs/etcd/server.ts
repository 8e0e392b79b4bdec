import type { Database } from '../../kubernetes/etcd/database.ts'
import { encodeDatabase, type Member } from '../../kubernetes/etcd/database.ts'
import { registryKey } from '../../kubernetes/etcd/keys.ts'
import { encodeProtobuf } from '../../kubernetes/http/protobuf-encode.ts'
import { encodeBase64 } from '../../kubernetes/base64.ts'
import { compareStrings } from '../../kubernetes/json.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Process } from '../../machine/types.ts'
import { hex } from '../../sha256.ts'
import { sha1 } from '../../sha1.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { goRefusal, namesOf } from '../tls/client-auth.ts'
import { ALERTS } from '../tls/wire.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'

/** etcd's ports: its clients', who show a certificate of its authority, its peers', of whom there are none, and that of its health. */
export const VERSION = '3.5.21'
/** Its one member was elected once; terms are not counted further. */
export const RAFT_TERM = 2
const OK: GoAnswer = { headers: [['X-Content-Type-Options', 'nosniff']], body: 'ok\n' }

interface Place { address: string; port: number; tls: boolean }

/** "https://127.0.0.1:2379,https://[::1]:2379" */
export function placesOf(urls: string): Place[] {
  return urls.split(',').flatMap((url) => {
    const [, scheme, six, four, port] = /^(https?):\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d+)\/?$/.exec(url) ?? []
    return port === undefined ? [] : [{ address: (six ?? four)!, port: Number(port), tls: scheme === 'https' }]
  })
}

/** What a client learns of it. */
export interface EtcdHeader { clusterId: string; memberId: string; revision: number }
export interface EtcdRange { header: EtcdHeader; count: number; kvs: { key: string; /** Base64. */ value?: string }[] }
export interface EtcdStatus { header: EtcdHeader; version: string; dbSize: number; raftTerm: number; raftIndex: number }
export interface EtcdMembers { header: EtcdHeader; members: { id: string; name: string; peerUrls: string; clientUrls: string }[] }
export interface EtcdDeleted { header: EtcdHeader; deleted: number; prevKvs: EtcdRange['kvs'] }
export interface EtcdDeleteRequest { key: string; end?: string | undefined; prevKv?: boolean }
export interface EtcdRangeRequest { key: string; end?: string | undefined; limit?: number; keysOnly?: boolean; countOnly?: boolean }

/** What it keeps. */
export interface EtcdContents {
  now(): Database
  /** Whoever watches hears of it; nobody is asked. */
  remove(resource: string, object: KubeObject): void
}

/** Throws SystemError with the place where it cannot listen. */
export function serveEtcd(process: Process, flags: ReadonlyMap<string, string>, member: Member, contents: EtcdContents): void {
  const read = (flag: string): Certificate[] => readCertificates(process.fs.readText(flags.get(flag) ?? ''))
  for (const { address, port } of placesOf(flags.get('listen-peer-urls') ?? '')) listen(process, address, port, () => GO_NOT_FOUND, { select: () => ({ alert: ALERTS.certificateRequired }) })
  for (const { address, port } of placesOf(flags.get('listen-client-urls') ?? '')) {
    listen(process, address, port, ({ method, target, body }) => {
      const { path } = splitTarget(target)
      if (method !== 'POST') return path === '/version' ? { body: `{"etcdserver":"${VERSION}","etcdcluster":"3.5.0"}`, contentType: 'application/json' } : path === '/health' ? HEALTH : path === '/metrics' ? NO_METRICS : GO_NOT_FOUND
      return answer(path, decodeUtf8(body), flags, member, contents)
    }, {
      select: () => {
        try {
          const trusted = read('trusted-ca-file')
          return { chain: read('cert-file'), clients: { authorities: namesOf(trusted), verify: (chain) => goRefusal(chain, trusted, process.clock.wall()) } }
        } catch {
          return { alert: ALERTS.internalError }
        }
      },
      random: process.clock.random.fork(`etcd tls ${address}`),
    })
  }
  for (const { address, port } of placesOf(flags.get('listen-metrics-urls') ?? '')) {
    listen(process, address, port, ({ target }) => {
      const { path } = splitTarget(target)
      if (path === '/metrics') return NO_METRICS
      if (path === '/health') return HEALTH
      return path === '/livez' || path === '/readyz' ? OK : GO_NOT_FOUND
    })
  }
}

const NO_METRICS: GoAnswer = { status: 501, body: "podhop: not simulated: etcd's /metrics (use /health)\n" }
const HEALTH: GoAnswer = { body: '{"health":"true","reason":""}' }

function listen(process: Process, address: string, port: number, ...rest: [Parameters<typeof serveGo>[4], Parameters<typeof serveGo>[5]?]): void {
  try {
    serveGo(process, 'etcd', port, address, ...rest)
  } catch (error) {
    if (error instanceof SystemError) throw Object.assign(error, { place: `${address}:${port}` })
    throw error
  }
}

/** Its gRPC services, as far as etcdctl asks them: within TLS nobody sees that JSON is spoken instead of protobuf. */
function answer(path: string, body: string, flags: ReadonlyMap<string, string>, member: Member, contents: EtcdContents): GoAnswer {
  const database = contents.now()
  const memberId = memberIdOf(member)
  const header: EtcdHeader = { memberId, clusterId: clusterIdOf(memberId), revision: database.revision }
  const json = (value: unknown): GoAnswer => ({ body: JSON.stringify(value), contentType: 'application/grpc' })
  switch (path) {
    case '/etcdserverpb.KV/Range': return json(range(JSON.parse(body) as EtcdRangeRequest, database, header))
    case '/etcdserverpb.KV/DeleteRange': {
      const { key, end, prevKv } = JSON.parse(body) as EtcdDeleteRequest
      const gone = within(key, end, database)
      for (const { resource, object } of gone) contents.remove(resource, object)
      const deleted: EtcdDeleted = { header: { ...header, revision: database.revision + gone.length }, deleted: gone.length, prevKvs: prevKv ? gone.map(({ at, object }) => ({ key: at, value: encodeBase64(valueOf(object)) })) : [] }
      return json(deleted)
    }
    case '/etcdserverpb.Maintenance/Snapshot': return { body: encodeDatabase(database), contentType: 'application/grpc' }
    case '/etcdserverpb.Maintenance/Status': {
      const status: EtcdStatus = { header, version: VERSION, dbSize: encodeUtf8(encodeDatabase(database)).length, raftTerm: RAFT_TERM, raftIndex: database.revision + 4 }
      return json(status)
    }
    case '/etcdserverpb.Cluster/MemberList': {
      const members: EtcdMembers = { header, members: [{ id: memberId, name: flags.get('name') ?? 'default', peerUrls: member.peerUrls, clientUrls: flags.get('advertise-client-urls') ?? '' }] }
      return json(members)
    }
    default: return { status: 404 }
  }
}

function range({ key, end, limit = 0, keysOnly, countOnly }: EtcdRangeRequest, database: Database, header: EtcdHeader): EtcdRange {
  const found = within(key, end, database)
  const chosen = countOnly ? [] : limit > 0 ? found.slice(0, limit) : found
  return { header, count: found.length, kvs: chosen.map(({ at, object }) => ({ key: at, ...(keysOnly ? {} : { value: encodeBase64(valueOf(object)) }) })) }
}

/** Without an end the key alone; an end of "\0" is that of all. */
function within(key: string, end: string | undefined, { contents }: Database): { at: string; resource: string; object: KubeObject }[] {
  const found: { at: string; resource: string; object: KubeObject }[] = []
  for (const [resource, objects] of contents) {
    for (const object of objects) {
      const at = registryKey(resource, object)
      if (end === undefined ? at === key : at >= key && (end === '\0' || at < end)) found.push({ at, resource, object })
    }
  }
  return found.sort((a, b) => compareStrings(a.at, b.at))
}

/** The resourceVersion is not kept: it is etcd's own revision. Custom resources are JSON, as Go writes maps. */
function valueOf(object: KubeObject): Uint8Array {
  const { resourceVersion: _, ...metadata } = object.metadata
  const stored = { ...object, metadata }
  return encodeProtobuf(stored) ?? encodeUtf8(`${JSON.stringify(sorted(stored))}\n`)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareStrings(a, b)).map(([name, each]) => [name, sorted(each)]))
}

/** server/etcdserver/api/membership: computeMemberId and genID. */
export function memberIdOf({ peerUrls, token }: Member): string {
  return hex(sha1(encodeUtf8(peerUrls.split(',').sort().join('') + token)).slice(0, 8)).replace(/^0+/, '')
}

export function clusterIdOf(memberId: string): string {
  const bytes = memberId.padStart(16, '0').match(/../g)!.map((byte) => parseInt(byte, 16))
  return hex(sha1(concatBytes([Uint8Array.from(bytes)])).slice(0, 8)).replace(/^0+/, '')
}
