import type { FqdnSelector } from './fqdn.ts'
import type { Identity } from './identity.ts'
import type { TransportProtocol } from './maps.ts'

/**
 * What an endpoint may do: the rules of all policies that select it, and the map that programs look into (pkg/policy
 * and bpf/lib/policy.h of cilium/cilium v1.17). Rules only add, but a deny rule beats every other.
 */
export type Direction = 'ingress' | 'egress'

export interface HttpRule {
  /** Extended POSIX regular expressions that must fit the whole text. */
  method?: string
  path?: string
  host?: string
  /** "X-Token: secret", or a name alone. */
  headers?: readonly string[]
  headerMatches?: readonly { name: string; value?: string }[]
}

export interface PortRange { protocol: TransportProtocol | 'any'; from: number; to: number; /** ICMP type. */ icmpType?: number }

export interface CompiledRule {
  /** "default/allow-web" */
  readonly policy: string
  readonly deny: boolean
  /** Undefined: every identity. */
  readonly peers: readonly ((identity: Identity) => boolean)[] | undefined
  /** Undefined: every port of every protocol. */
  readonly ports: readonly PortRange[] | undefined
  /** HTTP requests that pass; undefined: no proxy. */
  readonly http: readonly HttpRule[] | undefined
  /** Names that may be asked for; undefined: queries are nobody's business. */
  readonly dns?: readonly FqdnSelector[] | undefined
  /** "from endpoints app=web to 80/TCP" */
  readonly text: string
}

export interface PolicyVerdict {
  allowed: boolean
  /** The rule that decided; none: nothing allows it, or nothing is enforced. */
  rule: CompiledRule | undefined
  /** All HTTP rules that apply; undefined: the proxy is not asked. */
  http: readonly HttpRule[] | undefined
  /** The same of names. */
  dns?: readonly FqdnSelector[]
  proxyPort: number
}

interface Counter { packets: number; bytes: number }

/** A row as `cilium-dbg bpf policy get` shows it. */
export interface PolicyRow { deny: boolean; direction: Direction; identity: number; protocol: TransportProtocol | 'any'; port: number; to: number; proxyPort: number; packets: number; bytes: number }

/** Where Envoy listens for each direction, and the agent's DNS proxy. */
export type ProxyPorts = Readonly<Record<Direction | 'dns', number>>

export class EndpointPolicy {
  readonly rules: Readonly<Record<Direction, readonly CompiledRule[]>>
  /** The policies that isolate the endpoint in a direction. */
  readonly selecting: Readonly<Record<Direction, readonly string[]>>
  readonly proxyPorts: ProxyPorts
  readonly revision: number
  readonly #known = new Map<string, PolicyVerdict>()
  readonly #counters = new Map<string, Counter>()

  constructor(
    rules: EndpointPolicy['rules'] = { ingress: [], egress: [] },
    selecting: EndpointPolicy['selecting'] = { ingress: [], egress: [] },
    proxyPorts: EndpointPolicy['proxyPorts'] = { ingress: 0, egress: 0, dns: 0 },
    revision = 1,
  ) {
    this.rules = rules
    this.selecting = selecting
    this.proxyPorts = proxyPorts
    this.revision = revision
  }

  enforces(direction: Direction): boolean {
    return this.selecting[direction].length > 0
  }

  /** `port`: the destination's, or the type of an ICMP message. */
  verdict(direction: Direction, peer: Identity, protocol: TransportProtocol, port: number): PolicyVerdict {
    const key = `${direction} ${peer.id} ${protocol} ${port}`
    let known = this.#known.get(key)
    if (!known) this.#known.set(key, (known = this.#decide(direction, peer, protocol, port)))
    return known
  }

  /** Another identity's labels have become known. */
  forget(): void {
    this.#known.clear()
  }

  count(direction: Direction, peer: number, bytes: number): void {
    const key = `${direction} ${peer}`
    const counter = this.#counters.get(key)
    if (counter) {
      counter.packets++
      counter.bytes += bytes
    } else this.#counters.set(key, { packets: 1, bytes })
  }

  #decide(direction: Direction, peer: Identity, protocol: TransportProtocol, port: number): PolicyVerdict {
    const rules = this.rules[direction].filter((rule) => meansPeer(rule, peer) && meansPort(rule, protocol, port))
    const denied = rules.find((rule) => rule.deny)
    if (denied) return { allowed: false, rule: denied, http: undefined, proxyPort: 0 }
    const [first] = rules
    if (!first) return { allowed: !this.enforces(direction), rule: undefined, http: undefined, proxyPort: 0 }
    if (rules.some((rule) => rule.dns)) {
      return { allowed: true, rule: rules.find((rule) => rule.dns), http: undefined, dns: rules.flatMap((rule) => rule.dns ?? [{ matchPattern: '*' }]), proxyPort: this.proxyPorts.dns }
    }
    if (!rules.some((rule) => rule.http)) return { allowed: true, rule: first, http: undefined, proxyPort: 0 }
    // one rule without HTTP conditions allows every request, through the proxy all the same
    const http = rules.flatMap((rule) => rule.http ?? [{}])
    return { allowed: true, rule: rules.find((rule) => rule.http), http, proxyPort: this.proxyPorts[direction] }
  }

  /** What the map holds for the identities that the node knows. */
  rows(identities: readonly Identity[]): PolicyRow[] {
    const out: PolicyRow[] = []
    for (const direction of ['ingress', 'egress'] as const) {
      if (!this.enforces(direction)) {
        out.push({ deny: false, direction, identity: 0, protocol: 'any', port: 0, to: 0, proxyPort: 0, packets: 0, bytes: 0 })
      }
      const rows = new Map<string, PolicyRow>()
      for (const rule of this.rules[direction]) {
        const peers = rule.peers ? identities.filter((identity) => meansPeer(rule, identity)).map((i) => i.id) : [0]
        for (const { protocol, from, to } of rule.ports ?? [{ protocol: 'any' as const, from: 0, to: 0 }]) {
          for (const identity of peers) {
            const counter = this.#counters.get(`${direction} ${identity}`) ?? { packets: 0, bytes: 0 }
            const key = `${identity} ${protocol} ${from} ${to}`
            const old = rows.get(key)
            if (old?.deny) continue
            rows.set(key, { deny: rule.deny, direction, identity, protocol, port: from, to, proxyPort: rule.http ? this.proxyPorts[direction] : rule.dns ? this.proxyPorts.dns : (old?.proxyPort ?? 0), ...counter })
          }
        }
      }
      out.push(...[...rows.values()].sort((a, b) => a.identity - b.identity || a.port - b.port))
    }
    return out
  }
}

function meansPeer(rule: CompiledRule, peer: Identity): boolean {
  return rule.peers === undefined || rule.peers.some((matches) => matches(peer))
}

function meansPort({ ports }: CompiledRule, protocol: TransportProtocol, port: number): boolean {
  if (!ports) return true
  return ports.some((range) => {
    if (range.protocol === 'icmp') return protocol === 'icmp' && (range.icmpType === undefined || range.icmpType === port)
    if (protocol === 'icmp') return false
    return (range.protocol === 'any' || range.protocol === protocol) && (range.from === 0 || (port >= range.from && port <= range.to))
  })
}
