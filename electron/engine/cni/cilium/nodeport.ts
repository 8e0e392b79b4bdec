import { cidrContains, joinHostPort } from '../../network/address.ts'
import type { LinkVerdict } from '../../network/programs.ts'
import type { Frame, Ip, IpPacket, Link } from '../../network/types.ts'
import type { Datapath } from './datapath.ts'
import { deliverLocally, encapsulate, fibRedirect, undoService } from './delivery.ts'
import { egressText, EXCLUDED, NO_EGRESS_IP, NO_GATEWAY, type EgressEntry } from './egress-gateway.ts'
import { HOST, isWorld, LOCAL_SCOPE, REMOTE_NODE } from './identity.ts'
import { addressText, backendsBeside, rowText, type Frontend, type LbBackend } from './lb-map.ts'
import { protocolText, reversed, tupleOf, type CtEntry, type Tuple } from './maps.ts'

/** Services for packets from outside, and masquerading (bpf/lib/nodeport.h, bpf/lib/nat.h). DSR is not simulated. */

/** What comes in for a Service's address, or answers what went out with an address of the node. Undefined: neither. */
export function nodePortIn(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, source: number): LinkVerdict | undefined {
  const tuple = tupleOf(packet)
  if (!tuple) return undefined
  const frontend = dp.replacesProxy && !tuple.protocol.startsWith('icmp') ? dp.lb.find(packet.destination, tuple.destinationPort, tuple.protocol) : undefined
  if (frontend) return toService(dp, frame, packet, link, tuple, frontend, source)
  return undoNat(dp, frame, packet, link, tuple)
}

function toService(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, tuple: Tuple, frontend: Frontend, source: number): LinkVerdict {
  if (frontend.type === 'ClusterIP') {
    return dp.drop(packet, link, 'Is a ClusterIP', `${frontend.ip} is a ClusterIP of ${frontend.service}: it is for those inside the cluster only.`, { explanation: 'drop-cilium-cluster-ip', decidedBy: rowText(frontend, undefined) })
  }
  if (frontend.sourceRanges.length > 0 && !frontend.sourceRanges.some((range) => cidrContains(range, packet.source))) {
    return dp.drop(packet, link, 'Denied by LB src range check', `${frontend.service} lets in only ${frontend.sourceRanges.join(', ')} (loadBalancerSourceRanges), not ${packet.source}.`, { explanation: 'drop-cilium-source-range', decidedBy: rowText(frontend, undefined) })
  }
  let service = dp.conntrack.get('service', tuple)
  const inside = !isWorld(source) && source < 1 << 24
  let backend = service && [...frontend.backends, ...(frontend.internal ?? [])].find((b) => b.id === service?.backend)
  if (!backend || (service && opens(packet) && service.txClosing)) {
    backend = dp.lb.select(frontend, packet.source, dp.now, inside)
    if (!backend) return noBackend(dp, packet, link, frontend)
    service = dp.conntrack.create('service', tuple, { backend: backend.id, revNat: frontend.id, sourceIdentity: dp.worldOf(packet.source) })
  }
  dp.conntrack.touch(service!, packet, true, 0)
  const kept = keepsPort(dp, packet, link, frontend, backend, 'INGRESS')
  if (kept) return kept
  rewriteDestination(dp, packet, link, frontend, backend)
  const after = tupleOf(packet)!
  const local = dp.endpointAt(backend.ip)
  if (local) return deliverLocally(dp, frame, packet, link, local, source === HOST ? REMOTE_NODE : source, { revNat: frontend.id, nodePort: true })
  if (dp.isNode(backend.ip)) {
    if (!dp.conntrack.get('in', after)) dp.conntrack.create('in', after, { revNat: frontend.id, nodePort: true, sourceIdentity: source })
    frame.destination = link.mac
    return 'pass'
  }
  return toRemote(dp, frame, packet, link, after, frontend)
}

