import type { Timer } from '../../clock.ts'
import type { Random } from '../../random.ts'
import type { Ip, Mac, SocketOwner, TcpConnection } from '../../network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { NodeContext } from '../types.ts'
import { MESH_PORT } from './names.ts'
import type { RingEntry } from './ring.ts'

/**
 * Connections between peers on TCP 6783 and the gossip in them (weaveworks/mesh), with its times and states. The
 * messages are lines of JSON here, not gob.
 */
const HEARTBEAT = 10_000
const HEARTBEAT_TIMEOUT = 60_000
const INITIAL_INTERVAL = 2_000
const MAX_INTERVAL = 360_000

/** What a peer tells of itself: whom it is connected with. */
export interface PeerInfo {
  name: Mac
  nickname: string
  /** Of this run of its router; grows with each. */
  uid: number
  version: number
  connections: { name: Mac; nickname: string; address: string; outbound: boolean; established: boolean }[]
}

export type Gossip =
  | { type: 'hello'; name: Mac; nickname: string }
  | { type: 'established' | 'heartbeat' }
  | { type: 'topology'; peers: PeerInfo[] }
  | { type: 'ring'; entries: RingEntry[]; born: number }
  /** Asks for a part of the receiver's share. */
  | { type: 'space' }

export interface MeshConnection {
  readonly outbound: boolean
  /** "172.18.0.3:6783" */
  readonly address: string
  readonly remoteIp: Ip
  state: 'connecting' | 'pending' | 'established'
  peer: { name: Mac; nickname: string } | undefined
  readonly tcp: TcpConnection
}

interface Live extends MeshConnection { buffer: string; heard: number; sentEstablished: boolean; gotEstablished: boolean; target: Target | undefined }

interface Target { ip: Ip; state: 'waiting' | 'attempting' | 'connected'; error?: string; tryAfter?: number; never?: boolean; interval: number; timer?: Timer }

export interface MeshEvents {
  established(connection: MeshConnection): void
  lost(peer: { name: Mac; nickname: string }): void
  message(from: Mac, message: Gossip): void
  log(message: string): void
}

export class Mesh {
  readonly own: { name: Mac; nickname: string }
  /** As gossip has told them, this one included. */
  readonly peers = new Map<Mac, PeerInfo>()
  readonly #context: NodeContext
  readonly #events: MeshEvents
  readonly #owner: SocketOwner | undefined
  readonly #targets = new Map<Ip, Target>()
  readonly #live = new Set<Live>()
  readonly #listener: { close(): void }
  readonly #random: Random
  #heartbeat: Timer | undefined
  #stopped = false

  constructor(context: NodeContext, own: { name: Mac; nickname: string }, events: MeshEvents, owner?: SocketOwner) {
    this.#context = context
    this.own = own
    this.#events = events
    this.#owner = owner
    this.#random = context.clock.random.fork(`weave ${context.name}`)
    this.peers.set(own.name, { ...own, uid: context.clock.now, version: 0, connections: [] })
    this.#listener = context.network.sockets.listen({ port: MESH_PORT, ...(owner ? { owner } : {}) }, (tcp) => this.#adopt(tcp, undefined))
    this.#beat()
  }

