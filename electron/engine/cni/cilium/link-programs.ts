import { isLinkLocalIp6, isMulticastIp } from '../../network/address.ts'
import { neighbourMessage } from '../../network/neighbour-discovery.ts'
import type { LinkProgram, LinkVerdict } from '../../network/programs.ts'
import type { ArpPacket, Frame, IpPacket, Link } from '../../network/types.ts'
import { MARK_PROXY_EGRESS, type Datapath } from './datapath.ts'
import { check, deliverLocally, encapsulate, fibRedirect, isProxyMark, toProxy, undoService, type Checked } from './delivery.ts'
import { hostEgress, hostIngress } from './host-firewall.ts'
import { HOST, isWorld, REMOTE_NODE, WORLD } from './identity.ts'
import { reversed, tupleOf, type Endpoint } from './maps.ts'
import { isEgressGatewayFor, masquerade, nodePortIn, perPacketService, toEgressGateway, undoServiceOfHost } from './nodeport.ts'

/** The programs of bpf_lxc.c, bpf_host.c and bpf_overlay.c, by the names under which `tc filter` and `bpftool net` show them. */

/** From a Pod, at its link's ingress on the node. */
export function fromContainer(dp: Datapath, endpoint: Endpoint): LinkProgram {
  return {
    name: 'cil_from_container',
    run(frame, link) {
      const packet = frame.payload
      if (packet.kind === 'arp') return answerArp(frame, packet, link, endpoint)
      if (packet.version === 6 && isNeighbourMessage(packet)) return answerSolicitation(dp, frame, packet, link, endpoint)
      if (!dp.family(packet.destination) || isMulticastIp(packet.destination)) return 'stolen'
      dp.hop(packet, { stage: 'receive', interface: link.name, text: `The program cil_from_container on ${link.name} takes the packet of ${endpoint.pod} before the node's kernel does anything with it.`, explanation: 'cilium-from-container' })
      if (!endpoint.ips.includes(packet.source)) {
        return dp.drop(packet, link, 'Invalid source ip', `${endpoint.pod} may only send from ${endpoint.ips.join(' and ')}, not from ${packet.source}.`, { explanation: 'drop-cilium-source-ip', endpoint: endpoint.id, direction: 'EGRESS' })
      }
      // programs on sockets leave SCTP alone (sock_proto_enabled of bpf_sock.c)
      const service = dp.replacesProxy && !(dp.sctp && packet.payload.kind === 'sctp') ? undefined : perPacketService(dp, packet, link)
      if (service && 'verdict' in service) return service.verdict
      const target = dp.identityAt(packet.destination)
      const checked = check(dp, packet, link, endpoint, 'egress', target, service ?? {})
      if ('verdict' in checked) return checked.verdict
      const { entry, reply } = checked
      if (reply && entry.proxyPort < 0) return toProxy(dp, packet, link, 0, endpoint, 'egress', checked)
      if (!reply && entry.proxyPort > 0) return toProxy(dp, packet, link, entry.proxyPort, endpoint, 'egress', checked)
      if (reply && entry.nodePort) {
        undoService(dp, packet, link, entry)
        return onwards(dp, frame, packet, link, endpoint, checked)
      }
      if (target === HOST) return hostIngress(dp, packet, link, endpoint.identity) ?? toStack(dp, packet, link, endpoint, checked)
      return onwards(dp, frame, packet, link, endpoint, checked)
    },
  }
}

/** Towards wherever the maps say: an endpoint here, a node's tunnel, or along a route. */
function onwards(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, endpoint: Endpoint, checked: Checked): LinkVerdict {
  const local = dp.endpointAt(packet.destination)
  if (local) return deliverLocally(dp, frame, packet, link, local, endpoint.identity)
  const cached = dp.ipcache.lookup(packet.destination)
  if (cached?.entry.tunnel !== undefined && dp.tunnels) return encapsulate(dp, frame, packet, link, cached.entry.tunnel, endpoint.identity, { endpoint, checked })
  // beside kube-proxy the node's kernel has to see what leaves: its conntrack undoes its own translations
  const [point, device] = dp.replacesProxy ? (['network', dp.device.name] as const) : (['stack', '0'] as const)
  if (dp.observe(packet, `to-${point}`, dp.replacesProxy ? device : undefined, endpoint, checked.entry, checked.reply)) dp.trace(packet, point, endpoint.id, `, identity ${endpoint.identity}->unknown state ${checked.reply ? 'reply' : 'new'} ifindex ${device} orig-ip ${packet.source}`)
  return dp.replacesProxy ? fibRedirect(dp, frame, packet, link) : 'pass'
}

