import { SystemError } from '../machine/errors.ts'
import { cidrContains } from './address.ts'
import type { Ip, PolicyRule, RouteFlow, RuleTable } from './types.ts'

/** The rules of fib4_rules_init: all that most network namespaces ever have. */
const DEFAULTS: readonly PolicyRule[] = [
  { priority: 0, action: 'lookup', table: 'local', protocol: 'kernel' },
  { priority: 32766, action: 'lookup', table: 'main', protocol: 'kernel' },
  { priority: 32767, action: 'lookup', table: 'default', protocol: 'kernel' },
]

/** Those of fib6_rules_init: IPv6 has no table "default". */
export const DEFAULTS6 = DEFAULTS.slice(0, 2)

/** One family's routing policy database of one network namespace (ip-rule(8); net/core/fib_rules.c). */
export class Rules implements RuleTable {
  #rules: readonly PolicyRule[]
  readonly #defaults: readonly PolicyRule[]
  readonly #changed: () => void

  constructor(changed: () => void, defaults = DEFAULTS) {
    this.#changed = changed
    this.#rules = this.#defaults = defaults
  }

  /** Whether there are only the rules that the kernel makes: then nobody needs to ask them. */
  get plain(): boolean {
    return this.#rules === this.#defaults
  }

  list(): readonly PolicyRule[] {
    return this.#rules
  }

  /** Without a priority: one before the rule that follows the first. */
  add(rule: Omit<PolicyRule, 'priority' | 'action'> & { priority?: number; action?: PolicyRule['action'] }): void {
    const priority = rule.priority ?? this.#free()
    const made: PolicyRule = { ...rule, priority, action: rule.action ?? 'lookup' }
    if (made.action === 'lookup' && made.table === undefined) made.table = 'main'
    if (made.action === 'goto' && (made.target ?? 0) <= priority) throw new SystemError('EINVAL')
    const at = this.#rules.findIndex((r) => r.priority > priority)
    this.#rules = at < 0 ? [...this.#rules, made] : this.#rules.toSpliced(at, 0, made)
    this.#changed()
  }

  /** Removes the first that has all that is given. Throws SystemError ENOENT. */
  remove(rule: Partial<PolicyRule>): void {
    const keys = Object.keys(rule) as (keyof PolicyRule)[]
    const at = this.#rules.findIndex((r) => keys.every((key) => rule[key] === undefined || rule[key] === r[key]))
    if (at < 0) throw new SystemError('ENOENT')
    this.#rules = this.#rules.toSpliced(at, 1)
    this.#settle()
  }

  /** As `ip rule flush`: all but the one with priority 0. */
  flush(): void {
    this.#rules = this.#rules.filter((r) => r.priority === 0)
    this.#settle()
  }

  #settle(): void {
    if (this.#rules.length === this.#defaults.length && this.#defaults.every((r, i) => r === this.#rules[i])) this.#rules = this.#defaults
    this.#changed()
  }

  #free(): number {
    const second = this.#rules[1]
    return second && second.priority > 0 ? second.priority - 1 : 0
  }
}

/** fib_rule_match, fib4_rule_match and fib6_rule_match */
function ruleApplies(rule: PolicyRule, destination: Ip, flow: RouteFlow): boolean {
  const fits =
    (rule.iif === undefined || rule.iif === (flow.in ?? 'lo')) &&
    (rule.oif === undefined || rule.oif === flow.out) &&
    (rule.mark === undefined || (((flow.mark ?? 0) ^ rule.mark) & (rule.mask ?? 0xffffffff)) === 0) &&
    (rule.from === undefined || cidrContains(rule.from, flow.source || (destination.includes(':') ? '::' : '0.0.0.0'))) &&
    (rule.to === undefined || cidrContains(rule.to, destination)) &&
    (rule.ipProtocol === undefined || rule.ipProtocol === flow.protocol) &&
    (rule.sourcePorts === undefined || within(rule.sourcePorts, flow.sourcePort)) &&
    (rule.destinationPorts === undefined || within(rule.destinationPorts, flow.destinationPort))
  return fits !== (rule.not ?? false)
}

