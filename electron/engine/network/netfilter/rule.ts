import type { Clock } from '../../clock.ts'
import type { Random } from '../../random.ts'
import type { Hook, Ip, IpPacket, Link, NetworkNamespace, StackHost } from '../types.ts'
import { ipv4Number, prefixContains } from '../address.ts'
import type { Prefix } from '../address.ts'
import type { Chain } from './chain.ts'
import type { Nat } from './conntrack/nat.ts'
import type { IpSets } from '../ipset/sets.ts'
import type { RecentLists } from './matches/recent.ts'
import { payloadProtocol, protocolName } from './names.ts'
import type { PacketTracing } from './tracing.ts'

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security'

/** What matches and targets may use of the namespace. */
export interface RuleHost {
  readonly stack: StackHost
  readonly namespace: NetworkNamespace
  readonly clock: Clock
  readonly random: Random
  readonly recent: RecentLists
  readonly nat: Nat
  /** What REJECT will send once the rejection is written down. */
  readonly rejections: (() => void)[]
  /** ipset(8). */
  readonly sets: IpSets
  readonly tracing: PacketTracing
}

/** A packet on its way through a table: its addresses and protocol stay as they are until it has left it. */
export class Evaluation {
  readonly host: RuleHost
  readonly table: TableName
  readonly hook: Hook
  readonly packet: IpPacket
  readonly inLink: Link | undefined
  readonly outLink: Link | undefined
  readonly protocol: number
  #source: number | undefined
  #destination: number | undefined

  constructor(host: RuleHost, table: TableName, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined) {
    this.host = host
    this.table = table
    this.hook = hook
    this.packet = packet
    this.inLink = inLink
    this.outLink = outLink
    this.protocol = packet.version === 6 && packet.payload.kind === 'icmp' ? 58 : payloadProtocol(packet.payload.kind)
  }

