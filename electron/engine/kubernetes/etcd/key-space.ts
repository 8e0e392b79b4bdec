import { crc32c } from '../../network/wire/sctp.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { compareStrings } from '../json.ts'
import type { Kind } from '../kinds/kind.ts'
import type { Change, Life, Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { inRange, type KeyRange, meets, registryKey, registryPrefix } from './keys.ts'
import { decodeValue, encodeValue } from './values.ts'

/** One version of a key (api/mvccpb's KeyValue). */
export interface KeyValue {
  key: string
  created: number
  modified: number
  writes: number
  /** The bytes; put together when somebody wants them. */
  value(): Uint8Array
}

/** Undefined `now`: it was deleted. */
export interface KeyEvent { revision: number; key: string; now: KeyValue | undefined; before: KeyValue | undefined }

/** etcd's own refusals (api/v3rpc/rpctypes/error.go): the code of gRPC, and what is said. */
export class EtcdRefusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(`etcdserver: ${message}`)
    this.code = code
  }
}

/** The refusal that is no answer of etcd's. */
export class NotSimulatedHere extends Error {}

/** A key that is no object's: whoever put it there, the API server never looks at it. */
export interface PlainKey { key: string; created: number; modified: number; writes: number; bytes: Uint8Array }

/**
 * What etcd's clients see: one ordered space of keys with one counter of revisions, and its past up to the last
 * compaction (server/storage/mvcc). Most keys are the store's objects; the few others are kept here.
 */
export class KeySpace {
  readonly #store: Store
  readonly #kinds: () => Iterable<Kind>
  #plain = new Map<string, PlainKey>()
  #past: KeyEvent[] = []
  readonly #plainListeners = new Set<(event: KeyEvent) => void>()

  constructor(store: Store, kinds: () => Iterable<Kind>) {
    this.#store = store
    this.#kinds = kinds
  }

  get revision(): number {
    return this.#store.version
  }

  /** How many there are. */
  get count(): number {
    return this.#store.resources().reduce((sum, resource) => sum + this.#store.count(resource), this.#plain.size)
  }

