import type { SctpChunk } from '../../types.ts'

/** What a chunk does to the state of its association: the table of Linux net/netfilter/nf_conntrack_proto_sctp.c. */
const STATES = ['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT'] as const
export type SctpTrackState = (typeof STATES)[number]

const SHORT: Readonly<Record<string, SctpTrackState>> = {
  CL: 'CLOSED', CW: 'COOKIE_WAIT', CE: 'COOKIE_ECHOED', ES: 'ESTABLISHED', SS: 'SHUTDOWN_SENT', SR: 'SHUTDOWN_RECD', SA: 'SHUTDOWN_ACK_SENT', HS: 'HEARTBEAT_SENT',
}

/** '-' is "invalid". */
function row(text: string): readonly (SctpTrackState | '-')[] {
  return text.split(' ').map((s) => SHORT[s] ?? '-')
}

type Rows = Readonly<Partial<Record<SctpChunk['type'], readonly (SctpTrackState | '-')[]>>>

//                           NO CL CW CE ES SS SR SA HS
const ORIGINAL: Rows = {
  'init': row('CL CL CW CE ES CL CL SA CW'),
  'init-ack': row('CL CL CW CE ES SS SR SA CL'),
  'abort': row('CL CL CL CL CL CL CL CL CL'),
  'shutdown': row('CL CL CW CE SS SS SR SA CL'),
  'shutdown-ack': row('SA CL CW CE ES SA SA SA SA'),
  'cookie-echo': row('CL CL CE CE ES SS SR SA CL'),
  'cookie-ack': row('CL CL CW ES ES SS SR SA CL'),
  'shutdown-complete': row('CL CL CW CE ES SS SR CL CL'),
  'heartbeat': row('HS CL CW CE ES SS SR SA HS'),
  'heartbeat-ack': row('CL CL CW CE ES SS SR SA HS'),
}
const REPLY: Rows = {
  'init': row('- CL CW CE ES SS SR SA -'),
  'init-ack': row('- CW CW CE ES SS SR SA -'),
  'abort': row('- CL CL CL CL CL CL CL -'),
  'shutdown': row('- CL CW CE SR SS SR SA -'),
  'shutdown-ack': row('- CL CW CE ES SA SA SA -'),
  'cookie-echo': row('- CL CW CE ES SS SR SA -'),
  'cookie-ack': row('- CL CW ES ES SS SR SA -'),
  'shutdown-complete': row('- CL CW CE ES SS SR CL -'),
  'heartbeat': row('- CL CW CE ES SS SR SA HS'),
  'heartbeat-ack': row('- CL CW CE ES SS SR SA ES'),
}

/** Of all chunks of a packet, one after the other; '-' when one does not fit. DATA and SACK change nothing. */
export function nextSctpState(state: SctpTrackState, direction: 'original' | 'reply', chunks: readonly SctpChunk[]): SctpTrackState | '-' {
  let now = state
  for (const { type } of chunks) {
    const next = (direction === 'original' ? ORIGINAL : REPLY)[type]?.[STATES.indexOf(now)] ?? (now === 'NONE' ? '-' : now)
    if (next === '-') return '-'
    now = next
  }
  return now
}

/** Seconds; the sysctl of each is net.netfilter.nf_conntrack_sctp_timeout_<name>. */
export const SCTP_TIMEOUTS: Readonly<Record<string, readonly [string, number]>> = {
  CLOSED: ['closed', 10], COOKIE_WAIT: ['cookie_wait', 3], COOKIE_ECHOED: ['cookie_echoed', 3], ESTABLISHED: ['established', 210],
  SHUTDOWN_SENT: ['shutdown_sent', 3], SHUTDOWN_RECD: ['shutdown_recd', 3], SHUTDOWN_ACK_SENT: ['shutdown_ack_sent', 3], HEARTBEAT_SENT: ['heartbeat_sent', 30],
}
