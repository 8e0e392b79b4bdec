import { beforeEach, describe, expect, it } from 'vitest'
import type { Journey } from '../../journey/types.ts'
import type { Namespace } from '../namespace.ts'
import { addPod, makeNode } from '../shapes.samples.ts'
import type { NodeShape } from '../shapes.samples.ts'
import type { TcpConnection } from '../types.ts'
import { formatConntrack } from './conntrack/format.ts'
import type { NetfilterTables } from './netfilter.ts'
import type { Rule } from './rule.ts'
import { JUMPS, serviceRules } from './service.samples.ts'
import type { ServiceSample } from './service.samples.ts'
import { makeFiltered } from './tables.samples.ts'

const WEB: ServiceSample = { name: 'web', clusterIp: '10.96.0.50', port: 80, endpoints: ['10.244.2.2:8080', '10.244.2.3:8080', '10.244.1.2:8080'], nodePort: 30080 }

let network: ReturnType<typeof makeFiltered>
let a: NodeShape
let b: NodeShape
let backends: Namespace[]
let accepted: TcpConnection[]

function write(...services: ServiceSample[]): void {
  for (const { node } of [a, b]) node.netfilter.restore(serviceRules(services), { noflush: true })
}

beforeEach(() => {
  network = makeFiltered()
  a = makeNode(network, 1)
  b = makeNode(network, 2)
  a.node.routes.add({ destination: '10.244.2.0/24', via: '172.18.0.3' })
  b.node.routes.add({ destination: '10.244.1.0/24', via: '172.18.0.2' })
  for (const { node } of [a, b]) node.routes.add({ destination: '0.0.0.0/0', via: '172.18.0.1' })
  backends = [b.pod, addPod(network, b.node, 2, 3), a.pod]
  accepted = []
  for (const pod of backends) pod.sockets.listen({ port: 8080, owner: { pid: 1, program: 'nginx' } }, (c) => accepted.push(c))
  for (const { node } of [a, b]) node.netfilter.restore(JUMPS)
  write(WEB)
})

function connect(from: Namespace, address: string, port: number): { journey: Journey; outcome: string; connection: TcpConnection } {
  let outcome = 'nothing'
  const connection = from.sockets.connect({ address, port, owner: { pid: 2, program: 'curl' } }, {
    onConnect: () => (outcome = 'connected'), onClose: (error) => (outcome = error?.code ?? 'closed'),
  })
  network.clock.settle(200_000)
  return { journey: connection.journey!, outcome, connection }
}

const told = (hops: Journey['hops'], ...stages: string[]): string[] =>
  hops.filter((h) => stages.includes(h.stage) && h.decidedBy?.kind !== 'route').map((h) => `${h.machine} ${h.stage}: ${h.decidedBy?.text.replace(/ -m comment --comment ("[^"]*"|\S+)/g, '')}`)

