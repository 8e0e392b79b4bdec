import type { MatchExtension } from '../extension.ts'
import { limit, statistic } from './chance.ts'
import { pkttype, quota, string } from './content.ts'
import { connlimit, hashlimit } from './counting.ts'
import { dscp, hl, iprange, length, mac, tos, ttl } from './header.ts'
import { icmp } from './icmp.ts'
import { icmp6 } from './icmp6.ts'
import { addrtype, comment, nfacct, physdev, rpfilter } from './place.ts'
import { ipvs } from './ipvs.ts'
import { owner } from './owner.ts'
import { multiport, transport } from './ports.ts'
import { recent } from './recent.ts'
import { set } from './set.ts'
import { connmark, conntrack, mark, state } from './state.ts'
import { time } from './time.ts'

/** Every -m that is simulated. */
export const MATCHES: ReadonlyMap<string, MatchExtension> = new Map(Object.entries({
  tcp: transport('tcp'), udp: transport('udp'), sctp: transport('sctp'), icmp, icmp6, icmpv6: icmp6, multiport, comment, addrtype, physdev, rpfilter, set, ipvs, nfacct,
  statistic, limit, recent, mark, connmark, conntrack, state, iprange, length, ttl, hl, tos, dscp, mac, connlimit, hashlimit, time, owner, string, pkttype, quota,
}))

/** Matches that iptables 1.8.9 has and that are not simulated. */
export const UNSIMULATED_MATCHES: ReadonlySet<string> = new Set([
  'ah', 'bpf', 'cgroup', 'cluster', 'connbytes', 'connlabel', 'cpu', 'dccp', 'devgroup', 'ecn', 'esp',
  'frag', 'hbh', 'dst', 'rt', 'ipv6header', 'mh', 'eui64', 'helper', 'osf', 'policy', 'realm', 'socket', 'tcpmss', 'u32',
])
