import { UNDERLAY } from '../../config.ts'
import { SystemError } from '../../machine/errors.ts'
import { broadcastOption, nthAddress, prefixLength } from '../../network/address.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Cidr, Ip, NetworkNamespace, PolicyRule, Route } from '../../network/types.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { sha1 } from '../calico/names.ts'
import type { NodeContext, Sandbox } from '../types.ts'
import type { Eni } from './vpc.ts'

/** What the plugin and its agent write on a node: pkg/networkutils/{network,iptables_connmark}.go and cmd/routed-eni-cni-plugin/driver of amazon-vpc-cni-k8s v1.19. */
export const POD_INTERFACE = 'eth0'
export const MTU = 1500
const GATEWAY = '169.254.1.1'
const MARK = '0x80'
const TO_POD = 512
const MAIN_ENI = 1024
const FROM_POD = 1536

/** "eni" and the first eleven digits of SHA-1 of "namespace.pod". */
export function hostVethName({ podNamespace, podName }: Pick<Sandbox, 'podNamespace' | 'podName'>): string {
  return `eni${hex(sha1(encodeUtf8(`${podNamespace}.${podName}`))).slice(0, 11)}`
}

/** The main table for the first ENI, each further one has its own: "2" for eth1. */
export function tableOf(eni: Eni): string {
  return eni.device === 0 ? 'main' : String(eni.device + 1)
}

export function addRule(network: NetworkNamespace, rule: Parameters<Namespace['routes']['rules']['add']>[0]): void {
  const { rules } = (network as Namespace).routes
  const keys = Object.keys(rule) as (keyof PolicyRule)[]
  if (!rules.list().some((r) => keys.every((key) => r[key] === rule[key]))) rules.add(rule)
}

function removeRules(network: NetworkNamespace, which: (rule: PolicyRule) => boolean): void {
  const { rules } = (network as Namespace).routes
  for (const rule of rules.list()) if (rule.protocol !== 'kernel' && which(rule)) rules.remove(rule)
}

/** AWS_VPC_K8S_CNI_EXTERNALSNAT, _EXCLUDE_SNAT_CIDRS and _RANDOMIZESNAT: what Pods that leave the VPC are hidden behind. */
export interface SnatSettings {
  /** Somebody else, a NAT gateway, does it: Pods leave with their own addresses. */
  readonly external: boolean
  /** Where Pods keep their addresses, besides the VPC: peered networks and the like. */
  readonly exclude: readonly Cidr[]
  readonly random: 'prng' | 'hashrandom' | 'none'
}
export const SNAT: SnatSettings = { external: false, exclude: [], random: 'prng' }
const RANDOM = { prng: ['--random-fully'], hashrandom: ['--random'], none: [] } as const
const configured = new WeakMap<NetworkNamespace, string>()

/** SetupHostNetwork, with support of node ports on. */
export function setUpHostNetwork({ network }: NodeContext, first: Eni, snat: SnatSettings = SNAT): void {
  const { netfilter } = network
  addRule(network, { priority: MAIN_ENI, mark: 0x80, mask: 0x80, table: 'main' })
  network.setSysctl(`net.ipv4.conf.${first.link.name}.rp_filter`, '2')
  network.setSysctl('net.ipv4.ip_forward', '1')
  const ensure = (table: string, chain: string, rule: readonly string[], { wanted = true, first = false } = {}): void => {
    const there = netfilter.command(['-t', table, '-C', chain, ...rule]).code === 0
    if (!there && wanted) netfilter.command(['-t', table, ...(first ? ['-I', chain, '1'] : ['-A', chain]), ...rule])
    if (there && !wanted) netfilter.command(['-t', table, '-D', chain, ...rule])
  }
  const [own, top] = [{ wanted: !snat.external }, { wanted: !snat.external, first: true }]
  // rules of other settings are stale
  const settings = JSON.stringify(snat)
  const stale = (configured.get(network) ?? settings) !== settings
  configured.set(network, settings)
  const comment = (text: string): string[] => ['-m', 'comment', '--comment', text]
  netfilter.command(['-t', 'nat', '-N', 'AWS-SNAT-CHAIN-0'])
  if (stale) netfilter.command(['-t', 'nat', '-F', 'AWS-SNAT-CHAIN-0'])
  ensure('nat', 'POSTROUTING', [...comment('AWS SNAT CHAIN'), '-j', 'AWS-SNAT-CHAIN-0'], own)
  ensure('nat', 'AWS-SNAT-CHAIN-0', ['-d', UNDERLAY, ...comment('AWS SNAT CHAIN'), '-j', 'RETURN'], top)
  for (const cidr of snat.exclude) ensure('nat', 'AWS-SNAT-CHAIN-0', ['-d', cidr, ...comment('AWS SNAT CHAIN EXCLUSION'), '-j', 'RETURN'], top)
  ensure('nat', 'AWS-SNAT-CHAIN-0', ['!', '-o', 'vlan+', ...comment('AWS, SNAT'), '-m', 'addrtype', '!', '--dst-type', 'LOCAL', '-j', 'SNAT', '--to-source', first.primary, ...RANDOM[snat.random]], own)
  const mangle = (...rule: string[]): void => ensure('mangle', 'PREROUTING', [...comment('AWS, primary ENI'), ...rule])
  mangle('-i', first.link.name, '-m', 'addrtype', '--dst-type', 'LOCAL', '--limit-iface-in', '-j', 'CONNMARK', '--set-mark', `${MARK}/${MARK}`)
  mangle('-i', 'eni+', '-j', 'CONNMARK', '--restore-mark', '--mask', MARK)
  mangle('-i', 'vlan+', '-j', 'CONNMARK', '--restore-mark', '--mask', MARK)
  netfilter.command(['-t', 'nat', '-N', 'AWS-CONNMARK-CHAIN-0'])
  if (stale) netfilter.command(['-t', 'nat', '-F', 'AWS-CONNMARK-CHAIN-0'])
  ensure('nat', 'PREROUTING', ['-i', 'eni+', ...comment('AWS, outbound connections'), '-j', 'AWS-CONNMARK-CHAIN-0'], own)
  ensure('nat', 'AWS-CONNMARK-CHAIN-0', ['-d', UNDERLAY, ...comment('AWS CONNMARK CHAIN, VPC CIDR'), '-j', 'RETURN'], top)
  for (const cidr of snat.exclude) ensure('nat', 'AWS-CONNMARK-CHAIN-0', ['-d', cidr, ...comment('AWS CONNMARK CHAIN, EXCLUDED CIDR'), '-j', 'RETURN'], top)
  ensure('nat', 'PREROUTING', [...comment('AWS, CONNMARK'), '-j', 'CONNMARK', '--restore-mark', '--mask', MARK], own)
  ensure('nat', 'AWS-CONNMARK-CHAIN-0', [...comment('AWS, CONNMARK'), '-j', 'CONNMARK', '--set-xmark', `${MARK}/${MARK}`], own)
}

