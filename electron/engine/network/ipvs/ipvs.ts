import type { Clock } from '../../clock.ts'
import { isMulticastIp } from '../address.ts'
import type { Ip } from '../types.ts'
import { IpvsConnections } from './connections.ts'
import { compareServices, keyText, RealServer, SCHEDULERS, UNSIMULATED_SCHEDULERS, VirtualService } from './service.ts'
import type { IpvsProtocol, ServerOptions, ServiceKey, ServiceOptions } from './service.ts'
import type { Timeouts } from './states.ts'

/** What the kernel answers, in ipvsadm's words. */
export class IpvsError extends Error {}
export class IpvsNotSimulated extends Error {}

/** The sysctls that the module ip_vs brings, below net.ipv4.vs (Documentation/networking/ipvs-sysctl.rst). */
export const IPVS_SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.vs.am_droprate': '10', 'net.ipv4.vs.amemthresh': '1024', 'net.ipv4.vs.backup_only': '0', 'net.ipv4.vs.cache_bypass': '0',
  'net.ipv4.vs.conn_reuse_mode': '1', 'net.ipv4.vs.conntrack': '0', 'net.ipv4.vs.drop_entry': '0', 'net.ipv4.vs.drop_packet': '0',
  'net.ipv4.vs.expire_nodest_conn': '0', 'net.ipv4.vs.expire_quiescent_template': '0', 'net.ipv4.vs.ignore_tunneled': '0',
  'net.ipv4.vs.nat_icmp_send': '0', 'net.ipv4.vs.pmtu_disc': '1', 'net.ipv4.vs.schedule_icmp': '0', 'net.ipv4.vs.secure_tcp': '0',
  'net.ipv4.vs.sloppy_sctp': '0', 'net.ipv4.vs.sloppy_tcp': '0', 'net.ipv4.vs.snat_reroute': '1',
}

/** The IP virtual server of one network namespace: ipvsadm(8), net/netfilter/ipvs. Addresses of both families live together. */
export class Ipvs {
  readonly clock: Clock
  readonly connections: IpvsConnections
  readonly timeouts: Timeouts = { tcp: 900, tcpFin: 120, udp: 300 }
  readonly #services = new Map<string, VirtualService>()
  #marks = 0
  /** Grows with every change of a service or server. */
  generation = 0

  constructor(clock: Clock) {
    this.clock = clock
    this.connections = new IpvsConnections(clock)
  }

  get size(): number {
    return this.#services.size
  }

  // ---- services ------------------------------------------------------------------------------------------------

  /** As ipvsadm lists them. */
  services(): readonly VirtualService[] {
    this.connections.sweep()
    return [...this.#services.values()].sort(compareServices)
  }

  find(key: ServiceKey): VirtualService | undefined {
    return this.#services.get(keyText(key))
  }

  /** The service of a packet: a firewall mark counts more than its addresses; then one for all ports, which is persistent. */
  match(protocol: IpvsProtocol, address: Ip, port: number, mark: number): VirtualService | undefined {
    if (this.#marks > 0 && mark !== 0) {
      const marked = this.#services.get(`fwmark ${mark} ${address.includes(':') ? 6 : 4}`)
      if (marked) return marked
    }
    return this.#services.get(`${protocol} ${address} ${port}`) ?? this.#services.get(`${protocol} ${address} 0`)
  }

  add(key: ServiceKey, options: ServiceOptions): VirtualService {
    const text = keyText(key)
    checkScheduler(options.scheduler)
    if (!('fwmark' in key) && isMulticastIp(key.address)) throw new IpvsError('Invalid operation.  Possibly wrong module version, address not unicast, ...')
    if (this.#services.has(text)) throw new IpvsError('Service already exists')
    const service = new VirtualService(key, options, this.clock.now)
    this.#services.set(text, service)
    this.generation++
    if ('fwmark' in key) this.#marks++
    return service
  }

  /** Changes the scheduler, persistence and so on; servers and connections stay. */
  edit(key: ServiceKey, options: ServiceOptions): void {
    const service = this.#need(key)
    checkScheduler(options.scheduler)
    this.generation++
    if (service.scheduler !== options.scheduler) service.position = undefined
    service.scheduler = options.scheduler as VirtualService['scheduler']
    service.persistent = options.persistent
    service.netmask = options.netmask ?? 32
    service.onePacket = options.onePacket ?? false
  }

  remove(key: ServiceKey): void {
    const service = this.#need(key, 'No such service')
    this.#services.delete(keyText(key))
    this.generation++
    if ('fwmark' in key) this.#marks--
    for (const server of service.servers) server.available = false
    service.servers = []
  }

  /** Connections go on as long as they last, unless expire_nodest_conn says otherwise. */
  flush(): void {
    for (const { key } of [...this.#services.values()]) this.remove(key)
  }

  #need(key: ServiceKey, message = 'No such service'): VirtualService {
    const service = this.find(key)
    if (!service) throw new IpvsError(message)
    return service
  }

  // ---- real servers --------------------------------------------------------------------------------------------

  addServer(key: ServiceKey, options: ServerOptions): RealServer {
    const service = this.#need(key, 'Service not defined')
    const server = resolved(key, options)
    if (service.server(server.address, server.port)) throw new IpvsError('Destination already exists')
    // One that was removed and still has connections comes back with them (ip_vs_trash_get_dest).
    const former = this.connections.list().find((c) => c.service === service && !c.server.available && c.server.address === server.address && c.server.port === server.port)?.server
    this.generation++
    const added = former ?? new RealServer(server, this.clock.now)
    added.available = true
    added.weight = server.weight
    added.limit(server)
    service.servers.unshift(added)
    if (service.scheduler === 'wrr') service.position = undefined
    return added
  }

  editServer(key: ServiceKey, options: ServerOptions): void {
    const server = this.#needServer(key, options)
    server.weight = options.weight
    this.generation++
    server.limit(options)
    server.weigh()
  }

  removeServer(key: ServiceKey, options: { address: Ip; port: number }): void {
    const server = this.#needServer(key, options)
    const service = this.find(key)!
    const at = service.servers.indexOf(server)
    // The round robin goes on with the one that follows.
    if (service.position === server) service.position = service.servers[at - 1]
    service.servers.splice(at, 1)
    this.generation++
    server.available = false
  }

  #needServer(key: ServiceKey, options: { address: Ip; port: number }): RealServer {
    const service = this.#need(key, 'Service not defined')
    const { address, port } = resolved(key, options)
    const server = service.server(address, port)
    if (!server) throw new IpvsError('No such destination')
    return server
  }

  zero(key?: ServiceKey): void {
    const services = key ? [this.#need(key)] : this.services()
    for (const service of services) {
      service.statistics.zero()
      for (const server of service.servers) server.statistics.zero()
    }
  }
}

function resolved<T extends { address: Ip; port: number }>(key: ServiceKey, options: T): T {
  return { ...options, port: options.port === 0 && !('fwmark' in key) ? key.port : options.port }
}

function checkScheduler(name: string): void {
  if (UNSIMULATED_SCHEDULERS.includes(name)) throw new IpvsNotSimulated(`IPVS scheduler ${name} (use ${SCHEDULERS.join(', ')})`)
  if (!SCHEDULERS.includes(name as (typeof SCHEDULERS)[number])) throw new IpvsError('Scheduler or persistence engine not found')
}

