import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { NP_LOG } from './audit-log.ts'
import { CLUSTER_GROUPS, CLUSTER_POLICIES, GROUPS, NATIVE_POLICIES, TIERS } from './crds.ts'
import { datapathOf } from './datapath.ts'
import { flowPriorities, type NativeRule } from './native.ts'

/** Antrea's own policies beside those of Kubernetes, as packets meet them. */
let cluster: Cluster
const ips = new Map<string, string>()

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  for (const [name, node] of [['web', 'worker-1'], ['client', 'worker-2'], ['near', 'worker-1'], ['third', 'worker-1']] as const) {
    const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] }
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec } as unknown as KubeObject)
    cluster.settle()
    ips.set(name, cluster.client.get<Pod>('pods', 'default', name).status.podIP!)
  }
})

/** What the sender's program gets to know: '' while it waits. */
function heard(from: string, to: string): string {
  let error = ''
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address: ips.get(to)!, port: 80 }, { onClose: (e) => (error = e?.code ?? '') })
  cluster.clock.runFor(300)
  const told = error
  connection.abort()
  return told
}

function connect(from: string, to: string): Journey {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address: ips.get(to)!, port: 80 }, {})
  cluster.clock.runFor(300)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}

/** With these policies and no others. */
function given(objects: object[], check: () => void): void {
  const made = objects.map((o) => o as KubeObject & { spec: object })
  const resource = ({ kind, apiVersion }: { kind: string; apiVersion: string }): string => (kind === 'ClusterNetworkPolicy' ? CLUSTER_POLICIES : kind === 'Tier' ? TIERS : apiVersion.startsWith('crd') ? NATIVE_POLICIES : 'networkpolicies')
  for (const o of made) cluster.client.create(resource(o as { kind: string; apiVersion: string }), o.metadata.namespace, o)
  cluster.settle()
  try {
    check()
  } finally {
    for (const o of made) cluster.client.delete(resource(o as { kind: string; apiVersion: string }), o.metadata.namespace, o.metadata.name)
    cluster.settle()
  }
}

const app = (name: string): object => ({ podSelector: { matchLabels: { app: name } } })
const acnp = (name: string, spec: object): object => ({ apiVersion: 'crd.antrea.io/v1beta1', kind: 'ClusterNetworkPolicy', metadata: { name }, spec: { appliedTo: [app('web')], ...spec } })
const kubernetes = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'only-near', namespace: 'default' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{ from: [app('near')] }] } }

