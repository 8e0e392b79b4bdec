import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import type { EndpointSlice, KubeObject, Node, Pod, Service } from '../types.ts'
import { startControllerManager } from './index.ts'
import { slicePorts, subsetPorts } from './port-order.ts'
import { TopologyCache, type HintedEndpoint } from './topology-hints.ts'

/**
 * Tables of upstream's own tests, told again: k8s.io/endpointslice v0.33 reconciler_test.go, utils_test.go,
 * topologycache/{topologycache,utils}_test.go, trafficdist/trafficdist_test.go and util/trigger_time_tracker_test.go.
 */
type Slice = EndpointSlice & { ports?: { name: string; port: number; appProtocol?: string }[]; endpoints: HintedEndpoint[] }
const SERVICE = 'kubernetes.io/service-name'
const MANAGED = 'endpointslice.kubernetes.io/managed-by'
const HEADLESS = 'service.kubernetes.io/headless'
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time'
const OURS = 'endpointslice-controller.k8s.io'

class Bench {
  readonly clock = new Clock({ seed: 1 })
  readonly client = new ApiServer(this.clock, { freeze: true })
  /** "ADDED", "MODIFIED" and "DELETED" of slices since the last settled moment. */
  readonly actions: string[] = []
  service!: Service

  constructor() {
    startControllerManager(this.clock, this.client, parseClusterConfig({}))
    this.client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' } } })
    this.clock.settle()
    this.client.watch<EndpointSlice>('endpointslices', {}, (event) => {
      // those that are there already, s-1 and so on, are the test's
      if (event.type !== 'ADDED' || !event.object.metadata.name.startsWith('s-')) this.actions.push(event.type)
    })
  }

  make(spec: object = {}, metadata: object = {}): void {
    this.service = this.client.create<Service>('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'foo', ...metadata }, spec: { selector: { foo: 'bar' }, ports: [{ name: 'portname', port: 80, targetPort: 80 }], ...spec } })
  }

  pod(i: number, { ready = i % 3 !== 0, spec = {} as object } = {}): Pod {
    const name = `pod-${String(i).padStart(3, '0')}`
    const pod = this.client.create<Pod>('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { foo: 'bar' }, finalizers: ['test/keep'] }, spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'x' }], ...spec } })
    return this.turn(pod.metadata.name, ready, `10.1.${Math.floor(i / 250)}.${(i % 250) + 1}`)
  }

  turn(name: string, ready: boolean, ip?: string): Pod {
    const pod = this.client.get<Pod>('pods', 'default', name)
    const address = ip ?? pod.status.podIP
    return this.client.update('pods', 'default', name, { ...pod, status: { ...pod.status, phase: 'Running', podIP: address, podIPs: [{ ip: address }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date(this.clock.wall()).toISOString().replace(/\.\d+/, '') }] } }, { subresource: 'status' })
  }

  /** A slice that is there already. */
  slice(name: string, pods: readonly Pod[], more: object = {}): void {
    this.client.create('endpointslices', 'default', {
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', ports: [{ name: 'portname', port: 80, protocol: 'TCP' }],
      metadata: { name, labels: { [SERVICE]: 'foo', [MANAGED]: OURS }, ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'foo', uid: this.service.metadata.uid, controller: true }] },
      endpoints: pods.map((p) => ({ addresses: [p.status.podIP], conditions: { ready: p.status.conditions![0]!.status === 'True', serving: p.status.conditions![0]!.status === 'True', terminating: false }, nodeName: 'node-1', zone: 'a', targetRef: { kind: 'Pod', namespace: 'default', name: p.metadata.name, uid: p.metadata.uid } })),
      ...more,
    })
  }

  settle(): string[] {
    this.clock.runFor(3000)
    return this.actions.splice(0).sort()
  }

  slices(): Slice[] {
    return this.client.list<Slice>('endpointslices', { namespace: 'default' }).items.slice()
  }

  sizes(): number[] {
    return this.slices().map((s) => s.endpoints.length).sort((a, b) => b - a)
  }

  patch(patch: object, resource = 'services', name = 'foo'): void {
    this.client.patch(resource, 'default', name, 'application/merge-patch+json', patch)
  }
}

const range = (from: number, to: number, step = 1): number[] => Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step)

