import { md5 as md5Of } from '../../engine/md5.ts'
import { sha1 as sha1Of } from '../../engine/sha1.ts'
import { hex } from '../../engine/sha256.ts'

/** In hexadecimal. */
export function md5(bytes: Uint8Array): string {
  return hex(md5Of(bytes))
}

export function sha1(bytes: Uint8Array): string {
  return hex(sha1Of(bytes))
}
