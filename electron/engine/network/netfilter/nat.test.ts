import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IpPacket, TcpFlags } from '../types.ts'
import type { TrackedConnection } from './conntrack/connection.ts'
import { formatConntrack } from './conntrack/format.ts'
import { makeTables } from './tables.samples.ts'

/** Packets put straight into the hooks of one router, without any wire. */

const NO_DATA = new Uint8Array(0)

function ip(source: string, destination: string, payload: IpPacket['payload']): IpPacket {
  return { kind: 'ip', version: 4, source, destination, ttl: 64, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 } }
}

function tcp(from: string, to: string, flags: TcpFlags): IpPacket {
  const [source, sourcePort] = from.split(':')
  const [destination, destinationPort] = to.split(':')
  return ip(source!, destination!, {
    kind: 'tcp', sourcePort: Number(sourcePort), destinationPort: Number(destinationPort), sequence: 1, acknowledgement: 1, flags, window: 1, data: NO_DATA,
  })
}

function udp(from: string, to: string): IpPacket {
  const [source, sourcePort] = from.split(':')
  const [destination, destinationPort] = to.split(':')
  return ip(source!, destination!, { kind: 'udp', sourcePort: Number(sourcePort), destinationPort: Number(destinationPort), data: NO_DATA })
}

function ends(packet: IpPacket): string {
  const p = packet.payload
  return p.kind !== 'tcp' && p.kind !== 'udp' ? `${packet.source} > ${packet.destination}` : `${packet.source}:${p.sourcePort} > ${packet.destination}:${p.destinationPort}`
}

function router(rules = '') {
  const { netfilter, namespace } = makeTables()
  netfilter.restore(`*nat\n:PREROUTING ACCEPT [0:0]\n${rules}\nCOMMIT\n`)
  const lo = namespace.links.get('lo')!
  /** Forwards; says how the packet left. */
  const pass = (packet: IpPacket): string => {
    packet.meta = { mark: 0 }
    for (const [hook, inLink, outLink] of [['prerouting', lo, undefined], ['forward', lo, lo], ['postrouting', undefined, lo]] as const) {
      const verdict = netfilter.run(hook, packet, inLink, outLink)
      if (verdict !== 'accept') return verdict
    }
    return ends(packet)
  }
  const rows = (): string[] => netfilter.conntrack.list().map((e) => formatConntrack(e, namespace.clock.now))
  return { netfilter, namespace, pass, rows, clock: namespace.clock }
}

const SYN = { syn: true }
const SYN_ACK = { syn: true, ack: true }
const ACK = { ack: true }
const FIN = { fin: true, ack: true }
const RST = { rst: true, ack: true }