/** __per_packet_lb_svc_xlate_4: without programs on sockets a Pod's packets for a ClusterIP are translated one by one. */
export function perPacketService(dp: Datapath, packet: IpPacket, link: Link): Partial<CtEntry> | { verdict: LinkVerdict } | undefined {
  const tuple = tupleOf(packet)
  const frontend = tuple && !tuple.protocol.startsWith('icmp') ? dp.lb.find(packet.destination, tuple.destinationPort, tuple.protocol) : undefined
  if (!tuple || frontend?.type !== 'ClusterIP') return undefined
  let service = dp.conntrack.get('service', tuple)
  let backend = service && frontend.backends.find((b) => b.id === service?.backend)
  if (!backend || (opens(packet) && service?.txClosing)) {
    backend = dp.lb.select(frontend, packet.source, dp.now, true)
    if (!backend) return { verdict: noBackend(dp, packet, link, frontend) }
    service = dp.conntrack.create('service', tuple, { backend: backend.id, revNat: frontend.id })
  }
  dp.conntrack.touch(service!, packet, true, 0)
  const kept = keepsPort(dp, packet, link, frontend, backend, 'EGRESS')
  if (kept) return { verdict: kept }
  rewriteDestination(dp, packet, link, frontend, backend)
  return { revNat: frontend.id }
}

/** lb_l4_xlate: an SCTP packet with another port would need another CRC32c, which programs cannot work out. */
function keepsPort(dp: Datapath, packet: IpPacket, link: Link, frontend: Frontend, backend: LbBackend, direction: 'INGRESS' | 'EGRESS'): LinkVerdict | undefined {
  const { payload } = packet
  if (payload.kind !== 'sctp' || payload.destinationPort === backend.port) return undefined
  return dp.drop(packet, link, 'Error while correcting L4 checksum', `${frontend.service} is asked for SCTP port ${payload.destinationPort}, its backend has ${backend.port}: Cilium cannot change a port of SCTP, so both must be the same (targetPort equal to port, and no node port).`, {
    explanation: 'drop-cilium-protocol', direction, decidedBy: rowText(frontend, backend),
  })
}

function opens({ payload }: IpPacket): boolean {
  return payload.kind === 'tcp' && payload.flags.syn === true && !payload.flags.ack
}

/** The answer has to come back here, so the packet travels with an address of this node. */
function toRemote(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, tuple: Tuple, frontend: Frontend): LinkVerdict {
  const tunnel = dp.ipcache.lookup(packet.destination)?.entry.tunnel
  const { routerIp, nodeIp } = dp.family(packet.destination)!
  const address = tunnel !== undefined && dp.tunnels ? routerIp : nodeIp
  const entry = dp.conntrack.get('out', tuple) ?? dp.conntrack.create('out', tuple, { revNat: frontend.id, nodePort: true, sourceIdentity: dp.worldOf(packet.source) })
  dp.conntrack.touch(entry, packet, true, 0)
  translateSource(dp, packet, link, tuple, address, `The backend is on another node, and its answer must come back through this one: the source becomes ${address}.`, 'cilium-nodeport-snat')
  if (tunnel !== undefined && dp.tunnels) return encapsulate(dp, frame, packet, link, tunnel, dp.worldOf(packet.source))
  return fibRedirect(dp, frame, packet, link)
}

function rewriteDestination(dp: Datapath, packet: IpPacket, link: Link, frontend: Frontend, backend: LbBackend): void {
  const { payload } = packet
  if (payload.kind === 'icmp' || payload.kind === 'ipip') return
  const before = dp.recording(packet) ? dp.network.recorder.header(packet) : undefined
  packet.destination = backend.ip
  payload.destinationPort = backend.port
  if (!before) return
  dp.hop(packet, {
    stage: 'dnat', interface: link.name, before, after: true, decidedBy: rowText(frontend, backend),
    text: `${addressText(frontend)} is ${frontend.type === 'NodePort' ? 'a node port' : frontend.type === 'HostPort' ? 'a host port' : `an address (${frontend.type})`} of ${frontend.service}. Of ${backendsBeside(frontend, backend).length} backends the program takes ${addressText(backend)}.`,
    explanation: 'cilium-service', possible: backendsBeside(frontend, backend),
  })
}

