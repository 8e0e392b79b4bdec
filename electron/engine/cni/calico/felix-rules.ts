import { clearMark, DROP, MARK, markClear, markSet, RETURN, setMark, setMaskedMark, type Chain, type Rule } from './felix-chains.ts'
import { policyChain, type Side } from './felix-endpoints.ts'
import type { Version } from './names.ts'

/** What a policy's rule says when its selectors have become IP sets, and the iptables rules of it (felix/rules/policy.go). */
export interface PortRange { first: number; last: number }

export interface PeerMatch {
  nets?: readonly string[]
  notNets?: readonly string[]
  /** Names of IP sets. */
  sets?: readonly string[]
  notSets?: readonly string[]
  /** IP sets of addresses with protocol and port, a Service's. */
  portSets?: readonly string[]
  ports?: readonly PortRange[]
  notPorts?: readonly PortRange[]
  /** IP sets of addresses with protocol and port. */
  namedPorts?: readonly string[]
}

export interface PolicyRule {
  action: 'allow' | 'deny' | 'log' | 'pass'
  /** "tcp" or a number. */
  protocol?: string | undefined
  notProtocol?: string | undefined
  icmp?: { type: number; code?: number | undefined } | undefined
  notIcmp?: { type: number; code?: number | undefined } | undefined
  source: PeerMatch
  destination: PeerMatch
  /** Metadata's annotations, which become comments. */
  annotations?: Readonly<Record<string, string>>
}

/** -m multiport takes fifteen, a range counting as two. */
const MOST_PORTS = 15
const WORDS = { source: { net: '--source', set: 'src', ports: '--source-ports' }, destination: { net: '--destination', set: 'dst', ports: '--destination-ports' } } as const
type End = keyof typeof WORDS

export function policyRules(version: Version, tier: string, name: string, side: Side, rules: readonly PolicyRule[], logPrefix: string): Chain {
  const out = rules.flatMap((rule) => ruleToRules(version, rule, logPrefix))
  // who comes to the end returns anyway
  while (out.at(-1)?.action === RETURN) out.pop()
  const first = out.shift() ?? {}
  return { name: policyChain(side, tier, name), rules: [{ ...first, comments: [...(first.comments ?? []), `Policy ${name} ${side}`] }, ...out] }
}

function ruleToRules(version: Version, rule: PolicyRule, logPrefix: string): Rule[] {
  const blocks = new MatchBlocks()
  const left: Record<End, PeerMatch> = { source: { ...rule.source }, destination: { ...rule.destination } }
  for (const end of ['source', 'destination'] as const) {
    const splits = splitPorts(left[end].ports ?? [])
    const named = left[end].namedPorts ?? []
    if (splits.length + named.length <= 1) continue
    const protocol = rule.protocol === undefined ? '' : `-p ${rule.protocol} `
    blocks.positive([...splits.map((split) => `${protocol}-m multiport ${WORDS[end].ports} ${portText(split)}`), ...named.map((set) => `-m set --match-set ${set} ${WORDS[end].set},${WORDS[end].set}`)])
    left[end] = { ...left[end], ports: [], namedPorts: [] }
  }
  for (const end of ['source', 'destination'] as const) {
    const { nets = [] } = left[end]
    if (nets.length <= 1) continue
    blocks.positive(nets.map((net) => `${WORDS[end].net} ${net}`))
    left[end] = { ...left[end], nets: [] }
  }
  for (const end of ['source', 'destination'] as const) {
    const { nets = [], notNets = [] } = left[end]
    if (nets.length + notNets.length <= 1) continue
    blocks.negative(notNets.map((net) => `${WORDS[end].net} ${net}`))
    left[end] = { ...left[end], notNets: [] }
  }
  const match = [matchOf(version, { ...rule, ...left }), ...(blocks.rules.length > 0 ? [markSet(MARK.scratch0)] : [])].filter((m) => m !== '').join(' ')
  const annotations = Object.entries(rule.annotations ?? {}).map(([key, value]) => `${key}=${value}`)
  return [...blocks.rules, ...actions(rule.action, match, logPrefix)].map((r) => (annotations.length > 0 ? { ...r, comments: [...(r.comments ?? []), ...annotations] } : r))
}

