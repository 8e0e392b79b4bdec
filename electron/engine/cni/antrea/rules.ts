import type { NodeContext } from '../types.ts'
import type { Datapath } from './datapath.ts'
import { GATEWAY, versionOf, type FamilyFacts } from './pipeline.ts'

/** The node's iptables rules and ipset (pkg/agent/route/route_linux.go of Antrea v2.4, syncIPTables). */
const POD_IP_SETS = { 4: 'ANTREA-POD-IP', 6: 'ANTREA-POD-IP6' } as const

const JUMPS = [
  ['raw', 'PREROUTING', 'ANTREA-PREROUTING', 'prerouting'],
  ['raw', 'OUTPUT', 'ANTREA-OUTPUT', 'output'],
  ['filter', 'FORWARD', 'ANTREA-FORWARD', 'forwarding'],
  ['nat', 'POSTROUTING', 'ANTREA-POSTROUTING', 'postrouting'],
  ['mangle', 'PREROUTING', 'ANTREA-MANGLE', 'mangle'],
  ['mangle', 'OUTPUT', 'ANTREA-OUTPUT', 'output'],
] as const

const PORTS = { geneve: 6081, vxlan: 4789 } as const

export function syncPodSet({ context, families, peers }: Datapath): void {
  const { sets } = context.network.netfilter
  for (const { version, podCidr } of families) {
    const name = POD_IP_SETS[version]
    if (!sets.get(name)) sets.create(name, 'hash:net', version === 4 ? {} : { family: 'inet6' })
    const wanted = new Set([podCidr, ...[...peers.values()].flatMap((p) => p.families.flatMap((f) => (versionOf(f.podCidr) === version ? f.podCidr : [])))])
    for (const { element } of [...sets.get(name)!.members()]) if (!wanted.has(element)) sets.remove(name, element)
    for (const cidr of wanted) sets.add(name, cidr, { exist: true })
  }
}

/** `marks`: packets that leave with an Egress's address. */
export function syncIptables(dp: Datapath, marks: (version: 4 | 6) => readonly { mark: number; ip: string }[] = () => []): void {
  for (const family of dp.families) syncFamily(dp, family, marks(family.version))
}

function syncFamily(dp: Datapath, { version, podCidr }: FamilyFacts, marks: readonly { mark: number; ip: string }[]): void {
  const { network } = dp.context
  const netfilter = version === 4 ? network.netfilter : network.netfilter6
  const comment = (text: string): string => `-m comment --comment "Antrea: ${text}"`
  const lines: string[] = ['*raw', ':ANTREA-PREROUTING - [0:0]', ':ANTREA-OUTPUT - [0:0]']
  if (dp.encapsulation !== 'none') {
    const port = PORTS[dp.encapsulation]
    lines.push(
      `-A ANTREA-PREROUTING ${comment('do not track incoming encapsulation packets')} -m udp -p udp --dport ${port} -m addrtype --dst-type LOCAL -j NOTRACK`,
      `-A ANTREA-OUTPUT ${comment('do not track outgoing encapsulation packets')} -m udp -p udp --dport ${port} -m addrtype --src-type LOCAL -j NOTRACK`,
    )
  }
  lines.push(
    'COMMIT', '*mangle', ':ANTREA-MANGLE - [0:0]', ':ANTREA-OUTPUT - [0:0]',
    `-A ANTREA-OUTPUT ${comment('mark LOCAL output packets')} -m addrtype --src-type LOCAL -o ${GATEWAY} -j MARK --or-mark 0x80000000`,
    'COMMIT', '*filter', ':ANTREA-FORWARD - [0:0]',
    `-A ANTREA-FORWARD ${comment('accept packets from local Pods')} -i ${GATEWAY} -j ACCEPT`,
    `-A ANTREA-FORWARD ${comment('accept packets to local Pods')} -o ${GATEWAY} -j ACCEPT`,
    'COMMIT', '*nat', ':ANTREA-POSTROUTING - [0:0]',
    ...marks.map(({ mark, ip }) => `-A ANTREA-POSTROUTING ${comment('SNAT Pod to external packets')} ! -o ${GATEWAY} -m mark --mark 0x${mark.toString(16)}/0xff -j SNAT --to-source ${ip}`),
    `-A ANTREA-POSTROUTING ${comment('masquerade Pod to external packets')} -s ${podCidr} -m set ! --match-set ${POD_IP_SETS[version]} dst ! -o ${GATEWAY} -j MASQUERADE`,
    `-A ANTREA-POSTROUTING ${comment('masquerade LOCAL traffic')} -o ${GATEWAY} -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j MASQUERADE --random-fully`,
    'COMMIT',
  )
  netfilter.restore(`${lines.join('\n')}\n`, { noflush: true })
  for (const [table, chain, target, what] of JUMPS) {
    const rule = ['-j', target, '-m', 'comment', '--comment', `Antrea: jump to Antrea ${what} rules`]
    if (netfilter.command(['-t', table, '-C', chain, ...rule]).code !== 0) netfilter.command(['-t', table, '-A', chain, ...rule])
  }
}

/** antrea-agent's sysctls: the gateway forwards, and answers may come another way. */
export function syncSysctls({ network, config }: NodeContext): void {
  network.setSysctl('net.ipv4.ip_forward', '1')
  if (config.ipFamilies.includes('IPv6')) network.setSysctl('net.ipv6.conf.all.forwarding', '1')
  network.setSysctl(`net.ipv4.conf.${GATEWAY}.rp_filter`, '0')
  // the flows against spoofing let only the gateway's own address ask
  network.setSysctl(`net.ipv4.conf.${GATEWAY}.arp_announce`, '1')
}
