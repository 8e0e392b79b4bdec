import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { makeFiltered } from '../netfilter/tables.samples.ts'
import type { Network } from '../fabric.ts'
import type { Namespace } from '../namespace.ts'
import { join, ping } from '../shapes.samples.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { ipvsadmCommand } from './command.ts'
import { SCHEDULERS } from './service.ts'

/** A node between clients (10.1.0.x) and servers (10.2.0.x), with the virtual address 10.96.0.20 on a dummy interface. */
let network: Network
let node: Namespace
let clients: Namespace[]
let servers: Namespace[]
const VIP = '10.96.0.20'

function attach(name: string, address: string, gateway: string, link: string): Namespace {
  const host = network.createNamespace({ name, kind: 'pod' })
  join(network, { network: host, name: 'eth0', address: `${address}/24` }, { network: node, name: link })
  node.addAddress(link, `${gateway}/32`)
  node.routes.add({ destination: `${address}/32`, device: link })
  host.routes.add({ destination: '0.0.0.0/0', via: gateway, device: 'eth0', onlink: true })
  return host
}

beforeEach(setUp)

function setUp(): void {
  network = makeFiltered()
  node = network.createNamespace({ name: 'node', machine: 'node', kind: 'node' })
  node.setSysctl('net.ipv4.ip_forward', '1')
  clients = [0, 1, 2].map((i) => attach(`client-${i}`, `10.1.0.${i + 10}`, '10.1.0.1', `c${i}`))
  servers = [0, 1, 2].map((i) => attach(`server-${i}`, `10.2.0.${i + 10}`, '10.2.0.1', `s${i}`))
  network.createDummy(node, 'kube-ipvs0')
  node.addAddress('kube-ipvs0', `${VIP}/32`)
  servers.forEach((server, i) => {
    server.sockets.listen({ port: 8080 }, (connection) => {
      connection.handlers = { onData: () => connection.send(encodeUtf8(`server-${i} ${connection.remoteAddress}`)) }
    })
    const socket = server.sockets.udp({ port: 53 })
    socket.onDatagram = ({ source, sourcePort }) => socket.send(encodeUtf8(`server-${i}`), source, sourcePort)
  })
}

function adm(line: string): string {
  const { code, stdout, stderr } = ipvsadmCommand(node.netfilter.ipvs, line.split(' '), () => undefined)
  return `${stdout}${stderr}${code === 0 ? '' : `[${code}]`}`
}

function service(scheduler: string, weights = [1, 1, 1]): void {
  expect(adm(`-A -t ${VIP}:80 -s ${scheduler}`)).toBe('')
  weights.forEach((w, i) => expect(adm(`-a -t ${VIP}:80 -r 10.2.0.${i + 10}:8080 -m -w ${w}`)).toBe(''))
}

interface Call { got: string; error?: string; close: () => void }

function call(from: Namespace, sourcePort?: number): Call {
  const result: Call = { got: '', close: () => connection.end() }
  const connection = from.sockets.connect({ address: VIP, port: 80, ...(sourcePort !== undefined && { sourcePort }) }, {
    onConnect: () => connection.send(encodeUtf8('?')), onData: (data) => (result.got += decodeUtf8(data)), onClose: (error) => (result.error = error?.code ?? ''),
  })
  from.clock.runFor(200)
  return result
}

const who = (c: Call): string => c.got.split(' ')[0]!

