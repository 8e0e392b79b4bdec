import { describe, expect, it } from 'vitest'
import type { IpPacket } from '../network/types.ts'
import { join, makeNetwork, ping, spyOn } from '../network/shapes.samples.ts'
import { Journeys } from './log.ts'
import type { Journey } from './types.ts'

function pair() {
  const network = makeNetwork()
  const a = network.createNamespace({ name: 'a', kind: 'pod' })
  const b = network.createNamespace({ name: 'b', kind: 'pod' })
  join(network, { network: a, name: 'eth0', address: '10.0.0.1/24' }, { network: b, name: 'eth0', address: '10.0.0.2/24' })
  return { network, a, b }
}

describe('journeys', () => {
  it('are kept up to a limit, and told of', () => {
    const log = new Journeys(3)
    const told: number[] = []
    const stop = log.onChange((j) => told.push(j.id))
    const add = () => {
      const journey = log.add({
        id: log.nextId, at: 0, protocol: 'udp', from: 'a', source: '10.0.0.1', destination: '10.0.0.2', hops: [], reply: [], verdict: 'pending', packets: 0, bytes: 0,
      })
      log.changed(journey)
    }
    for (let i = 0; i < 10; i++) add()
    expect(log.recent.map((j) => j.id)).toEqual([8, 9, 10])
    expect([log.get(10)!.id, log.get(7)]).toEqual([10, undefined])
    stop()
    add()
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('of the student outlive any amount of the talk of agents, as many as are kept', () => {
    const log = new Journeys(3, 2)
    const add = (program?: string) => log.add({ id: log.nextId, at: 0, protocol: 'udp', from: 'a', program, source: '', destination: '', hops: [], reply: [], verdict: 'pending', packets: 0, bytes: 0 })
    const mine = ['curl', 'ping', 'nc'].map(add)
    for (let i = 0; i < 100; i++) add(i % 2 ? 'kubelet' : undefined)
    expect(log.recent.map((j) => j.id)).toEqual([2, 3, 101, 102, 103])
    expect(mine.map(({ id }) => log.get(id))).toEqual([undefined, mine[1], mine[2]])
    expect([log.get(100), log.get(101)?.id, log.get(104)]).toEqual([undefined, 101, undefined])
  })

  it('hold the first packet of each direction; later ones only count', () => {
    const { network, a } = pair()
    const socket = a.sockets.ping()
    const journey = socket.send('10.0.0.2', 1, new Uint8Array(8))
    a.clock.runFor(10)
    const hops = journey.hops.length
    for (let i = 2; i < 6; i++) expect(socket.send('10.0.0.2', i, new Uint8Array(8))).toBe(journey)
    a.clock.runFor(10)
    expect(network.journeys.recent).toEqual([journey])
    expect([journey.hops.length, journey.packets, journey.bytes]).toEqual([hops, 10, 80])
  })

  it('tell of an answer that is lost after a bridge flooded it, unless another copy arrives', () => {
    const { network: { recorder }, a, b } = pair()
    const packet = (source: string, destination: string): IpPacket => ({
      kind: 'ip', version: 4, source, destination, ttl: 64, tos: 0, identification: 1, dontFragment: true, payload: { kind: 'udp', sourcePort: 1, destinationPort: 2, data: new Uint8Array(0) }, meta: { mark: 0 },
    })
    const drop = { stage: 'drop', text: 'no', before: recorder.header(packet('10.0.0.2', '10.0.0.1')), explanation: 'drop-policy' } as const
    const question = packet('10.0.0.1', '10.0.0.2')
    const { journey } = recorder.begin(a, question)
    recorder.delivered(b, question)
    const answer = packet('10.0.0.2', '10.0.0.1')
    const trail = recorder.begin(b, answer, { answers: journey })
    const [one, other] = [1, 2].map(() => ({ ...answer, meta: { ...answer.meta, trail: recorder.fork(trail) } }))
    recorder.fail(a, one!, 'dropped', 'drop-policy', { ...drop })
    expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-policy' })
    recorder.delivered(a, other!)
    expect([journey.verdict, journey.reason]).toEqual(['delivered', undefined])
    recorder.fail(a, { ...answer, meta: { ...answer.meta, trail: recorder.fork(trail) } }, 'dropped', 'drop-policy', { ...drop })
    expect(journey.verdict).toBe('delivered')
  })

  it('tell of a later packet that fails, and of the one that arrives again', () => {
    const { a, b } = pair()
    const socket = a.sockets.ping()
    const journey = socket.send('10.0.0.2', 1, new Uint8Array(8))
    a.clock.runFor(10)
    b.setSysctl('net.ipv4.icmp_echo_ignore_all', '1')
    const whole = journey.hops.length
    socket.send('10.0.0.2', 2, new Uint8Array(8))
    a.clock.runFor(10)
    expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-echo-ignored' })
    expect(journey.hops).toHaveLength(whole + 1)
    socket.send('10.0.0.2', 3, new Uint8Array(8))
    a.clock.runFor(10)
    expect(journey.hops[0]!.stage).toBe('send')
    expect(journey.hops.at(-1)!.stage).toBe('drop')
    b.setSysctl('net.ipv4.icmp_echo_ignore_all', '0')
    socket.send('10.0.0.2', 4, new Uint8Array(8))
    a.clock.runFor(10)
    expect(journey).toMatchObject({ verdict: 'delivered', reason: undefined })
  })

  it('keep what the first packet met when the same becomes of those that are sent again', () => {
    const { network, a, b } = pair()
    let chosen = 0
    let refuses = true
    spyOn(a, (hook, packet) => {
      // as conntrack: only of the first packet a rule decides
      if (hook !== 'output' || chosen++ > 0) return 'accept'
      const before = a.recorder.header(packet)
      a.recorder.hop(a, packet, { stage: 'filter', text: 'chosen', before, explanation: 'filter' })
      return 'accept'
    })
    spyOn(b, (hook, packet) => {
      if (hook !== 'input' || !refuses) return 'accept'
      b.recorder.fail(b, packet, 'dropped', 'drop-policy', { stage: 'drop', text: 'no', before: b.recorder.header(packet), explanation: 'drop-policy' })
      return 'drop'
    })
    a.sockets.connect({ address: '10.0.0.2', port: 80 }, {})
    a.clock.runFor(5_000)
    const [journey] = network.journeys.recent
    expect(journey!.packets).toBeGreaterThan(2)
    expect([journey!.verdict, journey!.hops.filter((h) => h.text === 'chosen').length, journey!.hops.filter((h) => h.stage === 'drop').length]).toEqual(['dropped', 1, 1])
    refuses = false
    a.clock.runFor(10_000)
    expect([journey!.verdict, journey!.hops.at(-1)!.stage]).not.toContain('drop')
  })

  it('tell once that nobody answered for an address, however many packets waited for it', () => {
    const { network, a } = pair()
    a.sockets.connect({ address: '10.0.0.99', port: 80 }, {})
    a.clock.runFor(3_500)
    const [journey] = network.journeys.recent
    expect(journey!.packets).toBeGreaterThan(1)
    expect([journey!.verdict, journey!.hops.filter((h) => h.stage === 'drop').length]).toEqual(['unreachable', 1])
  })

  it('keep the destination that DNAT chose, whatever became of the packet', () => {
    const { network, a } = pair()
    spyOn(a, (hook, packet) => {
      if (hook !== 'output') return 'accept'
      const { recorder } = a
      const before = recorder.header(packet)
      packet.destination = '10.0.0.99'
      recorder.hop(a, packet, { stage: 'dnat', text: 'chosen', before, after: recorder.header(packet), explanation: 'dnat' })
      return 'accept'
    })
    a.sockets.udp({}).send(new Uint8Array(1), '10.0.0.2', 53)
    a.clock.runFor(5_000)
    expect(network.journeys.recent[0]).toMatchObject({ verdict: 'unreachable', destination: '10.0.0.2', finalDestination: '10.0.0.99:53' })
  })

  it('say when only the answer was lost', () => {
    const { network, a, b } = pair()
    spyOn(b, (hook) => (hook === 'output' ? 'drop' : 'accept'))
    ping(a, '10.0.0.2')
    // The rules would say so themselves; without them the way just ends.
    const journey = network.journeys.recent[0] as Journey
    expect([journey.verdict, journey.reply.map((h) => h.stage)]).toEqual(['delivered', ['send', 'route']])
  })

  it('are not told at all of a packet that nobody began a journey for', () => {
    const { network, a } = pair()
    a.output({
      kind: 'ip', version: 4, source: '10.0.0.1', destination: '10.0.0.2', ttl: 64, tos: 0, identification: 1, dontFragment: true,
      payload: { kind: 'udp', sourcePort: 1, destinationPort: 2, data: new Uint8Array(0) }, meta: { mark: 0 },
    })
    a.clock.runFor(10)
    expect(network.journeys.recent).toEqual([])
  })
})
