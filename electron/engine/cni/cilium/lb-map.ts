import { joinHostPort } from '../../network/address.ts'
import { endpoint } from '../../journey/header.ts'
import type { Random } from '../../random.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import type { EndpointInfo } from '../../proxy/endpoints.ts'
import type { ServicePortInfo } from '../../proxy/service-ports.ts'

/** cilium_lb4_services_v2, _backends_v3, _reverse_nat, _affinity and _source_range (pkg/loadbalancer, pkg/maps/lbmap of cilium/cilium v1.17). */
export type LbProtocol = 'tcp' | 'udp' | 'sctp'
/** An address that goes to Pods of the own node, by a CiliumLocalRedirectPolicy ("default/lrp"). */
export interface Redirect { readonly ip: Ip; readonly port: number; readonly protocol: LbProtocol; readonly policy: string; readonly backends: readonly { ip: Ip; port: number }[] }
export type FrontendType = 'LocalRedirect' | 'ClusterIP' | 'NodePort' | 'ExternalIPs' | 'LoadBalancer' | 'HostPort'

export interface LbBackend { readonly id: number; readonly ip: Ip; readonly port: number; readonly protocol: LbProtocol; readonly terminating: boolean; readonly nodeName: string | undefined }

export interface Frontend {
  /** The Service's number here, and REVNAT_ID. */
  readonly id: number
  readonly ip: Ip
  readonly port: number
  readonly protocol: LbProtocol
  readonly type: FrontendType
  /** "default/web" */
  readonly service: string
  /** For those who come from outside (externalTrafficPolicy Local: the node's own); of a ClusterIP, for all. */
  backends: readonly LbBackend[]
  /** For those inside the cluster, where that differs. */
  internal: readonly LbBackend[] | undefined
  localExternal: boolean
  localInternal: boolean
  /** Seconds. */
  affinity: number | undefined
  sourceRanges: readonly Cidr[]
}

export class LbMap {
  readonly #frontends = new Map<string, Frontend>()
  #redirects: Map<string, Frontend> | undefined
  readonly #byId = new Map<number, Frontend>()
  readonly #backendIds = new Map<string, number>()
  /** cilium_lb_affinity_match: who → backend. */
  readonly #affinity = new Map<string, { backend: number; usedAt: number }>()
  readonly #random: Random
  #nextId = 1
  #nextBackend = 1

  constructor(random: Random) {
    this.#random = random
  }

  find(ip: Ip, port: number, protocol: string): Frontend | undefined {
    return this.#frontends.get(`${ip} ${port} ${protocol}`)
  }

  /** For calls of the node's own programs and Pods: local redirects come before Services. */
  findForSocket(ip: Ip, port: number, protocol: string): Frontend | undefined {
    return this.#redirects?.get(`${ip} ${port} ${protocol}`) ?? this.find(ip, port, protocol)
  }

  setRedirects(redirects: readonly Redirect[]): void {
    const former = this.#redirects
    for (const { id } of former?.values() ?? []) this.#byId.delete(id)
    this.#redirects = new Map(redirects.map(({ ip, port, protocol, policy, backends }) => {
      const key = `${ip} ${port} ${protocol}`
      const frontend: Frontend = {
        id: former?.get(key)?.id ?? this.#nextId++, ip, port, protocol, type: 'LocalRedirect', service: policy, internal: undefined, localExternal: false, localInternal: false, affinity: undefined, sourceRanges: [],
        backends: backends.map((b) => ({ id: this.#backendId(`${b.ip} ${b.port} ${protocol}`), ...b, protocol, terminating: false, nodeName: undefined })),
      }
      this.#byId.set(frontend.id, frontend)
      return [key, frontend] as const
    }))
  }

  /** The rows of a NodePort with the wildcard address. */
  nodePort(port: number, protocol: string, version: 4 | 6): Frontend | undefined {
    return this.#frontends.get(`${anyAddress(version)} ${port} ${protocol}`)
  }

  byId(id: number): Frontend | undefined {
    return this.#byId.get(id)
  }

