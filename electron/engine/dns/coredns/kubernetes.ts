import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Task } from '../../machine/task.ts'
import { inClusterClient } from '../../kubernetes/in-cluster-client.ts'
import { isIpv4, isValidIp, joinHostPort } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { absoluteName, addressOfReverse, isBelow, labelsBefore, sameName } from '../names.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'
import { metadataOf } from './metadata.ts'
import { ClusterNames, type ServiceEntry } from './cluster-names.ts'

/**
 * CoreDNS' kubernetes plugin (plugin/kubernetes, plugin/backend_lookup.go): the Kubernetes DNS specification 1.1 over
 * the objects that it watches.
 */
export interface KubernetesOptions {
  zones: string[]
  ttl: number
  pods: 'disabled' | 'insecure' | 'verified'
  /** Undefined: no fallthrough; empty: for every name; else below these zones. */
  fallthrough: string[] | undefined
  endpointPodNames: boolean
  /** Only these namespaces are shown. */
  namespaces: string[]
  ignoreEmptyService: boolean
  endpoints: boolean
  /** Only objects with these labels are looked at. */
  labels: string | undefined
  namespaceLabels: string | undefined
}

/** Thrown inside: the name does not exist. */
class NameError extends Error {}

/** One address (or name) that a query stands for; `key` is the name that an SRV record points to. */
interface Item { host: string; port: number; key: string }

const SCHEMA_VERSION = '1.1.0'
/** Of a chain of ExternalName Services (plugin/backend_lookup.go). */
const MAX_CNAMES = 7

export class KubernetesPlugin implements DnsPlugin {
  readonly name = 'kubernetes'
  readonly #options: KubernetesOptions
  readonly #context: PluginContext
  readonly names: ClusterNames
  readonly #primary: string

  constructor(client: KubernetesClient, context: PluginContext, options: KubernetesOptions) {
    this.#options = options
    this.#context = context
    this.#primary = options.zones.find((z) => !z.endsWith('.arpa.')) ?? options.zones[0] ?? 'cluster.local.'
    const { process, log } = context
    const [host, port] = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'].map((name) => process.env.get(name) ?? '')
    this.names = new ClusterNames(() => inClusterClient(process, client), {
      clock: process.clock,
      seed: process.machine.name,
      server: `https://${joinHostPort(host!, Number(port))}`,
      log,
      pods: options.pods === 'verified',
      endpointPodNames: options.endpointPodNames,
      endpoints: options.endpoints,
      ...(options.labels === undefined ? {} : { labels: options.labels }),
      ...(options.namespaceLabels === undefined ? {} : { namespaceLabels: options.namespaceLabels }),
    })
  }

  ready(): boolean {
    return this.names.synced
  }

  stop(): void {
    this.names.stop()
  }

