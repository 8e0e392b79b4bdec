import { base64Url, hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'

/** Calico v3.30 as its manifest calico.yaml installs it (projectcalico/calico, manifests/calico.yaml). */
export const CALICO_VERSION = 'v3.30.3'
export const CALICO_GROUP = 'crd.projectcalico.org'
export const CALICO_CONFLIST = '/etc/cni/net.d/10-calico.conflist'
export const NODENAME_FILE = '/var/lib/calico/nodename'
/** The gateway of every Pod: nobody has it, the node answers for it (proxy ARP). */
export const GATEWAY = '169.254.1.1'
export const WORKLOAD_PREFIX = 'cali'
export const IPIP_DEVICE = 'tunl0'
export const VXLAN_DEVICES = { 4: 'vxlan.calico', 6: 'vxlan-v6.calico' } as const
export const WIREGUARD_DEVICE = 'wireguard.cali'
export const VXLAN_VNI = 4096
export const VXLAN_PORT = 4789

/** The IP version, as Felix and BIRD, which have a half for each, call a family. */
export type Version = 4 | 6

export function isVersion(version: Version): (text: string) => boolean {
  return (text) => text.includes(':') === (version === 6)
}

/** The node's end of a Pod's veth pair: "cali" and the first eleven digits of SHA-1 of "namespace.pod" (conversion.VethNameForWorkload). */
export function workloadInterface(namespace: string, pod: string): string {
  return `${WORKLOAD_PREFIX}${hex(sha1(encodeUtf8(`${namespace}.${pod}`))).slice(0, 11)}`
}

/** A name within iptables' limit (felix/hashutils GetLengthLimitedID): what is too long becomes "_" and a hash. */
export function limitedName(prefix: string, suffix: string, most = 28): string {
  const length = prefix.length + suffix.length
  if (length < most || (length === most && !suffix.startsWith('_'))) return prefix + suffix
  return `${prefix}_${base64Url(sha256(encodeUtf8(suffix))).slice(0, most - 1 - prefix.length)}`
}

/** SHA-1 (FIPS 180-4): old and broken for signatures, but still what Calico makes interface names of. */
export function sha1(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(((message.length + 9 + 63) >> 6) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 4, message.length << 3)
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))
  const w = new Int32Array(80)
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + i * 4)
    for (let i = 16; i < 80; i++) w[i] = rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1)
    let [a, b, c, d, e] = state as [number, number, number, number, number]
    for (let i = 0; i < 80; i++) {
      const [f, k] = i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1] : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6]
      const next = (rotate(a, 5) + f + e + k + w[i]!) | 0
      ;[e, d, c, b, a] = [d, c, rotate(b, 30), a, next]
    }
    ;[a, b, c, d, e].forEach((value, i) => (state[i] = (state[i]! + value) | 0))
  }
  const out = new Uint8Array(20)
  const result = new DataView(out.buffer)
  state.forEach((word, i) => result.setUint32(i * 4, word >>> 0))
  return out
}
