import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { ping } from '../../network/shapes.samples.ts'
import { CLUSTER_POLICIES, NATIVE_POLICIES } from './crds.ts'
import { datapathOf } from './datapath.ts'

/** Whom rules of Antrea's policies may mean beside Pods of a selector (docs/antrea-network-policy.md, "Advanced peer selection mechanisms"). */
let cluster: Cluster
const ips = new Map<string, string>()

const app = (name: string): object => ({ podSelector: { matchLabels: { app: name } } })
const acnp = (name: string, spec: object): KubeObject => ({ apiVersion: 'crd.antrea.io/v1beta1', kind: 'ClusterNetworkPolicy', metadata: { name }, spec: { priority: 5, ...spec } }) as unknown as KubeObject

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  const { client } = cluster
  for (const [name, team] of [['red', 'a'], ['rose', 'a'], ['blue', 'b']] as const) client.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team } } } as unknown as KubeObject)
  client.create('serviceaccounts', 'red', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } } as KubeObject)
  for (const [namespace, name, node, account] of [['red', 'web', 'worker-1'], ['red', 'client', 'worker-2', 'robot'], ['rose', 'client', 'worker-1'], ['blue', 'client', 'worker-2']] as const) {
    const spec = { nodeName: node, ...(account ? { serviceAccountName: account } : {}), containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] }
    client.create('pods', namespace, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec } as unknown as KubeObject)
  }
  for (const name of ['web', 'other']) client.create('services', 'red', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
  cluster.settle()
  for (const [namespace, name] of [['red', 'web'], ['red', 'client'], ['rose', 'client'], ['blue', 'client']] as const) ips.set(`${namespace}/${name}`, client.get<Pod>('pods', namespace, name).status.podIP!)
  for (const name of ['web', 'other']) ips.set(`service ${name}`, client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'red', name).spec.clusterIP)
})

function connect(from: string, to: string, sourcePort?: number): Journey {
  const network = from.includes('/') ? cluster.podNetwork(...(from.split('/') as [string, string]))! : cluster.nodes.get(from)!.network
  const connection = network.sockets.connect({ address: ips.get(to)!, port: 80, ...(sourcePort === undefined ? {} : { sourcePort }) }, {})
  cluster.clock.runFor(300)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}

const CLIENTS = ['red/client', 'rose/client', 'blue/client']
const reached = (froms = CLIENTS): string => froms.filter((from) => connect(from, 'red/web').verdict === 'delivered').join(' ')

/** With this policy and no other. */
function given(policy: KubeObject, check: () => void): void {
  const resource = policy.kind === 'NetworkPolicy' ? NATIVE_POLICIES : CLUSTER_POLICIES
  cluster.client.create(resource, policy.metadata.namespace, policy)
  cluster.settle()
  try {
    check()
  } finally {
    cluster.client.delete(resource, policy.metadata.namespace, policy.metadata.name)
    cluster.settle()
  }
}

describe('Namespaces as peers', () => {
  const isolated = (pass: object): KubeObject => acnp('isolated', {
    appliedTo: [{ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] } }], ingress: [{ action: 'Pass', from: [{ namespaces: pass }], name: 'own' }, { action: 'Drop', from: [{ namespaceSelector: {} }], name: 'others' }],
  })

  it('are each Pod’s own with match: Self', () => {
    given(isolated({ match: 'Self' }), () => {
      expect(reached()).toBe('red/client')
      // a rule for each Namespace, and the nodes are nobody's Pods
      expect(connect('worker-1', 'red/web').verdict).toBe('delivered')
    })
    expect(reached()).toBe(CLIENTS.join(' '))
  })

  it('are those of the same labels with sameLabels, as they are now', () => {
    given(isolated({ sameLabels: ['team'] }), () => {
      expect(reached()).toBe('red/client rose/client')
      cluster.client.patch('namespaces', undefined, 'blue', 'application/merge-patch+json', { metadata: { labels: { team: 'a' } } })
      cluster.settle()
      expect(reached()).toBe(CLIENTS.join(' '))
      cluster.client.patch('namespaces', undefined, 'blue', 'application/merge-patch+json', { metadata: { labels: { team: 'b' } } })
      cluster.settle()
      expect(reached()).toBe('red/client rose/client')
    })
  })
})

