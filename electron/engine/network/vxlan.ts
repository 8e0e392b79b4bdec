import type { Telling } from '../journey/way.ts'
import { SystemError } from '../machine/errors.ts'
import { isIpv4 } from './address.ts'
import { formatVxlanFdb } from './format.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { copyFrame, isGroupMac, metaOf, NO_DATA, ported, scrubbed, ZERO_MAC } from './packets.ts'
import type { Frame, Ip, IpPacket, Mac, UdpDatagram, VxlanLink } from './types.ts'

export interface VxlanOptions {
  vni: number
  /** UDP port: 8472 is Linux's own default (flannel), 4789 IANA's. */
  port: number
  local: Ip
  underlay: string
  /** Learn the outer source of received frames. flannel has it off ("nolearning"). */
  learning?: boolean
  /** Programs say where each frame goes and with which identifier ("external", collect_md): no FDB, any identifier comes in. */
  external?: boolean
}

/** Learned entries go when nothing has come from there for so long ("ageing 300"). */
const AGEING = 300_000

/** `mac`: the key of the row that decided; absent where a program has. */
const packs: Telling<[vtep: Ip, vni: number, mac: Mac | undefined, learned: boolean]> = ({ interface: name, before, after }, vtep, vni, mac, learned) => ({
  stage: 'encapsulate',
  interface: name,
  text: mac === undefined
    ? `${name} packs the whole frame into a UDP packet to the node ${vtep}, as the program has told it (VXLAN ${vni}).`
    : `${name} packs the whole frame into a UDP packet to the node ${vtep}, which has ${before.destinationMac} (VXLAN ${vni}).`,
  decidedBy: mac === undefined ? undefined : { kind: 'fdb', text: formatVxlanFdb({ mac, vtep }, name!, learned) },
  before,
  after,
  explanation: 'vxlan-encapsulate',
})

const unpacks: Telling<[port: number, vni: number]> = ({ interface: name, before, after }, port, vni) => ({
  stage: 'decapsulate',
  interface: name,
  text: `UDP port ${port} belongs to ${name}: it takes the frame of VXLAN ${vni} out of the packet from ${before.source}.`,
  before,
  after,
  explanation: 'vxlan-decapsulate',
})

/** A VXLAN tunnel end (RFC 7348; drivers/net/vxlan): frames travel in UDP to the VTEP that the FDB names. */
export class Vxlan extends BaseLink implements VxlanLink {
  readonly kind = 'vxlan'
  readonly vni: number
  readonly port: number
  readonly local: Ip
  readonly underlay: string
  readonly learning: boolean
  readonly external: boolean
  /** Only the all-zero address, where floods go, has several ends. */
  readonly #vteps = new Map<Mac, { vteps: Ip[]; learned: boolean; seenAt?: number }>()

  constructor(namespace: Namespace, options: LinkOptions & VxlanOptions) {
    super(namespace, options)
    this.vni = options.vni
    this.port = options.port
    this.local = options.local
    this.underlay = options.underlay
    this.learning = options.learning ?? false
    this.external = options.external ?? false
    namespace.vxlans.add(this)
  }

  addForwarding(mac: Mac, vtep: Ip): void {
    this.namespace.late?.settle()
    // an end speaks one family with all others
    if (isIpv4(vtep) !== isIpv4(this.local)) throw new SystemError('EAFNOSUPPORT')
    const old = this.#vteps.get(mac)
    if (old?.vteps.includes(vtep) && !old.learned) return
    this.#vteps.set(mac, { vteps: mac === ZERO_MAC ? [...(old?.vteps ?? []), vtep] : [vtep], learned: false })
    this.namespace.changed()
  }

  removeForwarding(mac: Mac, vtep?: Ip): void {
    this.namespace.late?.settle()
    const old = this.#vteps.get(mac)
    if (!old) return
    const vteps = vtep === undefined ? [] : old.vteps.filter((v) => v !== vtep)
    if (vteps.length > 0) this.#vteps.set(mac, { ...old, vteps })
    else this.#vteps.delete(mac)
    this.namespace.changed()
  }

