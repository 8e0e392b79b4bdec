import type { Clock, Timer } from '../clock.ts'
import { get, targetOf } from '../kubernetes/kubelet/http-probe.ts'
import { cidrContains, nthAddress } from '../network/address.ts'
import type { Namespace } from '../network/namespace.ts'
import type { Steering } from '../network/steering.ts'
import type { Cidr, Ip, IpPacket } from '../network/types.ts'

/**
 * The cloud's load balancer: a machine outside the cluster that owns a pool of addresses and passes packets for them on
 * to healthy nodes as they are (a pass-through balancer; Service status ipMode VIP). It translates nothing, so nodes see
 * the client's address; and they answer the client directly.
 */
export const POOL = '203.0.113.0/24'
export const POOL6 = '2001:db8:cafe::/112'
const POOL_SIZE = 254

/** As cloud providers check nodes: every 8 s, an answer within 1 s, three failures in a row to be taken out. */
const CHECK = { interval: 8_000, timeout: 1_000, failures: 3 }

export interface Backend { name: string; ip: Ip }

/** What the balancer is told about one Service, in one family. */
export interface FrontendSpec {
  family: 4 | 6
  ports: readonly { protocol: 'tcp' | 'udp' | 'sctp'; port: number }[]
  /** Connections of one client stay on one node. */
  byClient: boolean
  backends: readonly Backend[]
  /** GET http://NODE:port/path */
  check: { port: number; path: string }
  /** The address that is asked for by name. */
  wanted?: Ip
}

export interface BackendState extends Backend {
  healthy: boolean
  /** Why not: "503", "connection refused"… */
  problem?: string
}

interface Checked extends BackendState {
  failures: number
  timer: Timer | undefined
  undo: () => void
}

class Frontend {
  readonly key: string
  readonly ip: Ip
  spec: FrontendSpec
  readonly backends = new Map<string, Checked>()

  constructor(key: string, ip: Ip, spec: FrontendSpec) {
    this.key = key
    this.ip = ip
    this.spec = spec
  }
}

export class LoadBalancerError extends Error {}

export class CloudLoadBalancer {
  readonly network: Namespace
  readonly #clock: Clock
  readonly #device: string
  readonly #byKey = new Map<string, Frontend>()
  readonly #byIp = new Map<Ip, Frontend>()