describe('Antrea’s own policies', () => {
  it('come with six tiers', () => {
    expect(cluster.client.list<KubeObject & { spec: { priority: number } }>(TIERS).items.map((t) => `${t.metadata.name} ${t.spec.priority}`).sort()).toEqual(['application 250', 'baseline 253', 'emergency 50', 'networkops 150', 'platform 200', 'securityops 100'])
  })

  it('drop, and isolate nobody else', () => {
    given([acnp('no-client', { priority: 5, ingress: [{ action: 'Drop', from: [app('client')] }] })], () => {
      const dropped = connect('client', 'web')
      expect([dropped.verdict, dropped.reason, dropped.hops.at(-1)!.policies]).toEqual(['dropped', 'drop-policy', ['AntreaClusterNetworkPolicy:no-client']])
      expect(dropped.hops.at(-1)!.decidedBy!.text).toMatch(/table=IngressMetric, priority=200,reg0=0x400\/0x400,reg3=0x\w+ actions=drop$/)
      expect(connect('near', 'web').verdict).toBe('delivered')
      const rule = [...datapathOf(cluster.nodes.get('worker-1')!.network)!.bridge.dump()].find(({ flow }) => flow.table === 'AntreaPolicyIngressRule' && flow.match.startsWith('conj_id=') && flow.match !== 'conj_id=1')!
      expect(rule.flow.priority).toBe(14_500)
    })
    expect(connect('client', 'web').verdict).toBe('delivered')
  })

  it('name groups for Pods and networks: of selectors, Services, blocks and other groups; who changes one changes its policies', () => {
    const group = (name: string, spec: object, namespace?: string): KubeObject => ({ apiVersion: 'crd.antrea.io/v1beta1', kind: namespace ? 'Group' : 'ClusterGroup', metadata: { name, ...(namespace ? { namespace } : {}) }, spec }) as unknown as KubeObject
    const { client } = cluster
    const made = [group('clients', app('client')), group('all', { childGroups: ['clients', 'of-service'] }), group('of-service', { serviceReference: { name: 'third', namespace: 'default' } }), group('block', { ipBlocks: [{ cidr: `${ips.get('near')}/32` }] }), group('own', app('near'), 'default')]
    client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'third' }, spec: { selector: { app: 'third' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
    for (const o of made) client.create(o.metadata.namespace ? GROUPS : CLUSTER_GROUPS, o.metadata.namespace, o)
    const reached = (): string => ['client', 'near', 'third'].filter((from) => connect(from, 'web').verdict === 'delivered').join(' ')
    const drop = (name: string): object => acnp('of-group', { priority: 5, ingress: [{ action: 'Drop', from: [{ group: name }] }] })
    for (const [name, left] of [['clients', 'near third'], ['of-service', 'client near'], ['all', 'near'], ['block', 'client third'], ['nobody-made-it', 'client near third']] as const) given([drop(name)], () => expect([name, reached()]).toEqual([name, left]))
    given([acnp('to-group', { priority: 5, appliedTo: [{ group: 'block' }], egress: [{ action: 'Drop', to: [{ group: 'clients' }] }] }), drop('clients')], () => {
      client.patch(CLUSTER_GROUPS, undefined, 'clients', 'application/merge-patch+json', { spec: app('third') })
      cluster.settle()
      expect(reached()).toBe('client near')
    })
    const inside = { apiVersion: 'crd.antrea.io/v1beta1', kind: 'NetworkPolicy', metadata: { name: 'mine', namespace: 'default' }, spec: { priority: 5, appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [{ group: 'own' }] }] } }
    given([inside], () => expect(reached()).toBe('client third'))
    expect(client.get<KubeObject & { status: object }>(CLUSTER_GROUPS, undefined, 'all').status).toMatchObject({ conditions: [{ type: 'GroupMembersComputed', status: 'True' }] })
    for (const o of made) client.delete(o.metadata.namespace ? GROUPS : CLUSTER_GROUPS, o.metadata.namespace, o.metadata.name)
    client.delete('services', 'default', 'third')
    cluster.settle()
  })

  it('reject, so that the sender learns at once', () => {
    given([acnp('refuse', { priority: 5, ingress: [{ action: 'Reject', from: [app('client')], ports: [{ protocol: 'TCP', port: 80 }] }] })], () => {
      const rejected = connect('client', 'web')
      expect([rejected.verdict, rejected.reason, rejected.hops.at(-1)!.policies]).toEqual(['rejected', 'reject-policy', ['AntreaClusterNetworkPolicy:refuse']])
    })
    // near or far, at the Pod's address or at a Service's
    cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
    cluster.settle()
    ips.set('service', cluster.client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'default', 'web').spec.clusterIP)
    given([acnp('refuse', { priority: 5, ingress: [{ action: 'Reject' }] })], () => {
      expect(['client', 'near'].flatMap((from) => ['web', 'service'].map((to) => heard(from, to)))).toEqual(Array.from({ length: 4 }, () => 'ECONNREFUSED'))
    })
    given([acnp('stay', { priority: 5, appliedTo: [app('client')], egress: [{ action: 'Reject', to: [app('web')] }] })], () => {
      expect([connect('client', 'web').verdict, connect('near', 'web').verdict]).toEqual(['rejected', 'delivered'])
      expect([heard('client', 'web'), heard('client', 'service'), heard('near', 'service')]).toEqual(['ECONNREFUSED', 'ECONNREFUSED', ''])
    })
  })

  it('go before NetworkPolicies, and a tier before another', () => {
    given([kubernetes], () => expect([connect('client', 'web').verdict, connect('near', 'web').verdict]).toEqual(['dropped', 'delivered']))
    given([kubernetes, acnp('let-in', { priority: 5, ingress: [{ action: 'Allow', from: [app('client')] }] })], () => expect(connect('client', 'web').verdict).toBe('delivered'))
    const stop = acnp('stop', { tier: 'emergency', priority: 9, ingress: [{ action: 'Drop', from: [app('client')] }] })
    given([acnp('let-in', { priority: 1, ingress: [{ action: 'Allow', from: [app('client')] }] }), stop], () => expect(connect('client', 'web').verdict).toBe('dropped'))
  })

  it('of a tier that is not there are denied, as by the controller\'s webhook', () => {
    expect(() => given([acnp('lost', { tier: 'nowhere', priority: 1 })], () => undefined)).toThrow('admission webhook "acnpvalidator.antrea.io" denied the request: tier nowhere does not exist')
    const tier = { apiVersion: 'crd.antrea.io/v1beta1', kind: 'Tier', metadata: { name: 'mine' }, spec: { priority: 60 } }
    given([tier, acnp('found', { tier: 'mine', priority: 1, ingress: [{ action: 'Drop' }] })], () => expect(connect('near', 'web').verdict).toBe('dropped'))
  })

  it('pass on to NetworkPolicies, past what would come later', () => {
    const pass = acnp('pass', { tier: 'securityops', priority: 1, ingress: [{ action: 'Pass', from: [app('near'), app('client')] }] })
    const drop = acnp('drop', { priority: 1, ingress: [{ action: 'Drop', from: [app('near'), app('client')] }] })
    given([pass, drop, kubernetes], () => expect([connect('near', 'web').verdict, connect('client', 'web').verdict]).toEqual(['delivered', 'dropped']))
    given([drop, kubernetes], () => expect(connect('near', 'web').verdict).toBe('dropped'))
  })

  it('have a baseline, which speaks where no NetworkPolicy does', () => {
    const baseline = acnp('default-deny', { tier: 'baseline', priority: 1, ingress: [{ action: 'Drop' }] })
    given([baseline], () => expect([connect('near', 'web').verdict, connect('client', 'web').verdict]).toEqual(['dropped', 'dropped']))
    given([baseline, kubernetes], () => expect([connect('near', 'web').verdict, connect('client', 'web').verdict]).toEqual(['delivered', 'dropped']))
  })

  it('of a namespace speak of its own Pods', () => {
    const annp = { apiVersion: 'crd.antrea.io/v1beta1', kind: 'NetworkPolicy', metadata: { name: 'no-client', namespace: 'default' }, spec: { priority: 5, appliedTo: [app('web')], ingress: [{ action: 'Drop', from: [app('client')] }] } }
    given([annp], () => expect(connect('client', 'web').hops.at(-1)!.policies).toEqual(['AntreaNetworkPolicy:default/no-client']))
  })

  it('have fields that are not simulated, and say so', () => {
    expect(() => given([acnp('names', { priority: 5, egress: [{ action: 'Allow', to: [{ scope: 'ClusterSet' }] }] })], () => undefined)).toThrow(/podhop: not simulated: scope ClusterSet of Antrea's policies/)
  })
})

