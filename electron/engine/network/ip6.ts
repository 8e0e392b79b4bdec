import type { ErrorCode } from '../machine/errors.ts'
import { isLinkLocalIp6, isMulticastIp, networkOf, solicitedNode } from './address.ts'
import type { LinuxBridge } from './bridge.ts'
import { fragmentPacket, Reassembly } from './fragments.ts'
import { Icmp6 } from './icmp6.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { ipLength } from './packets.ts'
import { passedOn, routeProblem, staysHere, tellDropped, tellRoute } from './route-hops.ts'
import type { RouteEntry } from './fib.ts'
import { steeredRoute } from './steering.ts'
import type { Ip, IpPacket, LinkAddress } from './types.ts'

/** RFC 8200 5: every link takes packets of this length. */
export const MINIMUM_MTU = 1280

/**
 * The way of IPv6 packets through one network namespace, as net/ipv6/ip6_input.c and ip6_output.c lead them. As with IPv4,
 * but: routers never cut packets, every link answers for its own addresses only, and link-local addresses do not leave their link.
 */
export class Ip6Layer {
  readonly icmp: Icmp6
  readonly #ns: Namespace
  readonly #reassembly: Reassembly
  readonly #pathMtus = new Map<Ip, { mtu: number; until: number }>()

  constructor(namespace: Namespace) {
    this.#ns = namespace
    this.icmp = new Icmp6(namespace)
    this.#reassembly = new Reassembly(namespace)
  }

  // ---- in -----------------------------------------------------------------------------------------------------

