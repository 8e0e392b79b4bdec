import type { TrackedConnection } from '../netfilter/conntrack/connection.ts'
import { ipLength, ported } from '../packets.ts'
import { networkText } from '../ipset/elements.ts'
import type { Header } from '../../journey/types.ts'
import type { Hook, HookVerdict, Ip, IpPacket, SctpPacket, StackHost, TcpSegment, UdpDatagram } from '../types.ts'
import type { IpvsConnection } from './connections.ts'
import { serverLine, serviceName } from './format.ts'
import type { Ipvs } from './ipvs.ts'
import { schedule } from './schedulers.ts'
import type { IpvsProtocol, VirtualService } from './service.ts'
import { nextSctpState, nextTcpState, timeoutOf } from './states.ts'

/**
 * Packets and IPVS: ip_vs_in and ip_vs_out of net/netfilter/ipvs/ip_vs_core.c, and ip_vs_nat_xmit. Requests are met where
 * they would be delivered (LOCAL_IN) or made (LOCAL_OUT), behind the rules of filter INPUT and nat OUTPUT; answers in
 * FORWARD, LOCAL_IN and LOCAL_OUT.
 */
export class IpvsPath {
  readonly #ipvs: Ipvs
  readonly #host: StackHost

  constructor(ipvs: Ipvs, host: StackHost) {
    this.#ipvs = ipvs
    this.#host = host
  }

  #flag(name: string): boolean {
    return Number(this.#host.namespace.sysctl(`net.ipv4.vs.${name}`) ?? 0) !== 0
  }

  // ---- answers -------------------------------------------------------------------------------------------------

  /** A packet of a real server gets the virtual service's address as its source again. */
  reply(packet: IpPacket, hook: Hook): HookVerdict {
    if (packet.meta.ipvs) return 'accept'
    const { payload } = packet
    if (payload.kind === 'icmp') return this.#replyError(packet)
    const ports = ported(payload)
    if (!ports) return 'accept'
    const connection = this.#ipvs.connections.findOut(ports.kind, packet.source, ports.sourcePort, packet.destination, ports.destinationPort)
    if (!connection) return 'accept'
    const before = this.#before(packet)
    this.#count(connection, 'outPackets', packet)
    this.#follow(connection, 'out', ports)
    packet.source = connection.virtual
    ports.sourcePort = connection.virtualPort
    packet.meta.ipvs = connection
    if (!this.#flag('conntrack')) this.#untrack(packet)
    this.#tell(packet, hook, connection, before, 'undo-nat', 'undo-nat', `IPVS knows the connection: the source becomes the virtual service ${endpoint(connection.virtual, connection.virtualPort)} again.`)
    return 'accept'
  }

  /** An error about a packet to a real server looks to the client as if it spoke of the virtual service. */
  #replyError(packet: IpPacket): HookVerdict {
    const about = packet.payload.kind === 'icmp' ? packet.payload.about : undefined
    const inner = about && ported(about.payload)
    if (!about || !inner || packet.payload.kind !== 'icmp') return 'accept'
    const connection = this.#ipvs.connections.findOut(inner.kind, about.destination, inner.destinationPort, about.source, inner.sourcePort)
    if (!connection) return 'accept'
    if (packet.source === connection.serverAddress) packet.source = connection.virtual
    packet.payload = { ...packet.payload, about: { ...about, destination: connection.virtual, payload: { ...inner, destinationPort: connection.virtualPort } } }
    packet.meta.ipvs = connection
    return 'accept'
  }

  // ---- requests ------------------------------------------------------------------------------------------------

  /** A packet to a virtual service goes to one of its real servers. 'stolen': it is on its way there. */
  request(packet: IpPacket, hook: 'input' | 'output'): HookVerdict {
    if (packet.meta.ipvs) return 'accept'
    if (packet.payload.kind === 'icmp') return this.#requestError(packet)
    const ports = ported(packet.payload)
    if (!ports) return 'accept'
    let connection = this.#known(packet, ports)
    if (connection === 'drop') return 'drop'
    if (!connection) {
      const service = this.#serviceFor(packet, ports)
      if (!service) return 'accept'
      connection = this.#schedule(service, packet, ports)
      if (!connection) return this.#leave(service, packet, hook)
    }
    this.#count(connection, 'inPackets', packet)
    this.#follow(connection, 'in', ports)
    return this.#send(connection, packet, ports, hook)
  }

