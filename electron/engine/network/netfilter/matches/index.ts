import type { MatchExtension } from '../extension.ts'
import { limit, statistic } from './chance.ts'
import { icmp } from './icmp.ts'
import { icmp6 } from './icmp6.ts'
import { addrtype, comment, nfacct, physdev, rpfilter } from './place.ts'
import { ipvs } from './ipvs.ts'
import { multiport, transport } from './ports.ts'
import { recent } from './recent.ts'
import { set } from './set.ts'
import { connmark, conntrack, mark, state } from './state.ts'

/** Every -m that is simulated. */
export const MATCHES: ReadonlyMap<string, MatchExtension> = new Map(Object.entries({
  tcp: transport('tcp'), udp: transport('udp'), sctp: transport('sctp'), icmp, icmp6, icmpv6: icmp6, multiport, comment, addrtype, physdev, rpfilter, set, ipvs, nfacct,
  statistic, limit, recent, mark, connmark, conntrack, state,
}))

/** Matches that iptables 1.8.9 has and that are not simulated. */
export const UNSIMULATED_MATCHES: ReadonlySet<string> = new Set([
  'ah', 'bpf', 'cgroup', 'cluster', 'connbytes', 'connlabel', 'connlimit', 'cpu', 'dccp', 'devgroup', 'dscp', 'ecn', 'esp', 'hashlimit',
  'helper', 'iprange', 'length', 'mac', 'osf', 'owner', 'pkttype', 'policy', 'quota', 'realm', 'socket', 'string', 'tcpmss', 'time',
  'tos', 'ttl', 'u32',
])