  receive(packet: IpPacket, link: BaseLink, group: boolean): void {
    if (link.conf.disabled6) return
    packet.meta.inInterface = link.name
    const whole = packet.fragment ? this.#reassembly.add(packet, link) : packet
    if (!whole) return
    const { destination } = whole
    if (this.#ns.netfilter6.run('prerouting', whole, link, undefined) !== 'accept') return
    if (whole.destination !== destination && link.kind === 'bridge' && (link as LinuxBridge).redirects(whole)) return
    this.route(whole, link, group)
  }

  /** After prerouting: for us, or onwards? */
  route(packet: IpPacket, link: BaseLink, group = false): void {
    const { routes, recorder } = this.#ns
    const { source, destination } = packet
    const loopback = source === '::1' || destination === '::1'
    if (isMulticastIp(source) || (loopback && link.kind !== 'loopback')) {
      return tellDropped(this.#ns, packet, link, 'drop-martian', loopback ? `A packet from ${source} to ${destination} came in on ${link.name}: ::1 may only be seen on lo.` : `${source} cannot be the source of a packet.`)
    }
    if (isMulticastIp(destination)) {
      if (this.#listensTo(destination, link)) this.#deliver(packet, link, false)
      return
    }
    const entry = routes.v6.route(packet, link)
    const type = entry?.route.type
    if (type === 'local' || type === 'anycast') {
      if (recorder.recording(packet)) {
        recorder.note(this.#ns, packet, link.name, recorder.header(packet), undefined, staysHere, true, routes.line(entry!))
      }
      return this.#deliver(packet, link, true)
    }
    if (group) return
    const steering = this.#ns.steer?.(packet)
    if (steering && 'drop' in steering) return tellDropped(this.#ns, packet, link, steering.drop, steering.text)
    this.#forward(packet, link, steering ? steeredRoute(this.#ns, packet, link, steering) : entry)
  }

  /** Groups that every node is in (RFC 4291 2.8): all nodes, all routers if it is one, and those of its addresses. */
  #listensTo(group: Ip, link: BaseLink): boolean {
    if (group === 'ff02::1' || group === 'ff01::1') return true
    if (group === 'ff02::2') return link.conf.forwarding6
    const anycast = (a: LinkAddress): boolean => link.conf.forwarding6 && solicitedNode(networkOf(`${a.address}/${a.prefixLength}`).split('/')[0]!) === group
    return link.addresses.some((a) => a.address.includes(':') && (solicitedNode(a.address) === group || anycast(a))) || this.#ns.neighbours.joined(group, link)
  }

  #deliver(packet: IpPacket, link: BaseLink, unicast: boolean): void {
    if (this.#ns.netfilter6.run('input', packet, link, undefined) !== 'accept') return this.#tellLostMessage(packet, link, 'INPUT')
    this.#ns.raw?.receive(packet)
    if (packet.payload.kind !== 'icmp') this.#ns.touch()
    switch (packet.payload.kind) {
      case 'udp':
        return this.#ns.udp.receive(packet, link, unicast)
      case 'icmp':
        return this.icmp.receive(packet, link, unicast)
      case 'sctp':
        if (unicast) this.#ns.sctp.receive(packet)
        return
      case 'tcp':
        if (unicast) this.#ns.tcp.receive(packet)
        return
      case 'sctp':
        if (unicast) this.#ns.sctp.receive(packet)
    }
  }

  /** ip6_forward */
  #forward(packet: IpPacket, link: BaseLink, entry: RouteEntry | undefined): void {
    const ns = this.#ns
    const { recorder } = ns
    if (!ns.settings.flag6('forwarding')) {
      if (ns.kind === 'outside' && ns.links.size === 2) return tellDropped(this.#ns, packet, link, 'drop-outside', `The packet has left the cluster, and nobody in the outside world has ${packet.destination}: it is lost there.`)
      // who has no way for it says so whether it forwards or not: the route that is none answers (ip6_pkt_discard), not ip6_forward
      if (!this.#usable(packet, entry, link)) return
      return tellDropped(this.#ns, packet, link, 'drop-forwarding-off', `${packet.destination} is not an address of ${ns.name}, and it does not forward IPv6 (net.ipv6.conf.all.forwarding is 0).`)
    }
    const out = this.#usable(packet, entry, link)
    if (!out) return
    if (recorder.recording(packet) && !ns.steer) tellRoute(this.#ns, packet, out, link.name)
    if (packet.ttl <= 1) {
      tellDropped(this.#ns, packet, link, 'drop-ttl-exceeded', `The hop limit is used up: ${ns.name} drops the packet and tells ${packet.source}.`)
      return ns.sendIcmpError(packet, 3, 0)
    }
    if (isLinkLocalIp6(packet.source)) {
      tellDropped(this.#ns, packet, link, 'drop-link-local', `${packet.source} means nothing beyond its own link: ${ns.name} does not pass the packet on.`)
      return ns.sendIcmpError(packet, 1, 2)
    }
    const device = this.#device(out)
    if ((packet.meta.largestFragment ?? ipLength(packet)) > device.mtu) {
      this.#tooBig(packet, device)
      return ns.sendIcmpError(packet, 2, 0, { mtu: device.mtu })
    }
    const before = recorder.recording(packet) ? recorder.header(packet) : undefined
    packet.ttl--
    if (before) {
      recorder.note(ns, packet, device.name, before, recorder.header(packet), passedOn, link.name, 'hop limit')
    }
    if (ns.netfilter6.run('forward', packet, link, device) !== 'accept') return
    this.#postroute(packet, out)
  }

  // ---- out ----------------------------------------------------------------------------------------------------

  /** Sends what was made here. Returns what a program's call would fail with. */
  output(packet: IpPacket): ErrorCode | undefined {
    const ns = this.#ns
    const { routes, recorder } = ns
    const found = routes.v6.route(packet)
    const problem = routeProblem(found)
    if (!found || problem) {
      this.#noRoute(packet, found)
      return problem ?? 'ENETUNREACH'
    }
    if (packet.source === '' || packet.source === '::') {
      const source = routes.sourceFor(found, packet.destination)
      if (source === undefined) return 'EADDRNOTAVAIL'
      packet.source = source
    }
    let entry = found
    if (recorder.recording(packet)) tellRoute(this.#ns, packet, entry)
    const { destination, source } = packet
    const mark = packet.meta.mark
    if (ns.netfilter6.run('output', packet, undefined, this.#device(entry)) !== 'accept') return 'EPERM'
    if (packet.destination !== destination || packet.source !== source || packet.meta.mark !== mark) {
      const again = routes.v6.route(packet)
      const after = routeProblem(again)
      if (!again || after) {
        this.#noRoute(packet, again)
        return after ?? 'ENETUNREACH'
      }
      if (again !== entry && recorder.recording(packet)) tellRoute(this.#ns, packet, again)
      entry = again
    }
    return this.#postroute(packet, entry)
  }

  /** Neighbour Discovery's own messages: they need no route, but pass the rules; `mac` for one whose address is known. */
  sendOnLink(packet: IpPacket, link: BaseLink, mac: string): void {
    const { netfilter6 } = this.#ns
    if (netfilter6.run('output', packet, undefined, link) !== 'accept') return this.#tellLostMessage(packet, link, 'OUTPUT')
    if (netfilter6.run('postrouting', packet, undefined, link) !== 'accept') return
    link.transmit({ source: link.mac, destination: mac, payload: packet })
  }

  #device(entry: RouteEntry): BaseLink {
    return entry.route.type === 'local' || entry.route.type === 'anycast' ? this.#ns.linkNamed('lo')! : entry.link!
  }

  #postroute(packet: IpPacket, entry: RouteEntry): ErrorCode | undefined {
    const ns = this.#ns
    const link = this.#device(entry)
    if (ns.netfilter6.run('postrouting', packet, undefined, link) !== 'accept') return 'EPERM'
    const local = packet.meta.inInterface === undefined
    const mtu = local ? Math.min(link.mtu, this.#learnedMtu(packet.destination)) : link.mtu
    if (ipLength(packet) <= mtu) return this.#finish(packet, entry, link)
    // Only the source cuts, with a fragment header; TCP is told to send less instead.
    const { largestFragment } = packet.meta
    if (largestFragment === undefined && (!local || packet.payload.kind === 'tcp')) {
      this.#tooBig(packet, link)
      return ns.sendIcmpError(packet, 2, 0, { mtu }), 'EMSGSIZE'
    }
    if (local) packet.identification = ns.random.uint32()
    for (const fragment of fragmentPacket(packet, Math.min(mtu, largestFragment ?? mtu))) this.#finish(fragment, entry, link)
    return undefined
  }

  #finish(packet: IpPacket, entry: RouteEntry, link: BaseLink): undefined {
    this.#ns.neighbours.send(packet, entry.route.via ?? packet.destination, link)
  }

  // ---- path MTU (RFC 8201) ------------------------------------------------------------------------------------

  pathMtu(destination: Ip): number {
    const entry = this.#ns.routes.find(destination)
    if (!entry?.link) return 1500
    return Math.min(this.#device(entry).mtu, this.#learnedMtu(destination))
  }

  learnMtu(destination: Ip, mtu: number): void {
    const expires = this.#ns.settings.number('net.ipv6.route.mtu_expires') * 1000
    this.#pathMtus.set(destination, { mtu: Math.max(MINIMUM_MTU, mtu), until: this.#ns.clock.now + expires })
  }

  #learnedMtu(destination: Ip): number {
    const known = this.#pathMtus.size > 0 ? this.#pathMtus.get(destination) : undefined
    if (!known) return Infinity
    if (known.until > this.#ns.clock.now) return known.mtu
    this.#pathMtus.delete(destination)
    return Infinity
  }

  /** A question for a MAC address that the rules do not let pass: the packet that waits has this to tell. */
  #tellLostMessage(packet: IpPacket, link: BaseLink, chain: string): void {
    const nd = packet.payload.kind === 'icmp' ? packet.payload.nd : undefined
    if (!nd?.trail?.record) return
    const { recorder, name } = this.#ns
    recorder.hop(this.#ns, { ...packet, meta: { mark: 0, trail: nd.trail } }, {
      stage: 'drop',
      interface: link.name,
      text: `The rules of ${name} drop the neighbour solicitation for ${nd.target} in ${chain}: nobody answers it.`,
      before: recorder.header(packet),
      explanation: 'drop-filter-rule',
    })
  }

  // ---- what goes wrong ----------------------------------------------------------------------------------------

  #usable(packet: IpPacket, entry: RouteEntry | undefined, link: BaseLink): RouteEntry | undefined {
    const problem = routeProblem(entry)
    if (!problem) return entry
    this.#noRoute(packet, entry, link)
    if (problem !== 'EINVAL') this.#ns.sendIcmpError(packet, 1, problem === 'EACCES' ? 1 : 0)
    return undefined
  }

  #noRoute(packet: IpPacket, entry: RouteEntry | undefined, link?: BaseLink): void {
    const { recorder, routes, name } = this.#ns
    if (!packet.meta.trail) return
    const blackhole = entry?.route.type === 'blackhole'
    const reason = blackhole ? 'drop-blackhole' : 'drop-no-route'
    recorder.fail(this.#ns, packet, blackhole ? 'dropped' : 'unreachable', reason, {
      stage: 'drop',
      interface: link?.name,
      text: entry
        ? `The route of ${name} for ${packet.destination} says that it goes nowhere.`
        : this.#ns.ipv6
          ? `${name} has no route to ${packet.destination}, not even a default one.`
          : `${name} has no route to ${packet.destination}: IPv6 is switched off there (net.ipv6.conf.all.disable_ipv6 is 1).`,
      decidedBy: entry && { kind: 'route', table: entry.table, text: routes.line(entry) },
      before: recorder.header(packet),
      explanation: reason,
    })
  }

  #tooBig(packet: IpPacket, link: BaseLink): void {
    tellDropped(this.#ns, packet, link, 'drop-mtu', `The packet has ${ipLength(packet)} bytes, but ${link.name} takes ${link.mtu}, and IPv6 packets are not cut on their way.`)
  }
}
