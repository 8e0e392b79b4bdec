import type { IpvsConnection } from './connections.ts'
import type { Ipvs } from './ipvs.ts'
import { compareServers, type RealServer, type VirtualService } from './service.ts'
import type { Counts } from './statistics.ts'
import { SCTP_NAMES } from './states.ts'

/** The tables of ipvsadm(8) 1.31. */

export interface IpvsListOptions {
  numeric: boolean
  stats: boolean
  rate: boolean
  exact: boolean
  thresholds: boolean
  persistentConnections: boolean
  sorted: boolean
}

export const PLAIN: IpvsListOptions = { numeric: true, stats: false, rate: false, exact: false, thresholds: false, persistentConnections: false, sorted: true }

/** Gives a port its name, for listings without -n. */
export type PortNames = (port: number, protocol: 'tcp' | 'udp') => string | undefined
const none: PortNames = () => undefined

function place(address: string, port: number, protocol: string, names: PortNames): string {
  const shown = (protocol === 'tcp' || protocol === 'udp') && port !== 0 ? names(port, protocol) : undefined
  return `${address.includes(':') ? `[${address}]` : address}:${shown ?? port}`
}

function protocolOf({ key }: VirtualService): string {
  return 'fwmark' in key ? '' : key.protocol
}

function head({ key }: VirtualService, names: PortNames): string {
  if ('fwmark' in key) return `FWM  ${key.fwmark}${key.family === 6 ? ' IPv6' : ''}`
  return `${key.protocol.toUpperCase().padEnd(4)} ${place(key.address, key.port, key.protocol, names)}`
}

/** "TCP  10.96.0.1:443 rr persistent 10800" */
export function serviceName(service: VirtualService, names = none): string {
  const { persistent, netmask, key, onePacket } = service
  const six = ('fwmark' in key ? key.family === 6 : key.address.includes(':'))
  const mask = persistent === undefined || netmask === 32 || six ? '' : ` mask ${maskText(netmask)}`
  return `${head(service, names)} ${service.scheduler}${persistent === undefined ? '' : ` persistent ${persistent}`}${mask}${onePacket ? ' ops' : ''}`
}

function maskText(length: number): string {
  return [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - length)) >>> shift) & 255).join('.')
}

/** "  -> 172.18.0.2:6443              Masq    1      0          0         " */
export function serverLine(server: RealServer, protocol = '', names = none): string {
  const { address, port, weight, active, inactive } = server
  return `  -> ${place(address, port, protocol, names).padEnd(28)} ${'Masq'.padEnd(7)} ${String(weight).padEnd(6)} ${String(active).padEnd(10)} ${String(inactive).padEnd(10)}`
}

function large(value: number, exact: boolean): string {
  const text = String(value)
  if (exact) return text.padStart(text.length <= 8 ? 9 : text.length + 1)
  if (value < 1e8) return text.padStart(9)
  for (const [limit, unit, letter] of [[1e9, 1e3, 'K'], [1e11, 1e6, 'M'], [1e14, 1e9, 'G'], [Infinity, 1e12, 'T']] as const) {
    if (value < limit) return `${String(Math.floor(value / unit)).padStart(8)}${letter}`
  }
  return text
}

const counts = (c: Counts): readonly number[] => [c.connections, c.inPackets, c.outPackets, c.inBytes, c.outBytes]

function title({ stats, rate, thresholds, persistentConnections }: IpvsListOptions): string {
  const start = 'Prot LocalAddress:Port'
  const wide = (...names: string[]): string => `${start.padEnd(33)}${names.map((n) => ` ${n.padStart(8)}`).join('')}\n  -> RemoteAddress:Port\n`
  if (stats) return wide('Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes')
  if (rate) return wide('CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS')
  if (thresholds) return `${start.padEnd(33)} ${['Uthreshold', 'Lthreshold', 'ActiveConn', 'InActConn'].map((n) => n.padEnd(10)).join(' ')}\n  -> RemoteAddress:Port\n`
  if (persistentConnections) return `${start.padEnd(33)} ${'Weight'.padEnd(9)} ${'PersistConn'.padEnd(11)} ${'ActiveConn'.padEnd(10)} ${'InActConn'.padEnd(10)}\n  -> RemoteAddress:Port\n`
  return `${start} Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n`
}

