import { describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { Pod } from '../../kubernetes/types.ts'
import { setName } from './names.ts'
import { Ring } from './ring.ts'
import { routerOf, type WeaveRouter } from './router.ts'
import { connectionsText, ipamText, peersText, psText, statusText } from './status.ts'

function born(config: Record<string, unknown> = {}): Cluster {
  const cluster = createCluster(parseClusterConfig({ cni: 'weave', ...config }))
  cluster.settle()
  return cluster
}

function pod(cluster: Cluster, name: string, node: string): void {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }], terminationGracePeriodSeconds: 0 }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
  cluster.settle()
}

const get = (cluster: Cluster, name: string): Pod => cluster.client.get<Pod>('pods', 'default', name)
const ip = (cluster: Cluster, name: string): string => get(cluster, name).status.podIP!
const router = (cluster: Cluster, node: string): WeaveRouter => routerOf(cluster.nodes.get(node)!.network)!
const network = (cluster: Cluster, node: string): NonNullable<ReturnType<Cluster['podNetwork']>> => cluster.nodes.get(node)!.network

function tried(cluster: Cluster, from: string, address: string): Journey {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address, port: 80 }, {})
  cluster.clock.runFor(5_000)
  connection.abort()
  return connection.journey!
}

const noAgent = (cluster: Cluster, off: boolean): void => {
  cluster.client.patch('daemonsets', 'kube-system', 'weave-net', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: off ? { nowhere: 'yes' } : null } } } })
  cluster.clock.runFor(60_000)
}

describe('names and the ring', () => {
  it('are those of real clusters', () => {
    // as iptables-save shows them on every cluster with Weave Net
    expect([setName('ingress-default-allow:default'), setName('egress-default-allow:default')]).toEqual(['weave-;rGqyMIl1HN^cfDki~Z$3]6!N', 'weave-s_+ChJId4Uy_$}G;WdH|~TK)I'])
    const ring = new Ring('10.32.0.0/12')
    ring.claim(['c', 'a', 'b'], 0)
    expect(ring.entries.map((e) => `${ring.address(e.token)} ${e.peer}`)).toEqual(['10.32.0.0 a', '10.40.0.0 b', '10.44.0.0 c'])
  })
})

