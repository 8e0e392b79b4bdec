import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { Network } from '../fabric.ts'
import type { Hook, IpPacket } from '../types.ts'
import { TcpStack } from '../tcp/stack.ts'
import type { TrackedConnection } from './conntrack/connection.ts'
import { NetfilterTables } from './netfilter.ts'

/** NAT there and back, of both families and by both languages of rules: every answer comes to who asked. */
type Family = 4 | 6
type Protocol = 'tcp' | 'udp'

interface Dnat { kind: 'dnat'; protocol: Protocol; at: number; to: number; port: number | null }
interface Snat { kind: 'snat'; protocol: Protocol; from: number | null; ports: number | null; random: boolean }
type Rule = Dnat | Snat

const protocol = fc.constantFrom<Protocol>('tcp', 'udp')
const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ kind: fc.constant('dnat' as const), protocol, at: fc.nat(3), to: fc.nat(5), port: fc.option(fc.integer({ min: 80, max: 82 })) }),
  fc.record({ kind: fc.constant('snat' as const), protocol, from: fc.option(fc.nat(15)), ports: fc.option(fc.integer({ min: 2000, max: 2040 })), random: fc.boolean() }),
)
const connection = fc.record({ protocol, from: fc.nat(20), port: fc.integer({ min: 1020, max: 1030 }), to: fc.nat(4), toPort: fc.integer({ min: 80, max: 81 }) })

const host = (family: Family, n: number): string => (family === 4 ? `10.0.0.${n + 1}` : `fd00::${(n + 1).toString(16)}`)
const service = (family: Family, n: number): string => (family === 4 ? `10.96.0.${n + 1}` : `fd00:96::${(n + 1).toString(16)}`)
const outside = (family: Family): string => (family === 4 ? '192.0.2.1' : '2001:db8::1')
const end = (family: Family, address: string, port: number | string | null): string => (port === null ? address : family === 4 ? `${address}:${port}` : `[${address}]:${port}`)
const range = (ports: number | null): string | null => (ports === null ? null : `${ports}-${ports + 200}`)

function asIptables(rules: readonly Rule[], family: Family): string {
  const lines = rules.map((r) => (r.kind === 'dnat'
    ? `-A PREROUTING -d ${service(family, r.at)} -p ${r.protocol} -j DNAT --to-destination ${end(family, host(family, r.to), r.port)}`
    : `-A POSTROUTING ${r.from === null ? '' : `-s ${host(family, r.from)} `}-p ${r.protocol} -j SNAT --to-source ${end(family, outside(family), range(r.ports))}${r.random ? ' --random-fully' : ''}`))
  return `*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`
}

function asNftables(rules: readonly Rule[], family: Family): string {
  const ip = family === 4 ? 'ip' : 'ip6'
  const lines = (kind: Rule['kind']): string => rules.filter((r) => r.kind === kind).map((r) => (r.kind === 'dnat'
    ? `${ip} daddr ${service(family, r.at)} meta l4proto ${r.protocol} dnat to ${end(family, host(family, r.to), r.port)}\n`
    : `${r.from === null ? '' : `${ip} saddr ${host(family, r.from)} `}meta l4proto ${r.protocol} snat to ${end(family, outside(family), range(r.ports))}${r.random ? ' fully-random' : ''}\n`)).join('')
  return `table ${ip} t {\nchain pre {\ntype nat hook prerouting priority dstnat\n${lines('dnat')}}\nchain post {\ntype nat hook postrouting priority srcnat\n${lines('snat')}}\n}\n`
}

function router(rules: readonly Rule[], family: Family, language: 'iptables' | 'nftables') {
  const network = new Network({ clock: new Clock({ seed: 1 }), ipv6: true, layers: { netfilter: (stack, beside) => new NetfilterTables(stack, beside), tcp: (stack) => new TcpStack(stack) } })
  const namespace = network.createNamespace({ name: 'node', machine: 'node', kind: 'node' })
  const netfilter = family === 4 ? namespace.netfilter : namespace.netfilter6
  if (language === 'iptables') netfilter.restore(asIptables(rules, family))
  else expect(namespace.netfilter.nftables.run(asNftables(rules, family), { file: 'x' })).toMatchObject({ code: 0, stderr: '' })
  const lo = namespace.links.get('lo')!
  const pass = (packet: IpPacket): boolean => {
    packet.meta = { mark: 0 }
    return ([['prerouting', lo, undefined], ['forward', lo, lo], ['postrouting', undefined, lo]] as const).every(([hook, a, b]) => netfilter.run(hook satisfies Hook, packet, a, b) === 'accept')
  }
  return { netfilter, pass }
}

function packet(family: Family, protocol: Protocol, source: string, sourcePort: number, destination: string, destinationPort: number, answer: boolean): IpPacket {
  const payload: IpPacket['payload'] = protocol === 'udp'
    ? { kind: 'udp', sourcePort, destinationPort, data: new Uint8Array(0) }
    : { kind: 'tcp', sourcePort, destinationPort, sequence: 1, acknowledgement: 1, flags: { syn: true, ...(answer && { ack: true }) }, window: 1, data: new Uint8Array(0) }
  return { kind: 'ip', version: family, source, destination, ttl: 64, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 } }
}

describe.each([[4, 'iptables'], [6, 'iptables'], [4, 'nftables'], [6, 'nftables']] as const)('NAT of IPv%i by %s', (family, language) => {
  it('brings every answer back to who asked, and never confuses two connections', () => {
    let translated = 0
    fc.assert(fc.property(fc.array(rule, { maxLength: 6 }), fc.array(connection, { minLength: 1, maxLength: 30 }), (rules, connections) => {
      const { netfilter, pass } = router(rules, family, language)
      const open: { asked: unknown[]; sent: IpPacket; protocol: Protocol }[] = []
      const seen = new Set<string>()
      for (const c of connections) {
        const asked = [host(family, c.from), c.port, service(family, c.to), c.toPort] as const
        if (seen.has(`${c.protocol} ${asked.join()}`)) continue
        seen.add(`${c.protocol} ${asked.join()}`)
        const sent = packet(family, c.protocol, ...asked, false)
        expect(pass(sent)).toBe(true)
        if (sent.source !== asked[0] || sent.destination !== asked[2]) translated++
        open.push({ asked: [...asked], sent, protocol: c.protocol })
      }
      const entries = netfilter.conntrack.list() as readonly TrackedConnection[]
      expect(entries.length).toBe(open.length)
      expect(new Set(entries.map((e) => JSON.stringify(e.reply))).size).toBe(entries.length)
      for (const { asked, sent, protocol: p } of open) {
        const { sourcePort, destinationPort } = sent.payload as { sourcePort: number; destinationPort: number }
        const answer = packet(family, p, sent.destination, destinationPort, sent.source, sourcePort, true)
        expect(pass(answer)).toBe(true)
        const back = answer.payload as { sourcePort: number; destinationPort: number }
        expect([answer.destination, back.destinationPort, answer.source, back.sourcePort]).toEqual(asked)
        // and what follows goes the same way
        const again = packet(family, p, ...(asked as [string, number, string, number]), false)
        if (p === 'tcp') (again.payload as { flags: object }).flags = { ack: true }
        expect(pass(again)).toBe(true)
        expect({ ...again.payload, source: again.source, destination: again.destination }).toMatchObject({ source: sent.source, destination: sent.destination, sourcePort, destinationPort })
      }
    }), { numRuns: 60 })
    expect(translated).toBeGreaterThan(50)
  })
})
