import { describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { Node, Pod } from '../../kubernetes/types.ts'
import { formatRule } from '../../network/rules.ts'
import type { Namespace } from '../../network/namespace.ts'
import { hostVethName } from './host-network.ts'
import { ipamdOf } from './ipamd.ts'
import { POLICY_ENDPOINTS, type PolicyEndpoint } from './policy-endpoints.ts'

function born(options: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Cluster {
  const cluster = createCluster(parseClusterConfig({ cni: { plugin: 'aws-vpc', ...options }, ...more }))
  cluster.settle()
  return cluster
}

function create(cluster: Cluster, name: string, node: string): void {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }], terminationGracePeriodSeconds: 0 }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
}

function pod(cluster: Cluster, name: string, node: string): void {
  create(cluster, name, node)
  cluster.settle()
}

const get = (cluster: Cluster, name: string): Pod => cluster.client.get<Pod>('pods', 'default', name)
const ip = (cluster: Cluster, name: string): string => get(cluster, name).status.podIP!
const network = (cluster: Cluster, node: string): Namespace => cluster.nodes.get(node)!.network as Namespace
const rules = (cluster: Cluster, node: string): string[] => network(cluster, node).routes.rules.list().map((r) => `${r.priority}:\t${formatRule(r)}`)

function tried(cluster: Cluster, from: string, address: string, port = 80): Journey {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address, port }, {})
  cluster.clock.runFor(5_000)
  connection.abort()
  return connection.journey!
}

