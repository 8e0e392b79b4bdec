import type { Timer } from '../clock.ts'
import { cidrContains, parseCidr } from './address.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { metaOf, NO_DATA } from './packets.ts'
import type { Cidr, Frame, Ip, IpPacket, UdpDatagram, WireguardLink, WireguardMessage, WireguardPeer } from './types.ts'

/** wireguard.com/papers/wireguard.pdf 6.1; ms. */
const REKEY_AFTER = 120_000
const REJECT_AFTER = 180_000
const REKEY_TIMEOUT = 5_000
const ATTEMPTS = 18
const QUEUE = 128

interface Session { local: number; remote: number; counter: number; at: number; initiator: boolean; confirmed: boolean }

class Peer implements WireguardPeer {
  readonly publicKey: string
  endpoint: { address: Ip; port: number } | undefined
  allowedIps: readonly Cidr[] = []
  keepalive = 0
  latestHandshake: number | undefined
  received = 0
  sent = 0
  session: Session | undefined
  /** Made by an answer of ours; used once the other end has used it. */
  next: Session | undefined
  pending: { index: number; tries: number; timer: Timer } | undefined
  waiting: IpPacket[] = []
  beat: Timer | undefined

  constructor(publicKey: string) {
    this.publicKey = publicKey
  }
}

/**
 * A WireGuard interface (drivers/net/wireguard). The handshake has its two messages, its repetitions and its lifetimes, but no
 * cryptography: an end is believed to have the private key of the public one that it names. What is inside a data message
 * nobody on the way can read, as in life.
 */
export class Wireguard extends BaseLink implements WireguardLink {
  readonly kind = 'wireguard'
  privateKey: string | undefined
  publicKey = ''
  listenPort: number
  fwmark = 0
  readonly #peers = new Map<string, Peer>()

  constructor(namespace: Namespace, options: LinkOptions & { publicKey?: string; privateKey?: string; listenPort?: number; fwmark?: number }) {
    super(namespace, options)
    this.publicKey = options.publicKey ?? ''
    this.privateKey = options.privateKey
    this.listenPort = options.listenPort ?? 0
    this.fwmark = options.fwmark ?? 0
    namespace.tunnels.add(this)
  }

