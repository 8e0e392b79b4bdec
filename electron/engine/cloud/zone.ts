import type { DnsData, DnsMessage, DnsRecord } from '../network/wire/dns.ts'
import { isBelow, reverseName, sameName } from '../dns/names.ts'
import { replyTo } from '../dns/server.ts'

/** The few names of the pretended internet. Each zone's web site has an address of its own, all on one machine. */
export interface InternetZone { name: string; records: { name: string; ttl: number; data: DnsData }[] }

/** How many sites there are. */
export const SITES = 10

/** Resolvers that all the world may ask, by the addresses that they have in life, and their names: people ping them, and name them in a Corefile or a Pod's dnsConfig. `certified`: of those that speak DNS over TLS (RFC 7858), the names in their certificate. */
export const PUBLIC_RESOLVERS: readonly { name: string; addresses: readonly string[]; ipv6: readonly string[]; certified?: readonly string[] }[] = [
  { name: 'dns.google.', addresses: ['8.8.8.8', '8.8.4.4'], ipv6: ['2001:4860:4860::8888', '2001:4860:4860::8844'], certified: ['dns.google', 'dns.google.com'] },
  { name: 'one.one.one.one.', addresses: ['1.1.1.1', '1.0.0.1'], ipv6: ['2606:4700:4700::1111', '2606:4700:4700::1001'], certified: ['cloudflare-dns.com', 'one.one.one.one', '1dot1dot1dot1.cloudflare-dns.com'] },
  { name: 'dns9.quad9.net.', addresses: ['9.9.9.9'], ipv6: ['2620:fe::9'], certified: ['dns.quad9.net', 'dns9.quad9.net'] },
  { name: 'resolver1.opendns.com.', addresses: ['208.67.222.222'], ipv6: ['2620:119:35::35'] },
]

/** Sites that say which address a visitor comes from, and whether a line ends behind it. They share one address. */
export const ECHO_SITES: ReadonlyMap<string, string> = new Map([['ifconfig.me', ''], ['icanhazip.com', '\n'], ['checkip.amazonaws.com', '\n'], ['api.ipify.org', '']])

/** Asked of OpenDNS, this name has the address of whoever asks. */
const MY_IP = 'myip.opendns.com.'

/** Addresses in the order of the zones, the last ones for the rest. With `ipv6` those sites have AAAA records that have them in life; github.com has none. */
export function internetZones(addresses: readonly string[], ipv6: readonly string[] = []): InternetZone[] {
  let site = 0
  const a = (name: string, ttl = 300): InternetZone['records'][number] => ({ name, ttl, data: { type: 'A', address: addresses[Math.min(site, addresses.length - 1)]! } })
  const cname = (name: string, target: string, ttl = 300): InternetZone['records'][number] => ({ name, ttl, data: { type: 'CNAME', target } })
  const both = (name: string, ttl = 300): InternetZone['records'] => [a(name, ttl), ...(ipv6.length === 0 ? [] : [{ name, ttl, data: { type: 'AAAA' as const, address: ipv6[Math.min(site, ipv6.length - 1)]! } }])]
  const zone = (name: string, records: () => InternetZone['records']): InternetZone => {
    const made = { name, records: records() }
    site++
    return made
  }
  return [
    zone('example.com.', () => [...both('example.com.'), ...both('www.example.com.'), { name: 'example.com.', ttl: 300, data: { type: 'TXT', strings: ['v=spf1 -all'] } }, { name: 'example.com.', ttl: 300, data: { type: 'MX', preference: 0, exchange: '.' } }]),
    zone('example.org.', () => [...both('example.org.'), ...both('www.example.org.')]),
    zone('kubernetes.io.', () => [...both('kubernetes.io.', 3600), cname('www.kubernetes.io.', 'kubernetes.io.', 3600)]),
    zone('google.com.', () => [...both('google.com.'), ...both('www.google.com.')]),
    zone('github.com.', () => [a('github.com.', 60), cname('www.github.com.', 'github.com.', 3600)]),
    zone('nginx.org.', () => both('nginx.org.')),
    // names below a zone that have machines of their own: Cilium's tutorial of rules about names lets one of them through
    ...['api', 'gist', 'support'].map((name) => zone(`${name}.github.com.`, () => [a(`${name}.github.com.`, 60)])),
    // "Configure Pod Initialization" of kubernetes.io fetches the page of the first web site
    { name: 'info.cern.ch.', records: [a('info.cern.ch.')] },
    ...[...ECHO_SITES.keys()].map((name) => ({ name: `${name}.`, records: [a(`${name}.`, 60)] })),
    ...PUBLIC_RESOLVERS.flatMap(({ name, addresses: v4, ipv6: v6 }) => [
      { name, records: [...v4.map((address) => ({ name, ttl: 900, data: { type: 'A' as const, address } })), ...v6.map((address) => ({ name, ttl: 900, data: { type: 'AAAA' as const, address } }))] },
      ...[...v4, ...v6].map(reverseName).map((pointer) => ({ name: pointer, records: [{ name: pointer, ttl: 86_400, data: { type: 'PTR' as const, target: name } }] })),
    ]),
  ]
}

