import { SystemError } from '../machine/errors.ts'
import { isLinkLocalIp6, linkLocalOf } from './address.ts'
import type { Prefix } from './address.ts'
import { lifetimes } from './devinet.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import type { AddressOptions, LinkAddress } from './types.ts'

/**
 * The IPv6 addresses of a network namespace's links (net/ipv6/addrconf.c): the link-local one that comes with carrier, ::1 of
 * lo, and what goes when a link goes down. Duplicate address detection ends at once, and nobody solicits routers.
 */
export class Addrconf {
  readonly #ns: Namespace

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  /** Throws SystemError EACCES, EEXIST. */
  add(link: BaseLink, { address, length }: Prefix, options: AddressOptions = {}): LinkAddress {
    if (link.conf.disabled6) throw new SystemError('EACCES')
    if (link.address(address)) throw new SystemError('EEXIST')
    const added: LinkAddress = { address, prefixLength: length, scope: options.scope ?? (address === '::1' ? 'host' : isLinkLocalIp6(address) ? 'link' : 'global'), ...lifetimes(options) }
    // The widest scope first, and of one scope the latest first (ipv6_link_dev_addr).
    const rank = (a: LinkAddress): number => (!a.address.includes(':') ? 9 : a.scope === 'global' ? 3 : a.scope === 'link' ? 2 : 1)
    const at = link.addresses.findIndex((a) => rank(a) <= rank(added))
    link.addresses = at < 0 ? [...link.addresses, added] : link.addresses.toSpliced(at, 0, added)
    return added
  }

  /** It was set up, or has carrier now. */
  linkUp(link: BaseLink): void {
    if (link.conf.disabled6 || !link.up) return
    this.#ns.routes.v6.linkUp(link)
    if (link.kind === 'loopback') {
      if (!link.address('::1')) this.#addKernel(link, '::1', 128)
      return
    }
    if (!link.carrier || !link.usesArp || link.addresses.some((a) => isLinkLocalIp6(a.address))) return
    if (this.#ns.settings.get(`net.ipv6.conf.${link.name.replaceAll('.', '/')}.addr_gen_mode`) === '1') return
    this.#addKernel(link, linkLocalOf(link.mac), 64)
  }

  /** What a person has set goes as well, unless keep_addr_on_down says otherwise. */
  linkDown(link: BaseLink): void {
    if (!link.addresses.some((a) => a.address.includes(':'))) return
    const keep = this.#ns.settings.get(`net.ipv6.conf.${link.name.replaceAll('.', '/')}.keep_addr_on_down`) === '1'
    if (!keep) link.addresses = link.addresses.filter((a) => !a.address.includes(':'))
    this.#ns.routes.v6.linkDown(link)
  }

  /** disable_ipv6 or forwarding was written. */
  settingsChanged(): void {
    for (const link of this.#ns.links.values()) {
      if (link.conf.disabled6) this.linkDown(link)
      else this.linkUp(link)
    }
    this.#ns.routes.v6.changed()
  }

  #addKernel(link: BaseLink, address: string, length: number): void {
    this.#ns.routes.addressAdded(link, this.add(link, { version: 6, network: address, address, length, base: 0, mask: 0, base6: 0n, mask6: 0n }))
  }
}