  get peers(): readonly WireguardPeer[] {
    return [...this.#peers.values()]
  }

  override get usesArp(): boolean {
    return false
  }

  setPeer(publicKey: string, settings: { endpoint?: { address: Ip; port: number }; allowedIps?: readonly Cidr[]; keepalive?: number }): void {
    let peer = this.#peers.get(publicKey)
    if (!peer) this.#peers.set(publicKey, (peer = new Peer(publicKey)))
    if (settings.endpoint) peer.endpoint = settings.endpoint
    if (settings.keepalive !== undefined) peer.keepalive = settings.keepalive
    if (settings.allowedIps) {
      peer.allowedIps = settings.allowedIps
      // an address belongs to one peer: the last that was told
      for (const other of this.#peers.values()) if (other !== peer) other.allowedIps = other.allowedIps.filter((cidr) => !settings.allowedIps!.includes(cidr))
    }
    this.#keepAlive(peer)
    this.namespace.changed()
  }

  removePeer(publicKey: string): void {
    const peer = this.#peers.get(publicKey)
    if (!peer) return
    this.namespace.clock.cancel(peer.pending?.timer)
    this.namespace.clock.cancel(peer.beat)
    this.#peers.delete(publicKey)
    this.namespace.changed()
  }

  /** A port of its own, when it goes up without one. */
  override stateChanged(): void {
    if (this.up && this.listenPort === 0) this.listenPort = 32_768 + this.namespace.random.below(28_232)
    if (this.up) for (const peer of this.#peers.values()) this.#keepAlive(peer)
  }

  // ---- out -----------------------------------------------------------------------------------------------------

  protected send(frame: Frame): void {
    const inner = frame.payload
    if (inner.kind !== 'ip') return
    const ns = this.namespace
    const peer = this.#peerFor(inner.destination)
    if (!peer?.endpoint) {
      this.statistics.txDropped++
      this.lost(frame, 'drop-wireguard', peer
        ? `${this.name} does not know yet where the peer ${short(peer)} is: it has no endpoint.`
        : `No peer of ${this.name} may have ${inner.destination}: none has it among its allowed IPs.`)
      return ns.sendIcmpError(inner, inner.version === 4 ? 3 : 1, inner.version === 4 ? 1 : 3)
    }
    const { session } = peer
    const age = session ? ns.clock.now - session.at : Infinity
    if (session && age < REJECT_AFTER) {
      this.#sendData(peer, session, inner)
      if (session.initiator && age > REKEY_AFTER) this.#initiate(peer)
      return
    }
    if (peer.waiting.length >= QUEUE) peer.waiting.shift()
    peer.waiting.push(inner)
    const { recorder } = ns
    if (recorder.recording(inner)) {
      recorder.hop(ns, inner, {
        stage: 'neighbour', interface: this.name,
        text: `${this.name} has no keys for the peer ${short(peer)} yet: the packet waits for the handshake with ${peer.endpoint.address}.`,
        before: recorder.header(inner), explanation: 'wireguard-handshake',
      })
    }
    this.#initiate(peer)
  }

  #sendData(peer: Peer, session: Session, inner: IpPacket | undefined): void {
    const ns = this.namespace
    const { recorder } = ns
    const to = peer.endpoint!
    const message: WireguardMessage = { type: 'data', receiver: session.remote, counter: session.counter++, ...(inner && { packet: inner }) }
    const outer = this.#outer(to, message, inner?.meta.trail)
    if (inner) {
      if (recorder.recording(inner)) {
        recorder.hop(ns, inner, {
          stage: 'encapsulate', interface: this.name,
          text: `${inner.destination} is among the allowed IPs of the peer ${short(peer)}: ${this.name} encrypts the whole packet and sends it by UDP to ${to.address}:${to.port}. On the way only the two nodes' addresses can be read.`,
          before: recorder.header(inner), after: recorder.header(outer), explanation: 'wireguard-encapsulate',
        })
      }
      inner.meta = metaOf(0, inner.meta.trail)
    }
    this.#transmit(peer, outer)
  }

  #outer(to: { address: Ip; port: number }, wireguard: WireguardMessage, trail: IpPacket['meta']['trail']): IpPacket {
    const ns = this.namespace
    const four = !to.address.includes(':')
    return {
      kind: 'ip', version: four ? 4 : 6, source: ns.sourceFor(to.address) ?? (four ? '0.0.0.0' : '::'), destination: to.address, ttl: 64, tos: 0,
      identification: four ? ns.ip.nextIdentification() : 0, dontFragment: false,
      payload: { kind: 'udp', sourcePort: this.listenPort, destinationPort: to.port, data: NO_DATA, wireguard },
      meta: metaOf(this.fwmark, trail),
    }
  }

  #transmit(peer: Peer, outer: IpPacket): void {
    const ns = this.namespace
    const route = ns.routes.find(outer.destination, { mark: this.fwmark })
    if (route?.link === this) {
      this.statistics.txDropped++
      if (!outer.meta.trail) return
      const { recorder } = ns
      return recorder.fail(ns, outer, 'dropped', 'drop-wireguard', {
        stage: 'drop', interface: this.name, text: `The way to the endpoint ${outer.destination} leads into ${this.name} itself.`, before: recorder.header(outer), explanation: 'drop-wireguard',
      })
    }
    peer.sent += 8 + 32
    ns.output(outer)
  }

  #initiate(peer: Peer, tries = 0): void {
    const ns = this.namespace
    if (!peer.endpoint || (peer.pending && tries === 0)) return
    if (tries >= ATTEMPTS) return this.#giveUp(peer)
    const index = ns.random.below(0xffffffff) + 1
    peer.pending = { index, tries, timer: ns.clock.schedule(REKEY_TIMEOUT, () => this.#initiate(peer, tries + 1), { background: true }) }
    if (this.up) this.#transmit(peer, this.#outer(peer.endpoint, { type: 'initiation', sender: index, from: this.publicKey }, undefined))
  }

  #giveUp(peer: Peer): void {
    const { recorder } = this.namespace
    peer.pending = undefined
    for (const packet of peer.waiting) {
      recorder.fail(this.namespace, packet, 'dropped', 'drop-wireguard', {
        stage: 'drop', interface: this.name, text: `The peer ${short(peer)} did not answer the handshake of ${this.name} for ninety seconds.`,
        before: recorder.header(packet), explanation: 'drop-wireguard',
      })
    }
    peer.waiting = []
  }

