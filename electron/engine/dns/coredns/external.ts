import type { Task } from '../../machine/task.ts'
import { isIpv4, isValidIp } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { absoluteName, addressOfReverse, isBelow, labelsBefore } from '../names.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'
import { CorefileError } from './corefile.ts'
import type { KubernetesPlugin } from './kubernetes.ts'

/** CoreDNS' k8s_external plugin: the addresses that the world reaches Services at, in a zone of their own (plugin/k8s_external, plugin/kubernetes/external.go). */
export interface ExternalOptions {
  zones: readonly string[]
  /** Seconds. */
  ttl: number
  /** The label below which its name server is. */
  apex: string
  /** Endpoints of headless Services have names, too. */
  headless: boolean
  /** Undefined: no fallthrough; empty: for every name; else below these zones. */
  fallthrough: readonly string[] | undefined
}

interface Item { host: string; port: number; key: string }
type Found = readonly Item[] | 'NXDOMAIN' | 'NODATA'

export class ExternalPlugin implements DnsPlugin {
  readonly name = 'k8s_external'
  readonly #context: PluginContext
  readonly #options: ExternalOptions
  readonly #kubernetes: () => KubernetesPlugin | undefined

  /** `kubernetes`: of the same block. */
  constructor(context: PluginContext, options: ExternalOptions, kubernetes: () => KubernetesPlugin | undefined) {
    this.#context = context
    this.#options = options
    this.#kubernetes = kubernetes
  }

