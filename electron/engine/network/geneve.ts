import { isIpv4 } from './address.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { ETHERNET_HEADER, frameLength, metaOf, NO_DATA, scrubbed } from './packets.ts'
import type { Frame, GeneveLink, Ip, IpPacket, UdpDatagram } from './types.ts'
import { flowPort } from './vxlan.ts'

export interface GeneveOptions {
  /** The one other end and its identifier; both are missing where programs say them (`external`). */
  vni?: number
  remote?: Ip
  /** UDP port, 6081 by default. */
  port?: number
  /** Open vSwitch and eBPF name the other end of each frame (genev_sys_6081, cilium_geneve). */
  external?: boolean
}

export const GENEVE_PORT = 6081
/** Outer IP, UDP and Geneve headers and the inner Ethernet header, without options. */
export const GENEVE_OVERHEAD = 50

/** A Geneve tunnel end (RFC 8926; drivers/net/geneve.c): Ethernet frames in UDP, to one other end or to where a program says. */
export class Geneve extends BaseLink implements GeneveLink {
  readonly kind = 'geneve'
  readonly vni: number | undefined
  readonly remote: Ip | undefined
  readonly port: number
  readonly external: boolean

  constructor(namespace: Namespace, options: LinkOptions & GeneveOptions) {
    super(namespace, options)
    this.vni = options.vni
    this.remote = options.remote
    this.port = options.port ?? GENEVE_PORT
    this.external = options.external ?? false
    namespace.tunnels.add(this)
  }

  protected send(frame: Frame): void {
    const ns = this.namespace
    const { recorder } = ns
    const inner = frame.payload
    const key = inner.kind === 'ip' && this.external ? inner.meta.tunnel : undefined
    const to = key?.remote ?? this.remote
    const vni = key?.id ?? this.vni
    if (to === undefined || vni === undefined) return this.#failed(frame, 'drop-tunnel', `${this.name} takes its destinations from programs, and none has said where this frame goes.`)
    const route = ns.routes.find(to)
    if (!route) return this.#failed(frame, 'drop-tunnel', `${ns.name} has no route to ${to}, the other end of the tunnel ${this.name}.`)
    const room = ns.pathMtu(to) - GENEVE_OVERHEAD + ETHERNET_HEADER
    if (inner.kind === 'ip' && inner.dontFragment && frameLength(frame) > room) {
      const mtu = room - ETHERNET_HEADER
      this.#failed(frame, 'drop-mtu', `The packet must not be cut (DF); with the tunnel's headers it is too long for the way to ${to}, which leaves room for ${mtu} bytes.`)
      return ns.sendIcmpError(inner, inner.version === 4 ? 3 : 2, inner.version === 4 ? 4 : 0, { mtu })
    }
    const four = isIpv4(to)
    const outer: IpPacket = {
      kind: 'ip',
      version: four ? 4 : 6,
      source: ns.routes.sourceFor(route, to) ?? (four ? '0.0.0.0' : '::'),
      destination: to,
      ttl: 64,
      tos: 0,
      identification: four ? ns.ip.nextIdentification() : 0,
      dontFragment: this.external,
      payload: { kind: 'udp', sourcePort: flowPort(frame), destinationPort: this.port, data: NO_DATA, geneve: { vni, frame } },
      meta: inner.kind === 'ip' ? metaOf(inner.meta.mark, inner.meta.trail) : metaOf(),
    }
    if (inner.kind === 'ip') {
      if (recorder.recording(inner)) {
        recorder.hop(ns, inner, {
          stage: 'encapsulate',
          interface: this.name,
          text: `${this.name} packs the whole frame into a UDP packet to ${to}${this.external ? ', as the program has told it' : ''} (Geneve ${vni}).`,
          before: recorder.header(inner, frame),
          after: recorder.header(outer),
          explanation: 'geneve-encapsulate',
        })
      }
      inner.meta = scrubbed(inner.meta)
    }
    ns.output(outer)
  }

  decapsulate(packet: IpPacket, vni: number, frame: Frame): void {
    const ns = this.namespace
    const { recorder } = ns
    const inner = frame.payload
    if (inner.kind === 'ip') {
      inner.meta = metaOf(0, packet.meta.trail ?? inner.meta.trail)
      if (this.external) inner.meta.tunnel = { id: vni, remote: packet.source, local: packet.destination }
      if (recorder.recording(inner)) {
        recorder.hop(ns, inner, {
          stage: 'decapsulate',
          interface: this.name,
          text: `UDP port ${this.port} belongs to ${this.name}: it takes the frame of Geneve ${vni} out of the packet from ${packet.source}.`,
          before: recorder.header(packet),
          after: recorder.header(inner, frame),
          explanation: 'geneve-decapsulate',
        })
      }
    }
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.namespace.tunnels.delete(this)
  }

  #failed(frame: Frame, reason: string, text: string): void {
    this.statistics.txDropped++
    this.lost(frame, reason, text)
  }
}

/** Hands a packet to the end that it is for. False when nobody here speaks Geneve on that port. */
export function receiveGeneve(namespace: Namespace, packet: IpPacket, datagram: UdpDatagram): boolean {
  const { vni, frame } = datagram.geneve!
  let bound = false
  for (const link of namespace.tunnels) {
    if (!(link instanceof Geneve) || link.port !== datagram.destinationPort || !link.up) continue
    bound = true
    if (!link.external && (link.vni !== vni || link.remote !== packet.source)) continue
    link.decapsulate(packet, vni, frame)
    return true
  }
  if (bound && packet.meta.trail) {
    const { recorder } = namespace
    recorder.fail(namespace, packet, 'dropped', 'drop-wrong-vni', {
      stage: 'drop',
      text: `${namespace.name} has no Geneve interface with the network identifier ${vni} for packets from ${packet.source}.`,
      before: recorder.header(packet),
      explanation: 'drop-wrong-vni',
    })
  }
  return bound
}