export function formatServices(ipvs: Ipvs, services: readonly VirtualService[], options: IpvsListOptions, names: PortNames): string {
  const port = options.numeric ? none : names
  const { now } = ipvs.clock
  let out = `IP Virtual Server version 1.2.1 (size=4096)\n${title(options)}`
  for (const service of services) {
    const { statistics } = service
    if (options.stats || options.rate) {
      const numbers = counts(options.stats ? statistics.total : statistics.rates(now))
      out += `${head(service, port).padEnd(33)}${numbers.map((n) => large(n, options.exact)).join('')}\n`
    } else out += `${serviceName(service, port)}\n`
    const servers = options.sorted ? [...service.servers].sort(compareServers) : service.servers
    for (const server of servers) out += `${listServer(server, protocolOf(service), now, options, port)}\n`
  }
  return out
}

function listServer(server: RealServer, protocol: string, now: number, options: IpvsListOptions, names: PortNames): string {
  const start = `  -> ${place(server.address, server.port, protocol, names).padEnd(28)}`
  const { stats, rate, thresholds, persistentConnections, exact } = options
  if (stats) return start + counts(server.statistics.total).map((n) => large(n, exact)).join('')
  if (rate) {
    const [cps, inPackets, outPackets, ...bytes] = counts(server.statistics.rates(now))
    return start + [cps, inPackets, outPackets].map((n) => ` ${String(n).padStart(8)}`).join('') + bytes.map((n) => large(n, exact)).join('')
  }
  const columns = (...all: [number, number][]): string => `${start} ${all.map(([n, width]) => String(n).padEnd(width)).join(' ')}`
  if (thresholds) return columns([server.upperThreshold, 10], [server.lowerThreshold, 10], [server.active, 10], [server.inactive, 10])
  if (persistentConnections) return columns([server.weight, 9], [server.persistent, 11], [server.active, 10], [server.inactive, 10])
  return serverLine(server, protocol, names)
}

export function formatConnections(connections: readonly IpvsConnection[], now: number, names: PortNames): string {
  const row = (...words: string[]): string => `${words[0]!.padEnd(3)} ${words[1]!.padEnd(6)} ${words[2]!.padEnd(11)} ${words[3]!.padEnd(18)} ${words[4]!.padEnd(18)} ${words[5]}\n`
  let out = `IPVS connection entries\n${row('pro', 'expire', 'state', 'source', 'virtual', 'destination')}`
  for (const c of connections) {
    const left = Math.max(0, Math.floor((c.expiresAt - now) / 1000))
    const time = `${String(Math.floor(left / 60)).padStart(2, '0')}:${String(left % 60).padStart(2, '0')}`
    const at = (address: string, port: number): string => place(address, port, c.protocol, names)
    out += row(c.protocol === 'sctp' ? 'SCTP' : c.protocol.toUpperCase(), time, SCTP_NAMES[c.state] ?? c.state, at(c.client, c.clientPort), at(c.virtual, c.virtualPort), at(c.serverAddress, c.serverPort))
  }
  return out
}

/** Commands that make the table again. */
export function saveServices(services: readonly VirtualService[], names: PortNames): string {
  let out = ''
  for (const service of services) {
    const { key, persistent, netmask, onePacket, scheduler } = service
    const option = 'fwmark' in key ? `-f ${key.fwmark}${key.family === 6 ? ' -6' : ''}` : `${OPTION[key.protocol]} ${place(key.address, key.port, key.protocol, names)}`
    const mask = persistent === undefined || netmask === 32 ? '' : ` -M ${maskText(netmask)}`
    out += `-A ${option} -s ${scheduler}${persistent === undefined ? '' : ` -p ${persistent}`}${mask}${onePacket ? ' -o' : ''}\n`
    for (const server of [...service.servers].sort(compareServers)) {
      const limits = `${server.upperThreshold ? ` -x ${server.upperThreshold}` : ''}${server.lowerThreshold ? ` -y ${server.lowerThreshold}` : ''}`
      out += `-a ${option} -r ${place(server.address, server.port, protocolOf(service), names)} -m -w ${server.weight}${limits}\n`
    }
  }
  return out
}

const OPTION = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const