  /** An error about an answer goes on to the real server that sent it ("fragmentation needed"; ip_vs_in_icmp). */
  #requestError(packet: IpPacket): HookVerdict {
    const about = packet.payload.kind === 'icmp' ? packet.payload.about : undefined
    const inner = about && ported(about.payload)
    if (!about || !inner || packet.payload.kind !== 'icmp') return 'accept'
    const connection = this.#ipvs.connections.findIn(inner.kind, about.destination, inner.destinationPort, about.source, inner.sourcePort)
    if (!connection) return 'accept'
    packet.destination = connection.serverAddress
    packet.payload = { ...packet.payload, about: { ...about, source: connection.serverAddress, payload: { ...inner, sourcePort: connection.serverPort } } }
    packet.meta.ipvs = connection
    if (this.#host.namespace.isLocal(connection.serverAddress)) return 'accept'
    this.#host.output(packet)
    return 'stolen'
  }

  #known(packet: IpPacket, ports: Ported): IpvsConnection | 'drop' | undefined {
    const { connections } = this.#ipvs
    const connection = connections.findIn(ports.kind, packet.source, ports.sourcePort, packet.destination, ports.destinationPort)
    if (!connection) return undefined
    const { server } = connection
    const isNew = ports.kind === 'tcp' ? ports.flags.syn === true && !ports.flags.ack : ports.kind === 'sctp' && ports.chunks[0]?.type === 'init'
    const quiet = isNew && server.weight === 0 && this.#flag('expire_nodest_conn')
    const reused = isNew && connection.state === 'TIME_WAIT' && this.#flag('conn_reuse_mode')
    if (quiet || reused) return this.#expire(packet, connection)
    if (server.available) return connection
    if (!this.#flag('expire_nodest_conn')) {
      this.#fail(packet, 'drop-ipvs-no-server', 'The connection belongs to a real server that was removed, and IPVS drops its packets (net.ipv4.vs.expire_nodest_conn is 0).', connectionText(connection))
      return 'drop'
    }
    return this.#expire(packet, connection)
  }

  /**
   * The connection goes at once. Where netfilter still tracks it (ip_vs_conn_uses_old_conntrack), its entry names the server
   * that went and goes too (ip_vs_conn_drop_conntrack), and with it this packet: the next one begins anew.
   */
  #expire(packet: IpPacket, connection: IpvsConnection): 'drop' | undefined {
    this.#ipvs.connections.remove(connection)
    const tracked = packet.meta.connection as TrackedConnection | undefined
    if (!tracked?.confirmed) return undefined
    const { netfilter, netfilter6 } = this.#host.namespace
    ;(packet.version === 4 ? netfilter : netfilter6).conntrack.remove((entry) => entry === tracked)
    this.#fail(packet, 'drop-ipvs-no-server', 'The connection belongs to a real server that takes no more: IPVS and connection tracking forget it and drop this packet; the next one goes to another server, if there is one.', connectionText(connection))
    return 'drop'
  }

  /** Only what may begin a connection asks the services. */
  #serviceFor(packet: IpPacket, ports: Ported): VirtualService | undefined {
    if (ports.kind === 'tcp' && (ports.flags.rst || (!ports.flags.syn && !this.#flag('sloppy_tcp')))) return undefined
    if (ports.kind === 'tcp' && ports.flags.ack && !this.#flag('sloppy_tcp')) return undefined
    if (ports.kind === 'sctp' && ports.chunks[0]?.type !== 'init' && !this.#flag('sloppy_sctp')) return undefined
    return this.#ipvs.match(ports.kind, packet.destination, ports.destinationPort, packet.meta.mark)
  }

  #schedule(service: VirtualService, packet: IpPacket, ports: Ported): IpvsConnection | undefined {
    const template = service.persistent === undefined ? undefined : this.#template(service, packet, ports)
    const server = service.persistent === undefined ? schedule(service, packet) : template?.server
    if (!server) return undefined
    const { now } = this.#ipvs.clock
    const connection: IpvsConnection = {
      protocol: ports.kind, client: packet.source, clientPort: ports.sourcePort, virtual: packet.destination, virtualPort: ports.destinationPort,
      server, serverAddress: server.address, serverPort: server.port || ports.destinationPort, service, isTemplate: false, template,
      state: ports.kind === 'udp' ? 'UDP' : 'NONE', active: false, expiresAt: now + 3000, members: 0, fwmark: packet.meta.mark,
    }
    if (!service.onePacket || ports.kind !== 'udp') this.#ipvs.connections.add(connection)
    service.statistics.count(now, 'connections')
    server.statistics.count(now, 'connections')
    return connection
  }

  /** Where the client's network was sent before, if that server still takes connections. */
  #template(service: VirtualService, packet: IpPacket, ports: Ported): IpvsConnection | undefined {
    const { connections, clock } = this.#ipvs
    const network = networkText(packet.source, packet.source.includes(':') ? Math.max(service.netmask, 128) : service.netmask).split('/')[0]!
    const [virtual, virtualPort] = 'fwmark' in service.key ? [`0.0.0.${service.key.fwmark}`, 0] : [packet.destination, service.key.port === 0 ? 0 : ports.destinationPort]
    let template = connections.findIn(ports.kind, network, 0, virtual, virtualPort)
    if (template && (!template.server.available || (template.server.weight === 0 && this.#flag('expire_quiescent_template')))) {
      connections.remove(template)
      template = undefined
    }
    if (!template) {
      const server = schedule(service, packet)
      if (!server) return undefined
      template = {
        protocol: ports.kind, client: network, clientPort: 0, virtual, virtualPort, server, serverAddress: server.address,
        serverPort: virtualPort === 0 ? 0 : server.port, service, isTemplate: true, template: undefined, state: ports.kind === 'udp' ? 'UDP' : 'NONE', active: false,
        expiresAt: Infinity, members: 0, fwmark: 0,
      }
      connections.add(template)
    }
    template.expiresAt = clock.now + service.persistent! * 1000
    connections.noteExpiry(template.expiresAt)
    return template
  }

  /** Nobody takes it: the sender is told that the port cannot be reached (ip_vs_leave). */
  #leave(service: VirtualService, packet: IpPacket, hook: 'input' | 'output'): HookVerdict {
    const why = service.servers.length === 0 ? 'has no real server' : 'has no real server that takes new connections (their weight is 0, or they are full)'
    const { recorder } = this.#host
    if (packet.meta.trail) {
      recorder.fail(this.#host.namespace, packet, 'rejected', 'reject-ipvs-no-server', {
        stage: 'reject', text: `The virtual service ${why}: the sender is told that the port is unreachable.`,
        decidedBy: { kind: 'rule', table: 'ipvs', chain: hookName(hook), text: serviceName(service) }, before: recorder.header(packet), explanation: 'reject-ipvs-no-server',
      })
    }
    this.#host.sendIcmpError(packet, packet.version === 4 ? 3 : 1, packet.version === 4 ? 3 : 4)
    return 'stolen'
  }

  /** Masquerading (NAT): the destination changes, and the packet goes on from here as if it were made here. */
  #send(connection: IpvsConnection, packet: IpPacket, ports: Ported, hook: 'input' | 'output'): HookVerdict {
    const { namespace } = this.#host
    const before = this.#before(packet)
    const local = namespace.isLocal(connection.serverAddress)
    if (!local && hook === 'input' && !this.#mayLeave(packet, connection.serverAddress)) return 'stolen'
    packet.destination = connection.serverAddress
    ports.destinationPort = connection.serverPort
    packet.meta.ipvs = connection
    if (!local) packet.ttl--
    if (this.#flag('conntrack')) this.#expectAnswers(packet, connection)
    else this.#untrack(packet)
    this.#tell(packet, hook, connection, before, 'dnat', 'ipvs-schedule', chosen(connection))
    if (local || hook === 'output') return 'accept'
    this.#host.output(packet)
    return 'stolen'
  }

  /** As a router: there must be something left of the TTL, and what may not be cut must fit. */
  #mayLeave(packet: IpPacket, to: Ip): boolean {
    const { namespace } = this.#host
    const six = packet.version === 6
    if (packet.ttl <= 1) {
      this.#fail(packet, 'drop-ttl-exceeded', `The TTL is used up: ${namespace.name} drops the packet and tells ${packet.source}.`)
      this.#host.sendIcmpError(packet, six ? 3 : 11, 0)
      return false
    }
    const mtu = namespace.pathMtu?.(to) ?? Infinity
    if (ipLength(packet) <= mtu || !(packet.dontFragment || six)) return true
    this.#fail(packet, 'drop-mtu', `The packet has ${ipLength(packet)} bytes and must not be cut (DF), but the way to ${to} takes ${mtu}.`)
    this.#host.sendIcmpError(packet, six ? 2 : 3, six ? 0 : 4, { mtu })
    return false
  }

  /** Connection tracking has to know that answers will come from the real server (ip_vs_update_conntrack). */
  #expectAnswers(packet: IpPacket, connection: IpvsConnection): void {
    const tracked = packet.meta.connection as TrackedConnection | undefined
    if (!tracked || tracked.confirmed || packet.meta.direction === 'reply') return
    tracked.reply = { ...tracked.reply, source: connection.serverAddress, sourcePort: connection.serverPort }
  }

  /** Without net.ipv4.vs.conntrack, netfilter has nothing to do with such packets: nor can it masquerade them. */
  #untrack(packet: IpPacket): void {
    packet.meta.connection = undefined
    packet.meta.state = 'UNTRACKED'
  }

  #follow(connection: IpvsConnection, direction: 'in' | 'out', ports: Ported): void {
    if (ports.kind === 'tcp') connection.state = nextTcpState(connection.state, direction, ports.flags)
    else if (ports.kind === 'sctp') connection.state = nextSctpState(connection.state, direction, ports)
    if (connection.isTemplate || connection.expiresAt < 0) return
    this.#ipvs.connections.setActive(connection, connection.state === 'ESTABLISHED')
    connection.expiresAt = this.#ipvs.clock.now + timeoutOf(connection.protocol, connection.state, this.#ipvs.timeouts) * 1000
    this.#ipvs.connections.noteExpiry(connection.expiresAt)
  }

  #count({ service, server }: IpvsConnection, field: 'inPackets' | 'outPackets', packet: IpPacket): void {
    const { now } = this.#ipvs.clock
    const bytes = ipLength(packet)
    service.statistics.count(now, field, bytes)
    server.statistics.count(now, field, bytes)
  }

  // ---- journeys ------------------------------------------------------------------------------------------------

  #before(packet: IpPacket): Header | undefined {
    const { recorder } = this.#host
    return recorder.recording(packet) ? recorder.header(packet) : undefined
  }

  #tell(packet: IpPacket, hook: Hook, connection: IpvsConnection, before: Header | undefined, stage: 'dnat' | 'undo-nat', explanation: string, text: string): void {
    if (!before) return
    const { recorder, namespace } = this.#host
    recorder.hop(namespace, packet, {
      stage, text, before, after: recorder.header(packet), explanation,
      decidedBy: { kind: 'rule', table: 'ipvs', chain: hookName(hook), text: `${serviceName(connection.service)}${serverLine(connection.server).trimEnd()}` },
    })
  }

  #fail(packet: IpPacket, reason: string, text: string, row?: string): void {
    const { recorder, namespace } = this.#host
    if (!packet.meta.trail) return
    recorder.fail(namespace, packet, 'dropped', reason, { stage: 'drop', text, ...(row !== undefined && { decidedBy: { kind: 'rule' as const, table: 'ipvs', text: row } }), before: recorder.header(packet), explanation: reason })
  }
}

type Ported = (TcpSegment | UdpDatagram | SctpPacket) & { kind: IpvsProtocol }

const WORDS: Readonly<Record<string, string>> = { rr: 'round robin', wrr: 'weighted round robin', lc: 'least connections', wlc: 'weighted least connections', sh: 'source hashing', dh: 'destination hashing' }

function chosen({ service, serverAddress, serverPort }: IpvsConnection): string {
  const count = service.servers.filter((s) => s.weight > 0).length
  const { scheduler } = service
  const how = count < 2 ? '' : `, one of ${count} by its scheduler ${scheduler}${WORDS[scheduler] ? ` (${WORDS[scheduler]})` : ''}`
  return `IPVS sends the connection to the real server ${endpoint(serverAddress, serverPort)}${how}.`
}

const endpoint = (ip: Ip, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

const hookName = (hook: Hook): string => (hook === 'input' ? 'LOCAL_IN' : hook === 'output' ? 'LOCAL_OUT' : hook.toUpperCase())

const connectionText = (c: IpvsConnection): string => `${c.protocol.toUpperCase()} ${c.state} ${endpoint(c.client, c.clientPort)} ${endpoint(c.virtual, c.virtualPort)} ${endpoint(c.serverAddress, c.serverPort)}`
