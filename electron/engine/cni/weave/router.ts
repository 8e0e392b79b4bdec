import type { Timer } from '../../clock.ts'
import type { Node } from '../../kubernetes/types.ts'
import { parseCidr, prefixLength } from '../../network/address.ts'
import type { Cidr, Ip, Mac, NetworkNamespace, SocketOwner } from '../../network/types.ts'
import { internalIp } from '../bridge-link.ts'
import type { NodeContext } from '../types.ts'
import { configureIptables, ensureBridge, expose, setLocalRanges } from './bridge.ts'
import type { FastDatapath } from './fastdp.ts'
import { Allocator, EXPOSE } from './ipam.ts'
import { Mesh } from './mesh.ts'
import { hostInterface, peerName } from './names.ts'

/** How long the peers talk until they agree on who owns what (ipam/paxos), virtual ms. */
const CONSENSUS = 500

const routers = new WeakMap<NetworkNamespace, WeaveRouter>()

/** The node's running router: what answers on 127.0.0.1:6784. */
export function routerOf(network: NetworkNamespace): WeaveRouter | undefined {
  return routers.get(network)
}

/** The process weaver of one node: connections, datapath, addresses. */
export class WeaveRouter {
  readonly name: Mac
  readonly range: Cidr
  readonly mesh: Mesh
  readonly allocator: Allocator
  /** Majority of the peers that there were when it started. */
  readonly quorum: number
  readonly startedAt: number
  readonly #context: NodeContext
  readonly #datapath: FastDatapath
  readonly #log: (message: string) => void
  readonly #stopWatch: () => void
  #consensus: Timer | undefined
  #asking: Timer | undefined