export type Refusal = Exclude<PolicyRule['action'], 'lookup' | 'goto' | 'nop'>

/**
 * What the first of the rules that says anything says of a packet: fib_rules_lookup, for both families. `lookup` asks a
 * rule's table; an entry that throws, or that is too short for the rule, is as none. Undefined: no rule says anything.
 */
export function followRules<E extends { route: { type?: string | undefined }; prefix: { length: number } }>(
  rules: readonly PolicyRule[],
  destination: Ip,
  flow: RouteFlow,
  lookup: (rule: PolicyRule) => E | undefined,
): { rule: PolicyRule; entry: E; refusal?: never } | { rule: PolicyRule; refusal: Refusal } | undefined {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!
    if (!ruleApplies(rule, destination, flow)) continue
    if (rule.action === 'goto') {
      const at = rules.findIndex((r) => r.priority >= rule.target!)
      if (at > i && rules[at]!.priority === rule.target) i = at - 1
    } else if (rule.action === 'lookup') {
      const entry = lookup(rule)
      if (entry && entry.route.type !== 'throw' && entry.prefix.length > (rule.suppressPrefixLength ?? -1)) return { rule, entry }
    } else if (rule.action !== 'nop') return { rule, refusal: rule.action }
  }
  return undefined
}

function within([from, to]: readonly [number, number], port: number | undefined): boolean {
  return port !== undefined && port >= from && port <= to
}

/** A row of `ip rule` (iprule.c, print_rule) after the priority; `name` turns a table's number into its name. */
export function formatRule(rule: PolicyRule, options?: { name?(table: string): string; detached?(link: string): boolean; priorities?: ReadonlySet<number> }): string {
  let text = rule.not ? 'not from' : 'from'
  text += ` ${prefixText(rule.from) ?? 'all'}`
  const to = prefixText(rule.to)
  if (to !== undefined) text += ` to ${to}`
  if (rule.mark !== undefined) {
    const mask = rule.mask === undefined || rule.mask === 0xffffffff ? '' : `/${hex(rule.mask)}`
    text += ` fwmark ${hex(rule.mark)}${mask}`
  }
  for (const key of ['iif', 'oif'] as const) {
    const link = rule[key]
    if (link !== undefined) text += ` ${key} ${link}${options?.detached?.(link) ? ' [detached]' : ''}`
  }
  if (rule.ipProtocol !== undefined) text += ` ipproto ${rule.ipProtocol}`
  if (rule.sourcePorts) text += ` sport ${portsText(rule.sourcePorts)}`
  if (rule.destinationPorts) text += ` dport ${portsText(rule.destinationPorts)}`
  switch (rule.action) {
    case 'lookup':
      text += ` lookup ${options?.name?.(rule.table!) ?? rule.table!}`
      if (rule.suppressPrefixLength !== undefined) text += ` suppress_prefixlength ${rule.suppressPrefixLength}`
      break
    case 'goto':
      text += ` goto ${rule.target}${options?.priorities?.has(rule.target!) === false ? ' [unresolved]' : ''}`
      break
    default:
      text += ` ${rule.action}`
  }
  if (rule.protocol !== undefined && rule.protocol !== 'kernel') text += ` proto ${rule.protocol}`
  return text
}

function hex(value: number): string {
  return value === 0 ? '0' : `0x${(value >>> 0).toString(16)}`
}

function portsText([from, to]: readonly [number, number]): string {
  return from === to ? String(from) : `${from}-${to}`
}

function prefixText(prefix: string | undefined): string | undefined {
  if (prefix === undefined) return undefined
  return prefix.endsWith(prefix.includes(':') ? '/128' : '/32') ? prefix.slice(0, prefix.indexOf('/')) : prefix
}