describe('ServiceAccounts', () => {
  it('are peers, and targets, by their Pods', () => {
    const robot = { serviceAccount: { name: 'robot', namespace: 'red' } }
    given(acnp('no-robot', { appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [robot] }] }), () => expect(reached()).toBe('rose/client blue/client'))
    given(acnp('robot-stays', { appliedTo: [robot], egress: [{ action: 'Drop', to: [app('web')] }] }), () => expect(reached()).toBe('rose/client blue/client'))
  })
})

describe('Nodes', () => {
  it('are peers by their labels, with the addresses of their gateways', () => {
    const node = (name: string): object => ({ nodeSelector: { matchLabels: { 'kubernetes.io/hostname': name } } })
    given(acnp('no-node', { appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [node('worker-2')] }] }), () => {
      const dropped = connect('worker-2', 'red/web')
      expect([dropped.verdict, dropped.hops.at(-1)!.policies]).toEqual(['dropped', ['AntreaClusterNetworkPolicy:no-node']])
      expect([connect('control-plane', 'red/web').verdict, reached()]).toEqual(['delivered', CLIENTS.join(' ')])
      cluster.client.patch('nodes', undefined, 'control-plane', 'application/merge-patch+json', { metadata: { labels: { quiet: 'yes' } } })
    })
    given(acnp('no-quiet', { appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [{ nodeSelector: { matchLabels: { quiet: 'yes' } } }] }] }), () => {
      expect([connect('control-plane', 'red/web').verdict, connect('worker-2', 'red/web').verdict]).toEqual(['dropped', 'delivered'])
    })
  })
})

describe('toServices', () => {
  const to = (name: string): object => ({ toServices: [{ name, namespace: 'red' }] })

  it('mean what is sent to a Service, and not its endpoints by themselves', () => {
    given(acnp('not-web', { appliedTo: [app('client')], egress: [{ action: 'Drop', ...to('web') }] }), () => {
      const dropped = connect('blue/client', 'service web')
      expect([dropped.verdict, dropped.hops.at(-1)!.policies]).toEqual(['dropped', ['AntreaClusterNetworkPolicy:not-web']])
      expect([connect('blue/client', 'service other').verdict, connect('blue/client', 'red/web').verdict]).toEqual(['delivered', 'delivered'])
      const flows = [...datapathOf(cluster.nodes.get('worker-2')!.network)!.bridge.dump()].filter(({ flow }) => flow.table === 'AntreaPolicyEgressRule' && flow.match.startsWith('reg7='))
      expect(flows.map(({ flow }) => flow.actions)).toEqual([expect.stringMatching(/^conjunction\(\d+,2\/2\)$/)])
    })
  })

  it('let nothing but Services through before what drops the rest; a Service that comes later counts from then on', () => {
    given(acnp('only-late', { appliedTo: [app('client')], egress: [{ action: 'Allow', ...to('late') }, { action: 'Drop', to: [app('web')] }] }), () => {
      expect(connect('red/client', 'service web').verdict).toBe('dropped')
      cluster.client.create('services', 'red', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
      cluster.settle()
      ips.set('service late', cluster.client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'red', 'late').spec.clusterIP)
      expect([connect('red/client', 'service late').verdict, connect('red/client', 'service web').verdict]).toEqual(['delivered', 'dropped'])
    })
  })

  it('of a Namespace’s policy are its own Services without a word', () => {
    const annp = { apiVersion: 'crd.antrea.io/v1beta1', kind: 'NetworkPolicy', metadata: { name: 'mine', namespace: 'red' }, spec: { priority: 5, appliedTo: [app('client')], egress: [{ action: 'Reject', toServices: [{ name: 'other' }] }] } }
    given(annp as unknown as KubeObject, () => expect([connect('red/client', 'service other').verdict, connect('red/client', 'service web').verdict, connect('blue/client', 'service other').verdict]).toEqual(['rejected', 'delivered', 'delivered']))
  })
})

