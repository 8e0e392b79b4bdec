import type { ProgramTable } from '../../engine/cluster.ts'
import { bridge } from './bridge.ts'
import { conntrack } from './conntrack.ts'
import { curl } from './curl/index.ts'
import { dig } from './dns/dig.ts'
import { dmesg } from './dmesg.ts'
import { host } from './dns/host.ts'
import { busyboxNslookup, nslookup } from './dns/nslookup.ts'
import { ip } from './ip/index.ts'
import { ipset } from './ipset.ts'
import { iptables, iptablesRestore, iptablesSave } from './iptables.ts'
import { ipvsadm } from './ipvsadm.ts'
import { nc } from './nc.ts'
import { ncat } from './ncat.ts'
import { nft } from './nft.ts'
import { openssl } from './openssl/index.ts'
import { busyboxPing, ping } from './ping.ts'
import { ss } from './ss.ts'
import { sysctl } from './sysctl.ts'
import { tcpdump } from './tcpdump/index.ts'
import { busyboxTraceroute } from './trace/busybox.ts'
import { mtr } from './trace/mtr.ts'
import { tracepath } from './trace/tracepath.ts'
import { traceroute } from './trace/traceroute.ts'
import { wg } from './wg.ts'
import { busyboxWget } from './wget.ts'

/**
 * Registers the network tools. "busybox:X" is what busybox runs for applet X where it differs from the full tool
 * (machine/programs.ts); a name that images have and that is not here says itself that it is not simulated.
 */
export function registerNettools(programs: ProgramTable): void {
  const tools = { bridge, conntrack, curl, dig, dmesg, host, ip, ipset, iptables, 'iptables-restore': iptablesRestore, 'iptables-save': iptablesSave, ip6tables: iptables, 'ip6tables-restore': iptablesRestore, 'ip6tables-save': iptablesSave, ipvsadm, mtr, nc, ncat, nft, nslookup, openssl, ping, ping6: ping, ss, wg, sysctl, tcpdump, tracepath, traceroute, traceroute6: traceroute }
  for (const [name, program] of Object.entries(tools)) programs.register(name, program)
  const applets = { nslookup: busyboxNslookup, ping: busyboxPing, ping6: busyboxPing, traceroute: busyboxTraceroute, traceroute6: busyboxTraceroute, wget: busyboxWget }
  for (const [name, program] of Object.entries(applets)) programs.register(`busybox:${name}`, program)
}
