import { EVENT_TYPES, POINTS, REASONS } from './flow-message.ts'
import { FilterError, flowTest, identityNumber } from './filters.ts'
import { HUBBLE, type FilterMessage } from './messages.ts'

/** `hubble observe`'s filter flags, and the FlowFilters that they make (hubble/cmd/observe/flows_filter.go of cilium/cilium v1.17). */
const SIDED = ['pod', 'service', 'namespace', 'all-namespaces', 'ip', 'port', 'label', 'identity', 'fqdn']
const SINGLE = ['verdict', 'drop-reason-desc', 'type', 'protocol', 'traffic-direction', 'tcp-flags', 'http-method', 'http-status', 'http-path', 'http-url', 'ipv4', 'ipv6', 'ip-version', 'node-name']
export const FILTERS: ReadonlySet<string> = new Set([...SIDED.flatMap((name) => [name, `from-${name}`, `to-${name}`]), ...SINGLE])
export const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set(['ipv4', 'ipv6', 'all-namespaces', 'from-all-namespaces', 'to-all-namespaces'])

const VERDICTS = ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED']
const EVENTS = ['capture', 'drop', 'l7', 'policy-verdict', 'trace', 'trace-sock']
const TCP_FLAGS = ['SYN', 'FIN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS']
/** What says the same of one side cannot be said twice. */
const CONFLICTS = [
  ['from-ip', 'ip', 'fqdn', 'from-fqdn', 'from-namespace', 'namespace', 'all-namespaces'], ['to-ip', 'ip', 'fqdn', 'to-fqdn', 'to-namespace', 'namespace', 'all-namespaces'], ['from-ip', 'ip', 'from-fqdn', 'fqdn', 'from-pod', 'pod'], ['to-ip', 'ip', 'to-fqdn', 'fqdn', 'to-pod', 'pod'],
  ['to-pod', 'namespace', 'all-namespaces'], ['from-pod', 'namespace', 'all-namespaces'], ['label', 'from-label'], ['label', 'to-label'], ['service', 'from-service'], ['service', 'to-service'], ['port', 'to-port'], ['port', 'from-port'], ['identity', 'to-identity'], ['identity', 'from-identity'],
] as const

/** One list: its filters are `left` or `right`. */
class Tracker {
  readonly #left: FilterMessage = {}
  readonly #right: FilterMessage = {}
  readonly #namespaces: Record<'' | 'from-' | 'to-', string[]> = { '': [], 'from-': [], 'to-': [] }
  readonly #used = new Set<string>()