describe('a virtual service', () => {
  it('gives connections to its servers in turn, and answers come from the virtual address', () => {
    service('rr')
    const first = call(clients[0]!)
    expect([first, ...[1, 2, 3].map(() => call(clients[0]!))].map(who)).toEqual(['server-2', 'server-1', 'server-0', 'server-2'])
    expect(first.got).toBe('server-2 10.1.0.10')
    expect(adm('-Ln')).toBe(
      'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n' +
      'TCP  10.96.0.20:80 rr\n' +
      '  -> 10.2.0.10:8080               Masq    1      1          0         \n' +
      '  -> 10.2.0.11:8080               Masq    1      1          0         \n' +
      '  -> 10.2.0.12:8080               Masq    1      2          0         \n')
    expect(adm('-Lnc').split('\n')[2]).toMatch(/^TCP 14:59 {2}ESTABLISHED 10\.1\.0\.10:\d+ {4}10\.96\.0\.20:80 {6}10\.2\.0\.12:8080$/)
  })

  it('tells in the journey which row decided', () => {
    service('rr')
    call(clients[0]!)
    const journey = network.journeys.recent.find((j) => j.destination === VIP)!
    expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: '10.2.0.12:8080', sourceSeenByServer: '10.1.0.10', to: 'server-2' })
    expect(journey.hops.find((h) => h.explanation === 'ipvs-schedule')).toMatchObject({
      stage: 'dnat', decidedBy: { table: 'ipvs', chain: 'LOCAL_IN', text: 'TCP  10.96.0.20:80 rr  -> 10.2.0.12:8080               Masq    1      0          1' },
      before: { destination: VIP, destinationPort: 80 }, after: { destination: '10.2.0.12', destinationPort: 8080 },
    })
    expect(journey.reply.some((h) => h.stage === 'undo-nat' && h.after?.source === VIP)).toBe(true)
  })

  it('counts closed connections as inactive until they expire', () => {
    service('rr')
    const c = call(clients[0]!)
    c.close()
    clients[0]!.clock.runFor(200)
    expect(adm('-Ln')).toContain('-> 10.2.0.12:8080               Masq    1      0          1         ')
    clients[0]!.clock.runFor(130_000)
    expect(adm('-Ln')).toContain('-> 10.2.0.12:8080               Masq    1      0          0         ')
    expect(adm('-Lnc').split('\n')).toHaveLength(3)
  })

  it('without a server refuses at once', () => {
    service('rr', [])
    expect(call(clients[0]!).error).toBe('ECONNREFUSED')
    expect(network.journeys.recent.at(-1)).toMatchObject({ verdict: 'rejected', reason: 'reject-ipvs-no-server' })
  })

  it('sends nothing new to a server of weight 0, while its connections go on', () => {
    service('rr')
    const open = call(clients[0]!)
    expect(who(open)).toBe('server-2')
    adm(`-e -t ${VIP}:80 -r 10.2.0.12:8080 -m -w 0`)
    expect([1, 2, 3].map(() => who(call(clients[0]!)))).toEqual(['server-1', 'server-0', 'server-1'])
    expect(adm('-Ln')).toContain('-> 10.2.0.12:8080               Masq    0      1          0 ')
  })

  it('keeps a client at one server with persistence, shown as a template', () => {
    adm(`-A -t ${VIP}:80 -s rr -p 300`)
    for (const i of [0, 1, 2]) adm(`-a -t ${VIP}:80 -r 10.2.0.${i + 10}:8080 -m`)
    expect([0, 0, 1, 0, 1].map((i) => who(call(clients[i]!)))).toEqual(['server-2', 'server-2', 'server-1', 'server-2', 'server-1'])
    expect(adm('-Lnc')).toMatch(/^TCP 04:59 {2}NONE {8}10\.1\.0\.10:0 {8}10\.96\.0\.20:80 {6}10\.2\.0\.12:8080$/m)
    expect(adm('-Ln')).toContain('TCP  10.96.0.20:80 rr persistent 300\n')
  })

  it('has an address that answers ping, for it is one of the node', () => {
    service('rr')
    expect(ping(clients[0]!, VIP).replies).toHaveLength(1)
  })

  it('serves the node itself', () => {
    node.netfilter.restore('*nat\n-A OUTPUT -j MARK --set-mark 0x4000\n-A POSTROUTING -m mark --mark 0x4000 -j MASQUERADE\nCOMMIT\n')
    adm(`-A -t ${VIP}:80 -s rr`)
    adm(`-a -t ${VIP}:80 -r 10.2.0.10:8080 -m`)
    node.setSysctl('net.ipv4.vs.conntrack', '1')
    expect(call(node).got).toBe('server-0 10.2.0.1')
  })

  it('may be masqueraded by netfilter only with net.ipv4.vs.conntrack', () => {
    service('rr')
    node.netfilter.restore('*nat\n-A POSTROUTING -d 10.2.0.0/24 -j MASQUERADE\nCOMMIT\n')
    expect(call(clients[0]!).got).toBe('server-2 10.1.0.10')
    node.setSysctl('net.ipv4.vs.conntrack', '1')
    expect(call(clients[0]!).got).toBe('server-1 10.2.0.1')
    expect(node.netfilter.conntrack.list().find((e) => e.reply.source === '10.2.0.11')).toMatchObject({
      original: { source: '10.1.0.10', destination: VIP, destinationPort: 80 }, reply: { source: '10.2.0.11', sourcePort: 8080, destination: '10.2.0.1' },
    })
  })

  it('balances datagrams by their ports, and tells what speaks of the wrong port', () => {
    adm(`-A -u ${VIP}:53 -s rr`)
    for (const i of [0, 1]) adm(`-a -u ${VIP}:53 -r 10.2.0.${i + 10}:53 -m`)
    const got: string[] = []
    for (const port of [5000, 5001, 5000]) {
      const socket = clients[0]!.sockets.udp({ port })
      socket.onDatagram = ({ data, source }) => got.push(`${decodeUtf8(data)} ${source}`)
      socket.send(encodeUtf8('?'), VIP, 53)
      node.clock.runFor(50)
      socket.close()
    }
    expect(got).toEqual([`server-1 ${VIP}`, `server-0 ${VIP}`, `server-1 ${VIP}`])
    adm(`-A -u ${VIP}:54 -s rr`)
    adm(`-a -u ${VIP}:54 -r 10.2.0.10:99 -m`)
    const socket = clients[0]!.sockets.udp({})
    const errors: string[] = []
    socket.onError = (e) => errors.push(e.code)
    socket.send(encodeUtf8('?'), VIP, 54)
    node.clock.runFor(50)
    expect(errors).toEqual(['ECONNREFUSED'])
  })

  it('follows SCTP associations', () => {
    const got: string[] = []
    servers.forEach((server, i) => server.sockets.sctp.listen({ port: 9000 }, (c) => void (c.handlers = { onData: () => c.send(encodeUtf8(`server-${i} ${c.remoteAddress}`)) })))
    adm(`-A --sctp-service ${VIP}:9000 -s rr`)
    for (const i of [0, 1]) adm(`-a --sctp-service ${VIP}:9000 -r 10.2.0.${i + 10}:9000 -m`)
    for (let i = 0; i < 2; i++) {
      const c = clients[0]!.sockets.sctp.connect({ address: VIP, port: 9000 }, { onConnect: () => c.send(encodeUtf8('?')), onData: (data) => got.push(decodeUtf8(data)) })
      node.clock.runFor(500)
    }
    expect(got).toEqual(['server-1 10.1.0.10', 'server-0 10.1.0.10'])
    expect(adm('-Lnc')).toMatch(/^SCTP 14:59 {2}ESTABLISHED /m)
    expect(adm('-Ln')).toContain('SCTP 10.96.0.20:9000 rr\n  -> 10.2.0.10:9000               Masq    1      1          0 ')
  })

  it('drops packets of a removed server, or forgets it with expire_nodest_conn', () => {
    service('rr', [1])
    const c = call(clients[0]!, 40000)
    adm(`-d -t ${VIP}:80 -r 10.2.0.10:8080`)
    adm(`-a -t ${VIP}:80 -r 10.2.0.11:8080 -m`)
    c.close()
    node.clock.runFor(100)
    expect(adm('-Lnc')).toContain('10.2.0.10:8080')
    node.setSysctl('net.ipv4.vs.expire_nodest_conn', '1')
    node.clock.runFor(3_000)
    expect(adm('-Lnc')).not.toContain('10.2.0.10:8080')
    expect(who(call(clients[0]!))).toBe('server-1')
  })

  it('has connection tracking forget the removed server, too, which costs one packet', () => {
    adm(`-A -u ${VIP}:53 -s rr`)
    for (const name of ['conntrack', 'expire_nodest_conn']) node.setSysctl(`net.ipv4.vs.${name}`, '1')
    node.netfilter.command(['-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'])
    adm(`-a -u ${VIP}:53 -r 10.2.0.10:53 -m`)
    const answers: string[] = []
    const socket = clients[0]!.sockets.udp({ port: 5000 })
    socket.onDatagram = ({ data }) => answers.push(decodeUtf8(data))
    const ask = (): string => {
      socket.send(encodeUtf8('?'), VIP, 53)
      node.clock.runFor(100)
      return answers.splice(0).join()
    }
    const tracked = (): string[] => node.netfilter.conntrack.list().map(({ original, reply }) => `${original.source} ${original.destination} < ${reply.source}`)
    expect(ask()).toBe('server-0')
    expect(tracked()).toEqual([`10.1.0.10 ${VIP} < 10.2.0.10`])
    adm(`-d -u ${VIP}:53 -r 10.2.0.10:53`)
    adm(`-a -u ${VIP}:53 -r 10.2.0.11:53 -m`)
    expect(ask()).toBe('')
    expect(tracked()).toEqual([])
    expect(ask()).toBe('server-1')
    expect(tracked()).toEqual([`10.1.0.10 ${VIP} < 10.2.0.11`])
  })
})

