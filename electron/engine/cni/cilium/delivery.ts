import { joinHostPort } from '../../network/address.ts'
import { ipLength } from '../../network/packets.ts'
import type { BaseLink } from '../../network/link.ts'
import type { LinkVerdict } from '../../network/programs.ts'
import type { Frame, IpPacket, Link } from '../../network/types.ts'
import { MARK_PROXY_EGRESS, MARK_PROXY_INGRESS, type Datapath } from './datapath.ts'
import { HOST, REMOTE_NODE } from './identity.ts'
import { addressText } from './lb-map.ts'
import { protocolText, reversed, tupleOf, type CtEntry, type Endpoint, type Tuple } from './maps.ts'
import type { Direction } from './policy-map.ts'

/** What the programs have in common: policy, delivery to an endpoint, tunnels, and the way out (bpf/lib/{policy,local_delivery,encap,fib}.h). */

const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const

export interface Checked { entry: CtEntry; reply: boolean }

/** Looks a packet up in the connections and, unless it is an answer, in the endpoint's policy. A verdict: it goes no further. */
export function check(dp: Datapath, packet: IpPacket, link: Link, endpoint: Endpoint, direction: Direction, peer: number, facts: Partial<CtEntry> = {}): Checked | { verdict: LinkVerdict } {
  const tuple = tupleOf(packet)
  // ENABLE_SCTP of bpf/lib/ipv4.h
  if (tuple?.protocol === 'sctp' && !dp.sctp) {
    return { verdict: dp.drop(packet, link, 'CT: Unknown L4 protocol', `Cilium's programs know SCTP only with enable-sctp (Helm: sctp.enabled=true), which is off here: what ${endpoint.pod} sends or gets of it goes no further.`, {
      explanation: 'drop-cilium-protocol', endpoint: endpoint.id,
      direction: direction === 'egress' ? 'EGRESS' : 'INGRESS', decidedBy: 'enable-sctp: "false" in ConfigMap kube-system/cilium-config',
    }) }
  }
  if (!tuple) return { verdict: dp.drop(packet, link, 'CT: Unknown L4 protocol', `${link.name} has a packet of a protocol that Cilium does not follow.`, { explanation: 'drop-cilium-protocol' }) }
  const [own, other] = direction === 'egress' ? (['out', 'in'] as const) : (['in', 'out'] as const)
  const answered = dp.conntrack.get(other, reversed(tuple))
  const length = ipLength(packet)
  if (answered) {
    dp.conntrack.touch(answered, packet, false, length)
    dp.hop(packet, {
      stage: 'conntrack', interface: link.name, kind: 'conntrack', decidedBy: connectionText(answered, dp),
      text: `The packet answers a connection that ${direction === 'egress' ? 'came in to' : 'went out from'} ${endpoint.pod}: policies are not asked about answers.`, explanation: 'cilium-conntrack-reply',
    })
    return { entry: answered, reply: true }
  }
  const known = dp.conntrack.get(own, tuple)
  const denied = decide(dp, packet, link, endpoint, direction, peer, tuple, known !== undefined)
  if (denied !== undefined && typeof denied !== 'number') return { verdict: denied }
  // a SYN on ports that were used before is a new connection
  const fresh = known && packet.payload.kind === 'tcp' && packet.payload.flags.syn && (known.rxClosing || known.txClosing) ? undefined : known
  const entry = fresh ?? dp.conntrack.create(own, tuple, { sourceIdentity: direction === 'egress' ? endpoint.identity : peer, proxyPort: denied ?? 0, ...facts })
  entry.proxyPort = denied ?? 0
  if (facts.revNat !== undefined) Object.assign(entry, facts)
  dp.conntrack.touch(entry, packet, true, length)
  return { entry, reply: false }
}

