import { isIpv4 } from '../../network/address.ts'
import { ipBytes } from '../../network/wire/address-bytes.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'

/** The client of a connection, and where it came in. */
export interface Ends { remoteAddress: string; remotePort: number; localAddress: string; localPort: number }

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

/** send-proxy and send-proxy-v2 (haproxy's doc/proxy-protocol.txt, 2.1 and 2.2). Without `ends` it is HAProxy itself that speaks, as in checks. */
export function announcement(version: 'v1' | 'v2' | undefined, ends: Ends | undefined): Uint8Array | undefined {
  if (version === undefined) return undefined
  const both = ends && isIpv4(ends.remoteAddress) === isIpv4(ends.localAddress) ? ends : undefined
  if (version === 'v1') return encodeUtf8(both ? `PROXY TCP${isIpv4(both.remoteAddress) ? 4 : 6} ${both.remoteAddress} ${both.localAddress} ${both.remotePort} ${both.localPort}\r\n` : 'PROXY UNKNOWN\r\n')
  if (!both) return Uint8Array.from([...SIGNATURE, 0x20, 0x00, 0, 0])
  const addresses = concatBytes([ipBytes(both.remoteAddress), ipBytes(both.localAddress)])
  const ports = [both.remotePort, both.localPort].flatMap((p) => [p >> 8, p & 255])
  return concatBytes([Uint8Array.from([...SIGNATURE, 0x21, isIpv4(both.remoteAddress) ? 0x11 : 0x21, 0, addresses.length + ports.length]), addresses, Uint8Array.from(ports)])
}
