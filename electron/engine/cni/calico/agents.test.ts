import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Pod } from '../../cluster.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { nthAddress } from '../../network/address.ts'
import type { IpamBlock, IpamHandle } from './datastore.ts'
import { Ipam } from './ipam.ts'
import { workloadInterface } from './names.ts'
import { parseSelector } from './selector.ts'

/** Calico's parts one by one: addresses, blocks, the plugin without its agent, selectors. */
function settled(config: object = {}): SimulatedCluster {
  const cluster = createCluster(parseClusterConfig({ cni: { plugin: 'calico' }, ...config })) as SimulatedCluster
  expect(cluster.settle()).toBe(true)
  return cluster
}

function blocks(cluster: SimulatedCluster): IpamBlock[] {
  return [...cluster.client.list<IpamBlock>('ipamblocks.crd.projectcalico.org').items]
}

function run(cluster: SimulatedCluster, name: string, node: string): void {
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName: node, containers: [{ name: 'main', image: 'nginx' }] } })
  cluster.settle()
}

describe('addresses', () => {
  test('come from the node\'s block one after the other, and the objects say whose they are', () => {
    const cluster = settled()
    run(cluster, 'web', 'control-plane')
    const ip = cluster.client.get<Pod>('pods', 'default', 'web').status.podIP!
    const block = blocks(cluster).find((b) => b.spec.affinity === 'host:control-plane')!
    const ordinal = block.spec.allocations.findIndex((a, i) => a !== null && nthAddress(block.spec.cidr, i) === ip)
    expect(ordinal).toBe(1)
    const { handle_id: handle, secondary } = block.spec.attributes[block.spec.allocations[ordinal]!]!
    expect(secondary).toMatchObject({ namespace: 'default', pod: 'web', node: 'control-plane' })
    expect(handle).toMatch(/^k8s-pod-network\.[0-9a-f]{64}$/)
    expect(block.spec.attributes[block.spec.allocations[0]!]).toEqual({ handle_id: 'ipip-tunnel-addr-control-plane', secondary: { node: 'control-plane', type: 'ipipTunnelAddress' } })
    expect(cluster.client.get<IpamHandle>('ipamhandles.crd.projectcalico.org', undefined, handle!).spec.block).toEqual({ [block.spec.cidr]: 1 })
    expect(cluster.client.get<Pod>('pods', 'default', 'web').metadata.annotations).toMatchObject({ 'cni.projectcalico.org/podIP': `${ip}/32` })

    cluster.client.delete('pods', 'default', 'web')
    cluster.clock.runFor(40_000)
    const after = blocks(cluster).find((b) => b.spec.affinity === 'host:control-plane')!
    expect(after.spec.allocations[ordinal]).toBeNull()
    expect(after.spec.unallocated.at(-1)).toBe(ordinal)
    expect(cluster.client.list<KubeObject>('ipamhandles.crd.projectcalico.org').items.some((h) => h.metadata.name === handle)).toBe(false)
    expect(cluster.nodes.get('control-plane')!.network.links.has(workloadInterface('default', 'web'))).toBe(false)
  })

  test('pools serve the nodes that they select; a Pod may ask for a pool, or for an address', () => {
    const cluster = settled({ nodes: 2 })
    const pool = (name: string, spec: object): void => void cluster.client.create('ippools.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'IPPool', metadata: { name }, spec })
    // its name is before the default pool's
    pool('a', { cidr: '10.99.0.0/16', ipipMode: 'Always', nodeSelector: "kubernetes.io/hostname == 'nowhere'" })
    const born = (name: string, annotations?: Record<string, string>): string => {
      const spec = { nodeName: 'worker-1', containers: [{ name: 'main', image: 'nginx' }] }
      cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...(annotations ? { annotations } : {}) }, spec })
      cluster.clock.runFor(5_000)
      return cluster.client.get<Pod>('pods', 'default', name).status.podIP!
    }
    expect(born('any')).toMatch(/^10\.244\./)
    expect(born('asks', { 'cni.projectcalico.org/ipv4pools': '["a"]' })).toMatch(/^10\.99\./)
    expect(born('wants', { 'cni.projectcalico.org/ipAddrs': '["10.99.5.5"]' })).toBe('10.99.5.5')
    expect(born('late', { 'cni.projectcalico.org/ipAddrs': '["10.99.5.5"]' })).toBeUndefined()
  })

  test('a full block is followed by another one, and without a free block others lend theirs', () => {
    const cluster = settled({ podCIDR: '10.244.0.0/22', nodes: 2 })
    const ipam = new Ipam(cluster.client)
    const taken = new Set<string>()
    const before = blocks(cluster).reduce((sum, b) => sum + b.spec.allocations.filter((a) => a !== null).length, 0)
    for (let i = 0; i < 1024 - before; i++) taken.add(ipam.assign({ node: 'worker-1', handle: `test.${i}`, attributes: {}, use: 'Workload' }))
    expect(taken.size).toBe(1024 - before)
    expect(blocks(cluster)).toHaveLength(16)
    const lent = blocks(cluster).find((b) => b.spec.affinity === 'host:control-plane')!
    expect(lent.spec.attributes.some((a) => a.secondary?.['node'] === 'worker-1')).toBe(true)
    expect(() => ipam.assign({ node: 'worker-1', handle: 'one-too-many', attributes: {}, use: 'Workload' })).toThrow('failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses')
  })

  test('a Node that is deleted gives its blocks back', () => {
    const cluster = settled()
    expect(blocks(cluster).some((b) => b.spec.affinity === 'host:control-plane')).toBe(true)
    cluster.client.delete('nodes', undefined, 'control-plane')
    cluster.clock.runFor(5_000)
    expect(cluster.client.list<KubeObject>('blockaffinities.crd.projectcalico.org').items.map((a) => a.metadata.name).filter((n) => n.startsWith('control-plane-'))).toEqual([])
  })
})

