import type { IpPacket } from '../../../engine/cluster.ts'

/** A probe is waited for so long, twice. */
export const WAIT_MS = 1000

type Payload = IpPacket['payload']

/** Bytes of a packet, as nmap counts them. */
export function size({ version, payload }: { version: 4 | 6; payload: Payload }): number {
  const header = version === 4 ? 20 : 40
  if (payload.kind === 'tcp') return header + (payload.mss === undefined ? 20 : 24) + payload.data.length
  if (payload.kind === 'udp') return header + 8 + payload.data.length
  if (payload.kind === 'icmp') return header + 8 + (payload.about ? Math.min(548, size(payload.about)) : payload.data?.length ?? 0)
  return header
}

const UNREACHABLE = ['net-unreach', 'host-unreach', 'proto-unreach', 'port-unreach', 'frag-needed', 'srcroute-fail', 'dest-unreach', 'dest-unreach', 'dest-unreach', 'net-prohibited', 'host-prohibited', 'net-unreach', 'host-unreach', 'admin-prohibited'] as const
const UNREACHABLE6 = ['no-route', 'admin-prohibited', 'scope-exceeded', 'host-unreach', 'port-unreach', 'failed-policy', 'reject-route'] as const

/** What nmap calls an ICMP error. */
export function unreachable({ type, code }: { type: number; code: number }): string {
  if (type === 3) return UNREACHABLE[code] ?? 'dest-unreach'
  if (type === 1) return UNREACHABLE6[code] ?? 'dest-unreach'
  return type === 11 ? 'time-exceeded' : 'dest-unreach'
}
