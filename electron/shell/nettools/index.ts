import type { ProgramTable } from '../../engine/cluster.ts'
import { arping, busyboxArping } from './arping.ts'
import { brctl, busyboxBrctl } from './brctl.ts'
import { bridge } from './bridge.ts'
import { busyboxNc } from './busybox-nc.ts'
import { conntrack } from './conntrack.ts'
import { curl } from './curl/index.ts'
import { dig } from './dns/dig.ts'
import { dmesg } from './dmesg.ts'
import { ethtool } from './ethtool.ts'
import { fping } from './fping/index.ts'
import { host } from './dns/host.ts'
import { busyboxNslookup } from './dns/busybox-nslookup.ts'
import { oldBusyboxNslookup } from './dns/busybox-nslookup-old.ts'
import { nslookup } from './dns/nslookup.ts'
import { busyboxIp } from './ip/busybox.ts'
import { ip } from './ip/index.ts'
import { iperf3 } from './iperf3/index.ts'
import { ipset } from './ipset.ts'
import { iptables, iptablesRestore, iptablesSave } from './iptables.ts'
import { ipvsadm } from './ipvsadm.ts'
import { nc } from './nc.ts'
import { ncat } from './ncat.ts'
import { arp, busyboxArp } from './net-tools/arp.ts'
import { busyboxIfconfig, ifconfig } from './net-tools/ifconfig.ts'
import { busyboxNetstat, netstat } from './net-tools/netstat.ts'
import { busyboxRoute, route } from './net-tools/route.ts'
import { nft } from './nft.ts'
import { nmap } from './nmap/index.ts'
import { openssl } from './openssl/index.ts'
import { gnuWget } from './wget/index.ts'
import { busyboxPing, ping } from './ping/index.ts'
import { socat } from './socat/index.ts'
import { ss } from './ss.ts'
import { sysctl } from './sysctl.ts'
import { tc } from './tc.ts'
import { tcpdump } from './tcpdump/index.ts'
import { busyboxTelnet, telnet } from './telnet.ts'
import { busyboxTraceroute } from './trace/busybox.ts'
import { mtr } from './trace/mtr.ts'
import { tracepath } from './trace/tracepath.ts'
import { traceroute } from './trace/traceroute.ts'
import { wg } from './wg.ts'
import { xtablesMonitor } from './trace-monitors.ts'
import { websocat } from './websocat.ts'
import { busyboxWget } from './wget/busybox.ts'

/**
 * Registers the network tools. "busybox:X" is what busybox runs for applet X where it differs from the full tool
 * (machine/programs.ts); a name that images have and that is not here says itself that it is not simulated.
 */
export function registerNettools(programs: ProgramTable): void {
  const tools = { arp, arping, brctl, bridge, conntrack, curl, dig, dmesg, ethtool, fping, host, ifconfig, ip, iperf3, ipset, iptables, 'iptables-restore': iptablesRestore, 'iptables-save': iptablesSave, ip6tables: iptables, 'ip6tables-restore': iptablesRestore, 'ip6tables-save': iptablesSave, ipvsadm, mtr, nc, ncat, netstat, nft, nmap, nslookup, openssl, ping, ping6: ping, route, socat, ss, websocat, wg, 'xtables-monitor': xtablesMonitor, sysctl, tc, tcpdump, telnet, tracepath, traceroute, traceroute6: traceroute, wget: gnuWget }
  for (const [name, program] of Object.entries(tools)) programs.register(name, program)
  const applets = { arp: busyboxArp, arping: busyboxArping, brctl: busyboxBrctl, ifconfig: busyboxIfconfig, ip: busyboxIp, nc: busyboxNc, netstat: busyboxNetstat, nslookup: busyboxNslookup, ping: busyboxPing, ping6: busyboxPing, route: busyboxRoute, telnet: busyboxTelnet, traceroute: busyboxTraceroute, traceroute6: busyboxTraceroute, wget: busyboxWget }
  for (const [name, program] of Object.entries(applets)) programs.register(`busybox:${name}`, program)
  programs.register('busybox-1.28-nslookup', oldBusyboxNslookup)
}
