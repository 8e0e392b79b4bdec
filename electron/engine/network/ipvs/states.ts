import type { SctpPacket, TcpFlags } from '../types.ts'
import type { IpvsProtocol } from './service.ts'

/** States of IPVS' own connections and how long they last: net/netfilter/ipvs/ip_vs_proto_{tcp,udp,sctp}.c. */

export type IpvsState = string

/** Seconds. */
export const TCP_TIMEOUTS: Readonly<Record<string, number>> = {
  NONE: 2, ESTABLISHED: 900, SYN_SENT: 120, SYN_RECV: 60, FIN_WAIT: 120, TIME_WAIT: 120, CLOSE: 10, CLOSE_WAIT: 60, LAST_ACK: 30, LISTEN: 120, SYNACK: 120,
}
export const UDP_TIMEOUT = 300
const SCTP_TIMEOUTS: Readonly<Record<string, number>> = { ESTABLISHED: 900, REJECTED: 10, CLOSED: 10, NONE: 2 }

/** The columns of the tables below. */
const COLUMNS = ['NONE', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'SYNACK']
const SHORT: Readonly<Record<string, string>> = {
  ES: 'ESTABLISHED', SS: 'SYN_SENT', SR: 'SYN_RECV', FW: 'FIN_WAIT', TW: 'TIME_WAIT', CL: 'CLOSE', CW: 'CLOSE_WAIT', LA: 'LAST_ACK', LI: 'LISTEN',
}
const row = (text: string): readonly string[] => text.split(' ').map((s) => SHORT[s]!)

/** What a segment of the client (in) or of the server (out) makes of each state. */
const TCP = {
  in: {
    syn: row('SR ES ES SR SR SR SR SR SR SR SR'), fin: row('CL CW SS TW TW TW CL CW LA LI TW'),
    ack: row('ES ES SS ES FW TW CL CW CL LI ES'), rst: row('CL CL CL SR CL CL CL CL LA LI SR'),
  },
  out: {
    syn: row('SS ES SS SR SS SS SS SS SS LI SR'), fin: row('TW FW SS TW FW TW CL TW LA LI TW'),
    ack: row('ES ES SS ES FW TW CL CW LA ES ES'), rst: row('CL CL SS CL CL TW CL CL CL CL CL'),
  },
}

export function nextTcpState(state: IpvsState, direction: 'in' | 'out', flags: TcpFlags): IpvsState {
  const kind = flags.rst ? 'rst' : flags.syn ? 'syn' : flags.fin ? 'fin' : flags.ack ? 'ack' : undefined
  const column = COLUMNS.indexOf(state)
  return kind === undefined || column < 0 ? state : TCP[direction][kind][column]!
}

/** Which chunk of the handshake leads where; everything else leaves an association as it is. */
export function nextSctpState(state: IpvsState, direction: 'in' | 'out', { chunks }: SctpPacket): IpvsState {
  switch (chunks[0]?.type) {
    case 'init': return direction === 'in' ? 'INIT1' : 'INIT'
    case 'init-ack': return direction === 'in' ? state : 'COOKIE_SENT'
    case 'cookie-echo': return direction === 'in' && state !== 'ESTABLISHED' ? 'COOKIE_REPLIED' : state
    case 'cookie-ack': return 'ESTABLISHED'
    case 'shutdown': return direction === 'in' ? 'SHUTDOWN_SENT' : 'SHUTDOWN_RECEIVED'
    case 'shutdown-ack': return 'SHUTDOWN_ACK_SENT'
    case 'shutdown-complete': case 'abort': return 'CLOSED'
    default: return state
  }
}

/** As /proc/net/ip_vs_conn shows the longer ones. */
export const SCTP_NAMES: Readonly<Record<string, string>> = {
  COOKIE_SENT: 'C-SENT', COOKIE_REPLIED: 'C-REPLIED', SHUTDOWN_SENT: 'S-SENT', SHUTDOWN_RECEIVED: 'S-RECEIVED', SHUTDOWN_ACK_SENT: 'S-ACK-SENT',
}

/** Settings of `ipvsadm --set`, in seconds. */
export interface Timeouts {
  tcp: number
  tcpFin: number
  udp: number
}

export function timeoutOf(protocol: IpvsProtocol, state: IpvsState, timeouts: Timeouts): number {
  if (protocol === 'udp') return timeouts.udp
  if (protocol === 'sctp') return SCTP_TIMEOUTS[state] ?? 60
  if (state === 'ESTABLISHED') return timeouts.tcp
  if (state === 'FIN_WAIT') return timeouts.tcpFin
  return TCP_TIMEOUTS[state] ?? 60
}
