import type { Ip } from '../../network/types.ts'
import type { Datapath } from './datapath.ts'
import { fqdnIdentity, LOCAL_SCOPE } from './identity.ts'
import { singleAddress, type Endpoint } from './maps.ts'

/** Names in rules, and the addresses that answers of DNS gave them (pkg/fqdn of cilium/cilium v1.17). */
export interface FqdnSelector { matchName?: string; matchPattern?: string }

const COLLECT = 60_000

/** The text of its label: "example.com", "*.example.com". */
export function fqdnLabel({ matchName = '', matchPattern = '' }: FqdnSelector): string {
  return (matchName === '' ? matchPattern : matchName).trim().toLowerCase()
}

/** `name` with its final dot. A star is any number of characters of one label; alone it is every name (pkg/fqdn/matchpattern). */
export function fqdnMatches(selector: FqdnSelector, name: string): boolean {
  const { matchName, matchPattern } = selector
  const lower = name.toLowerCase()
  const whole = (text: string): string => (text.endsWith('.') ? text : `${text}.`)
  if (matchName !== undefined && matchName !== '') return whole(matchName.trim().toLowerCase()) === lower
  const pattern = (matchPattern ?? '').trim().toLowerCase()
  if (pattern === '') return false
  if (pattern === '*') return true
  const parts = whole(pattern).split('*').map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'))
  return new RegExp(`^${parts.join('[-a-z0-9_]*')}$`).test(lower)
}

/** One answer as an endpoint has it. Times in virtual ms; TTL in seconds. */
export interface Lookup { readonly name: string; ips: readonly Ip[]; readonly ttl: number; readonly expiresAt: number }

/** An address whose time is over and whose connections are not (DNSZombieMapping). */
interface Zombie { readonly names: Set<string>; aliveAt: number }

interface History { readonly lookups: Map<string, Lookup>; readonly zombies: Map<Ip, Zombie> }

/** A row of `cilium-dbg fqdn cache list`. */
export interface CacheRow { endpoint: number; source: 'lookup' | 'connection'; name: string; ttl: number; expiresAt: number; ips: readonly Ip[] }

/**
 * What the node has learned. Each address of a name that some rule means is a row of ipcache of its own, with an identity
 * whose labels are the rules' names. It outlives the agent, as the files of its state directory do.
 */
export class NameManager {
  readonly #dp: Datapath
  readonly #endpoints = new Map<number, History>()
  #selectors: readonly FqdnSelector[] = []
  /** Identities by their labels, and what was written into ipcache. */
  readonly #identities = new Map<string, number>()
  readonly #rows = new Map<Ip, number>()

  constructor(dp: Datapath) {
    this.#dp = dp
  }

  get selectors(): readonly FqdnSelector[] {
    return this.#selectors
  }

  /** All selectors of the cluster's policies. */
  select(selectors: readonly FqdnSelector[]): void {
    this.#selectors = [...new Map(selectors.map((s) => [fqdnLabel(s), s])).values()]
    this.#write()
  }

