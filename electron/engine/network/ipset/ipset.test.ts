import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cidrContains, formatIpv4, networkOf } from '../address.ts'
import { makeTables } from '../netfilter/tables.samples.ts'
import { NO_DATA } from '../packets.ts'
import type { IpPacket } from '../types.ts'
import { ipsetCommand } from './command.ts'
import type { IpSets } from './sets.ts'

function packet(source: string, destination: string, port = 80, kind: 'tcp' | 'udp' = 'udp'): IpPacket {
  const ports = { sourcePort: 9, destinationPort: port, data: NO_DATA }
  const payload = kind === 'udp' ? { kind, ...ports } : { kind, ...ports, sequence: 0, acknowledgement: 0, flags: {}, window: 0 }
  return { kind: 'ip', version: 4, source, destination, ttl: 64, tos: 0, identification: 0, dontFragment: false, meta: { mark: 0 }, payload }
}

const run = (sets: IpSets, line: string, now = 0, input = ''): string => {
  const { code, stdout, stderr } = ipsetCommand(sets, line.split(' '), now, input)
  return `${stdout}${stderr}${code === 0 ? '' : `[${code}]`}`
}

describe('rules ask sets', () => {
  it('of addresses, ports and networks, in the directions that they name', () => {
    const { netfilter } = makeTables()
    netfilter.sets.create('services', 'hash:ip,port')
    netfilter.sets.create('loop', 'hash:ip,port,ip')
    netfilter.sets.create('nets', 'hash:net')
    netfilter.sets.add('services', '10.96.0.10,udp:53')
    netfilter.sets.add('loop', '10.0.0.5,udp:53,10.0.0.5')
    for (const net of ['10.0.0.0/8', '10.1.0.0/16']) netfilter.sets.add('nets', net, { nomatch: net.endsWith('16') })
    const verdict = (match: string, p: IpPacket): boolean => {
      netfilter.restore(`*filter\n-A INPUT -m set ${match} -j DROP\nCOMMIT\n`)
      return netfilter.run('input', p, undefined, undefined) === 'drop'
    }
    expect(verdict('--match-set services dst,dst', packet('1.1.1.1', '10.96.0.10', 53))).toBe(true)
    expect(verdict('--match-set services dst,dst', packet('1.1.1.1', '10.96.0.10', 53, 'tcp'))).toBe(false)
    expect(verdict('--match-set services src,dst', packet('1.1.1.1', '10.96.0.10', 53))).toBe(false)
    expect(verdict('! --match-set services dst,dst', packet('1.1.1.1', '10.96.0.10', 54))).toBe(true)
    expect(verdict('--match-set services dst', packet('1.1.1.1', '10.96.0.10', 53))).toBe(false)
    expect(verdict('--match-set loop dst,dst,src', packet('10.0.0.5', '10.0.0.5', 53))).toBe(true)
    expect(verdict('--match-set nets src', packet('10.2.0.1', '1.1.1.1'))).toBe(true)
    expect(verdict('--match-set nets src', packet('10.1.0.1', '1.1.1.1'))).toBe(false)
    expect(verdict('--match-set nets src --return-nomatch', packet('10.1.0.1', '1.1.1.1'))).toBe(true)
    expect(verdict('--match-set nets src --return-nomatch', packet('10.2.0.1', '1.1.1.1'))).toBe(false)
  })

  it('and keep them from being destroyed', () => {
    const { netfilter } = makeTables()
    netfilter.sets.create('a', 'hash:ip')
    netfilter.restore('*filter\n-A INPUT -m set --match-set a src -j SET --add-set a dst --exist\nCOMMIT\n')
    expect(run(netfilter.sets, 'list a -t')).toContain('References: 2\n')
    expect(run(netfilter.sets, 'destroy a')).toBe('ipset v7.17: Set cannot be destroyed: it is in use by a kernel component\n[1]')
    netfilter.restore('*filter\nCOMMIT\n')
    expect(run(netfilter.sets, 'destroy a')).toBe('')
  })

  it('and SET fills them from packets, for as long as it says', () => {
    const { netfilter, namespace } = makeTables()
    netfilter.sets.create('seen', 'hash:ip', { timeout: 0 })
    netfilter.restore('*filter\n-A INPUT -p udp -j SET --add-set seen src --timeout 30\nCOMMIT\n')
    netfilter.run('input', packet('10.0.0.1', '10.0.0.2'), undefined, undefined)
    expect(netfilter.sets.elements('seen')).toEqual(['10.0.0.1'])
    namespace.clock.runFor(31_000)
    expect(netfilter.sets.elements('seen')).toEqual([])
  })

  it('and count packets in elements of sets with counters', () => {
    const { netfilter } = makeTables()
    netfilter.sets.create('a', 'hash:ip', { counters: true })
    netfilter.sets.add('a', '10.0.0.1')
    netfilter.restore('*filter\n-A INPUT -m set --match-set a src\n-A INPUT -m set --match-set a src ! --update-counters\nCOMMIT\n')
    netfilter.run('input', packet('10.0.0.1', '10.0.0.2'), undefined, undefined)
    expect(run(netfilter.sets, 'list a')).toContain('\n10.0.0.1 packets 1 bytes 28\n')
  })
})

