import type { TcpFlags } from '../../types.ts'

/**
 * What a TCP segment does to the state of its connection: the table of Linux net/netfilter/nf_conntrack_proto_tcp.c.
 * Rows are segments of one direction; columns are the states in the order of STATES. '=' is "ignored", '-' is "invalid".
 */
export const STATES = ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'SYN_SENT2'] as const
export type TcpTrackState = (typeof STATES)[number]

const SHORT: Readonly<Record<string, TcpTrackState | '=' | '-'>> = {
  SS: 'SYN_SENT', SR: 'SYN_RECV', ES: 'ESTABLISHED', FW: 'FIN_WAIT', CW: 'CLOSE_WAIT', LA: 'LAST_ACK', TW: 'TIME_WAIT', CL: 'CLOSE', S2: 'SYN_SENT2',
  '=': '=', '-': '-',
}

function row(text: string): readonly (TcpTrackState | '=' | '-')[] {
  return text.split(' ').map((s) => SHORT[s]!)
}

//                   NO SS SR ES FW CW LA TW CL S2
const ORIGINAL = {
  syn: row('SS SS = = = = = SS SS S2'),
  synAck: row('- - SR - - - - - - SR'),
  fin: row('- - FW FW LA LA LA TW CL -'),
  ack: row('ES - ES ES CW CW TW TW CL -'),
  rst: row('- CL CL CL CL CL CL CL CL CL'),
}
const REPLY = {
  syn: row('- S2 - - - - - SS - S2'),
  synAck: row('- SR = = = = = = = SR'),
  fin: row('- - FW FW LA LA LA TW CL -'),
  ack: row('- = SR ES CW CW TW TW CL ='),
  rst: row('- CL CL CL CL CL CL CL CL CL'),
}

export function nextState(state: TcpTrackState, direction: 'original' | 'reply', flags: TcpFlags): TcpTrackState | '=' | '-' {
  const table = direction === 'original' ? ORIGINAL : REPLY
  const rows = flags.rst ? table.rst : flags.syn ? (flags.ack ? table.synAck : table.syn) : flags.fin ? table.fin : flags.ack ? table.ack : undefined
  return rows?.[STATES.indexOf(state)] ?? '-'
}

/** Seconds; nf_conntrack-sysctl.rst. The sysctl of each is net.netfilter.nf_conntrack_tcp_timeout_<name>. */
export const TCP_TIMEOUTS: Readonly<Record<string, readonly [string, number]>> = {
  SYN_SENT: ['syn_sent', 120], SYN_RECV: ['syn_recv', 60], ESTABLISHED: ['established', 432_000], FIN_WAIT: ['fin_wait', 120],
  CLOSE_WAIT: ['close_wait', 60], LAST_ACK: ['last_ack', 30], TIME_WAIT: ['time_wait', 120], CLOSE: ['close', 10], SYN_SENT2: ['syn_sent', 120],
}
