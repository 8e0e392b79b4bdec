import type { Telling } from '../journey/way.ts'
import { BaseLink } from './link.ts'
import type { Frame } from './types.ts'

const goesThrough: Telling<[peer: string, namespace: string]> = ({ interface: name, before }, peer, namespace) => ({
  stage: 'veth',
  interface: name,
  text: `The frame goes into ${name} and comes out of ${peer} in ${namespace}: the two ends of one veth pair.`,
  before,
  explanation: 'veth-pair',
})

/** One end of a veth pair (veth(4)): what goes in at one end comes out at the other. */
export class Veth extends BaseLink {
  readonly kind = 'veth'
  /** Off: IFF_NOARP. */
  arp = true
  #peer: Veth | undefined
  #lastArrival = 0

  get peer(): Veth | undefined {
    return this.#peer
  }

  override get usesArp(): boolean {
    return this.arp
  }

  override get carrier(): boolean {
    return this.up && this.#peer !== undefined && this.#peer.up
  }

  static pair(a: Veth, b: Veth): void {
    a.#peer = b
    b.#peer = a
  }

  /** Leaves the pair, for an end that takes its place. */
  detach(): Veth | undefined {
    const peer = this.#peer
    this.#peer = undefined
    return peer
  }

  protected send(frame: Frame): void {
    const peer = this.#peer
    if (!peer || !peer.up) {
      this.statistics.txDropped++
      return this.lost(frame, 'drop-link-down', `The other end of the veth pair of ${this.name} is down.`)
    }
    const packet = frame.payload
    const { recorder } = this.namespace
    if (packet.kind === 'ip' && recorder.recording(packet)) {
      recorder.note(this.namespace, packet, this.name, recorder.header(packet, frame), undefined, goesThrough, peer.name, peer.namespace.name)
    }
    this.#arrive(peer, frame)
  }

  override handOver(frame: Frame): void {
    const peer = this.#peer
    if (!peer || !peer.up) return this.lost(frame, 'drop-link-down', `The other end of the veth pair of ${this.name} is down.`)
    this.#arrive(peer, frame)
  }

  #arrive(peer: Veth, frame: Frame): void {
    const { clock } = this.namespace
    this.leave(frame)
    this.#lastArrival = Math.max(this.#lastArrival, clock.now + this.namespace.latency(0.01, 0.01))
    clock.schedule(this.#lastArrival - clock.now, () => {
      if (peer.fits(frame)) peer.receive(frame)
    })
  }

  override stateChanged(): void {
    this.#peer?.namespace.carrierChanged(this.#peer)
  }

  /** Both ends go together. */
  override unlink(): void {
    super.unlink()
    const peer = this.#peer
    if (!peer) return
    this.#peer = undefined
    peer.#peer = undefined
    if (!peer.removed) peer.namespace.removeLink(peer.name)
  }
}
