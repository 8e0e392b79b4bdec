import { endpoint } from '../journey/header.ts'
import { hasFailed } from '../journey/recorder.ts'
import type { Journey } from '../journey/types.ts'
import type { Telling } from '../journey/way.ts'
import { SystemError } from '../machine/errors.ts'
import type { ErrorCode } from '../machine/errors.ts'
import { isValidIp } from './address.ts'
import { formatSocket } from './format.ts'
import { receiveGeneve } from './geneve.ts'
import { icmpErrorCode } from './icmp.ts'
import { icmp6ErrorCode } from './icmp6.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { metaOf, tunnels } from './packets.ts'
import type { SocketTranslation } from './programs.ts'
import type { Ip, IpPacket, SocketInfo, SocketOwner, Sockets, UdpDatagram, UdpSocket } from './types.ts'
import { Flows } from './udp-flows.ts'
import { receiveVxlan } from './vxlan.ts'
import { receiveWireguard } from './wireguard.ts'

const ANY = '0.0.0.0'
/** Takes both families, unless it was opened with v6only. */
const ANY6 = '::'
/** After this long without a datagram the next one begins a new journey (nf_conntrack_udp_timeout_stream). */
const FLOW_IDLE_MS = 120_000

type SendOptions = Parameters<UdpSocket['send']>[3]

const sends: Telling<[socket: SocketInfo, bytes: number]> = ({ networkNamespace, before }, socket, bytes) => ({
  stage: 'socket',
  text: `${socket.owner?.program ?? 'A program'} in ${networkNamespace} sends ${bytes} bytes by UDP to ${endpoint(before.destination, before.destinationPort)}.`,
  decidedBy: { kind: 'socket', text: formatSocket(socket) },
  before,
  explanation: 'socket-send',
})

const gets: Telling<[socket: SocketInfo]> = ({ networkNamespace, before }, socket) => ({
  stage: 'deliver',
  text: `${socket.owner?.program ?? 'A program'} in ${networkNamespace} listens on UDP port ${socket.localPort} and gets the datagram.`,
  decidedBy: { kind: 'socket', text: formatSocket(socket) },
  before,
  explanation: 'deliver-socket',
})

