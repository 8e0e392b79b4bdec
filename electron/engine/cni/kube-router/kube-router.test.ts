import { describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import { tagged } from './netpol.ts'
import { podChain, policyChain } from './names.ts'

function born(config: Record<string, unknown> = {}): Cluster {
  const cluster = createCluster(parseClusterConfig({ cni: 'kube-router', ...config }))
  cluster.settle()
  return cluster
}

function pod(cluster: Cluster, name: string, node: string): void {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
  cluster.settle()
}

const filter = (cluster: Cluster, node: string): string[] => cluster.nodes.get(node)!.network.netfilter.save('filter').split('\n')
const routes = (cluster: Cluster, node: string): string[] => cluster.nodes.get(node)!.network.routes.list('main').map((r) => `${r.destination} ${r.via ?? ''} ${r.protocol}`)

function verdict(cluster: Cluster, from: string, address: string, port: number): string {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address, port }, {})
  cluster.clock.runFor(300)
  connection.abort()
  return connection.journey!.verdict
}

const DENY = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] } }

describe('names', () => {
  it('have the hashes that kube-router gives them', () => {
    // As they stand in iptables-save of real nodes.
    const jump = (chain: string): string => tagged(chain, ['-m', 'comment', '--comment', 'kube-router netpol', '-j', `KUBE-ROUTER-${chain}`])[3]!
    expect([jump('INPUT'), jump('FORWARD'), jump('OUTPUT')]).toEqual(['kube-router netpol - 4IA2OSFRMVNDXBVV', 'kube-router netpol - TEMCG2JMHZYE7H7T', 'kube-router netpol - VEAAIY32XVBHCSCY'])
    expect(podChain('default', 'web', '1')).toMatch(/^KUBE-POD-FW-[A-Z2-7]{16}$/)
    expect(policyChain('default', 'deny', '1', 'IPv4')).not.toBe(policyChain('default', 'deny', '2', 'IPv4'))
  })
})

