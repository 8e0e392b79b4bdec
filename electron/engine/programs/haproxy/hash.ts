import { ipv4Number, ipv6Number, isIpv4 } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Balance } from './backend.ts'

/** gen_hash with the function sdbm, and a client's address by its words (src/backend.c); undefined where turns are taken. The server is the one at this number, modulo how many there are. */
export function hashOfRequest({ algorithm, name, wholeUri, depth, length }: Balance, request: HttpRequest, source: string): number | undefined {
  if (algorithm === 'source') return isIpv4(source) ? ipv4Number(source) >>> 0 : wordsOf(ipv6Number(source) ?? 0n)
  if (algorithm === 'hdr') return hashed(headerOf(request.headers, name))
  const uri = request.target
  if (algorithm === 'url_param') return hashed(uri.split('?').slice(1).join('?').split('&').find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1))
  if (algorithm !== 'uri') return undefined
  let part = wholeUri ? uri : uri.split('?')[0]!
  if (length > 0) part = part.slice(0, length)
  if (depth > 0) part = part.split('/').slice(0, depth + 1).join('/')
  return hashed(part)
}

/** Undefined where there is nothing to hash: then turns are taken. */
function hashed(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  let hash = 0
  for (const byte of encodeUtf8(text)) hash = (byte + (hash << 6) + (hash << 16) - hash) | 0
  return hash >>> 0
}

function wordsOf(address: bigint): number {
  let hash = 0
  for (let at = 96n; at >= 0n; at -= 32n) hash ^= Number((address >> at) & 0xffff_ffffn)
  return hash >>> 0
}