  get targets(): readonly Ip[] {
    return [...this.#targets.keys()]
  }

  get connections(): readonly MeshConnection[] {
    return [...this.#live].filter((c) => c.state !== 'connecting')
  }

  /** Peers to which a connection stands. */
  get neighbours(): MeshConnection[] {
    return this.connections.filter((c) => c.state === 'established')
  }

  /** As the router's status lists them. */
  rows(): { outbound: boolean; address: string; state: string; info: string; attributes: string }[] {
    const rows: ReturnType<Mesh['rows']> = this.connections.map((c) => ({
      outbound: c.outbound, address: c.address, state: c.state, info: `fastdp ${c.peer!.name}(${c.peer!.nickname})`, attributes: 'mtu=1376',
    }))
    for (const target of this.#targets.values()) {
      const address = `${target.ip}:${MESH_PORT}`
      const row = (state: string, info: string): unknown => rows.push({ outbound: true, address, state, info, attributes: '' })
      if (target.state === 'attempting') row(target.error === undefined ? 'connecting' : 'retrying', target.error ?? '')
      else if (target.state === 'waiting') row('failed', `${target.error ?? ''}, retry: ${target.never ? 'never' : goTime(this.#context, target.tryAfter!)}`)
    }
    return rows
  }

  dial(ip: Ip): void {
    if (this.#targets.has(ip)) return
    const target: Target = { ip, state: 'attempting', interval: INITIAL_INTERVAL }
    this.#targets.set(ip, target)
    this.#attempt(target)
  }

  send(to: MeshConnection, message: Gossip): void {
    if (!this.#stopped) to.tcp.send(encodeUtf8(`${JSON.stringify(message)}\n`))
  }

  broadcast(message: Gossip, except?: Mac): void {
    for (const connection of this.neighbours) if (connection.peer!.name !== except) this.send(connection, message)
  }

  stop(): void {
    this.#stopped = true
    this.#listener.close()
    this.#context.clock.cancel(this.#heartbeat)
    for (const target of this.#targets.values()) this.#context.clock.cancel(target.timer)
    for (const connection of this.#live) {
      connection.tcp.handlers = {}
      connection.tcp.abort()
    }
    this.#live.clear()
  }

  #attempt(target: Target): void {
    const { network } = this.#context
    target.state = 'attempting'
    const owner = this.#owner ? { owner: this.#owner } : {}
    this.#events.log(`->[${target.ip}:${MESH_PORT}] attempting connection`)
    this.#adopt(network.sockets.connect({ address: target.ip, port: MESH_PORT, ...owner }, {}), target)
  }

  #adopt(tcp: TcpConnection, target: Target | undefined): void {
    const remoteIp = tcp.remoteAddress.replace(/^::ffff:/, '')
    const live: Live = {
      outbound: target !== undefined, address: `${remoteIp}:${tcp.remotePort}`, remoteIp, state: 'connecting', peer: undefined, tcp,
      buffer: '', heard: this.#context.clock.now, sentEstablished: false, gotEstablished: false, target,
    }
    this.#live.add(live)
    const hello = (): void => this.send(live, { type: 'hello', ...this.own })
    tcp.handlers = {
      onConnect: hello,
      onData: (data) => this.#onData(live, data),
      onEnd: () => this.#close(live, 'EOF'),
      onClose: (error) => this.#close(live, error ? dialError(error.code, live.state === 'connecting' ? target : undefined) : 'EOF'),
    }
    if (!target) hello()
  }

  #onData(live: Live, data: Uint8Array): void {
    live.heard = this.#context.clock.now
    live.buffer += decodeUtf8(data)
    const lines = live.buffer.split('\n')
    live.buffer = lines.pop()!
    for (const line of lines) if (this.#live.has(live)) this.#onMessage(live, JSON.parse(line) as Gossip)
  }

  #onMessage(live: Live, message: Gossip): void {
    if (message.type === 'hello') return this.#onHello(live, message)
    if (!live.peer) return
    if (message.type === 'established') {
      live.gotEstablished = true
      return this.#consider(live)
    }
    if (message.type === 'topology') this.#learn(message.peers, live.peer.name)
    if (message.type !== 'heartbeat') this.#events.message(live.peer.name, message)
  }

  #onHello(live: Live, { name, nickname }: { name: Mac; nickname: string }): void {
    if (name === this.own.name) {
      if (live.target) live.target.never = true
      return this.#close(live, 'cannot connect to ourself')
    }
    // Of two connections of the same peers the one stays that the peer with the smaller name has made.
    const rival = [...this.#live].find((c) => c !== live && c.peer?.name === name)
    if (rival) {
      const keep = (c: Live): boolean => c.outbound === this.own.name < name
      const worse = keep(live) && !keep(rival) ? rival : live
      if (live.target) live.target.state = 'connected'
      if (rival.target) rival.target.state = 'connected'
      this.#drop(worse)
      this.#events.log(`${arrow(worse, { name, nickname })}: connection shutting down due to error: Multiple connections to ${name}(${nickname}) added to ${this.own.name}(${this.own.nickname})`)
      if (worse === live) return
    }
    live.peer = { name, nickname }
    live.state = 'pending'
    if (live.target) Object.assign(live.target, { state: 'connected', interval: INITIAL_INTERVAL })
    this.#events.log(`${arrow(live)}: connection ready; using protocol version 2`)
    this.#events.log(`overlay_switch ${arrow(live).replace(/\[.*\|/, '[')} using fastdp`)
    this.#events.log(`${arrow(live)}: connection added (new peer)`)
    this.send(live, { type: 'established' })
    live.sentEstablished = true
    this.#consider(live)
  }

  #consider(live: Live): void {
    if (!live.sentEstablished || !live.gotEstablished || live.state === 'established') return
    live.state = 'established'
    this.#events.log(`${arrow(live)}: connection fully established`)
    this.#tellTopology()
    this.send(live, { type: 'topology', peers: [...this.peers.values()] })
    this.#events.established(live)
  }

  /** What this peer's own connections are now, for all. */
  #tellTopology(): void {
    const mine = this.peers.get(this.own.name)!
    mine.version++
    mine.connections = this.connections.map((c) => ({ ...c.peer!, address: c.address, outbound: c.outbound, established: c.state === 'established' }))
    this.broadcast({ type: 'topology', peers: [mine] })
    this.#forgetUnreachable()
  }