  /** Throws FilterError. */
  set(name: string, value: string): void {
    this.#used.add(name)
    for (const group of CONFLICTS) {
      const both = group.filter((flag) => this.#used.has(flag))
      if (both.length > 1) throw new FilterError(`filters --${both[0]!} and --${both[1]!} cannot be combined`)
    }
    const [, side = '', base = ''] = /^(from-|to-)?(.*)$/.exec(name)!
    if (base === 'namespace' || base === 'all-namespaces') this.#namespaces[side as 'from-'].push(base === 'namespace' ? value : '')
    else if (SIDED.includes(base)) this.#sided(side, base, base === 'identity' ? identityOf(value) : value)
    else this.#both(...single(name, value))
  }

  #sided(side: string, base: string, value: unknown): void {
    if (side !== '') return this.#both(side === 'from-' ? `source_${base}` : `destination_${base}`, value)
    add(this.#left, `source_${base}`, value)
    add(this.#right, `destination_${base}`, value)
  }

  #both(field: string, value: unknown): void {
    add(this.#left, field, value)
    add(this.#right, field, value)
  }

  filters(): FilterMessage[] {
    const { '': both, 'from-': from, 'to-': to } = this.#namespaces
    for (const filter of [this.#left, this.#right]) {
      within(filter, 'source', from)
      within(filter, 'destination', to)
    }
    within(this.#left, 'source', both)
    within(this.#right, 'destination', both)
    if (this.#used.size === 0) return []
    return JSON.stringify(this.#left) === JSON.stringify(this.#right) ? [this.#left] : [this.#left, this.#right]
  }
}

const add = (filter: FilterMessage, field: string, value: unknown): void => void (filter[field] ??= []).push(value)

/** "--namespace shop --pod web" means shop/web. */
function within(filter: FilterMessage, side: 'source' | 'destination', namespaces: readonly string[]): void {
  if (namespaces.length === 0) return
  const [pod, service] = [`${side}_pod`, `${side}_service`]
  if (!filter[pod] && !filter[service]) filter[pod] = ['']
  for (const field of [pod, service]) if (filter[field]) filter[field] = (filter[field] as string[]).flatMap((name) => (name.includes('/') ? [name] : namespaces.map((namespace) => `${namespace}/${name}`)))
}

function identityOf(value: string): number {
  const id = identityNumber(value)
  if (id === undefined) throw new FilterError(`invalid identity "${value}", expected one of [host world unmanaged health init remote-node kube-apiserver ingress] or a numeric identity`)
  return id
}

function single(name: string, value: string): [field: string, value: unknown] {
  switch (name) {
    case 'verdict':
      if (!VERDICTS.includes(value)) throw new FilterError(`invalid --verdict value: ${value}`)
      return ['verdict', value]
    case 'drop-reason-desc':
      if (value === '' || !HUBBLE.hasEnumValue('DropReason', value)) throw new FilterError(value === '' ? 'empty --drop-reason-desc value' : `invalid --drop-reason-desc value: ${value}`)
      return ['drop_reason_desc', value]
    case 'type': return ['event_type', eventOf(value)]
    case 'traffic-direction':
      if (!/^(in|e)gress$/i.test(value)) throw new FilterError(`${value}: invalid traffic direction, expected ingress or egress`)
      return ['traffic_direction', value.toUpperCase()]
    case 'tcp-flags': {
      const flags = value.split(',')
      const unknown = flags.find((flag) => !TCP_FLAGS.includes(flag.toUpperCase()))
      if (unknown !== undefined) throw new FilterError(`unknown tcp flag: ${unknown}`)
      return ['tcp_flags', Object.fromEntries(flags.map((flag) => [flag.toUpperCase(), true]))]
    }
    case 'ipv4': return ['ip_version', 'IPv4']
    case 'ipv6': return ['ip_version', 'IPv6']
    case 'ip-version': return ['ip_version', /^(v|ip|ipv)?6$/i.test(value) ? 'IPv6' : /^(v|ip|ipv)?4$/i.test(value) ? 'IPv4' : 'IP_NOT_USED']
    case 'http-status': return ['http_status_code', value]
    default: return [name.replaceAll('-', '_'), value]
  }
}

/** "drop", "trace:to-endpoint", "drop:133" */
function eventOf(value: string): object {
  const [event, sub] = value.split(':') as [string, string | undefined]
  if (!EVENTS.includes(event)) throw new FilterError(`unknown type filter ${event}, expected one of [${EVENTS.join(' ')}]`)
  const type = EVENT_TYPES[event as 'drop'] as number | undefined
  // what is never reported here
  if (type === undefined) return { type: event === 'capture' ? 3 : 7 }
  if (sub === undefined) return { type }
  const number = /^\d+$/.test(sub) ? Number(sub) : event === 'trace' ? POINTS.get(sub) : event === 'drop' ? [...REASONS].find(([text, [, name]]) => text === sub || name === sub)?.[1][0] : undefined
  if (number === undefined) throw new FilterError(`unable to parse type filter ${value}: strconv.ParseUint: parsing ${JSON.stringify(sub)}: invalid syntax`)
  return { type, match_sub_type: true, sub_type: number }
}

export class FlowFlags {
  readonly #wanted = new Tracker()
  readonly #unwanted = new Tracker()

  /** Throws FilterError, for values too that only a server would not take. */
  set(name: string, value: string, not: boolean): void {
    const alone = new Tracker()
    alone.set(name, value)
    try {
      flowTest(alone.filters())
    } catch (error) {
      if (!(error instanceof FilterError)) throw error
      throw new FilterError(`failed to build filter: ${error.message}`)
    }
    (not ? this.#unwanted : this.#wanted).set(name, value)
  }

  /** The two lists of a request. */
  lists(): { whitelist?: FilterMessage[]; blacklist?: FilterMessage[] } {
    const [whitelist, blacklist] = [this.#wanted.filters(), this.#unwanted.filters()]
    return { ...(whitelist.length > 0 ? { whitelist } : {}), ...(blacklist.length > 0 ? { blacklist } : {}) }
  }
}
