import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { LabelSelector } from '../../kubernetes/types.ts'
import type { Mac } from '../../network/types.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { sha1 } from '../calico/names.ts'

/** Names and numbers of Weave Net 2.8.1 (weaveworks/weave). */
export const WEAVE_VERSION = '2.8.1'
export const BRIDGE = 'weave'
export const DATAPATH = 'datapath'
export const BRIDGE_PORT = 'vethwe-bridge'
export const DATAPATH_PORT = 'vethwe-datapath'
export const VXLAN_DEVICE = 'vxlan-6784'
export const FASTDP_PORT = 6784
export const MESH_PORT = 6783
export const CONTROL_PORT = 6784
/** What fast datapath leaves of an underlay of 1500 bytes, with room for encryption that may be switched on. */
export const MTU = 1376
export const CNI_CONF = '/etc/cni/net.d/10-weave.conflist'
export const DATABASE = '/var/lib/weave/weave-netdata.db'

/** A peer's name is a MAC address made of the machine's identity (net/uuid.go); it is the bridge's MAC, too. */
export function peerName(machine: string): Mac {
  const digits = hex(sha256(encodeUtf8(`weave peer ${machine}`)))
  const first = ((Number.parseInt(digits.slice(0, 2), 16) & 0xfe) | 2).toString(16).padStart(2, '0')
  return [first, ...Array.from({ length: 5 }, (_, i) => digits.slice(2 + 2 * i, 4 + 2 * i))].join(':')
}

/** Twelve bits: fast datapath makes its VXLAN identifiers of the two peers' (mesh, PeerShortID). */
export function shortId(peer: Mac): number {
  return Number.parseInt(hex(sha256(encodeUtf8(peer))).slice(0, 3), 16)
}

/** The node's end of a container's veth pair (net/veth.go). */
export function hostInterface(containerId: string): string {
  return `vethwepl${containerId.slice(0, 7)}`
}

const SYMBOLS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789(){}[]+=_$%^!*|/?.;:@#~'

/** The name of a set: "weave-" and SHA-1 written in 85 digits, the lowest first (npc/shortname.go). */
export function setName(text: string): string {
  let value = BigInt(`0x${hex(sha1(encodeUtf8(text)))}`)
  const base = BigInt(SYMBOLS.length)
  let name = ''
  for (; value > 0n; value /= base) name += SYMBOLS[Number(value % base)]!
  return `weave-${name}`
}

/** A selector as labels.Selector prints it. */
export function selectorText(selector: LabelSelector): string {
  return compileLabelSelector(selector).toString()
}
