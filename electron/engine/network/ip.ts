import type { ErrorCode } from '../machine/errors.ts'
import { SparseMap } from '../sparse.ts'
import { isLoopbackIp, isMulticastIp } from './address.ts'
import type { LinuxBridge } from './bridge.ts'
import { countIcmp } from './counters.ts'
import { fragmentPacket, Reassembly } from './fragments.ts'
import { receiveIpip } from './ipip.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { ipLength, isGroupMac, tunnels } from './packets.ts'
import { passedOn, routeProblem, staysHere, tellDropped, tellRoute } from './route-hops.ts'
import type { RouteEntry } from './fib.ts'
import { steeredRoute, type Steering } from './steering.ts'
import type { Frame, Ip, IpPacket } from './types.ts'

/** RFC 1191: what was learned of a path's MTU is forgotten after ten minutes (net.ipv4.route.mtu_expires). */
const MTU_EXPIRES = 600_000

/**
 * The way of IPv4 packets through one network namespace, as net/ipv4/ip_input.c, ip_forward.c and ip_output.c lead
 * them: prerouting → routing → input or forward → postrouting; output → (routing again) → postrouting.
 */
export class IpLayer {
  readonly #ns: Namespace
  readonly #reassembly: Reassembly
  readonly #pathMtus = new SparseMap<Ip, { mtu: number; until: number }>()
  #identification: number

  constructor(namespace: Namespace) {
    this.#ns = namespace
    this.#reassembly = new Reassembly(namespace)
    this.#identification = namespace.random.below(65536)
  }