describe('weave', () => {
  it('has one network for all nodes, of which each peer owns a part', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const shares = [...router(cluster, 'worker-1').allocator.ring.shares().values()]
    expect(shares.sort()).toEqual([16384, 16384, 32768])
    const eth0 = cluster.podNetwork('default', 'web')!.links.get('eth0')!
    expect([eth0.mtu, eth0.addresses[0]!.prefixLength]).toEqual([1376, 16])
    // next to each other on one Ethernet: no gateway between them
    const { hops, verdict } = tried(cluster, 'client', ip(cluster, 'web'))
    expect(verdict).toBe('delivered')
    expect(hops.filter((h) => h.stage === 'forward' || h.stage === 'snat')).toEqual([])
    expect(hops.map((h) => h.explanation)).toEqual(expect.arrayContaining(['weave-datapath', 'vxlan-encapsulate', 'vxlan-decapsulate']))
    expect(cluster.podNetwork('default', 'client')!.neighbours.list().map((n) => n.ip)).toContain(ip(cluster, 'web'))
  })

  it('says who is connected with whom, and where addresses are', () => {
    const cluster = born()
    const weave = router(cluster, 'worker-1')
    expect(connectionsText(weave).split('\n').sort()).toEqual([
      '',
      expect.stringMatching(/^-> 172\.18\.0\.2:6783 {7}established fastdp \S+\(control-plane\) mtu=1376$/) as string,
      '-> 172.18.0.3:6783       failed      cannot connect to ourself, retry: never ',
      expect.stringMatching(/^-> 172\.18\.0\.4:6783 {7}established fastdp \S+\(worker-2\) mtu=1376$/) as string,
    ])
    expect(statusText({ ...cluster, name: 'worker-1' } as never, weave)).toContain('    Connections: 3 (2 established, 1 failed)\n          Peers: 3 (with 6 established connections)\n')
    expect(peersText(weave).match(/established$/gm)).toHaveLength(6)
    expect(ipamText(weave)).toMatch(/\(worker-1\) +32768 IPs \(50\.0% of total\) \(\d active\)\n/)
    expect(psText(weave)).toMatch(/^weave:expose (\S\S:){5}\S\S 10\.244\.\d+\.\d+\/16\n/)
  })

  it('notices a wire that is cut, and comes back', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    cluster.faults.apply(['link-down', 'worker-1', 'worker-2'])
    cluster.clock.runFor(90_000)
    const weave = router(cluster, 'worker-1')
    expect(connectionsText(weave)).toMatch(/172\.18\.0\.4:6783 +(connecting|retrying|failed) /)
    expect(weave.mesh.peers.size).toBe(3)
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).not.toBe('delivered')
    cluster.faults.clearAll()
    cluster.clock.runFor(400_000)
    expect(connectionsText(weave)).toMatch(/172\.18\.0\.4:6783 +established/)
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
  })

  it('tells of a Pod that has the address of one that is gone', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const address = ip(cluster, 'web')
    expect(tried(cluster, 'client', address).verdict).toBe('delivered')
    cluster.client.delete('pods', 'default', 'web')
    cluster.clock.runFor(2_000)
    pod(cluster, 'next', 'worker-1')
    expect(ip(cluster, 'next')).toBe(address)
    expect(tried(cluster, 'client', address).verdict).toBe('delivered')
  })

  it('keeps the datapath while its Pod is gone; new Pods wait with the plugin’s words', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    noAgent(cluster, true)
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
    pod(cluster, 'late', 'worker-1')
    cluster.clock.runFor(5_000)
    const events = cluster.client.list('events', { namespace: 'default' }).items as unknown as { reason: string; message: string }[]
    expect(events.find((e) => e.reason === 'FailedCreatePodSandBox')!.message).toMatch(/plugin type="weave-net" name="weave" failed \(add\): unable to allocate IP address: Post "http:\/\/127\.0\.0\.1:6784\/ip\/[0-9a-f]{64}": dial tcp 127\.0\.0\.1:6784: connect: connection refused$/)
    const before = router(cluster, 'worker-1')
    noAgent(cluster, false)
    cluster.clock.runFor(120_000)
    expect(before).toBeUndefined()
    expect(get(cluster, 'late').status.phase).toBe('Running')
    // what others had stays theirs
    expect(new Set(['web', 'client', 'late'].map((p) => ip(cluster, p))).size).toBe(3)
    expect(tried(cluster, 'late', ip(cluster, 'client')).verdict).toBe('delivered')
  })

  it('starts again after a power failure with the addresses that it had', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    const share = router(cluster, 'worker-1').allocator.ring.owned(router(cluster, 'worker-1').name)
    cluster.faults.apply(['node-down', 'worker-1'])
    cluster.clock.runFor(5_000)
    expect(network(cluster, 'worker-1').links.has('weave')).toBe(false)
    cluster.faults.clearAll()
    cluster.clock.runFor(120_000)
    expect(router(cluster, 'worker-1').allocator.ring.owned(router(cluster, 'worker-1').name)).toEqual(share)
    pod(cluster, 'client', 'worker-2')
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
  })

  it('enforces policies with the chains of weave-npc, and rejects one with a named port', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const policy = (spec: object): void => {
      cluster.client.create('networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'web' }, spec } as never)
      cluster.settle()
    }
    policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 80 }] }] })
    const rules = network(cluster, 'worker-1').netfilter.save('filter').split('\n').filter((l) => l.startsWith('-A WEAVE-NPC-INGRESS'))
    expect(rules).toEqual([`-A WEAVE-NPC-INGRESS -p tcp -m set --match-set ${setName('default:app=friend')} src -m set --match-set ${setName('default:app=web')} dst -m tcp --dport 80 -m comment --comment "pods: namespace: default, selector: app=friend -> pods: namespace: default, selector: app=web (ingress)" -j ACCEPT`])
    const denied = tried(cluster, 'client', ip(cluster, 'web'))
    expect([denied.verdict, denied.hops.at(-1)!.policies]).toEqual(['dropped', ['default/web']])
    expect(denied.hops.at(-1)!.decidedBy!.text).toContain('-o weave -j DROP')
    cluster.client.delete('networkpolicies', 'default', 'web')
    cluster.settle()
    policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 'nothing' }] }] })
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
  })
})
