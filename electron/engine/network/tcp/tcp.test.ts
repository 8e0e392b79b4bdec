import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../clock.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { TcpConnection, TcpHandlers, TcpSegment } from '../types.ts'
import { KeepAliveTimer } from './keepalive.ts'
import { TwoHosts } from './two-hosts.samples.ts'

let net: TwoHosts
let events: string[]

beforeEach(() => {
  net = new TwoHosts()
  events = []
})

const noting = (who: string, more?: TcpHandlers): TcpHandlers => ({
  onConnect: () => events.push(`${who} connected`),
  onData: (data) => events.push(`${who} got ${decodeUtf8(data)}`),
  onEnd: () => events.push(`${who} saw the end`),
  onClose: (error) => events.push(`${who} closed${error ? ` ${error.code}` : ''}`),
  ...more,
})

const flags = (packet: { payload: unknown }): TcpSegment['flags'] => (packet.payload as TcpSegment).flags
const connect = (port = 80, handlers = noting('client')): TcpConnection => net.client.connect({ address: '10.0.0.2', port }, handlers)

describe('TCP', () => {
  it('shakes hands, exchanges a question and an answer, and takes leave', () => {
    net.server.listen({ port: 80 }, (c) => {
      c.handlers = noting('server', {
        onData: (data) => {
          events.push(`server got ${decodeUtf8(data)}`)
          c.send(encodeUtf8('hello'))
          c.end()
        },
      })
    })
    const c = connect(80, noting('client', { onConnect: () => c.send(encodeUtf8('hi')), onEnd: () => c.end() }))
    net.clock.settle()
    expect(net.script).toEqual([
      '0 > SYN 0 mss 1460', '1 < SYN,ACK 0 ack 1 mss 1460', '2 > ACK 1 ack 1', '2 > PSH,ACK 1 ack 1 length 2', '3 < ACK 1 ack 3',
      '3 < PSH,ACK 1 ack 3 length 5', '3 < FIN,ACK 6 ack 3', '4 > ACK 3 ack 6', '4 > FIN,ACK 3 ack 7', '5 < ACK 7 ack 4',
    ])
    expect(events).toEqual(['server got hi', 'client got hello', 'server saw the end', 'server closed', 'client closed'])
    expect(net.server.list().map((s) => s.state)).toEqual(['LISTEN', 'TIME-WAIT'])
    expect(net.clock.now).toBeLessThan(100)
    net.clock.runFor(60_000)
    expect(net.server.list().map((s) => s.state)).toEqual(['LISTEN'])
  })

  it('keeps the other way open after a half-close', () => {
    let server!: TcpConnection
    net.server.listen({ port: 80 }, (c) => {
      server = c
      c.handlers = noting('server')
    })
    const c = connect()
    c.end()
    net.clock.settle()
    expect([c.state, server.state]).toEqual(['FIN-WAIT-2', 'CLOSE-WAIT'])
    server.send(encodeUtf8('late'))
    server.end()
    net.clock.settle()
    expect(events).toEqual(['client connected', 'server saw the end', 'client got late', 'client saw the end', 'client closed', 'server closed'])
  })

  it('is refused by a port on which nobody listens', () => {
    const c = connect(81)
    expect(events).toEqual([])
    net.clock.settle()
    expect(net.script).toEqual(['0 > SYN 0 mss 1460', '1 < RST,ACK 0 ack 1'])
    expect(events).toEqual(['client closed ECONNREFUSED'])
    expect(c.journey).toMatchObject({ verdict: 'refused', reason: 'refused-no-listener', to: 'server', finalDestination: '10.0.0.2:81' })
  })

  it('gives up after 127 s when nothing comes back', () => {
    net.lose = () => true
    const c = connect()
    net.clock.settle(200_000)
    expect(net.script.map((line) => Number(line.split(' ')[0]))).toEqual([0, 1000, 3000, 7000, 15000, 31000, 63000])
    expect(net.clock.now).toBe(127_000)
    expect(events).toEqual(['client closed ETIMEDOUT'])
    expect(c.journey).toMatchObject({ verdict: 'timeout', reason: 'timeout-no-answer' })
  })

  it('has timed out for who watches, too, when the program gives it up before', () => {
    net.lose = () => true
    const c = connect()
    net.clock.runFor(5000)
    expect(c.journey).toMatchObject({ verdict: 'pending' })
    c.abort()
    expect(c.journey).toMatchObject({ verdict: 'timeout', reason: 'timeout-no-answer' })
  })

  it('sends again what was lost, after the retransmission timeout', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    net.lose = (packet, n) => n === 3 && (packet.payload as TcpSegment).data.length > 0
    c.send(encodeUtf8('x'))
    net.clock.settle()
    expect(net.script.slice(3)).toEqual(['3 > PSH,ACK 1 ack 1 length 1 (lost)', '205 > PSH,ACK 1 ack 1 length 1', '206 < ACK 1 ack 2'])
  })

  it('cuts into segments and marks the last', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    c.send(new Uint8Array(3000))
    expect(net.script.slice(3)).toEqual(['3 > ACK 1 ack 1 length 1448', '3 > ACK 1449 ack 1 length 1448', '3 > PSH,ACK 2897 ack 1 length 104'])
  })

  it('resends smaller segments when a router says that they do not fit', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    net.lose = (packet) => {
      const big = (packet.payload as TcpSegment).data.length > 1400
      if (big) net.clock.schedule(1, () => net.client.icmpError(packet, 3, 4, 1400))
      return big
    }
    c.send(new Uint8Array(2000))
    net.clock.settle()
    expect(net.script.slice(5)).toContain('4 > ACK 1 ack 1 length 1348')
    expect(c.unsent).toBe(0)
  })

  it('tells a listener for one address from one for all', () => {
    const seen: string[] = []
    net.server.listen({ port: 80, address: '10.0.0.2' }, () => seen.push('specific'))
    expect(() => net.server.listen({ port: 80 }, () => {})).toThrow('Address already in use')
    net.server.listen({ port: 80, address: '127.0.0.1' }, () => seen.push('loopback'))
    expect(() => net.server.listen({ port: 90, address: '10.9.9.9' }, () => {})).toThrow('Cannot assign requested address')
    connect()
    net.clock.settle()
    expect(seen).toEqual(['specific'])
  })

  it('frees the port when a listener closes, and keeps its connections', () => {
    const listener = net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    listener.close()
    net.server.listen({ port: 80 }, () => {}).close()
    c.send(encodeUtf8('still'))
    net.clock.settle()
    expect(events).toEqual(['client connected', 'server got still'])
  })

  it.each([[0, 'ENETUNREACH'], [1, 'EHOSTUNREACH'], [3, 'ECONNREFUSED'], [13, 'EHOSTUNREACH']])('turns "unreachable" code %i into %s', (code, error) => {
    net.lose = (packet) => {
      net.clock.schedule(1, () => net.client.icmpError(packet, 3, code))
      return true
    }
    connect()
    net.clock.settle()
    expect(events).toEqual([`client closed ${error}`])
  })

  it('fails at once without a route', () => {
    const c = net.client.connect({ address: '192.0.2.1', port: 80 }, noting('client'))
    net.clock.settle()
    expect(events).toEqual(['client closed ENETUNREACH'])
    expect(c.journey).toMatchObject({ verdict: 'unreachable', reason: 'drop-no-route' })
  })

  it('resets: the other end learns it as ECONNRESET', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    c.abort()
    net.clock.settle()
    expect(net.script.at(-1)).toBe('3 > RST,ACK 1 ack 1')
    expect(events).toEqual(['client connected', 'client closed', 'server closed ECONNRESET'])
    expect([...net.client.list(), ...net.server.list()].map((s) => s.state)).toEqual(['LISTEN'])
  })

  it('resets segments of a connection that it does not know', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    net.lose = () => true
    net.server.destroy()
    net.lose = () => false
    c.send(encodeUtf8('?'))
    net.clock.settle()
    expect(net.script.slice(-2)).toEqual(['3 > PSH,ACK 1 ack 1 length 1', '4 < RST 1'])
    expect(events.at(-1)).toBe('client closed ECONNRESET')
  })

  it('shares one journey between both ends, which knows what the server saw', () => {
    let server!: TcpConnection
    net.server.listen({ port: 80, owner: { pid: 4, program: 'nginx' } }, (c) => (server = c))
    const c = connect()
    net.clock.settle()
    expect(server.journey).toBe(c.journey)
    expect(c.journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '10.0.0.1', finalDestination: '10.0.0.2:80', to: 'server', packets: 3 })
    expect(c.journey!.reply.map((h) => h.stage)).toEqual(['deliver'])
  })

  it('asks with SO_KEEPALIVE whether the other end is still there, and gives it up when it is not', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    const c = connect()
    net.clock.settle()
    c.keepAlive!({ idle: 30_000, interval: 15_000, count: 3 })
    net.clock.runFor(61_000)
    expect(net.script.slice(3)).toEqual(['30003 > ACK 0 ack 1', '30004 < ACK 1 ack 1', '60007 > ACK 0 ack 1', '60008 < ACK 1 ack 1'])
    const { timer } = net.client.list()[0]!.details!()
    expect(timer).toMatchObject({ kind: 'keepalive', retries: 0 })
    net.lose = () => true
    net.clock.runFor(75_000)
    expect(net.script.slice(7).map((line) => Number(line.split(' ')[0]))).toEqual([90_011, 105_011, 120_011, 135_011])
    expect(net.script.at(-1)).toContain('> RST,ACK 1 ack 1')
    expect(events).toEqual(['client connected', 'client closed ETIMEDOUT'])
  })

  it('does not look again before the clock can tell the difference: the loop would never end', () => {
    const delays: number[] = []
    let look = (): void => {}
    const clock = { now: 0.1, schedule: (after: number, call: () => void) => (delays.push(after), look = call, {}), cancel: () => {} }
    new KeepAliveTimer(clock as unknown as Clock, { idle: 30_000, interval: 15_000, count: 3 }, { heardAt: 0.1 + 4e-12, busy: false, probe: () => {}, dead: () => {} })
    clock.now = 30_000.1
    look()
    expect(delays).toEqual([30_000, 4])
  })

  it('says when there is room again, once, for a writer that filled the buffer', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = {}))
    let drained = 0
    const c = connect(80, { onDrain: () => drained++ })
    net.clock.settle()
    c.send(new Uint8Array(200_000))
    expect(c.unsent).toBe(200_000)
    net.clock.settle()
    expect([drained, c.unsent]).toEqual([1, 0])
  })

  it('brings every sequence of sends whole and in order through a lossy wire', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 4000 }), { maxLength: 8 })
    fc.assert(fc.property(chunks, chunks, fc.array(fc.nat(2), { minLength: 60, maxLength: 60 }), (up, down, losses) => {
      const wire = new TwoHosts()
      // Two of three at most in the first sixty, and never all tries of a handshake, so that a run ends.
      wire.lose = (_packet, n) => n % 3 > 0 && losses[n] === 0
      const gotUp: Uint8Array[] = []
      const gotDown: Uint8Array[] = []
      const ends: string[] = []
      wire.server.listen({ port: 80 }, (s) => {
        s.handlers = { onData: (d) => gotUp.push(d), onEnd: () => ends.push('server'), onClose: (e) => ends.push(`server ${e?.code}`) }
        for (const chunk of down) s.send(chunk)
        s.end()
      })
      const c = wire.client.connect({ address: '10.0.0.2', port: 80 }, {
        onData: (d) => gotDown.push(d), onEnd: () => ends.push('client'), onClose: (e) => ends.push(`client ${e?.code}`),
      })
      for (const chunk of up) c.send(chunk)
      c.end()
      wire.clock.settle(10_000_000)
      expect(concatBytes(gotUp)).toEqual(concatBytes(up))
      expect(concatBytes(gotDown)).toEqual(concatBytes(down))
      expect(ends.sort()).toEqual(['client', 'client undefined', 'server', 'server undefined'])
    }), { numRuns: 100 })
  })

  it('answers a handshake again whose last ACK was lost', () => {
    net.server.listen({ port: 80 }, (c) => (c.handlers = noting('server')))
    net.lose = (packet, n) => n === 2 && flags(packet).ack === true
    connect()
    net.clock.settle()
    expect(net.script.slice(2)).toEqual(['2 > ACK 1 ack 1 (lost)', '1001 < SYN,ACK 0 ack 1 mss 1460', '1002 > ACK 1 ack 1'])
    expect(net.server.list().map((s) => s.state)).toEqual(['LISTEN', 'ESTAB'])
  })
})
