import type { Frame, IpPacket, IpPayload } from '../../../network/types.ts'
import { byName } from '../../../own.ts'
import { Execution } from '../ovs/execution.ts'
import { CT } from '../ovs/fields.ts'
import type { OvsBridge } from '../ovs/bridge.ts'
import { BRIDGE } from '../datapath.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { takeFlags, type Command } from './command.ts'

/** ovs-appctl(8): ofproto/trace runs an imaginary packet through the real tables; nothing of it is counted or sent. */
export const appctl: Command = ({ datapath: { bridge } }, args) => {
  const { words: [verb, name, flow, ...more], flags } = takeFlags(args, { '--ct-next': 'value', '-t': 'value', '--names': 'flag' }, 'ovs-appctl')
  if (verb === 'dpctl/dump-conntrack') return connections(bridge)
  if (verb !== 'ofproto/trace') throw notSimulated(`ovs-appctl ${verb ?? ''}`.trim(), 'use ofproto/trace or dpctl/dump-conntrack')
  if (name !== BRIDGE || flow === undefined) throw new CommandError(`Unknown bridge or syntax error\novs-appctl: ovs-vswitchd: server returned an error`, 2)
  if (more.length > 0) throw notSimulated('a packet for ofproto/trace', 'use a flow')
  const { port, frame, text } = imagine(bridge, flow)
  const key = bridge.key(port, frame)
  const x = new Execution(bridge, key, true)
  x.traced = { lines: [], next: ctNext(flags.get('--ct-next')) }
  x.start()
  return `Flow: ${text}\n\nbridge("${BRIDGE}")\n----------------\n${x.traced.lines.map((l) => `${l}\n`).join('')}\n`
}

function ctNext(text: string | undefined): number {
  if (text === undefined) return CT.trk | CT.new
  return text.split(/[,|]/).reduce((bits, flag) => {
    const bit = CT[flag as keyof typeof CT]
    if (bit === undefined) throw new CommandError(`${flag}: unknown ct_state flag`, 2)
    return bits | bit
  }, 0)
}

/** "tcp,in_port=web-1,dl_src=…,nw_dst=…,tp_dst=80": fields that are missing are zero. */
function imagine(bridge: OvsBridge, flow: string): { port: number; frame: Frame; text: string } {
  const fields = new Map<string, string>()
  let protocol = 'ip'
  for (const part of flow.split(',').map((p) => p.trim()).filter((p) => p !== '')) {
    const at = part.indexOf('=')
    if (at < 0) protocol = part
    else fields.set(part.slice(0, at).replace(/^(tcp|udp|sctp)_(src|dst)$/, 'tp_$2').replace(/^ip_ttl$/, 'nw_ttl'), part.slice(at + 1).replaceAll('"', ''))
  }
  const known = ['in_port', 'dl_src', 'dl_dst', 'nw_src', 'nw_dst', 'nw_ttl', 'tp_src', 'tp_dst', 'icmp_type', 'icmp_code']
  for (const field of fields.keys()) if (!known.includes(field)) throw notSimulated(`${field} in ofproto/trace`, `use ${known.join(', ')}`)
  const get = (name: string, preset: string): string => fields.get(name) ?? preset
  const given = get('in_port', '0')
  const port = /^\d+$/.test(given) ? Number(given) : bridge.portNumber(given)
  if (port === undefined) throw new CommandError(`${given}: unknown or invalid port name or number`, 2)
  const [sourcePort, destinationPort] = [Number(get('tp_src', '0')), Number(get('tp_dst', '0'))]
  const data = new Uint8Array(0)
  const payloads: Record<string, () => IpPayload> = byName({
    tcp: () => ({ kind: 'tcp', sourcePort, destinationPort, sequence: 0, acknowledgement: 0, flags: { syn: true }, window: 0, data }),
    udp: () => ({ kind: 'udp', sourcePort, destinationPort, data }),
    sctp: () => ({ kind: 'sctp', sourcePort, destinationPort, verificationTag: 0, chunks: [] }),
    icmp: () => ({ kind: 'icmp', type: Number(get('icmp_type', '8')), code: Number(get('icmp_code', '0')), id: 0, sequence: 0, data }),
  })
  const make = payloads[protocol]
  if (!make) throw notSimulated(`ofproto/trace of ${protocol}`, 'use tcp, udp, sctp or icmp')
  const packet: IpPacket = { kind: 'ip', version: 4, source: get('nw_src', '0.0.0.0'), destination: get('nw_dst', '0.0.0.0'), ttl: Number(get('nw_ttl', '64')), tos: 0, identification: 0, dontFragment: true, payload: make(), meta: { mark: 0 } }
  const frame: Frame = { source: get('dl_src', '00:00:00:00:00:00'), destination: get('dl_dst', '00:00:00:00:00:00'), payload: packet }
  const ends = protocol === 'icmp' ? `icmp_type=${get('icmp_type', '8')},icmp_code=${get('icmp_code', '0')}` : `tp_src=${sourcePort},tp_dst=${destinationPort}${protocol === 'tcp' ? ',tcp_flags=0' : ''}`
  return { port, frame, text: `${protocol},in_port=${port},vlan_tci=0x0000,dl_src=${frame.source},dl_dst=${frame.destination},nw_src=${packet.source},nw_dst=${packet.destination},nw_tos=0,nw_ecn=0,nw_ttl=${packet.ttl},nw_frag=no,${ends}` }
}

/** dpctl/dump-conntrack: the zones' connections. */
function connections(bridge: OvsBridge): string {
  const tuple = (t: { source: string; destination: string; sourcePort: number; destinationPort: number; protocol: string }): string =>
    t.protocol === 'icmp' ? `(src=${t.source},dst=${t.destination},id=${t.sourcePort},type=${t.destinationPort >> 8},code=${t.destinationPort & 255})` : `(src=${t.source},dst=${t.destination},sport=${t.sourcePort},dport=${t.destinationPort})`
  return bridge.conntrack.list().map(({ zone, entry, label }) => {
    const state = entry.tcpState === undefined ? '' : `,protoinfo=(state=${entry.tcpState})`
    const labels = label.high === 0 && label.low === 0 ? '' : `,labels=0x${((BigInt(label.high) << 32n) | BigInt(label.low)).toString(16)}`
    return `${entry.original.protocol},orig=${tuple(entry.original)},reply=${tuple(entry.reply)},zone=${zone}${entry.mark === 0 ? '' : `,mark=${entry.mark}`}${labels}${state}\n`
  }).join('')
}
