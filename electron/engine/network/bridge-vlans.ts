import { SystemError } from '../machine/errors.ts'
import { SparseMap } from '../sparse.ts'
import type { BaseLink } from './link.ts'
import type { BridgeVlan, BridgeVlanTable, Frame, VlanTag } from './types.ts'

/** With VLAN filtering off all frames are of this one. */
export const NO_VLAN = 0

/** The VLANs of a bridge and of its ports (net/bridge/br_vlan.c). */
export class BridgeVlans implements BridgeVlanTable {
  filtering = false
  /** Of ports that somebody has looked at; the others have the default. */
  readonly #groups = new SparseMap<BaseLink, Map<number, BridgeVlan>>()
  #defaultPvid = 1

  get defaultPvid(): number {
    return this.#defaultPvid
  }

  /** Where the old one is as a port got it, the new one takes its place. Throws SystemError EPERM while filtering is on. */
  set defaultPvid(id: number) {
    if (this.filtering) throw new SystemError('EPERM')
    const old = this.#defaultPvid
    this.#defaultPvid = id
    for (const [port, group] of [...this.#groups]) {
      const had = group.get(old)
      if (old !== 0 && !(had?.pvid && had.untagged)) continue
      group.delete(old)
      if (id !== 0) this.add(port, { id, pvid: true, untagged: true })
    }
  }

  /** Of a port, or of the bridge itself. */
  #group(port: BaseLink): Map<number, BridgeVlan> {
    let group = this.#groups.get(port)
    if (!group) {
      group = new Map(this.#defaultPvid === 0 ? [] : [[this.#defaultPvid, { id: this.#defaultPvid, pvid: true, untagged: true }]])
      this.#groups.set(port, group)
    }
    return group
  }

  leave(port: BaseLink): void {
    this.#groups.delete(port)
  }

  list(port: BaseLink): readonly BridgeVlan[] {
    return [...this.#group(port).values()].sort((a, b) => a.id - b.id)
  }

  add(port: BaseLink, vlan: BridgeVlan): void {
    const group = this.#group(port)
    if (vlan.pvid) for (const [id, other] of group) if (other.pvid) group.set(id, { ...other, pvid: false })
    group.set(vlan.id, { ...vlan })
  }

  remove(port: BaseLink, id: number): void {
    if (!this.#group(port).delete(id)) throw new SystemError('ENOENT')
  }

  /** br_allowed_ingress: the frame's VLAN, without its tag; undefined: it may not come in here. */
  ingress(port: BaseLink, frame: Frame): number | undefined {
    if (!this.filtering) return NO_VLAN
    const group = this.#group(port)
    const [tag, ...rest] = frame.tags ?? []
    const tagged = tag !== undefined && tag.protocol === undefined
    if (tagged) frame.tags = rest.length > 0 ? rest : undefined
    const id = tagged && tag.id !== 0 ? tag.id : [...group.values()].find((v) => v.pvid)?.id
    return id !== undefined && group.has(id) ? id : undefined
  }

  /** br_allowed_egress */
  allows(port: BaseLink, id: number): boolean {
    return !this.filtering || this.#group(port).has(id)
  }

  /** br_handle_vlan: the tag, where the port has it so. */
  egress(port: BaseLink, id: number, frame: Frame): void {
    if (!this.filtering || this.#group(port).get(id)?.untagged !== false) return
    const tag: VlanTag = { id }
    frame.tags = [tag, ...(frame.tags ?? [])]
  }
}