function noBackend(dp: Datapath, packet: IpPacket, link: Link, frontend: Frontend): LinkVerdict {
  const local = frontend.localExternal ? ' on this node (externalTrafficPolicy: Local)' : ''
  const verdict = dp.drop(packet, link, 'Service backend not found', `${frontend.service} has no backend${local}: the sender is told "port unreachable".`, { decidedBy: rowText(frontend, undefined), verdict: 'rejected', explanation: 'drop-cilium-no-backend' })
  dp.network.sendIcmpError(packet, packet.version === 4 ? 3 : 1, packet.version === 4 ? 3 : 4)
  return verdict
}

// ---- answers ---------------------------------------------------------------------------------------------------

/** A packet to an address and port of this node that stand for somebody else's. */
function undoNat(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, tuple: Tuple): LinkVerdict | undefined {
  const nat = dp.nat.in(tuple)
  if (!nat) return undefined
  const { original } = nat
  const before = dp.recording(packet) ? dp.network.recorder.header(packet) : undefined
  packet.destination = original.source
  setPort(packet, 'destination', original.sourcePort)
  const entry = dp.conntrack.get('out', original)
  const reply = entry?.nodePort === true
  if (reply) dp.conntrack.touch(entry, packet, false, 0)
  if (before) {
    dp.hop(packet, {
      stage: 'undo-nat', interface: link.name, before, after: true, decidedBy: natText(nat.address, nat.port, original),
      text: `The packet answers one that left with ${nat.address}: it belongs to ${original.source}${original.protocol.startsWith('icmp') ? '' : `:${original.sourcePort}`}.`,
      explanation: 'cilium-undo-nat',
    })
  }
  if (reply) {
    undoService(dp, packet, link, entry)
    return fibRedirect(dp, frame, packet, link)
  }
  const local = dp.replacesProxy ? dp.endpointAt(packet.destination) : undefined
  if (local) return deliverLocally(dp, frame, packet, link, local, dp.identityAt(packet.source))
  const tunnel = dp.egress?.find(original.source, original.destination) && dp.ipcache.lookup(packet.destination)?.entry.tunnel
  return tunnel !== undefined && dp.tunnels ? encapsulate(dp, frame, packet, link, tunnel, dp.identityAt(packet.source)) : undefined
}

/** Backends that are the node itself answer through its kernel, and out of eth0. */
export function undoServiceOfHost(dp: Datapath, packet: IpPacket, link: Link): boolean {
  const tuple = tupleOf(packet)
  if (!tuple || !dp.isNode(packet.source)) return false
  const entry = dp.conntrack.get('in', reversed(tuple))
  if (!entry?.nodePort) return false
  dp.conntrack.touch(entry, packet, false, 0)
  undoService(dp, packet, link, entry)
  return true
}

// ---- egress gateways -------------------------------------------------------------------------------------------

/** The row about a packet that leaves the cluster; none where it answers somebody, or is for somebody inside. */
function egressEntry(dp: Datapath, packet: IpPacket): EgressEntry | undefined {
  const entry = dp.egress?.find(packet.source, packet.destination)
  if (!entry || entry.gateway === EXCLUDED) return undefined
  const identity = dp.identityAt(packet.destination)
  if (!isWorld(identity) && identity < LOCAL_SCOPE) return undefined
  const tuple = tupleOf(packet)
  return tuple && !dp.conntrack.get('in', reversed(tuple)) ? entry : undefined
}

/** Whether this node is the gateway for what came through the tunnel. */
export function isEgressGatewayFor(dp: Datapath, packet: IpPacket): boolean {
  const entry = egressEntry(dp, packet)
  return entry !== undefined && dp.isNode(entry.gateway)
}

