import type { KubernetesClient, Way } from '../kubernetes/client.ts'
import { compareStrings } from '../kubernetes/json.ts'
import type { Node } from '../kubernetes/types.ts'
import { ipv4Number, networkOf, parseCidr } from '../network/address.ts'
import type { LateRows } from '../network/late-tables.ts'
import type { Cidr, Ip } from '../network/types.ts'
import type { NodeContext } from './types.ts'

/** What agents want to know of each Node. One object for each use: readers of the same one share. */
export interface PeerKind<T> {
  /** undefined: there is nothing about this Node. */
  read(node: Node): T | undefined
  same(a: T, b: T): boolean
  /** The ranges that routes lead to. */
  subnets(value: T): readonly Cidr[]
}

interface Change<T> { node: string; before: T | undefined; after: T | undefined; at: number }

/** Changes that are remembered before those who still need them are made to take them. */
const LOG = 65_536
const SOMEBODY = ''

/**
 * What every node's agent reads of all Nodes: read once for all of them, as proxy/shared-services.ts does for Services.
 * A version is a number of changes.
 */
class SharedPeers<T> {
  readonly #kind: PeerKind<T>
  readonly #peers = new Map<string, T>()
  readonly #readers = new Set<PeerReader<T>>()
  /** Those for whom somebody waits: they write at once. */
  readonly attentive = new Set<PeerReader<T>>()
  readonly #stop: () => void
  readonly #onEmpty: () => void
  readonly #clock: NodeContext['clock']
  #log: Change<T>[] = []
  /** The version before the log's first change. */
  #base = 0
  #trimAt = LOG
  /** Prefix length → network → the one node that ever had it, or {@link SOMEBODY}. */
  readonly #owners = new Map<number, Map<number, string>>()
  readonly #owners6 = new Map<number, Map<string, string>>()

