import { broadcastOption } from '../../network/address.ts'
import type { Bridge, Cidr, Mac, NetworkNamespace, VxlanLink } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import { FastDatapath } from './fastdp.ts'
import { BRIDGE, BRIDGE_PORT, CONTROL_PORT, DATAPATH, DATAPATH_PORT, FASTDP_PORT, MTU, VXLAN_DEVICE } from './names.ts'

/** The node's links and the rules around them: net/bridge.go (BridgedFastdp), net/expose.go. */
export const LOCAL_SET = 'weaver-no-masq-local'
export const MAIN = 'WEAVE-NPC'
export const EGRESS = 'WEAVE-NPC-EGRESS'

const datapaths = new WeakMap<NetworkNamespace, FastDatapath>()

/** What is in the kernel; it stays when the router stops. */
export function datapathOf(network: NetworkNamespace): FastDatapath | undefined {
  return network.links.has(VXLAN_DEVICE) ? datapaths.get(network) : undefined
}

export function ensureBridge({ network, fabric }: NodeContext, name: Mac, underlay: string): FastDatapath {
  const known = datapathOf(network)
  if (known && network.links.has(BRIDGE)) return known
  const bridge = fabric.createBridge(network, BRIDGE, { mac: name, mtu: MTU })
  fabric.createOvsInternal(network, DATAPATH, { mtu: MTU })
  const [inside, port] = fabric.createVeth({ network, name: DATAPATH_PORT, mtu: MTU }, { network, name: BRIDGE_PORT, mtu: MTU })
  bridge.attach(port)
  const tunnel: VxlanLink = fabric.createVxlan(network, VXLAN_DEVICE, { vni: 0, port: FASTDP_PORT, local: '0.0.0.0', underlay, mtu: 65_535, external: true })
  for (const link of [DATAPATH, BRIDGE, DATAPATH_PORT, BRIDGE_PORT, VXLAN_DEVICE]) network.setUp(link, true)
  network.setSysctl('net.ipv4.ip_forward', '1')
  const datapath = new FastDatapath(network, name, inside, tunnel)
  datapaths.set(network, datapath)
  return datapath
}

export function bridgeOf(network: NetworkNamespace): Bridge | undefined {
  const link = network.links.get(BRIDGE)
  return link?.kind === 'bridge' ? (link as Bridge) : undefined
}

type Rule = readonly string[]

function appendUnique(network: NetworkNamespace, table: string, chain: string, rule: Rule): void {
  if (network.netfilter.command(['-t', table, '-C', chain, ...rule]).code !== 0) network.netfilter.command(['-t', table, '-A', chain, ...rule])
}

/** ResetIPTables and ConfigureIPTables with --expect-npc and --no-masq-local. */
export function configureIptables({ network }: NodeContext): void {
  const { netfilter } = network
  for (const [table, chain] of [['nat', 'WEAVE'], ['filter', MAIN], ['filter', EGRESS]] as const) netfilter.command(['-t', table, '-N', chain])
  netfilter.command(['-t', 'nat', '-F', 'WEAVE'])
  if (!netfilter.sets.has(LOCAL_SET)) netfilter.sets.create(LOCAL_SET, 'hash:net', { comment: true })
  netfilter.sets.flush(LOCAL_SET)
  appendUnique(network, 'filter', 'INPUT', [
    '-p', 'tcp', '--dst', '127.0.0.1', '--dport', String(CONTROL_PORT), '-m', 'addrtype', '!', '--src-type', 'LOCAL', '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED',
    '-m', 'comment', '--comment', 'Block non-local access to Weave Net control port', '-j', 'DROP',
  ])
  appendUnique(network, 'filter', 'INPUT', ['-i', BRIDGE, '-j', EGRESS])
  const note = ['-m', 'comment', '--comment', "NOTE: this must go before '-j KUBE-FORWARD'"]
  ensureAtTop(network, [
    ['-i', BRIDGE, ...note, '-j', EGRESS],
    ['-o', BRIDGE, ...note, '-j', MAIN],
    ['-o', BRIDGE, '-m', 'state', '--state', 'NEW', '-j', 'NFLOG', '--nflog-group', '86'],
    ['-o', BRIDGE, '-j', 'DROP'],
    ['-i', BRIDGE, '!', '-o', BRIDGE, '-j', 'ACCEPT'],
    ['-o', BRIDGE, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
  ])
  appendUnique(network, 'nat', 'POSTROUTING', ['-j', 'WEAVE'])
  appendUnique(network, 'nat', 'WEAVE', ['-m', 'set', '--match-set', LOCAL_SET, 'dst', '-m', 'comment', '--comment', 'Prevent SNAT to locally running containers', '-j', 'RETURN'])
}

/** net/iptables.go: where they are not the first already, they are taken out and put there again. */
function ensureAtTop({ netfilter }: NetworkNamespace, rules: readonly Rule[]): void {
  for (const rule of rules) while (netfilter.command(['-t', 'filter', '-D', 'FORWARD', ...rule]).code === 0);
  rules.forEach((rule, i) => netfilter.command(['-t', 'filter', '-I', 'FORWARD', String(i + 1), ...rule]))
}

/** `weave expose`: the node has an address in the network, and masquerades what leaves it. */
export function expose({ network }: NodeContext, address: Cidr, range: Cidr): void {
  const [ip] = address.split('/')
  if (!bridgeOf(network)!.addresses.some((a) => a.address === ip)) network.addAddress(BRIDGE, address, broadcastOption(address))
  appendUnique(network, 'nat', 'WEAVE', ['-s', range, '-d', '224.0.0.0/4', '-j', 'RETURN'])
  appendUnique(network, 'nat', 'WEAVE', ['-d', range, '!', '-s', range, '-j', 'MASQUERADE'])
  appendUnique(network, 'nat', 'WEAVE', ['-s', range, '!', '-d', range, '-j', 'MASQUERADE'])
}

/** The parts of the range that this peer owns, as prefixes (NoMasqLocalTracker). */
export function setLocalRanges({ network }: NodeContext, cidrs: readonly Cidr[]): void {
  network.netfilter.sets.replace(LOCAL_SET, cidrs)
}
