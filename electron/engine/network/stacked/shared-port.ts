import { SystemError } from '../../machine/errors.ts'
import type { BaseLink } from '../link.ts'
import type { Frame } from '../types.ts'
import type { Stacked } from './stacked-link.ts'
import { Uppers, type Port } from './uppers.ts'

/** All links that share one below, by their MAC or IP addresses. */
export abstract class SharedPort<L extends Stacked> implements Port {
  abstract readonly kind: 'macvlan' | 'ipvlan'
  readonly links: L[] = []

  abstract take(frame: Frame, lower: BaseLink): boolean

  lowerChanged(): void {
    for (const link of this.links) link.namespace.carrierChanged(link)
  }

  lowerRemoved(): void {
    for (const link of [...this.links]) link.namespace.removeLink(link.name)
  }

  /** One of the links is no more; with the last one goes the port. */
  left(link: L): void {
    if (this.links.includes(link)) this.links.splice(this.links.indexOf(link), 1)
    const uppers = Uppers.of(link.lower)
    if (this.links.length === 0 && uppers.port === this) uppers.port = undefined
  }
}

/** The port of a link, made for the first that stands there. Throws SystemError EBUSY for a bridge's or a bond's port, or another driver's. */
export function portOn<P extends Port>(lower: BaseLink, kind: P['kind'], make: () => P): P {
  const uppers = Uppers.of(lower)
  if (lower.master || (uppers.port && uppers.port.kind !== kind)) throw new SystemError('EBUSY')
  return (uppers.port ??= make()) as P
}