describe('the scheduler', () => {
  const shares = (scheduler: string, weights: number[], n = 12): string => {
    service(scheduler, weights)
    const seen = [0, 0, 0]
    for (let i = 0; i < n; i++) seen[Number(who(call(clients[i % 3]!)).slice(-1))]!++
    return seen.join(' ')
  }
  it('rr does not look at weights', () => expect(shares('rr', [5, 1, 1])).toBe('4 4 4'))
  it('wrr gives by weight', () => expect(shares('wrr', [4, 1, 1])).toBe('8 2 2'))
  it('lc prefers the server with the fewest connections', () => {
    service('lc')
    const held = [call(clients[0]!), call(clients[0]!), call(clients[0]!)]
    const idle = held[1]!
    idle.close()
    node.clock.runFor(100)
    expect(who(call(clients[1]!))).toBe(who(idle))
  })
  it('wlc gives by connections and weight', () => expect(shares('wlc', [2, 1, 1], 8)).toBe('4 2 2'))
  it('sed counts the connection that is to come', () => expect(shares('sed', [4, 1, 1], 6)).toBe('4 1 1'))
  it('nq leaves nobody idle', () => expect(shares('nq', [9, 1, 1], 3)).toBe('1 1 1'))
  it('sh sends a client always to the same server', () => {
    service('sh')
    const of = (i: number): Set<string> => new Set([1, 2, 3].map(() => who(call(clients[i]!))))
    expect([0, 1, 2].map((i) => of(i).size)).toEqual([1, 1, 1])
    expect(new Set([0, 1, 2].flatMap((i) => [...of(i)])).size).toBeGreaterThan(1)
  })
  it('dh sends a destination always to the same server', () => expect(shares('dh', [1, 1, 1], 6)).toMatch(/^(6 0 0|0 6 0|0 0 6)$/))
  it('mh is not simulated, and says so', () => {
    expect(adm(`-A -t ${VIP}:80 -s mh`)).toMatch(/^podhop: not simulated: IPVS scheduler mh/)
    expect(adm(`-A -t ${VIP}:80 -s nosuch`)).toBe('Scheduler or persistence engine not found\n[255]')
  })
})

