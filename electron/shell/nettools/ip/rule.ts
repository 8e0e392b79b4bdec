import { formatRule, isValidIp, tryParseCidr, type NetworkNamespace, type PolicyRule, type Process } from '../../../engine/cluster.ts'
import { nextWord, numberWord, permit, Refusal, verbOf, wrong, type Options } from './common.ts'
import { readProtocol, TableNames } from './tables.ts'
import { writeJson } from './json.ts'

/** ip-rule(8) */
export function rule(process: Process, args: string[], options: Options): string {
  const { network } = process
  const names = new TableNames(process, options.numeric)
  const family = options.family === 6 ? 6 : 4
  const rules = family === 6 ? network.routes.rules6 : network.routes.rules
  const word = args[0]
  const verb = verbOf(args, ['show', 'add', 'delete', 'flush', 'order', 'save', 'restore'], 'rule')
  switch (verb) {
    case 'show': return show(network, rules.list(), words(args, names, 'show', family), names, options)
    case 'add':
    case 'order':
    case 'delete': {
      if (args.length === 0) throw new Refusal(`"ip rule ${verb === 'delete' ? 'del' : 'add'}" requires arguments.\n`, 1)
      const given = words(args, names, verb, family)
      permit(options)
      if (verb === 'delete') rules.remove(given)
      else rules.add(given)
      return ''
    }
    case 'flush': {
      const chosen = args.length > 0 ? selected(rules.list(), words(args, names, 'show', family), family) : undefined
      permit(options)
      if (!chosen) rules.flush()
      else for (const r of chosen) if (r.priority > 0) rules.remove(r)
      return ''
    }
    default: throw new Refusal(`podhop: not simulated: ip rule ${word} (use ip rule show)\n`, 69)
  }
}

/** iprule.c, iprule_modify and iprule_list_flush_or_save: the words say what a rule has. */
function words(args: string[], names: TableNames, verb: string, family: 4 | 6): Partial<PolicyRule> & { protocol?: string } {
  const out: Partial<PolicyRule> = {}
  while (args.length > 0) {
    const word = args.shift()!
    switch (word) {
      case 'not': out.not = true; break
      case 'from': out.from = prefix(nextWord(args), family); break
      case 'to': out.to = prefix(nextWord(args), family); break
      case 'pref': case 'preference': case 'priority': case 'prio': case 'order':
        out.priority = numberWord(nextWord(args), 'preference value is invalid'); break
      case 'fwmark': {
        const text = nextWord(args)
        const [mark, mask] = text.split('/')
        out.mark = numberWord(mark!, 'fwmark value is invalid')
        if (mask !== undefined) out.mask = numberWord(mask, 'fwmask value is invalid')
        break
      }
      case 'table': case 'lookup':
        out.table = names.read(nextWord(args), 'invalid table ID')
        if (verb !== 'show') out.action = 'lookup'
        break
      case 'iif': case 'dev': out.iif = nextWord(args); break
      case 'oif': out.oif = nextWord(args); break
      case 'goto':
        out.action = 'goto'
        out.target = numberWord(nextWord(args), 'invalid target'); break
      case 'blackhole': case 'unreachable': case 'prohibit': case 'nop': out.action = word; break
      case 'type': {
        const type = nextWord(args)
        if (type === 'unicast') out.action = 'lookup'
        else if (type === 'blackhole' || type === 'unreachable' || type === 'prohibit') out.action = type
        else throw new Refusal(`podhop: not simulated: ip rule type ${type} (use unicast, blackhole, unreachable or prohibit)\n`, 69)
        break
      }
      case 'ipproto': out.ipProtocol = nextWord(args); break
      case 'sport': out.sourcePorts = ports(nextWord(args)); break
      case 'dport': out.destinationPorts = ports(nextWord(args)); break
      case 'suppress_prefixlength': out.suppressPrefixLength = numberWord(nextWord(args), 'suppress_prefixlength value is invalid', 32); break
      case 'protocol': case 'proto': out.protocol = readProtocol(nextWord(args)); break
      case 'tos': case 'dsfield': case 'realms': case 'l3mdev': case 'uidrange': case 'tun_id': case 'suppress_ifgroup': case 'nat':
        throw new Refusal(`podhop: not simulated: ip rule ${word} (use from, to, fwmark, iif, oif, ipproto, sport or dport)\n`, 69)
      default:
        if (verb === 'show') throw new Refusal(`Error: inet prefix is expected rather than "${word}".\n`, 1)
        throw new Refusal(`Error: argument "${word}" is wrong: Failed to parse rule type\n`, 255)
    }
  }
  // all is what a rule has that says nothing
  if (verb !== 'show') for (const key of ['from', 'to'] as const) if (out[key] === everything(family)) delete out[key]
  return out
}