describe('aws-vpc', () => {
  it('gives Pods addresses of the nodes’ network, without encapsulation and without routes between nodes', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    expect(cluster.client.list<Node>('nodes').items.map((n) => n.spec.podCIDR)).toEqual([undefined, undefined, undefined])
    expect(ip(cluster, 'web')).toMatch(/^172\.18\.128\./)
    const inside = cluster.podNetwork('default', 'web')!
    expect(inside.routes.list('main').map((r) => `${r.destination} ${r.via ?? ''} ${r.device}`)).toEqual(['0.0.0.0/0 169.254.1.1 eth0', '169.254.1.1/32  eth0'])
    expect(inside.neighbours.list()).toContainEqual(expect.objectContaining({ ip: '169.254.1.1', state: 'PERMANENT', mac: network(cluster, 'worker-1').links.get(hostVethName({ podNamespace: 'default', podName: 'web' }))!.mac }))
    expect(rules(cluster, 'worker-1')).toEqual(expect.arrayContaining([`512:\tfrom all to ${ip(cluster, 'web')} lookup main`, '1024:\tfrom all fwmark 0x80/0x80 lookup main']))
    const { verdict, hops, sourceSeenByServer } = tried(cluster, 'client', ip(cluster, 'web')) as Journey & { sourceSeenByServer?: string }
    expect(verdict).toBe('delivered')
    expect(hops.filter((h) => h.stage === 'encapsulate' || (/[sd]nat/.test(h.stage) && h.after))).toEqual([])
    expect(hops.map((h) => h.explanation)).toContain('vpc-arp')
    if (sourceSeenByServer !== undefined) expect(sourceSeenByServer).toBe(ip(cluster, 'client'))
  })

  it('attaches another ENI before the first is full; its Pods leave by a table of its own', () => {
    const cluster = born({ instanceType: 't3.small' })
    for (const name of ['a', 'b', 'c', 'd', 'e']) pod(cluster, name, 'worker-1')
    pod(cluster, 'client', 'worker-2')
    cluster.clock.runFor(30_000)
    const ipamd = ipamdOf(network(cluster, 'worker-1'))!
    expect(ipamd.enis.map((e) => [e.link.name, e.secondary.size])).toEqual([['eth0', 3], ['eth1', 3], ['eth2', 3]])
    const second = ['a', 'b', 'c', 'd', 'e'].find((name) => ipamd.enis[1]!.secondary.has(ip(cluster, name)))!
    expect(rules(cluster, 'worker-1')).toContain(`1536:\tfrom ${ip(cluster, second)} lookup 2`)
    expect(network(cluster, 'worker-1').routes.list('2').map((r) => `${r.destination} ${r.via ?? ''} ${r.device}`)).toEqual(['0.0.0.0/0 172.18.0.1 eth1', '172.18.0.1/32  eth1'])
    expect(tried(cluster, 'client', ip(cluster, second)).verdict).toBe('delivered')
    const out = tried(cluster, second, ip(cluster, 'client'))
    expect([out.verdict, out.hops.some((h) => h.interface === 'eth1' && h.stage === 'transmit')]).toEqual(['delivered', true])
  })

  it('says that no address is left, and gives one when a Pod has gone', () => {
    const cluster = born({ instanceType: 't3.small' })
    const names = Array.from({ length: 12 }, (_, i) => `p${i}`)
    for (const name of names) create(cluster, name, 'worker-1')
    cluster.clock.runFor(120_000)
    const waiting = names.filter((name) => get(cluster, name).status.phase === 'Pending')
    expect(waiting.length).toBeGreaterThanOrEqual(3)
    const events = cluster.client.list('events', { namespace: 'default' }).items as unknown as { reason: string; message: string }[]
    expect(events.find((e) => e.reason === 'FailedCreatePodSandBox')!.message).toMatch(/plugin type="aws-cni" name="aws-cni" failed \(add\): add cmd: failed to assign an IP address to container$/)
    cluster.client.delete('pods', 'default', names.find((name) => !waiting.includes(name))!)
    cluster.clock.runFor(120_000)
    expect(waiting.filter((name) => get(cluster, name).status.phase === 'Pending')).toHaveLength(waiting.length - 1)
  })

  it('hides Pods behind the node’s first address only towards the outside', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    const way = tried(cluster, 'web', '192.0.2.53', 80)
    expect(way.hops.find((h) => h.stage === 'snat')!.after!.source).toBe('172.18.0.3')
    expect(way.hops.find((h) => h.stage === 'snat')!.decidedBy!.text).toContain('AWS, SNAT')
  })

  it('keeps everything while its Pod is gone, and forgets it with the power', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    const off = (nodeSelector: object | null): void => {
      cluster.client.patch('daemonsets', 'kube-system', 'aws-node', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector } } } })
      cluster.clock.runFor(60_000)
    }
    off({ nowhere: 'yes' })
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
    pod(cluster, 'late', 'worker-1')
    const events = cluster.client.list('events', { namespace: 'default' }).items as unknown as { reason: string; message: string }[]
    expect(events.find((e) => e.reason === 'FailedCreatePodSandBox')!.message).toContain('Error received from AddNetwork gRPC call: rpc error: code = Unavailable')
    off(null)
    cluster.clock.runFor(120_000)
    expect(get(cluster, 'late').status.phase).toBe('Running')
    expect(ip(cluster, 'late')).not.toBe(ip(cluster, 'web'))
    cluster.faults.apply(['node-down', 'worker-1'])
    expect(rules(cluster, 'worker-1')).toHaveLength(3)
    cluster.faults.clearAll()
    cluster.clock.runFor(120_000)
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
  })

  it('turns policies into PolicyEndpoints, and these into programs on the Pods’ links', () => {
    const cluster = born()
    for (const [name, node] of [['web', 'worker-1'], ['client', 'worker-2'], ['friend', 'worker-1']] as const) pod(cluster, name, node)
    cluster.client.create('networkpolicies', 'default', {
      apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'web' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 80 }] }] },
    } as never)
    cluster.settle()
    const [object] = cluster.client.list<PolicyEndpoint>(POLICY_ENDPOINTS, { namespace: 'default' }).items
    expect(object!.metadata.name).toMatch(/^web-[a-z0-9]{5}$/)
    expect(object!.spec).toMatchObject({
      policyRef: { name: 'web', namespace: 'default' }, podIsolation: ['Ingress'], podSelectorEndpoints: [{ hostIP: '172.18.0.3', name: 'web', namespace: 'default', podIP: ip(cluster, 'web') }],
      ingress: [{ cidr: ip(cluster, 'friend'), ports: [{ port: 80, protocol: 'TCP' }] }],
    })
    const link = network(cluster, 'worker-1').links.get(hostVethName({ podNamespace: 'default', podName: 'web' }))!
    expect([link.ingress?.name, link.egress?.name]).toEqual(['handle_egress', 'handle_ingress'])
    const denied = tried(cluster, 'client', ip(cluster, 'web'))
    expect([denied.verdict, denied.reason, denied.hops.at(-1)!.policies]).toEqual(['dropped', 'drop-policy', ['default/web']])
    expect(tried(cluster, 'friend', ip(cluster, 'web')).verdict).toBe('delivered')
    cluster.client.delete('networkpolicies', 'default', 'web')
    cluster.settle()
    expect(cluster.client.list(POLICY_ENDPOINTS).items).toEqual([])
    expect(tried(cluster, 'client', ip(cluster, 'web')).verdict).toBe('delivered')
  })

  it('lets DNS through an egress rule by the Service’s address, too', () => {
    const cluster = born()
    pod(cluster, 'client', 'worker-2')
    const dns = { to: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }], ports: [{ port: 53, protocol: 'UDP' }, { port: 53, protocol: 'TCP' }] }
    cluster.client.create('networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'dns' }, spec: { podSelector: {}, policyTypes: ['Egress'], egress: [dns] } } as never)
    cluster.settle()
    expect(tried(cluster, 'client', '10.96.0.10', 53).verdict).toBe('delivered')
    expect(tried(cluster, 'client', '10.96.0.1', 443).verdict).toBe('dropped')
  })

  it('has no podCIDR', () => {
    expect(() => born({}, { podCIDR: '10.1.0.0/16' })).toThrow('podCIDR: "10.1.0.0/16" is not allowed; allowed: nothing with cni aws-vpc')
    expect(() => born({}, { nodes: [{ name: 'control-plane', ip: '172.18.130.1' }] })).toThrow('nodes[0].ip: "172.18.130.1" is not allowed')
  })
})