describe('whatever connects', () => {
  const step = fc.record({
    client: fc.nat(2), port: fc.integer({ min: 1024, max: 1030 }), close: fc.boolean(), pause: fc.constantFrom(0, 500, 130_000), weights: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
  })

  it('is answered by a server that takes connections, and always by the virtual address', () => {
    fc.assert(fc.property(fc.constantFrom(...SCHEDULERS), fc.boolean(), fc.boolean(), fc.array(step, { maxLength: 12 }), (scheduler, masquerade, persistent, steps) => {
      setUp()
      node.setSysctl('net.ipv4.ip_forward', '1')
      adm(`-A -t ${VIP}:80 -s ${scheduler}${persistent ? ' -p 60' : ''}`)
      for (const i of [0, 1, 2]) adm(`-a -t ${VIP}:80 -r 10.2.0.${i + 10}:8080 -m`)
      node.setSysctl('net.ipv4.vs.conntrack', '1')
      node.setSysctl('net.ipv4.vs.expire_quiescent_template', '1')
      if (masquerade) node.netfilter.restore('*nat\n-A POSTROUTING -d 10.2.0.0/24 -j MASQUERADE --random-fully\nCOMMIT\n')
      const open: Call[] = []
      for (const { client, port, close, pause, weights } of steps) {
        weights.forEach((w, i) => adm(`-e -t ${VIP}:80 -r 10.2.0.${i + 10}:8080 -m -w ${w}`))
        const c = call(clients[client]!, port)
        // The client's own port is still in use.
        if (c.error === 'EADDRINUSE') continue
        if (c.got === '') expect([c.error, scheduler === 'sh' || scheduler === 'dh' || weights.every((w) => w === 0)]).toEqual(['ECONNREFUSED', true])
        else {
          const [name, source] = c.got.split(' ')
          expect(weights[Number(name!.slice(-1))]).toBeGreaterThan(0)
          expect(source).toBe(masquerade ? '10.2.0.1' : `10.1.0.${client + 10}`)
        }
        if (close) c.close()
        else open.push(c)
        if (pause > 0) node.clock.runFor(pause)
      }
      for (const c of open) c.close()
      node.clock.runFor(1_100_000)
      expect(adm('-Lnc').split('\n')).toHaveLength(3)
      expect(node.netfilter.ipvs.services()[0]!.servers.map((s) => [s.active, s.inactive, s.persistent])).toEqual([[0, 0, 0], [0, 0, 0], [0, 0, 0]])
    }), { numRuns: 40 })
  })
})

