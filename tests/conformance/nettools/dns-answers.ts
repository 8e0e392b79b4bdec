import { decodeDns, encodeDns, type DnsData, type DnsMessage, type DnsRecord } from '../../../electron/engine/network/wire/dns.ts'

/**
 * A name server in both worlds, with the same bytes for the same query: a cluster's zone and a bit of the internet.
 * "silent." says nothing, "servfail." and "refused." fail, and "big" does not fit a datagram.
 */
const record = (name: string, data: DnsData, ttl = 30): DnsRecord => ({ name, class: 'IN', ttl, data })
const address = (name: string, ip: string): DnsRecord => record(name, { type: ip.includes(':') ? 'AAAA' : 'A', address: ip })
const service = (name: string): string => `${name}.default.svc.cluster.local.`

const soa = record('cluster.local.', { type: 'SOA', primary: 'ns.dns.cluster.local.', mailbox: 'hostmaster.cluster.local.', serial: 1_700_000_000, refresh: 7200, retry: 1800, expire: 86_400, minimum: 30 })
const zone: DnsRecord[] = [
  address(service('web'), '10.96.1.1'), address(service('pair'), '10.244.1.5'), address(service('pair'), '10.244.1.6'), address(service('dual'), '10.96.1.2'), address(service('dual'), 'fd00:96::2'),
  record(service('alias'), { type: 'CNAME', target: service('web') }), record(service('_http._tcp.web'), { type: 'SRV', priority: 0, weight: 100, port: 80, target: service('web') }),
  record('1.1.96.10.in-addr.arpa.', { type: 'PTR', target: service('web') }), record('cluster.local.', { type: 'NS', target: 'ns.dns.cluster.local.' }), address('ns.dns.cluster.local.', '10.96.0.10'),
  record('example.com.', { type: 'MX', preference: 10, exchange: 'mail.example.com.' }, 3600), address('example.com.', '93.184.216.34'), record('example.com.', { type: 'TXT', strings: ['v=spf1 -all', 'a "quoted" one'] }, 3600),
  record('example.com.', { type: 'NS', target: 'a.iana-servers.net.' }, 172_800), record('example.com.', { type: 'SOA', primary: 'ns.icann.org.', mailbox: 'noc.dns.icann.org.', serial: 2024, refresh: 7200, retry: 3600, expire: 1_209_600, minimum: 3600 }, 3600),
  ...Array.from({ length: 60 }, (_, i) => address(service('big'), `10.244.3.${i}`)),
]

export function answerDns(bytes: Uint8Array, tcp: boolean): Uint8Array | undefined {
  const query = decodeDns(bytes)
  const base: DnsMessage = { ...query, response: true, recursionAvailable: true, authenticData: false, answers: [], authorities: [], additionals: [], ...(query.edns ? { edns: { ...query.edns, udpSize: 1232, version: 0 } } : {}) }
  const [question] = query.questions
  if (!question) return encodeDns({ ...base, rcode: 'FORMERR' })
  const { type, class: klass } = question
  const name = question.name.toLowerCase()
  const ours = name.endsWith('cluster.local.')
  const reply = (more: Partial<DnsMessage>): Uint8Array => encodeDns({ ...base, authoritative: ours, ...more })
  if (name.startsWith('silent.')) return undefined
  if (name.startsWith('servfail.')) return reply({ rcode: 'SERVFAIL' })
  if (name.startsWith('refused.') || klass === 'CH' || (type === 'AXFR' && name !== 'cluster.local.')) return reply({ rcode: 'REFUSED' })
  if (type === 'AXFR') return reply({ answers: [soa, ...zone.filter((r) => r.name.endsWith('cluster.local.') && !r.name.startsWith('big.')), soa] })
  if (name === service('big') && !tcp) return reply({ truncated: true })
  const here = [soa, ...zone].filter((r) => r.name === name)
  const alias = here.find((r) => r.data.type === 'CNAME')
  const answers = alias?.data.type === 'CNAME' && type !== 'CNAME' && type !== 'ANY' ? [alias, ...zone.filter((r) => r.name === (alias.data as { target: string }).target && r.data.type === type)] : here.filter((r) => type === 'ANY' || r.data.type === type)
  if (answers.length === 0) return reply({ rcode: here.length > 0 ? 'NOERROR' : 'NXDOMAIN', authorities: ours ? [soa] : [] })
  const named = type === 'SRV' || type === 'NS' ? zone.filter((r) => r.data.type === 'A' && answers.some((a) => 'target' in a.data && a.data.target === r.name)) : []
  return reply({ answers, additionals: named })
}