  get plainKeys(): readonly PlainKey[] {
    return [...this.#plain.values()]
  }

  /** Makes the plain keys those of a database that was opened. */
  restore(keys: readonly PlainKey[]): void {
    this.#plain = new Map(keys.map((key) => [key.key, key]))
    this.#past = []
  }

  /**
   * The revision that nobody goes behind any more. The API server's store forgets busy resources earlier than the five
   * minutes of kube-apiserver's compactions; for etcd's clients that is a compaction, too.
   */
  compacted(range: KeyRange): number {
    const forgotten = this.#resources(range).map((resource) => this.#store.forgotten(resource))
    return Math.max(this.#store.compacted, ...forgotten)
  }

  /** In the order of keys; `revision` 0: now. Throws {@link EtcdRefusal}. */
  range(range: KeyRange, revision = 0): KeyValue[] {
    this.#check(range, revision)
    const then = revision > 0 && revision < this.revision ? revision : undefined
    const found: KeyValue[] = []
    for (const resource of this.#resources(range)) {
      const lives = then === undefined ? undefined : this.#livesAt(resource, then)
      for (const object of (then === undefined ? this.#store.list(resource, undefined) : this.#store.listAt(resource, undefined, then)) ?? []) {
        const key = registryKey(resource, object)
        if (inRange(key, range)) found.push(valueOf(key, object, lives?.get(key) ?? this.#store.lifeOf(resource, object)))
      }
    }
    for (const each of then === undefined ? this.#plain.values() : this.#plainAt(then)) if (inRange(each.key, range)) found.push(plainValue(each))
    return found.sort((a, b) => compareStrings(a.key, b.key))
  }

  /** What is gone. Finalizers are nothing to etcd, and whoever watches hears of it. */
  remove(range: KeyRange): KeyValue[] {
    const gone: KeyValue[] = []
    for (const resource of this.#resources(range)) {
      for (const object of this.#store.list(resource, undefined)) {
        const key = registryKey(resource, object)
        if (!inRange(key, range)) continue
        gone.push(valueOf(key, object, this.#store.lifeOf(resource, object)))
        this.#store.remove(resource, object.metadata.namespace ?? '', object.metadata.name)
      }
    }
    for (const each of [...this.#plain.values()]) {
      if (!inRange(each.key, range)) continue
      gone.push(plainValue(each))
      this.#plain.delete(each.key)
      this.#tell({ revision: this.#store.advance({ removes: true }), key: each.key, now: undefined, before: plainValue(each) })
    }
    return gone.sort((a, b) => compareStrings(a.key, b.key))
  }

  /** What was there before, and what it is an object of now. Throws {@link NotSimulatedHere} for what would spoil the API server's lists. */
  put(key: string, bytes: Uint8Array): { before: KeyValue | undefined; resource?: string } {
    const [before] = this.range({ key })
    const read = decodeValue(this.#kinds(), key, bytes)
    if (typeof read === 'string') throw new NotSimulatedHere(`bytes at ${key} that kube-apiserver cannot decode as this one of its ${read} (put what etcdctl get --print-value-only or kubectl get -o json gives)`)
    if (read) {
      this.#store.put(read.resource, read.object)
      return { before, resource: read.resource }
    }
    const revision = this.#store.advance()
    const plain: PlainKey = { key, created: before?.created ?? revision, modified: revision, writes: (before?.writes ?? 0) + 1, bytes }
    this.#plain.set(key, plain)
    this.#tell({ revision, key, now: plainValue(plain), before })
    return { before }
  }

  /** Throws {@link EtcdRefusal}. */
  compact(revision: number): void {
    if (revision > this.revision) throw FUTURE()
    if (revision <= this.#store.compacted) throw COMPACTED()
    this.#store.compact(revision)
    this.#past = this.#past.filter((event) => event.revision > revision)
  }

  /** The events of a range from a revision on that were already; undefined when it was compacted. */
  since(range: KeyRange, revision: number): KeyEvent[] | undefined {
    if (revision < this.#store.compacted || this.#resources(range).some((resource) => this.#store.forgotten(resource) >= revision)) return undefined
    const objects = this.#resources(range).flatMap((resource) => this.#store.changesSince(resource, revision - 1).map((change) => eventOf(resource, change)))
    return [...objects, ...this.#past.filter((event) => event.revision >= revision)].filter(({ key }) => inRange(key, range)).sort((a, b) => a.revision - b.revision)
  }

  /** Tells of every event of a range from now on, until what is returned is called. */
  observe(range: KeyRange, listener: (event: KeyEvent) => void): () => void {
    const plain = (event: KeyEvent): void => {
      if (inRange(event.key, range)) listener(event)
    }
    this.#plainListeners.add(plain)
    const stop = this.#store.observe((resource, change) => plain(eventOf(resource, change)))
    return () => {
      stop()
      this.#plainListeners.delete(plain)
    }
  }

  /** HashKV: over all that there is, as of a revision. */
  hash(revision: number): number {
    const everything = this.range({ key: '\0', end: '\0' }, revision)
    return crc32c(concatBytes(everything.flatMap(({ key, modified, value }) => [encodeUtf8(`${key}\0${modified}\0`), value()]))) >>> 0
  }

  #check(range: KeyRange, revision: number): void {
    if (revision > this.revision) throw FUTURE()
    if (revision > 0 && revision < this.compacted(range)) throw COMPACTED()
  }

  #resources(range: KeyRange): string[] {
    return this.#store.resources().filter((resource) => meets(registryPrefix(resource), range))
  }

  /** Of the keys that have changed since. */
  #livesAt(resource: string, revision: number): Map<string, Life> {
    const lives = new Map<string, Life>()
    for (const { object, previous, life } of this.#store.changesSince(resource, revision)) {
      if (!previous) continue
      const key = registryKey(resource, previous)
      if (!lives.has(key)) lives.set(key, object ? { created: life.created, writes: life.writes - 1 } : life)
    }
    return lives
  }

  #plainAt(revision: number): PlainKey[] {
    const then = new Map(this.#plain)
    for (const { key, before } of this.#past.filter((event) => event.revision > revision).reverse()) {
      if (before) then.set(key, { ...before, bytes: before.value() })
      else then.delete(key)
    }
    return [...then.values()]
  }

  #tell(event: KeyEvent): void {
    this.#past.push(event)
    for (const listener of this.#plainListeners) listener(event)
  }
}

const FUTURE = (): EtcdRefusal => new EtcdRefusal('OutOfRange', 'mvcc: required revision is a future revision')
const COMPACTED = (): EtcdRefusal => new EtcdRefusal('OutOfRange', 'mvcc: required revision has been compacted')

function valueOf(key: string, object: KubeObject, { created, writes }: Life): KeyValue {
  return { key, created, modified: Number(object.metadata.resourceVersion), writes, value: () => encodeValue(object) }
}

function plainValue({ bytes, key, created, modified, writes }: PlainKey): KeyValue {
  return { key, created, modified, writes, value: () => bytes }
}

function eventOf(resource: string, { version, object, previous, life }: Change): KeyEvent {
  const key = registryKey(resource, (object ?? previous)!)
  const before = previous && valueOf(key, previous, object ? { created: life.created, writes: life.writes - 1 } : life)
  return { revision: version, key, now: object && valueOf(key, object, life), before }
}
