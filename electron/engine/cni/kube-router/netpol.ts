import type { Netfilter } from '../../network/types.ts'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { PolicyPod, PolicyView } from '../../policy/types.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { Log } from './routing.ts'
import type { NodeContext } from '../types.ts'
import { COMMON, DEFAULT, hash16, INPUT, isPolicySet, isVersioned, TOP_LEVEL, type Family } from './names.ts'
import { buildPodChain } from './pod-rules.ts'
import { buildPolicyChain } from './policy-rules.ts'
import { refreshSet } from './sets.ts'

/** How long a sync takes, virtual ms: what changes meanwhile waits for the next one. */
const SYNC = 100
/** --iptables-sync-period */
const PERIOD = 300_000

/**
 * kube-router's network policy controller (v2.6, pkg/controllers/netpol): with every change the chains of all policies and
 * of all Pods of the node are written anew under new names, and the old ones removed.
 */
export class NetworkPolicyController {
  readonly #context: NodeContext
  readonly #log: Log
  readonly #model: PolicyModel
  readonly #loop: SyncLoop

  constructor(context: NodeContext, log: Log) {
    this.#context = context
    this.#log = log
    this.#loop = new SyncLoop(context.clock, SYNC, () => this.#sync(), { period: PERIOD })
    this.#model = new PolicyModel(context.client, () => this.#loop.request(), { always: true })
    context.network.policyExplainer = policyExplainer(this.#model.view, {
      ...policyEnforcement('kube-router'),
      node: context.name,
      isPolicyDrop: ({ decidedBy }) => decidedBy?.chain?.startsWith('KUBE-POD-FW-') === true,
    })
    this.#loop.request()
  }

  stop(): void {
    this.#loop.stop()
    this.#model.stop()
  }

  #sync(): void {
    const { network, clock, config, name } = this.#context
    const version = `${BigInt(Math.round(clock.wall() * 1000)) * 1000n}`
    const { view } = this.#model
    const local = [...view.pods.values()].filter((p) => p.node === name && !p.hostNetwork && !p.finished && p.ips.length > 0).sort((a, b) => (a.key < b.key ? -1 : 1))
    const used = new Set<string>()
    for (const family of config.ipFamilies) {
      const netfilter = family === 'IPv4' ? network.netfilter : network.netfilter6
      this.#ensureTopLevel(netfilter)
      ensureFixedChains(netfilter, family)
      this.#syncFamily(netfilter, family, view, local, version, used)
    }
    const { sets } = network.netfilter
    for (const set of sets.names()) if (isPolicySet(set) && !used.has(set)) sets.destroy(set)
  }

  #syncFamily(netfilter: Netfilter, family: Family, view: PolicyView, local: readonly PolicyPod[], version: string, used: Set<string>): void {
    const stale = chainsOf(netfilter).filter(isVersioned)
    const chains: string[] = []
    const rules: string[] = []
    for (const policy of [...view.policies.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const built = buildPolicyChain(view, policy, version, family)
      for (const set of built.sets) {
        refreshSet(netfilter.sets, set.name, set.type, family, set.entries)
        used.add(set.name)
      }
      chains.push(built.chain)
      for (const rule of built.rules) rules.push(`-A ${built.chain} ${rule}`)
    }
    for (const pod of local) {
      const built = buildPodChain(view, pod, version, family)
      if (!built) continue
      chains.push(built.chain)
      for (const rule of built.rules) rules.push(`-A ${built.chain} ${rule}`)
      for (const [chain, rule] of built.jumps) rules.push(`-A ${chain} ${rule}`)
    }
    const accept = '-m comment --comment "rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark 0x20000/0x20000 -j ACCEPT'
    const lines = ['*filter']
    for (const chain of [...TOP_LEVEL.map(([, own]) => own), ...stale, ...chains]) lines.push(`:${chain} - [0:0]`)
    for (const rule of this.#inputRules(family)) lines.push(`-A ${INPUT} ${rule}`)
    lines.push(...rules)
    for (const [, own] of TOP_LEVEL) lines.push(`-A ${own} ${accept}`)
    for (const chain of stale) if (!chains.includes(chain)) lines.push(`-X ${chain}`)
    lines.push('COMMIT')
    try {
      netfilter.restore(`${lines.join('\n')}\n`, { noflush: true })
    } catch (error) {
      this.#log('network_policy_controller.go:330', `Aborting sync. Failed to run iptables-restore: ${(error as Error).message}`, 'E')
    }
  }

  /** The jumps of the kernel's chains stand first, whatever others insert there. */
  #ensureTopLevel(netfilter: Netfilter): void {
    for (const [builtIn, own] of TOP_LEVEL) {
      netfilter.command(['-t', 'filter', '-N', own])
      const comment = tagged(builtIn, ['-m', 'comment', '--comment', 'kube-router netpol', '-j', own])
      const first = netfilter.command(['-t', 'filter', '-S', builtIn, '1']).stdout
      if (first.includes(comment[3]!)) continue
      while (netfilter.command(['-t', 'filter', '-D', builtIn, ...comment]).code === 0);
      netfilter.command(['-t', 'filter', '-I', builtIn, '1', ...comment])
    }
  }

  /** Service addresses and node ports are no business of a Pod's egress rules: what they become is. */
  #inputRules(family: Family): string[] {
    const { serviceCIDR, nodePortRange } = this.#context.config
    const ports = `${nodePortRange.from}:${nodePortRange.to}`
    const rules = serviceCIDR.filter((cidr) => cidr.includes(':') === (family === 'IPv6'))
      .map((cidr) => ['-m', 'comment', '--comment', 'allow traffic to primary/secondary cluster IP range', '-d', cidr, '-j', 'RETURN'])
    for (const protocol of ['tcp', 'udp']) {
      rules.push(['-p', protocol, '-m', 'comment', '--comment', `allow LOCAL ${protocol.toUpperCase()} traffic to node ports`, '-m', 'addrtype', '--dst-type', 'LOCAL', '-m', 'multiport', '--dports', ports, '-j', 'RETURN'])
    }
    return rules.map((rule) => tagged(INPUT, rule).map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' '))
  }
}