describe('how slices are filled', () => {
  /** 250 Pods: which of them are in slices already; then the sizes and the writes. */
  const rows: [string, number, number[][], number[], string[]][] = [
    ['many Pods, no slices', 250, [], [100, 100, 50], ['ADDED', 'ADDED', 'ADDED']],
    ['what is left goes where it fits, into the fuller slice', 250, [range(1, 246, 4), range(3, 246, 4)], [100, 89, 61], ['ADDED', 'MODIFIED']],
    ['a worse allocation rather than more writes', 300, [range(1, 296, 4), range(3, 296, 4)], [100, 74, 74, 52], ['ADDED', 'ADDED']],
    ['nothing is packed anew without need', 300, range(0, 10).map((i) => range(i * 30, i * 30 + 30)), range(0, 10).map(() => 30), []],
  ]
  it.each(rows)('%s', (_, count, present, sizes, writes) => {
    const bench = new Bench()
    bench.make()
    const pods = range(0, count).map((i) => bench.pod(i))
    present.forEach((of, i) => bench.slice(`s-${i}`, of.map((n) => pods[n]!)))
    expect([bench.settle(), bench.sizes()]).toEqual([writes, sizes])
    // a Service's other port is written into the slices that are there; that packs them, too
    const before = bench.slices().length
    bench.patch({ spec: { ports: [{ name: 'portname', port: 80, targetPort: 81 }] } })
    const full = range(0, Math.ceil(count / 100)).map((i) => Math.min(100, count - i * 100))
    expect([bench.settle(), bench.sizes()]).toEqual([[...range(full.length, before).map(() => 'DELETED'), ...full.map(() => 'MODIFIED')], full])
  })

  it('updated slices are filled first, the fuller before the other', () => {
    const bench = new Bench()
    bench.make()
    const pods = [...range(0, 80), ...range(100, 120)].map((i) => bench.pod(i, { ready: true }))
    bench.slice('s-1', pods.slice(0, 80))
    bench.slice('s-2', pods.slice(80))
    bench.settle()
    pods.forEach((p, i) => i % 10 === 0 && bench.turn(p.metadata.name, false))
    for (const i of range(200, 215)) bench.pod(i, { ready: true })
    expect([bench.settle(), bench.sizes()]).toEqual([['MODIFIED', 'MODIFIED'], [95, 20]])
  })

  it('slices of the Service\'s own labels follow them; labels of the controller on the Service do nothing', () => {
    const bench = new Bench()
    bench.make()
    for (const i of range(0, 150)) bench.pod(i)
    bench.settle()
    bench.patch({ metadata: { labels: { foo: 'bar' } } })
    expect([bench.settle(), bench.slices().map((s) => s.metadata.labels!['foo'])]).toEqual([['MODIFIED', 'MODIFIED'], ['bar', 'bar']])
    bench.patch({ metadata: { labels: { [SERVICE]: 'bad', [MANAGED]: 'actor', [HEADLESS]: 'invalid' } } })
    expect(bench.settle()).toEqual([])
    expect(bench.slices()[0]!.metadata.labels).toEqual({ foo: 'bar', [SERVICE]: 'foo', [MANAGED]: OURS })
  })

  it('a label of the controller that somebody takes off is not put back by itself', () => {
    const bench = new Bench()
    bench.make({ clusterIP: 'None' })
    bench.pod(1)
    bench.settle()
    expect(bench.slices()[0]!.metadata.labels).toEqual({ [SERVICE]: 'foo', [MANAGED]: OURS, [HEADLESS]: '' })
    bench.patch({ metadata: { labels: { [HEADLESS]: null } } }, 'endpointslices', bench.slices()[0]!.metadata.name)
    expect([bench.settle(), bench.slices()[0]!.metadata.labels]).toEqual([['MODIFIED'], { [SERVICE]: 'foo', [MANAGED]: OURS }])
  })

  it.each([
    ['the Service', {}, ['MODIFIED']],
    ['another Service of the name', { uid: 'another' }, ['ADDED', 'DELETED']],
    ['nobody', undefined, ['ADDED', 'DELETED']],
  ])('a slice owned by %s', (_, owner, writes) => {
    const bench = new Bench()
    bench.make()
    bench.pod(1)
    const metadata = { name: 's-1', labels: { [SERVICE]: 'foo', [MANAGED]: OURS }, ...(owner ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'foo', uid: bench.service.metadata.uid, controller: true, ...owner }] } : {}) }
    bench.slice('s-1', [], { metadata })
    expect([bench.settle(), bench.sizes()]).toEqual([writes, [1]])
  })

  it('a slice that loses the label of its controller is another\'s, and a new one is made', () => {
    const bench = new Bench()
    bench.make()
    bench.pod(1)
    bench.settle()
    bench.patch({ metadata: { labels: { [MANAGED]: 'somebody' } } }, 'endpointslices', bench.slices()[0]!.metadata.name)
    expect([bench.settle(), bench.sizes()]).toEqual([['ADDED', 'MODIFIED'], [1, 1]])
  })

  it('slices of a deleted Service go with it, or stay where they are orphaned', () => {
    const bench = new Bench()
    bench.make()
    bench.pod(1)
    bench.settle()
    bench.client.delete('services', 'default', 'foo', { propagationPolicy: 'Orphan' })
    bench.settle()
    expect(bench.sizes()).toEqual([1])
    bench.make()
    bench.settle()
    expect(bench.sizes()).toEqual([1])
    bench.client.delete('services', 'default', 'foo', { propagationPolicy: 'Background' })
    bench.settle()
    expect(bench.sizes()).toEqual([])
  })
})

