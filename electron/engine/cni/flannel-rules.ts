import type { Cidr, Netfilter } from '../network/types.ts'

/** flanneld's iptables rules, in its order: pkg/trafficmngr/iptables/iptables.go. */
const KUBE_PROXY_MARK = '0x4000/0x4000'
const MASQ = '-m comment --comment "flanneld masq"'
const FORWARD = '-m comment --comment "flanneld forward"'

function flannelRules(network: Cidr, subnet: Cidr): { nat: string[]; filter: string[] } {
  const multicast = network.includes(':') ? 'ff00::/8' : '224.0.0.0/4'
  return {
    nat: [
      `POSTROUTING ${MASQ} -j FLANNEL-POSTRTG`,
      `FLANNEL-POSTRTG -m mark --mark ${KUBE_PROXY_MARK} ${MASQ} -j RETURN`,
      `FLANNEL-POSTRTG -s ${subnet} -d ${network} ${MASQ} -j RETURN`,
      `FLANNEL-POSTRTG -s ${network} -d ${subnet} ${MASQ} -j RETURN`,
      `FLANNEL-POSTRTG ! -s ${network} -d ${subnet} ${MASQ} -j RETURN`,
      `FLANNEL-POSTRTG -s ${network} ! -d ${multicast} ${MASQ} -j MASQUERADE --random-fully`,
      `FLANNEL-POSTRTG ! -s ${network} -d ${network} ${MASQ} -j MASQUERADE --random-fully`,
    ],
    filter: [
      `FORWARD ${FORWARD} -j FLANNEL-FWD`,
      `FLANNEL-FWD -s ${network} ${FORWARD} -j ACCEPT`,
      `FLANNEL-FWD -d ${network} ${FORWARD} -j ACCEPT`,
    ],
  }
}

/** Whether every chain and jump is there; flanneld looks every five seconds and writes them again when not. */
export function haveFlannelRules(netfilter: Netfilter, network: Cidr, subnet: Cidr): boolean {
  const rules = flannelRules(network, subnet)
  const present = (table: string, rule: string): boolean => {
    const args = [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!)
    return netfilter.command(['-t', table, '-C', ...args]).code === 0
  }
  return rules.nat.every((r) => present('nat', r)) && rules.filter.every((r) => present('filter', r))
}

/** Writes both chains anew and the jumps to them where they are missing. */
export function writeFlannelRules(netfilter: Netfilter, network: Cidr, subnet: Cidr): void {
  if (netfilter.pristine) netfilter.defer({}, { work: () => writeRules(netfilter, network, subnet), isTheirs: () => true })
  else writeRules(netfilter, network, subnet)
}

function writeRules(netfilter: Netfilter, network: Cidr, subnet: Cidr): void {
  const rules = flannelRules(network, subnet)
  const lines: string[] = []
  for (const [table, chain, hook] of [['nat', 'FLANNEL-POSTRTG', 'POSTROUTING'], ['filter', 'FLANNEL-FWD', 'FORWARD']] as const) {
    const comment = table === 'nat' ? 'flanneld masq' : 'flanneld forward'
    const jump = ['-t', table, '-C', hook, '-m', 'comment', '--comment', comment, '-j', chain]
    const linked = netfilter.command(jump).code === 0
    lines.push(`*${table}`, `:${chain} - [0:0]`)
    for (const rule of rules[table]) if (!linked || !rule.startsWith(hook)) lines.push(`-A ${rule}`)
    lines.push('COMMIT')
  }
  netfilter.restore(`${lines.join('\n')}\n`, { noflush: true })
}
