import { SystemError } from '../machine/errors.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { Stacked } from './stacked/stacked-link.ts'
import { Veth } from './veth.ts'

/** What happens to links as a whole, and who has to know it (net/core/dev.c). */

export function setUp(namespace: Namespace, link: BaseLink, up: boolean): void {
  if (link.up === up) return
  namespace.late?.forLink(link.name)
  link.up = up
  if (up) {
    namespace.routes.linkUp(link)
    namespace.addrconf.linkUp(link)
  } else {
    namespace.routes.linkDown(link)
    namespace.addrconf.linkDown(link)
    namespace.neighbours.flush(link)
  }
  link.stateChanged()
  link.master?.portChanged(link)
  link.uppers?.lowerSet(up)
  namespace.changed()
}

/** The other end of a link came or went. */
export function carrierChanged(namespace: Namespace, link: BaseLink): void {
  if (!link.carrier) namespace.neighbours.flush(link, { keepPermanent: true })
  else namespace.addrconf.linkUp(link)
  link.master?.portChanged(link)
  link.uppers?.lowerChanged()
  namespace.changed()
}

/** Throws SystemError EPERM for lo, which goes with its namespace. */
export function removeLink(namespace: Namespace, link: BaseLink): void {
  if (link.kind === 'loopback' && !namespace.destroyed) throw new SystemError('EPERM')
  namespace.late?.forLink(link.name)
  link.removed = true
  link.up = false
  link.unlink()
  namespace.links.delete(link.name)
  namespace.routes.linkRemoved(link)
  namespace.addrconf.linkDown(link)
  namespace.neighbours.flush(link)
  namespace.settings.removeLink(link.name)
  namespace.changed()
}

/** Its settings go along. Throws SystemError EEXIST; EBUSY while it is up (dev_change_name of Linux 6.1). */
export function renameLink(namespace: Namespace, link: BaseLink, to: string): void {
  const { name } = link
  if (to === name) return
  if (link.up) throw new SystemError('EBUSY')
  if (namespace.links.has(to)) throw new SystemError('EEXIST')
  namespace.late?.forLink(name)
  // its own addresses are local while it is down, too
  for (const address of link.addresses) namespace.routes.addressRemoved(link, address, [])
  namespace.links.delete(name)
  link.name = to
  namespace.links.set(to, link)
  namespace.settings.renameLink(name, to)
  for (const address of link.addresses) namespace.routes.addressAdded(link, address)
  namespace.changed()
}

/** Addresses and routes stay behind, the number goes along if it is free. Throws SystemError EEXIST; EINVAL for what stays where it is. */
export function moveLink(namespace: Namespace, link: BaseLink, to: Namespace): void {
  if (link.kind !== 'veth' && !(link instanceof Stacked)) throw new SystemError('EINVAL')
  if (to === namespace) return
  if (to.links.has(link.name)) throw new SystemError('EEXIST')
  const index = [...to.links.values()].some((l) => l.index === link.index) ? to.nextIndex() : link.index
  const options = { name: link.name, index, mac: link.mac, mtu: link.mtu }
  if (link instanceof Stacked) {
    removeLink(namespace, link)
    to.addLink(link.madeIn(to, options))
  } else {
    const peer = (link as Veth).detach()
    removeLink(namespace, link)
    const moved = new Veth(to, options)
    if (peer) Veth.pair(moved, peer)
    to.addLink(moved)
  }
  to.indexTaken(index)
}