describe('what is asked', () => {
  it('may be a kind of ICMP message', () => {
    const pings = (type?: number): object => ({ appliedTo: [app('web')], ingress: [{ action: 'Drop', protocols: [{ icmp: type === undefined ? {} : { icmpType: type, icmpCode: 0 } }] }] })
    for (const [type, answers] of [[8, 0], [undefined, 0], [13, 1]] as const) {
      given(acnp('pings', pings(type)), () => expect([type, ping(cluster.podNetwork('blue', 'client')!, ips.get('red/web')!, { wait: 500 }).replies.length, connect('blue/client', 'red/web').verdict]).toEqual([type, answers, 'delivered']))
    }
  })

  it('may come from ports of the sender', () => {
    given(acnp('from', { appliedTo: [app('web')], ingress: [{ action: 'Drop', ports: [{ protocol: 'TCP', port: 80, sourcePort: 40_000, sourceEndPort: 40_010 }] }] }), () => {
      expect([connect('blue/client', 'red/web', 40_010).verdict, connect('blue/client', 'red/web', 40_011).verdict]).toEqual(['dropped', 'delivered'])
    })
  })
})

describe('the controller’s webhooks', () => {
  const refused = (spec: object): string => {
    try {
      cluster.client.create(CLUSTER_POLICIES, undefined, acnp('wrong', spec), { dryRun: true })
      return ''
    } catch (error) {
      return (error as Error).message.replace('admission webhook "acnpvalidator.antrea.io" denied the request: ', '')
    }
  }

  it('deny what makes no sense, in the words of validate.go', () => {
    const appliedTo = [app('web')]
    const ingress = (rule: object): object => ({ appliedTo, ingress: [{ action: 'Drop', ...rule }] })
    const egress = (rule: object): object => ({ appliedTo, egress: [{ action: 'Drop', ...rule }] })
    expect([
      refused({ ingress: [{ action: 'Drop' }] }), refused({ appliedTo, ingress: [{ action: 'Drop', appliedTo }] }), refused({ ingress: [{ action: 'Drop', appliedTo }, { action: 'Allow' }] }),
      refused({ appliedTo, ingress: [{ action: 'Drop', name: 'x' }, { action: 'Allow', name: 'x' }] }), refused({ appliedTo, ingress: [{ action: 'Drop' }, { action: 'Drop' }] }),
      refused({ tier: 'baseline', ...ingress({ action: 'Pass' }) }), refused(egress({ toServices: [{ name: 'web', namespace: 'red' }], ports: [{ port: 80 }] })),
      refused(ingress({ from: [{ namespaceSelector: {}, namespaces: { match: 'Self' } }] })), refused(ingress({ from: [{ group: 'g', podSelector: {} }] })),
      refused(ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] })), refused(egress({ to: [{ fqdn: 'a_b.example' }] })),
      refused(ingress({ ports: [{ port: 80, endPort: 70 }] })), refused(ingress({ ports: [{ sourceEndPort: 70 }] })),
      refused(ingress({ action: 'Allow', l7Protocols: [{ http: { method: 'GET' } }] })), refused(ingress({})),
    ]).toEqual([
      'appliedTo needs to be set in either spec or rules', 'appliedTo should not be set in both spec and rules', 'appliedTo field should either be set in all rules or in none of them',
      'rules names must be unique within the policy', 'rules names must be unique within the policy',
      '`Pass` action should not be set for Baseline Tier policy rules', '`toServices` cannot be used with `to`, `ports` or `protocols`',
      'namespaces and namespaceSelector cannot be set at the same time for a single NetworkPolicyPeer', 'group cannot be set with other peers in rules',
      'except CIDR 11.0.0.0/16 is not a strict subset of CIDR 10.0.0.0/8', 'invalid characters in egress rule fqdn field: a_b.example',
      '`endPort` should be greater than or equal to `port`', 'if `sourceEndPort` is specified `sourcePort` must be specified',
      'layer 7 protocols can only be used when L7NetworkPolicy is enabled', '',
    ])
  })

  it('give a policy its tier and its rules their names: the hash of mutate.go', () => {
    // acnp-create-mutate of mutate_test.go
    const foo = (n: number): object => ({ podSelector: { matchLabels: { [`foo${n}`]: `bar${n}` } } })
    given(acnp('named', { appliedTo: [app('web')], ingress: [1, 2].map((n) => ({ action: 'Allow', from: [foo(n)] })), egress: [{ action: 'Allow', to: [foo(2)] }] }), () => {
      const { spec } = cluster.client.get<KubeObject & { spec: { tier: string; ingress: { name: string }[]; egress: { name: string }[] } }>(CLUSTER_POLICIES, undefined, 'named')
      expect([spec.tier, ...spec.ingress, ...spec.egress].map((o) => (typeof o === 'string' ? o : o.name))).toEqual(['application', 'ingress-allow-c4f16d3', 'ingress-allow-be87b58', 'egress-allow-44b2575'])
    })
  })

  it('deny tiers of priorities that are taken, and groups that are several things or too deep', () => {
    const create = (kind: string, plural: string, name: string, spec: object, dryRun = true, namespace?: string): string => {
      try {
        cluster.client.create(`${plural}.crd.antrea.io`, namespace, { apiVersion: 'crd.antrea.io/v1beta1', kind, metadata: { name, ...(namespace ? { namespace } : {}) }, spec } as unknown as KubeObject, { dryRun })
        return ''
      } catch (error) {
        return (error as Error).message.replace(/^admission webhook "(\w+)validator\.antrea\.io" denied the request: /, '$1: ')
      }
    }
    const [tier, group] = [(name: string, priority: number, dryRun = true) => create('Tier', 'tiers', name, { priority }, dryRun), (name: string, spec: object, dryRun = true) => create('ClusterGroup', 'clustergroups', name, spec, dryRun)]
    expect([tier('mine', 251), tier('mine', 250), tier('mine', 60, false)]).toEqual(['tier: tier mine priority 251 is reserved', 'tier: tier mine priority 250 overlaps with existing Tier', ''])
    expect(() => cluster.client.patch('tiers.crd.antrea.io', undefined, 'mine', 'application/merge-patch+json', { spec: { priority: 61 } })).toThrow('update to Tier priority is not allowed')
    cluster.client.patch('tiers.crd.antrea.io', undefined, 'mine', 'application/merge-patch+json', { spec: { description: 'ours' } })
    expect([group('two', { podSelector: {}, ipBlocks: [{ cidr: '10.0.0.0/8' }] }), group('pods', { podSelector: {}, namespaceSelector: {} }, false), group('parent', { childGroups: ['pods'] }, false), group('grand', { childGroups: ['parent'] })]).toEqual([
      'clustergroup: At most one of podSelector, externalEntitySelector, serviceReference, ipBlock, ipBlocks or childGroups can be set for a ClusterGroup', '', '', 'clustergroup: cannot set ClusterGroup parent as childGroup, who has 1 childGroups itself',
    ])
    expect(() => cluster.client.patch('clustergroups.crd.antrea.io', undefined, 'pods', 'application/merge-patch+json', { spec: { podSelector: null, namespaceSelector: null, childGroups: ['x'] } })).toThrow('cannot set childGroups for ClusterGroup pods, who has 1 parents')
    expect(create('Group', 'groups', 'two', { podSelector: {}, childGroups: ['x'] }, true, 'red')).toBe('group: At most one of podSelector, externalEntitySelector, serviceReference, ipBlocks or childGroups can be set for a Group')
    for (const [plural, name] of [['tiers', 'mine'], ['clustergroups', 'parent'], ['clustergroups', 'pods']] as const) cluster.client.delete(`${plural}.crd.antrea.io`, undefined, name)
  })

  it('several clusters are said not to be simulated', () => {
    expect(refused({ appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [{ scope: 'ClusterSet', podSelector: {} }] }] })).toMatch(/podhop: not simulated: scope ClusterSet of Antrea's policies/)
    expect(refused({ appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [{ scope: 'Cluster', podSelector: {} }] }] })).toBe('')
  })
})
