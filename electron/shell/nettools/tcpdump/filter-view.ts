import { formatIpv4, type Frame, type IpPacket } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'

/** A captured frame as a filter sees it. */
export interface FilterView {
  frame: Frame
  direction: 'in' | 'out'
  /** The frame on the wire, from its Ethernet header on; asked for only by filters that compare bytes. */
  bytes(): Uint8Array
  length(): number
  /** As the kernel shows it: the outermost tag is kept beside the packet, and is none of its bytes. */
  live?: boolean
}

/** A load behind the packet's end: the whole filter says no (bpf(4)). */
export class OutOfPacket extends Error {}

/** IP's protocols that filters have names for. */
export const NUMBERS: Readonly<Record<string, number>> = byName({ icmp: 1, igmp: 2, ipip: 4, tcp: 6, udp: 17, esp: 50, ah: 51, icmp6: 58, pim: 103, vrrp: 112, sctp: 132 })

const IPV4 = 0x0800

/**
 * What a filter looks at behind so many tags: at fixed places, whether a frame has as many or not (libpcap 1.10, gencode.c, gen_vlan).
 * Undefined: nothing that is a network layer's.
 */
export function behindTags(view: FilterView, tags: number): FilterView | undefined {
  const own = view.frame.tags?.length ?? 0
  if (own === tags || (view.live && tags === 0 && own === 1)) return view
  if (tags === 0 || view.live) return undefined
  const bytes = view.bytes()
  const base = 14 + 4 * tags
  if (bytes.length < base + 20 || read(bytes, base - 2, 2) !== IPV4) return undefined
  return { ...view, frame: { ...view.frame, tags: Array.from({ length: tags }, () => ({ id: 0 })), payload: misread(bytes, base) } }
}

/** Where ARP has its protocol type an EtherType is looked for, and it is IP's: what follows is taken for IP's header. */
function misread(bytes: Uint8Array, base: number): IpPacket {
  const protocol = bytes[base + 9]!
  const offset = (read(bytes, base + 6, 2) & 0x1fff) * 8
  const transport = base + (bytes[base]! & 15) * 4
  const kind = Object.keys(NUMBERS).find((name) => NUMBERS[name] === protocol) ?? 'unknown'
  return {
    kind: 'ip', version: 4, source: formatIpv4(read(bytes, base + 12, 4)), destination: formatIpv4(read(bytes, base + 16, 4)),
    ttl: bytes[base + 8]!, tos: bytes[base + 1]!, identification: read(bytes, base + 4, 2), dontFragment: false, meta: { mark: 0 },
    ...(offset > 0 ? { fragment: { offset, more: false } } : {}),
    payload: { kind, get sourcePort() { return read(bytes, transport, 2) }, get destinationPort() { return read(bytes, transport + 2, 2) } } as unknown as IpPacket['payload'],
  }
}

/** A number of so many bytes, the first the highest. */
export function read(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw new OutOfPacket()
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i]!
  return value
}
