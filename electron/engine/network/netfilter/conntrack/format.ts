import type { ConntrackEntry, ConntrackTuple } from '../../types.ts'
import { payloadProtocol } from '../names.ts'

/** Rows as `conntrack -L` 1.4.7 prints them (libnetfilter_conntrack, snprintf_default.c). */
export function formatConntrack(entry: ConntrackEntry, now: number): string {
  const protocol = entry.original.protocol
  const seconds = Math.max(0, Math.floor((entry.expiresAt - now) / 1000))
  const state = entry.tcpState === undefined ? '' : `${entry.tcpState} `
  const number = payloadProtocol(protocol)
  const unreplied = entry.seenReply ? '' : '[UNREPLIED] '
  const assured = entry.assured ? '[ASSURED] ' : ''
  return (
    `${(protocol === 'ipip' ? 'unknown' : protocol).padEnd(8)} ${number} ${seconds} ${state}${formatTuple(entry.original)} ${unreplied}${formatTuple(entry.reply)} ` +
    `${assured}mark=${entry.mark} use=1`
  )
}

function formatTuple(tuple: ConntrackTuple): string {
  const ends = `src=${tuple.source} dst=${tuple.destination}`
  if (tuple.protocol === 'icmp' || tuple.protocol === 'icmpv6') return `${ends} type=${tuple.destinationPort >> 8} code=${tuple.destinationPort & 255} id=${tuple.sourcePort}`
  if (tuple.protocol === 'ipip') return ends
  return `${ends} sport=${tuple.sourcePort} dport=${tuple.destinationPort}`
}