describe('ports', () => {
  const port = (name: string, number: number, protocol = 'TCP', appProtocol?: string) => ({ name, port: number, protocol, ...(appProtocol ? { appProtocol } : {}) })
  const dns = [port('dns', 53, 'UDP'), port('dns-tcp', 53), port('metrics', 9153)]

  it('stand in the order of their hashes: as kubectl shows kube-dns and ingress-nginx in real clusters', () => {
    expect(slicePorts(dns).map((p) => p.name)).toEqual(['metrics', 'dns', 'dns-tcp'])
    expect(subsetPorts(dns).map((p) => p.name)).toEqual(['dns-tcp', 'dns', 'metrics'])
    expect(subsetPorts([port('http', 80, 'TCP', 'http'), port('https', 443, 'TCP', 'https')]).map((p) => p.port)).toEqual([443, 80])
  })

  it('of another order in the Service are the same ports', () => {
    const bench = new Bench()
    bench.make({ ports: dns })
    bench.pod(1)
    bench.settle()
    expect(bench.slices()[0]!.ports!.map((p) => p.port)).toEqual([9153, 53, 53])
    bench.patch({ spec: { ports: [...dns].reverse() } })
    expect(bench.settle()).toEqual([])
  })

  const container = (...ports: [string, number][]) => [{ name: 'c', image: 'x', ports: ports.map(([name, containerPort]) => ({ name, containerPort })) }]
  const init = (...ports: [string, number][]) => [{ name: 'i', image: 'x', restartPolicy: 'Always', ports: ports.map(([name, containerPort]) => ({ name, containerPort })) }]
  const rows: [string, object[], object, string[]][] = [
    ['an appProtocol', [{ name: 'http', port: 80, targetPort: 80, appProtocol: 'example.com/custom-protocol' }], { containers: container() }, ['http 80 example.com/custom-protocol']],
    ['a named port with one', [{ name: 'http', port: 80, targetPort: 80 }, { name: 'https', port: 443, targetPort: 'https', appProtocol: 'https' }], { containers: container(['https', 443]) }, ['http 80', 'https 443 https']],
    ['a port of a sidecar by name', [{ name: 'http', port: 80, targetPort: 'http-sidecar' }], { initContainers: init(['http-sidecar', 8080]), containers: container(['http', 8090]) }, ['http 8080']],
    ['the container goes before the sidecar', [{ name: 'http', port: 80, targetPort: 'http' }], { initContainers: init(['http', 8080]), containers: container(['http', 8090]) }, ['http 8090']],
    ['no port of an init container', [{ name: 'http', port: 80, targetPort: 'http' }], { initContainers: init(['http', 8080]).map(({ restartPolicy: _, ...rest }) => rest), containers: container(['http', 8090]) }, ['http 8090']],
  ]
  it.each(rows)('%s', (_, ports, spec, expected) => {
    const bench = new Bench()
    bench.make({ ports })
    bench.pod(1, { spec })
    bench.settle()
    expect(bench.slices()[0]!.ports!.map((p) => [p.name, p.port, p.appProtocol].filter(Boolean).join(' ')).sort()).toEqual(expected)
  })
})

describe('the trigger of a change', () => {
  const trigger = (bench: Bench): (string | undefined)[] => [bench.slices()[0]!.metadata.annotations?.[TRIGGER], bench.client.get<KubeObject>('endpoints', 'default', 'foo').metadata.annotations?.[TRIGGER]]
  const both = (time: string | undefined): (string | undefined)[] => [time, time]

  it('is the moment in which the first of the changed Pods turned; a new Service\'s own; nothing when no Pod turned', () => {
    const bench = new Bench()
    bench.pod(1, { ready: true })
    bench.clock.runFor(10_000)
    bench.make()
    bench.settle()
    expect(trigger(bench)).toEqual(both(bench.service.metadata.creationTimestamp))
    bench.clock.runFor(10_000)
    const times = [bench.pod(2, { ready: true }), bench.turn('pod-001', false)].map((p) => p.status.conditions![0]!.lastTransitionTime)
    bench.settle()
    expect(trigger(bench)).toEqual(both(times[0]))
    bench.clock.runFor(10_000)
    bench.patch({ metadata: { labels: { team: 'blue' } } })
    bench.settle()
    expect(trigger(bench)).toEqual(both(undefined))
  })
})