/** setupENINetwork: of a further ENI. Its table knows the subnet's router alone. */
export function setUpEni({ network }: NodeContext, eni: Eni): void {
  const { name } = eni.link
  if (!eni.link.up) network.setUp(name, true)
  // its route to the subnet comes with the address, and the kernel wants one to the router
  const address = `${eni.primary}/${prefixLength(UNDERLAY)}`
  if (eni.link.address(eni.primary)) network.removeAddress(name, address)
  network.addAddress(name, address, broadcastOption(address))
  const router = nthAddress(UNDERLAY, 1)
  const table = { table: tableOf(eni), replace: true }
  network.routes.add({ destination: `${router}/32`, device: name, scope: 'link' }, table)
  network.routes.add({ destination: '0.0.0.0/0', via: router, device: name }, table)
  quietly(() => network.routes.remove({ destination: UNDERLAY, device: name }))
}

/** SetupPodNetwork. */
export function setUpPod({ network, fabric }: NodeContext, sandbox: Sandbox, ip: Ip, table: string): string {
  const link = hostVethName(sandbox)
  // what an earlier Pod of the name has left
  if (network.links.has(link)) network.removeLink(link)
  const [, host] = fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu: MTU }, { network, name: link, mtu: MTU })
  network.setUp(link, true)
  if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
  sandbox.network.setUp(POD_INTERFACE, true)
  sandbox.network.routes.add({ destination: `${GATEWAY}/32`, device: POD_INTERFACE, scope: 'link' })
  sandbox.network.routes.add({ destination: '0.0.0.0/0', via: GATEWAY, device: POD_INTERFACE })
  sandbox.network.addAddress(POD_INTERFACE, `${ip}/32`)
  sandbox.network.neighbours.set({ ip: GATEWAY, device: POD_INTERFACE, mac: host.mac, state: 'PERMANENT' })
  network.routes.add({ destination: `${ip}/32`, device: link, scope: 'link' }, { replace: true })
  removeRules(network, (rule) => isOf(rule, ip))
  addRule(network, { priority: TO_POD, to: `${ip}/32`, table: 'main' })
  if (table !== 'main') addRule(network, { priority: FROM_POD, from: `${ip}/32`, table })
  return link
}

/** TeardownPodNetwork. */
export function tearDownPod({ network }: NodeContext, ip: Ip): void {
  removeRules(network, (rule) => isOf(rule, ip))
  const route: Route | undefined = network.routes.list('main').find((r) => r.destination === `${ip}/32`)
  if (route) quietly(() => network.routes.remove(route))
}

function isOf(rule: PolicyRule, ip: Ip): boolean {
  return (rule.priority === TO_POD && rule.to === `${ip}/32`) || (rule.priority === FROM_POD && rule.from === `${ip}/32`)
}

function quietly(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
  }
}
