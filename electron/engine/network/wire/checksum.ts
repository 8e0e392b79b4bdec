/** The internet checksum (RFC 1071): the ones' complement of the ones' complement sum of all 16-bit words. */
export function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** The sum of the pseudo header that TCP and UDP cover (RFC 9293 section 3.1, RFC 8200 section 8.1). */
export function pseudoHeader(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
  let sum = protocol + (length & 0xffff) + (length >>> 16)
  for (const bytes of [source, destination]) for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  return sum
}
