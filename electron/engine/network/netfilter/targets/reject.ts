import type { IpPacket, TcpFlags } from '../../types.ts'
import { KernelError, UsageError } from '../errors.ts'
import { one } from '../extension.ts'
import type { TargetExtension } from '../extension.ts'
import type { Evaluation, TargetVerdict } from '../rule.ts'

interface Rejection { name: string; short: string; code: number }

/** --reject-with: names, the short ones that are understood as well, and the ICMP code. */
const TYPES: readonly Rejection[] = [
  { name: 'icmp-net-unreachable', short: 'net-unreach', code: 0 },
  { name: 'icmp-host-unreachable', short: 'host-unreach', code: 1 },
  { name: 'icmp-proto-unreachable', short: 'proto-unreach', code: 2 },
  { name: 'icmp-port-unreachable', short: 'port-unreach', code: 3 },
  { name: 'icmp-net-prohibited', short: 'net-prohib', code: 9 },
  { name: 'icmp-host-prohibited', short: 'host-prohib', code: 10 },
  { name: 'tcp-reset', short: 'tcp-rst', code: -1 },
  { name: 'icmp-admin-prohibited', short: 'admin-prohib', code: 13 },
]

/** libip6t_REJECT's, with ICMPv6's codes. */
const TYPES6: readonly Rejection[] = [
  { name: 'icmp6-no-route', short: 'no-route', code: 0 },
  { name: 'icmp6-adm-prohibited', short: 'adm-prohibited', code: 1 },
  { name: 'icmp6-addr-unreachable', short: 'addr-unreach', code: 3 },
  { name: 'icmp6-port-unreachable', short: 'port-unreach', code: 4 },
  { name: 'tcp-reset', short: 'tcp-reset', code: -1 },
  { name: 'icmp6-policy-fail', short: 'policy-fail', code: 5 },
  { name: 'icmp6-reject-route', short: 'reject-route', code: 6 },
]

export const REJECT: TargetExtension = ({ rule, family }) => {
  const types = family === 4 ? TYPES : TYPES6
  let type = types[3]!
  return {
    options: {
      'reject-with': one((text) => {
        const wanted = text.toLowerCase()
        const known = types.find((t) => t.name.startsWith(wanted) || t.short.startsWith(wanted))
        if (!known || wanted === '') throw new UsageError(`unknown reject type "${text}"`)
        type = known
      }),
    },
    finish: () => {
      const { name, code } = type
      if (code < 0 && (rule.protocol?.number !== 6 || rule.protocol.invert)) throw new KernelError('RULE_APPEND failed (Invalid argument)')
      return {
        name: 'REJECT', tables: ['filter'], hooks: ['input', 'forward', 'output'],
        save: ` --reject-with ${name}`, list: () => `reject-with ${name}`,
        run: (evaluation): TargetVerdict => {
          // The answer goes out once the rejection is written down: see Netfilter's answer().
          evaluation.host.rejections.push(() => (code < 0 ? sendReset(evaluation) : evaluation.host.stack.sendIcmpError(evaluation.packet, family === 4 ? 3 : 1, code)))
          return 'stolen'
        },
      }
    },
  }
}

/** nf_send_reset: a reset as if it came from the other end, in the connection that it ends; none in answer to a reset. */
export function sendReset({ host, packet }: Pick<Evaluation, 'host' | 'packet'>): void {
  const segment = packet.payload
  if (segment.kind !== 'tcp' || segment.flags.rst || (packet.fragment?.offset ?? 0) > 0) return
  const length = segment.data.length + (segment.flags.syn ? 1 : 0) + (segment.flags.fin ? 1 : 0)
  const flags: TcpFlags = segment.flags.ack ? { rst: true } : { rst: true, ack: true }
  const reset: IpPacket = {
    kind: 'ip', version: packet.version, source: packet.destination, destination: packet.source, ttl: 64, tos: 0, identification: 0,
    dontFragment: true,
    // Its connection is never confirmed, so nothing but this lets the translation be undone (nf_ct_attach).
    meta: { mark: 0, ...(packet.meta.connection ? { connection: packet.meta.connection, direction: packet.meta.direction === 'reply' ? 'original' : 'reply', state: 'RELATED' } : {}) },
    payload: {
      kind: 'tcp', sourcePort: segment.destinationPort, destinationPort: segment.sourcePort,
      sequence: segment.flags.ack ? segment.acknowledgement : 0,
      acknowledgement: segment.flags.ack ? 0 : (segment.sequence + length) >>> 0, flags, window: 0, data: new Uint8Array(0),
    },
  }
  const trail = packet.meta.trail
  if (trail) host.stack.recorder.begin(host.namespace, reset, trail.direction === 'forward' ? { answers: trail.journey } : { journey: trail.journey })
  host.stack.output(reset)
}