/** UDP (RFC 768) of one network namespace. */
export class Udp {
  readonly #ns: Namespace
  readonly #ports = new Map<number, Socket[]>()

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  open(options: Parameters<Sockets['udp']>[0]): UdpSocket {
    const address = options.address ?? (this.#ns.ipv6 ? ANY6 : ANY)
    if (!isValidIp(address)) throw new SystemError('EAFNOSUPPORT')
    const anywhere = address === ANY || address === ANY6
    if (!anywhere && !options.transparent && !this.#ns.isLocal(address) && !this.#ns.settings.flag(`net.${address.includes(':') ? 'ipv6' : 'ipv4'}.ip_nonlocal_bind`)) throw new SystemError('EADDRNOTAVAIL')
    const v6only = options.v6only ?? false
    const port = options.port || this.#freePort(address)
    if (this.#taken(port, address, v6only)) throw new SystemError('EADDRINUSE')
    const socket = new Socket(this.#ns, this, { address, port, owner: options.owner, v6only, mark: options.mark ?? 0 })
    const sockets = this.#ports.get(port)
    if (sockets) sockets.push(socket)
    else this.#ports.set(port, [socket])
    return socket
  }

  release(socket: Socket): void {
    const rest = (this.#ports.get(socket.port) ?? []).filter((s) => s !== socket)
    if (rest.length > 0) this.#ports.set(socket.port, rest)
    else this.#ports.delete(socket.port)
  }

  list(): SocketInfo[] {
    return [...this.#ports.values()].flat().map((s) => s.info())
  }

  /** `through`: the port of the socket that gets it, whatever its destination is (bpf_sk_assign). */
  receive(packet: IpPacket, link: BaseLink, unicast: boolean, through?: number): void {
    const datagram = packet.payload as UdpDatagram
    if (through !== undefined) return this.#find(through, '127.0.0.1', packet.source, datagram.sourcePort)?.receive(packet, datagram)
    if (tunnels(datagram)) {
      if (datagram.wireguard && receiveWireguard(this.#ns, packet, datagram)) return
      if (datagram.geneve && receiveGeneve(this.#ns, packet, datagram)) return
      if (datagram.vxlan && receiveVxlan(this.#ns, packet, datagram)) return
    }
    const socket = this.#find(datagram.destinationPort, packet.destination, packet.source, datagram.sourcePort)
    if (socket) {
      this.#ns.counters.udp.inDatagrams++
      return socket.receive(packet, datagram)
    }
    if (!unicast) return
    this.#ns.counters.udp.noPorts++
    const { recorder } = this.#ns
    if (packet.meta.trail) {
      recorder.fail(this.#ns, packet, 'refused', 'refused-no-listener', {
        stage: 'reject',
        interface: link.name,
        text: `No socket of ${this.#ns.name} is bound to UDP port ${datagram.destinationPort}: it answers "port unreachable".`,
        before: recorder.header(packet),
        explanation: 'refused-no-listener',
      })
    }
    if (packet.version === 4) this.#ns.sendIcmpError(packet, 3, 3)
    else this.#ns.sendIcmpError(packet, 1, 4)
  }

  /** An ICMP error about a datagram that went out of here. */
  icmpError(about: IpPacket, type: number, code: number): void {
    const datagram = about.payload as UdpDatagram
    const error = about.version === 4 ? icmpErrorCode(type, code) : icmp6ErrorCode(type, code)
    if (error) this.#find(datagram.sourcePort, about.source, about.destination, datagram.destinationPort)?.fail(about.destination, datagram.destinationPort, error)
  }

  destroy(): void {
    for (const socket of [...this.#ports.values()].flat()) socket.close()
  }

  /** `from`: a connected socket hears its peer alone. */
  #find(port: number, address: Ip, from: Ip, fromPort: number): Socket | undefined {
    const sockets = this.#ports.get(port)
    if (!sockets) return undefined
    const any = address.includes(':') ? ANY6 : ANY
    const hears = ({ peer }: Socket): boolean => peer === undefined || (peer.address === from && peer.port === fromPort)
    return sockets.find((s) => s.address === address && hears(s)) ?? sockets.find((s) => (s.address === any || (s.address === ANY6 && !s.v6only)) && hears(s))
  }

  #taken(port: number, address: Ip, v6only = false): boolean {
    return (this.#ports.get(port) ?? []).some((s) => bindsClash(s, { address, v6only }))
  }

  #freePort(address: Ip): number {
    const [from, to] = this.#ns.settings.get('net.ipv4.ip_local_port_range')!.split('\t').map(Number) as [number, number]
    const count = to - from + 1
    const start = this.#ns.random.below(count)
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count)
      if (!this.#taken(port, address)) return port
    }
    throw new SystemError('EADDRINUSE')
  }
}

/** bind(2): a wildcard clashes with everything of its family, and "::" with IPv4 as well unless it leaves that to others. */
export function bindsClash(a: { address: Ip; v6only?: boolean }, b: { address: Ip; v6only?: boolean }): boolean {
  if (a.address === b.address) return true
  const covers = (x: { address: Ip; v6only?: boolean }, y: Ip): boolean => (x.address === ANY6 ? !x.v6only || y.includes(':') : x.address === ANY && !y.includes(':'))
  return covers(a, b.address) || covers(b, a.address)
}

class Socket implements UdpSocket {
  readonly address: Ip
  readonly port: number
  readonly v6only: boolean
  onDatagram: UdpSocket['onDatagram']
  onError: UdpSocket['onError']
  readonly #ns: Namespace
  readonly #udp: Udp
  readonly #owner: SocketOwner | undefined
  readonly #mark: number
  readonly #flows = new Flows()
  #closed = false
  peer: { local: Ip; address: Ip; port: number } | undefined

  constructor(namespace: Namespace, udp: Udp, { address, port, owner, v6only, mark }: { address: Ip; port: number; owner: SocketOwner | undefined; v6only: boolean; mark: number }) {
    this.#ns = namespace
    this.#udp = udp
    this.address = address
    this.port = port
    this.v6only = v6only
    this.#owner = owner
    this.#mark = mark
  }

  connect(address: Ip, port: number, local?: Ip): void {
    // where Cilium's program answers connect(2), the socket is connected to what it chose
    const translation = this.#ns.socketPrograms?.send({ address, port }, this)
    const to = translation && !translation.error ? translation.to : { address, port }
    this.peer = { ...to, local: local ?? this.#ns.sourceFor(to.address) ?? this.address }
  }

  info(): SocketInfo {
    const { peer } = this
    return {
      protocol: 'udp', state: peer ? 'ESTAB' : 'UNCONN', localAddress: peer?.local ?? this.address, localPort: this.port, remoteAddress: peer?.address ?? (this.address.includes(':') ? ANY6 : ANY), remotePort: peer?.port ?? 0,
      receiveQueue: 0, sendQueue: 0, owner: this.#owner, ...(this.v6only ? { v6only: true } : {}),
    }
  }

  send(data: Uint8Array, destination: Ip, port: number, options?: SendOptions): Journey | undefined {
    if (this.#closed) throw new SystemError('EBADF')
    const ns = this.#ns
    const translation = ns.socketPrograms?.send({ address: destination, port }, this)
    if (translation) return this.#sendTranslated(translation, data, destination, port, options)
    const packet = this.#packet(data, destination, port, options)
    const going = this.#going(destination, port)
    const { recorder } = ns
    const trail = recorder.begin(ns, packet, going ?? { program: this.#owner?.program })
    if (!going) this.#remember(destination, port, trail.journey, false)
    if (trail.record) {
      recorder.note(ns, packet, undefined, recorder.header(packet), undefined, sends, this.info(), data.length)
    }
    const error = ns.send(packet)
    if (error) throw new SystemError(error)
    return trail.journey
  }

  #packet(data: Uint8Array, destination: Ip, port: number, options?: SendOptions): IpPacket {
    const ns = this.#ns
    const v6 = destination.includes(':')
    if (v6 !== this.address.includes(':') && this.address !== ANY6) throw new SystemError(v6 ? 'EAFNOSUPPORT' : 'ENETUNREACH')
    const source = options?.source ?? (this.address === ANY || this.address === ANY6 ? ns.sourceFor(destination) : this.address)
    return {
      kind: 'ip',
      version: v6 ? 6 : 4,
      source: source ?? (v6 ? ANY6 : ANY),
      destination,
      ttl: options?.ttl ?? ns.settings.number('net.ipv4.ip_default_ttl'),
      tos: 0,
      identification: ns.ip.nextIdentification(),
      dontFragment: true,
      payload: { kind: 'udp', sourcePort: options?.sourcePort ?? this.port, destinationPort: port, data },
      meta: metaOf(this.#mark, undefined, this.#owner),
    }
  }

  /** A program of the kernel puts another address in its place; the journey tells both. */
  #sendTranslated(translation: SocketTranslation, data: Uint8Array, destination: Ip, port: number, options?: SendOptions): Journey | undefined {
    const ns = this.#ns
    const { recorder } = ns
    const { to } = translation
    const packet = this.#packet(data, to.address, to.port, options)
    const going = this.#going(to.address, to.port)
    if (going) recorder.begin(ns, packet, going)
    else this.#beginTranslated(translation, packet, destination, port)
    if (translation.error) throw new SystemError(translation.error)
    const error = ns.send(packet)
    if (error) throw new SystemError(error)
    return packet.meta.trail?.journey
  }

  #beginTranslated(translation: SocketTranslation, packet: IpPacket, destination: Ip, port: number): void {
    const ns = this.#ns
    const { recorder } = ns
    const { to, text, explanation } = translation
    const datagram = packet.payload as UdpDatagram
    packet.destination = destination
    datagram.destinationPort = port
    const trail = recorder.begin(ns, packet, { program: this.#owner?.program })
    const before = recorder.header(packet)
    packet.destination = to.address
    datagram.destinationPort = to.port
    const decidedBy = { kind: 'map', text: translation.decidedBy } as const
    if (translation.error) return recorder.fail(ns, packet, 'unreachable', explanation, { stage: 'drop', text, decidedBy, before, explanation })
    this.#remember(to.address, to.port, trail.journey, false)
    if (trail.record) recorder.hop(ns, packet, { stage: 'dnat', text, decidedBy, before, after: recorder.header(packet), explanation, possible: translation.possible })
  }

  receive(packet: IpPacket, datagram: UdpDatagram): void {
    const { recorder } = this.#ns
    const trail = packet.meta.trail
    if (trail && (trail.record || hasFailed(trail.journey))) {
      recorder.note(this.#ns, packet, undefined, recorder.header(packet), undefined, gets, this.info())
      recorder.delivered(this.#ns, packet)
    }
    if (trail) this.#remember(packet.source, datagram.sourcePort, trail.journey, trail.direction === 'forward')
    const from = this.#ns.socketPrograms?.receive({ address: packet.source, port: datagram.sourcePort }, this)
    this.onDatagram?.({
      source: from?.address ?? packet.source, sourcePort: from?.port ?? datagram.sourcePort, destination: packet.destination, destinationPort: datagram.destinationPort, data: datagram.data, journey: trail?.journey,
    })
  }

  fail(peer: Ip, port: number, code: ErrorCode): void {
    if (this.#flows.get(peer, port)) this.onError?.(new SystemError(code))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#udp.release(this)
    this.onDatagram = undefined
    this.onError = undefined
  }

  /** The journey that a datagram to this peer belongs to, if there is one. */
  #going(peer: Ip, port: number): { answers: Journey } | { journey: Journey } | undefined {
    const flow = this.#flows.get(peer, port)
    if (!flow || this.#ns.clock.now - flow.usedAt > FLOW_IDLE_MS) return undefined
    const journey = this.#ns.recorder.known(flow.journey)
    if (!journey) return undefined
    flow.usedAt = this.#ns.clock.now
    return flow.answers ? { answers: journey } : { journey }
  }

  #remember(peer: Ip, port: number, { id: journey }: Journey, answers: boolean): void {
    const flow = this.#flows.get(peer, port)
    const usedAt = this.#ns.clock.now
    if (flow && flow.journey === journey) flow.usedAt = usedAt
    else this.#flows.set(peer, port, journey, answers, usedAt)
  }
}