/** kube-router finds its own rules by a hash in their comment. */
export function tagged(chain: string, rule: readonly string[]): string[] {
  const hash = hash16(chain + rule.join(''))
  return rule.map((word, i) => (rule[i - 1] === '--comment' ? `${word} - ${hash}` : word))
}

function chainsOf(netfilter: Netfilter): string[] {
  return Array.from(netfilter.save('filter').matchAll(/^:(\S+)/gm), (m) => m[1]!)
}

export const ICMP_RULES = [['echo-request', 'allow icmp echo requests'], ['destination-unreachable', 'allow icmp destination unreachable messages'], ['time-exceeded', 'allow icmp time exceeded messages']]
export const ICMP6_RULES = [
  ...ICMP_RULES,
  ['neighbor-solicitation', 'allow icmp neighbor solicitation messages'],
  ['neighbor-advertisement', 'allow icmp neighbor advertisement messages'],
  ['echo-reply', 'allow icmp echo reply messages'],
]

function ensureFixedChains(netfilter: Netfilter, family: Family): void {
  const ensure = (chain: string, ...rule: string[]): void => {
    if (netfilter.command(['-t', 'filter', '-C', chain, ...rule]).code !== 0) netfilter.command(['-t', 'filter', '-A', chain, ...rule])
  }
  for (const chain of [DEFAULT, COMMON]) netfilter.command(['-t', 'filter', '-N', chain])
  ensure(DEFAULT, '-m', 'comment', '--comment', 'rule to mark traffic matching a network policy', '-j', 'MARK', '--set-xmark', '0x10000/0x10000')
  ensure(COMMON, '-m', 'comment', '--comment', 'rule to drop invalid state for pod', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP')
  ensure(COMMON, '-m', 'comment', '--comment', 'rule for stateful firewall for pod', '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT')
  const [protocol, option, rules] = family === 'IPv4' ? ['icmp', '--icmp-type', ICMP_RULES] : ['ipv6-icmp', '--icmpv6-type', ICMP6_RULES]
  for (const [type, comment] of rules) ensure(COMMON, '-m', 'comment', '--comment', comment!, '-p', protocol as string, option as string, type!, '-j', 'ACCEPT')
}
