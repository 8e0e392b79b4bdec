import { describe, it } from 'vitest'
import { decodeDns, encodeDns, type DnsRecord } from '../../electron/engine/network/wire/dns.ts'
import { twoWorlds } from './nettools/compare.ts'
import { has } from './nettools/worlds.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * What glibc's resolver asks for, question by question, and what it makes of the answers: the same name server stands in both
 * worlds. The time that it waits plays no part: every question is answered.
 */
const transcript = transcriptOf('nettools-resolver')

/** By the last of these labels that a name has: what is said to A and to AAAA; "cut" is whole by TCP alone. */
const WAYS: Readonly<Record<string, readonly [string, string]>> = {
  ok: ['10.9.9.9', ''], both: ['10.9.9.9', 'fd00::9'], none: ['', ''], gone: ['NXDOMAIN', 'NXDOMAIN'], fail: ['SERVFAIL', 'SERVFAIL'], refuse: ['REFUSED', 'REFUSED'], never: ['NOTIMP', 'NOTIMP'], form: ['FORMERR', 'FORMERR'],
  afail: ['SERVFAIL', ''], afail6: ['SERVFAIL', 'fd00::9'], fail6: ['10.9.9.9', 'SERVFAIL'], gone6: ['10.9.9.9', 'NXDOMAIN'], agone: ['NXDOMAIN', 'SERVFAIL'], aform: ['FORMERR', ''], cut: ['cut', ''], cut6: ['10.9.9.9', 'cut'],
}

const seen: string[] = []

function answer(bytes: Uint8Array, tcp: boolean): Uint8Array | undefined {
  const query = decodeDns(bytes)
  const { name, type } = query.questions[0]!
  seen.push(`${name} ${type} ${tcp ? 'tcp' : 'udp'}${query.edns ? ` edns ${query.edns.udpSize}` : ''}`)
  const way = WAYS[name.toLowerCase().split('.').findLast((label) => label in WAYS) ?? 'gone']!
  const said = way[type === 'A' ? 0 : 1]!
  const base = { ...query, response: true, recursionAvailable: true, answers: [] as DnsRecord[], authorities: [], additionals: [] }
  if (/^[A-Z]+$/.test(said)) return encodeDns({ ...base, rcode: said })
  if (said === 'cut' && !tcp) return encodeDns({ ...base, truncated: true })
  const address = said === 'cut' ? (type === 'A' ? '10.9.9.8' : 'fd00::8') : said
  return encodeDns({ ...base, answers: address === '' ? [] : [{ name, class: 'IN', ttl: 5, data: { type: address.includes(':') ? 'AAAA' : 'A', address } }] })
}

/** A name, and the lines of resolv.conf behind the name server's. */
const ROWS: readonly (readonly [string, string])[] = [
  ...['ok', 'both', 'none', 'gone', 'fail', 'refuse', 'never', 'form', 'afail', 'afail6', 'fail6', 'gone6', 'agone', 'aform', 'cut', 'cut6'].map((way) => [`web.${way}`, ''] as const),
  ['web.fail', 'options attempts:3'], ['web.fail', 'options single-request'], ['web.afail6', 'options single-request'], ['web.fail6', 'options single-request-reopen'], ['web.cut', 'options single-request'], ['web.cut', 'options edns0'],
  ['web.both', 'options use-vc'], ['web.both', 'options no-aaaa'], ['web.ok', 'options edns0 trust-ad'],
  // the search list
  ['web', 'search a.gone b.ok'], ['web', 'search a.gone b.gone c.gone d.gone e.gone f.gone g.gone h.ok'], ['web', 'search a.none b.ok'], ['web', 'search a.none b.none'], ['web', 'search a.fail b.ok'], ['web', 'search a.fail b.gone'], ['web', 'search a.fail b.none'],
  ['web', 'search a.refuse b.ok'], ['web', 'search a.form b.ok'], ['web', 'search a.afail b.ok'], ['web', 'search a.gone .'], ['web.', 'search a.ok'], ['web.gone', 'search a.ok'], ['web.none', 'search a.gone'], ['web.fail', 'search a.ok'], ['web.fail', 'search a.gone'],
  ['web.refuse', 'search a.ok'], ['web.gone', 'search a.ok\noptions ndots:5'], ['web.ok', 'search a.gone b.gone\noptions ndots:2'], ['web.gone.', 'search a.ok\noptions ndots:5'], ['web.x.y', 'search a.ok\noptions ndots:3'], ['web.x.y.z', 'search a.ok\noptions ndots:3'],
]

describe("glibc's resolver asks", () => {
  const worlds = twoWorlds({ ipv6: true, also: ['getent'], prepare: async (world) => {
    await world.serveDns('p3', '10.244.2.2', answer)
    world.file('p1', '/etc/nsswitch.conf', 'hosts: files dns\n')
  } })

  for (const [name, conf] of ROWS) {
    const row = `${name} with ${conf.replaceAll('\n', ', ') || 'nothing else'}`
    const comparison = transcript.entry(row)
    it.skipIf(!comparison.heldBy(has('getent')))(`for ${row}`, () => worlds.hold(comparison, async (world) => {
      world.file('p1', '/etc/resolv.conf', `nameserver 10.244.2.2\n${conf === '' || conf.includes('options') ? conf.replace('options', 'options timeout:30') : `${conf}\noptions timeout:30`}\n`)
      seen.length = 0
      const { stdout, code } = await world.run('p1', `getent ahosts ${name}`)
      return `${seen.join('\n')}\n${stdout.replace(/ +$/gm, '')}exit ${code}\n`
    }, ['getent']))
  }
})