  #keepAlive(peer: Peer): void {
    const { clock } = this.namespace
    clock.cancel(peer.beat)
    peer.beat = undefined
    if (peer.keepalive === 0 || !peer.endpoint) return
    peer.beat = clock.schedule(peer.keepalive * 1000, () => {
      const { session } = peer
      if (!session || clock.now - session.at > REKEY_AFTER) this.#initiate(peer)
      else if (this.up) this.#sendData(peer, session, undefined)
      this.#keepAlive(peer)
    }, { background: true })
  }

  // ---- in ------------------------------------------------------------------------------------------------------

  /** A message for this interface's port. */
  input(outer: IpPacket, message: WireguardMessage): void {
    const ns = this.namespace
    const from = { address: outer.source, port: (outer.payload as UdpDatagram).sourcePort }
    if (message.type === 'initiation') {
      const peer = this.#peers.get(message.from)
      if (!peer) return this.#refuse(outer, `${this.name} has no peer with the public key ${message.from.slice(0, 8)}…: it does not answer.`)
      const local = ns.random.below(0xffffffff) + 1
      peer.endpoint = from
      peer.next = { local, remote: message.sender, counter: 0, at: ns.clock.now, initiator: false, confirmed: false }
      peer.latestHandshake = ns.clock.now
      return this.#transmit(peer, this.#outer(from, { type: 'response', sender: local, receiver: message.sender, from: this.publicKey }, undefined))
    }
    for (const peer of this.#peers.values()) {
      if (message.type === 'response') {
        if (peer.pending?.index !== message.receiver || peer.publicKey !== message.from) continue
        ns.clock.cancel(peer.pending.timer)
        peer.pending = undefined
        peer.endpoint = from
        peer.session = { local: message.receiver, remote: message.sender, counter: 0, at: ns.clock.now, initiator: true, confirmed: true }
        peer.latestHandshake = ns.clock.now
        return this.#flush(peer)
      }
      const session = [peer.session, peer.next].find((s) => s?.local === message.receiver)
      if (!session) continue
      if (session === peer.next) {
        peer.session = session
        peer.next = undefined
        if (peer.waiting.length > 0) this.#flush(peer)
      }
      peer.endpoint = from
      peer.received += 32
      return message.packet && this.#decrypt(peer, outer, message.packet)
    }
    this.#refuse(outer, `${this.name} has no keys that fit the message: it was restarted, or the keys are too old.`)
  }

  /** What waited goes; the answer to a handshake is confirmed with an empty message otherwise. */
  #flush(peer: Peer): void {
    const { waiting, session } = peer
    peer.waiting = []
    if (waiting.length === 0) this.#sendData(peer, session!, undefined)
    for (const packet of waiting) this.#sendData(peer, session!, packet)
  }

  #decrypt(peer: Peer, outer: IpPacket, inner: IpPacket): void {
    const ns = this.namespace
    const { recorder } = ns
    inner.meta = metaOf(0, outer.meta.trail ?? inner.meta.trail)
    if (this.#peerFor(inner.source) !== peer) {
      this.statistics.rxDropped++
      if (!inner.meta.trail) return
      return recorder.fail(ns, inner, 'dropped', 'drop-wireguard', {
        stage: 'drop', interface: this.name, text: `The peer ${short(peer)} may not send packets from ${inner.source}: it is not among its allowed IPs.`,
        before: recorder.header(inner), explanation: 'drop-wireguard',
      })
    }
    if (recorder.recording(inner)) {
      recorder.hop(ns, inner, {
        stage: 'decapsulate', interface: this.name,
        text: `UDP port ${this.listenPort} belongs to ${this.name}: it decrypts the packet from the peer ${short(peer)}, whose allowed IPs have ${inner.source}.`,
        before: recorder.header(outer), after: recorder.header(inner), explanation: 'wireguard-decapsulate',
      })
    }
    this.receive({ source: this.mac, destination: this.mac, payload: inner })
  }

  #refuse(outer: IpPacket, text: string): void {
    if (!outer.meta.trail) return
    const { recorder } = this.namespace
    recorder.fail(this.namespace, outer, 'dropped', 'drop-wireguard', { stage: 'drop', interface: this.name, text, before: recorder.header(outer), explanation: 'drop-wireguard' })
  }

  /** Cryptokey routing: the peer with the longest prefix around the address. */
  #peerFor(address: Ip): Peer | undefined {
    let best: Peer | undefined
    let length = -1
    for (const peer of this.#peers.values()) {
      for (const cidr of peer.allowedIps) {
        const prefix = parseCidr(cidr)
        if (prefix.length > length && cidr.includes(':') === address.includes(':') && cidrContains(cidr, address)) [best, length] = [peer, prefix.length]
      }
    }
    return best
  }

  override unlink(): void {
    super.unlink()
    this.namespace.tunnels.delete(this)
    for (const key of [...this.#peers.keys()]) this.removePeer(key)
  }
}

function short(peer: Peer): string {
  return `${peer.publicKey.slice(0, 8)}…`
}

/** False when no WireGuard interface listens on that port. */
export function receiveWireguard(namespace: Namespace, packet: IpPacket, datagram: UdpDatagram): boolean {
  for (const link of namespace.tunnels) {
    if (!(link instanceof Wireguard) || link.listenPort !== datagram.destinationPort || !link.up) continue
    link.input(packet, datagram.wireguard!)
    return true
  }
  return false
}