it('gives each rule its own priority, in order', () => {
  const rule = (key: string, tier: number, priority: number, order = 0): NativeRule => ({ key, tier, priority, order, source: '', direction: 'ingress', action: 'Drop', rule: { peers: undefined, ports: undefined }, targets: [] })
  expect([...flowPriorities([rule('e', 50, 1), rule('a', 250, 5), rule('b', 250, 5, 1), rule('c', 250, 5.001), rule('z', 253, 1)]).values()]).toEqual([54_980, 14_500, 14_499, 14_498, 170])
})

/** np.log of worker-1, without times. */
function log(): string[] {
  const { fs } = cluster.nodes.get('worker-1')!
  return fs.exists(NP_LOG) ? fs.readText(NP_LOG).split('\n').filter(Boolean).map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} /, '')) : []
}

it('NetworkPolicies of a Namespace with networkpolicy.antrea.io/enable-logging are in np.log, what is dropped without the policy’s name', () => {
  const annotate = (value: string | null): void => {
    cluster.client.patch('namespaces', undefined, 'default', 'application/merge-patch+json', { metadata: { annotations: { 'networkpolicy.antrea.io/enable-logging': value } } })
    cluster.clock.runFor(1_000)
  }
  const [web, client, near] = ['web', 'client', 'near'].map((name) => ips.get(name)!)
  const logged = (): string[] => {
    const before = log().length
    expect([connect('near', 'web').verdict, connect('client', 'web')]).toMatchObject(['delivered', { verdict: 'dropped', reason: 'drop-policy' }])
    cluster.clock.runFor(2_000)
    return log().slice(before)
  }
  given([kubernetes], () => {
    expect(logged()).toEqual([])
    annotate('true')
    const [allowed, dropped] = logged()
    expect(allowed).toMatch(new RegExp(`^IngressRule K8sNetworkPolicy:default/only-near <nil> Ingress Allow 190 default/web ${near} \\d+ ${web} 80 TCP 60 <nil>$`))
    expect(dropped).toMatch(new RegExp(`^IngressDefaultRule K8sNetworkPolicy <nil> Ingress Drop <nil> default/web ${client} \\d+ ${web} 80 TCP 60 <nil>`))
    // through a Service, whose endpoint is in the register where rules that deny are
    const { clusterIP } = cluster.client.create<KubeObject & { spec: { clusterIP: string } }>('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'logged' }, spec: { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 80 }] } }).spec
    cluster.settle()
    const before = log().length
    const third = cluster.podNetwork('default', 'third')!.sockets.connect({ address: clusterIP, port: 8080 }, {})
    cluster.clock.runFor(2_500)
    third.abort()
    expect(log()[before]).toMatch(new RegExp(`^IngressDefaultRule K8sNetworkPolicy <nil> Ingress Drop <nil> default/web ${ips.get('third')!} \\d+ ${web} 80 TCP 60 <nil>`))
    cluster.client.delete('services', 'default', 'logged')
    annotate('yes')
    expect(logged()).toEqual([])
    annotate(null)
  })
})

it('rules with enableLogging are in np.log: what is allowed at once, what is not once a second', () => {
  const [web, client, near] = ['web', 'client', 'near'].map((name) => ips.get(name)!)
  const rules = (action: string): object[] => [{ name: 'near', action: 'Allow', from: [app('near')], enableLogging: true, logLabel: 'close' }, { name: 'others', action, enableLogging: true }]
  given([acnp('logged', { tier: 'platform', priority: 5, ingress: rules('Drop') })], () => {
    const before = log().length
    expect(connect('near', 'web').verdict).toBe('delivered')
    expect(connect('client', 'web')).toMatchObject({ verdict: 'dropped', reason: 'drop-policy' })
    cluster.clock.runFor(2_000)
    const lines = log().slice(before)
    expect(lines[0]).toMatch(new RegExp(`^AntreaPolicyIngressRule AntreaClusterNetworkPolicy:logged near Ingress Allow \\S+ default/web ${near} \\S+ ${web} 80 TCP 60 close$`))
    expect(lines[1]).toMatch(new RegExp(`^AntreaPolicyIngressRule AntreaClusterNetworkPolicy:logged others Ingress Drop \\S+ default/web ${client} \\S+ ${web} 80 TCP 60 <nil>`))
    expect(connect('near', 'web').verdict).toBe('delivered')
  })
  given([acnp('refusing', { priority: 5, ingress: rules('Reject') })], () => {
    const before = log().length
    expect(heard('client', 'web')).toBe('ECONNREFUSED')
    cluster.clock.runFor(2_000)
    expect(log().slice(before).join()).toContain(' others Ingress Reject ')
  })
})