  list(): Frontend[] {
    return [...this.#frontends.values()].sort((a, b) => a.id - b.id)
  }

  /** With local redirects in the place of what they hide. */
  shown(): Frontend[] {
    return [...new Map([...this.#frontends, ...(this.#redirects ?? [])]).values()].sort((a, b) => a.id - b.id)
  }

  isFrontendAddress(ip: Ip): boolean {
    for (const frontend of this.#frontends.values()) if (frontend.ip === ip) return true
    return false
  }

  /** Writes all ports that a Service has in the family of `node.ip`; those that it had and has no more go. Returns the backends that are gone. */
  update(service: string, ports: readonly ServicePortInfo[], endpointsOf: (port: ServicePortInfo) => readonly EndpointInfo[], node: { name: string; ip: Ip }): LbBackend[] {
    const former = this.list().filter((f) => f.service === service && f.ip.includes(':') === node.ip.includes(':'))
    const before = former.flatMap((f) => [...f.backends, ...(f.internal ?? [])])
    const kept = new Set<Frontend>()
    for (const info of ports) {
      const endpoints = endpointsOf(info)
      const all = this.#usable(endpoints, info)
      const local = this.#usable(endpoints.filter((e) => e.nodeName === node.name), info)
      const put = (ip: Ip, port: number, type: FrontendType): void => {
        const outside = type !== 'ClusterIP'
        const backends = outside ? (info.externalPolicyLocal ? local : all) : info.internalPolicyLocal ? local : all
        const facts = {
          backends,
          internal: outside && info.externalPolicyLocal ? all : undefined,
          localExternal: info.externalPolicyLocal,
          localInternal: info.internalPolicyLocal,
          affinity: info.stickySeconds,
          sourceRanges: type === 'LoadBalancer' ? info.sourceRanges : [],
        }
        kept.add(this.#put({ ip, port, protocol: info.protocol, type, service }, facts))
      }
      put(info.clusterIP, info.port, 'ClusterIP')
      for (const ip of info.externalIPs) put(ip, info.port, 'ExternalIPs')
      for (const ip of info.loadBalancerIPs) put(ip, info.port, 'LoadBalancer')
      if (info.nodePort !== 0) for (const ip of [node.ip, anyAddress(node.ip.includes(':') ? 6 : 4)]) put(ip, info.nodePort, 'NodePort')
    }
    for (const frontend of former) if (!kept.has(frontend)) this.#delete(frontend)
    const now = new Set([...kept].flatMap((f) => [...f.backends, ...(f.internal ?? [])]).map((b) => b.id))
    return before.filter((b) => !now.has(b.id))
  }

  /** The hostPorts of a Pod of this node; none: it is gone. */
  hostPorts(pod: string, ports: readonly { hostIp: Ip; hostPort: number; ip: Ip; port: number; protocol: LbProtocol }[]): void {
    const service = `${pod}/host-port`
    for (const frontend of this.list()) if (frontend.service === service) this.#delete(frontend)
    for (const { hostIp, hostPort, ip, port, protocol } of ports) {
      const backend: LbBackend = { id: this.#backendId(`${ip} ${port} ${protocol}`), ip, port, protocol, terminating: false, nodeName: undefined }
      const facts = { backends: [backend], internal: undefined, localExternal: false, localInternal: false, affinity: undefined, sourceRanges: [] }
      this.#put({ ip: hostIp, port: hostPort, protocol, type: 'HostPort', service }, facts)
    }
  }

  /** Active backends, else those that terminate but still serve (KEP-1669). */
  #usable(endpoints: readonly EndpointInfo[], { protocol }: ServicePortInfo): LbBackend[] {
    const ready = endpoints.filter((e) => e.ready)
    const list = ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating)
    return list.map(({ ip, port, terminating, nodeName }) => ({ id: this.#backendId(`${ip} ${port} ${protocol}`), ip, port, protocol, terminating, nodeName }))
  }

  #backendId(key: string): number {
    let id = this.#backendIds.get(key)
    if (id === undefined) this.#backendIds.set(key, (id = this.#nextBackend++))
    return id
  }

  #put(address: Pick<Frontend, 'ip' | 'port' | 'protocol' | 'type' | 'service'>, facts: Pick<Frontend, 'backends' | 'internal' | 'localExternal' | 'localInternal' | 'affinity' | 'sourceRanges'>): Frontend {
    const key = `${address.ip} ${address.port} ${address.protocol}`
    const known = this.#frontends.get(key)
    if (known && known.service === address.service && known.type === address.type) return Object.assign(known, facts)
    if (known) this.#byId.delete(known.id)
    const frontend: Frontend = { id: this.#nextId++, ...address, ...facts }
    this.#frontends.set(key, frontend)
    this.#byId.set(frontend.id, frontend)
    return frontend
  }

  #delete(frontend: Frontend): void {
    this.#frontends.delete(`${frontend.ip} ${frontend.port} ${frontend.protocol}`)
    this.#byId.delete(frontend.id)
  }

  /** One backend by chance (`random`; Maglev is not simulated), or the client's former one with session affinity. `slot` chooses instead of chance. */
  select(frontend: Frontend, client: string, now: number, internal: boolean, slot?: number): LbBackend | undefined {
    const backends = internal ? (frontend.internal ?? frontend.backends) : frontend.backends
    if (backends.length === 0) return undefined
    const { affinity } = frontend
    const key = `${frontend.service} ${frontend.port} ${client}`
    if (affinity !== undefined) {
      const known = this.#affinity.get(key)
      const same = known && now - known.usedAt <= affinity * 1000 ? backends.find((b) => b.id === known.backend) : undefined
      if (known && same) {
        known.usedAt = now
        return same
      }
    }
    const chosen = backends[slot === undefined ? this.#random.below(backends.length) : slot % backends.length]!
    if (affinity !== undefined) this.#affinity.set(key, { backend: chosen.id, usedAt: now })
    return chosen
  }
}

export function anyAddress(version: 4 | 6): Ip {
  return version === 4 ? '0.0.0.0' : '::'
}

/** "10.96.0.1:443/TCP" */
export function addressText({ ip, port, protocol }: { ip: Ip; port: number; protocol: string }): string {
  return `${joinHostPort(ip, port)}/${protocol.toUpperCase()}`
}

/** Those that this one was chosen from: "ip:port". */
export function backendsBeside(frontend: Frontend, chosen: LbBackend): string[] {
  return (frontend.internal?.includes(chosen) ? frontend.internal : frontend.backends).map((b) => endpoint(b.ip, b.port))
}

/** The rows of a Service and of the chosen backend, as `cilium-dbg bpf lb list` prints them. */
export function rowText(frontend: Frontend, backend: LbBackend | undefined): string {
  if (!backend) return `${addressText(frontend)} (0)     ${joinHostPort(anyAddress(frontend.ip.includes(':') ? 6 : 4), 0)} (${frontend.id}) (0) [${flagsText(frontend)}]`
  const slot = (frontend.internal?.includes(backend) ? frontend.internal : frontend.backends).indexOf(backend) + 1
  return `${addressText(frontend)} (${slot})     ${addressText(backend)} (${frontend.id}) (${slot})`
}

export function flagsText(frontend: Frontend): string {
  const flags: string[] = [frontend.type]
  if (frontend.localExternal && frontend.type !== 'ClusterIP') flags.push('Local')
  if (frontend.localInternal) flags.push('InternalLocal')
  if (frontend.localExternal !== frontend.localInternal && frontend.type !== 'ClusterIP') flags.push('two-scopes')
  if (frontend.affinity !== undefined) flags.push('sessionAffinity')
  if (frontend.type === 'ClusterIP' || frontend.ip === '0.0.0.0' || frontend.ip === '::') flags.push('non-routable')
  if (frontend.sourceRanges.length > 0) flags.push('check source-range')
  return flags.join(', ')
}

/** loadbalancer.ServiceFlags as bits. */
export function flagBits(frontend: Frontend): number {
  const bits = { ExternalIPs: 1, NodePort: 2, HostPort: 8, LoadBalancer: 32, LocalRedirect: 256, ClusterIP: 0 }[frontend.type]
  const text = flagsText(frontend).split(', ')
  const bit = (flag: string, value: number): number => (text.includes(flag) ? value : 0)
  return bits | bit('Local', 4) | bit('sessionAffinity', 16) | (text.includes('non-routable') ? 0 : 64) | bit('check source-range', 128) | bit('InternalLocal', 0x1000) | bit('two-scopes', 0x2000)
}