describe('a Service through kube-proxy’s rules', () => {
  it('brings a Pod on another node to a backend, and shows which rules chose it', () => {
    const client = addPod(network, a.node, 1, 9)
    const { journey, outcome } = connect(client, '10.96.0.50', 80)
    expect(outcome).toBe('connected')
    const backend = accepted[0]!
    expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: `${backend.localAddress}:8080`, sourceSeenByServer: '10.244.1.9' })
    const rules = told(journey.hops, 'dnat', 'snat', 'filter')
    expect(rules[0]).toMatch(/^worker-1 dnat: -A KUBE-SERVICES -d 10\.96\.0\.50\/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-/)
    expect(rules.at(-1)).toMatch(/-j DNAT --to-destination 10\.244\.[12]\.[23]:8080$/)
    expect(journey.reply.find((h) => h.stage === 'undo-nat')).toMatchObject({
      machine: 'worker-1', before: { source: backend.localAddress, sourcePort: 8080 }, after: { source: '10.96.0.50', sourcePort: 80 },
    })
  })

  it('spreads connections evenly, without two in a row deciding each other', () => {
    const client = addPod(network, a.node, 1, 9)
    for (let i = 0; i < 300; i++) client.sockets.connect({ address: '10.96.0.50', port: 80 }, {})
    network.clock.settle()
    const counts = new Map<string, number>()
    for (const c of accepted) counts.set(c.localAddress, (counts.get(c.localAddress) ?? 0) + 1)
    expect(counts.size).toBe(3)
    for (const n of counts.values()) expect(n).toBeGreaterThan(70)
  })

  it('is met from outside at a node port, masqueraded to the node that was asked', () => {
    const outside = network.createNamespace({ name: 'outside', kind: 'outside' })
    network.createNic(outside, 'eth0', network.switches.get('underlay')!)
    outside.addAddress('eth0', '172.18.0.100/16')
    outside.setUp('eth0', true)
    write({ ...WEB, endpoints: ['10.244.2.2:8080'] })
    const { journey, outcome } = connect(outside, '172.18.0.2', 30080)
    expect(outcome).toBe('connected')
    expect(journey).toMatchObject({ sourceSeenByServer: '172.18.0.2', finalDestination: '10.244.2.2:8080', to: 'default/pod-2-2' })
    expect(told(journey.hops, 'dnat', 'snat').map((t) => t.replace(/KUBE-(SVC|SEP|EXT)-\w+/g, 'KUBE-$1'))).toEqual([
      'worker-1 dnat: -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      'worker-1 dnat: -A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT',
      'worker-1 dnat: -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
      'worker-1 dnat: -A KUBE-SEP -p tcp -m tcp -j DNAT --to-destination 10.244.2.2:8080',
      'worker-1 snat: -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
      'worker-1 snat: -A KUBE-POSTROUTING -j MASQUERADE --random-fully',
    ])
    const row = formatConntrack(a.node.netfilter.conntrack.list()[0]!, network.clock.now)
    expect(row).toMatch(/^tcp {6}6 431999 ESTABLISHED src=172\.18\.0\.100 dst=172\.18\.0\.2 sport=\d+ dport=30080 src=10\.244\.2\.2 dst=172\.18\.0\.2 sport=8080 dport=\d+ \[ASSURED\] mark=0 use=1$/)
  })

  it('reaches its own Pod again through the Service: a hairpin needs masquerading', () => {
    write({ ...WEB, endpoints: ['10.244.1.2:8080'] })
    const bridge = a.node.links.get('cni0') as unknown as { ports: readonly { name: string }[]; hairpin(port: unknown, on: boolean): void }
    for (const port of bridge.ports) bridge.hairpin(port, true)
    const { journey, outcome } = connect(a.pod, '10.96.0.50', 80)
    expect(outcome).toBe('connected')
    expect(journey).toMatchObject({ sourceSeenByServer: '10.244.1.1', finalDestination: '10.244.1.2:8080' })
  })

  it('serves the node itself, whose packets are routed again after the translation', () => {
    write({ ...WEB, endpoints: ['10.244.2.2:8080'] })
    const { journey, outcome } = connect(a.node, '10.96.0.50', 80)
    expect(outcome).toBe('connected')
    expect(journey.sourceSeenByServer).toBe('172.18.0.2')
  })

  it('without endpoints is rejected at once, from a Pod and from the node', () => {
    write({ ...WEB, endpoints: [] })
    for (const from of [a.pod, a.node]) {
      const started = network.clock.now
      const { journey, outcome } = connect(from, '10.96.0.50', 80)
      expect(outcome).toBe('ECONNREFUSED')
      expect(journey).toMatchObject({ verdict: 'rejected', reason: 'reject-filter-rule' })
      expect(network.clock.now - started).toBeLessThan(100)
      expect(journey.hops.at(-1)!.decidedBy!.text).toBe(
        '-A KUBE-SERVICES -d 10.96.0.50/32 -p tcp -m comment --comment "default/web has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
      )
    }
  })

  it('stays with one backend for a client, as long as its affinity lasts', () => {
    write({ ...WEB, affinity: 10_800 })
    const client = addPod(network, a.node, 1, 9)
    for (let i = 0; i < 20; i++) connect(client, '10.96.0.50', 80)
    expect(new Set(accepted.map((c) => c.localAddress)).size).toBe(1)
    const seen = new Set<string>()
    for (let i = 0; i < 20; i++) {
      network.clock.runFor(10_801_000)
      connect(client, '10.96.0.50', 80)
      seen.add(accepted.at(-1)!.localAddress)
    }
    expect(seen.size).toBeGreaterThan(1)
  })

  it('keeps a connection where it is when the endpoints change under it', () => {
    const client = addPod(network, a.node, 1, 9)
    const { connection } = connect(client, '10.96.0.50', 80)
    const backend = accepted[0]!
    write({ ...WEB, endpoints: ['10.244.2.99:8080'] })
    let got = 0
    backend.handlers = { onData: (d) => (got += d.length) }
    connection.send(new Uint8Array(5000))
    network.clock.settle()
    expect(got).toBe(5000)
  })

  it('a DROP is silence for the program and a name in the journey', () => {
    a.node.netfilter.command(['-A', 'FORWARD', '-p', 'tcp', '--dport', '8080', '-j', 'DROP'])
    write({ ...WEB, endpoints: ['10.244.2.2:8080'] })
    const { journey, outcome } = connect(a.pod, '10.96.0.50', 80)
    expect(outcome).toBe('ETIMEDOUT')
    expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-filter-rule', finalDestination: '10.244.2.2:8080' })
    expect(journey.hops.at(-1)!.decidedBy).toMatchObject({ table: 'filter', chain: 'FORWARD', text: '-A FORWARD -p tcp -m tcp --dport 8080 -j DROP' })
  })

  it('a policy that drops is named as well', () => {
    b.node.netfilter.command(['-P', 'FORWARD', 'DROP'])
    const { journey } = connect(a.pod, '10.244.2.2', 8080)
    expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-filter-policy' })
    expect(journey.hops.at(-1)!.decidedBy!.text).toBe('-P FORWARD DROP')
  })

  it('tcp-reset refuses a connection', () => {
    a.node.netfilter.command(['-A', 'FORWARD', '-p', 'tcp', '--dport', '8080', '-j', 'REJECT', '--reject-with', 'tcp-reset'])
    const { journey, outcome } = connect(a.pod, '10.244.2.2', 8080)
    expect([outcome, journey.verdict]).toEqual(['ECONNREFUSED', 'rejected'])
  })

  it('tcp-reset comes from the Service that the Pod called, not from the endpoint behind it', () => {
    write({ ...WEB, endpoints: ['10.244.2.2:8080'] })
    a.node.netfilter.command(['-A', 'FORWARD', '-p', 'tcp', '--dport', '8080', '-j', 'REJECT', '--reject-with', 'tcp-reset'])
    const { journey, outcome } = connect(a.pod, '10.96.0.50', 80)
    expect([outcome, journey.verdict]).toEqual(['ECONNREFUSED', 'rejected'])
    expect(journey.reply.find((h) => h.stage === 'undo-nat')?.after).toMatchObject({ source: '10.96.0.50', sourcePort: 80 })
  })

  it('tells a Pod of a router’s error in terms of the Service that it called', () => {
    write({ ...WEB, endpoints: ['10.244.2.2:8080'] })
    a.node.routes.remove({ destination: '10.244.2.0/24' })
    a.node.routes.add({ destination: '10.244.2.0/24', type: 'unreachable' })
    const { outcome, journey } = connect(a.pod, '10.96.0.50', 80)
    expect(outcome).toBe('EHOSTUNREACH')
    expect(journey.finalDestination).toBe('10.244.2.2:8080')
  })

  it('looks at a handful of rules for a packet, however many Services there are', () => {
    const many = Array.from({ length: 10_000 }, (_, i): ServiceSample => ({
      name: `s${i}`, clusterIp: `10.100.${i >> 8}.${i & 255}`, port: 80, endpoints: [`10.244.2.${2 + (i % 2)}:8080`], nodePort: 20_000 + i,
    }))
    a.node.netfilter.restore(serviceRules(many), { noflush: true })
    const table = (a.node.netfilter as NetfilterTables).table('nat')
    const client = addPod(network, a.node, 1, 9)
    expect(connect(client, '172.18.0.2', 20_001).outcome).toBe('connected')
    let looked = 0
    for (const name of ['KUBE-SERVICES', 'KUBE-NODEPORTS']) {
      for (const rule of table.chains.get(name)!.rules as Rule[]) {
        const destination = rule.destination
        Object.defineProperty(rule, 'destination', { get: () => (looked++, destination) })
      }
    }
    expect(connect(client, '10.100.38.70', 80).outcome).toBe('connected')
    expect(connect(client, '172.18.0.2', 29_000).outcome).toBe('connected')
    expect(accepted).toHaveLength(3)
    expect(looked).toBeLessThan(20)
  })
})