describe('aws-node’s settings', () => {
  const configure = (cluster: Cluster, env: Record<string, string>): void => {
    const containers = [{ name: 'aws-node', env: Object.entries(env).map(([name, value]) => ({ name, value })) }]
    cluster.client.patch('daemonsets', 'kube-system', 'aws-node', 'application/strategic-merge-patch+json', { spec: { template: { spec: { containers } } } })
    cluster.clock.runFor(180_000)
  }
  const chain = (cluster: Cluster): string[] => network(cluster, 'worker-1').netfilter.command(['-t', 'nat', '-S', 'AWS-SNAT-CHAIN-0']).stdout.trimEnd().split('\n')
  const seen = (cluster: Cluster): string | undefined => tried(cluster, 'web', '192.0.2.53', 80).hops.find((h) => h.stage === 'snat')?.after?.source

  it('leave the Pod its address outside (EXTERNALSNAT), or in some networks only (EXCLUDE_SNAT_CIDRS)', () => {
    const cluster = born()
    pod(cluster, 'web', 'worker-1')
    expect(seen(cluster)).toBe('172.18.0.3')
    configure(cluster, { AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: '192.0.2.0/24, 10.9.0.0/16', AWS_VPC_K8S_CNI_RANDOMIZESNAT: 'hashrandom' })
    expect(chain(cluster)).toEqual([
      '-N AWS-SNAT-CHAIN-0', '-A AWS-SNAT-CHAIN-0 -d 10.9.0.0/16 -m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN', '-A AWS-SNAT-CHAIN-0 -d 192.0.2.0/24 -m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN',
      '-A AWS-SNAT-CHAIN-0 -d 172.18.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j RETURN', '-A AWS-SNAT-CHAIN-0 ! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source 172.18.0.3 --random',
    ])
    expect(seen(cluster)).toBeUndefined()
    configure(cluster, { AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: '' })
    expect(seen(cluster)).toBe('172.18.0.3')
    configure(cluster, { AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' })
    expect(chain(cluster)).toEqual(['-N AWS-SNAT-CHAIN-0'])
    expect(seen(cluster)).toBeUndefined()
  })

  it('give ENIs prefixes of sixteen addresses instead of addresses (ENABLE_PREFIX_DELEGATION)', () => {
    const cluster = born({ instanceType: 't3.small' })
    configure(cluster, { ENABLE_PREFIX_DELEGATION: 'true' })
    for (let i = 0; i < 14; i++) create(cluster, `p${i}`, 'worker-1')
    cluster.clock.runFor(120_000)
    const ipamd = ipamdOf(network(cluster, 'worker-1'))!
    const prefixes = ipamd.enis.flatMap((eni) => [...eni.prefixes])
    expect(prefixes.length).toBe(2)
    expect(prefixes.every((cidr) => cidr.endsWith('/28'))).toBe(true)
    const addresses = Array.from({ length: 14 }, (_, i) => ip(cluster, `p${i}`))
    expect(new Set(addresses.map((a) => `${a.split('.').slice(0, 3).join('.')}.${Number(a.split('.')[3]) & 0xf0}/28`))).toEqual(new Set([prefixes[0]]))
    pod(cluster, 'client', 'worker-2')
    expect(tried(cluster, 'client', addresses[13]!).verdict).toBe('delivered')
  })
})
