import type { TargetExtension } from '../extension.ts'
import { CONNMARK, MARK } from './mark.ts'
import { DNAT, MASQUERADE, REDIRECT, SNAT } from './nat.ts'
import { CT, LOG, NFLOG, NOTRACK, TRACE } from './other.ts'
import { REJECT } from './reject.ts'
import { DSCP, HL, TCPMSS, TOS, TTL } from './rewrite.ts'
import { SET } from './set.ts'

/** Every -j that is simulated, beside the built-in verdicts and user-defined chains. */
export const TARGETS: ReadonlyMap<string, TargetExtension> = new Map(Object.entries({
  MARK, CONNMARK, DNAT, SNAT, MASQUERADE, REDIRECT, REJECT, LOG, NFLOG, CT, NOTRACK, TRACE, SET, TCPMSS, TTL, HL, TOS, DSCP,
}))

/** Targets that iptables 1.8.9 has and that are not simulated. */
export const UNSIMULATED_TARGETS: ReadonlySet<string> = new Set([
  'AUDIT', 'CHECKSUM', 'CLASSIFY', 'CLUSTERIP', 'CONNSECMARK', 'ECN', 'HMARK', 'IDLETIMER', 'LED', 'NETMAP', 'NFQUEUE',
  'RATEEST', 'SECMARK', 'SYNPROXY', 'TCPOPTSTRIP', 'TEE', 'TPROXY', 'ULOG',
])