function toStack(dp: Datapath, packet: IpPacket, link: Link, endpoint: Endpoint, { entry, reply }: Checked): LinkVerdict {
  dp.hop(packet, { stage: 'forward', interface: link.name, text: `${packet.destination} is the node itself: the program hands the packet to the node's kernel.`, decidedBy: dp.ipcacheText(packet.destination), explanation: 'cilium-to-stack' })
  if (dp.observe(packet, 'to-stack', undefined, endpoint, entry, reply)) dp.trace(packet, 'stack', endpoint.id, `, identity ${endpoint.identity}->host state ${reply ? 'reply' : 'new'} ifindex 0 orig-ip ${packet.source}`)
  return 'pass'
}

/** The router is at every address that a Pod asks for (ARP responder of bpf_lxc.c). */
function answerArp(frame: Frame, arp: ArpPacket, link: Link, endpoint: Endpoint): LinkVerdict {
  if (arp.operation !== 'request') return 'pass'
  if (endpoint.ips.includes(arp.targetIp)) return 'stolen'
  const payload: ArpPacket = { kind: 'arp', operation: 'reply', senderMac: link.mac, senderIp: arp.targetIp, targetMac: frame.source, targetIp: arp.senderIp }
  link.transmit({ source: link.mac, destination: frame.source, payload })
  return 'stolen'
}

function isNeighbourMessage({ payload }: IpPacket): boolean {
  return payload.kind === 'icmp' && (payload.nd !== undefined || payload.type === 133 || payload.type === 134)
}

/** The same for Neighbour Discovery (icmp6_handle of bpf/lib/icmp6.h). */
function answerSolicitation(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, endpoint: Endpoint): LinkVerdict {
  const nd = packet.payload.kind === 'icmp' && packet.payload.type === 135 ? packet.payload.nd : undefined
  if (!nd || endpoint.ips.includes(nd.target)) return 'stolen'
  const { target, trail } = nd
  if (trail?.record) {
    const { recorder } = dp.network
    recorder.hop(dp.network, { ...packet, meta: { ...packet.meta, trail } }, {
      stage: 'neighbour', interface: link.name, text: `The program on ${link.name} answers in the name of ${target}: it is at ${link.mac}.`,
      before: recorder.header(packet, frame), explanation: 'neighbour-advertisement',
    })
  }
  const answer = neighbourMessage(target, packet.source, 136, { target, mac: link.mac, router: true, solicited: true, override: true })
  link.transmit({ source: link.mac, destination: frame.source, payload: answer })
  return 'stolen'
}

/** From the node's own processes (and the proxy) towards Pods, at cilium_host's egress. */
export function fromHost(dp: Datapath): LinkProgram {
  return {
    name: 'cil_from_host',
    run(frame, link) {
      const packet = frame.payload
      if (packet.kind === 'arp' || isNeighbourMessage(packet)) return 'stolen'
      const proxied = isProxyMark(packet.meta.mark)
      const source = dp.identityAt(packet.source)
      dp.hop(packet, { stage: 'receive', interface: link.name, text: `The program cil_from_host on ${link.name} takes the packet: its sender is ${dp.nameOf(source)}.`, explanation: 'cilium-from-host' })
      if (proxied) rememberProxied(dp, packet)
      const refused = hostEgress(dp, packet, link)
      if (refused) return refused
      const local = dp.endpointAt(packet.destination)
      if (local) return deliverLocally(dp, frame, packet, link, local, source)
      const cached = dp.ipcache.lookup(packet.destination)
      if (cached?.entry.tunnel !== undefined && dp.tunnels) return encapsulate(dp, frame, packet, link, cached.entry.tunnel, source)
      if (cached && !isWorld(cached.entry.identity)) return fibRedirectElsewhere(dp, frame, packet, link)
      return dp.drop(packet, link, 'Stale or unroutable IP', `${packet.destination} is of this node's Pod network, but no endpoint has it.`, { explanation: 'drop-cilium-unroutable', decidedBy: dp.ipcacheText(packet.destination), direction: 'EGRESS' })
    },
  }
}

function fibRedirectElsewhere(dp: Datapath, frame: Frame, packet: IpPacket, link: Link): LinkVerdict {
  const verdict = fibRedirect(dp, frame, packet, link)
  if (typeof verdict === 'object' && verdict.link === dp.host) {
    return dp.drop(packet, link, 'Stale or unroutable IP', `${packet.destination} has no way from here.`, { explanation: 'drop-cilium-unroutable', decidedBy: dp.ipcacheText(packet.destination), direction: 'EGRESS' })
  }
  return verdict
}

/** The proxy speaks with the Pod's address; the answers are to come back to it, not to the Pod. */
function rememberProxied(dp: Datapath, packet: IpPacket): void {
  const tuple = tupleOf(packet)
  const { payload } = packet
  if (!tuple || (payload.kind !== 'tcp' && payload.kind !== 'udp') || dp.conntrack.get('in', reversed(tuple)) || dp.conntrack.get('out', reversed(tuple))) return
  if (!dp.endpointAt(packet.source) && packet.meta.mark !== MARK_PROXY_EGRESS) return
  if (dp.conntrack.get('out', tuple)) return
  dp.conntrack.create('out', tuple, { proxyPort: -1, sourceIdentity: dp.identityAt(packet.source) })
}

