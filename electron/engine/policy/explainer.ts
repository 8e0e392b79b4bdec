import type { Hop, PolicyExplainer } from '../journey/types.ts'
import type { Ip, IpPacket } from '../network/types.ts'
import { decide, endpointOf, type DecideOptions, type PolicyEndpoint } from './decide.ts'
import { explainDecision } from './explain.ts'
import type { Direction, PolicyProtocol, PolicyView } from './types.ts'

export interface ExplainerOptions extends DecideOptions {
  /** The agent's node, where only policies of its own Pods decide there. */
  node?: string
  /** The direction that the dropping rule speaks of, where it tells. */
  decides?(hop: Pick<Hop, 'decidedBy' | 'explanation'>): Direction | undefined
  /** Whether a drop is one of the plugin's policy chains', programs' or flows'. */
  isPolicyDrop(hop: Pick<Hop, 'decidedBy' | 'explanation'>): boolean
  /** The name of the node that has an address, if it is known. */
  nodeAt?(ip: Ip): string | undefined
}

/**
 * For a node's `network.policyExplainer`: says of a drop by the plugin's policy rules, whatever they are made of, which
 * NetworkPolicies selected the Pod and why none of their rules matched.
 *
 *     context.network.policyExplainer = policyExplainer(model.view, {
 *       node: context.name, isPolicyDrop: ({ decidedBy }) => decidedBy?.chain?.startsWith('KUBE-POD-FW-') === true,
 *     })
 */
export function policyExplainer(view: PolicyView, options: ExplainerOptions): PolicyExplainer {
  return (packet, hop) => {
    if (!options.isPolicyDrop(hop)) return undefined
    const asked = portOf(packet)
    if (!asked) return undefined
    const [from, to] = [endpointAt(view, packet.source, options), endpointAt(view, packet.destination, options)]
    const decision = decide(view, from, to, asked.port, asked.protocol, options)
    const ends = { egress: from, ingress: to }
    const direction = options.decides?.(hop)
    const denials = explainDecision(view, decision, from, to, asked.port, asked.protocol, options)
      .filter((d) => (direction === undefined || d.direction === direction) && (options.node === undefined || ends[d.direction].pod?.node === options.node))
    if (denials.length === 0) return undefined
    return { text: denials.map((d) => `NetworkPolicy denies ${d.text}.`).join(' '), policies: [...new Set(denials.flatMap((d) => d.policies.map((p) => p.policy)))] }
  }
}

function endpointAt(view: PolicyView, ip: Ip, { nodeAt }: ExplainerOptions): PolicyEndpoint {
  const pod = view.podAt(ip)
  if (pod) return { ...endpointOf(pod), ip }
  const node = nodeAt?.(ip)
  return node === undefined ? { ip } : { ip, node }
}

/** What is asked for: policies speak of ports of the destination. Of ICMP only rules without ports speak. */
function portOf({ payload }: IpPacket): { port: number; protocol: PolicyProtocol | 'ICMP' } | undefined {
  switch (payload.kind) {
    case 'tcp':
    case 'udp':
    case 'sctp':
      return { port: payload.destinationPort, protocol: payload.kind.toUpperCase() as PolicyProtocol }
    case 'icmp':
      return { port: 0, protocol: 'ICMP' }
    default:
      return undefined
  }
}