  /** Throws what the API server says. */
  constructor(context: NodeContext, range: Cidr, log: (message: string) => void, owner?: SocketOwner) {
    const { network, client, name } = context
    this.#context = context
    this.range = range
    this.#log = log
    this.startedAt = context.clock.now
    const nodes = client.list<Node>('nodes').items
    const peers = nodes.map((node) => ({ node: node.metadata.name, ip: internalIp(node) })).filter((p): p is { node: string; ip: Ip } => p.ip !== undefined)
    const own = peers.find((p) => p.node === name)?.ip
    const underlay = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === own))
    if (!underlay) throw new Error(`no link has the node's address ${own ?? ''}`)
    this.quorum = (peers.length >> 1) + 1
    this.name = peerName(name)
    this.#datapath = ensureBridge(context, this.name, underlay.name)
    this.#datapath.learning = true
    configureIptables(context)
    log('Bridge type is bridged_fastdp')
    log(`Communication between peers is unencrypted.`)
    this.allocator = new Allocator(context.machine.fs, this.name, range)
    log(`Our name is ${this.name}(${name})`)
    log(`Launch detected - using supplied peer list: [${peers.map((p) => p.ip).join(' ')}]`)
    this.mesh = new Mesh(context, { name: this.name, nickname: name }, {
      established: (connection) => {
        this.#datapath.connect({ ...connection.peer!, address: connection.remoteIp })
        if (!this.allocator.ring.empty) this.mesh.send(connection, this.#ringMessage())
        this.#agree()
      },
      lost: (peer) => this.#datapath.disconnect(peer.name),
      message: (from, message) => {
        if (message.type === 'ring') this.#onRing(message, from)
        else if (message.type === 'space') this.#onSpaceRequest(from)
      },
      log,
    }, owner)
    this.#stopWatch = client.watch<Node>('nodes', {}, (event) => {
      if (event.type === 'DELETED') this.#reclaim(event.object.metadata.name)
    })
    routers.set(network, this)
    if (this.allocator.ring.empty) log(`[allocator ${this.name}] No valid persisted data`)
    else {
      log(`[allocator ${this.name}] Initialising with persisted data`)
      this.#ready()
    }
    for (const { ip } of peers) this.mesh.dial(ip)
    this.#agree()
  }

  /** The control socket is gone; what the kernel has stays. */
  stop(): void {
    this.#stopWatch()
    this.#context.clock.cancel(this.#consensus)
    this.#context.clock.cancel(this.#asking)
    this.mesh.stop()
    this.#datapath.learning = false
    if (routers.get(this.#context.network) === this) routers.delete(this.#context.network)
  }

  /** Container ids and their addresses with the subnet's prefix length. Throws an Error: nothing can be had now. */
  allocate(id: string): Cidr {
    const ip = this.allocator.allocate(id)
    if (ip === undefined) {
      this.#askForSpace()
      throw new Error('context deadline exceeded')
    }
    return `${ip}/${prefixLength(this.range)}`
  }

  /** What there is of the bridge's address, allocated when there is something to allocate from. */
  exposed(): Cidr | undefined {
    const ip = this.allocator.find(EXPOSE)
    return ip && `${ip}/${prefixLength(this.range)}`
  }

  get unreachableOwners(): boolean {
    return [...this.allocator.ring.shares().keys()].every((peer) => !this.mesh.peers.has(peer))
  }

  /** Of a container's interface. */
  macOf(id: string): Mac | undefined {
    return this.#context.network.links.get(hostInterface(id))?.peer?.mac
  }

  nickname(peer: Mac): string {
    return this.mesh.peers.get(peer)?.nickname ?? ''
  }

  #ringMessage(): { type: 'ring'; entries: Allocator['ring']['entries']; born: number } {
    const { entries, born } = this.allocator.ring
    return { type: 'ring', entries, born }
  }

  #onRing(message: { entries: Allocator['ring']['entries']; born: number }, from: Mac): void {
    if (!this.allocator.ring.merge(message)) return
    this.allocator.save()
    this.mesh.broadcast(this.#ringMessage(), from)
    this.#ready()
  }

  /** A majority of the peers makes the ring; with it everybody that is known to them has a part. */
  #agree(): void {
    if (!this.allocator.ring.empty || this.mesh.neighbours.length + 1 < this.quorum || this.#consensus) return
    const { clock } = this.#context
    this.#consensus = clock.schedule(CONSENSUS, () => {
      this.#consensus = undefined
      const { ring } = this.allocator
      const known = [this.name, ...this.mesh.neighbours.map((c) => c.peer!.name)]
      // the others wait for the one that proposes
      if (!ring.empty || known.length < this.quorum || known.some((peer) => peer < this.name)) return
      ring.claim(known, clock.now)
      this.allocator.save()
      this.mesh.broadcast(this.#ringMessage())
      this.#ready()
    })
  }

  #ready(): void {
    const { ring } = this.allocator
    const owned = ring.owned(this.name)
    setLocalRanges(this.#context, owned.flatMap(({ start, end }) => prefixes(ring.address(0), start, end)))
    if (owned.length === 0) return this.#askForSpace()
    if (!this.allocator.find(EXPOSE)) this.allocator.allocate(EXPOSE)
    const address = this.exposed()
    if (address) expose(this.#context, address, this.range)
  }

  /** Of the peers that are there the one with the largest part is asked. */
  #askForSpace(): void {
    if (this.#asking || this.allocator.ring.empty) return
    const shares = this.allocator.ring.shares()
    const share = (name: Mac): number => shares.get(name) ?? 0
    const [donor] = [...this.mesh.neighbours].sort((a, b) => share(b.peer!.name) - share(a.peer!.name))
    if (!donor || share(donor.peer!.name) < 2) return
    this.mesh.send(donor, { type: 'space' })
    this.#asking = this.#context.clock.schedule(1_000, () => (this.#asking = undefined), { background: true })
  }

  #onSpaceRequest(from: Mac): void {
    if (!this.allocator.donate(from)) return
    this.#log(`[allocator ${this.name}]: Allocated space for ${from}`)
    this.mesh.broadcast(this.#ringMessage())
    this.#ready()
  }

  /** kube-utils -run-reclaim-daemon: what a node had that is no more goes to the first peer that is left. */
  #reclaim(node: string): void {
    const gone = peerName(node)
    const first = [...this.mesh.peers.keys()].filter((p) => p !== gone).sort()[0]
    if (first !== this.name || !this.allocator.ring.transfer(gone, this.name)) return
    this.#log(`[kube-peers] Reclaiming address space of ${gone}`)
    this.allocator.save()
    this.mesh.broadcast(this.#ringMessage())
    this.#ready()
  }
}

/** The CIDRs that a run of addresses consists of. */
function prefixes(base: Ip, start: number, end: number): Cidr[] {
  const first = parseCidr(`${base}/32`).base
  const out: Cidr[] = []
  for (let at = start; at < end;) {
    let size = 1
    while (at % (size * 2) === 0 && at + size * 2 <= end) size *= 2
    const value = first + at
    out.push(`${[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')}/${32 - Math.log2(size)}`)
    at += size
  }
  return out
}