/** The policy's answer: undefined allows, a number sends to the proxy at that port, a verdict drops. */
function decide(dp: Datapath, packet: IpPacket, link: Link, endpoint: Endpoint, direction: Direction, peer: number, { protocol, destinationPort }: Tuple, known: boolean): LinkVerdict | number | undefined {
  const { policy } = endpoint
  const side = direction === 'egress' ? 'leaves' : 'comes in to'
  const peerName = dp.nameOf(peer)
  if (direction === 'ingress' && peer === HOST) {
    dp.hop(packet, { stage: 'filter', interface: link.name, kind: 'policy', decidedBy: 'Allow    Ingress     reserved:host     ANY', text: `What the own node sends (the kubelet's probes) always comes in to ${endpoint.pod}.`, explanation: 'cilium-policy-host' })
    return undefined
  }
  const port = packet.payload.kind === 'icmp' ? packet.payload.type : destinationPort
  const { allowed, rule, proxyPort } = policy.verdict(direction, dp.identity(peer), protocol, port)
  const selecting = policy.selecting[direction]
  const asked = protocol === 'icmp' || protocol === 'icmpv6' ? protocolText(protocol) : `${destinationPort}/${protocol.toUpperCase()}`
  const pair = direction === 'egress' ? `${endpoint.identity}->${peer}` : `${peer}->${endpoint.identity}`
  const audited = !allowed && (endpoint.audit ?? dp.audit)
  const action = allowed ? (proxyPort > 0 ? 'redirect' : 'allow') : audited ? 'audit' : 'deny'
  // of what is allowed the first packet of a connection is reported (send_policy_verdict_notify)
  if (selecting.length > 0 && (!known || !allowed)) {
    const match = !rule ? 'none' : rule.ports ? (rule.peers ? 'L3-L4' : 'L4-Only') : rule.peers ? 'L3-Only' : 'all'
    dp.verdictEvent(packet, `local EP ID ${endpoint.id}, remote ID ${peer}, proto ${PROTOCOLS[protocol]}, ${direction}, action ${action}, auth: disabled, match ${match}`, endpoint.id)
    dp.observeVerdict(packet, match, allowed ? (proxyPort > 0 ? 'REDIRECTED' : 'FORWARDED') : audited ? 'AUDIT' : 'DROPPED', direction === 'egress' ? 'EGRESS' : 'INGRESS')
  }
  if (allowed) {
    policy.count(direction, peer, ipLength(packet))
    if (proxyPort > 0) return proxyPort
    dp.hop(packet, {
      stage: 'filter', interface: link.name, kind: 'policy',
      ...(rule ? { decidedBy: `${rule.policy}: ${direction} ${rule.text}` } : {}),
      text: rule ? `${asked} ${side} ${endpoint.pod} as ${rule.policy} allows: the other side is ${peerName}.` : `No policy selects ${endpoint.pod} for ${direction}: everything ${side} it.`,
      explanation: rule ? 'cilium-policy-allow' : 'cilium-policy-none',
    })
    return undefined
  }
  const why = rule
    ? `${rule.policy} denies ${asked} ${rule.text}: the other side is ${peerName}.`
    : `${selecting.join(', ')} ${selecting.length === 1 ? 'selects' : 'select'} ${endpoint.pod} for ${direction}, and no rule of ${selecting.length === 1 ? 'it' : 'them'} allows ${asked} ${direction === 'egress' ? 'to' : 'from'} ${peerName}.`
  if (audited) {
    dp.hop(packet, { stage: 'filter', interface: link.name, kind: 'policy', decidedBy: rule ? `${rule.policy}: ${direction} ${rule.text}` : selecting.join(', '), text: `${why} It passes all the same: policies are only audited here (PolicyAuditMode).`, explanation: 'cilium-policy-audit' })
    return undefined
  }
  return dp.drop(packet, link, rule ? 'Policy denied by denylist' : 'Policy denied', why, {
    kind: 'policy', decidedBy: rule ? `${rule.policy}: ${direction} ${rule.text}` : selecting.join(', '), endpoint: endpoint.id, direction: direction === 'egress' ? 'EGRESS' : 'INGRESS', identities: pair,
    policies: rule ? [rule.policy] : selecting,
    explanation: endpoint === dp.self?.endpoint ? 'drop-cilium-host-policy' : 'drop-policy',
  })
}

export function connectionText(entry: CtEntry, dp: Datapath): string {
  const { tuple: t, direction } = entry
  const way = direction === 'in' ? 'IN' : direction === 'out' ? 'OUT' : 'SVC'
  const at = joinHostPort
  return `${protocolText(t.protocol)} ${way} ${at(t.source, t.sourcePort)} -> ${at(t.destination, t.destinationPort)} expires=${Math.round((dp.context.clock.epoch + entry.expiresAt) / 1000)} RevNAT=${entry.revNat} SourceSecurityID=${entry.sourceIdentity}`
}

