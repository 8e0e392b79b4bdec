import { beforeAll, describe, expect, it } from 'vitest'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { dnsQuery } from '../../network/wire/dns-types.ts'
import { encodeDns } from '../../network/wire/dns.ts'
import { podObject, World } from './world.samples.ts'

/** A cluster without kube-proxy, told as stories: what is seen on wires, in maps and by servers. */
const interfaces = (journey: Journey): string[] => [...new Set(journey.hops.flatMap((h) => (h.interface === undefined ? [] : [`${h.machine} ${h.interface.replace(/^lxc.*/, 'lxc')}`])))]

describe('a cluster of three nodes', () => {
  let w: World
  let client: NetworkNamespace
  beforeAll(() => {
    w = new World()
    for (const [i, node] of ['worker-1', 'worker-2'].entries()) w.pod(`web-${i}`, node, { app: 'web' })
    client = w.pod('client', 'worker-1')
    w.service('web', { type: 'NodePort', ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30_080 }] })
  })

  it('has no kube-proxy, and its Pods run', () => {
    const pods = w.cluster.client.list<Pod>('pods').items
    expect(pods.filter((p) => p.metadata.name.startsWith('kube-proxy'))).toEqual([])
    expect(pods.filter((p) => p.status.conditions?.some((c) => c.type === 'Ready' && c.status !== 'True'))).toEqual([])
    expect(w.cluster.client.list('daemonsets').items.map((d) => d.metadata.name).sort()).toEqual(['cilium', 'cilium-envoy'])
    expect(w.node('worker-1').netfilter.save('nat')).not.toContain('KUBE-SERVICES')
  })

  it('a connected UDP socket is connected to the backend, and hears it as the Service that it asked for', () => {
    const socket = client.sockets.udp({})
    const heard: string[] = []
    socket.onDatagram = ({ source, sourcePort }) => heard.push(`${source}:${sourcePort}`)
    socket.connect('10.96.0.10', 53)
    expect(w.cluster.client.list<Pod>('pods', { namespace: 'kube-system' }).items.filter((p) => p.metadata.name.startsWith('coredns')).map((p) => p.status.podIP)).toContain(client.sockets.list().find((s) => s.protocol === 'udp')!.remoteAddress)
    socket.send(encodeDns(dnsQuery(1, 'kubernetes.default.svc.cluster.local.', 'A')), '10.96.0.10', 53)
    w.cluster.clock.runFor(100)
    expect(heard).toEqual(['10.96.0.10:53'])
    socket.close()
  })

  it('gives a Pod a /32 and the router as its way out, and the node routes into cilium_host', () => {
    const dp = w.maps('worker-1')
    expect(client.links.get('eth0')!.addresses).toMatchObject([{ address: w.ip('client'), prefixLength: 32 }, { scope: 'link', prefixLength: 64 }])
    expect(client.routes.list('main').map((r) => [r.destination, r.via])).toEqual([['0.0.0.0/0', dp.routerIp], [`${dp.routerIp}/32`, undefined]])
    const routes = dp.network.routes.list('main').filter((r) => r.device === 'cilium_host')
    expect(routes.map((r) => [r.destination, r.via])).toEqual(expect.arrayContaining([['10.244.0.0/24', dp.routerIp], ['10.244.1.0/24', dp.routerIp], ['10.244.2.0/24', dp.routerIp], [`${dp.routerIp}/32`, undefined]]))
  })

  it('carries Pods through the tunnel with their identity as its number, past the nodes’ iptables', () => {
    const journey = w.connect(client, w.ip('web-1'), 80)
    expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.ip('client') })
    const identity = w.maps('worker-2').endpoints.get(w.ip('web-1'))!.identity
    const own = w.maps('worker-1').endpoints.get(w.ip('client'))!.identity
    expect(journey.hops.find((h) => h.stage === 'encapsulate')!.text).toContain(`(VXLAN ${own})`)
    expect(w.maps('worker-1').ipcache.lookup(w.ip('web-1'))!.entry).toEqual({ identity, tunnel: '172.18.0.4' })
    expect(journey.hops.filter((h) => h.decidedBy?.kind === 'rule')).toEqual([])
    expect(w.node('worker-1').netfilter.conntrack.list().filter((e) => e.original.source === w.ip('client'))).toEqual([])
  })

  it('hands packets between Pods of one node straight over', () => {
    const journey = w.connect(client, w.ip('web-0'), 80)
    expect(journey.verdict).toBe('delivered')
    // neither cilium_host nor the other Pod's link on the node sees it
    expect(interfaces(journey)).toEqual(['default/client eth0', 'worker-1 lxc', 'default/web-0 eth0'])
  })

  it('replaces a ClusterIP at the socket: its address is in no packet', () => {
    const { clusterIP } = w.cluster.client.get<Service>('services', 'default', 'web').spec
    const seen: string[] = []
    const stop = client.capture('any', ({ frame }) => void (frame.payload.kind === 'ip' && seen.push(frame.payload.source, frame.payload.destination)))
    const backends = new Set(Array.from({ length: 20 }, () => w.connect(client, clusterIP!, 80)).map((j) => {
      expect(j).toMatchObject({ verdict: 'delivered', destination: clusterIP, sourceSeenByServer: w.ip('client') })
      expect(j.hops[0]).toMatchObject({ stage: 'dnat', explanation: 'cilium-socket-lb' })
      return j.finalDestination
    }))
    stop()
    expect([...backends].sort()).toEqual([`${w.ip('web-0')}:80`, `${w.ip('web-1')}:80`].sort())
    expect(seen).not.toContain(clusterIP)
  })

  it('answers a node port on every node: with the client’s address here, with the node’s for a backend elsewhere', () => {
    const outside = w.cluster.external.network
    for (const [name, ip] of [['control-plane', '172.18.0.2'], ['worker-1', '172.18.0.3']] as const) {
      const seen = new Map(Array.from({ length: 12 }, () => w.connect(outside, ip, 30_080)).map((j) => {
        expect(j.verdict).toBe('delivered')
        return [j.finalDestination!, j.sourceSeenByServer!]
      }))
      const { routerIp } = w.maps(name)
      expect(Object.fromEntries(seen)).toEqual({ [`${w.ip('web-0')}:80`]: name === 'worker-1' ? outside.sourceFor(ip) : routerIp, [`${w.ip('web-1')}:80`]: routerIp })
    }
  })

  it('keeps the client’s address with externalTrafficPolicy Local, and says so where no backend is', () => {
    w.service('local', { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_081 }] })
    const outside = w.cluster.external.network
    expect(w.connect(outside, '172.18.0.3', 30_081)).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('web-0')}:80`, sourceSeenByServer: outside.sourceFor('172.18.0.3') })
    const refused = w.connect(outside, '172.18.0.2', 30_081)
    expect(refused).toMatchObject({ verdict: 'rejected', reason: 'drop-cilium-no-backend', error: 'ECONNREFUSED' })
    expect(refused.hops.at(-1)!.text).toContain('Service backend not found')
  })

  it('fails the call at once when a Service has no backend', () => {
    const { clusterIP } = w.service('empty', { selector: { app: 'nobody' } }).spec
    expect(w.connect(client, clusterIP!, 80)).toMatchObject({ verdict: 'unreachable', reason: 'drop-cilium-no-backend', error: 'EHOSTUNREACH' })
  })

  it('keeps a client with one backend by sessionAffinity', () => {
    const { clusterIP } = w.service('sticky', { sessionAffinity: 'ClientIP' }).spec
    expect(new Set(Array.from({ length: 10 }, () => w.connect(client, clusterIP!, 80).finalDestination)).size).toBe(1)
  })

  it('does not let a ClusterIP in from outside', () => {
    const { clusterIP } = w.cluster.client.get<Service>('services', 'default', 'web').spec
    const outside = w.cluster.external.network
    outside.routes.add({ destination: `${clusterIP!}/32`, via: '192.0.2.1', device: 'eth0' })
    w.cluster.networks().find((n) => n.name === 'outside')!.routes.add({ destination: `${clusterIP!}/32`, via: '172.18.0.3', device: 'eth0' })
    expect(w.connect(outside, clusterIP!, 80)).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-cluster-ip' })
  })

  it('answers externalIPs to packets from outside', () => {
    w.service('outer', { externalIPs: ['172.18.0.4'], ports: [{ port: 8080, targetPort: 80 }] })
    expect(w.connect(w.cluster.external.network, '172.18.0.4', 8080).verdict).toBe('delivered')
  })

  it('answers a hostPort on the Pod’s node, until the Pod is gone', () => {
    w.pod('host-port', 'worker-2', { app: 'host-port' }, { containers: [{ name: 'c', image: 'nginx:1.27.5', ports: [{ containerPort: 80, hostPort: 8081 }] }] })
    const outside = w.cluster.external.network
    expect(w.connect(outside, '172.18.0.4', 8081)).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('host-port')}:80`, sourceSeenByServer: outside.sourceFor('172.18.0.4') })
    expect(w.connect(client, '172.18.0.4', 8081).verdict).toBe('delivered')
    w.cluster.client.delete('pods', 'default', 'host-port')
    w.cluster.settle()
    expect(w.connect(outside, '172.18.0.4', 8081).verdict).toBe('refused')
  })

  it('masquerades what leaves the cluster, in eBPF', () => {
    const journey = w.connect(client, '172.18.0.1', 80)
    expect(journey.hops.find((h) => h.stage === 'snat')).toMatchObject({ explanation: 'cilium-masquerade', after: { source: '172.18.0.3' } })
    expect(w.maps('worker-1').nat.list().some((e) => e.original.source === w.ip('client') && e.address === '172.18.0.3')).toBe(true)
  })

  it('lets nodes and Pods reach one another', () => {
    for (const { name, ip } of w.cluster.config.nodes) {
      expect(w.connect(w.node(name), w.ip('web-0'), 80), name).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.maps(name).routerIp })
      w.node(name).sockets.listen({ port: 7000 }, () => undefined)
      // in a tunnel cluster a Pod's address means nothing on the nodes' wire
      expect(w.connect(client, ip, 7000), name).toMatchObject({ verdict: 'delivered', sourceSeenByServer: name === 'worker-1' ? w.ip('client') : '172.18.0.3' })
    }
  })

  it('drops what is for a Pod that is gone, and names it', () => {
    const gone = w.pod('gone', 'worker-2')
    const ip = w.ip('gone')
    expect(gone.links.has('eth0')).toBe(true)
    w.cluster.client.delete('pods', 'default', 'gone')
    w.cluster.settle()
    expect(w.cluster.client.list('ciliumendpoints.cilium.io').items.map((e) => e.metadata.name)).not.toContain('gone')
    expect(w.connect(client, ip, 80)).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-unroutable' })
  })

  it('drops what a Pod sends from an address that is not its own', () => {
    client.addAddress('eth0', '10.9.9.9/32')
    const connection = client.sockets.connect({ address: w.ip('web-1'), port: 80, source: '10.9.9.9' }, {})
    w.cluster.clock.runFor(50)
    expect(connection.journey).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-source-ip' })
    connection.abort()
    client.removeAddress('eth0', '10.9.9.9/32')
  })
})

