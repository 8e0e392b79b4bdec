import { ipBytes } from '../../network/wire/address-bytes.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { xxh64 } from '../../xxhash.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'

/** dynamic-cookie-key of the controller's configuration (pkg/service/service.go). */
export const COOKIE_KEY = 'ohph7OoGhong'

/** A server's dynamic cookie: XXH64 of the key, its address and its port in four bytes (srv_set_dyncookie in src/server.c). */
export function serverCookie({ address, port }: Endpoint): string {
  const tail = new Uint8Array(4)
  new DataView(tail.buffer).setUint32(0, port, true)
  return xxh64(concatBytes([encodeUtf8(COOKIE_KEY), ipBytes(address), tail])).toString(16).padStart(16, '0')
}