/** Out of the tunnel, at cilium_vxlan's ingress. */
export function fromOverlay(dp: Datapath): LinkProgram {
  return {
    name: 'cil_from_overlay',
    run(frame, link) {
      const packet = frame.payload
      if (packet.kind === 'arp') return 'stolen'
      dp.metrics.passed('from-overlay', packet)
      const source = packet.meta.tunnel?.id ?? WORLD
      dp.hop(packet, { stage: 'receive', interface: link.name, text: `The program cil_from_overlay on ${link.name} knows from the tunnel's number who has sent the packet: ${dp.nameOf(source)}.`, explanation: 'cilium-from-overlay' })
      if (dp.replacesProxy) {
        const handled = nodePortIn(dp, frame, packet, link, source)
        if (handled) return handled
      }
      const local = dp.endpointAt(packet.destination)
      if (local) return deliverLocally(dp, frame, packet, link, local, source === HOST ? REMOTE_NODE : source)
      if (dp.isRouter(packet.destination) || dp.isNode(packet.destination)) {
        frame.destination = dp.host.mac
        return { redirect: 'ingress', link: dp.host }
      }
      if (dp.egress && isEgressGatewayFor(dp, packet)) {
        frame.destination = link.mac
        return 'pass'
      }
      return dp.drop(packet, link, 'Stale or unroutable IP', `${packet.destination} is of this node's Pod network, but no endpoint has it (any more).`, { explanation: 'drop-cilium-unroutable', decidedBy: dp.ipcacheText(packet.destination) })
    },
  }
}

/** From the network, at eth0's ingress. */
export function fromNetdev(dp: Datapath): LinkProgram {
  return {
    name: 'cil_from_netdev',
    run(frame, link) {
      const packet = frame.payload
      if (packet.kind === 'arp') return dp.l2.answer(frame, packet, link)
      dp.metrics.passed('from-network', packet)
      if (frame.destination !== link.mac || !handles(dp, packet)) return 'pass'
      const source = dp.identityAt(packet.source)
      if (isTunnel(packet)) return hostIngress(dp, packet, link, source) ?? 'pass'
      const handled = nodePortIn(dp, frame, packet, link, source)
      if (handled !== undefined && handled !== 'pass') return handled
      const refused = hostIngress(dp, packet, link, source)
      if (refused) return refused
      if (handled) return handled
      // beside kube-proxy (legacy host routing) the kernel's conntrack sees both ways; its route leads to cilium_host
      const local = dp.replacesProxy ? dp.endpointAt(packet.destination) : undefined
      if (!local) return 'pass'
      dp.hop(packet, { stage: 'receive', interface: link.name, text: `The program cil_from_netdev on ${link.name} finds ${packet.destination} among this node's endpoints. The sender is ${dp.nameOf(source)}.`, decidedBy: dp.ipcacheText(packet.source), explanation: 'cilium-from-netdev' })
      return deliverLocally(dp, frame, packet, link, local, source === HOST ? REMOTE_NODE : source)
    },
  }
}

/** To the network, at eth0's egress. */
export function toNetdev(dp: Datapath): LinkProgram {
  return {
    name: 'cil_to_netdev',
    run(frame, link) {
      const packet = frame.payload
      if (packet.kind === 'arp') return 'pass'
      if (isTunnel(packet) || !handles(dp, packet)) {
        dp.metrics.passed('to-network', packet)
        return 'pass'
      }
      if (isProxyMark(packet.meta.mark)) rememberProxied(dp, packet)
      const refused = hostEgress(dp, packet, link)
      if (refused) return refused
      dp.metrics.passed('to-network', packet)
      if (dp.replacesProxy && undoServiceOfHost(dp, packet, link)) return 'pass'
      const gateway = dp.egress && toEgressGateway(dp, frame, packet, link)
      if (gateway) return gateway
      masquerade(dp, packet, link)
      return 'pass'
    },
  }
}

/** Of the cluster's families, and no business between neighbours. */
function handles(dp: Datapath, packet: IpPacket): boolean {
  return dp.family(packet.destination) !== undefined && (packet.version === 4 || !(isLinkLocalIp6(packet.destination) || isMulticastIp(packet.destination) || isNeighbourMessage(packet)))
}

function isTunnel({ payload }: IpPacket): boolean {
  return payload.kind === 'udp' && payload.vxlan !== undefined
}

/** Programs that let everything pass as long as nothing else is asked of them (identity marks, encryption). */
export function passing(name: string): LinkProgram {
  return { name, run: () => 'pass' }
}
