import type { LinkProgram, LinkVerdict } from '../../network/programs.ts'
import type { Ip, IpPacket, Link } from '../../network/types.ts'
import type { Datapath } from './datapath.ts'
import { check, isProxyMark } from './delivery.ts'
import { HOST, identityOf, isSecurityLabel, type Identity } from './identity.ts'
import { reversed, tupleOf, type Endpoint } from './maps.ts'
import { EndpointPolicy } from './policy-map.ts'

/**
 * The endpoint that is the node itself, and the host firewall: clusterwide policies with a nodeSelector decide about
 * what comes to the node's own addresses and leaves with them (bpf/lib/host_firewall.h and the host endpoint of
 * pkg/endpoint, cilium/cilium v1.17). Off, the endpoint is only shown.
 */
export class HostEndpoint {
  readonly endpoint: Endpoint
  /** enable-host-firewall of cilium-config, as the agent found it at its last start. */
  firewall = false
  identity: Identity

  constructor(dp: Datapath, id: number) {
    const ips: Ip[] = dp.families.flatMap(({ nodeIp, routerIp }) => [nodeIp, routerIp])
    const { mac } = dp.host
    this.endpoint = { id, ips, link: dp.host, mac, nodeMac: mac, containerId: '', pod: `the node ${dp.context.name}`, podNamespace: '', podName: '', identity: HOST, policy: new EndpointPolicy(), namedPorts: {} }
    this.identity = hostIdentity({})
  }

  /** Whether the Node's labels mean another identity. */
  label(labels: Readonly<Record<string, string>>): boolean {
    const identity = hostIdentity(labels)
    if (JSON.stringify(identity.labels) === JSON.stringify(this.identity.labels)) return false
    this.identity = identity
    return true
  }
}

/** InitWithNodeLabels: the labels of the Node that the filter lets through, and reserved:host. */
function hostIdentity(labels: Readonly<Record<string, string>>): Identity {
  const own = Object.entries(labels).filter(([key]) => isSecurityLabel(key)).map(([key, value]) => [`k8s:${key}`, value] as const)
  return identityOf(HOST, Object.fromEntries([...own.sort(([a], [b]) => (a < b ? -1 : 1)), ['reserved:host', '']]))
}

/** ipv4_host_policy_ingress: what is for an address of the node. A verdict: it goes no further. */
export function hostIngress(dp: Datapath, packet: IpPacket, link: Link, source: number): LinkVerdict | undefined {
  const { self } = dp
  if (!self?.firewall || dp.identityAt(packet.destination) !== HOST || isProxyMark(packet.meta.mark)) return undefined
  const checked = check(dp, packet, link, self.endpoint, 'ingress', source)
  return 'verdict' in checked ? checked.verdict : undefined
}

/** ipv4_host_policy_egress: what leaves with an address of the node. What was only translated to it is somebody else's: it is remembered, so that the answer may come in. */
export function hostEgress(dp: Datapath, packet: IpPacket, link: Link): LinkVerdict | undefined {
  const { self } = dp
  if (!self?.firewall || dp.identityAt(packet.source) !== HOST || isProxyMark(packet.meta.mark)) return undefined
  const tuple = tupleOf(packet)
  if (tuple && dp.nat.in(reversed(tuple))) return undefined
  if (tuple && packet.meta.inInterface !== undefined && packet.meta.inInterface !== 'lo') {
    if (!dp.conntrack.get('in', reversed(tuple)) && !dp.conntrack.get('out', tuple)) dp.conntrack.create('out', tuple, { sourceIdentity: 0 })
    return undefined
  }
  const checked = check(dp, packet, link, self.endpoint, 'egress', dp.identityAt(packet.destination))
  return 'verdict' in checked ? checked.verdict : undefined
}

/** Into the node's kernel, at cilium_host's ingress: what tunnels bring for the node. */
export function toHost(dp: Datapath): LinkProgram {
  return {
    name: 'cil_to_host',
    run(frame, link) {
      const packet = frame.payload
      return packet.kind === 'arp' ? 'pass' : (hostIngress(dp, packet, link, dp.identityAt(packet.source)) ?? 'pass')
    },
  }
}
