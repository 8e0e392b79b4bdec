import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig } from '../../cluster.ts'
import { run } from './calicoctl.ts'
import { DERIVED_KINDS } from './calicoctl-derived.ts'
import { check, configure, releaseIp, showConfiguration, showIp } from './calicoctl-ipam.ts'
import { act, calicoKind, findStored, printObjects, readObjects, viewOf, type Action } from './calicoctl-objects.ts'
import { parseInvocation, type Invocation } from './calicoctl-usage.ts'
import type { IpamBlock } from './datastore.ts'
import { Ipam } from './ipam.ts'

const POLICY = `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: deny}
spec: {order: 20, selector: all(), egress: [{action: Deny}]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: more}
spec: {cidr: 10.250.0.0/16}
`

describe('calicoctl', () => {
  test('keeps what it is given as Calico does: with a tier before the name, and with what was not said', () => {
    const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 1 })) as SimulatedCluster
    expect(cluster.settle()).toBe(true)
    const { client } = cluster
    const given = readObjects(POLICY, undefined)
    if (typeof given === 'string') throw new Error(given)
    const all = (action: Action): (string | undefined)[] => given.map((g) => act(client, action, g))
    expect(all('replace')[0]).toBe('resource does not exist: GlobalNetworkPolicy(default.deny) with error: globalnetworkpolicies.crd.projectcalico.org "default.deny" not found')
    expect(all('apply')).toEqual([undefined, undefined])
    expect(all('create')[1]).toBe('resource already exists: IPPool(more) with error: ippools.crd.projectcalico.org "more" already exists')
    const kind = calicoKind('gnp')!
    const stored = findStored(client, kind, undefined, 'deny')!
    expect([stored.metadata.name, stored.metadata.labels, stored.spec['types']]).toEqual(['default.deny', { 'projectcalico.org/tier': 'default' }, ['Egress']])
    expect(findStored(client, calicoKind('ippools')!, undefined, 'more')!.spec).toMatchObject({ blockSize: 26, ipipMode: 'Never', nodeSelector: 'all()' })
    expect(printObjects('yaml', [viewOf(kind, stored)])).toMatch(/^apiVersion: projectcalico.org\/v3\nkind: GlobalNetworkPolicy\nmetadata:\n {2}creationTimestamp: ".*"\n[^]*\nspec:\n {2}egress:\n {2}- action: Deny\n {2}order: 20\n/)
    expect(all('delete')).toEqual([undefined, undefined])
    expect(readObjects('apiVersion: crd.projectcalico.org/v1\nkind: IPPool\n', undefined)).toBe('Unknown resource type (IPPool) and/or version (crd.projectcalico.org/v1)')
  })

  test('keeps staged policies, which no packet meets', () => {
    const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 1 })) as SimulatedCluster
    expect(cluster.settle()).toBe(true)
    const node = cluster.nodes.get('control-plane')!
    const before = node.network.netfilter.save('filter')
    const given = readObjects(`
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: default.deny}
spec: {tier: default, order: 20, selector: all(), types: [Ingress, Egress]}
---
apiVersion: projectcalico.org/v3
kind: StagedKubernetesNetworkPolicy
metadata: {name: web, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`, undefined)
    if (typeof given === 'string') throw new Error(given)
    expect(given.map((g) => act(cluster.client, 'apply', g))).toEqual([undefined, undefined])
    cluster.clock.runFor(5_000)
    expect(node.network.netfilter.save('filter')).toBe(before)
    const [policy, kubernetes] = [calicoKind('sgnp')!, calicoKind('skpols')!]
    expect(policy.row(findStored(cluster.client, policy, undefined, 'deny')!.spec)).toEqual({ TIER: 'default', ORDER: '20', SELECTOR: 'all()' })
    expect(kubernetes.row(findStored(cluster.client, kubernetes, 'default', 'web')!.spec)).toEqual({ PODSELECTOR: '{map[app:web] []}' })
  })

  test('configures how addresses are given, and gives one back', () => {
    const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 2 })) as SimulatedCluster
    cluster.settle()
    const { client } = cluster
    expect(configure(client, 'perhaps', undefined)).toEqual({ stderr: 'Invalid value. Use true or false to set strictaffinity\n', code: 1 })
    expect(configure(client, 'false', '1')).toEqual({ stderr: 'Error: MaxBlocksPerHost requires StrictAffinity to be enabled\n', code: 1 })
    expect(configure(client, 'true', '1')).toEqual({ stdout: 'Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 1\n' })
    expect(showConfiguration(client).stdout).toContain('| StrictAffinity     | true  |\n| AutoAllocateBlocks | true  |\n| MaxBlocksPerHost   |     1 |\n')
    const ipam = new Ipam(client)
    const take = (handle: string): string => ipam.assign({ node: 'worker-1', handle, attributes: {}, use: 'Workload' })
    const free = (): number => client.list<IpamBlock>('ipamblocks.crd.projectcalico.org').items.find((b) => b.spec.affinity === 'host:worker-1')!.spec.unallocated.length
    const ip = take('first')
    for (let i = free(); i > 0; i--) take(`more-${i}`)
    expect(() => take('last')).toThrow('cannot allocate new block due to per host block limit')
    expect(showIp(client, ip).stdout).toBe(`IP ${ip} is in use\nAttributes:\n  node: worker-1\n`)
    expect(releaseIp(client, ip)).toEqual({ stdout: `Successfully released IP address ${ip}\n` })
    expect(releaseIp(client, ip)).toEqual({ stderr: `IP address ${ip} is not assigned\n`, code: 1 })
    expect(client.list('ipamhandles.crd.projectcalico.org').items.some((h) => h.metadata.name === 'first')).toBe(false)
    expect(take('last')).toBe(ip)
    expect(configure(client, 'true', '2').code).toBeUndefined()
    expect(take('beyond')).not.toBe(ip)
  })

  test('puts labels on objects and takes them away', () => {
    const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 1 })) as SimulatedCluster
    cluster.settle()
    const given = readObjects('apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec: {nets: [192.0.2.0/24]}\n', undefined)
    if (typeof given === 'string') throw new Error(given)
    act(cluster.client, 'apply', given[0]!)
    const label = (...args: string[]): string => {
      const answer = run(cluster.client, parseInvocation(['label', ...args]) as Invocation, undefined, () => ({}))
      return `${answer.stdout ?? ''}${answer.stderr ?? ''}`
    }
    const labels = (): unknown => findStored(cluster.client, calicoKind('globalnetworksets')!, undefined, 'bad')!.metadata.labels ?? {}
    expect([label('globalnetworksets', 'bad', 'role=enemy'), labels()]).toEqual(['Successfully set label role on globalnetworksets bad\n', { role: 'enemy' }])
    expect(label('globalnetworksets', 'bad', 'role=friend')).toBe("failed to update label of globalnetworksets bad, key role is already present. please use '--overwrite' to set a new value.\n")
    expect([label('globalnetworksets', 'bad', 'role=friend', '--overwrite'), labels()]).toEqual(['Successfully updated label role on globalnetworksets bad\n', { role: 'friend' }])
    expect([label('globalnetworksets', 'bad', 'role', '--remove'), labels()]).toEqual(['Successfully removed label role from globalnetworksets bad\n', {}])
    expect(label('globalnetworksets', 'bad', 'role', '--remove')).toBe('cannot remove label of globalnetworksets bad, key role does not exist\n')
    expect(label('globalnetworksets', 'none', 'a=b')).toMatch(/^failed to get globalnetworksets none, error resource does not exist: GlobalNetworkSet\(none\)/)
    expect(label('nodes', 'control-plane', 'a=b')).toBe('podhop: not simulated: calicoctl label nodes (use kubectl label)\n')
  })

  test('reads its command line as docopt does, and shows what it makes of Kubernetes\' objects', () => {
    expect(parseInvocation(['get'])).toMatchObject({ stderr: expect.stringMatching(/^Usage:\n {2}calicoctl get /) as string, code: 1 })
    expect(parseInvocation(['foo'])).toMatchObject({ stderr: expect.stringMatching(/^Unknown command: "foo"\nUsage:/) as string, code: 1 })
    expect(parseInvocation(['get', 'ippool', '--outp', 'yaml', '-a'])).toMatchObject({ command: 'get', words: ['ippool'], options: new Map([['--output', 'yaml'], ['--all-namespaces', '']]) })
    expect(parseInvocation(['get', 'ippool', '-o'])).toMatchObject({ stderr: expect.stringMatching(/^-o requires argument\nUsage:/) as string, code: 1 })
    const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes: 1 })) as SimulatedCluster
    expect(cluster.settle()).toBe(true)
    const [node, profile] = DERIVED_KINDS.map((k) => k.read!(cluster.client, {})[0]!)
    expect(node!.spec['bgp']).toMatchObject({ ipv4Address: '172.18.0.2/16' })
    expect(printObjects('yaml', [viewOf(DERIVED_KINDS[1]!, profile!)])).toContain('  egress:\n  - action: Allow\n    destination: {}\n    source: {}\n  ingress:\n')
    expect(check(cluster.client, false, false).stdout).toMatch(/\nFound 1 IPAM blocks\.\n[^]*\nCheck complete; found 0 problems\.\n$/)
  })
})
