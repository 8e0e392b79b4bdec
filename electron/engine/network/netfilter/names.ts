import { byName } from '../../own.ts'
import type { IpPayload } from '../types.ts'

/** Names of numbers that iptables reads and prints: /etc/protocols and /etc/services of Debian 12, as far as used. */
const PROTOCOLS: Readonly<Record<string, number>> = byName({
  icmp: 1, igmp: 2, ipencap: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, esp: 50, ah: 51, 'ipv6-icmp': 58, ospf: 89, vrrp: 112, sctp: 132, udplite: 136,
})
const ALIASES: Readonly<Record<string, number>> = byName({ all: 0, icmpv6: 58, 'ipv6-nonxt': 59, ipip: 94 })
const PROTOCOL_NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]))

export function protocolNumber(name: string): number {
  switch (name) {
    case 'tcp': return 6
    case 'udp': return 17
    case 'icmp': return 1
    default: return PROTOCOLS[name] ?? ALIASES[name] ?? Number.NaN
  }
}

/** The number of a packet's kind: what /etc/protocols calls ipip is another one (94). */
export function payloadProtocol(kind: IpPayload['kind'] | 'icmpv6'): number {
  return kind === 'ipip' ? 4 : protocolNumber(kind)
}

export function protocolName(number: number): string {
  return PROTOCOL_NAMES.get(number) ?? String(number)
}

const SERVICES: Readonly<Record<string, number>> = byName({
  'ftp-data': 20, ftp: 21, ssh: 22, telnet: 23, smtp: 25, domain: 53, bootps: 67, bootpc: 68, tftp: 69, http: 80, kerberos: 88, pop3: 110,
  sunrpc: 111, ntp: 123, imap2: 143, snmp: 161, bgp: 179, ldap: 389, https: 443, 'microsoft-ds': 445, submissions: 465, syslog: 514, ldaps: 636,
  'domain-s': 853, imaps: 993, pop3s: 995, 'ms-sql-s': 1433, nfs: 2049, mysql: 3306, 'ms-wbt-server': 3389, sip: 5060, postgresql: 5432,
  'http-alt': 8080, redis: 6379, 'zabbix-agent': 10050, amqp: 5672, mdns: 5353,
})
const SERVICE_NAMES = new Map(Object.entries(SERVICES).map(([name, port]) => [port, name]))

export function servicePort(name: string): number | undefined {
  return SERVICES[name]
}

export function serviceName(port: number): string {
  return SERVICE_NAMES.get(port) ?? String(port)
}

/** A name as it must be written in a rule: quoted where the parser would cut it (xtables_save_string). */
export function quoted(text: string): string {
  if (/^[-_0-9A-Za-z]+$/.test(text)) return text
  return `"${text.replace(/["'\\]/g, '\\$&')}"`
}