  /** For the next packet made here. */
  nextIdentification(): number {
    return (this.#identification = (this.#identification + 1) & 0xffff)
  }

  // ---- in -----------------------------------------------------------------------------------------------------

  receive(frame: Frame, link: BaseLink): void {
    const packet = frame.payload
    const group = isGroupMac(frame.destination)
    if (!group && frame.destination !== link.mac && link.usesArp) return this.#notForMe(frame, link)
    if (packet.kind === 'arp') return this.#ns.neighbours.receive(packet, link)
    if (link.usesArp) packet.meta.sourceMac = frame.source
    if (packet.version === 6) return this.#ns.ip6.receive(packet, link, group)
    packet.meta.inInterface = link.name
    const { ip } = this.#ns.counters
    ip.inReceives++
    ip.inOctets += ipLength(packet)
    const whole = packet.fragment ? this.#reassembly.add(packet, link) : packet
    if (!whole) return
    const { destination } = whole
    if (this.#ns.netfilter.run('prerouting', whole, link, undefined) !== 'accept') return
    if (whole.destination !== destination && link.kind === 'bridge' && (link as LinuxBridge).redirects(whole)) return
    this.route(whole, link, group)
  }

  /** After prerouting: for us, or onwards? */
  route(packet: IpPacket, link: BaseLink, group = false): void {
    const { routes, recorder } = this.#ns
    const martian = this.#martian(packet, link)
    if (martian) {
      return tellDropped(this.#ns, packet, link, 'drop-martian', martian)
    }
    const entry = routes.route(packet, link)
    const type = entry?.route.type
    if (type === 'local' || type === 'broadcast' || packet.destination === '255.255.255.255') {
      if (recorder.recording(packet)) {
        recorder.note(this.#ns, packet, link.name, recorder.header(packet), undefined, staysHere, type === 'local', entry && routes.line(entry))
      }
      return this.#deliver(packet, link, type === 'local')
    }
    if (isMulticastIp(packet.destination) || group) return
    const steered = this.#ns.steer?.(packet)
    this.#forward(packet, link, steered ? this.#steered(packet, link, steered) : entry)
  }

  #notForMe(frame: Frame, link: BaseLink): void {
    const packet = frame.payload
    // A flooded copy that reaches the wrong ones is nothing worth telling.
    if (packet.kind === 'arp' || !packet.meta.trail || this.#ns.recorder.isFork(packet)) return
    link.lost(frame, 'drop-wrong-mac', `The frame is for ${frame.destination}, but ${link.name} has ${link.mac}: ${this.#ns.name} ignores it.`)
  }

  /** Addresses that cannot be (RFC 1812 5.3.7; fib_validate_source). Says why, or nothing. */
  #martian(packet: IpPacket, link: BaseLink): string | undefined {
    if (link.kind === 'loopback') return undefined
    const { source, destination } = packet
    if (!link.conf.routeLocalnet && (isLoopbackIp(source) || isLoopbackIp(destination))) {
      return `A packet from ${source} to ${destination} came in on ${link.name}: 127.0.0.0/8 may only be seen on lo.`
    }
    if (isMulticastIp(source) || source === '255.255.255.255') return `${source} cannot be the source of a packet.`
    const back = this.#ns.routes.find(source, { source: destination, mark: link.conf.srcValidMark ? packet.meta.mark : 0 })
    if (back?.route.type === 'local' && !link.conf.acceptLocal) {
      return `The source ${source} is an address of ${this.#ns.name} itself, yet the packet came in on ${link.name} (martian source).`
    }
    if (link.conf.rpFilter > 0 && (back?.link === undefined || (link.conf.rpFilter === 1 && back.link !== link && !back.whole?.paths?.some((p) => p.entry.link === link)))) {
      return `The way back to ${source} does not lead out of ${link.name}, and rp_filter is on.`
    }
    return undefined
  }

  #deliver(packet: IpPacket, link: BaseLink, unicast: boolean): void {
    if (this.#ns.netfilter.run('input', packet, link, undefined) !== 'accept') return
    const { ip, icmpIn } = this.#ns.counters
    ip.inDelivers++
    if (packet.payload.kind === 'icmp') countIcmp(icmpIn, packet.payload.type)
    this.#ns.raw?.receive(packet)
    if (packet.payload.kind !== 'icmp') this.#ns.touch()
    switch (packet.payload.kind) {
      case 'udp':
        return this.#ns.udp.receive(packet, link, unicast)
      case 'icmp':
        return this.#ns.icmp.receive(packet, unicast)
      case 'sctp':
        if (unicast) this.#ns.sctp.receive(packet)
        return
      case 'tcp':
        if (unicast) this.#ns.tcp.receive(packet)
        return
      case 'ipip':
        return receiveIpip(this.#ns, packet)
    }
  }

  #forward(packet: IpPacket, link: BaseLink, entry: RouteEntry | undefined | 'dropped'): void {
    if (entry === 'dropped') return
    const ns = this.#ns
    const { recorder } = ns
    if (!link.conf.forwarding) {
      ns.counters.ip.inAddrErrors++
      // A machine outside with a single link is no router: packets end up at the internet's that no route of ours kept.
      if (ns.kind === 'outside' && ns.links.size === 2) return tellDropped(this.#ns, packet, link, 'drop-outside', `The packet has left the cluster, and nobody in the outside world has ${packet.destination}: it is lost there.`)
      return tellDropped(this.#ns, packet, link, 'drop-forwarding-off', `${packet.destination} is not an address of ${ns.name}, and it does not forward (net.ipv4.ip_forward is 0).`)
    }
    const out = this.#usable(packet, entry, link)
    if (!out) return
    if (recorder.recording(packet) && !ns.steer) tellRoute(this.#ns, packet, out, link.name)
    if (packet.ttl <= 1) {
      ns.counters.ip.inHdrErrors++
      tellDropped(this.#ns, packet, link, 'drop-ttl-exceeded', `The TTL is used up: ${ns.name} drops the packet and tells ${packet.source}.`)
      return ns.sendIcmpError(packet, 11, 0)
    }
    const mtu = mtuOf(out, out.link!)
    if (packet.dontFragment && ipLength(packet) > mtu) {
      ns.counters.ip.fragFails++
      this.#tooBig(packet, out.link!, mtu)
      return ns.sendIcmpError(packet, 3, 4, { mtu })
    }
    const before = recorder.recording(packet) ? recorder.header(packet) : undefined
    packet.ttl--
    if (before) {
      recorder.note(ns, packet, out.link!.name, before, recorder.header(packet), passedOn, link.name, 'TTL')
    }
    if (ns.netfilter.run('forward', packet, link, out.link) !== 'accept') return
    ns.counters.ip.forwDatagrams++
    this.#postroute(packet, out)
  }

  #steered(packet: IpPacket, link: BaseLink, steering: Steering): RouteEntry | 'dropped' {
    if (!('drop' in steering)) return steeredRoute(this.#ns, packet, link, steering)
    tellDropped(this.#ns, packet, link, steering.drop, steering.text)
    return 'dropped'
  }

  // ---- out ----------------------------------------------------------------------------------------------------

  /** Sends what was made here. Returns what a program's call would fail with. */
  output(packet: IpPacket): ErrorCode | undefined {
    const ns = this.#ns
    const { routes, recorder } = ns
    const found = routes.route(packet)
    const problem = routeProblem(found)
    if (!found || problem) {
      this.#noRoute(packet, found)
      return problem ?? 'ENETUNREACH'
    }
    let entry = found
    if (packet.source === '' || packet.source === '0.0.0.0') packet.source = routes.sourceFor(entry, packet.destination) ?? '0.0.0.0'
    if (recorder.recording(packet)) tellRoute(this.#ns, packet, entry)
    const { destination, source } = packet
    const mark = packet.meta.mark
    if (ns.netfilter.run('output', packet, undefined, this.#device(entry)) !== 'accept') return 'EPERM'
    if (packet.destination !== destination || packet.source !== source || packet.meta.mark !== mark) {
      const again = routes.route(packet)
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

  /** A packet for one of our own addresses leaves through lo, whatever interface has the address. */
  #device(entry: RouteEntry): BaseLink {
    return entry.route.type === 'local' ? this.#ns.linkNamed('lo')! : entry.link!
  }

  #postroute(packet: IpPacket, entry: RouteEntry): ErrorCode | undefined {
    const ns = this.#ns
    const link = this.#device(entry)
    this.#countOut(packet)
    if (ns.netfilter.run('postrouting', packet, undefined, link) !== 'accept') return 'EPERM'
    const local = packet.meta.inInterface === undefined
    const most = mtuOf(entry, link)
    const mtu = local ? Math.min(most, entry.route.mtuLocked ? Infinity : this.#learnedMtu(packet.destination)) : most
    if (ipLength(packet) <= mtu) return this.finish(packet, entry, link)
    // A local sender that did not forbid it has its packets cut even where DF is set on small ones (ignore_df).
    if (packet.dontFragment && packet.payload.kind === 'tcp') {
      this.#tooBig(packet, link, most)
      return ns.sendIcmpError(packet, 3, 4, { mtu }), 'EMSGSIZE'
    }
    const { ip } = ns.counters
    ip.fragOks++
    for (const fragment of fragmentPacket(packet, mtu)) {
      ip.fragCreates++
      this.finish(fragment, entry, link)
    }
    return undefined
  }

  /** ip_output of Linux 6.1 counts what is passed on as well. */
  #countOut(packet: IpPacket): void {
    const { ip, icmpOut, udp } = this.#ns.counters
    ip.outRequests++
    ip.outOctets += ipLength(packet)
    if (packet.meta.inInterface !== undefined) return
    const { payload } = packet
    if (payload.kind === 'icmp') countIcmp(icmpOut, payload.type)
    // a tunnel's datagrams do not come out of a socket
    else if (payload.kind === 'udp' && !tunnels(payload)) udp.outDatagrams++
  }

  finish(packet: IpPacket, entry: RouteEntry, link: BaseLink): undefined {
    if (entry.route.type === 'broadcast' || packet.destination === '255.255.255.255') this.#ns.neighbours.sendBroadcast(packet, link)
    else this.#ns.neighbours.send(packet, entry.route.via ?? packet.destination, link)
  }

  // ---- path MTU -----------------------------------------------------------------------------------------------

  pathMtu(destination: Ip): number {
    const entry = this.#ns.routes.find(destination)
    if (!entry?.link) return 1500
    return Math.min(mtuOf(entry, this.#device(entry)), entry.route.mtuLocked ? Infinity : this.#learnedMtu(destination))
  }

  learnMtu(destination: Ip, mtu: number): void {
    this.#pathMtus.set(destination, { mtu: Math.max(552, mtu), until: this.#ns.clock.now + MTU_EXPIRES })
  }

  #learnedMtu(destination: Ip): number {
    const known = this.#pathMtus.size > 0 ? this.#pathMtus.get(destination) : undefined
    if (!known) return Infinity
    if (known.until > this.#ns.clock.now) return known.mtu
    this.#pathMtus.delete(destination)
    return Infinity
  }

  // ---- what goes wrong ----------------------------------------------------------------------------------------

  /** The route of a packet to forward; without one the sender is told as the kernel tells it (ip_error). */
  #usable(packet: IpPacket, entry: RouteEntry | undefined, link: BaseLink): RouteEntry | undefined {
    const problem = routeProblem(entry)
    if (!problem) return entry
    this.#noRoute(packet, entry, link)
    if (problem !== 'EINVAL') this.#ns.sendIcmpError(packet, 3, problem === 'EHOSTUNREACH' ? 1 : problem === 'EACCES' ? 13 : 0)
    return undefined
  }

  #noRoute(packet: IpPacket, entry: RouteEntry | undefined, link?: BaseLink): void {
    const { ip } = this.#ns.counters
    if (link) ip.inNoRoutes++
    else ip.outNoRoutes++
    const { recorder, routes, name } = this.#ns
    if (!packet.meta.trail) return
    const blackhole = entry?.route.type === 'blackhole'
    const reason = blackhole ? 'drop-blackhole' : 'drop-no-route'
    recorder.fail(this.#ns, packet, blackhole ? 'dropped' : 'unreachable', reason, {
      stage: 'drop',
      interface: link?.name,
      text: entry
        ? entry.table === 'rule' ? `A routing rule of ${name} says that packets like this one for ${packet.destination} go nowhere.` : `The route of ${name} for ${packet.destination} says that it goes nowhere.`
        : `${name} has no route to ${packet.destination}, not even a default one.`,
      decidedBy: entry && { kind: 'route', table: entry.table, text: routes.line(entry) },
      before: recorder.header(packet),
      explanation: reason,
    })
  }

  /** `mtu`: that of the link, or what the route says of it. */
  #tooBig(packet: IpPacket, link: BaseLink, mtu: number): void {
    tellDropped(this.#ns, packet, link, 'drop-mtu', `The packet has ${ipLength(packet)} bytes and must not be cut (DF), but ${mtu < link.mtu ? 'the route' : link.name} takes ${mtu}.`)
  }
}

/** Of a packet that takes a route: that of the link, unless the route has one of its own (ip_dst_mtu_maybe_forward). */
function mtuOf({ route: { mtu } }: RouteEntry, link: BaseLink): number {
  return mtu !== undefined && mtu < link.mtu ? mtu : link.mtu
}
