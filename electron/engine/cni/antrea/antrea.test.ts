import { describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { datapathOf, type Datapath } from './datapath.ts'
import { portMasks, without } from './conjunctions.ts'

function born(config: Record<string, unknown> = {}): Cluster {
  const cluster = createCluster(parseClusterConfig({ cni: 'antrea', ...config }))
  cluster.settle()
  return cluster
}

function pod(cluster: Cluster, name: string, node: string): string {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
  cluster.settle()
  return cluster.client.get<Pod>('pods', 'default', name).status.podIP!
}

function service(cluster: Cluster, name: string, spec: object): string {
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } } as unknown as KubeObject)
  cluster.settle()
  return cluster.client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'default', name).spec.clusterIP
}

function connect(cluster: Cluster, from: string | { node: string }, address: string, port = 80): Journey {
  const network = typeof from === 'string' ? cluster.podNetwork('default', from)! : cluster.nodes.get(from.node)!.network
  const connection = network.sockets.connect({ address, port }, {})
  cluster.clock.runFor(300)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}

const dp = (cluster: Cluster, node: string): Datapath => datapathOf(cluster.nodes.get(node)!.network)!
const tables = (journey: Journey): string[] => journey.hops.flatMap((h) => h.decidedBy?.table ?? []).filter((t) => /^[A-Z]/.test(t))
const DENY = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] } }

function withoutAgents(cluster: Cluster, away: boolean): void {
  cluster.client.patch('daemonsets', 'kube-system', 'antrea-agent', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: { nowhere: away ? 'yes' : null } } } } })
  cluster.clock.runFor(60_000)
}

