import type { LinkProgram, LinkVerdict } from '../../network/programs.ts'
import { copyFrame, isGroupMac } from '../../network/packets.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Frame, Ip, Link, Mac, NetworkNamespace } from '../../network/types.ts'
import { DATAPATH, shortId } from './names.ts'

/**
 * Fast datapath (router/fastdp.go): an Open vSwitch datapath in the kernel with two ports, the one to the bridge and the
 * VXLAN tunnel. The router tells it at which peer each MAC address is; what goes to all is sent to each peer. The
 * identifier of the tunnel says who sends to whom. What it has been told stays when the router stops.
 * Sleeve, the slower way by user space (UDP 6783), is not simulated: where UDP 6784 does not pass, nothing does.
 */
export interface DatapathPeer { name: Mac; nickname: string; address: Ip }

export class FastDatapath {
  readonly own: Mac
  readonly #network: NetworkNamespace
  readonly #inside: Link
  readonly #tunnel: Link
  /** Peers with an established connection. */
  readonly #peers = new Map<Mac, DatapathPeer>()
  /** Where MAC addresses have been seen: at a peer, or (undefined) on this node's bridge. */
  readonly macs = new Map<Mac, Mac | undefined>()
  /** Whether the router is there to learn. */
  learning = true

  constructor(network: NetworkNamespace, own: Mac, inside: Link, tunnel: Link) {
    this.#network = network
    this.own = own
    this.#inside = inside
    this.#tunnel = tunnel
    inside.ingress = this.#program('datapath', (frame, link) => this.#fromBridge(frame, link))
    tunnel.ingress = this.#program('datapath', (frame, link) => this.#fromTunnel(frame, link))
  }

  get peers(): readonly DatapathPeer[] {
    return [...this.#peers.values()]
  }

  connect(peer: DatapathPeer): void {
    this.#peers.set(peer.name, peer)
  }

  disconnect(name: Mac): void {
    this.#peers.delete(name)
    for (const [mac, at] of this.macs) if (at === name) this.macs.delete(mac)
  }

  #program(name: string, run: (frame: Frame, link: Link) => LinkVerdict): LinkProgram {
    return { name, run }
  }

  #fromBridge(frame: Frame, link: Link): LinkVerdict {
    if (this.learning) this.macs.set(frame.source, undefined)
    const { destination } = frame
    const group = isGroupMac(destination)
    if (!group && this.macs.has(destination)) {
      const at = this.macs.get(destination)
      // it is on the bridge already
      if (at === undefined) return 'stolen'
      const peer = this.#peers.get(at)
      if (peer) {
        this.#say(frame, link, `The datapath has seen ${destination} at the peer ${peer.name}(${peer.nickname}) and sends the frame through the tunnel to ${peer.address}.`, `${destination} at ${peer.name}(${peer.nickname})`, 'weave-datapath')
        this.#aim(frame, peer)
        return { redirect: 'egress', link: this.#tunnel }
      }
    }
    const targets = this.peers
    if (targets.length === 0) {
      this.#lose(frame, link, `Weave on ${this.#network.name} has no connection to any peer, so the frame for ${destination} cannot leave the node.`)
      return 'stolen'
    }
    this.#say(frame, link, group ? 'The frame is for everybody: the datapath sends a copy to each peer.' : `The datapath has not seen ${destination} at any peer yet: it sends a copy to each.`, undefined, 'weave-flood')
    for (const peer of targets) {
      const copy = copyFrame(frame)
      if (copy.payload.kind === 'ip') copy.payload.meta.trail = (this.#network as Namespace).recorder.fork(copy.payload.meta.trail)
      this.#aim(copy, peer)
      this.#tunnel.transmit(copy)
    }
    return 'stolen'
  }

  #fromTunnel(frame: Frame, link: Link): LinkVerdict {
    const { payload } = frame
    const from = (payload.kind === 'ip' ? payload.meta.tunnel : payload.tunnel)?.remote
    const peer = this.peers.find((p) => p.address === from)
    if (!peer) {
      this.#lose(frame, link, `Weave on ${this.#network.name} has no connection to a peer at ${from ?? 'nowhere'}, so it takes no frames from there.`)
      return 'stolen'
    }
    if (this.learning) this.macs.set(frame.source, peer.name)
    this.#say(frame, link, `The datapath takes the frame of the peer ${peer.name}(${peer.nickname}) and hands it to the bridge.`, undefined, 'weave-datapath')
    return { redirect: 'egress', link: this.#inside }
  }

  #aim({ payload }: Frame, peer: DatapathPeer): void {
    const tunnel = { id: (shortId(peer.name) << 12) | shortId(this.own), remote: peer.address }
    if (payload.kind === 'ip') payload.meta.tunnel = tunnel
    else payload.tunnel = tunnel
  }

  #say(frame: Frame, link: Link, text: string, row: string | undefined, explanation: string): void {
    const packet = frame.payload
    const { recorder } = this.#network as Namespace
    if (packet.kind !== 'ip' || !recorder.recording(packet)) return
    recorder.hop(this.#network as Namespace, packet, {
      stage: 'bridge', interface: link.name, text, ...(row === undefined ? {} : { decidedBy: { kind: 'map', table: DATAPATH, text: row } }), before: recorder.header(packet, frame), explanation,
    })
  }

  #lose(frame: Frame, link: Link, text: string): void {
    const packet = frame.payload
    const { recorder } = this.#network as Namespace
    if (packet.kind !== 'ip' || !packet.meta.trail) return
    recorder.fail(this.#network as Namespace, packet, 'dropped', 'drop-weave-no-peer', { stage: 'drop', interface: link.name, text, before: recorder.header(packet, frame), explanation: 'drop-weave-no-peer' })
  }
}