describe('the plugin', () => {
  test('without calico-node\'s file a Pod waits with the plugin\'s own words', () => {
    const cluster = settled()
    cluster.nodes.get('worker-1')!.fs.remove('/var/lib/calico/nodename')
    run(cluster, 'web', 'worker-1')
    const events = cluster.client.list<KubeObject & { reason: string; message: string; involvedObject: { name: string } }>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.name === 'web')
    expect(events.find((e) => e.reason === 'FailedCreatePodSandBox')?.message).toContain('plugin type="calico" failed (add): stat /var/lib/calico/nodename: no such file or directory: check that the calico/node container is running and has mounted /var/lib/calico/')
  })

  test('names a Pod\'s interface as Calico does', () => {
    // echo -n default.nginx | sha1sum
    expect(workloadInterface('default', 'nginx')).toBe('calic440f455693')
  })

  test('the Node says that Calico is up', () => {
    const node = settled().client.get<KubeObject & { status: { conditions: object[] } }>('nodes', undefined, 'worker-1')
    expect(node.status.conditions).toContainEqual(expect.objectContaining({ type: 'NetworkUnavailable', status: 'False', reason: 'CalicoIsUp', message: 'Calico is running on this node' }))
    expect(node.metadata.annotations).toMatchObject({ 'projectcalico.org/IPv4Address': '172.18.0.3/16', 'projectcalico.org/IPv4IPIPTunnelAddr': '10.244.16.64' })
  })
})

describe('selectors', () => {
  const labels: Record<string, string> = { app: 'web', env: 'prod', 'kubernetes.io/name': 'a b' }
  test.each([
    ['', true], ['all()', true], ["app == 'web'", true], ["app != 'web'", false], ["missing != 'x'", true], ['app in {"api", "web"}', true], ["app not in {'api'}", true], ["missing not in {'x'}", true],
    ['has(env) && !has(tier)', true], ["app == 'api' || env == 'prod' && app starts with 'w'", true], ["(app == 'api' || env == 'prod') && app ends with 'x'", false], ["kubernetes.io/name contains ' '", true], ['global()', true],
  ])('%s', (text, expected) => {
    expect(parseSelector(text).matches((key) => labels[key])).toBe(expected)
  })

  test('what is none says where it goes wrong', () => {
    expect(() => parseSelector('app = "web"')).toThrow('invalid selector "app = \\"web\\"": unexpected content at "= \\"web\\""')
  })
})
