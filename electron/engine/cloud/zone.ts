import type { DnsData, DnsMessage, DnsRecord } from '../network/wire/dns.ts'
import { isBelow, sameName } from '../dns/names.ts'
import { replyTo } from '../dns/server.ts'

/** The few names of the pretended internet. Each zone's web site has an address of its own, all on one machine. */
export interface InternetZone { name: string; records: { name: string; ttl: number; data: DnsData }[] }

/** How many sites there are. */
export const SITES = 9

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
  ]
}

/** A recursive resolver's answer out of these zones; every other name does not exist. */
export function answerFrom(zones: readonly InternetZone[], asked: DnsMessage): DnsMessage {
  // options, a cookie for one, are left aside
  const query: DnsMessage = asked.edns ? { ...asked, edns: { ...asked.edns, options: [] } } : asked
  const question = query.questions[0]
  if (!question || query.opcode !== 0) return replyTo(query, { rcode: question ? 'NOTIMP' : 'FORMERR', recursionAvailable: true })
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