/** ipv4_local_delivery and handle_policy: past the node's kernel into the Pod's network namespace. */
export function deliverLocally(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, endpoint: Endpoint, source: number, facts: Partial<CtEntry> = {}): LinkVerdict {
  if (packet.ttl <= 1) return timeExceeded(dp, packet, link)
  const before = dp.recording(packet) ? dp.network.recorder.header(packet) : undefined
  packet.ttl--
  const checked = check(dp, packet, link, endpoint, 'ingress', source, facts)
  if ('verdict' in checked) return checked.verdict
  const { entry, reply } = checked
  const { mark } = packet.meta
  if (mark === MARK_PROXY_INGRESS && !reply) entry.nodePort = false
  // Answers to the proxy's own connections are the proxy's, and so is what a rule sends to it.
  if (reply ? entry.proxyPort < 0 : entry.proxyPort > 0 && mark !== MARK_PROXY_INGRESS) return toProxy(dp, packet, link, reply ? 0 : entry.proxyPort, endpoint, 'ingress', checked)
  if (mark === MARK_PROXY_INGRESS && !reply) entry.proxyPort = -1
  if (reply && entry.revNat > 0 && !entry.nodePort) undoService(dp, packet, link, entry)
  frame.source = endpoint.nodeMac
  frame.destination = endpoint.mac
  if (before) {
    dp.hop(packet, {
      stage: 'forward', interface: link.name, before, after: true, decidedBy: `${joinHostPort(packet.destination, 0)}     id=${endpoint.id}    sec_id=${endpoint.identity} flags=0x0000 ifindex=${endpoint.link.index}   mac=${endpoint.mac.toUpperCase()} nodemac=${endpoint.nodeMac.toUpperCase()}`,
      text: `${packet.destination} is endpoint ${endpoint.id} of this node (${endpoint.pod}): ${dp.replacesProxy ? "bpf_redirect_peer puts the packet straight into the Pod's eth0, past the node's routing and iptables" : `the program hands the packet to ${endpoint.link.name}, the node's end of the Pod's wire`}.`,
      explanation: 'cilium-local-delivery',
    })
  }
  if (dp.observe(packet, 'to-endpoint', endpoint.link.name, endpoint, entry, reply)) dp.trace(packet, `endpoint ${endpoint.id}`, endpoint.id, `, identity ${source}->${endpoint.identity} state ${reply ? 'reply' : 'new'} ifindex ${endpoint.link.name} orig-ip ${packet.source}`)
  return { redirect: 'peer', link: endpoint.link }
}

/** The client knows the Service's address only: the answer gets it back (lb4_rev_nat). */
export function undoService(dp: Datapath, packet: IpPacket, link: Link, entry: CtEntry): void {
  const frontend = dp.lb.byId(entry.revNat)
  const { payload } = packet
  if (!frontend || payload.kind === 'ipip') return
  const before = dp.recording(packet) ? dp.network.recorder.header(packet) : undefined
  packet.source = frontend.ip
  if (payload.kind !== 'icmp') payload.sourcePort = frontend.port
  if (!before) return
  dp.hop(packet, {
    stage: 'undo-nat', interface: link.name, before, after: true, decidedBy: connectionText(entry, dp),
    text: `The client asked for ${addressText(frontend)}: the answer gets this address back as its source (RevNAT ${frontend.id}).`,
    explanation: 'cilium-reverse-nat',
  })
}

function ruleOf(endpoint: Endpoint, direction: Direction, about: 'http' | 'dns'): string {
  return endpoint.policy.rules[direction].find((r) => r[about])?.policy ?? 'a policy'
}

