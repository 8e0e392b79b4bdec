import { ipv4Number } from '../address.ts'
import type { Ip } from '../types.ts'
import { Estimator } from './statistics.ts'

/** Virtual services and their real servers: net/netfilter/ipvs/ip_vs_ctl.c. */

export type IpvsProtocol = 'tcp' | 'udp' | 'sctp'

export const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq'] as const
export type SchedulerName = (typeof SCHEDULERS)[number]
/** Of Linux, and not simulated. */
export const UNSIMULATED_SCHEDULERS: readonly string[] = ['lblc', 'lblcr', 'fo', 'ovf', 'mh', 'twos']

/** What names a virtual service: protocol, address and port, or a firewall mark. */
export type ServiceKey = { protocol: IpvsProtocol; address: Ip; port: number } | { fwmark: number; family?: 4 | 6 }

export interface ServiceOptions {
  scheduler: string
  /** Seconds; undefined: every connection is scheduled by itself. */
  persistent?: number
  /** Prefix length: clients of one network stay together. */
  netmask?: number
  /** One-packet scheduling, for UDP. */
  onePacket?: boolean
}

export interface ServerOptions {
  address: Ip
  /** 0: the port of the virtual service. */
  port: number
  weight: number
  /** No new connections above the upper threshold until they are below the lower one; 0: no limit. */
  upperThreshold?: number
  lowerThreshold?: number
}

export class RealServer {
  readonly address: Ip
  readonly port: number
  weight: number
  upperThreshold = 0
  lowerThreshold = 0
  /** TCP connections that are established; the others are inactive. */
  active = 0
  inactive = 0
  /** Clients that persistence keeps here. */
  persistent = 0
  overloaded = false
  /** False once it was removed from its service; connections may still refer to it. */
  available = true
  readonly statistics: Estimator

  constructor(options: ServerOptions, now: number) {
    this.address = options.address
    this.port = options.port
    this.weight = options.weight
    this.statistics = new Estimator(now)
    this.limit(options)
  }

  limit({ upperThreshold = 0, lowerThreshold = 0 }: ServerOptions): void {
    this.upperThreshold = upperThreshold
    this.lowerThreshold = lowerThreshold
    if (upperThreshold === 0) this.overloaded = false
  }

  /** After the number of its connections has changed (ip_vs_dest_totalconns). */
  weigh(): void {
    const { upperThreshold, lowerThreshold } = this
    if (upperThreshold === 0) return
    const total = this.active + this.inactive
    if (!this.overloaded) this.overloaded = total >= upperThreshold
    else if (lowerThreshold > 0 ? total < lowerThreshold : total * 4 < upperThreshold * 3) this.overloaded = false
  }
}

export class VirtualService {
  readonly key: ServiceKey
  scheduler: SchedulerName
  persistent: number | undefined
  netmask: number
  onePacket: boolean
  /** The one that was added last is first, as in the kernel's list. */
  servers: RealServer[] = []
  /** Where the scheduler stands; its own business. */
  position: unknown
  readonly statistics: Estimator

  constructor(key: ServiceKey, options: ServiceOptions, now: number) {
    this.key = key
    this.scheduler = options.scheduler as SchedulerName
    this.persistent = options.persistent
    this.netmask = options.netmask ?? 32
    this.onePacket = options.onePacket ?? false
    this.statistics = new Estimator(now)
  }

  server(address: Ip, port: number): RealServer | undefined {
    return this.servers.find((s) => s.address === address && s.port === port)
  }
}

export function keyText(key: ServiceKey): string {
  return 'fwmark' in key ? `fwmark ${key.fwmark} ${key.family ?? 4}` : `${key.protocol} ${key.address} ${key.port}`
}

const NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const

/** ipvsadm's order; the difference of two addresses is a signed number there, so 172.18.0.2 comes before 10.96.0.1. */
export function compareServices({ key: a }: VirtualService, { key: b }: VirtualService): number {
  const mark = ('fwmark' in a ? a.fwmark : 0) - ('fwmark' in b ? b.fwmark : 0)
  if (mark !== 0 || 'fwmark' in a || 'fwmark' in b) return mark
  const six = Number(a.address.includes(':')) - Number(b.address.includes(':'))
  if (six !== 0) return six
  return NUMBERS[a.protocol] - NUMBERS[b.protocol] || compareAddresses(a.address, b.address) || a.port - b.port
}

export function compareServers(a: RealServer, b: RealServer): number {
  return compareAddresses(a.address, b.address) || a.port - b.port
}

function compareAddresses(a: Ip, b: Ip): number {
  if (a.includes(':')) return a < b ? -1 : a > b ? 1 : 0
  return (ipv4Number(a) - ipv4Number(b)) | 0
}
