/** Sequence numbers live on a circle of 2^32 (RFC 9293 section 3.4). */
export function add(a: number, n: number): number {
  return (a + n) >>> 0
}

/** How far `a` is after `b`; negative when it is before. */
export function distance(a: number, b: number): number {
  return (a - b) | 0
}
