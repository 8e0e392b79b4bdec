import { cidrContains, formatIp, joinHostPort } from '../../network/address.ts'
import type { Observer } from './ovs/bridge.ts'
import type { Datapath } from './datapath.ts'
import { GATEWAY, TUNNEL } from './pipeline.ts'

/** What Antrea's flows decide, in plain sentences; tables that only pass on say nothing. */
export function describeFlows(dp: Datapath): Observer {
  const nameOf = (port: string): string => {
    const pod = [...dp.pods.values()].find((p) => p.name === port)
    return pod ? `the Pod ${pod.podNamespace}/${pod.podName}` : port === GATEWAY ? 'the node itself' : port === TUNNEL ? 'the tunnel' : port
  }
  const egress = (table: string): boolean => table.includes('Egress')
  return {
    met(x, flow) {
      const { table, priority } = flow
      if (priority === 0) return undefined
      const { packet } = x
      switch (table) {
        case 'Classifier': return { stage: 'receive', text: `The bridge br-int takes the packet from its port ${dp.bridge.portName(x.key.inPort)}, which is ${nameOf(dp.bridge.portName(x.key.inPort))}.`, explanation: 'ovs-classifier' }
        case 'EgressRule':
        case 'AntreaPolicyEgressRule':
        case 'IngressRule':
        case 'AntreaPolicyIngressRule':
          if (priority === 64_990 || flow.actions === 'drop') return undefined
          return flow.match.includes('conj_id') ? { stage: 'filter', text: `All parts of a policy's rule fit the packet (${flow.match.split(',')[0]}): it may ${egress(table) ? 'leave' : 'come in'}.`, explanation: 'ovs-policy' } : undefined
        case 'EgressMark': {
          if (priority !== 200) return undefined
          const holder = /set_field:([\d.a-f:]+)->tun_(?:ipv6_)?dst/.exec(flow.actions)?.[1]
          if (holder !== undefined) return { stage: 'forward', text: `An Egress is for the sender: its packets leave the cluster with the address ${holder}, so this one goes through the tunnel to the node that holds it.`, explanation: 'ovs-egress' }
          const mark = /set_field:(0x[\da-f]+)\/0xff->pkt_mark/.exec(flow.actions)?.[1]
          return mark === undefined ? undefined : { stage: 'forward', text: `An Egress is for the sender, and this node holds its address: the packet gets the mark ${mark}, by which iptables will know what source to give it.`, explanation: 'ovs-egress' }
        }
        case 'L3Forwarding': {
          const tunnel = /->tun_(ipv6_)?dst/.test(flow.actions) ? /set_field:([\d.a-f:]+)->tun_(?:ipv6_)?dst/.exec(flow.actions)![1] : undefined
          if (tunnel !== undefined) return { stage: 'forward', text: `${packet!.destination} is a Pod of the node ${tunnel}: the packet goes into the tunnel.`, explanation: 'ovs-forwarding' }
          if (flow.actions === 'goto_table:L2ForwardingCalc') return { stage: 'forward', text: `${packet!.destination} is on this node: the frame goes to the port of its MAC address.`, explanation: 'ovs-forwarding' }
          if (flow.actions.includes(`${dp.gateway.mac}->eth_dst`)) return { stage: 'forward', text: `${packet!.destination} is reached through the node's own network, so the packet goes to ${GATEWAY}.`, explanation: 'ovs-forwarding' }
          if (flow.match.includes('reg0=0x200/0x200')) return { stage: 'forward', text: `${packet!.destination} is a Pod of this node: the frame gets its MAC address.`, explanation: 'ovs-forwarding' }
          return undefined
        }
        default: return undefined
      }
    },

    selected(x, group, bucket) {
      if (bucket.actions.includes('0x4000/0x4000->reg0')) return undefined
      const ip = /set_field:(0x[\da-f]+)->(reg3|xxreg3)/.exec(bucket.actions)
      const port = /set_field:0x([\da-f]+)\/0xffff->reg4/.exec(bucket.actions)
      const endpoint = ip && port ? joinHostPort(formatIp(BigInt(ip[1]!), ip[2] === 'reg3' ? 4 : 6), Number.parseInt(port[1]!, 16)) : ''
      const { payload } = x.packet!
      const service = 'destinationPort' in payload ? joinHostPort(x.packet!.destination, payload.destinationPort) : x.packet!.destination
      return {
        stage: 'forward', text: `${service} is a Service: of the ${group.buckets.length} endpoint${group.buckets.length === 1 ? '' : 's'} of group ${group.id} the packet's hash chooses ${endpoint}.`,
        explanation: 'ovs-service', decidedBy: `group_id=${group.id},type=select,…bucket=bucket_id:${bucket.id},weight:${bucket.weight},actions=${bucket.actions}`,
      }
    },

    translated(x, _flow, reply, source) {
      const { packet } = x
      if (reply) return { stage: 'undo-nat', text: `The connection tracking of the bridge undoes its translation: the answer is from ${packet!.source} to ${packet!.destination} again.`, explanation: 'undo-nat' }
      if (source) return { stage: 'snat', text: `The packet would come back past the bridge, so it gets the source ${packet!.source}.`, explanation: 'snat' }
      return { stage: 'dnat', text: `The flow of the endpoint gives the packet the destination ${packet!.destination}.`, explanation: 'dnat' }
    },

    dropped(x, flow) {
      const { packet } = x
      if (!flow || !packet) return undefined
      const port = dp.bridge.portName(x.key.inPort)
      switch (flow.table) {
        case 'SpoofGuard': {
          const pod = [...dp.pods.values()].find((p) => p.name === port)
          const own = pod && !pod.ips.includes(packet.source)
          return { text: own ? `${pod.podNamespace}/${pod.podName} may only send from ${pod.ips.join(' and ')}, not from ${packet.source}.` : `No flow lets a packet from ${packet.source} with the address ${x.key.frame.source} in through ${port}.`, explanation: 'drop-ovs-spoof' }
        }
        case 'EgressDefaultRule': return { text: `A NetworkPolicy isolates the sender ${packet.source}, and no rule lets the packet leave.`, explanation: 'drop-ovs-policy' }
        case 'IngressDefaultRule': return { text: `A NetworkPolicy isolates the receiver ${packet.destination}, and no rule lets the packet in.`, explanation: 'drop-ovs-policy' }
        case 'EgressMetric':
        case 'IngressMetric': {
          const source = dp.policyOf(x.key.registers[3]!)
          return { text: `A rule of ${source ?? 'an Antrea policy'} drops the packet ${egress(flow.table) ? 'as it leaves' : 'on its way in'}.`, explanation: 'drop-policy', ...(source === undefined ? {} : { policies: [source] }) }
        }
        case 'ConntrackState': return { text: 'The packet belongs to no connection that the bridge knows, and cannot begin one.', explanation: 'drop-ovs-invalid' }
        case 'EgressMark': {
          if (dp.families.some(({ podCidr }) => cidrContains(podCidr, packet.destination))) {
            return { text: `The packet came through the tunnel for ${packet.destination}, and no Pod of this node has that address (any more).`, explanation: 'drop-ovs-flow' }
          }
          return { text: 'The packet came through the tunnel to leave the cluster here, but no Egress of this node has the address that it was sent to.', explanation: 'drop-ovs-egress' }
        }
        case 'Output': return { text: `No port of the bridge has the address ${x.key.frame.destination}: there is no such Pod on this node (any more).`, explanation: 'drop-ovs-flow' }
        default: return { text: `The flow of the table ${flow.table} sends the packet nowhere.`, explanation: 'drop-ovs-flow' }
      }
    },
  }
}