function actions(action: PolicyRule['action'], match: string, logPrefix: string): Rule[] {
  if (action === 'log') return [{ match, action: `--jump LOG --log-prefix "${logPrefix}: " --log-level 5` }]
  const mark = { allow: MARK.accept, pass: MARK.pass, deny: MARK.drop }[action]
  return [{ match, action: setMark(mark) }, { match: markSet(mark), action: action === 'deny' ? DROP : RETURN }]
}

function matchOf(version: Version, rule: PolicyRule): string {
  const { source, destination } = rule
  const parts: string[] = []
  if (rule.protocol !== undefined) parts.push(`-p ${rule.protocol}`)
  const positive = (peer: PeerMatch, end: End): void => {
    for (const net of peer.nets ?? []) parts.push(`${WORDS[end].net} ${net}`)
    for (const set of peer.sets ?? []) parts.push(`-m set --match-set ${set} ${WORDS[end].set}`)
    for (const set of peer.portSets ?? []) parts.push(`-m set --match-set ${set} ${WORDS[end].set},${WORDS[end].set}`)
    if (peer.ports?.length) parts.push(`-m multiport ${WORDS[end].ports} ${portText(peer.ports)}`)
    for (const set of peer.namedPorts ?? []) parts.push(`-m set --match-set ${set} ${WORDS[end].set},${WORDS[end].set}`)
  }
  positive(source, 'source')
  positive(destination, 'destination')
  const module = version === 4 ? 'icmp' : 'icmp6'
  const icmp = ({ type, code }: { type: number; code?: number | undefined }): string => `${version === 4 ? '--icmp-type' : '--icmpv6-type'} ${type}${code === undefined ? '' : `/${code}`}`
  if (rule.icmp) parts.push(`-m ${module} ${icmp(rule.icmp)}`)
  if (rule.notProtocol !== undefined) parts.push(`! -p ${rule.notProtocol}`)
  const negative = (peer: PeerMatch, end: End): void => {
    for (const net of peer.notNets ?? []) parts.push(`! ${WORDS[end].net} ${net}`)
    for (const set of peer.notSets ?? []) parts.push(`-m set ! --match-set ${set} ${WORDS[end].set}`)
    for (const split of splitPorts(peer.notPorts ?? [])) parts.push(`-m multiport ! ${WORDS[end].ports} ${portText(split)}`)
  }
  negative(source, 'source')
  negative(destination, 'destination')
  if (rule.notIcmp) parts.push(`-m ${module} ! ${icmp(rule.notIcmp)}`)
  return parts.join(' ')
}

/** Alternatives that one iptables rule cannot express: each block marks the packet when one of its alternatives fits. */
class MatchBlocks {
  readonly rules: Rule[] = []
  #positive = false

  positive(matches: readonly string[]): void {
    this.#begin(0)
    const mark = this.#positive ? MARK.scratch1 : MARK.scratch0
    for (const match of matches) this.rules.push({ match, action: setMark(mark) })
    if (this.#positive) this.rules.push({ match: markClear(MARK.scratch1), action: clearMark(MARK.scratch0) })
    this.#positive = true
  }

  negative(matches: readonly string[]): void {
    this.#begin(MARK.scratch0)
    for (const match of matches) this.rules.push({ match, action: clearMark(MARK.scratch0) })
  }

  #begin(mark: number): void {
    if (this.rules.length === 0) this.rules.push({ action: setMaskedMark(mark, MARK.scratch0 | MARK.scratch1) })
  }
}

function portText(ports: readonly PortRange[]): string {
  return ports.map(({ first, last }) => (first === last ? String(first) : `${first}:${last}`)).join(',')
}

function splitPorts(ports: readonly PortRange[]): PortRange[][] {
  const out: PortRange[][] = []
  let room = 0
  for (const range of ports) {
    const size = range.first === range.last ? 1 : 2
    if (room < size) {
      out.push([])
      room = MOST_PORTS
    }
    out.at(-1)!.push(range)
    room -= size
  }
  return out
}
