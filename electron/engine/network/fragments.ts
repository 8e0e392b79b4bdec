import type { Timer } from '../clock.ts'
import { Way } from '../journey/way.ts'
import { SparseMap } from '../sparse.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { copyPacket, ipLength, transportLength } from './packets.ts'
import type { IpPacket } from './types.ts'

/** net.ipv4.ipfrag_time */
const REASSEMBLY_MS = 30_000

/** Cuts a packet for an MTU (RFC 791 3.2, RFC 8200 4.5). Only the first fragment's loss or way is told in the journey. */
export function fragmentPacket(packet: IpPacket, mtu: number): IpPacket[] {
  const base = packet.fragment?.offset ?? 0
  const total = packet.fragment?.length ?? transportLength(packet.payload)
  // RFC 8200 4.5: a header of eight bytes in every fragment.
  const room = (mtu - (packet.version === 4 ? 20 : 48)) & ~7
  const out: IpPacket[] = []
  for (let offset = 0; offset < total; offset += room) {
    const length = Math.min(room, total - offset)
    const fragment = copyPacket(packet)
    fragment.dontFragment = false
    fragment.fragment = { offset: base + offset, length, more: offset + length < total || (packet.fragment?.more ?? false) }
    if (base + offset > 0 && fragment.meta.trail) fragment.meta.trail = { ...fragment.meta.trail, record: false, way: new Way() }
    out.push(fragment)
  }
  return out
}

interface Waiting {
  fragments: IpPacket[]
  timer: Timer
}

/** Puts fragments together again before prerouting, as nf_defrag_ipv4 and nf_defrag_ipv6 do. */
export class Reassembly {
  readonly #ns: Namespace
  readonly #waiting = new SparseMap<string, Waiting>()

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  /** The whole packet once its last missing fragment is there. */
  add(packet: IpPacket, link: BaseLink): IpPacket | undefined {
    const key = `${packet.source} ${packet.destination} ${packet.payload.kind} ${packet.identification} ${link.index}`
    let waiting = this.#waiting.get(key)
    if (!waiting) {
      const timer = this.#ns.clock.schedule(REASSEMBLY_MS, () => this.#expire(key, link), { background: true })
      this.#waiting.set(key, (waiting = { fragments: [], timer }))
    }
    waiting.fragments.push(packet)
    const ordered = waiting.fragments.toSorted((a, b) => a.fragment!.offset - b.fragment!.offset)
    let end = 0
    let complete = false
    for (const { fragment } of ordered) {
      if (fragment!.offset > end) return undefined
      end = Math.max(end, fragment!.offset + (fragment!.length ?? 0))
      complete ||= !fragment!.more
    }
    if (!complete) return undefined
    this.#ns.clock.cancel(waiting.timer)
    this.#waiting.delete(key)
    const whole = ordered[0]!
    if (whole.version === 6) whole.meta.largestFragment = Math.max(...ordered.map(ipLength))
    whole.fragment = undefined
    return whole
  }

  #expire(key: string, link: BaseLink): void {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    const first = waiting?.fragments.find((f) => f.fragment!.offset === 0)
    if (!first || this.#ns.destroyed) return
    const { recorder } = this.#ns
    recorder.fail(this.#ns, first, 'dropped', 'drop-fragments-missing', {
      stage: 'drop',
      interface: link.name,
      text: `Not all fragments of the packet reached ${this.#ns.name} within 30 seconds.`,
      before: recorder.header(first),
      explanation: 'drop-fragments-missing',
    })
    this.#ns.sendIcmpError(first, first.version === 4 ? 11 : 3, 1)
  }
}