describe('native routing', () => {
  it('has no tunnel: nodes are one another’s gateways', () => {
    const w = new World({ cni: { plugin: 'cilium', routing: 'native' } })
    const client = w.pod('client', 'worker-1')
    w.pod('web', 'worker-2')
    expect(w.node('worker-1').links.has('cilium_vxlan')).toBe(false)
    expect(w.node('worker-1').routes.list('main')).toContainEqual(expect.objectContaining({ destination: '10.244.2.0/24', via: '172.18.0.4', device: 'eth0' }))
    const journey = w.connect(client, w.ip('web'), 80)
    expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.ip('client') })
    expect(journey.hops.some((h) => h.stage === 'encapsulate')).toBe(false)
    w.node('worker-2').sockets.listen({ port: 7000 }, () => undefined)
    expect(w.connect(client, '172.18.0.4', 7000)).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.ip('client') })
  })
})

describe('beside kube-proxy', () => {
  it('ClusterIPs of Pods are translated packet by packet, and node ports are kube-proxy’s', () => {
    const w = new World({ cni: { plugin: 'cilium', kubeProxyReplacement: false } })
    const client = w.pod('client', 'worker-1')
    for (const [i, node] of ['worker-1', 'worker-2'].entries()) w.pod(`web-${i}`, node, { app: 'web' })
    const { clusterIP } = w.service('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }).spec
    expect(w.cluster.client.list('daemonsets').items.map((d) => d.metadata.name)).toContain('kube-proxy')
    const journeys = Array.from({ length: 12 }, () => w.connect(client, clusterIP!, 80))
    for (const j of journeys) expect(j).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.ip('client') })
    expect(new Set(journeys.map((j) => j.finalDestination)).size).toBe(2)
    expect(journeys[0]!.hops.find((h) => h.stage === 'dnat')).toMatchObject({ machine: 'worker-1', explanation: 'cilium-service' })
    expect(journeys[0]!.reply.find((h) => h.stage === 'undo-nat')).toMatchObject({ explanation: 'cilium-reverse-nat', after: { source: clusterIP } })
    for (let i = 0; i < 6; i++) {
      expect(w.connect(w.cluster.external.network, '172.18.0.3', 30_080).verdict).toBe('delivered')
      expect(w.connect(w.node('worker-2'), clusterIP!, 80).verdict).toBe('delivered')
    }
    expect(w.connect(client, '172.18.0.1', 80).hops.some((h) => h.stage === 'snat')).toBe(true)
  })
})

