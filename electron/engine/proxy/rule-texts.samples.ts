import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ipvsadmCommand } from '../network/ipvs/command.ts'
import type { ChainBlock, Netfilter, NetworkNamespace } from '../network/types.ts'
import { readInput, type FlowStep } from './flows.samples.ts'

/**
 * The rules that kube-proxy's own tests expect (TestOverallIPTablesRules, TestSyncProxyRulesRepeated, TestMasqueradeRule,
 * TestLoadBalancerIngressRouteTypeProxy of pkg/proxy/iptables/proxier_test.go, TestSyncProxyRulesRepeated of
 * pkg/proxy/nftables/proxier_test.go, TestNodePortIPv4, TestExternalIPs, TestOnlyLocal…, TestLoadBalancer…, TestHealthCheckNodePort,
 * TestAcceptIPVSTraffic, TestSessionAffinity of pkg/proxy/ipvs/proxier_test.go of v1.33), told again: rule-texts/<case>/input.yaml, input-2.yaml … are the Services and
 * EndpointSlices at each step, all of them.
 *
 * - expected.iptables: what the sync gives iptables-restore, without what stands in every one; as where the kernel has no
 *   accounting objects (no -m nfacct)
 * - expected.nftables: what is in the table after it, without what is always there; "# 10 operations" is how many the sync took
 * - expected.ipvs: virtual servers, all of them, with their endpoints; of the sets and chains that upstream looks at, all elements
 *   and where each rule leads, and by which set; the node is 192.168.0.2
 */
const HERE = join(import.meta.dirname, 'rule-texts')

type TextMode = 'iptables' | 'nftables' | 'ipvs'

export interface TextStep extends Omit<FlowStep, 'flows'> { expected: string[]; operations: number | undefined }

export function textCases(mode: TextMode): { name: string; steps: TextStep[] }[] {
  return readdirSync(HERE).filter((name) => existsSync(join(HERE, name, `expected.${mode}`))).map((name) => {
    const inputs = readdirSync(join(HERE, name)).filter((f) => f.startsWith('input')).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    return { name, steps: inputs.map((file) => readStep(join(HERE, name, file), mode)) }
  })
}

