import { hasFailed } from '../../journey/recorder.ts'
import type { LinkVerdict } from '../../network/programs.ts'
import type { ArpPacket, Frame, Ip, Link } from '../../network/types.ts'
import { BROADCAST_MAC } from '../../network/packets.ts'
import type { Datapath } from './datapath.ts'

/** cilium_l2_responder_v4: the addresses that this node answers ARP requests for (bpf/bpf_host.c handle_l2_announcement, pkg/datapath/l2responder of cilium/cilium v1.17). */
export class L2Responder {
  readonly #dp: Datapath
  /** Address → answers sent. */
  readonly #entries = new Map<Ip, number>()
  /** Since when no agent runs (RUNTIME_CONFIG_AGENT_LIVENESS). */
  #abandonedAt: number | undefined
  /** L2_ANNOUNCEMENTS_MAX_LIVENESS, ms: the leases' duration. */
  #liveness = 15_000

  constructor(dp: Datapath) {
    this.#dp = dp
  }

  list(): readonly { ip: Ip; sent: number }[] {
    return [...this.#entries].map(([ip, sent]) => ({ ip, sent }))
  }

  /** An agent runs again, or stops; the map stays as it is. */
  alive(yes: boolean, liveness = this.#liveness): void {
    this.#liveness = liveness
    this.#abandonedAt = yes ? undefined : this.#dp.now
  }

  /** What is new is announced: whoever knows the address learns who has it now. */
  set(ips: ReadonlySet<Ip>): void {
    for (const ip of this.#entries.keys()) if (!ips.has(ip)) this.#entries.delete(ip)
    for (const ip of ips) {
      if (ip.includes(':') || this.#entries.has(ip)) continue
      this.#entries.set(ip, 0)
      this.#announce(ip)
    }
  }

  /** pkg/datapath/garp: an unasked reply to everybody. */
  #announce(ip: Ip): void {
    const { device } = this.#dp
    const payload: ArpPacket = { kind: 'arp', operation: 'reply', senderMac: device.mac, senderIp: ip, targetMac: BROADCAST_MAC, targetIp: ip }
    device.transmit({ source: device.mac, destination: BROADCAST_MAC, payload })
  }

  answer(frame: Frame, arp: ArpPacket, link: Link): LinkVerdict {
    const sent = this.#entries.get(arp.targetIp)
    if (sent === undefined || arp.operation !== 'request' || link !== this.#dp.device) return 'pass'
    if (this.#abandonedAt !== undefined && this.#dp.now - this.#abandonedAt > this.#liveness) return 'pass'
    this.#entries.set(arp.targetIp, sent + 1)
    const { network, lb } = this.#dp
    if (arp.trail?.record && !hasFailed(arp.trail.journey)) {
      const service = lb.list().find((f) => f.ip === arp.targetIp)?.service
      network.recorder.hop(network, arp, {
        stage: 'neighbour', interface: link.name,
        text: `${arp.targetIp} is on no interface${service === undefined ? '' : `: it is an address of the Service ${service}`}. ${network.name} holds the lease for announcing it, so the program on ${link.name} answers in its name: it is at ${link.mac}.`,
        decidedBy: { kind: 'map', text: `cilium_l2_responder_v4: ip4 ${arp.targetIp} ifindex ${link.index} responses_sent ${sent + 1}` },
        before: { source: arp.senderIp, destination: arp.targetIp, sourceMac: arp.senderMac, protocol: 'arp', detail: 'request' },
        explanation: 'cilium-l2-announcement',
      })
    }
    const payload: ArpPacket = { kind: 'arp', operation: 'reply', senderMac: link.mac, senderIp: arp.targetIp, targetMac: arp.senderMac, targetIp: arp.senderIp }
    link.transmit({ source: link.mac, destination: frame.source, payload })
    return 'stolen'
  }
}