  /** `device`: its interface on the wire of the nodes. */
  constructor(clock: Clock, network: Namespace, device: string) {
    this.#clock = clock
    this.network = network
    this.#device = device
    network.steer = (packet) => this.#steer(packet)
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** For pictures: what it serves, and how the nodes are. */
  frontends(): { key: string; ip: Ip; ports: FrontendSpec['ports']; backends: readonly BackendState[] }[] {
    return [...this.#byKey.values()].map(({ key, ip, spec, backends }) => ({
      key, ip, ports: spec.ports, backends: [...backends.values()].map(({ name, ip: address, healthy, problem }) => ({ name, ip: address, healthy, ...(problem && !healthy ? { problem } : {}) })),
    }))
  }

  /** Makes or changes it; the address stays. Throws {@link LoadBalancerError}. */
  ensure(key: string, spec: FrontendSpec): Ip {
    const present = this.#byKey.get(key)
    if (present && (!spec.wanted || spec.wanted === present.ip)) {
      const recheck = present.spec.check.port !== spec.check.port
      present.spec = spec
      if (recheck) for (const name of [...present.backends.keys()]) this.#forget(present, name)
      this.#setBackends(present)
      return present.ip
    }
    const ip = this.#address(spec.family === 6 ? POOL6 : POOL, spec.wanted)
    if (present) this.remove(key)
    const made = new Frontend(key, ip, spec)
    this.#byKey.set(key, made)
    this.#byIp.set(ip, made)
    this.#setBackends(made)
    return ip
  }

  /** Other nodes for what is there. */
  update(key: string, backends: readonly Backend[]): void {
    const frontend = this.#byKey.get(key)
    if (!frontend) return
    frontend.spec = { ...frontend.spec, backends }
    this.#setBackends(frontend)
  }

  remove(key: string): void {
    const frontend = this.#byKey.get(key)
    if (!frontend) return
    for (const name of [...frontend.backends.keys()]) this.#forget(frontend, name)
    this.#byKey.delete(key)
    this.#byIp.delete(frontend.ip)
    this.network.changed()
  }

  #address(pool: Cidr, wanted: Ip | undefined): Ip {
    if (wanted !== undefined) {
      if (!cidrContains(pool, wanted) || wanted === nthAddress(pool, 0)) throw new LoadBalancerError(`requested IP ${wanted} is not an address of the load balancer's pool ${pool}`)
      const owner = this.#byIp.get(wanted)
      if (owner) throw new LoadBalancerError(`requested IP ${wanted} is already in use by ${owner.key}`)
      return wanted
    }
    for (let n = 1; n <= POOL_SIZE; n++) if (!this.#byIp.has(nthAddress(pool, n))) return nthAddress(pool, n)
    throw new LoadBalancerError(`no available IPs in the load balancer's pool ${pool}`)
  }

  // ---- health ------------------------------------------------------------------------------------------------

  #setBackends(frontend: Frontend): void {
    const wanted = new Map(frontend.spec.backends.map((b) => [b.name, b]))
    for (const [name, { ip }] of frontend.backends) if (wanted.get(name)?.ip !== ip) this.#forget(frontend, name)
    for (const { name, ip } of wanted.values()) {
      if (frontend.backends.has(name)) continue
      const backend: Checked = { name, ip, healthy: false, problem: 'not checked yet', failures: 0, timer: undefined, undo: () => undefined }
      frontend.backends.set(name, backend)
      this.#check(frontend, backend)
    }
    this.network.changed()
  }

  #forget(frontend: Frontend, name: string): void {
    const backend = frontend.backends.get(name)
    if (!backend) return
    this.#clock.cancel(backend.timer)
    backend.undo()
    frontend.backends.delete(name)
  }

  #check(frontend: Frontend, backend: Checked): void {
    const { port, path } = frontend.spec.check
    backend.undo = get(this.#clock, this.network, { port, path }, targetOf({ port, path }, backend.ip, port), CHECK.timeout, (answer) => {
      const problem = 'error' in answer ? answer.error.replace(/^Get "[^"]*": /, '') : answer.status === 200 ? undefined : String(answer.status)
      const before = backend.healthy
      backend.failures = problem === undefined ? 0 : backend.failures + 1
      if (problem === undefined) backend.healthy = true
      else if (backend.failures >= CHECK.failures) backend.healthy = false
      backend.problem = problem
      if (before !== backend.healthy) this.network.changed()
    })
    backend.timer = this.#clock.schedule(CHECK.interval, () => this.#check(frontend, backend), { background: true })
  }

  // ---- packets -----------------------------------------------------------------------------------------------

  #steer(packet: IpPacket): Steering | undefined {
    if (!cidrContains(packet.version === 4 ? POOL : POOL6, packet.destination)) return undefined
    const frontend = this.#byIp.get(packet.destination)
    if (!frontend) return { drop: 'drop-load-balancer', text: `The load balancer has given ${packet.destination} to nobody.` }
    const { payload } = packet
    const { key, spec } = frontend
    if (payload.kind === 'icmp' || payload.kind === 'ipip' || !spec.ports.some((p) => p.protocol === payload.kind && p.port === payload.destinationPort)) {
      const what = payload.kind === 'icmp' || payload.kind === 'ipip' ? payload.kind.toUpperCase() : `${payload.kind.toUpperCase()} port ${payload.destinationPort}`
      return { drop: 'drop-load-balancer', text: `${packet.destination} belongs to the Service ${key}, which has nothing on ${what}.` }
    }
    const healthy = [...frontend.backends.values()].filter((b) => b.healthy)
    if (healthy.length === 0) {
      const why = [...frontend.backends.values()].map((b) => `${b.name}: ${b.problem ?? 'not checked yet'}`).join('; ') || 'it has no nodes'
      return { drop: 'drop-no-healthy-node', text: `No node passes the health check for the Service ${key} (${why}).` }
    }
    const flow = spec.byClient ? packet.source : `${packet.source}:${payload.sourcePort}:${payload.destinationPort}/${payload.kind}`
    // whoever comes or goes, every other connection stays where it is (rendezvous hashing)
    const chosen = healthy.reduce((best, b) => (weight(flow, b.name) > weight(flow, best.name) ? b : best))
    return {
      via: chosen.ip,
      device: this.#device,
      text: `The load balancer passes the packet on to ${chosen.name}, unchanged: ${healthy.length} of ${frontend.backends.size} nodes ${healthy.length === 1 ? 'passes' : 'pass'} the health check for the Service ${key}.`,
    }
  }
}

/** FNV-1a with a last stir. */
function weight(flow: string, backend: string): number {
  let h = 0x811c9dc5
  for (const c of `${flow}|${backend}`) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return (h ^ (h >>> 13)) >>> 0
}