/** A recursive resolver's answer out of these zones; every other name does not exist. `client`: the address that it sees, of a resolver that tells. */
export function answerFrom(zones: readonly InternetZone[], asked: DnsMessage, client?: string): DnsMessage {
  // options, a cookie for one, are left aside
  const query: DnsMessage = asked.edns ? { ...asked, edns: { ...asked.edns, options: [] } } : asked
  const question = query.questions[0]
  if (!question || query.opcode !== 0) return replyTo(query, { rcode: question ? 'NOTIMP' : 'FORMERR', recursionAvailable: true })
  if (client !== undefined && sameName(question.name, MY_IP)) {
    const type = client.includes(':') ? 'AAAA' : 'A'
    return replyTo(query, { recursionAvailable: true, answers: question.type === type ? [{ name: question.name, class: 'IN', ttl: 0, data: { type, address: client } }] : [] })
  }
  const zone = zones.filter((z) => isBelow(z.name, question.name)).sort((a, b) => b.name.length - a.name.length)[0]
  const soa = (name: string, server: string): DnsRecord => ({
    name, class: 'IN', ttl: 300,
    data: { type: 'SOA', primary: server, mailbox: name === '.' ? 'nstld.verisign-grs.com.' : `hostmaster.${name}`, serial: 2_026_010_500, refresh: 1800, retry: 900, expire: 604_800, minimum: name === '.' ? 86_400 : 300 },
  })
  if (!zone) return replyTo(query, { rcode: 'NXDOMAIN', recursionAvailable: true, authorities: [soa('.', 'a.root-servers.net.')] })
  const answers: DnsRecord[] = []
  let name = question.name
  let exists = sameName(name, zone.name)
  for (let i = 0; i < 8; i++) {
    const here = zone.records.filter((r) => sameName(r.name, name))
    exists ||= here.length > 0
    const fitting = here.filter((r) => r.data.type === question.type || question.type === 'ANY')
    answers.push(...fitting.map((r) => ({ name, class: 'IN', ttl: r.ttl, data: r.data })))
    const alias = here.find((r) => r.data.type === 'CNAME')
    if (fitting.length > 0 || alias?.data.type !== 'CNAME') break
    answers.push({ name, class: 'IN', ttl: alias.ttl, data: alias.data })
    name = alias.data.target
  }
  if (answers.length > 0) return replyTo(query, { recursionAvailable: true, answers })
  return replyTo(query, { rcode: exists ? 'NOERROR' : 'NXDOMAIN', recursionAvailable: true, authorities: [soa(zone.name, `ns1.${zone.name}`)] })
}
