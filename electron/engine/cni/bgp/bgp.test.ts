import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { Network } from '../../network/fabric.ts'
import { NetfilterTables } from '../../network/netfilter/netfilter.ts'
import { TcpStack } from '../../network/tcp/stack.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { BgpDecoder, encodeBgp, type BgpMessage } from './messages.ts'
import { BgpSpeaker } from './speaker.ts'

const hexOf = (bytes: Uint8Array): string => Array.from(bytes.subarray(16), (b) => b.toString(16).padStart(2, '0')).join('')

it('reads what it writes, and writes what RFC 4271 says', () => {
  const messages: BgpMessage[] = [
    { type: 'open', asn: 64512, holdTime: 90, id: '172.18.0.2', families: [4, 6], gracefulRestart: 90 },
    { type: 'keepalive' },
    { type: 'update', withdrawn: ['10.244.7.0/24'], announced: ['10.244.1.0/24', '0.0.0.0/0'], nextHop: '172.18.0.3', asPath: [], localPreference: 100 },
    { type: 'open', asn: 64512, holdTime: 240, id: '172.18.0.2', families: [6] },
    { type: 'update', withdrawn: [], announced: ['fd00:10:244:1::/64'], nextHop: 'fc00::3', asPath: [64513, 4_200_000_000] },
    { type: 'update', withdrawn: ['fd00:10:244:9::/64'], announced: ['fd00:10:244:2::/64'], nextHop: 'fc00::4', linkLocal: 'fe80::4', asPath: [64513] },
    { type: 'update', withdrawn: [], announced: ['10.244.2.0/24'], nextHop: '172.18.0.4', asPath: [], localPreference: 100, originator: '172.18.0.4', clusters: ['244.0.0.1', '244.0.0.2'] },
    { type: 'notification', code: 6, subcode: 7 },
  ]
  const stream = messages.flatMap((m) => [...encodeBgp(m)])
  const decoder = new BgpDecoder()
  expect(stream.flatMap((byte) => decoder.push(Uint8Array.of(byte)))).toEqual(messages)
  expect(hexOf(encodeBgp({ type: 'keepalive' }))).toBe('001304')
  expect(hexOf(encodeBgp({ type: 'update', withdrawn: [], announced: ['10.244.1.0/24'], nextHop: '172.18.0.3', asPath: [], localPreference: 100 }))).toBe('003002' + '0000' + '0015' + '40010100' + '400200' + '400304ac120003' + '40050400000064' + '180af401')
  // RFC 4456 8: ORIGINATOR_ID is attribute 9, CLUSTER_LIST 10, both optional and non-transitive
  expect(hexOf(encodeBgp({ type: 'update', withdrawn: [], announced: ['10.244.1.0/24'], nextHop: '172.18.0.3', asPath: [], originator: '172.18.0.3', clusters: ['244.0.0.1'] }))).toContain('800904ac120003' + '800a04f4000001')
})

function routers(count: number, gracefulRestart?: number) {
  const clock = new Clock({ seed: 1 })
  const network = new Network({ clock, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
  const wire = network.createSwitch()
  const nodes = Array.from({ length: count }, (_, i) => {
    const node = network.createNamespace({ name: `r${i + 1}`, kind: 'node' })
    network.createNic(node, 'eth0', wire)
    node.setUp('lo', true)
    node.setUp('eth0', true)
    node.addAddress('eth0', `172.18.0.${i + 2}/16`)
    return node as NetworkNamespace
  })
  const told = new Map<string, Map<string, string>>()
  const start = (i: number): BgpSpeaker => {
    const address = `172.18.0.${i + 2}`
    const routes = new Map<string, string>()
    told.set(nodes[i]!.name, routes)
    const speaker = new BgpSpeaker({
      network: nodes[i]!, clock, asn: 64512, routerId: address, address, ...(gracefulRestart === undefined ? {} : { gracefulRestart }),
      onRoute: (prefix, route) => (route ? routes.set(prefix, route.nextHop) : routes.delete(prefix)),
    })
    for (let peer = 0; peer < count; peer++) if (peer !== i) speaker.addPeer(`172.18.0.${peer + 2}`, 64512)
    speaker.announce(`10.244.${i}.0/24`, address)
    return speaker
  }
  return { clock, nodes, told, start }
}

it('neighbours that start together agree on one connection each, and learn all routes', () => {
  const { clock, told, start, nodes } = routers(3)
  const speakers = [start(0), start(1), start(2)]
  clock.runFor(30_000)
  expect(speakers.flatMap((s) => s.peers.map((p) => p.state))).toEqual(Array(6).fill('Established'))
  expect(Object.fromEntries(told.get('r1')!)).toEqual({ '10.244.1.0/24': '172.18.0.3', '10.244.2.0/24': '172.18.0.4' })
  expect(nodes[0]!.sockets.list().filter((s) => s.state === 'ESTAB')).toHaveLength(2)
  speakers[1]!.withdraw('10.244.1.0/24')
  clock.runFor(1_000)
  expect([...told.get('r3')!.keys()]).toEqual(['10.244.0.0/24'])
})

it('one that starts later is found, one that is silent is given up after the hold time', () => {
  const { clock, told, start, nodes } = routers(2)
  start(0)
  clock.runFor(3_000)
  start(1)
  clock.runFor(1_000)
  expect(told.get('r1')!.size).toBe(1)
  nodes[1]!.setUp('eth0', false)
  clock.runFor(60_000)
  expect(told.get('r1')!.size).toBe(1)
  clock.runFor(31_000)
  expect(told.get('r1')!.size).toBe(0)
  nodes[1]!.setUp('eth0', true)
  clock.runFor(120_000)
  expect(told.get('r1')!.size).toBe(1)
})

it('with graceful restart the routes of one that stops live on, and what it announces no more goes when it is back', () => {
  const { clock, told, start } = routers(2, 90)
  start(0)
  const first = start(1)
  first.announce('10.99.0.0/16', '172.18.0.3')
  clock.runFor(30_000)
  expect(told.get('r1')!.size).toBe(2)
  first.stop()
  clock.runFor(80_000)
  expect(told.get('r1')!.size).toBe(2)
  const second = start(1)
  clock.runFor(5_000)
  expect([...told.get('r1')!.keys()]).toEqual(['10.244.1.0/24'])
  second.stop()
  clock.runFor(91_000)
  expect(told.get('r1')!.size).toBe(0)
})