const ip = fc.integer({ min: 0x0a000000, max: 0x0a0000ff }).map(formatIpv4)
const net = fc.tuple(ip, fc.integer({ min: 24, max: 32 })).map(([a, n]) => networkOf(`${a}/${n}`))

describe('sets', () => {
  it('of networks hold against a model: the longest network that has an address decides', () => {
    fc.assert(fc.property(fc.array(fc.tuple(net, fc.boolean(), fc.boolean())), fc.array(ip, { minLength: 5 }), (changes, asked) => {
      const { sets } = makeTables().netfilter
      sets.create('s', 'hash:net')
      const model = new Map<string, boolean>()
      for (const [network, add, nomatch] of changes) {
        if (add) sets.add('s', network, { nomatch, exist: true })
        else sets.remove('s', network, { exist: true })
        if (add) model.set(network, nomatch)
        else model.delete(network)
      }
      for (const address of asked) {
        const [best] = [...model].filter(([n]) => cidrContains(n, address)).sort(([a], [b]) => Number(b.split('/')[1]) - Number(a.split('/')[1]))
        expect(sets.test('s', address)).toBe(best !== undefined && !best[1])
        expect(sets.matches('s', { packet: packet(address, '1.1.1.1'), directions: ['src'], count: false })).toBe(best !== undefined && !best[1])
      }
    }), { numRuns: 60 })
  })

  it('are the same after restore of what save wrote', () => {
    const element = fc.record({ ip, port: fc.integer({ min: 0, max: 65535 }), net, proto: fc.constantFrom('tcp', 'udp', 'sctp'), timeout: fc.integer({ min: 0, max: 900 }), comment: fc.constantFrom('', 'x', 'two words') })
    fc.assert(fc.property(fc.array(element), (elements) => {
      const { sets } = makeTables().netfilter
      sets.create('a', 'hash:ip,port,net', { timeout: 60, comment: true })
      sets.create('b', 'hash:net,iface')
      sets.create('c', 'bitmap:port', { range: [0, 65535] })
      sets.create('d', 'list:set')
      for (const name of ['c', 'a']) sets.add('d', name)
      for (const e of elements) {
        sets.add('a', `${e.ip},${e.proto}:${e.port},${e.net}`, { timeout: e.timeout, comment: e.comment, exist: true })
        sets.add('b', `${e.net},eth0`, { nomatch: e.port % 2 === 0, exist: true })
        sets.add('c', String(e.port), { exist: true })
      }
      const saved = run(sets, 'save')
      const again = makeTables(2).netfilter.sets
      expect(run(again, 'restore', 0, saved)).toBe('')
      expect(run(again, 'save')).toBe(saved)
      expect(run(again, 'list')).toBe(run(sets, 'list'))
    }), { numRuns: 40 })
  })

  it('swap what two names stand for, also for rules', () => {
    const { netfilter } = makeTables()
    const { sets } = netfilter
    for (const name of ['live', 'next']) sets.create(name, 'hash:ip')
    netfilter.restore('*filter\n-A INPUT -m set --match-set live src -j DROP\nCOMMIT\n')
    sets.add('next', '10.0.0.1')
    const verdict = (): string => netfilter.run('input', packet('10.0.0.1', '1.1.1.1'), undefined, undefined)
    expect(verdict()).toBe('accept')
    sets.swap('live', 'next')
    expect(verdict()).toBe('drop')
  })

  it('say in which line of a file the mistake is, and keep what was read before it', () => {
    const { sets } = makeTables().netfilter
    expect(run(sets, 'restore', 0, 'create a hash:ip\nadd a 1.1.1.1\nadd a 1.1.1.1\nadd a 1.1.1.2\n')).toBe(
      "ipset v7.17: Error in line 3: Element cannot be added to the set: it's already added\n[1]")
    expect(sets.elements('a')).toEqual(['1.1.1.1'])
    expect(run(sets, '-! restore', 0, 'create a hash:ip\nadd a 1.1.1.1\nadd a 1.1.1.2\n')).toBe('')
  })

  it('of a hundred thousand members answer as fast as small ones', () => {
    const { netfilter } = makeTables()
    netfilter.sets.create('big', 'hash:net', { maxelem: 200_000 })
    for (let i = 0; i < 100_000; i++) netfilter.sets.add('big', formatIpv4(0x0b000000 + i))
    const query = { packet: packet('11.0.39.16', '1.1.1.1'), directions: ['src'] as const, count: false }
    let hits = 0
    for (let i = 0; i < 10_000; i++) if (netfilter.sets.matches('big', query)) hits++
    expect(hits).toBe(10_000)
  })

  it('of other types are said not to be simulated', () => {
    expect(run(makeTables().netfilter.sets, 'create a hash:mac')).toContain('podhop: not simulated: ipset type hash:mac (use hash:ip ')
  })
})
