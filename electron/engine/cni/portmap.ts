import { joinHostPort, networkOf } from '../network/address.ts'
import type { Ip, Netfilter } from '../network/types.ts'
import { hex, sha256 } from '../sha256.ts'
import { encodeUtf8 } from '../text.ts'
import type { NodeContext, Sandbox } from './types.ts'

/**
 * The chained plugin "portmap" with its iptables backend (containernetworking/plugins, plugins/meta/portmap
 * portmap_iptables.go, chain.go): a Pod's hostPorts as DNAT rules of its node.
 */
export interface PortMapping {
  hostPort: number
  containerPort: number
  protocol: 'tcp' | 'udp' | 'sctp'
  /** Only there; '': at every address of the node; 0.0.0.0 and ::: at those of one family. */
  hostIP: string
}

const DNAT = 'CNI-HOSTPORT-DNAT'
const SET_MARK = 'CNI-HOSTPORT-SETMARK'
const MASQ = 'CNI-HOSTPORT-MASQ'
const MARK = '0x2000/0x2000'
/** utils.MustFormatChainNameWithPrefix; the plugin takes SHA-512 of what is random anyway. */
const CHAIN_LENGTH = 28

function networkName(context: NodeContext): string {
  const { fs } = context.machine
  const directory = '/etc/cni/net.d'
  const first = fs.exists(directory) ? fs.readDirectory(directory).find((f) => /\.conf(list)?$/.test(f)) : undefined
  return (first && /"name":\s*"([^"]+)"/.exec(fs.readText(`${directory}/${first}`))?.[1]) || 'cni'
}

function chainOf(sandbox: Sandbox): string {
  return `CNI-DN-${hex(sha256(encodeUtf8(`portmap ${sandbox.id}`)))}`.slice(0, CHAIN_LENGTH)
}

type Run = (...args: string[]) => boolean

function tablesOf({ network }: NodeContext, isIpv6: boolean): Netfilter {
  return isIpv6 ? network.netfilter6 : network.netfilter
}

function ensureChain(run: Run, chain: string): void {
  if (!run('-n', '-L', chain)) run('-N', chain)
}

function ensureRule(run: Run, chain: string, rule: readonly string[]): void {
  if (!run('-C', chain, ...rule)) run('-A', chain, ...rule)
}

/** CNI ADD: for each of the Pod's addresses. False where there is nothing to map. Throws what the plugin says when it fails. */
export function addPortMappings(context: NodeContext, sandbox: Sandbox, ips: readonly Ip[], mappings: readonly PortMapping[]): boolean {
  for (const ip of ips) addFor(context, sandbox, ip, mappings)
  return ips.length > 0
}

function addFor(context: NodeContext, sandbox: Sandbox, ip: Ip, mappings: readonly PortMapping[]): void {
  const isIpv6 = ip.includes(':')
  const run: Run = (...args) => tablesOf(context, isIpv6).command(['-t', 'nat', ...args]).code === 0
  ensureChain(run, SET_MARK)
  ensureRule(run, SET_MARK, ['-m', 'comment', '--comment', 'CNI portfwd masquerade mark', '-j', 'MARK', '--set-xmark', MARK])
  ensureChain(run, MASQ)
  ensureRule(run, MASQ, ['-m', 'mark', '--mark', MARK, '-j', 'MASQUERADE'])
  ensureRule(run, 'POSTROUTING', ['-m', 'comment', '--comment', 'CNI portfwd requiring masquerade', '-j', MASQ])
  ensureChain(run, DNAT)
  for (const hook of ['PREROUTING', 'OUTPUT']) ensureRule(run, hook, ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', DNAT])
  const chain = chainOf(sandbox)
  run('-N', chain)
  const subnet = networkOf(`${ip}/${isIpv6 ? 64 : 24}`)
  const comment = `dnat name: "${networkName(context)}" id: "${sandbox.id}"`
  for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
    const own = mappings.filter((m) => m.protocol === protocol)
    if (own.length === 0) continue
    for (const port of own) mapPort(run, chain, port, ip, subnet)
    const ports = [...new Set(own.map((m) => m.hostPort))]
    // at most 15 ports a rule
    for (let i = 0; i < ports.length; i += 15) {
      run('-A', DNAT, '-p', protocol, '-m', 'comment', '--comment', comment, '-m', 'multiport', '--dports', ports.slice(i, i + 15).join(','), '-j', chain)
    }
  }
  if (isIpv6) return
  // so that the node reaches it by 127.0.0.1 too
  const device = context.network.routes.lookup(ip)?.device
  if (device !== undefined) context.network.setSysctl(`net.ipv4.conf.${device}.route_localnet`, '1')
}

function mapPort(run: Run, chain: string, mapping: PortMapping, ip: Ip, subnet: string): void {
  const { hostIP } = mapping
  const isIpv6 = ip.includes(':')
  if (hostIP && hostIP.includes(':') !== isIpv6) return
  const at = hostIP && hostIP !== '0.0.0.0' && hostIP !== '::' ? ['-d', hostIP] : []
  const base = ['-p', mapping.protocol, '-m', mapping.protocol, '--dport', String(mapping.hostPort), ...at]
  // what would come back to itself, or from the node's own loopback, has to look as if it came from the node
  for (const source of isIpv6 ? [subnet] : [subnet, '127.0.0.1/32']) run('-A', chain, '-s', source, ...base, '-j', SET_MARK)
  run('-A', chain, ...base, '-j', 'DNAT', '--to-destination', joinHostPort(ip, mapping.containerPort))
}

/** CNI DEL. */
export function removePortMappings(context: NodeContext, sandbox: Sandbox): void {
  for (const isIpv6 of context.network.ipv6 ? [false, true] : [false]) removeFrom(tablesOf(context, isIpv6), chainOf(sandbox))
}

function removeFrom(tables: Netfilter, chain: string): void {
  const run: Run = (...args) => tables.command(['-t', 'nat', ...args]).code === 0
  const listed = tables.command(['-t', 'nat', '-S', DNAT]).stdout.split('\n')
  // by number, the last one first
  const rules = listed.filter((line) => line.startsWith('-A '))
  for (let i = rules.length - 1; i >= 0; i--) if (rules[i]!.endsWith(`-j ${chain}`)) run('-D', DNAT, String(i + 1))
  run('-F', chain)
  run('-X', chain)
}
