import { SystemError } from '../machine/errors.ts'
import { cidrContains, isLoopbackIp, tryParseCidr, type Prefix } from './address.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import type { AddressOptions, Cidr, LinkAddress } from './types.ts'

/** Addresses of links: in what order those of IPv4 stand (net/ipv4/devinet.c), and how long those of both families last. */

const SCOPES = { global: 0, link: 253, host: 254 } as const

/** Throws SystemError EINVAL for what is no prefix, EEXIST. */
export function addAddress(namespace: Namespace, link: BaseLink, cidr: Cidr, options: AddressOptions | undefined): void {
  const prefix = tryParseCidr(cidr)
  if (!prefix) throw new SystemError('EINVAL')
  const address = prefix.version === 6 ? namespace.addrconf.add(link, prefix, options) : addIpv4Address(link, prefix, options)
  namespace.routes.addressAdded(link, address)
  age(namespace, link, address)
}

function addIpv4Address(link: BaseLink, prefix: Prefix, options: AddressOptions = {}): LinkAddress {
  const subject = options.peer ?? prefix.address
  // Of a whole address there can be but the same one: kube-ipvs0 has thousands.
  const same = (a: LinkAddress): boolean => (prefix.length === 32 ? (a.peer ?? a.address) === subject : cidrContains(`${a.peer ?? a.address}/${a.prefixLength}`, subject))
  const own = link.addresses.filter((a) => a.prefixLength === prefix.length && same(a))
  if (own.some((a) => a.address === prefix.address)) throw new SystemError('EEXIST')
  const { scope, broadcast, label, noPrefixRoute, peer, metric, validUntil, preferredUntil } = options
  const address: LinkAddress = {
    address: prefix.address,
    prefixLength: prefix.length,
    broadcast,
    scope: scope ?? (isLoopbackIp(prefix.address) ? 'host' : 'global'),
    secondary: own.length > 0 ? true : undefined,
    ...(label === undefined ? {} : { label }),
    ...(noPrefixRoute ? { noPrefixRoute: true } : {}),
    ...(peer === undefined || peer === prefix.address ? {} : { peer }),
    ...(metric ? { metric } : {}),
    ...lifetimes({ validUntil, preferredUntil }),
  }
  // Primary addresses come before all secondary ones, those of a narrower scope first (__inet_insert_ifa).
  const v6 = link.addresses.filter((a) => a.address.includes(':'))
  const v4 = v6.length > 0 ? link.addresses.filter((a) => !v6.includes(a)) : link.addresses
  link.addresses = address.secondary
    ? [...v4, address, ...v6]
    : [...v4.filter((a) => !a.secondary && SCOPES[a.scope] >= SCOPES[address.scope]), address, ...v4.filter((a) => a.secondary || SCOPES[a.scope] < SCOPES[address.scope]), ...v6]
  return address
}

/** Only those that end are kept. */
export const lifetimes = ({ validUntil, preferredUntil }: AddressOptions): Partial<LinkAddress> =>
  ({ ...(validUntil === undefined ? {} : { validUntil }), ...(preferredUntil === undefined ? {} : { preferredUntil }) })

/** When an address's time is over it goes, unless it was given more; when it is no longer preferred, who watches is told. */
function age(namespace: Namespace, link: BaseLink, address: LinkAddress): void {
  const { validUntil, preferredUntil } = address
  if (validUntil === undefined) return
  const { clock } = namespace
  const there = (): boolean => !link.removed && link.namespace === namespace && link.addresses.includes(address)
  clock.schedule(validUntil - clock.now, () => there() && namespace.removeAddress(link.name, `${address.address}/${address.prefixLength}`), { background: true })
  if (preferredUntil !== undefined && preferredUntil > clock.now) clock.schedule(preferredUntil - clock.now, () => there() && namespace.changed(), { background: true })
}

/** The address with other lifetimes and another metric. Throws SystemError EINVAL for what is no prefix, EADDRNOTAVAIL. */
export function changeAddress(namespace: Namespace, link: BaseLink, cidr: Cidr, options: Pick<AddressOptions, 'metric' | 'validUntil' | 'preferredUntil'>): void {
  const prefix = tryParseCidr(cidr)
  if (!prefix) throw new SystemError('EINVAL')
  const before = link.addresses.find((a) => a.address === prefix.address && a.prefixLength === prefix.length)
  if (!before) throw new SystemError('EADDRNOTAVAIL')
  const { validUntil: _valid, preferredUntil: _preferred, ...rest } = before
  const after: LinkAddress = { ...rest, ...(options.metric === undefined ? {} : { metric: options.metric }), ...lifetimes(options) }
  link.addresses = link.addresses.map((a) => (a === before ? after : a))
  if ((before.metric ?? 0) !== (after.metric ?? 0)) namespace.routes.metricChanged(link, after)
  age(namespace, link, after)
  namespace.changed()
}

/** Removing a primary address removes its secondaries, as long as promote_secondaries is off. Throws SystemError EADDRNOTAVAIL. */
export function removeAddress(namespace: Namespace, link: BaseLink, cidr: Cidr): void {
  const prefix = tryParseCidr(cidr)
  const address = link.addresses.find((a) => a.address === prefix?.address && (!cidr.includes('/') || a.prefixLength === prefix.length))
  if (!address) throw new SystemError('EADDRNOTAVAIL')
  namespace.late?.forLink(link.name)
  const network = `${address.peer ?? address.address}/${address.prefixLength}`
  const gone = address.secondary
    ? [address]
    : link.addresses.filter((a) => a === address || (a.secondary && a.prefixLength === address.prefixLength && cidrContains(network, a.peer ?? a.address)))
  link.addresses = link.addresses.filter((a) => !gone.includes(a))
  for (const a of gone) namespace.routes.addressRemoved(link, a, link.addresses)
}