describe('ipvsadm', () => {
  it('saves what restores the same table', () => {
    service('wrr', [1, 2, 3])
    adm('-A -u 172.18.0.2:30053 -s rr -p 10800')
    adm('-A -f 7 -s sh')
    adm('-a -f 7 -r 10.2.0.10:0 -m -w 5 -x 10 -y 5')
    const saved = adm('-S -n')
    expect(saved).toBe(
      '-A -t 10.96.0.20:80 -s wrr\n-a -t 10.96.0.20:80 -r 10.2.0.10:8080 -m -w 1\n-a -t 10.96.0.20:80 -r 10.2.0.11:8080 -m -w 2\n' +
      '-a -t 10.96.0.20:80 -r 10.2.0.12:8080 -m -w 3\n-A -u 172.18.0.2:30053 -s rr -p 10800\n-A -f 7 -s sh\n-a -f 7 -r 10.2.0.10:0 -m -w 5 -x 10 -y 5\n')
    adm('-C')
    expect(adm('-S -n')).toBe('')
    expect(ipvsadmCommand(node.netfilter.ipvs, ['-R'], () => undefined, saved).code).toBe(0)
    expect(adm('-S -n')).toBe(saved)
  })

  it('shows counters and rates', () => {
    service('rr', [1])
    call(clients[0]!)
    expect(adm('-Ln --stats')).toBe(
      'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port\n' +
      'TCP  10.96.0.20:80                       1        4        3      217      182\n  -> 10.2.0.10:8080                      1        4        3      217      182\n')
    expect(adm('-L --timeout')).toBe('Timeout (tcp tcpfin udp): 900 120 300\n')
    adm('--set 0 0 60')
    expect(adm('-L --timeout')).toBe('Timeout (tcp tcpfin udp): 900 120 60\n')
  })

  it('says what is wrong', () => {
    expect(adm('-D -t 1.2.3.4:80')).toBe('No such service\n[255]')
    expect(adm('-a -t 1.2.3.4:80 -r 1.1.1.1:80 -m')).toBe('Service not defined\n[255]')
    service('rr', [1])
    expect(adm(`-A -t ${VIP}:80`)).toBe('Service already exists\n[255]')
    expect(adm(`-a -t ${VIP}:80 -r 10.2.0.10:8080 -m`)).toBe('Destination already exists\n[255]')
    expect(adm(`-d -t ${VIP}:80 -r 10.2.0.99:8080`)).toBe('No such destination\n[255]')
    expect(adm(`-a -t ${VIP}:80 -r 10.2.0.99:8080`)).toMatch(/^podhop: not simulated: ipvsadm -g/)
  })
})