describe('kube-router', () => {
  it('tells the Pods’ ranges by BGP and routes them with protocol 17', () => {
    const cluster = born()
    expect(routes(cluster, 'worker-1')).toEqual(expect.arrayContaining(['10.244.0.0/24 172.18.0.2 17', '10.244.2.0/24 172.18.0.4 17']))
    const sessions = cluster.nodes.get('worker-1')!.network.sockets.list().filter((s) => s.state === 'ESTAB' && (s.localPort === 179 || s.remotePort === 179))
    expect(sessions.map((s) => s.remoteAddress).sort()).toEqual(['172.18.0.2', '172.18.0.4'])
  })

  it('keeps routes while its Pod restarts, and forgets a node that stays silent', () => {
    const cluster = born()
    const { client } = cluster
    const victim = client.list('pods', { namespace: 'kube-system', fieldSelector: 'spec.nodeName=worker-2', labelSelector: 'k8s-app=kube-router' }).items[0]!
    client.delete('pods', 'kube-system', victim.metadata.name)
    for (let i = 0; i < 20; i++) {
      cluster.clock.runFor(3_000)
      expect(routes(cluster, 'worker-1')).toContain('10.244.2.0/24 172.18.0.4 17')
    }
    cluster.faults.apply(['node-down', 'worker-2'])
    cluster.clock.runFor(200_000)
    expect(routes(cluster, 'worker-1').join()).not.toContain('10.244.2.0/24')
  })

  it('writes a chain for each Pod of the node and each policy, and its jumps first', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    cluster.client.create('networkpolicies', 'default', DENY)
    cluster.settle()
    const lines = filter(cluster, 'worker-1')
    expect(lines.find((l) => l.startsWith('-A FORWARD'))).toBe('-A FORWARD -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD')
    const jump = lines.find((l) => l.startsWith('-A KUBE-ROUTER-FORWARD') && l.includes('destined to POD name:web '))!
    const chain = / -j (\S+)$/.exec(jump)![1]!
    const nwplcy = lines.find((l) => /^:KUBE-NWPLCY-(?!COMMON|DEFAULT)/.test(l))!.slice(1).split(' ')[0]!
    const ip = /-d (\S+)\/32/.exec(jump)![1]!
    expect(lines.filter((l) => l.startsWith(`-A ${chain} `)).map((l) => l.slice(chain.length + 4))).toEqual([
      '-m comment --comment "common bi-directional traffic policy rules" -j KUBE-NWPLCY-COMMON',
      `-d ${ip}/32 -m comment --comment "rule to permit the traffic traffic to pods when source is the pod\\'s local node" -m addrtype --src-type LOCAL -j ACCEPT`,
      `-s ${ip}/32 -m comment --comment "run through default egress network policy chain" -j KUBE-NWPLCY-DEFAULT`,
      `-d ${ip}/32 -m comment --comment "run through nw policy deny" -j ${nwplcy}`,
      '-m comment --comment "rule to log dropped traffic POD name:web namespace: default" -m mark ! --mark 0x10000/0x10000 -m limit --limit 10/min --limit-burst 10 -j NFLOG --nflog-group 100',
      '-m comment --comment "rule to REJECT traffic destined for POD name:web namespace: default" -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable',
      '-j MARK --set-xmark 0x0/0x10000',
      '-m comment --comment "set mark to ACCEPT traffic that comply to network policies" -j MARK --set-xmark 0x20000/0x20000',
    ])
    // under another name after the next sync, and the old chain is gone
    cluster.client.delete('networkpolicies', 'default', 'deny')
    cluster.settle()
    expect(filter(cluster, 'worker-1').filter((l) => l.includes(chain) || l.includes(nwplcy))).toEqual([])
    expect(cluster.nodes.get('worker-1')!.network.netfilter.sets.names()).toEqual(['kube-router-pod-subnets', 'kube-router-node-ips'])
  })

  it('leaves the rules stale where its agent does not run', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const address = cluster.client.get<{ status: { podIP: string } } & Parameters<Cluster['client']['tableOf']>[1][number]>('pods', 'default', 'web').status.podIP
    cluster.client.patch('daemonsets', 'kube-system', 'kube-router', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: { nowhere: 'yes' } } } } })
    cluster.clock.runFor(60_000)
    cluster.client.create('networkpolicies', 'default', DENY)
    cluster.settle()
    expect(verdict(cluster, 'client', address, 80)).toBe('delivered')
    cluster.client.patch('daemonsets', 'kube-system', 'kube-router', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: null } } } })
    cluster.clock.runFor(60_000)
    expect(verdict(cluster, 'client', address, 80)).toBe('rejected')
  })

  it('says in its log which annotations would make it speak with others than the nodes', () => {
    const cluster = born()
    cluster.client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { annotations: { 'kube-router.io/peer.ips': '172.18.0.1', 'kube-router.io/peer.asns': '64513' } } })
    cluster.clock.runFor(1_000)
    const lines: string[] = []
    const agent = cluster.client.list('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=kube-router', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
    cluster.client.logs('kube-system', agent.metadata.name, {}, { onLine: (line) => lines.push(line), onEnd: () => undefined })
    cluster.clock.runFor(1_000)
    expect(lines.filter((l) => l.includes('not simulated')).map((l) => l.replace(/^.*?\] /, ''))).toEqual(['peer.ips', 'peer.asns'].map((name) => `podhop: not simulated: the annotation kube-router.io/${name} of node worker-1 (the nodes speak with each other only, with --cluster-asn)`))
  })

  it('puts back within a minute what somebody deletes of its routes', () => {
    const cluster = born()
    const { routes } = cluster.nodes.get('worker-1')!.network
    const lost = routes.list('main').filter((r) => r.protocol === '17')
    expect(lost).toHaveLength(2)
    for (const route of lost) routes.remove(route)
    cluster.clock.runFor(61_000)
    expect(routes.list('main').filter((r) => r.protocol === '17')).toEqual(lost)
  })

  it('does both families', () => {
    const cluster = born({ ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16,fd00:10:244::/56', serviceCIDR: '10.96.0.0/12,fd00:10:96::/112' })
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const ips = cluster.client.get<{ status: { podIPs: { ip: string }[] } } & Parameters<Cluster['client']['tableOf']>[1][number]>('pods', 'default', 'web').status.podIPs.map((p) => p.ip)
    expect(ips.map((ip) => verdict(cluster, 'client', ip, 80))).toEqual(['delivered', 'delivered'])
    cluster.client.create('networkpolicies', 'default', DENY)
    cluster.settle()
    expect(ips.map((ip) => verdict(cluster, 'client', ip, 80))).toEqual(['rejected', 'rejected'])
  })
})