  /** What the log may say of a query (plugin/metadata). */
  metadata(request: DnsRequest, label: string): string | undefined {
    return metadataOf(this.names, this.#options.zones, request, label)
  }

  /** The search list of the Pod that asks, with the domains of this server's own resolv.conf; empty: not known, or Pods are not verified (plugin/kubernetes/autopath.go). */
  searchOf({ name, client }: DnsRequest, others: readonly string[]): readonly string[] {
    const zone = this.#options.zones.filter((z) => isBelow(z, name)).sort((a, b) => b.length - a.length)[0]
    const namespace = zone === undefined || this.#options.pods !== 'verified' ? undefined : this.names.namespaceOfPod(client.address)
    if (zone === undefined || namespace === undefined) return []
    const dot = zone === '.' ? '' : zone
    return [`${namespace}.svc.${dot}`, `svc.${dot}`, zone, ...others, '']
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const matching = this.#options.zones.filter((z) => isBelow(z, request.name)).sort((a, b) => b.length - a.length)[0]
    if (matching === undefined) return yield* next()
    // The case of the question is kept.
    const zone = matching === '.' ? '.' : request.name.slice(request.name.length - matching.length)
    if (request.type === 'AXFR' || request.type === 'IXFR') return replyTo(request.query, { rcode: 'REFUSED' })
    let answers: DnsRecord[]
    let additionals: DnsRecord[] = []
    try {
      ;({ answers, additionals } = yield* this.#answer(request, zone))
    } catch (error) {
      if (!(error instanceof NameError)) throw error
      const { fallthrough } = this.#options
      if (fallthrough && (fallthrough.length === 0 || fallthrough.some((z) => isBelow(z, request.name)))) return yield* next()
      // who has not seen everything yet cannot know
      return replyTo(request.query, { rcode: this.names.synced ? 'NXDOMAIN' : 'SERVFAIL', authoritative: true, authorities: [this.#soa(zone)] })
    }
    if (answers.length === 0) return replyTo(request.query, { authoritative: true, authorities: [this.#soa(zone)] })
    return replyTo(request.query, { authoritative: true, answers, additionals })
  }

  *#answer(request: DnsRequest, zone: string): Task<{ answers: DnsRecord[]; additionals: DnsRecord[] }> {
    const { name, type } = request
    switch (type) {
      case 'A':
      case 'AAAA':
        return { answers: yield* this.#addresses(name, name, type, zone, []), additionals: [] }
      case 'TXT':
        return { answers: this.#version(name, zone), additionals: [] }
      case 'CNAME': {
        const first = this.#items(name, zone)[0]
        const answers = first && !isValidIp(first.host) ? [this.#record(name, { type: 'CNAME', target: absoluteName(first.host) })] : []
        return { answers, additionals: [] }
      }
      case 'PTR':
        return { answers: this.#pointers(name, zone), additionals: [] }
      case 'SRV':
        return this.#services(name, zone)
      case 'SOA':
        // nobody looks whether another name exists
        return { answers: sameName(name, zone) ? [this.#soa(zone)] : [], additionals: [] }
      case 'NS':
        if (sameName(name, zone)) return this.#nameServers(zone)
        break
    }
    // Whether the name exists at all decides between NXDOMAIN and no data.
    this.#items(name, zone)
    return { answers: [], additionals: [] }
  }

  // ---- records ------------------------------------------------------------------------------------------------

  *#addresses(owner: string, name: string, type: 'A' | 'AAAA', zone: string, chain: readonly DnsRecord[]): Task<DnsRecord[]> {
    const records: DnsRecord[] = []
    const seen = new Set<string>()
    for (const { host } of this.#items(name, zone)) {
      if (isValidIp(host)) {
        if (isIpv4(host) !== (type === 'A') || seen.has(host)) continue
        seen.add(host)
        records.push(this.#record(owner, { type, address: host }))
        continue
      }
      const target = absoluteName(host)
      if (sameName(target, name) || chain.length > MAX_CNAMES) continue
      const alias = this.#record(owner, { type: 'CNAME', target })
      if (chain.some((c) => c.data.type === 'CNAME' && sameName(c.name, owner) && sameName(c.data.target, target))) continue
      if (isBelow(zone, target)) {
        try {
          const more = yield* this.#addresses(target, target, type, zone, [...chain, alias])
          if (more.length > 0) records.push(alias, ...more)
        } catch (error) {
          if (!(error instanceof NameError)) throw error
        }
        continue
      }
      const outside = yield* this.#context.lookup(target, type)
      if (outside) records.push(alias, ...outside.answers)
    }
    return records
  }

  #services(name: string, zone: string): { answers: DnsRecord[]; additionals: DnsRecord[] } {
    const items = this.#items(name, zone).filter((i) => isValidIp(i.host))
    const weight = Math.max(1, Math.floor((100 / (100 * items.length)) * 100))
    const answers: DnsRecord[] = []
    const additionals: DnsRecord[] = []
    const seen = new Set<string>()
    for (const { host, port, key } of items) {
      if (port === -1) continue
      if (!seen.has(`${key} ${port}`)) {
        seen.add(`${key} ${port}`)
        answers.push(this.#record(name, { type: 'SRV', priority: 0, weight, port, target: key }))
      }
      if (!seen.has(`${key} ${host}`)) {
        seen.add(`${key} ${host}`)
        additionals.push(this.#record(key, { type: isIpv4(host) ? 'A' : 'AAAA', address: host }))
      }
    }
    return { answers, additionals }
  }

  #pointers(name: string, zone: string): DnsRecord[] {
    const ip = addressOfReverse(name)
    if (ip === undefined) {
      this.#items(name, zone)
      return []
    }
    const service = this.names.serviceByIp(ip)
    if (service && this.#exposed(service.namespace)) return [this.#record(name, { type: 'PTR', target: `${service.name}.${service.namespace}.svc.${this.#primary}` })]
    // since v1.11.4 only endpoints with a hostname of their own, as StatefulSets' Pods have
    const named = this.names.endpointsByIp(ip).filter((e) => e.named && (this.#options.namespaces.length === 0 || this.#exposed(e.namespace)))
    const targets = new Set(named.map((e) => `${e.hostname}.${e.service}.${e.namespace}.svc.${this.#primary}`))
    if (targets.size === 0) throw new NameError()
    return [...targets].map((target) => this.#record(name, { type: 'PTR', target }))
  }

  #version(name: string, zone: string): DnsRecord[] {
    const labels = labelsBefore(name, zone)
    if (labels.length === 1 && labels[0]!.toLowerCase() === 'dns-version') {
      return [{ name, class: 'IN', ttl: 28_800, data: { type: 'TXT', strings: [SCHEMA_VERSION] } }]
    }
    // what only is above other names does not count
    if (this.#items(name, zone).length === 0) throw new NameError()
    return []
  }

  #nameServers(zone: string): { answers: DnsRecord[]; additionals: DnsRecord[] } {
    // CoreDNS names itself by the Services that its own addresses are endpoints of (nsAddrs of plugin/kubernetes/ns.go).
    const own = this.#ownAddresses()
    const endpoints = own.flatMap((address) => this.names.endpointsByIp(address))
    const servers = new Set<string>()
    const additionals: DnsRecord[] = []
    const add = (target: string, address: string): void => {
      servers.add(target)
      additionals.push(this.#record(target, { type: isIpv4(address) ? 'A' : 'AAAA', address }))
    }
    for (const endpoint of endpoints) {
      const service = this.names.service(endpoint.namespace, endpoint.service)
      const name = `${endpoint.service}.${endpoint.namespace}.svc.${zone}`
      if (service?.headless) add(`${endpoint.hostname}.${name}`, endpoint.ip)
      else for (const ip of service?.clusterIPs ?? []) add(name, ip)
    }
    if (endpoints.length === 0) for (const address of own) add(`ns.dns.${zone}`, address)
    return { answers: [...servers].map((target) => this.#record(zone, { type: 'NS', target })), additionals }
  }

  #ownAddresses(): string[] {
    return [...this.#context.process.network.links.values()].flatMap((l) => l.addresses.map((a) => a.address)).filter((a) => !a.startsWith('127.') && a !== '::1' && !a.startsWith('fe80:'))
  }

  #record(name: string, data: DnsRecord['data']): DnsRecord {
    return { name, class: 'IN', ttl: this.#options.ttl, data }
  }

  #soa(zone: string): DnsRecord {
    const { ttl } = this.#options
    const dot = zone === '.' ? '' : zone
    return {
      name: zone,
      class: 'IN',
      ttl: Math.min(300, ttl),
      data: { type: 'SOA', primary: `ns.dns.${dot}`, mailbox: `hostmaster.${dot}`, serial: this.names.modified, refresh: 7200, retry: 1800, expire: 86_400, minimum: ttl },
    }
  }

  /** plugin/kubernetes/xfr.go */
  transfer(zone: string): readonly DnsRecord[] | undefined {
    if (!this.#options.zones.some((z) => isBelow(z, zone))) return undefined
    const soa = this.#soa(zone)
    const { answers, additionals } = this.#nameServers(zone)
    // nobody gives these a time to live there
    const servers = additionals.map((r) => ({ ...r, ttl: 0 }))
    const out: DnsRecord[] = [soa]
    // for each of its addresses that brings a new name, all of them
    for (const [i, server] of servers.entries()) {
      if (servers.findIndex((s) => s.name === server.name) === i) out.push(answers.find((a) => a.data.type === 'NS' && a.data.target === server.name)!)
      out.push(...servers)
    }
    const address = (name: string, ip: string): DnsRecord => this.#record(name, { type: isIpv4(ip) ? 'A' : 'AAAA', address: ip })
    const srv = (name: string, weight: number, port: number, target: string): DnsRecord => this.#record(name, { type: 'SRV', priority: 0, weight, port, target })
    for (const { name, namespace, headless, externalName, clusterIPs, ports } of this.names.services()) {
      if (!this.#exposed(namespace)) continue
      const owner = `${name}.${namespace}.svc.${zone}`
      if (externalName !== undefined) {
        if (!isValidIp(externalName)) out.push(this.#record(owner, { type: 'CNAME', target: absoluteName(externalName) }))
        continue
      }
      for (const ip of clusterIPs) out.push(address(owner, ip))
      if (!headless) {
        for (const p of ports) out.push(srv(owner, 100, p.port, owner), ...(p.name === '' ? [] : [srv(`_${p.name.toLowerCase()}._${p.protocol.toLowerCase()}.${owner}`, 100, p.port, owner)]))
        continue
      }
      for (const slice of this.names.slices(namespace, name)) {
        for (const { ip, hostname, ports: own } of slice) {
          const target = `${hostname}.${owner}`
          out.push(address(owner, ip), address(target, ip))
          for (const p of own) if (p.name !== '') out.push(srv(`_${p.name.toLowerCase()}._${p.protocol.toLowerCase()}.${owner}`, Math.max(1, Math.floor(100 / slice.length)), p.port, target))
        }
      }
    }
    return [...out, soa]
  }

  // ---- what k8s_external asks ---------------------------------------------------------------------------------

  get ttl(): number {
    return this.#options.ttl
  }

  get serial(): number {
    return this.names.modified
  }

  exposes(namespace: string): boolean {
    return this.#exposed(namespace)
  }

  servicesOfExternalIp(ip: string): readonly ServiceEntry[] {
    return this.names.servicesByExternalIp(ip).filter((s) => this.#options.namespaces.length === 0 || this.#exposed(s.namespace))
  }

  /** Where the world reaches CoreDNS: what its own Services are reached at; with `headless` also as an endpoint of headless ones. */
  externalAddresses(headless: boolean): string[] {
    const own = this.#ownAddresses()
    const endpoints = own.flatMap((address) => this.names.endpointsByIp(address))
    if (endpoints.length === 0) return own
    return endpoints.flatMap((endpoint) => {
      const service = this.names.service(endpoint.namespace, endpoint.service)
      return headless && service?.headless ? [endpoint.ip] : (service?.externalIPs ?? [])
    })
  }

  // ---- names --------------------------------------------------------------------------------------------------

  #exposed(namespace: string): boolean {
    const { namespaces } = this.#options
    return this.names.hasNamespace(namespace) && (namespaces.length === 0 || namespaces.includes(namespace))
  }

  /** What a name stands for; an empty list when it exists without records. Throws NameError. */
  #items(name: string, zone: string): Item[] {
    if (sameName(name, `ns.dns.${zone}`)) return this.#nameServers(zone).additionals.flatMap((r) => (r.data.type === 'A' || r.data.type === 'AAAA' ? [{ host: r.data.address, port: -1, key: name }] : []))
    const labels = labelsBefore(name, zone).map((l) => l.toLowerCase())
    const kind = labels.pop()
    if (kind === undefined) return []
    if (kind !== 'svc' && kind !== 'pod') throw new NameError()
    const namespace = labels.pop()
    if (namespace === undefined) return []
    if (zone.toLowerCase().endsWith('.arpa.')) throw new NameError()
    const service = labels.pop()
    if (labels.length > 2) throw new NameError()
    const endpoint = labels.length === 1 ? labels[0] : undefined
    const protocol = labels.length === 2 ? labels[1]!.replace(/^_/, '') : undefined
    const port = labels.length === 2 ? labels[0]!.replace(/^_/, '') : undefined
    if (!this.#exposed(namespace)) throw new NameError()
    if (service === undefined) return []
    const below = `${namespace}.${kind}.${zone}`
    return kind === 'pod' ? this.#pod(namespace, service, below) : this.#service(namespace, service, { endpoint, protocol, port }, below)
  }

  #pod(namespace: string, label: string, below: string): Item[] {
    const { pods } = this.#options
    if (pods === 'disabled') throw new NameError()
    const isV4 = label.split('-').length === 4 && !label.includes('--')
    const ip = label.replaceAll('-', isV4 ? '.' : ':')
    if (!isValidIp(ip) || (pods === 'verified' && !this.names.hasPod(namespace, ip))) throw new NameError()
    return [{ host: ip, port: -1, key: `${label}.${below}` }]
  }

  #service(namespace: string, name: string, wanted: { endpoint: string | undefined; protocol: string | undefined; port: string | undefined }, below: string): Item[] {
    const service = this.names.service(namespace, name)
    if (!service) throw new NameError()
    const { endpoint, protocol, port } = wanted
    const fits = (p: { name: string; protocol: string }): boolean =>
      (port === undefined || port === p.name.toLowerCase()) && (protocol === undefined || protocol === p.protocol.toLowerCase())
    const key = `${name}.${below}`
    if (service.externalName !== undefined) {
      // Neither endpoints nor ports stand behind it; an address as external name has no record either.
      if (endpoint !== undefined || port !== undefined || isValidIp(service.externalName)) throw new NameError()
      return [{ host: service.externalName, port: -1, key }]
    }
    let items: Item[]
    if (service.headless || endpoint !== undefined) {
      items = this.names.endpoints(namespace, name)
        .filter((e) => endpoint === undefined || e.hostname.toLowerCase() === endpoint)
        .flatMap((e) => e.ports.filter(fits).map((p) => ({ host: e.ip, port: p.port, key: `${e.hostname}.${key}` })))
    } else if (this.#options.ignoreEmptyService && this.names.endpoints(namespace, name).length === 0) {
      items = []
    } else {
      items = service.ports.filter(fits).flatMap((p) => service.clusterIPs.map((host) => ({ host, port: p.port, key })))
    }
    if (items.length === 0) throw new NameError()
    return items
  }
}