  forwarding(): readonly { mac: Mac; vtep: Ip; learned?: boolean }[] {
    this.namespace.late?.settle()
    const old = this.namespace.clock.now - AGEING
    return [...this.#vteps].filter(([, entry]) => (entry.seenAt ?? Infinity) > old).flatMap(([mac, entry]) => entry.vteps.map((vtep) => (entry.learned ? { mac, vtep, learned: true } : { mac, vtep })))
  }

  protected send(frame: Frame): void {
    this.namespace.late?.settle()
    if (this.external) {
      const key = frame.payload.kind === 'ip' ? frame.payload.meta.tunnel : frame.payload.tunnel
      if (key) return this.#encapsulate(frame, key.remote, frame.destination, false, key.id)
      this.statistics.txDropped++
      return this.lost(frame, 'drop-no-vtep', `${this.name} takes its destinations from programs, and none has said where this frame goes.`)
    }
    let found = isGroupMac(frame.destination) ? undefined : this.#vteps.get(frame.destination)
    if (found?.seenAt !== undefined && found.seenAt <= this.namespace.clock.now - AGEING) found = undefined
    const vteps = (found ?? this.#vteps.get(ZERO_MAC))?.vteps ?? []
    if (vteps.length === 0) {
      this.statistics.txDropped++
      return this.lost(frame, 'drop-no-vtep', `${this.name} has no FDB entry for ${frame.destination}: nothing says to which node the frame must travel.`)
    }
    vteps.forEach((vtep, i) => {
      const copy = i === vteps.length - 1 ? frame : copyFrame(frame)
      if (vteps.length > 1 && copy.payload.kind === 'ip') copy.payload.meta.trail = this.namespace.recorder.fork(copy.payload.meta.trail)
      this.#encapsulate(copy, vtep, found ? frame.destination : ZERO_MAC, found?.learned ?? false)
    })
  }

  #encapsulate(frame: Frame, vtep: Ip, mac: Mac, learned: boolean, vni = this.vni): void {
    const ns = this.namespace
    const { recorder } = ns
    const inner = frame.payload
    const trail = inner.kind === 'ip' ? inner.meta.trail : undefined
    const outer: IpPacket = {
      kind: 'ip',
      version: isIpv4(vtep) ? 4 : 6,
      source: this.external ? (ns.sourceFor(vtep) ?? this.local) : this.local,
      destination: vtep,
      ttl: 64,
      tos: 0,
      identification: isIpv4(vtep) ? ns.ip.nextIdentification() : 0,
      dontFragment: false,
      payload: { kind: 'udp', sourcePort: flowPort(frame), destinationPort: this.port, data: NO_DATA, vxlan: { vni, frame } },
      // The mark stays on the outer packet (skb_scrub_packet without xnet), which is why kube-proxy clears its own.
      meta: metaOf(inner.kind === 'ip' ? inner.meta.mark : 0, trail),
    }
    if (inner.kind === 'ip') {
      if (recorder.recording(inner)) {
        recorder.note(ns, inner, this.name, recorder.header(inner, frame), recorder.header(outer), packs, vtep, vni, this.external ? undefined : mac, learned)
      }
      inner.meta = scrubbed(inner.meta)
    }
    ns.output(outer)
  }

  /** Takes the frame out of a packet that came for this end. */
  decapsulate(packet: IpPacket, frame: Frame, vni = this.vni): void {
    const ns = this.namespace
    const { recorder } = ns
    if (this.learning && !isGroupMac(frame.source)) this.#learn(frame.source, packet.source)
    const inner = frame.payload
    if (inner.kind === 'ip') {
      inner.meta = metaOf(0, packet.meta.trail ?? inner.meta.trail)
      if (this.external) inner.meta.tunnel = { id: vni, remote: packet.source, local: packet.destination }
      if (recorder.recording(inner)) {
        recorder.note(ns, inner, this.name, recorder.header(packet), recorder.header(inner, frame), unpacks, this.port, vni)
      }
    } else if (this.external) inner.tunnel = { id: vni, remote: packet.source }
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.namespace.vxlans.delete(this)
  }

  #learn(mac: Mac, vtep: Ip): void {
    const old = this.#vteps.get(mac)
    if (old && !old.learned) return
    const now = this.namespace.clock.now
    if (old?.vteps[0] === vtep) {
      old.seenAt = now
      return
    }
    this.#vteps.set(mac, { vteps: [vtep], learned: true, seenAt: now })
    this.namespace.changed()
  }
}

/** Hands a VXLAN packet to the tunnel end that it is for. False when nobody here speaks VXLAN on that port. */
export function receiveVxlan(namespace: Namespace, packet: IpPacket, datagram: UdpDatagram): boolean {
  const { vni, frame } = datagram.vxlan!
  let bound = false
  for (const vxlan of namespace.vxlans) {
    if (vxlan.port !== datagram.destinationPort || !vxlan.up || isIpv4(vxlan.local) !== (packet.version === 4)) continue
    bound = true
    if (vxlan.vni !== vni && !vxlan.external) continue
    vxlan.decapsulate(packet, frame, vni)
    return true
  }
  if (bound && packet.meta.trail) {
    const { recorder } = namespace
    recorder.fail(namespace, packet, 'dropped', 'drop-wrong-vni', {
      stage: 'drop',
      text: `${namespace.name} has no VXLAN interface with the network identifier ${vni} on UDP port ${datagram.destinationPort}.`,
      before: recorder.header(packet),
      explanation: 'drop-wrong-vni',
    })
  }
  return bound
}

/** One source port for each inner flow, so that the underlay can spread flows and keep each in order (RFC 7348 5). */
export function flowPort(frame: Frame): number {
  const packet = frame.payload
  let hash = 2166136261
  const mix = (text: string): void => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
  }
  mix(frame.source)
  mix(frame.destination)
  if (packet.kind === 'ip') {
    mix(packet.source)
    mix(packet.destination)
    const { payload } = packet
    const ports = ported(payload)
    if (ports) hash = Math.imul(hash ^ (ports.sourcePort * 65536 + ports.destinationPort), 16777619)
  }
  return 32768 + ((hash >>> 0) % 28232)
}