  constructor(server: KubernetesClient, clock: NodeContext['clock'], kind: PeerKind<T>, onEmpty: () => void) {
    this.#kind = kind
    this.#clock = clock
    this.#onEmpty = onEmpty
    const nodes = server.list<Node>('nodes')
    for (const node of nodes.items) this.#set(node.metadata.name, kind.read(node))
    this.#stop = server.watch<Node>('nodes', { resourceVersion: nodes.resourceVersion }, (event) => {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
      this.#set(event.object.metadata.name, event.type === 'DELETED' ? undefined : kind.read(event.object))
    })
  }

  static of<T>(context: NodeContext, kind: PeerKind<T>): SharedPeers<T> {
    const server = context.client.way?.server ?? context.client
    let servers = all.get(kind)
    if (!servers) all.set(kind, (servers = new WeakMap()))
    let known = servers.get(server) as SharedPeers<T> | undefined
    if (!known) servers.set(server, (known = new SharedPeers(server, context.clock, kind, () => servers.delete(server))))
    return known
  }

  get version(): number {
    return this.#base + this.#log.length
  }

  add(reader: PeerReader<T>): void {
    this.#readers.add(reader)
  }

  remove(reader: PeerReader<T>): void {
    this.#readers.delete(reader)
    this.attentive.delete(reader)
    if (this.#readers.size > 0) return
    this.#stop()
    this.#onEmpty()
  }

  /** All at a version, in the order of a list. */
  at(version: number): [string, T][] {
    const peers = new Map(this.#peers)
    for (let i = this.#log.length - 1; i >= version - this.#base; i--) {
      const { node, before } = this.#log[i]!
      if (before === undefined) peers.delete(node)
      else peers.set(node, before)
    }
    return [...peers].sort(([a], [b]) => compareStrings(a, b))
  }

  changes(from: number, to: number): readonly Change<T>[] {
    return this.#log.slice(from - this.#base, to - this.#base)
  }

  /** Whether a Node other than `name` has, or had, a range with this address. */
  covers(address: Ip, name: string): boolean {
    if (address.includes(':')) {
      for (const [length, networks] of this.#owners6) {
        const owner = networks.get(networkOf(`${address}/${length}`))
        if (owner !== undefined && owner !== name) return true
      }
      return false
    }
    const number = ipv4Number(address)
    for (const [length, networks] of this.#owners) {
      const owner = networks.get(Math.floor(number / 2 ** (32 - length)))
      if (owner !== undefined && owner !== name) return true
    }
    return false
  }

  #set(node: string, after: T | undefined): void {
    const before = this.#peers.get(node)
    if (before === after || (before !== undefined && after !== undefined && this.#kind.same(before, after))) return
    if (after === undefined) this.#peers.delete(node)
    else {
      this.#peers.set(node, after)
      for (const subnet of this.#kind.subnets(after)) this.#own(subnet, node)
    }
    this.#log.push({ node, before, after, at: this.#clock.now })
    if (this.#log.length >= this.#trimAt) this.#trim()
    for (const reader of [...this.attentive]) reader.settle()
  }

  #own(subnet: Cidr, node: string): void {
    const { version, length, base } = parseCidr(subnet)
    const put = <K>(owners: Map<number, Map<K, string>>, key: K): void => {
      let networks = owners.get(length)
      if (!networks) owners.set(length, (networks = new Map()))
      const owner = networks.get(key) ?? node
      networks.set(key, owner === node ? node : SOMEBODY)
    }
    if (version === 4) put(this.#owners, Math.floor(base / 2 ** (32 - length)))
    else put(this.#owners6, networkOf(subnet))
  }

  #trim(): void {
    let oldest = this.version
    for (const reader of [...this.#readers]) {
      if (reader.needs < this.version - LOG / 2) reader.settle()
      oldest = Math.min(oldest, reader.needs)
    }
    this.#log = this.#log.slice(oldest - this.#base)
    this.#base = oldest
    this.#trimAt = Math.max(LOG, 2 * this.#log.length)
  }
}

const all = new WeakMap<object, WeakMap<KubernetesClient, unknown>>()

export interface PeerWriter<T> {
  devices: readonly string[]
  tunnels: boolean
  /** Writes what is now known of a Node (undefined: nothing any more), as at a virtual time. Does not throw. */
  apply(node: string, value: T | undefined, at: number): void
}

/**
 * One agent's picture of the other Nodes, and the rows that it makes of them: written when somebody looks, as they would
 * have been at once. While its way to the API server is broken it learns nothing; afterwards what is different then.
 */
export class PeerReader<T> implements LateRows {
  readonly devices: readonly string[]
  readonly tunnels: boolean
  readonly #context: NodeContext
  readonly #shared: SharedPeers<T>
  readonly #apply: PeerWriter<T>['apply']
  readonly #stopWay: (() => void)[] = []
  #since: number
  #begun = false
  /** Its way was broken from the start: it has never heard of any Node. */
  #ignorant = false
  #written: number
  /** What it does not go beyond: it is stopped, or its way is broken. */
  #end: number | undefined
  #stopped = false
  /** Changes that it learned together, at one moment. */
  #gaps: { from: number; to: number; at: number }[] = []

  /** It knows all Nodes of this moment. */
  constructor(context: NodeContext, kind: PeerKind<T>, writer: PeerWriter<T>) {
    this.#context = context
    this.devices = writer.devices
    this.tunnels = writer.tunnels
    this.#apply = writer.apply
    this.#shared = SharedPeers.of(context, kind)
    this.#since = context.clock.now
    this.#written = this.#shared.version
    this.#shared.add(this)
    const way: Way | undefined = context.client.way?.reads?.(['nodes']) ?? context.client.way
    if (way?.silent) this.#ignorant = true
    if (way) this.#stopWay.push(way.onSilence(() => (this.#end ??= this.#shared.version)), way.onResume(() => this.#resume()))
    context.network.addLate(this)
  }

  get behind(): boolean {
    return !this.#ignorant && (!this.#begun || this.#written !== (this.#end ?? this.#shared.version))
  }

  get over(): boolean {
    return this.#stopped && !this.behind
  }

  /** The oldest version that it may still ask for. */
  get needs(): number {
    return this.#written
  }

  concerns(destination: Ip): boolean {
    return this.#shared.covers(destination, this.#context.name)
  }

  /** Somebody follows what it writes: from now on it does so at once. */
  follow(on: boolean): void {
    if (!on) return void this.#shared.attentive.delete(this)
    if (this.#stopped) return
    this.#shared.attentive.add(this)
    this.settle()
  }

  settle(): void {
    this.#context.network.settleLate()
  }

  write(): void {
    if (!this.#begun) {
      this.#begun = true
      for (const [node, value] of this.#shared.at(this.#written)) this.#put(node, value, this.#since)
    }
    for (const { from, to, at } of this.#gaps) {
      this.#replay(from)
      const last = new Map(this.#shared.changes(from, to).map((change) => [change.node, change.after]))
      for (const [node, value] of last) this.#put(node, value, at)
      this.#written = to
    }
    this.#gaps = []
    this.#replay(this.#end ?? this.#shared.version)
    if (this.#stopped) this.#shared.remove(this)
  }

  /** What is not yet written stays as it is now. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#end ??= this.#shared.version
    for (const stop of this.#stopWay) stop()
    this.#shared.attentive.delete(this)
    if (!this.behind) this.#shared.remove(this)
  }

  #resume(): void {
    if (this.#ignorant) {
      this.#ignorant = false
      this.#since = this.#context.clock.now
      this.#written = this.#shared.version
    }
    if (this.#end === undefined) return
    this.#gaps.push({ from: this.#end, to: this.#shared.version, at: this.#context.clock.now })
    this.#end = undefined
    if (this.#shared.attentive.has(this)) this.settle()
  }

  #replay(to: number): void {
    for (const { node, after, at } of this.#shared.changes(this.#written, to)) this.#put(node, after, at)
    this.#written = to
  }

  #put(node: string, value: T | undefined, at: number): void {
    if (node !== this.#context.name) this.#apply(node, value, at)
  }
}