function readStep(file: string, mode: TextMode): TextStep {
  const lines = readFileSync(file.replace(/input([^/]*)\.yaml$/, `expected$1.${mode}`), 'utf8').split('\n').filter((l) => l !== '')
  const operations = lines.flatMap((l) => /^# (\d+) operations$/.exec(l)?.[1] ?? [])[0]
  return { ...readInput(file), expected: lines.filter((l) => !l.startsWith('#')), operations: operations === undefined ? undefined : Number(operations) }
}

/** In every sync: pkg/proxy/iptables/proxier_test.go. */
const ALWAYS = `*filter
:KUBE-NODEPORTS - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:KUBE-NODEPORTS - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
COMMIT`.split('\n')

/** What is in a text for iptables-restore beside that, each chain's rules together and in their order; an Error where some of it is missing. */
export function ownRules(restored: readonly (string | ChainBlock)[]): string[] {
  const lines = restored.flatMap((l) => (typeof l === 'string' ? [l] : [`:${l.chain} - [0:0]`, ...l.rules])).map((l) => l.replaceAll('0x00004000', '0x4000'))
  for (const line of ALWAYS) {
    const at = lines.indexOf(line)
    if (at < 0) throw new Error(`missing: ${line}`)
    // The chains that the tables have in common by name are there twice.
    lines.splice(at, 1)
  }
  return byChain(lines)
}

/** Upstream compares so, too (sortIPTablesRules): which chain stands first says nothing. */
export function byChain(lines: readonly string[]): string[] {
  const chain = (l: string): string => l.split(' ')[l.startsWith('-') ? 1 : 0]!.replace(/^:/, '')
  const rank = (l: string): number => (l.startsWith(':') ? 0 : l.startsWith('-X') ? 2 : 1)
  return [...lines].sort((a, b) => rank(a) - rank(b) || (chain(a) < chain(b) ? -1 : chain(a) > chain(b) ? 1 : 0))
}

/** What nft has been told, as in the fake of upstream's tests (sigs.k8s.io/knftables). */
export class Told {
  readonly #chains = new Map<string, string[]>()
  readonly #elements = new Set<string>()
  operations = 0

  apply(lines: readonly string[]): void {
    for (const line of lines) {
      const match = /^(add|delete|flush) (table|chain|rule|set|map|element) \S+ kube-proxy ?(.*)$/.exec(line)
      if (!match) throw new Error(`not understood: ${line}`)
      this.operations++
      const [, verb, kind, rest] = match
      const [name = '', body = ''] = [rest!.split(' ')[0], rest!.slice(rest!.indexOf(' ') + 1)]
      if (kind === 'chain' && verb === 'add' && !this.#chains.has(name)) this.#chains.set(name, [])
      else if (kind === 'chain' && verb === 'flush') this.#chains.set(name, [])
      else if (kind === 'chain' && verb === 'delete') this.#chains.delete(name)
      else if (kind === 'rule') this.#chains.get(name)!.push(body)
      else if (kind === 'element' && verb === 'add') this.#elements.add(`${name} ${body}`)
      else if (kind === 'element') for (const e of this.#elements) if (keyOf(e) === keyOf(`${name} ${body}`)) this.#elements.delete(e)
    }
  }

  /** Chains of Services with their rules, and elements. */
  get own(): string[] {
    const chains = [...this.#chains].filter(([name]) => name.includes('/'))
    return [...this.#elements].filter((e) => !e.startsWith('nodeport-ips')).concat(chains.flatMap(([name, rules]) => [`chain ${name}`, ...rules.map((r) => `${name} ${r}`)]))
  }
}

/** Of an element: up to its comment or value. */
function keyOf(element: string): string {
  return element.replace(/ (?:comment "|: ).*/, '').replace(/ }$/, '')
}

/** What ipvs has, in the words of expected.ipvs; of sets and chains those that `like` names. */
export function ipvsState({ netfilter }: NetworkNamespace, like: readonly string[]): string[] {
  const servers: string[] = []
  for (const line of ipvsadmCommand(netfilter.ipvs, ['-S', '-n'], () => undefined).stdout.split('\n')) {
    const virtual = /^-A (-t|-u|--sctp-service) (\S+) -s (\S+)(?: -p (\d+))?/.exec(line)
    const real = / -r (\S+) -m -w 1$/.exec(line)
    if (virtual) servers.push(`${virtual[2]}/${virtual[1] === '-t' ? 'TCP' : virtual[1] === '-u' ? 'UDP' : 'SCTP'} ${virtual[3]}${virtual[4] === undefined ? '' : ` persistent ${virtual[4]}`}`)
    else if (real) servers.push(`${servers.pop()!}|${real[1]}`)
  }
  const sets = new Set(like.flatMap((l) => /^(KUBE-[A-Z-]+) [^:]*$/.exec(l)?.[1] ?? /^(KUBE-[A-Z-]+) \S+,(?:tcp|udp|sctp):/.exec(l)?.[1] ?? []))
  const chains = new Set(like.flatMap((l) => /^((?:filter )?KUBE-[A-Z-]+): /.exec(l)?.[1] ?? []))
  return [
    ...servers.map((s) => s.split('|')).map(([virtual, ...reals]) => `${virtual}${reals.length > 0 ? ` > ${reals.sort().join(', ')}` : ''}`).sort(),
    ...[...sets].flatMap((set) => (netfilter.sets.elements(set).length === 0 ? [`${set} (empty)`] : netfilter.sets.elements(set).map((e) => `${set} ${e}`).sort())),
    ...[...chains].flatMap((chain) => jumps(netfilter, chain).map((to) => `${chain}: ${to}`)),
  ]
}

function jumps(netfilter: Netfilter, chain: string): string[] {
  const [name, table] = chain.startsWith('filter ') ? [chain.slice('filter '.length), 'filter' as const] : [chain, 'nat' as const]
  return netfilter.save(table).split('\n').filter((l) => l.startsWith(`-A ${name} `)).map((l) => {
    const to = / -j (\S+)/.exec(l)![1]!
    const by = / --match-set (\S+)/.exec(l)?.[1] ?? / -s (\S+)/.exec(l)?.[1]
    return by === undefined ? to : `${to} ${by}`
  })
}