  #learn(peers: readonly PeerInfo[], from: Mac): void {
    const news = peers.filter((peer) => {
      const known = this.peers.get(peer.name)
      if (peer.name === this.own.name || (known && (known.uid > peer.uid || (known.uid === peer.uid && known.version >= peer.version)))) return false
      this.peers.set(peer.name, peer)
      return true
    })
    if (news.length > 0) this.broadcast({ type: 'topology', peers: news }, from)
    this.#forgetUnreachable()
  }

  #forgetUnreachable(): void {
    const reached = new Set<Mac>()
    const visit = (name: Mac): void => {
      if (reached.has(name)) return
      reached.add(name)
      for (const c of this.peers.get(name)?.connections ?? []) visit(c.name)
    }
    visit(this.own.name)
    for (const [name, { nickname }] of this.peers) {
      if (reached.has(name)) continue
      this.peers.delete(name)
      this.#events.log(`Removed unreachable peer ${name}(${nickname})`)
    }
  }

  #drop(live: Live): void {
    this.#live.delete(live)
    live.tcp.handlers = {}
    live.tcp.end()
  }

  #close(live: Live, error: string): void {
    if (!this.#live.has(live) || this.#stopped) return
    this.#drop(live)
    const { peer, target } = live
    if (peer) {
      this.#events.log(`${arrow(live)}: connection shutting down due to error: ${error}`)
      this.#events.log(`${arrow(live)}: connection deleted`)
      this.#events.lost(peer)
      this.#tellTopology()
    }
    // whoever was called takes care of his target, too
    const retry = target ?? (live.peer ? this.#targets.get(live.remoteIp) : undefined)
    if (!retry || (retry !== target && retry.state !== 'connected')) return
    this.#retry(retry, error)
  }

  #retry(target: Target, error: string): void {
    const { clock } = this.#context
    target.state = 'waiting'
    target.error = error
    if (!target.never) this.#events.log(`->[${target.ip}:${MESH_PORT}] error during connection attempt: ${error}`)
    if (target.never) return
    const wait = Math.round(target.interval * (0.5 + this.#random.float()))
    target.interval = Math.min(target.interval * 2, MAX_INTERVAL)
    target.tryAfter = clock.now + wait
    target.timer = clock.schedule(wait, () => this.#attempt(target), { background: true })
  }

  #beat(): void {
    const { clock } = this.#context
    this.#heartbeat = clock.schedule(HEARTBEAT, () => {
      for (const live of [...this.#live]) {
        if (live.state === 'connecting') continue
        if (clock.now - live.heard > HEARTBEAT_TIMEOUT) this.#close(live, `no working forwarders to ${live.peer!.name}(${live.peer!.nickname})`)
        else this.send(live, { type: 'heartbeat' })
      }
      this.#beat()
    }, { background: true })
  }
}

function arrow(live: MeshConnection, peer = live.peer!): string {
  return `->[${live.address}|${peer.name}(${peer.nickname})]`
}

const ERRORS: Readonly<Record<string, string>> = { ECONNREFUSED: 'connection refused', ETIMEDOUT: 'connection timed out', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable' }

function dialError(code: string, target: Target | undefined): string {
  const what = ERRORS[code] ?? 'connection reset by peer'
  return target ? `dial tcp :0->${target.ip}:${MESH_PORT}: connect: ${what}` : `read tcp: ${what}`
}

/** time.Time's String of Go, with what its monotonic clock says. */
function goTime({ clock }: NodeContext, at: number): string {
  const text = new Date(clock.wall() + at - clock.now).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}000000 +0000 UTC m=+${(at / 1000).toFixed(9)}`
}