describe('antrea', () => {
  it('carries Pods over Geneve, and within a node by MAC addresses', () => {
    const cluster = born()
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    pod(cluster, 'near', 'worker-1')
    const far = connect(cluster, 'client', web)
    expect([far.verdict, far.sourceSeenByServer]).toEqual(['delivered', cluster.client.get<Pod>('pods', 'default', 'client').status.podIP])
    expect(far.hops.map((h) => h.explanation)).toEqual(expect.arrayContaining(['ovs-classifier', 'ovs-forwarding', 'ovs-output', 'geneve-encapsulate', 'geneve-decapsulate']))
    expect(tables(far)).toEqual(['Classifier', 'L3Forwarding', 'Output', 'Classifier', 'L3Forwarding', 'Output'])
    const near = connect(cluster, 'near', web)
    expect(near.verdict).toBe('delivered')
    expect(near.hops.map((h) => h.explanation)).not.toContain('geneve-encapsulate')
  })

  it.each([['vxlan', 'vxlan-encapsulate', 1450], ['none', undefined, 1500]] as const)('can do with encapsulation %s', (encapsulation, explanation, mtu) => {
    const cluster = born({ cni: { plugin: 'antrea', encapsulation } })
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const journey = connect(cluster, 'client', web)
    expect(journey.verdict).toBe('delivered')
    expect(journey.hops.map((h) => h.explanation).filter((e) => e.endsWith('encapsulate'))).toEqual(explanation ? [explanation] : [])
    expect(cluster.podNetwork('default', 'web')!.links.get('eth0')!.mtu).toBe(mtu)
    expect(journey.sourceSeenByServer).toBe(cluster.client.get<Pod>('pods', 'default', 'client').status.podIP)
  })

  it('serves ClusterIPs for Pods in the bridge, and leaves those of the node to kube-proxy', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const ip = service(cluster, 'web', { selector: { app: 'web' } })
    const ofPod = connect(cluster, 'client', ip)
    expect(ofPod.verdict).toBe('delivered')
    expect(tables(ofPod)).toEqual(['Classifier', 'ServiceLB', 'EndpointDNAT', 'L3Forwarding', 'Output', 'Classifier', 'L3Forwarding', 'Output'])
    expect(ofPod.reply.some((h) => h.explanation === 'undo-nat')).toBe(true)
    const ofNode = connect(cluster, { node: 'worker-2' }, ip)
    expect(ofNode.verdict).toBe('delivered')
    expect(ofNode.hops.find((h) => h.stage === 'dnat')!.decidedBy!.text).toContain('KUBE-SVC-')
    // a Pod that is its own endpoint
    const itself = connect(cluster, 'web', ip)
    expect([itself.verdict, itself.sourceSeenByServer]).toEqual(['delivered', '10.244.1.1'])
  })

  it('refuses in the name of a Service without endpoints, as long as the agent is there', () => {
    const cluster = born()
    pod(cluster, 'client', 'worker-2')
    const ip = service(cluster, 'none', { selector: { app: 'none' } })
    const journey = connect(cluster, 'client', ip)
    expect([journey.verdict, journey.reason]).toEqual(['rejected', 'reject-ovs-no-endpoint'])
    withoutAgents(cluster, true)
    expect(connect(cluster, 'client', ip).verdict).toBe('dropped')
  })

  it('learns which endpoint a client has, for as long as the affinity lasts', () => {
    const cluster = born()
    for (const name of ['a', 'b', 'c']) pod(cluster, name, 'worker-1')
    for (const name of ['a', 'b', 'c']) cluster.client.patch('pods', 'default', name, 'application/merge-patch+json', { metadata: { labels: { role: 'web' } } })
    pod(cluster, 'client', 'worker-2')
    const free = service(cluster, 'free', { selector: { role: 'web' } })
    const bound = service(cluster, 'bound', { selector: { role: 'web' }, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } } })
    const targets = (ip: string): number => new Set(Array.from({ length: 12 }, () => connect(cluster, 'client', ip).finalDestination)).size
    expect(targets(free)).toBeGreaterThan(1)
    expect(targets(bound)).toBe(1)
    const learned = (): string[] => [...dp(cluster, 'worker-2').bridge.dump()].filter(({ flow }) => flow.table === 'SessionAffinity' && flow.hardTimeout !== undefined).map(({ flow }) => flow.match)
    expect(learned()).toEqual([expect.stringMatching(new RegExp(`^tcp,nw_src=10\\.244\\.2\\.\\d+,nw_dst=${bound},tp_dst=80$`))])
    cluster.clock.runFor(101_000)
    expect(learned()).toEqual([])
  })

  it('lets clients outside in by node ports, with their own address where the policy is Local', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    service(cluster, 'web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30_080 }] })
    service(cluster, 'local', { type: 'NodePort', selector: { app: 'web' }, externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_081 }] })
    const from = (address: string, port: number): Journey => {
      const connection = cluster.laptop.network.sockets.connect({ address, port }, {})
      cluster.clock.runFor(300)
      connection.abort()
      return connection.journey!
    }
    expect([from('172.18.0.4', 30_080).verdict, from('172.18.0.3', 30_080).verdict]).toEqual(['delivered', 'delivered'])
    const local = from('172.18.0.3', 30_081)
    expect([local.verdict, local.sourceSeenByServer === local.source]).toEqual(['delivered', true])
  })

  it('names the policy that denies, and never its own node', () => {
    const cluster = born()
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    cluster.client.create('networkpolicies', 'default', DENY)
    cluster.settle()
    const denied = connect(cluster, 'client', web)
    expect([denied.verdict, denied.reason, denied.hops.at(-1)!.policies]).toEqual(['dropped', 'drop-policy', ['default/deny']])
    expect(denied.hops.at(-1)!.decidedBy!.text).toMatch(/^cookie=0x1020000000000, table=IngressDefaultRule, priority=200,reg1=0x\d+ actions=drop$/)
    expect(connect(cluster, { node: 'worker-1' }, web).verdict).toBe('delivered')
    expect(connect(cluster, { node: 'worker-2' }, web).verdict).toBe('dropped')
    cluster.client.delete('networkpolicies', 'default', 'deny')
    cluster.settle()
    expect(connect(cluster, 'client', web).verdict).toBe('delivered')
    expect([...dp(cluster, 'worker-1').bridge.dump()].filter(({ flow }) => /^(In|E)gress(Default)?Rule$/.test(flow.table)).map(({ flow }) => flow.priority)).toEqual([0, 0, 0, 0])
  })

  it('does not let a Pod send from another address', () => {
    const cluster = born()
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const network = cluster.podNetwork('default', 'client')!
    network.addAddress('eth0', '10.244.2.77/24')
    connect(cluster, 'client', web)
    network.routes.add({ destination: '0.0.0.0/0', via: '10.244.2.1', device: 'eth0', source: '10.244.2.77' }, { replace: true })
    const journey = connect(cluster, 'client', web)
    expect([journey.source, journey.verdict, journey.reason]).toEqual(['10.244.2.77', 'dropped', 'drop-ovs-spoof'])
    expect(journey.hops.at(-1)!.text).toMatch(/^default\/client may only send from 10\.244\.2\.\d+, not from 10\.244\.2\.77\.$/)
  })

  it('leaves flows as they are while its agent is away, and brings them up to date under new cookies', () => {
    const cluster = born()
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const ip = service(cluster, 'web', { selector: { app: 'web' } })
    withoutAgents(cluster, true)
    cluster.client.create('networkpolicies', 'default', DENY)
    cluster.settle()
    expect([connect(cluster, 'client', web).verdict, connect(cluster, 'client', ip).verdict]).toEqual(['delivered', 'delivered'])
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'late' }, spec: { nodeName: 'worker-1', containers: [{ name: 'c', image: 'nginx' }] } } as unknown as KubeObject)
    cluster.clock.runFor(5_000)
    const event = cluster.client.list<KubeObject & { message: string; reason: string }>('events', { namespace: 'default' }).items.find((e) => e.reason === 'FailedCreatePodSandBox')!
    expect(event.message).toContain('plugin type="antrea" failed (add): rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /var/run/antrea/cni.sock: connect: connection refused"')
    withoutAgents(cluster, false)
    expect(connect(cluster, 'client', web).verdict).toBe('dropped')
    expect(cluster.client.get<Pod>('pods', 'default', 'late').status.phase).toBe('Running')
    const cookies = new Set([...dp(cluster, 'worker-1').bridge.dump()].map(({ flow }) => flow.cookie.slice(0, 3)))
    expect([...cookies]).toEqual(['0x2'])
  })

  it('forgets the bridge when the node loses power, and makes it again', () => {
    const cluster = born()
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const before = dp(cluster, 'worker-1')
    cluster.faults.apply(['node-down', 'worker-1'])
    expect(datapathOf(cluster.nodes.get('worker-1')!.network)).toBeUndefined()
    expect(connect(cluster, 'client', web).verdict).not.toBe('delivered')
    cluster.faults.clear(['node-down', 'worker-1'])
    cluster.clock.runFor(60_000)
    expect(dp(cluster, 'worker-1')).not.toBe(before)
    expect(connect(cluster, 'client', cluster.client.get<Pod>('pods', 'default', 'web').status.podIP!).verdict).toBe('delivered')
  })

  it('takes away what a Pod had', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    const count = (): number => [...dp(cluster, 'worker-1').bridge.dump()].length
    const [flows, ports] = [count(), dp(cluster, 'worker-1').bridge.ports.size]
    pod(cluster, 'other', 'worker-1')
    expect(count()).toBe(flows + 5)
    cluster.client.delete('pods', 'default', 'other')
    cluster.clock.runFor(60_000)
    expect([count(), dp(cluster, 'worker-1').bridge.ports.size]).toEqual([flows, ports])
  })
})

describe('what rules are made of', () => {
  it('turns ranges of ports into bits', () => {
    expect(portMasks(80, 80)).toEqual(['80'])
    expect(portMasks(79, 82)).toEqual(['79', '0x50/0xfffe', '82'])
    expect(portMasks(0, 65_535)).toEqual(['0x0/0x0'])
  })

  it('takes blocks out of blocks', () => {
    expect(without('10.0.0.0/8', [])).toEqual(['10.0.0.0/8'])
    expect(without('10.0.0.0/30', ['10.0.0.1/32']).sort()).toEqual(['10.0.0.0/32', '10.0.0.2/31'])
    expect(without('10.0.0.0/24', ['10.0.0.0/16'])).toEqual([])
  })
})
