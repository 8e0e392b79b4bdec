import { networkOf } from '../network/address.ts'
import type { Ip } from '../network/types.ts'
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
  /** Only there; '' and 0.0.0.0: at every address of the node. */
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

function nat(context: NodeContext): Run {
  return (...args) => context.network.netfilter.command(['-t', 'nat', ...args]).code === 0
}

function ensureChain(run: Run, chain: string): void {
  if (!run('-n', '-L', chain)) run('-N', chain)
}

function ensureRule(run: Run, chain: string, rule: readonly string[]): void {
  if (!run('-C', chain, ...rule)) run('-A', chain, ...rule)
}

/** CNI ADD. False where there is nothing to map (no IPv4 address). Throws what the plugin says when it fails. */
export function addPortMappings(context: NodeContext, sandbox: Sandbox, ips: readonly Ip[], mappings: readonly PortMapping[]): boolean {
  const ip = ips.find((address) => !address.includes(':'))
  if (ip === undefined) return false
  const run = nat(context)
  ensureChain(run, SET_MARK)
  ensureRule(run, SET_MARK, ['-m', 'comment', '--comment', 'CNI portfwd masquerade mark', '-j', 'MARK', '--set-xmark', MARK])
  ensureChain(run, MASQ)
  ensureRule(run, MASQ, ['-m', 'mark', '--mark', MARK, '-j', 'MASQUERADE'])
  ensureRule(run, 'POSTROUTING', ['-m', 'comment', '--comment', 'CNI portfwd requiring masquerade', '-j', MASQ])
  ensureChain(run, DNAT)
  for (const hook of ['PREROUTING', 'OUTPUT']) ensureRule(run, hook, ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', DNAT])
  const chain = chainOf(sandbox)
  run('-N', chain)
  const subnet = networkOf(`${ip}/24`)
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
  // so that the node reaches it by 127.0.0.1 too
  const device = context.network.routes.lookup(ip)?.device
  if (device !== undefined) context.network.setSysctl(`net.ipv4.conf.${device}.route_localnet`, '1')
  return true
}

function mapPort(run: Run, chain: string, mapping: PortMapping, ip: Ip, subnet: string): void {
  const at = mapping.hostIP && mapping.hostIP !== '0.0.0.0' ? ['-d', mapping.hostIP] : []
  const base = ['-p', mapping.protocol, '-m', mapping.protocol, '--dport', String(mapping.hostPort), ...at]
  // what would come back to itself, or from the node's own loopback, has to look as if it came from the node
  for (const source of [subnet, '127.0.0.1/32']) run('-A', chain, '-s', source, ...base, '-j', SET_MARK)
  run('-A', chain, ...base, '-j', 'DNAT', '--to-destination', `${ip}:${mapping.containerPort}`)
}

/** CNI DEL. */
export function removePortMappings(context: NodeContext, sandbox: Sandbox): void {
  const run = nat(context)
  const chain = chainOf(sandbox)
  const listed = context.network.netfilter.command(['-t', 'nat', '-S', DNAT]).stdout.split('\n')
  // by number, the last one first
  const rules = listed.filter((line) => line.startsWith('-A '))
  for (let i = rules.length - 1; i >= 0; i--) if (rules[i]!.endsWith(`-j ${chain}`)) run('-D', DNAT, String(i + 1))
  run('-F', chain)
  run('-X', chain)
}