  /** Once all plugins of the block are there. */
  check(): void {
    if (!this.#kubernetes()) throw new CorefileError('plugin/k8s_external: kubernetes plugin not loaded')
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { query, type } = request
    const { zones, apex, fallthrough } = this.#options
    const name = request.name.toLowerCase()
    const zone = zones.filter((z) => isBelow(z, name)).sort((a, b) => b.length - a.length)[0]
    const kubernetes = this.#kubernetes()
    if (zone === undefined || !kubernetes) return yield* next()
    const reply = (more: Partial<DnsMessage>): DnsMessage => replyTo(query, { authoritative: true, ...more })
    const none = (rcode = 'NOERROR'): DnsMessage => reply({ rcode, authorities: [this.#soa(zone, kubernetes)] })
    for (const each of zones) {
      if (name === each) return this.#apex(request, zone, kubernetes, reply, none)
      if (isBelow(`${apex}.${each}`, name)) return this.#below(request, zone, kubernetes, reply, none)
    }
    const found = this.#find(name, type, zone, kubernetes)
    if (found === 'NODATA') return none()
    if (found === 'NXDOMAIN') {
      if (fallthrough && (fallthrough.length === 0 || fallthrough.some((z) => isBelow(z, name)))) return yield* next()
      return none('NXDOMAIN')
    }
    const { answers, additionals } = yield* this.#records(request, found, kubernetes)
    return reply({ answers, additionals, authorities: answers.length > 0 ? [] : [this.#soa(zone, kubernetes)] })
  }

  // ---- its own names ------------------------------------------------------------------------------------------------

  #apex({ name, type }: DnsRequest, zone: string, kubernetes: KubernetesPlugin, reply: (more: Partial<DnsMessage>) => DnsMessage, none: () => DnsMessage): DnsMessage {
    if (type === 'SOA') return reply({ answers: [this.#soa(zone, kubernetes)] })
    if (type !== 'NS') return none()
    const { ttl, apex } = this.#options
    return reply({ answers: [{ name: zone, class: 'IN', ttl, data: { type: 'NS', target: `ns1.${apex}.${zone}` } }], additionals: this.#servers(kubernetes, `ns1.${apex}.${name}`) })
  }

  #below({ name, type }: DnsRequest, zone: string, kubernetes: KubernetesPlugin, reply: (more: Partial<DnsMessage>) => DnsMessage, none: (rcode?: string) => DnsMessage): DnsMessage {
    const labels = labelsBefore(name, zone)
    if (labels.length === 1) return none()
    if (labels.length > 2 || labels[0]!.toLowerCase() !== 'ns1') return none('NXDOMAIN')
    const answers = this.#servers(kubernetes, name).filter((r) => r.data.type === type)
    return answers.length > 0 ? reply({ answers }) : none()
  }

  #servers(kubernetes: KubernetesPlugin, name: string): DnsRecord[] {
    return kubernetes.externalAddresses(this.#options.headless).filter(isValidIp).map((ip) => this.#address(name, ip))
  }

  #soa(zone: string, { serial }: KubernetesPlugin): DnsRecord {
    const { ttl, apex } = this.#options
    return { name: zone, class: 'IN', ttl, data: { type: 'SOA', primary: `ns1.${apex}.${zone}`, mailbox: `hostmaster.${apex}.${zone}`, serial, refresh: 7200, retry: 1800, expire: 86_400, minimum: ttl } }
  }

  // ---- those of Services ----------------------------------------------------------------------------------------------

  #find(name: string, type: string, zone: string, kubernetes: KubernetesPlugin): Found {
    const ip = type === 'PTR' ? addressOfReverse(name) : undefined
    if (ip !== undefined) {
      const services = kubernetes.servicesOfExternalIp(ip)
      return services.length > 0 ? services.map((s) => ({ host: `${s.name}.${s.namespace}`, port: -1, key: '' })) : 'NXDOMAIN'
    }
    const labels = labelsBefore(name, zone)
    const namespace = labels.pop()!
    if (!kubernetes.exposes(namespace)) return 'NXDOMAIN'
    const wanted = labels.pop()
    if (wanted === undefined) return 'NODATA'
    if (labels.length > 2) return 'NXDOMAIN'
    const plain = (label: string): string => label.replace(/^_/, '')
    const endpoint = labels.length === 1 ? plain(labels[0]!) : undefined
    const [port, protocol] = labels.length === 2 ? labels.map(plain) : []
    const service = kubernetes.names.service(namespace, wanted)
    if (!service) return 'NXDOMAIN'
    const key = `${wanted}.${namespace}.${zone}`
    const fits = (p: { name: string; protocol: string }): boolean => (port === undefined || port === p.name.toLowerCase()) && (protocol === undefined || protocol === p.protocol.toLowerCase())
    const items = this.#options.headless && service.externalIPs.length === 0 && (service.headless || endpoint !== undefined)
      ? kubernetes.names.endpoints(namespace, wanted)
          .filter((e) => endpoint === undefined || e.hostname.toLowerCase() === endpoint)
          .flatMap((e) => e.ports.filter(fits).map((p) => ({ host: e.ip, port: p.port, key: `${e.hostname}.${key}` })))
      : service.externalIPs.flatMap((host) => service.ports.filter(fits).map((p) => ({ host, port: p.port, key })))
    if (items.length === 0) return 'NXDOMAIN'
    return type === 'PTR' ? 'NODATA' : items
  }

  *#records({ name, type }: DnsRequest, items: readonly Item[], { ttl }: KubernetesPlugin): Task<{ answers: DnsRecord[]; additionals: DnsRecord[] }> {
    const answers: DnsRecord[] = []
    const additionals: DnsRecord[] = []
    const seen = new Set<string>()
    const isNew = (key: string): boolean => !seen.has(key) && !!seen.add(key)
    const elsewhere = function* (context: PluginContext, target: string, of: string): Task<readonly DnsRecord[]> {
      return (yield* context.lookup(target, of))?.answers ?? []
    }
    const weight = Math.max(1, Math.floor(100 / items.length))
    for (const { host, port, key } of items) {
      const target = absoluteName(host)
      const isAddress = isValidIp(host)
      if (type === 'PTR') {
        if (isNew(host)) answers.push({ name, class: 'IN', ttl: this.#options.ttl, data: { type: 'PTR', target: `${host}.${this.#options.zones[0]!}` } })
      } else if (type === 'SRV') {
        if (port === -1) continue
        const owner = isAddress ? key : target
        if (isNew(`${owner} ${port}`)) answers.push({ name, class: 'IN', ttl, data: { type: 'SRV', priority: 0, weight, port, target: owner } })
        if (!isNew(`${owner} ${host}`)) continue
        if (isAddress) additionals.push(this.#address(key, host))
        else for (const of of ['A', 'AAAA']) additionals.push(...(yield* elsewhere(this.#context, target, of)))
      } else if (type === 'A' || type === 'AAAA') {
        if (!isAddress) answers.push({ name, class: 'IN', ttl, data: { type: 'CNAME', target } }, ...(yield* elsewhere(this.#context, target, type)))
        else if (isIpv4(host) === (type === 'A') && isNew(host)) answers.push(this.#address(name, host))
      }
    }
    return { answers, additionals }
  }

  #address(name: string, address: string): DnsRecord {
    return { name, class: 'IN', ttl: this.#options.ttl, data: { type: isIpv4(address) ? 'A' : 'AAAA', address } }
  }
}