  learn({ id }: Endpoint, name: string, ips: readonly Ip[], ttl: number): void {
    let history = this.#endpoints.get(id)
    if (!history) this.#endpoints.set(id, (history = { lookups: new Map(), zombies: new Map() }))
    history.lookups.set(name, { name, ips, ttl, expiresAt: this.#dp.now + ttl * 1000 })
    this.#write()
  }

  /** What the endpoint asked for that has this address. */
  namesOf(id: number, ip: Ip): readonly string[] {
    const history = this.#endpoints.get(id)
    if (!history) return []
    return [...new Set([...[...history.lookups.values()].filter((l) => l.ips.includes(ip)).map((l) => l.name), ...(history.zombies.get(ip)?.names ?? [])])].map((name) => name.replace(/\.$/, '')).sort()
  }

  forget({ id }: Endpoint): void {
    if (this.#endpoints.delete(id)) this.#write()
  }

  /** `cilium-dbg fqdn cache clean`: of the names that `matches`. */
  clean(matches: (name: string) => boolean): void {
    for (const { lookups, zombies } of this.#endpoints.values()) {
      for (const name of lookups.keys()) if (matches(name)) lookups.delete(name)
      for (const [ip, { names }] of zombies) {
        for (const name of names) if (matches(name)) names.delete(name)
        if (names.size === 0) zombies.delete(ip)
      }
    }
    this.#write()
  }

  rows(): CacheRow[] {
    return [...this.#endpoints].sort(([a], [b]) => a - b).flatMap(([endpoint, { lookups, zombies }]) => [
      ...[...lookups.values()].map(({ name, ips, ttl, expiresAt }): CacheRow => ({ endpoint, source: 'lookup', name, ttl, expiresAt, ips })),
      ...[...zombies].flatMap(([ip, { names, aliveAt }]) => [...names].map((name): CacheRow => ({ endpoint, source: 'connection', name, ttl: 0, expiresAt: aliveAt, ips: [ip] }))),
    ])
  }

  /** The job dns-garbage-collector-job: once a minute names go whose time is over, except addresses with a connection. */
  collect(): void {
    const { now, endpoints } = this.#dp
    let changed = false
    for (const endpoint of endpoints.values()) {
      const history = this.#endpoints.get(endpoint.id)
      if (!history) continue
      for (const [name, { ips, expiresAt }] of history.lookups) {
        if (expiresAt > now) continue
        history.lookups.delete(name)
        changed = true
        for (const ip of ips) {
          const zombie = history.zombies.get(ip)
          if (zombie) zombie.names.add(name)
          else history.zombies.set(ip, { names: new Set([name]), aliveAt: now })
        }
      }
      if (history.zombies.size === 0) continue
      const inUse = new Set(this.#dp.conntrack.list().filter((e) => e.expiresAt > now && !(e.rxClosing && e.txClosing) && endpoint.ips.includes(e.tuple.source)).map((e) => e.tuple.destination))
      for (const [ip, zombie] of history.zombies) {
        if (inUse.has(ip)) zombie.aliveAt = now
        else {
          history.zombies.delete(ip)
          changed = true
        }
      }
    }
    if (changed) this.#write()
  }

  /** Every minute, until what is returned is called. */
  collectAgain(): () => void {
    const { clock } = this.#dp.context
    const again = (): void => {
      this.collect()
      timer = clock.schedule(COLLECT, again, { background: true })
    }
    let timer = clock.schedule(COLLECT, again, { background: true })
    return () => clock.cancel(timer)
  }

  #wanted(): Map<Ip, Set<string>> {
    const out = new Map<Ip, Set<string>>()
    const add = (name: string, ips: readonly Ip[]): void => {
      for (const selector of this.#selectors) {
        if (!fqdnMatches(selector, name)) continue
        for (const ip of ips) {
          const labels = out.get(ip)
          if (labels) labels.add(fqdnLabel(selector))
          else out.set(ip, new Set([fqdnLabel(selector)]))
        }
      }
    }
    for (const { lookups, zombies } of this.#endpoints.values()) {
      for (const { name, ips } of lookups.values()) add(name, ips)
      for (const [ip, { names }] of zombies) for (const name of names) add(name, [ip])
    }
    return out
  }

  #write(): void {
    const dp = this.#dp
    const wanted = this.#wanted()
    for (const [ip, id] of this.#rows) {
      if (wanted.has(ip)) continue
      this.#rows.delete(ip)
      if (dp.ipcache.exact(ip)?.identity === id) dp.ipcache.delete(singleAddress(ip))
    }
    for (const [ip, labels] of wanted) {
      const known = dp.ipcache.exact(ip)
      // a Pod, a node or a rule's own prefix is known as what it is
      if (!dp.family(ip) || (known && known.identity !== this.#rows.get(ip))) continue
      const id = this.#identityOf([...labels].sort(), ip)
      if (this.#rows.get(ip) === id) continue
      this.#rows.set(ip, id)
      dp.ipcache.set(singleAddress(ip), { identity: id })
    }
    const used = new Set(this.#rows.values())
    for (const [key, id] of this.#identities) {
      if (used.has(id)) continue
      this.#identities.delete(key)
      dp.identities.delete(id)
    }
  }

  /** Prefixes of other rules around the address stay its own, too. */
  #identityOf(labels: readonly string[], ip: Ip): number {
    const dp = this.#dp
    const around = dp.ipcache.around(ip)
    const cidr = around === undefined ? undefined : dp.identities.get(around.identity)?.cidr
    const key = `${labels.join(' ')} ${cidr ?? ''} ${dp.worldOf(ip)}`
    let id = this.#identities.get(key)
    if (id === undefined) {
      id = dp.lastLocal = Math.max(LOCAL_SCOPE, dp.lastLocal) + 1
      this.#identities.set(key, id)
      dp.identities.set(id, fqdnIdentity(id, labels, cidr, dp.worldOf(ip)))
    }
    return id
  }
}