/** bpf_sk_assign: a socket of the node takes the packet, whatever its destination is. */
export function toProxy(dp: Datapath, packet: IpPacket, link: Link, port: number, endpoint: Endpoint, direction: Direction, { entry, reply }: Checked): LinkVerdict {
  dp.observe(packet, 'to-proxy', undefined, endpoint, entry, reply)
  if (port > 0 && port === endpoint.policy.proxyPorts.dns) {
    if (!dp.dnsProxyRuns) return dp.drop(packet, link, 'Socket lookup failed', `A rule of ${ruleOf(endpoint, direction, 'dns')} sends DNS queries to the agent's proxy at port ${port}, and the agent does not run.`, { explanation: 'drop-cilium-dns-proxy', endpoint: endpoint.id, direction: 'EGRESS' })
    dp.hop(packet, {
      stage: 'forward', interface: link.name, kind: 'policy', decidedBy: `proxy port ${port}`,
      text: `A rule of ${ruleOf(endpoint, direction, 'dns')} looks at DNS: the packet goes to the agent's DNS proxy at port ${port}, which asks ${packet.destination} in the Pod's name if the rule allows the name, and learns the addresses of the answer.`,
      explanation: 'cilium-dns-proxy',
    })
  } else if (port > 0) {
    dp.hop(packet, {
      stage: 'forward', interface: link.name, kind: 'policy', decidedBy: `proxy port ${port}`,
      text: `A rule of ${ruleOf(endpoint, direction, 'http')} looks at HTTP: the packet goes to the node's proxy (Envoy) at port ${port}, which speaks in the place of both sides.`,
      explanation: 'cilium-proxy',
    })
  }
  packet.meta.inInterface = link.name
  if (packet.payload.kind === 'udp') {
    dp.network.udp.receive(packet, link as BaseLink, false, port > 0 ? port : undefined)
    return 'stolen'
  }
  dp.network.tcp.receive(packet, port > 0 ? port : undefined)
  return 'stolen'
}

function timeExceeded(dp: Datapath, packet: IpPacket, link: Link): LinkVerdict {
  const verdict = dp.drop(packet, link, 'TTL exceeded', `The TTL of the packet is used up on ${dp.network.name}.`, { explanation: 'drop-ttl-exceeded' })
  dp.network.sendIcmpError(packet, packet.version === 4 ? 11 : 3, 0)
  return verdict
}

/** __encap_with_nodeid: the sender's identity travels as the tunnel's identifier. */
export function encapsulate(dp: Datapath, frame: Frame, packet: IpPacket, link: Link, remote: string, identity: number, sender?: { endpoint: Endpoint; checked: Checked }, told = false): LinkVerdict {
  const id = identity === HOST ? REMOTE_NODE : identity
  packet.meta.tunnel = { id, remote }
  // the inner frame's addresses mean nothing to programs
  frame.source = dp.vxlan!.mac
  frame.destination = dp.vxlan!.mac
  if (!told) dp.hop(packet, {
    stage: 'route', interface: link.name, decidedBy: dp.ipcacheText(packet.destination),
    text: `The map ipcache says that ${packet.destination} is behind the node ${remote}: the packet goes to ${dp.vxlan!.name}, and the sender's identity ${id} with it as the tunnel's number.`,
    explanation: 'cilium-encapsulate',
  })
  if (dp.observe(packet, 'to-overlay', dp.vxlan!.name, sender?.endpoint, sender?.checked.entry, sender?.checked.reply)) dp.trace(packet, 'overlay', 0, `, identity ${id}->unknown state new ifindex ${dp.vxlan!.name} orig-ip ${packet.source}`)
  return { redirect: 'egress', link: dp.vxlan! }
}

/** fib_redirect: the kernel's routing table is asked, its stack is not. */
export function fibRedirect(dp: Datapath, frame: Frame, packet: IpPacket, link: Link): LinkVerdict {
  const { network } = dp
  const entry = network.routes.find(packet.destination)
  if (!entry?.link || entry.route.type === 'local') return 'pass'
  if (packet.ttl <= 1) return timeExceeded(dp, packet, link)
  if (entry.link === dp.host) {
    frame.destination = dp.host.mac
    return { redirect: 'egress', link: dp.host }
  }
  const before = dp.recording(packet) ? network.recorder.header(packet) : undefined
  packet.ttl--
  const via = entry.route.via ?? packet.destination
  if (before) {
    dp.hop(packet, {
      stage: 'route', interface: link.name, kind: 'route', decidedBy: network.routes.line(entry), before, after: true,
      text: `The program asks the routing table itself (bpf_fib_lookup): ${packet.destination} leaves through ${entry.link.name}${entry.route.via ? ` to ${via}` : ''}. bpf_redirect_neigh sends it there, past the node's iptables.`,
      explanation: 'cilium-fib',
    })
  }
  return { redirect: 'neighbour', link: entry.link, via }
}

export function isProxyMark(mark: number): boolean {
  return mark === MARK_PROXY_INGRESS || mark === MARK_PROXY_EGRESS
}