describe('connection tracking', () => {
  it('follows a TCP connection from SYN to TIME_WAIT, with the kernel’s timeouts', () => {
    const { pass, rows } = router()
    const [a, b] = ['10.0.0.1:1000', '10.0.0.2:80']
    const states: string[] = []
    const step = (from: string, to: string, flags: TcpFlags): void => {
      pass(tcp(from, to, flags))
      states.push(rows()[0]!.split(/ +/).slice(2, 4).join(' ') + (rows()[0]!.includes('UNREPLIED') ? ' unreplied' : '') + (rows()[0]!.includes('ASSURED') ? ' assured' : ''))
    }
    step(a, b, SYN)
    step(b, a, SYN_ACK)
    step(a, b, ACK)
    step(a, b, FIN)
    step(b, a, ACK)
    step(b, a, FIN)
    step(a, b, ACK)
    expect(states).toEqual([
      '120 SYN_SENT unreplied', '60 SYN_RECV', '432000 ESTABLISHED assured', '120 FIN_WAIT assured', '60 CLOSE_WAIT assured', '30 LAST_ACK assured', '120 TIME_WAIT assured',
    ])
  })

  it('says what conntrack -L says', () => {
    const { pass, rows } = router()
    pass(udp('10.0.0.1:5000', '10.0.0.2:53'))
    pass(ip('10.0.0.1', '10.0.0.2', { kind: 'icmp', type: 8, code: 0, id: 7, sequence: 1, data: NO_DATA }))
    expect(rows()).toEqual([
      'udp      17 30 src=10.0.0.1 dst=10.0.0.2 sport=5000 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=5000 mark=0 use=1',
      'icmp     1 30 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1',
    ])
  })

  it('makes a UDP exchange a stream after two seconds', () => {
    const { pass, rows, clock } = router()
    pass(udp('10.0.0.1:5000', '10.0.0.2:53'))
    pass(udp('10.0.0.2:53', '10.0.0.1:5000'))
    expect(rows()[0]).toMatch(/^udp {6}17 30 src[^[]*$/)
    clock.runFor(2500)
    pass(udp('10.0.0.1:5000', '10.0.0.2:53'))
    expect(rows()[0]).toMatch(/^udp {6}17 120 .*\[ASSURED\]/)
  })

  it('forgets entries when their time is over, and tells whoever listens', () => {
    const { netfilter, pass, rows, clock } = router()
    const events: string[] = []
    netfilter.conntrack.onChange((event, e) => events.push(`${event} ${e.tcpState}`))
    pass(tcp('10.0.0.1:1000', '10.0.0.2:80', SYN))
    pass(tcp('10.0.0.2:80', '10.0.0.1:1000', SYN_ACK))
    clock.runFor(59_000)
    expect(rows()).toHaveLength(1)
    clock.runFor(2_000)
    expect(rows()).toEqual([])
    expect(events).toEqual(['new SYN_SENT', 'update SYN_RECV', 'destroy SYN_RECV'])
    expect(clock.pending).toBe(0)
  })

  it('forgets a refused connection at once', () => {
    const { pass, rows } = router()
    pass(tcp('10.0.0.1:1000', '10.0.0.2:80', SYN))
    pass(tcp('10.0.0.2:80', '10.0.0.1:1000', RST))
    expect(rows()).toEqual([])
  })

  it('begins anew when a SYN comes for a connection that is over', () => {
    const { pass, rows } = router()
    const [a, b] = ['10.0.0.1:1000', '10.0.0.2:80']
    for (const [from, to, flags] of [[a, b, SYN], [b, a, SYN_ACK], [a, b, ACK], [a, b, RST]] as const) pass(tcp(from, to, flags))
    expect(rows()[0]).toContain(' CLOSE ')
    pass(tcp(a, b, SYN))
    expect(rows()[0]).toContain(' SYN_SENT ')
  })

  it('takes up a connection in its middle, but not by its end', () => {
    const { netfilter, pass, rows } = router()
    netfilter.command(['-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'])
    expect(pass(tcp('10.0.0.1:1000', '10.0.0.2:80', FIN))).toBe('drop')
    expect(pass(tcp('10.0.0.1:1000', '10.0.0.2:80', RST))).toBe('drop')
    expect(pass(tcp('10.0.0.1:1000', '10.0.0.2:80', SYN_ACK))).toBe('drop')
    expect(pass(tcp('10.0.0.1:1000', '10.0.0.2:80', ACK))).not.toBe('drop')
    expect(rows()[0]).toMatch(/ 300 ESTABLISHED .*UNREPLIED/)
  })

  it('drops what is new when the table is full, and keeps what it knows', () => {
    const { namespace, pass } = router()
    namespace.setSysctl('net.netfilter.nf_conntrack_max', '2')
    pass(tcp('10.0.0.1:1', '10.0.0.2:80', SYN))
    pass(tcp('10.0.0.1:2', '10.0.0.2:80', SYN))
    expect(pass(tcp('10.0.0.1:3', '10.0.0.2:80', SYN))).toBe('drop')
    expect(pass(tcp('10.0.0.2:80', '10.0.0.1:1', SYN_ACK))).not.toBe('drop')
    namespace.clock.runFor(121_000)
    expect(pass(tcp('10.0.0.1:3', '10.0.0.2:80', SYN))).not.toBe('drop')
  })

  it('tracks nothing where no rule needs it', () => {
    const { netfilter, namespace } = makeTables()
    netfilter.run('prerouting', tcp('10.0.0.1:1', '10.0.0.2:2', SYN), namespace.links.get('lo'), undefined)
    netfilter.command(['-A', 'FORWARD', '-j', 'ACCEPT'])
    const packet = tcp('10.0.0.1:1', '10.0.0.2:2', SYN)
    netfilter.run('prerouting', packet, namespace.links.get('lo'), undefined)
    expect(packet.meta.connection).toBeUndefined()
    netfilter.command(['-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT'])
    netfilter.run('prerouting', packet, namespace.links.get('lo'), undefined)
    expect(packet.meta.connection).toBeDefined()
  })

  it('leaves alone what NOTRACK exempts', () => {
    const { netfilter, pass, rows } = router()
    netfilter.restore('*raw\n-A PREROUTING -p udp -j NOTRACK\nCOMMIT\n')
    pass(udp('10.0.0.1:5000', '10.0.0.2:53'))
    expect(rows()).toEqual([])
  })
})

describe('NAT', () => {
  it('changes the destination, and back for the answer', () => {
    const { pass } = router('-A PREROUTING -d 10.96.0.1 -p tcp --dport 80 -j DNAT --to-destination 10.244.0.5:8080')
    expect(pass(tcp('10.0.0.1:1000', '10.96.0.1:80', SYN))).toBe('10.0.0.1:1000 > 10.244.0.5:8080')
    expect(pass(tcp('10.244.0.5:8080', '10.0.0.1:1000', SYN_ACK))).toBe('10.96.0.1:80 > 10.0.0.1:1000')
    expect(pass(tcp('10.0.0.1:1000', '10.96.0.1:80', ACK))).toBe('10.0.0.1:1000 > 10.244.0.5:8080')
  })

  it('asks the rules for a connection’s first packet only', () => {
    const { netfilter, pass } = router('-A PREROUTING -j DNAT --to-destination 10.244.0.5')
    pass(tcp('10.0.0.1:1000', '10.96.0.1:80', SYN))
    netfilter.restore('*nat\n-A PREROUTING -j DNAT --to-destination 10.244.0.6\nCOMMIT\n')
    expect(pass(tcp('10.0.0.1:1000', '10.96.0.1:80', SYN))).toBe('10.0.0.1:1000 > 10.244.0.5:80')
    expect(pass(tcp('10.0.0.1:1001', '10.96.0.1:80', SYN))).toBe('10.0.0.1:1001 > 10.244.0.6:80')
  })

  it('keeps the source port where it can, and finds another where it cannot', () => {
    const { pass } = router('-A POSTROUTING -j SNAT --to-source 192.0.2.1')
    expect(pass(tcp('10.0.0.1:1000', '198.51.100.7:80', SYN))).toBe('192.0.2.1:1000 > 198.51.100.7:80')
    expect(pass(tcp('10.0.0.2:1000', '198.51.100.8:80', SYN))).toBe('192.0.2.1:1000 > 198.51.100.8:80')
    const third = pass(tcp('10.0.0.3:1000', '198.51.100.7:80', SYN))
    expect(third).toMatch(/^192\.0\.2\.1:\d+ > 198\.51\.100\.7:80$/)
    const port = /:(\d+) /.exec(third)![1]!
    expect(port).not.toBe('1000')
    expect(pass(tcp('198.51.100.7:80', `192.0.2.1:${port}`, SYN_ACK))).toBe('198.51.100.7:80 > 10.0.0.3:1000')
  })

  it('brings an ICMP error home, with the packet inside as its sender knows it', () => {
    const { pass } = router('-A PREROUTING -d 10.96.0.1 -j DNAT --to-destination 10.244.0.5\n-A POSTROUTING -j SNAT --to-source 192.0.2.1')
    const sent = udp('10.0.0.1:1000', '10.96.0.1:53')
    pass(sent)
    const error = ip('10.244.0.5', '192.0.2.1', { kind: 'icmp', type: 3, code: 3, data: NO_DATA, about: { ...sent, payload: { ...sent.payload }, meta: { mark: 0 } } })
    expect(pass(error)).toBe('10.96.0.1 > 10.0.0.1')
    expect(error.payload.kind === 'icmp' && ends(error.payload.about!)).toBe('10.0.0.1:1000 > 10.96.0.1:53')
  })

  it('gives pings with one id different ones behind one address', () => {
    const { pass } = router('-A POSTROUTING -j SNAT --to-source 192.0.2.1')
    const echo = (source: string): IpPacket => ip(source, '198.51.100.7', { kind: 'icmp', type: 8, code: 0, id: 7, sequence: 1, data: NO_DATA })
    const [first, second] = [echo('10.0.0.1'), echo('10.0.0.2')]
    pass(first)
    pass(second)
    const ids = [first, second].map((p) => (p.payload.kind === 'icmp' ? p.payload.id! : -1))
    expect(ids[0]).toBe(7)
    expect(ids[1]).not.toBe(7)
    const answer = ip('198.51.100.7', '192.0.2.1', { kind: 'icmp', type: 0, code: 0, id: ids[1]!, sequence: 1, data: NO_DATA })
    expect(pass(answer)).toBe('198.51.100.7 > 10.0.0.2')
    expect(answer.payload.kind === 'icmp' && answer.payload.id).toBe(7)
  })

  it('brings every answer back to who asked, whatever the rules, and never confuses two connections', () => {
    const host = (n: number): string => `10.0.${n >> 4}.${n & 15}`
    const rule = fc.oneof(
      fc.record({ to: fc.nat(5), port: fc.option(fc.integer({ min: 80, max: 82 })), at: fc.nat(3) }).map(
        ({ to, port, at }) => `-A PREROUTING -p tcp -d 10.96.0.${at} -j DNAT --to-destination ${host(to)}${port === null ? '' : `:${port}`}`),
      fc.record({ from: fc.nat(15), ports: fc.option(fc.integer({ min: 2000, max: 2040 })), words: fc.constantFrom('', ' --random', ' --random-fully') }).map(
        ({ from, ports, words }) => `-A POSTROUTING -p tcp -s ${host(from)} -j SNAT --to-source 192.0.2.1${ports === null ? '' : `:${ports}-${ports + 200}`}${words}`),
      fc.constantFrom('-A POSTROUTING -p tcp -j SNAT --to-source 192.0.2.1-192.0.2.2', '-A PREROUTING -p tcp -d 10.96.0.0/24 -j DNAT --to-destination 10.0.0.1-10.0.0.4'),
    )
    const connection = fc.record({ from: fc.nat(20), port: fc.integer({ min: 1020, max: 1030 }), to: fc.nat(4), toPort: fc.integer({ min: 80, max: 81 }) })
    fc.assert(fc.property(fc.array(rule, { maxLength: 6 }), fc.array(connection, { minLength: 1, maxLength: 40 }), (rules, connections) => {
      const { netfilter, pass } = router(rules.join('\n'))
      const seen = new Set<string>()
      const open: { asked: string; sent: IpPacket }[] = []
      for (const c of connections) {
        const asked = `${host(c.from)}:${c.port} > 10.96.0.${c.to}:${c.toPort}`
        if (seen.has(asked)) continue
        seen.add(asked)
        const sent = tcp(`${host(c.from)}:${c.port}`, `10.96.0.${c.to}:${c.toPort}`, SYN)
        expect(pass(sent)).not.toBe('drop')
        open.push({ asked, sent })
      }
      const entries = netfilter.conntrack.list() as readonly TrackedConnection[]
      expect(new Set(entries.map((e) => JSON.stringify(e.reply))).size).toBe(entries.length)
      for (const { asked, sent } of open) {
        const p = sent.payload as { sourcePort: number; destinationPort: number }
        const answer = tcp(`${sent.destination}:${p.destinationPort}`, `${sent.source}:${p.sourcePort}`, SYN_ACK)
        expect(pass(answer).split(' > ').toReversed().join(' > ')).toBe(asked)
      }
    }), { numRuns: 100 })
  })
})
