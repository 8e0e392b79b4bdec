import { BaseLink } from './link.ts'
import type { Frame } from './types.ts'

/** An internal port of an Open vSwitch bridge (net/openvswitch/vport-internal_dev.c): what the node sends through it comes into the bridge. */
export class OvsInternal extends BaseLink {
  readonly kind = 'openvswitch'
  /** Without one the device belongs to no bridge (ovs-system). */
  toBridge: ((frame: Frame) => void) | undefined

  protected send(frame: Frame): void {
    if (this.toBridge) this.toBridge(frame)
    else this.lost(frame, 'drop-ovs-flow', `${this.name} is a port of no bridge.`)
  }
}