/** egress_gw_handle_packet: to the gateway, if that is another node. Undefined: it goes on here. */
export function toEgressGateway(dp: Datapath, frame: Frame, packet: IpPacket, link: Link): LinkVerdict | undefined {
  const entry = egressEntry(dp, packet)
  if (!entry) return undefined
  const drop = (reason: string, text: string): LinkVerdict => dp.drop(packet, link, reason, text, { explanation: 'drop-cilium-egress-gateway', decidedBy: egressText(entry), direction: 'EGRESS' })
  if (entry.gateway === NO_GATEWAY) return drop('No Egress Gateway found', `The CiliumEgressGatewayPolicy ${entry.policy} is about ${packet.source} and ${packet.destination}, but its nodeSelector fits no node.`)
  if (dp.isNode(entry.gateway)) return entry.egressIp === NO_EGRESS_IP ? drop('No Egress IP configured', `This node is the gateway of the CiliumEgressGatewayPolicy ${entry.policy}, but it does not have the address or interface that the policy names.`) : undefined
  if (!dp.vxlan) return undefined
  dp.hop(packet, { stage: 'route', interface: link.name, text: `The CiliumEgressGatewayPolicy ${entry.policy} sends ${packet.source}'s packets for ${entry.destination} out through the node ${entry.gateway}: the packet goes to ${dp.vxlan.name}, and the sender's identity with it.`, decidedBy: egressText(entry), explanation: 'cilium-egress-gateway' })
  return encapsulate(dp, frame, packet, link, entry.gateway, dp.identityAt(packet.source), undefined, true)
}

// ---- masquerading ----------------------------------------------------------------------------------------------

/** What a Pod sends out of the cluster leaves with the node's address (snat_v4_needed). */
export function masquerade(dp: Datapath, packet: IpPacket, link: Link): void {
  const { source, destination } = packet
  const family = dp.family(source)
  if (!family) return
  const egress = egressEntry(dp, packet)
  if (egress && dp.isNode(egress.gateway)) return translateSource(dp, packet, link, tupleOf(packet)!, egress.egressIp, `The CiliumEgressGatewayPolicy ${egress.policy} gives what leaves here for ${egress.destination} the address ${egress.egressIp}.`, 'cilium-egress-gateway')
  const { podCidr, routerIp, clusterCidr, nodeIp } = family
  if (!cidrContains(podCidr, source) || source === routerIp || cidrContains(clusterCidr, destination)) return
  // without tunnels other nodes know the way to Pods
  if (!dp.tunnels && dp.identityAt(destination) === REMOTE_NODE) return
  const tuple = tupleOf(packet)
  if (!tuple || dp.conntrack.get('in', reversed(tuple))) return
  translateSource(dp, packet, link, tuple, nodeIp, `${destination} is outside of ${clusterCidr}: nobody there knows the way to ${source}, so the packet leaves with the node's address (BPF masquerading).`, 'cilium-masquerade')
}

function translateSource(dp: Datapath, packet: IpPacket, link: Link, tuple: Tuple, address: Ip, text: string, explanation: string): void {
  const before = dp.recording(packet) ? dp.network.recorder.header(packet) : undefined
  const nat = dp.nat.out(tuple, address)
  packet.source = address
  setPort(packet, 'source', nat.port)
  if (before) dp.hop(packet, { stage: 'snat', interface: link.name, before, after: true, decidedBy: natText(address, nat.port, tuple), text, explanation })
}

function natText(address: Ip, port: number, { source, sourcePort, destination, destinationPort, protocol }: Tuple): string {
  return `${protocolText(protocol)} OUT ${joinHostPort(source, sourcePort)} -> ${joinHostPort(destination, destinationPort)} XLATE_SRC ${joinHostPort(address, port)}`
}

/** An echo's identifier stands for the port; an error speaks of the packet that it is about. */
function setPort(packet: IpPacket, side: 'source' | 'destination', port: number): void {
  const { payload } = packet
  if (payload.kind === 'tcp' || payload.kind === 'udp' || payload.kind === 'sctp') payload[side === 'source' ? 'sourcePort' : 'destinationPort'] = port
  else if (payload.kind === 'icmp' && payload.about) {
    const { about } = payload
    if (side === 'destination') about.source = packet.destination
    else about.destination = packet.source
    if (about.payload.kind === 'icmp') about.payload.id = port
    else if (about.payload.kind !== 'ipip') about.payload[side === 'destination' ? 'sourcePort' : 'destinationPort'] = port
  } else if (payload.kind === 'icmp') payload.id = port
}
