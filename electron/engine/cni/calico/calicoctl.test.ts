import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig } from '../../cluster.ts'
import { DERIVED_KINDS } from './calicoctl-derived.ts'
import { check } from './calicoctl-ipam.ts'
import { act, calicoKind, findStored, printObjects, readObjects, viewOf, type Action } from './calicoctl-objects.ts'
import { parseInvocation } from './calicoctl-usage.ts'

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
