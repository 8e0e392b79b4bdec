import type { Telling } from '../../journey/way.ts'
import type { BaseLink, LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import type { Frame, VlanLink, VlanTag } from '../types.ts'
import { Stacked } from './stacked-link.ts'
import { tagKey, Uppers } from './uppers.ts'

const tags: Telling<[id: string, lower: string]> = ({ interface: name, before }, id, lower) => ({
  stage: 'encapsulate', interface: name, text: `${name} puts the tag of VLAN ${id} into the frame, which leaves through ${lower}.`, before, explanation: 'vlan-tag',
})

const untags: Telling<[id: string, lower: string]> = ({ interface: name, before }, id, lower) => ({
  stage: 'decapsulate', interface: name, text: `The frame that came in through ${lower} has the tag of VLAN ${id}: it is ${name}'s, without the tag.`, before, explanation: 'vlan-untag',
})

/** One VLAN of a link (IEEE 802.1Q; net/8021q): its frames travel with a tag of four bytes. */
export class Vlan extends Stacked implements VlanLink {
  readonly kind = 'vlan'
  readonly tag: VlanTag

  constructor(namespace: Namespace, options: LinkOptions, lower: BaseLink, tag: VlanTag) {
    super(namespace, options, lower)
    this.tag = tag
    Uppers.of(lower).vlans.set(tagKey(tag), this)
  }

  madeIn(namespace: Namespace, options: LinkOptions): Vlan {
    return new Vlan(namespace, options, this.lower, this.tag)
  }

  protected send(frame: Frame): void {
    this.#tell(frame, tags)
    frame.tags = [this.tag, ...(frame.tags ?? [])]
    this.down(frame)
  }

  override receive(frame: Frame): void {
    if (this.up) this.#tell(frame, untags)
    super.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    const { vlans } = Uppers.of(this.lower)
    if (vlans.get(tagKey(this.tag)) === this) vlans.delete(tagKey(this.tag))
  }

  #tell(frame: Frame, telling: Telling<[id: string, lower: string]>): void {
    const { recorder } = this.namespace
    const packet = frame.payload
    if (packet.kind === 'ip' && recorder.recording(packet)) recorder.note(this.namespace, packet, this.name, recorder.header(packet, frame), undefined, telling, String(this.tag.id), this.lower.name)
  }
}