describe.each(['tunnel', 'native'])('beside kube-proxy, %s routing', (routing) => {
  it('whole conversations pass: the node’s kernel sees both ways of what leaves the node, and its conntrack calls none of it invalid', () => {
    const w = new World({ cni: { plugin: 'cilium', kubeProxyReplacement: false, routing } })
    const client = w.pod('client', 'worker-1')
    for (const [i, node] of ['worker-1', 'worker-2'].entries()) w.pod(`web-${i}`, node, { app: 'web' })
    for (const address of [w.ip('web-0'), w.ip('web-1'), '192.0.2.53']) expect(w.http(client, address, 'GET /')).toMatch(/^HTTP\/1\.1 \d{3} /)
    expect(w.http(w.cluster.external.network, w.ip('web-1'), 'GET /')).toBe('')
    const api = client.sockets.connect({ address: '10.96.0.1', port: 443 }, {})
    w.cluster.clock.runFor(2_000)
    api.send(new Uint8Array(10))
    w.cluster.clock.runFor(2_000)
    // nothing of it waits to be sent again
    expect(w.node('worker-1').netfilter.command(['-t', 'filter', '-vnL', 'KUBE-FORWARD']).stdout).toMatch(/^ *0 +0 DROP .*INVALID/m)
    api.abort()
  })
})

