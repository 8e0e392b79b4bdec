import { capture, DATABASE, type Database, decodeDatabase, encodeDatabase, load, type Member } from '../../kubernetes/etcd/database.ts'
import type { ServiceAllocator } from '../../kubernetes/service-allocator.ts'
import { KeySpace, type KeyValue } from '../../kubernetes/etcd/key-space.ts'
import type { KeyRange } from '../../kubernetes/etcd/keys.ts'
import type { Kind } from '../../kubernetes/kinds/kind.ts'
import type { Store } from '../../kubernetes/store.ts'
import type { Service } from '../../kubernetes/types.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { encodeUtf8 } from '../../text.ts'

/**
 * Which data directory's the cluster's objects are. While etcd runs its database file says what there is; when it ends
 * the file stays as it was then; and an etcd that starts with another one makes the cluster what that one says.
 */
export class EtcdStorage {
  readonly #store: Store
  readonly #services: ServiceAllocator
  readonly keys: KeySpace
  /** The file that has what the store has. */
  #file: object | undefined
  #unseen = { written: 0, removed: 0 }

  /** `kinds`: what the API server looks for, by which bytes are objects. */
  constructor(store: Store, services: ServiceAllocator, kinds: () => Iterable<Kind>) {
    this.#store = store
    this.#services = services
    this.keys = new KeySpace(store, kinds)
  }

  /** `fresh`: there has been none before. Says whose data it is, or why it is not opened. */
  open(fs: MemoryFilesystem, directory: string, own: Member, fresh: boolean): Member | 'empty' | 'invalid' {
    this.#unseen = fresh ? { written: 0, removed: 0 } : this.writes
    const path = `${directory}/${DATABASE}`
    let member = own
    if (!fs.exists(path)) {
      if (!fresh) return 'empty'
      fs.makeDirectory(`${directory}/member/snap`, { parents: true, mode: 0o700 })
      fs.makeDirectory(`${directory}/member/wal`, { parents: true, mode: 0o700 })
      for (const each of [directory, `${directory}/member`]) fs.chmod(each, 0o700)
      fs.writeFile(`${directory}/member/wal/0000000000000000-0000000000000000.wal`, '', 0o600)
    } else {
      const database = decodeDatabase(fs.readFile(path))
      if (!database) return 'invalid'
      member = database.member ?? own
      if (fs.nodeAt(path) !== this.#file) this.#load(database)
      fs.remove(path)
    }
    fs.installDynamic(path, () => encodeDatabase(this.now(member)), undefined, { sized: true })
    fs.chmod(path, 0o600)
    this.#file = fs.nodeAt(path)
    return member
  }

  /** What is in the directory stays as it is now. */
  close(fs: MemoryFilesystem, directory: string, member: Member): void {
    const path = `${directory}/${DATABASE}`
    if (!fs.exists(path) || fs.nodeAt(path) !== this.#file) return
    const database = this.now(member)
    fs.remove(path)
    fs.writeLate(path, () => encodeUtf8(encodeDatabase(database)))
    fs.chmod(path, 0o600)
    this.#file = fs.nodeAt(path)
  }

  /** How often keys were written, and how many times one was removed, since the cluster's birth. */
  get writes(): { written: number; removed: number } {
    return { written: this.#store.version, removed: this.#store.removals }
  }

  /** Of them, what the etcd that is there has not seen. */
  get unseen(): { written: number; removed: number } {
    return this.#unseen
  }

  now(member?: Member): Database {
    return capture(this.#store, this.keys.plainKeys, member)
  }

  /** A key gets a value: what was there before. */
  put(key: string, bytes: Uint8Array): KeyValue | undefined {
    const { before, resource } = this.keys.put(key, bytes)
    if (resource === 'services') this.#holdPorts()
    return before
  }

  /** Keys are deleted: their objects are gone, whoever holds on to them with a finalizer. */
  remove(range: KeyRange): KeyValue[] {
    return this.keys.remove(range)
  }

  #load(database: Database): void {
    load(this.#store, database)
    this.keys.restore(database.plain)
    this.#holdPorts()
  }

  #holdPorts(): void {
    const services = this.#store.list('services', undefined) as readonly Service[]
    this.#services.holdPorts(services.flatMap(({ spec }) => [...(spec.ports ?? []).flatMap(({ nodePort }) => nodePort ?? []), spec.healthCheckNodePort ?? []].flat()))
  }
}