  /** As ipv4Number has it: every rule asks. */
  get source(): number {
    return (this.#source ??= ipv4Number(this.packet.source))
  }

  get destination(): number {
    return (this.#destination ??= ipv4Number(this.packet.destination))
  }
}

export interface Match {
  readonly name: string
  /** As iptables-save prints it after "-m name": begins with a blank, or is empty. */
  readonly save: string
  /** As `iptables -L` prints it; `numeric` for -n. */
  list(numeric: boolean): string
  test(evaluation: Evaluation): boolean
  /** Holds for every packet. */
  readonly always?: boolean
  /** Where a rule with it may stand; undefined: everywhere. */
  readonly hooks?: readonly Hook[]
  /** The one destination port that it allows, for the index of a chain. */
  readonly destinationPort?: number
  /** Says nothing about what the packet is (comments, connection state): jumps with only such matches are no decision. */
  readonly incidental?: boolean
  /** Needs connection tracking. */
  readonly tracks?: boolean
  /** Keeps a count, or was read with what only one namespace has: may not be shared between rules of the same text. */
  readonly own?: boolean
  /** The sets (ipset) that it refers to. */
  readonly sets?: readonly string[]
}

/** What an extension target decides; 'continue' goes on with the next rule. */
export type TargetVerdict = 'continue' | 'accept' | 'drop' | 'stolen'

export interface Target {
  readonly name: string
  /** What -L calls it, where that is another name. */
  readonly listName?: string
  readonly save: string
  list(numeric: boolean): string
  run(evaluation: Evaluation): TargetVerdict
  /** Tables that it may stand in; undefined: all. */
  readonly tables?: readonly TableName[]
  readonly hooks?: readonly Hook[]
  readonly tracks?: boolean
  /** As with {@link Match}. */
  readonly own?: boolean
  readonly sets?: readonly string[]
}

export interface AddressMatch {
  invert: boolean
  /** IPv4 as numbers; the mask is all ones for one address of either family. */
  address: number
  mask: number
  prefix6?: Prefix
  /** Without the mask. */
  text: Ip
  /** "/24", "/255.0.255.0" for a mask with holes. */
  maskText: string
}

export interface InterfaceMatch {
  invert: boolean
  /** With the "+" at its end, if it had one. */
  name: string
}

export interface Rule {
  source?: AddressMatch
  destination?: AddressMatch
  inInterface?: InterfaceMatch
  outInterface?: InterfaceMatch
  protocol?: { invert: boolean; number: number }
  fragment?: { invert: boolean }
  matches: readonly Match[]
  /** Those that do not hold for every packet. */
  tests?: readonly Match[]
  /** A built-in verdict or the name of a chain. */
  jump?: string
  goto?: boolean
  target?: Target
  packets: number
  bytes: number
  /** The chain that `jump` names in the table with this stamp, once a packet went there. */
  to?: Chain | undefined
  toStamp?: number
}

const NO_MATCHES: readonly Match[] = []

/** The same rule once more, counting from zero; every rule has the same fields in the same order, for speed. */
export function sameRule(rule: Rule): Rule {
  const { source, destination, inInterface, outInterface, protocol, fragment, matches, jump, goto, target } = rule
  const tests = rule.tests ?? (matches.some((m) => m.always) ? matches.filter((m) => !m.always) : matches)
  return { source, destination, inInterface, outInterface, protocol, fragment, matches, tests: tests.length === 0 ? NO_MATCHES : tests, jump, goto, target, packets: 0, bytes: 0, to: undefined, toStamp: -1 }
}

function isAt(match: AddressMatch, ip: Ip, number: number): boolean {
  if (match.prefix6) return addressMatches(match, ip)
  return (((number ^ match.address) & match.mask) === 0) !== match.invert
}

export function addressMatches(match: AddressMatch, ip: Ip): boolean {
  if (match.prefix6) return prefixContains(match.prefix6, ip) !== match.invert
  return ((((ipv4Number(ip) ^ match.address) & match.mask) === 0) !== match.invert)
}

const PLUS = '+'.charCodeAt(0)

function interfaceMatches(match: InterfaceMatch, name: string): boolean {
  const pattern = match.name
  const same = pattern.charCodeAt(pattern.length - 1) === PLUS ? name.startsWith(pattern.slice(0, -1)) : name === pattern
  return same !== match.invert
}

export function ruleMatches(rule: Rule, evaluation: Evaluation): boolean {
  const packet = evaluation.packet
  const { destination, source, protocol } = rule
  if (destination !== undefined && !isAt(destination, packet.destination, evaluation.destination)) return false
  if (source !== undefined && !isAt(source, packet.source, evaluation.source)) return false
  if (protocol !== undefined && (evaluation.protocol === protocol.number) === protocol.invert) return false
  if (rule.inInterface && !interfaceMatches(rule.inInterface, evaluation.inLink?.name ?? '')) return false
  if (rule.outInterface && !interfaceMatches(rule.outInterface, evaluation.outLink?.name ?? '')) return false
  if (rule.fragment && ((packet.fragment?.offset ?? 0) > 0) === rule.fragment.invert) return false
  const tests = rule.tests!
  for (let i = 0; i < tests.length; i++) if (!tests[i]!.test(evaluation)) return false
  return true
}

/** Whether the rule's conditions single out something of the packet. */
export function isSelective(rule: Rule): boolean {
  return Boolean(rule.source ?? rule.destination ?? rule.inInterface ?? rule.outInterface ?? rule.protocol) ||
    rule.matches.some((m) => !m.incidental)
}

/** The rule as iptables-save prints it after "-A CHAIN"; begins with a blank unless it is empty. */
export function saveRule(rule: Rule, counters = ''): string {
  let out = ''
  if (rule.source) out += `${not(rule.source)} -s ${rule.source.text}${rule.source.maskText}`
  if (rule.destination) out += `${not(rule.destination)} -d ${rule.destination.text}${rule.destination.maskText}`
  if (rule.inInterface) out += `${not(rule.inInterface)} -i ${rule.inInterface.name}`
  if (rule.outInterface) out += `${not(rule.outInterface)} -o ${rule.outInterface.name}`
  if (rule.protocol) out += `${not(rule.protocol)} -p ${protocolName(rule.protocol.number)}`
  if (rule.fragment) out += `${not(rule.fragment)} -f`
  for (const match of rule.matches) out += ` -m ${match.name}${match.save}`
  out += counters
  if (rule.target) out += ` -j ${rule.target.name}${rule.target.save}`
  else if (rule.jump !== undefined) out += ` -${rule.goto ? 'g' : 'j'} ${rule.jump}`
  return out
}

function not(condition: { invert: boolean }): string {
  return condition.invert ? ' !' : ''
}

/** The rule with its chain, for journeys: "-A KUBE-SERVICES -d …". */
export function ruleText(chain: string, rule: Rule): string {
  return `-A ${chain}${saveRule(rule)}`
}