function everything(family: 4 | 6): string {
  return family === 4 ? '0.0.0.0/0' : '::/0'
}

function prefix(text: string, family: 4 | 6): string {
  if (text === 'all' || text === 'any' || text === 'default') return everything(family)
  const cidr = text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`
  if (tryParseCidr(cidr)?.version !== family || !isValidIp(cidr.split('/')[0]!)) throw new Refusal(`Error: ${family === 6 ? 'inet6' : 'any valid'} prefix is expected rather than "${text}".\n`, 1)
  return cidr
}

function ports(text: string): readonly [number, number] {
  const [from, to] = text.split('-')
  const first = numberWord(from!, 'invalid port range', 65535)
  const last = to === undefined ? first : numberWord(to, 'invalid port range', 65535)
  if (last < first) throw wrong(text, 'invalid port range')
  return [first, last]
}

/** Those that have all that was said. */
function selected(all: readonly PolicyRule[], filter: Partial<PolicyRule>, family: 4 | 6): PolicyRule[] {
  const keys = Object.keys(filter) as (keyof PolicyRule)[]
  return all.filter((r) => keys.every((key) => filter[key] === undefined || filter[key] === (r[key] ?? (key === 'from' || key === 'to' ? everything(family) : undefined))))
}

function show(network: NetworkNamespace, all: readonly PolicyRule[], filter: Partial<PolicyRule>, names: TableNames, options: Options): string {
  const rules = selected(all, filter, options.family === 6 ? 6 : 4)
  const detached = (link: string): boolean => !network.links.has(link)
  if (options.json) return writeJson(rules.map((r) => row(r, names, detached, all)), options.pretty)
  const priorities = new Set(all.map((r) => r.priority))
  return rules.map((r) => `${r.priority}:\t${formatRule(r, { name: (table) => names.name(table), detached, priorities })}${options.details ? ` proto ${r.protocol ?? 'unspec'}` : ''}\n`).join('')
}

/** For `ip monitor`: the rows of one family. */
export function ruleRows(network: NetworkNamespace, family: 4 | 6, names: TableNames): string[] {
  const all = (family === 6 ? network.routes.rules6 : network.routes.rules).list()
  const format = { name: (table: string) => names.name(table), detached: (link: string) => !network.links.has(link), priorities: new Set(all.map((r) => r.priority)) }
  return all.map((r) => `${r.priority}:\t${formatRule(r, format)}\n`)
}

function row(r: PolicyRule, names: TableNames, detached: (link: string) => boolean, all: readonly PolicyRule[]): Record<string, unknown> {
  const end = (name: 'src' | 'dst', cidr: string | undefined): object => {
    const [address, length] = (cidr ?? '').split('/')
    return cidr === undefined ? {} : { [name]: address, ...(length === (address!.includes(':') ? '128' : '32') ? {} : { [`${name}len`]: Number(length) }) }
  }
  const hex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`)
  return {
    priority: r.priority,
    ...(r.not && { not: null }),
    ...(r.from === undefined ? { src: 'all' } : end('src', r.from)),
    ...end('dst', r.to),
    ...(r.mark !== undefined && { fwmark: hex(r.mark), ...(r.mask !== undefined && r.mask !== 0xffffffff && { fwmask: hex(r.mask) }) }),
    ...(r.iif !== undefined && { iif: r.iif, ...(detached(r.iif) && { iif_detached: null }) }),
    ...(r.oif !== undefined && { oif: r.oif, ...(detached(r.oif) && { oif_detached: null }) }),
    ...(r.ipProtocol !== undefined && { ipproto: r.ipProtocol }),
    ...portRow('sport', r.sourcePorts),
    ...portRow('dport', r.destinationPorts),
    ...(r.action === 'lookup' ? { table: names.name(r.table!), ...(r.suppressPrefixLength !== undefined && { suppress_prefixlen: r.suppressPrefixLength }) } : r.action === 'goto' ? { goto: r.target, ...(!all.some((o) => o.priority === r.target) && { unresolved: null }) } : { action: r.action }),
    ...(r.protocol !== undefined && r.protocol !== 'kernel' && { protocol: r.protocol }),
  }
}

function portRow(name: 'sport' | 'dport', ports: readonly [number, number] | undefined): Record<string, number> {
  if (!ports) return {}
  return ports[0] === ports[1] ? { [name]: ports[0] } : { [`${name}_start`]: ports[0], [`${name}_end`]: ports[1] }
}