describe('the agent', () => {
  it('makes everything again after the node has been switched off', () => {
    const w = new World()
    const client = w.pod('client', 'worker-2')
    w.pod('web-0', 'worker-1', { app: 'web' })
    const { clusterIP } = w.service('web', {}).spec
    w.cluster.faults.apply(['node-down', 'worker-1'])
    w.cluster.clock.runFor(5_000)
    expect(w.node('worker-1').links.get('eth0')!.ingress).toBeUndefined()
    w.cluster.faults.clearAll()
    w.cluster.clock.runFor(60_000)
    w.cluster.settle()
    expect(w.connect(client, clusterIP!, 80)).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('web-0')}:80` })
  })

  it('leaves the maps as they are when it stops, and a new Pod waits for it', () => {
    const w = new World()
    const client = w.pod('client', 'worker-1')
    w.pod('web-0', 'worker-2', { app: 'web' })
    const { clusterIP } = w.service('web', {}).spec
    w.cluster.faults.apply(['cni-down', 'worker-1'])
    w.cluster.clock.runFor(5_000)
    expect(w.connect(client, clusterIP!, 80).verdict).toBe('delivered')
    const later = w.service('later', {}).spec.clusterIP
    expect(w.connect(client, later!, 80).verdict).not.toBe('delivered')
    w.cluster.faults.clearAll()
    w.cluster.clock.runFor(60_000)
    expect(w.connect(client, later!, 80).verdict).toBe('delivered')
  })

  it('is missed by name in the Pod’s event', () => {
    const w = new World()
    const kubelet = w.cluster.kubelet('worker-1')!
    const agent = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
    kubelet.images.spoil('cilium-agent', true)
    kubelet.worker('kube-system', agent.metadata.name)!.main[0]!.run!.signal('SIGKILL')
    w.cluster.clock.runFor(1_000)
    w.cluster.client.create('pods', 'default', podObject('late', 'worker-1') as KubeObject)
    w.cluster.clock.runFor(5_000)
    const messages = w.cluster.client.list('events', { namespace: 'default' }).items.map((e) => (e as unknown as { message: string }).message)
    expect(messages.find((m) => m.startsWith('Failed to create pod sandbox'))).toContain('plugin type="cilium-cni" failed (add): unable to connect to Cilium agent: failed to create cilium agent client after 30.000000 seconds timeout: Get "http://localhost/v1/config": dial unix /var/run/cilium/cilium.sock: connect: connection refused')
    kubelet.images.spoil('cilium-agent', false)
    w.cluster.clock.runFor(120_000)
    expect(w.cluster.client.get<Pod>('pods', 'default', 'late').status.phase).toBe('Running')
  })
})

it.each([['vxlan', {}], ['native', { cni: { plugin: 'cilium', routing: 'native' } }]])('the agent puts back the routes to other nodes that somebody deletes, when it validates them: %s', (_, config) => {
  const w = new World(config)
  const { routes } = w.node('worker-1')
  const there = (): string[] => routes.list('main').flatMap((r) => (r.destination === '10.244.2.0/24' ? [`${r.via} ${r.device}`] : []))
  const before = there()
  expect(before).toHaveLength(1)
  routes.remove({ destination: '10.244.2.0/24' })
  w.cluster.clock.runFor(200)
  expect(there()).toEqual([])
  // 60 s times ln(1 + 3)
  w.cluster.clock.runFor(84_000)
  expect(there()).toEqual(before)
})
