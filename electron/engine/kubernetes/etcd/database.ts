import { crc32c } from '../../network/wire/sctp.ts'
import { hex, sha256 } from '../../sha256.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { decodeBase64, encodeBase64 } from '../base64.ts'
import type { Life, Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import type { PlainKey } from './key-space.ts'
import { registryKey } from './keys.ts'

/**
 * The file in which etcd keeps everything (member/snap/db of its data directory), and snapshots of it. The real one is a
 * bbolt database; here it is lines: what it is, its state as JSON, then resource, tab, object, tab, when it was
 * made and how often it was written; and keys that are no object's under no resource, with their bytes in base64. Both are as long as
 * whole pages, and a snapshot has the SHA-256 of the rest at its end, as the server appends it
 * (server/etcdserver/api/v3rpc/maintenance.go).
 */
const MAGIC = 'podhop etcd 1'
const PAGE = 4096
const SECTOR = 512
export const DATABASE = 'member/snap/db'

export interface Member {
  name: string
  peerUrls: string
  /** --initial-cluster-token. */
  token: string
}

export interface Database {
  revision: number
  /** Whose it is when it was restored from a snapshot; absent: who opens it. */
  member?: Member
  contents: ReadonlyMap<string, readonly KubeObject[]>
  lifeOf(resource: string, object: KubeObject): Life
  plain: readonly PlainKey[]
}

/** What is in the store now. */
export function capture(store: Store, plain: readonly PlainKey[], member?: Member): Database {
  // a list of what is not yet put together is part of the past of all who look later
  const contents = store.contents()
  const lives = new Map([...contents].flatMap(([resource, objects]) => objects.map((object) => [object, store.lifeOf(resource, object)])))
  return { revision: store.version, contents, plain, lifeOf: (_, object) => lives.get(object)!, ...(member ? { member } : {}) }
}

export function encodeDatabase({ revision, member, contents, plain, lifeOf }: Database): string {
  const lines = [MAGIC, JSON.stringify({ revision, ...(member ? { member } : {}) })]
  for (const [resource, objects] of contents) for (const object of objects) {
    const { created, writes } = lifeOf(resource, object)
    lines.push(`${resource}\t${JSON.stringify(object)}\t${created} ${writes}`)
  }
  for (const { bytes, ...key } of plain) lines.push(`\t${JSON.stringify({ ...key, value: encodeBase64(bytes) })}`)
  const text = `${lines.join('\n')}\n`
  const size = encodeUtf8(text).length
  return text + '\0'.repeat((PAGE - (size % PAGE)) % PAGE)
}

/** Undefined for what is no database. */
export function decodeDatabase(bytes: Uint8Array): Database | undefined {
  const [magic, head, ...lines] = decodeUtf8(withoutHash(bytes) ?? bytes).replace(/\0*$/, '').split('\n')
  if (magic !== MAGIC) return undefined
  try {
    const contents = new Map<string, KubeObject[]>()
    const lives = new Map<KubeObject, Life>()
    const plain: PlainKey[] = []
    for (const line of lines) {
      if (line === '') continue
      const [resource = '', json = '', counts = ''] = line.split('\t')
      if (resource === '') {
        const { value, ...key } = JSON.parse(json) as Omit<PlainKey, 'bytes'> & { value: string }
        plain.push({ ...key, bytes: decodeBase64(value) as Uint8Array })
        continue
      }
      const objects = contents.get(resource)
      const object = JSON.parse(json) as KubeObject
      const [created = 0, writes = 0] = counts.split(' ').map(Number)
      lives.set(object, { created, writes })
      if (objects) objects.push(object)
      else contents.set(resource, [object])
    }
    return { ...(JSON.parse(head!) as Pick<Database, 'revision' | 'member'>), contents, plain, lifeOf: (_, object) => lives.get(object)! }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export function snapshotOf(database: string): Uint8Array {
  const bytes = encodeUtf8(database)
  return concatBytes([bytes, sha256(bytes)])
}

/** A snapshot's database; undefined where no hash is appended. */
export function withoutHash(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length % SECTOR === 32 ? bytes.subarray(0, -32) : undefined
}

/** Whether the hash at the end is that of the rest; both in Go's %v of a slice when it is not. */
export function hashProblem(bytes: Uint8Array): string | undefined {
  const rest = withoutHash(bytes)!
  const [has, is] = [bytes.subarray(-32), sha256(rest)]
  return hex(has) === hex(is) ? undefined : `expected sha256 [${has.join(' ')}], got [${is.join(' ')}]`
}

export interface DatabaseStatus { hash: string; revision: number; totalKey: number; totalSize: number }

/** etcdutl snapshot status: the buckets "meta", "members" and "cluster" have keys, too. */
export function statusOf(bytes: Uint8Array, { revision, contents, plain }: Database): DatabaseStatus {
  const rest = withoutHash(bytes) ?? bytes
  const objects = [...contents.values()].reduce((sum, each) => sum + each.length, 0)
  return { hash: (crc32c(rest) >>> 0).toString(16), revision, totalKey: objects + plain.length + OF_ETCD, totalSize: rest.length }
}

/** consistent_index, confState, term, scheduledCompactRev, finishedCompactRev, storageVersion, a member, clusterVersion. */
const OF_ETCD = 8

/**
 * Makes the store what a database says. Whoever watches hears of each difference; versions go on, as with
 * `--bump-revision`, though what is put back has its resourceVersion of then.
 */
export function load(store: Store, { contents, lifeOf }: Database): void {
  const now = store.contents()
  for (const [resource, objects] of now) {
    const then = new Map((contents.get(resource) ?? []).map((object) => [registryKey(resource, object), object]))
    for (const object of objects) {
      const same = then.get(registryKey(resource, object))?.metadata.uid === object.metadata.uid
      if (!same) store.remove(resource, object.metadata.namespace ?? '', object.metadata.name)
    }
  }
  for (const [resource, objects] of contents) {
    for (const object of objects) {
      const present = store.get(resource, object.metadata.namespace ?? '', object.metadata.name)
      if (present?.metadata.resourceVersion !== object.metadata.resourceVersion) store.putBack(resource, object, lifeOf(resource, object))
    }
  }
}
