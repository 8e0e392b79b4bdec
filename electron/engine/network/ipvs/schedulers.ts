import { ipNumber } from '../address.ts'
import type { IpPacket } from '../types.ts'
import type { RealServer, SchedulerName, VirtualService } from './service.ts'

/** How a new connection gets its real server: net/netfilter/ipvs/ip_vs_{rr,wrr,lc,wlc,sh,dh,sed,nq}.c. */
type Scheduler = (service: VirtualService, packet: IpPacket) => RealServer | undefined

const usable = (server: RealServer): boolean => !server.overloaded && server.weight > 0

/** The next one after the last one. */
function roundRobin(service: VirtualService): RealServer | undefined {
  const { servers } = service
  const last = servers.indexOf(service.position as RealServer)
  for (let i = 1; i <= servers.length; i++) {
    const server = servers[(last + i) % servers.length]!
    if (usable(server)) return (service.position = server) as RealServer
  }
  return undefined
}

interface WeightedPosition {
  at: number
  weight: number
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** Rounds with a falling limit: those that weigh more have their turn more often. */
function weightedRoundRobin(service: VirtualService): RealServer | undefined {
  const { servers } = service
  const weights = servers.map((s) => s.weight)
  const most = Math.max(0, ...weights)
  if (most === 0 || !servers.some(usable)) return undefined
  const step = weights.reduce(greatestCommonDivisor)
  const position = (service.position ??= { at: -1, weight: 0 }) as WeightedPosition
  if (position.at >= servers.length) position.at = -1
  for (let tries = (servers.length + 1) * (most / step + 1); tries >= 0; tries--) {
    position.at++
    if (position.at === 0 || position.at >= servers.length) {
      position.at = 0
      position.weight -= step
      if (position.weight <= 0) position.weight = most
    }
    const server = servers[position.at]!
    if (server.weight >= position.weight && usable(server)) return server
  }
  return undefined
}

/** An established connection counts as much as 256 that are not. */
const load = (server: RealServer): number => server.active * 256 + server.inactive
/** With the connection that is to come. */
const delay = (server: RealServer): number => server.active + 1

/** The first one with the smallest value a unit of weight. */
function least(servers: readonly RealServer[], value: (server: RealServer) => number, weighted: boolean): RealServer | undefined {
  let best: RealServer | undefined
  for (const server of servers) {
    if (!usable(server)) continue
    const [a, b] = weighted ? [server.weight, best?.weight ?? 0] : [1, 1]
    if (!best || value(best) * a > value(server) * b) best = server
  }
  return best
}

const BITS = 8

/** A table of 256 places that the servers share by weight; an address always leads to the same place. */
function byHash(service: VirtualService, address: string): RealServer | undefined {
  const { servers } = service
  if (servers.length === 0) return undefined
  let folded = 0
  for (let n = ipNumber(address); n > 0n; n >>= 32n) folded ^= Number(n & 0xffffffffn)
  const place = Math.imul(folded, 0x61c88647) >>> (32 - BITS)
  let at = 0
  let filled = 0
  for (let i = 0; i < place; i++) {
    if (++filled < servers[at]!.weight) continue
    at = (at + 1) % servers.length
    filled = 0
  }
  const server = servers[at]!
  return usable(server) ? server : undefined
}

const SCHEDULE: Readonly<Record<SchedulerName, Scheduler>> = {
  rr: roundRobin,
  wrr: weightedRoundRobin,
  lc: ({ servers }) => least(servers, load, false),
  wlc: ({ servers }) => least(servers, load, true),
  sed: ({ servers }) => least(servers, delay, true),
  nq: ({ servers }) => servers.find((s) => usable(s) && s.active === 0) ?? least(servers, delay, true),
  sh: (service, packet) => byHash(service, packet.source),
  dh: (service, packet) => byHash(service, packet.destination),
}

/** Undefined: no server takes it. */
export function schedule(service: VirtualService, packet: IpPacket): RealServer | undefined {
  return SCHEDULE[service.scheduler](service, packet)
}
