import { copyPacket } from '../../network/packets.ts'
import type { Frame, IpPacket, TcpFlags } from '../../network/types.ts'
import type { Datapath } from './datapath.ts'
import { forget } from './ovs/conntrack-zones.ts'
import { Execution } from './ovs/execution.ts'
import { CT } from './ovs/fields.ts'
import { flowText, type Flow } from './ovs/flow.ts'
import { versionOf, WORDS } from './pipeline.ts'

/** What the agent does with packets that flows hand to it (pkg/agent/controller/networkpolicy/reject.go): it refuses in the name of the receiver. */
export function answerPacketIn(dp: Datapath, x: Execution, userdata: string, flow: Flow): void {
  const { packet, bridge } = x
  if (!packet) return
  if (userdata === '02') return dp.dns?.(packet)
  if (userdata === '01.01' || userdata === '01.03') dp.log?.(x, flow)
  if (userdata === '01.01') return
  const service = userdata === '04'
  const { recorder } = bridge
  const source = service ? undefined : dp.policyOf(x.key.registers[3]!)
  const explanation = service ? 'reject-ovs-no-endpoint' : 'reject-policy'
  const text = service ? `The Service ${packet.destination} has no endpoint that could answer: antrea-agent refuses in its name.` : `A rule of ${source ?? 'an Antrea policy'} rejects the packet: antrea-agent refuses in the receiver’s name.`
  if (packet.meta.trail) {
    recorder.fail(bridge.network, packet, 'rejected', explanation, {
      stage: 'reject', interface: bridge.portName(x.key.inPort), text, decidedBy: { kind: 'rule', table: flow.table, text: flowText(flow) }, before: recorder.header(packet, x.key.frame), explanation, ...(source === undefined ? {} : { policies: [source] }),
    })
  }
  const answer = refusal(packet)
  if (!answer) return
  const trail = packet.meta.trail
  if (trail) recorder.begin(bridge.network, answer, trail.direction === 'forward' ? { answers: trail.journey } : { journey: trail.journey })
  sendBack(dp, x, answer)
}

/**
 * packetOut of the refusal: past policies and the state of connections, which would take it for invalid. Where the
 * connection was translated here, its answer is translated back; where that was on another node, that one does it.
 */
function sendBack({ bridge, gateway, podAt }: Datapath, x: Execution, answer: IpPacket): void {
  const from = podAt(answer.source)
  const { zone } = WORDS[versionOf(answer.source)]
  bridge.conntrack.track(answer, zone)
  if (answer.meta.connection) bridge.conntrack.translate(answer, zone)
  forget(answer)
  const frame: Frame = { source: from?.mac ?? gateway.mac, destination: gateway.mac, payload: answer }
  const key = bridge.key(from && from.port !== x.key.inPort ? from.port : 0, frame)
  key.ctState = CT.trk | CT.est | CT.rpl
  key.registers[0] = 0x203
  new Execution(bridge, key).start('L3Forwarding')
}

/** A reset for TCP; for everything else "administratively prohibited". */
function refusal(packet: IpPacket): IpPacket | undefined {
  const head = { kind: 'ip' as const, version: packet.version, source: packet.destination, destination: packet.source, ttl: 64, tos: 0, identification: 0, dontFragment: true, meta: { mark: 0 } }
  const { payload } = packet
  if (payload.kind === 'tcp') {
    if (payload.flags.rst) return undefined
    const length = payload.data.length + (payload.flags.syn ? 1 : 0) + (payload.flags.fin ? 1 : 0)
    const flags: TcpFlags = { rst: true, ack: true }
    return { ...head, payload: { kind: 'tcp', sourcePort: payload.destinationPort, destinationPort: payload.sourcePort, sequence: payload.flags.ack ? payload.acknowledgement : 0, acknowledgement: (payload.sequence + length) >>> 0, flags, window: 0, data: new Uint8Array(0) } }
  }
  if (payload.kind === 'icmp' && payload.about) return undefined
  return { ...head, payload: { kind: 'icmp', ...(packet.version === 4 ? { type: 3, code: 10 } : { type: 1, code: 1 }), data: new Uint8Array(0), about: copyPacket(packet) } }
}
