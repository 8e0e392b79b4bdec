import { crc32 } from '../../compression/crc32.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import type { Peer } from './upstream.ts'

/** ngx_http_upstream_hash_module: which server a key belongs to; with `consistent` by ketama's points. */
export function choosePeerByKey(able: readonly Peer[], all: readonly Peer[], key: string, consistent: boolean): Peer {
  const bytes = encodeUtf8(key)
  if (consistent) {
    const points = ketama(all)
    const hash = crc32(bytes)
    const first = points.findIndex((p) => p.hash >= hash)
    for (let i = 0; i < points.length; i++) {
      const { peer } = points[(Math.max(first, 0) + i) % points.length]!
      if (able.includes(peer)) return peer
    }
    return able[0]!
  }
  const total = all.reduce((sum, p) => sum + p.weight, 0)
  let sum = 0
  // a server that does not do is followed by what the key with a number before it says
  for (let rehash = 0; rehash < 20; rehash++) {
    sum = (sum + ((crc32(rehash === 0 ? bytes : concatBytes([encodeUtf8(String(rehash)), bytes])) >>> 16) & 0x7fff)) >>> 0
    let at = sum % total
    const peer = all.find((p) => (at -= p.weight) < 0)!
    if (able.includes(peer)) return peer
  }
  return able[0]!
}

/** 160 points on the circle for each weight of each server. */
function ketama(peers: readonly Peer[]): { hash: number; peer: Peer }[] {
  const points = peers.flatMap((peer) => {
    const base = encodeUtf8(`${peer.address}\0${peer.port}`)
    let previous = 0
    return Array.from({ length: peer.weight * 160 }, () => {
      previous = crc32(concatBytes([base, Uint8Array.of(previous & 255, (previous >>> 8) & 255, (previous >>> 16) & 255, previous >>> 24)]))
      return { hash: previous, peer }
    })
  })
  return points.sort((a, b) => a.hash - b.hash)
}
