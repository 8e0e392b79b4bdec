import { cidrContains, isLoopbackIp } from '../network/address.ts'
import type { Ip, Link } from '../network/types.ts'

/** nodePortAddresses: which of a node's addresses accept NodePorts (pkg/proxy/util/nodeport_addresses.go). */
export class NodePortAddresses {
  readonly matchAll: boolean
  /** 127.0.0.1 is among them. */
  readonly loopback: boolean
  readonly #cidrs: readonly string[]

  /** Of the other family's none count; no one of this family: all addresses do. */
  constructor(family: 4 | 6, cidrs: readonly string[]) {
    const own = cidrs.filter((cidr) => cidr.includes(':') === (family === 6))
    this.#cidrs = own
    this.matchAll = own.length === 0 || own.some((cidr) => /\/0$/.test(cidr))
    this.loopback = family === 4 && (this.matchAll || own.some((cidr) => cidrContains(cidr, '127.0.0.0') || isLoopbackIp(cidr.split('/')[0]!)))
  }

  contains(address: Ip): boolean {
    return this.matchAll || this.#cidrs.some((cidr) => cidrContains(cidr, address))
  }

  /** The addresses of these links, in the order of the list that names them. */
  addressesOf(links: Iterable<Link>): Ip[] {
    const all = [...links].flatMap((link) => link.addresses.map(({ address }) => address))
    return [...new Set(this.#cidrs.flatMap((cidr) => all.filter((address) => address.includes(':') === cidr.includes(':') && cidrContains(cidr, address))))]
  }
}
