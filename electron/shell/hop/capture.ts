import {
  cookedOf, copyFrame, encodePcap, encodePcapng, linkTypeOf, type CapturedFrame, type CaptureInterface, type Cluster, type Cooked, type Hop, type Journey, type Link,
  type NetworkNamespace, type Trail,
} from '../../engine/cluster.ts'

interface Seen {
  at: number
  frame: CapturedFrame['frame']
  journey: Journey
  interface: CaptureInterface
  cooked: Cooked
  comments: string[]
}

/** Collects the frames of one journey on every link that it crosses, for a capture file. */
export class JourneyCapture {
  readonly #epoch: number
  #stops: (() => void)[]
  #seen: Seen[] = []
  #interfaces = new Map<Link, CaptureInterface>()
  /** How many hops of a way the packets before have told of. */
  #told = new WeakMap<Trail, number>()

  constructor(cluster: Cluster) {
    this.#epoch = cluster.clock.epoch
    // a frame is seen when it leaves an interface, so that each crossing is in the file once
    this.#stops = cluster.networks().map((network) =>
      network.capture('any', (captured) => {
        if (captured.direction === 'out') this.#take(network, captured)
      }),
    )
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  /** Classic pcap has one link type a file: with tunnels that have no link layer it is that of tcpdump -i any. */
  pcap(journey: Journey): Uint8Array {
    const own = this.#of(journey)
    return encodePcap(own, own.some((s) => s.interface.linkType === 'raw') ? 'sll2' : 'ethernet')
  }

  pcapng(journey: Journey): Uint8Array {
    const own = this.#of(journey)
    const interfaces = [...new Set(own.map((s) => s.interface))]
    const packets = own.map((s) => ({ interface: interfaces.indexOf(s.interface), at: s.at, frame: s.frame, direction: 'out' as const, comments: s.comments }))
    return encodePcapng({ hardware: 'simulated', os: 'simulated Linux', application: 'Podhop', interfaces, packets })
  }

  #of(journey: Journey): Seen[] {
    return this.#seen.filter((s) => s.journey === journey)
  }

  #take(network: NetworkNamespace, { at, interface: name, frame, direction }: CapturedFrame): void {
    const trail = frame.payload.kind === 'arp' ? frame.payload.trail : frame.payload.meta.trail
    const link = network.links.get(name)
    if (!trail || !link) return
    // the frame goes on, and is changed on its way
    this.#seen.push({
      at: this.#epoch + at, frame: copyFrame(frame), journey: trail.journey, interface: this.#interface(network, link), cooked: cookedOf(link, frame, direction),
      comments: this.#comments(network, trail),
    })
  }

  #interface(network: NetworkNamespace, link: Link): CaptureInterface {
    let known = this.#interfaces.get(link)
    if (!known) {
      const linkType = linkTypeOf(link.kind)
      known = {
        name: `${network.name}/${link.name}`, description: describe(link), linkType, addresses: [...link.addresses],
        ...(linkType === 'ethernet' && link.kind !== 'loopback' ? { mac: link.mac } : {}),
      }
      this.#interfaces.set(link, known)
    }
    return known
  }

  /** What has decided on the packet here since it was last seen; only the first packet of each direction says. */
  #comments(network: NetworkNamespace, trail: Trail): string[] {
    const { hops } = trail.way
    let first = hops.length
    while (first > 0 && hops[first - 1]!.networkNamespace === network.name) first--
    first = Math.max(first, this.#told.get(trail) ?? 0)
    this.#told.set(trail, hops.length)
    return hops.slice(first).flatMap((hop) => (hop.decidedBy ? [comment(hop, hop.decidedBy)] : []))
  }
}

function comment(hop: Hop, by: NonNullable<Hop['decidedBy']>): string {
  const place = by.table ? ` in ${by.table}${by.chain ? `/${by.chain}` : ''}` : ''
  return `${hop.stage}: ${hop.text} Decided by ${by.kind}${place}: ${by.text}`
}

function describe(link: Link): string {
  switch (link.kind) {
    case 'veth': return link.peer ? `veth, the other end is ${link.peer.namespace.name}/${link.peer.name}` : 'veth'
    case 'nic': return 'network card'
    case 'vxlan': return 'VXLAN tunnel'
    case 'ipip': return 'IP in IP tunnel'
    case 'geneve': return 'Geneve tunnel'
    case 'wireguard': return 'WireGuard tunnel'
    default: return link.kind
  }
}
