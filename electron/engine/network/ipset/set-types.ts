import { byName } from '../../own.ts'

/** The set types of ipset 7.17 that are simulated, with the revision that Linux 6.1 has. */

export type Family = 'inet' | 'inet6'

export type Part = 'ip' | 'net' | 'port' | 'iface'

export type SetTypeName =
  | 'hash:ip' | 'hash:net' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'hash:net,port' | 'hash:net,iface' | 'bitmap:ip' | 'bitmap:port' | 'list:set'

export interface SetType {
  name: SetTypeName
  revision: number
  /** What an element is made of; a list's are names of sets. */
  parts: readonly Part[]
  kind: 'hash' | 'bitmap' | 'list'
  /** Has networks: elements may be exceptions (nomatch). */
  nets: boolean
  /** For "Size in memory": of a set without elements, of an element without extensions; IPv4 and IPv6. */
  baseBytes: readonly [number, number]
  elementBytes: readonly [number, number]
}

const hash = (name: SetTypeName, revision: number, base: SetType['baseBytes'], element: SetType['elementBytes']): SetType => {
  const parts = name.slice(5).split(',') as Part[]
  return { name, revision, parts, kind: 'hash', nets: parts.includes('net'), baseBytes: base, elementBytes: element }
}

export const SET_TYPES: ReadonlyMap<string, SetType> = new Map<string, SetType>([
  hash('hash:ip', 6, [216, 224], [4, 16]),
  hash('hash:net', 7, [456, 1240], [8, 20]),
  hash('hash:ip,port', 7, [216, 224], [8, 20]),
  hash('hash:ip,port,ip', 6, [216, 224], [12, 36]),
  hash('hash:ip,port,net', 8, [464, 1248], [12, 36]),
  hash('hash:net,port', 8, [456, 1240], [8, 20]),
  hash('hash:net,iface', 8, [464, 1248], [28, 40]),
  { name: 'bitmap:ip', revision: 3, parts: ['ip'], kind: 'bitmap', nets: false, baseBytes: [88, 88], elementBytes: [0, 0] } as const,
  { name: 'bitmap:port', revision: 3, parts: ['port'], kind: 'bitmap', nets: false, baseBytes: [72, 72], elementBytes: [0, 0] } as const,
  { name: 'list:set', revision: 3, parts: [], kind: 'list', nets: false, baseBytes: [80, 80], elementBytes: [48, 48] } as const,
].map((type) => [type.name, type]))

/** The names that types had in ipset 4. */
export const TYPE_ALIASES: Readonly<Record<string, SetTypeName>> = byName({
  iphash: 'hash:ip', nethash: 'hash:net', ipporthash: 'hash:ip,port', ipportiphash: 'hash:ip,port,ip', ipportnethash: 'hash:ip,port,net',
  netporthash: 'hash:net,port', netifacehash: 'hash:net,iface', portmap: 'bitmap:port', ipmap: 'bitmap:ip', setlist: 'list:set',
})

export const UNSIMULATED_TYPES: ReadonlySet<string> = new Set([
  'bitmap:ip,mac', 'hash:mac', 'hash:ip,mac', 'hash:ip,mark', 'hash:net,net', 'hash:net,port,net', 'macipmap', 'iptree', 'iptreemap',
])

export interface SetOptions {
  family: Family
  hashsize: number
  maxelem: number
  /** hash:ip and bitmap:ip: elements are networks of this length. */
  netmask: number | undefined
  /** Default timeout of elements in seconds; 0: none unless it is given; undefined: set without timeouts. */
  timeout: number | undefined
  comment: boolean
  counters: boolean
  forceadd: boolean
  bucketsize: number
  /** Seed of the hash. */
  initval: number
  /** Of bitmaps: ports, or addresses as numbers. */
  range: readonly [number, number]
  /** list:set; kept for show only: lists grow. */
  size: number
}

export const DEFAULT_OPTIONS: SetOptions = {
  family: 'inet', hashsize: 1024, maxelem: 65536, netmask: undefined, timeout: undefined, comment: false, counters: false, forceadd: false,
  bucketsize: 12, initval: 0, range: [0, 65535], size: 8,
}