describe('hints', () => {
  const node = (zone: string, cpu: string, ready = 'True', labels: object = {}): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels: { 'topology.kubernetes.io/zone': zone, ...labels } }, spec: {}, status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] } }) as unknown as Node
  const nodes = (...of: [string, string][]): Node[] => of.map(([zone, cpu]) => node(zone, cpu))
  /** "a", "b!" (unready), "c?" (nothing is known of it) */
  const endpoints = (text: string): HintedEndpoint[] => text.split(' ').map((word) => ({ addresses: ['10.1.2.3'], zone: word[0], conditions: word.endsWith('?') ? {} : { ready: !word.endsWith('!') } })) as HintedEndpoint[]
  const disabled = (message: string): string => `Warning TopologyAwareHintsDisabled: ${message}`
  const few = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
  const enabled = 'Normal TopologyAwareHintsEnabled: Topology Aware Hints has been enabled'
  const rows: [string, Node[], string[], string, string][] = [
    ['no ratios', [], ['a'], '-', disabled(few)],
    ['two endpoints, three zones', nodes(['a', '300m'], ['b', '400m'], ['c', '300m']), ['a b'], '- -', disabled('Insufficient number of endpoints (2 endpoints, 3 zones)')],
    ['two endpoints, two zones', nodes(['a', '450m'], ['b', '550m']), ['a b'], 'a b', enabled],
    ['only what is ready', nodes(['a', '450m'], ['b', '550m']), ['a b b! b?'], 'a b - -', enabled],
    ['slices to make and to write, three zones', nodes(['a', '350m'], ['b', '350m'], ['c', '300m']), ['a b', 'c c a', 'a a', 'b c a'], 'b b c c a a a b c a', enabled],
    ['a single zone', nodes(['a', '1'], ['a', '1']), ['a a'], '- -', disabled(few)],
    ['the other zone\'s node is not ready', [node('a', '1', 'False'), node('b', '1')], ['a b'], '- -', disabled(few)],
    ['the other zone\'s node is a control plane', [node('a', '1'), node('b', '1', 'True', { 'node-role.kubernetes.io/control-plane': '' })], ['a b'], '- -', disabled(few)],
    ['an unready node in a zone of two', [node('a', '1'), node('b', '1'), node('b', '1', 'False')], ['a b'], 'a b', enabled],
    ['zones of 0.5, 0.45 and 0.05', nodes(['a', '1'], ['a', '1'], ['a', '1'], ['a', '2'], ['b', '3'], ['b', '1500m'], ['c', '500m']), ['a b c'], '- - -', disabled('Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)')],
    ['from one zone to two others', nodes(['a', '1'], ['b', '1'], ['c', '1']), ['a a a'], 'b c a', enabled],
    ['the own zone is preferred to a slightly better distribution', nodes(['a', '5100m'], ['b', '5100m'], ['c', '5800m']), [range(0, 16).map(() => 'a').join(' ')], [...range(0, 5).map(() => 'c'), ...range(0, 5).map(() => 'b'), ...range(0, 6).map(() => 'a')].join(' '), enabled],
  ]
  it.each(rows)('%s', (_, of, slices, expected, event) => {
    const all = slices.map(endpoints)
    const result = new TopologyCache(() => of).addHints('ns/svc', 'IPv4', all, [])
    expect(all.flat().map((e) => result.hints.get(e) ?? '-').join(' ')).toBe(expected)
    expect(result.event && `${result.event.type} ${result.event.reason}: ${result.event.message}`).toBe(event)
  })

  it('with PreferClose wrong ones are mended, and those of unready endpoints are no reason to write', () => {
    const bench = new Bench()
    bench.make({ trafficDistribution: 'PreferClose' })
    for (const i of [1, 2, 3]) bench.pod(i)
    bench.settle()
    const hints = (): unknown[] => bench.slices()[0]!.endpoints.map((e) => e.hints?.forZones?.[0]?.name)
    expect(hints()).toEqual(['a', 'a', undefined])
    const write = (zones: (string | undefined)[]): void => bench.patch({ endpoints: bench.slices()[0]!.endpoints.map(({ hints: _, ...e }, i) => ({ ...e, ...(zones[i] ? { hints: { forZones: [{ name: zones[i] }] } } : {}) })) }, 'endpointslices', bench.slices()[0]!.metadata.name)
    write(['wrong', undefined, undefined])
    expect([bench.settle(), hints()]).toEqual([['MODIFIED', 'MODIFIED'], ['a', 'a', undefined]])
    write(['a', 'a', 'b'])
    expect([bench.settle(), hints()]).toEqual([['MODIFIED'], ['a', 'a', 'b']])
    // without it all go
    bench.patch({ spec: { trafficDistribution: null } })
    expect([bench.settle(), hints()]).toEqual([['MODIFIED'], [undefined, undefined, undefined]])
  })
})
