import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import { confirmCanonical } from '../kinds/canonical.samples.ts'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice, KubeObject, Pod } from '../types.ts'
import { startControllerManager } from './index.ts'

type Slice = EndpointSlice & { ports?: { name: string; port: number; protocol: string }[]; endpoints: (EndpointSlice['endpoints'][number] & { zone?: string; hints?: object })[] }

/** Services and what comes of their Pods; Pods have an address and are as ready as a test says, without a kubelet. */
class Bench {
  readonly clock = new Clock({ seed: 1 })
  readonly client = new ApiServer(this.clock, { freeze: true })
  #ip = 0

  constructor() {
    startControllerManager(this.clock, this.client, parseClusterConfig({}))
    confirmCanonical(this.client, 'endpointslices', 'endpoints')
    for (const [name, zone] of [['node-a', 'a'], ['node-b', 'b'], ['node-c', '']]) {
      this.client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: zone ? { 'topology.kubernetes.io/zone': zone } : {} }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    }
    this.clock.settle()
  }

  service(spec: object = {}, metadata: object = {}): void {
    this.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...metadata }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec } })
    this.clock.settle()
  }

  pod(name: string, { ready = true, node = 'node-a', ports = [] as object[], spec = {} as object } = {}): void {
    const pod = this.client.create<Pod>('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'web' }, finalizers: ['test/keep'] }, spec: { nodeName: node, terminationGracePeriodSeconds: 30, containers: [{ name: 'c', image: 'x', ports }], ...spec } })
    this.#ip++
    const ip = `10.0.${Math.floor(this.#ip / 250)}.${(this.#ip % 250) + 1}`
    this.client.update('pods', 'default', name, { ...pod, status: { ...pod.status, phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] } }, { subresource: 'status' })
  }

  patch(resource: string, name: string, patch: object): void {
    this.client.patch(resource, resource === 'nodes' ? undefined : 'default', name, 'application/merge-patch+json', patch)
    this.clock.settle()
  }

  slices(): Slice[] {
    return this.client.list<Slice>('endpointslices', { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }).items.slice()
  }

  endpoints(): Endpoints {
    return this.client.get<Endpoints & KubeObject>('endpoints', 'default', 'web')
  }

  settle(): void {
    this.clock.settle()
  }
}

describe('EndpointSlices', () => {
  it('say of each Pod whether it is ready, serving and terminating', () => {
    const bench = new Bench()
    bench.service()
    bench.pod('good')
    bench.pod('unready', { ready: false })
    bench.pod('leaving')
    bench.settle()
    bench.client.delete('pods', 'default', 'leaving')
    bench.settle()
    const of = (name: string): unknown => bench.slices()[0]!.endpoints.find((e) => e.targetRef?.name === name)?.conditions
    expect(of('good')).toEqual({ ready: true, serving: true, terminating: false })
    expect(of('unready')).toEqual({ ready: false, serving: false, terminating: false })
    expect(of('leaving')).toEqual({ ready: false, serving: true, terminating: true })
    bench.patch('services', 'web', { spec: { publishNotReadyAddresses: true } })
    expect(of('unready')).toEqual({ ready: true, serving: false, terminating: false })
    expect(of('leaving')).toEqual({ ready: true, serving: true, terminating: true })
    expect(bench.endpoints().subsets![0]!.addresses).toHaveLength(3)
  })

  it('carry the labels of the Service and of whoever manages them', () => {
    const bench = new Bench()
    bench.service({ clusterIP: 'None' }, { labels: { team: 'blue' } })
    expect(bench.slices()[0]!.metadata.labels).toEqual({ team: 'blue', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io', 'service.kubernetes.io/headless': '' })
    bench.patch('services', 'web', { metadata: { labels: { team: 'red' } } })
    expect(bench.slices().map((s) => s.metadata.labels!['team'])).toEqual(['red'])
  })

  it('are one, empty and without ports, for a Service without Pods; it is used for the first ones', () => {
    const bench = new Bench()
    bench.service()
    const [empty, ...more] = bench.slices()
    expect([empty!.endpoints, empty!.ports ?? [], more]).toEqual([[], [], []])
    bench.pod('one')
    bench.settle()
    expect(bench.slices().map((s) => [s.metadata.name, s.endpoints.length, s.ports!.map((p) => p.port)])).toEqual([[empty!.metadata.name, 1, [80]]])
  })

  it('hold a hundred at most; gaps are filled where a slice changes anyway, or has room for all that is left', () => {
    const bench = new Bench()
    bench.service()
    for (let i = 0; i < 210; i++) bench.pod(`p-${String(i).padStart(3, '0')}`)
    bench.settle()
    const sizes = (): number[] => bench.slices().map((s) => s.endpoints.length).sort((a, b) => b - a)
    expect(sizes().reduce((a, b) => a + b)).toBe(210)
    expect(Math.max(...sizes())).toBe(100)
    const before = bench.slices().map((s) => s.metadata.name).sort()
    const small = bench.slices().find((s) => s.endpoints.length < 100)!
    bench.pod('late')
    bench.settle()
    expect(bench.slices().map((s) => s.metadata.name).sort()).toEqual(before)
    expect(bench.slices().find((s) => s.metadata.name === small.metadata.name)!.endpoints).toHaveLength(small.endpoints.length + 1)
  })

  it('are as many as there are sets of ports: a named port may have another number in each Pod', () => {
    const bench = new Bench()
    bench.service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }, { name: 'admin', port: 90, targetPort: 9000 }] })
    bench.pod('old', { ports: [{ name: 'web', containerPort: 8080 }] })
    bench.pod('new', { ports: [{ name: 'web', containerPort: 8081 }] })
    bench.pod('none')
    bench.settle()
    const text = bench.slices().map((s) => `${s.endpoints.map((e) => e.targetRef!.name).join(' ')}: ${s.ports!.map((p) => `${p.name} ${p.port}`).join(', ')}`)
    expect(text.sort()).toEqual(['new: http 8081, admin 9000', 'none: admin 9000', 'old: http 8080, admin 9000'])
    // Endpoints have a subset for each set of Pods: RepackSubsets
    expect(bench.endpoints().subsets!.map((s) => `${s.addresses!.length}: ${s.ports!.map((p) => `${p.name} ${p.port}`).join(', ')}`).sort()).toEqual(['1: http 8080', '1: http 8081', '3: admin 9000'])
  })

  it('name zones, and hint at them with trafficDistribution PreferClose', () => {
    const bench = new Bench()
    bench.service({ trafficDistribution: 'PreferClose' })
    bench.pod('a')
    bench.pod('b', { node: 'node-b' })
    bench.pod('nowhere', { node: 'node-c' })
    bench.pod('unready', { node: 'node-b', ready: false })
    bench.settle()
    const hints = (): unknown[] => bench.slices().flatMap((s) => s.endpoints).map((e) => [e.targetRef!.name, e.zone, e.hints]).sort()
    expect(hints()).toEqual([
      ['a', 'a', { forZones: [{ name: 'a' }] }], ['b', 'b', { forZones: [{ name: 'b' }] }], ['nowhere', undefined, undefined], ['unready', 'b', undefined],
    ])
    // upstream looks at a node's zone when it writes a slice (kubernetes/kubernetes issue 123401)
    bench.patch('nodes', 'node-c', { metadata: { labels: { 'topology.kubernetes.io/zone': 'a' } } })
    expect(hints()).toContainEqual(['nowhere', undefined, undefined])
    bench.patch('services', 'web', { metadata: { labels: { again: 'please' } } })
    expect(hints()).toContainEqual(['nowhere', 'a', { forZones: [{ name: 'a' }] }])
    bench.patch('services', 'web', { spec: { trafficDistribution: null } })
    expect(hints().map((h) => (h as unknown[])[2])).toEqual([undefined, undefined, undefined, undefined])
  })

  it('keep the Pods of a node that is gone until something of the Service changes; then they are left out, with an event', () => {
    const bench = new Bench()
    const events = (): (string | number | undefined)[][] => bench.client.list<KubeObject & { reason: string; type: string; message: string; source: { component: string }; count: number }>('events', { namespace: 'default' }).items.filter((e) => e.reason.startsWith('Failed')).map((e) => [e.type, e.source.component, e.reason, e.message, e.count])
    const names = (): string[] => bench.slices().flatMap((s) => s.endpoints).map((e) => e.targetRef!.name!).sort()
    bench.service()
    bench.pod('a')
    bench.pod('b', { node: 'node-b' })
    bench.pod('c', { node: 'node-b' })
    bench.settle()
    bench.client.delete('nodes', undefined, 'node-b')
    bench.settle()
    expect([names(), events()]).toEqual([['a', 'b', 'c'], []])
    bench.pod('d')
    bench.settle()
    const told = 'Error updating Endpoint Slices for Service default/web: [skipping Pod b for Service default/web: Node node-b Not Found, skipping Pod c for Service default/web: Node node-b Not Found]'
    expect([names(), events()]).toEqual([['a', 'd'], [['Warning', 'endpoint-slice-controller', 'FailedToUpdateEndpointSlices', told, 1]]])
    // tried again after 1, 2 and 4 s
    bench.clock.runFor(7_500)
    expect(events().map((e) => e[4])).toEqual([4])
    // one who does not ask for ready Pods gets them
    bench.patch('services', 'web', { spec: { publishNotReadyAddresses: true } })
    expect(names()).toEqual(['a', 'b', 'c', 'd'])
    bench.clock.runFor(20_000)
    expect(events().map((e) => e[4])).toEqual([4])
  })

  it('spread over zones with topology-mode Auto, and say why when they cannot', () => {
    const bench = new Bench()
    const events = (): string[] => bench.client.list<KubeObject & { reason: string; message: string; source: { component: string }; count: number }>('events', { namespace: 'default' }).items.filter((e) => e.reason.startsWith('Topology')).map((e) => `${e.source.component} ${e.reason}: ${e.message}`)
    bench.service({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } })
    for (const [i, node] of ['node-a', 'node-a', 'node-a', 'node-a', 'node-b', 'node-b'].entries()) bench.pod(`p-${i}`, { node })
    bench.settle()
    const hints = (): string[] => bench.slices().flatMap((s) => s.endpoints).map((e) => `${e.zone}>${(e.hints as { forZones: { name: string }[] } | undefined)?.forZones[0]!.name ?? '-'}`).sort()
    expect(new Set(events())).toEqual(new Set(['endpoint-slice-controller TopologyAwareHintsDisabled: Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, addressType: IPv4']))
    bench.client.delete('nodes', undefined, 'node-c')
    for (const node of ['node-a', 'node-b']) bench.client.patch('nodes', undefined, node, 'application/merge-patch+json', { status: { allocatable: { cpu: '4' } } }, { subresource: 'status' })
    bench.patch('services', 'web', { metadata: { labels: { again: 'please' } } })
    expect(hints()).toEqual(['a>a', 'a>a', 'a>a', 'a>b', 'b>b', 'b>b'])
    expect(events().at(-1)).toBe('endpoint-slice-controller TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4')
    bench.patch('services', 'web', { metadata: { annotations: { 'service.kubernetes.io/topology-mode': null } } })
    expect(hints().every((h) => h.endsWith('>-'))).toBe(true)
    expect(events().at(-1)).toContain('TopologyAwareHintsDisabled: Topology Aware Hints has been disabled')
  })

  it('with topology-mode Auto are dealt out anew when a zone comes to have too few', () => {
    const bench = new Bench()
    const events = (): string[] => bench.client.list<KubeObject & { reason: string; message: string; count?: number }>('events', { namespace: 'default' }).items.filter((e) => e.reason.startsWith('Topology')).map((e) => `${e.reason}: ${e.message} (x${e.count ?? 1})`)
    bench.patch('nodes', 'node-c', { metadata: { labels: { 'topology.kubernetes.io/zone': 'a' } } })
    const cpus = (node: string, cpu: string): unknown => bench.client.patch('nodes', undefined, node, 'application/merge-patch+json', { status: { allocatable: { cpu } } }, { subresource: 'status' })
    for (const [node, cpu] of [['node-a', '2'], ['node-b', '4'], ['node-c', '2']] as const) cpus(node, cpu)
    bench.settle()
    // the former annotation goes before the present one
    bench.service({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto', 'service.kubernetes.io/topology-aware-hints': 'Disabled' } })
    for (const [i, node] of ['node-a', 'node-a', 'node-c', 'node-c', 'node-b', 'node-b', 'node-b'].entries()) bench.pod(`p-${i}`, { node })
    bench.settle()
    const hints = (): string[] => bench.slices().flatMap((s) => s.endpoints).map((e) => `${e.targetRef!.name} ${e.zone}>${(e.hints as { forZones: { name: string }[] } | undefined)?.forZones[0]!.name ?? '-'}`).sort()
    expect(hints()).toEqual(['p-0 a>-', 'p-1 a>-', 'p-2 a>-', 'p-3 a>-', 'p-4 b>-', 'p-5 b>-', 'p-6 b>-'])
    bench.patch('services', 'web', { metadata: { annotations: { 'service.kubernetes.io/topology-aware-hints': null } } })
    expect(hints()).toEqual(['p-0 a>a', 'p-1 a>a', 'p-2 a>a', 'p-3 a>a', 'p-4 b>b', 'p-5 b>b', 'p-6 b>b'])
    // half of zone a is not ready: b, with two thirds of the CPUs, needs four endpoints, and gets one of a's
    bench.client.patch('nodes', undefined, 'node-c', 'application/merge-patch+json', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, { subresource: 'status' })
    bench.settle()
    expect(hints().filter((h) => h.endsWith('a>b'))).toHaveLength(1)
    expect(events()).toEqual(['TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4 (x1)'])
    // four for b are not too many then; a slice that changes anyway is dealt out anew
    bench.client.patch('nodes', undefined, 'node-c', 'application/merge-patch+json', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' })
    bench.settle()
    expect(hints().filter((h) => h.endsWith('a>b'))).toHaveLength(1)
    bench.patch('services', 'web', { metadata: { labels: { again: 'please' } } })
    expect(hints().filter((h) => h.endsWith('a>b'))).toHaveLength(0)
  })

  it('are mended when somebody changes or deletes one', () => {
    const bench = new Bench()
    bench.service()
    bench.pod('one')
    bench.settle()
    bench.patch('endpointslices', bench.slices()[0]!.metadata.name, { endpoints: [] })
    expect(bench.slices()[0]!.endpoints).toHaveLength(1)
    bench.client.delete('endpointslices', 'default', bench.slices()[0]!.metadata.name)
    bench.settle()
    expect(bench.slices().flatMap((s) => s.endpoints)).toHaveLength(1)
  })
})

describe('Endpoints', () => {
  it('hold a thousand, the ready ones first, and say that there are more', () => {
    const bench = new Bench()
    bench.service()
    for (let i = 0; i < 1003; i++) bench.pod(`p-${String(i).padStart(4, '0')}`, { ready: i >= 3 })
    bench.settle()
    expect(bench.endpoints().metadata.annotations!['endpoints.kubernetes.io/over-capacity']).toBe('truncated')
    expect(bench.endpoints().subsets!.map((s) => [s.addresses?.length, s.notReadyAddresses?.length])).toEqual([[1000, undefined]])
    bench.client.patch('pods', 'default', 'p-1000', 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } })
    for (let i = 0; i < 2; i++) bench.patch('pods', `p-000${i}`, { metadata: { labels: { app: 'other' } } })
    bench.settle()
    expect(bench.endpoints().metadata.annotations ?? {}).not.toHaveProperty('endpoints.kubernetes.io/over-capacity')
  })
})

describe('Endpoints that people write', () => {
  const manual = (bench: Bench, more: object = {}, metadata: object = {}): void => {
    bench.client.create('endpoints', 'default', { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web', ...metadata }, subsets: [{ addresses: [{ ip: '192.0.2.7' }], notReadyAddresses: [{ ip: '192.0.2.8' }], ports: [{ port: 5432, name: 'db' }], ...more }] })
    bench.settle()
  }
  const plain = { selector: null, ports: [{ port: 5432, name: 'db' }] }

  it('are mirrored for a Service without a selector', () => {
    const bench = new Bench()
    bench.service(plain)
    manual(bench, {}, { labels: { team: 'blue' }, annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } })
    const [slice, ...more] = bench.slices()
    expect(more).toEqual([])
    expect(slice!.metadata).toMatchObject({
      generateName: 'web-', annotations: { note: 'x' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name: 'web', controller: true, blockOwnerDeletion: true }],
      labels: { team: 'blue', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' },
    })
    expect(slice!.metadata.annotations).toEqual({ note: 'x' })
    expect(slice!.ports).toEqual([{ name: 'db', port: 5432, protocol: 'TCP' }])
    expect(slice!.endpoints).toEqual([{ addresses: ['192.0.2.7'], conditions: { ready: true } }, { addresses: ['192.0.2.8'], conditions: { ready: false } }])
  })

  it('follow their changes, and go with them', () => {
    const bench = new Bench()
    bench.service(plain)
    manual(bench)
    bench.patch('endpoints', 'web', { subsets: [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ port: 5432, name: 'db' }] }] })
    expect(bench.slices().flatMap((s) => s.endpoints.flatMap((e) => e.addresses))).toEqual(['192.0.2.9'])
    bench.client.delete('endpoints', 'default', 'web')
    bench.settle()
    expect(bench.slices()).toEqual([])
  })

  it.each([
    ['has a selector', { selector: { app: 'none' } }, {}],
    ['is told to skip', plain, { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
    ['is a lock of a leader', plain, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
  ])('are not mirrored when it %s', (_, spec, metadata) => {
    const bench = new Bench()
    bench.service(spec as object)
    if ('selector' in spec && spec.selector) bench.client.delete('endpoints', 'default', 'web')
    bench.settle()
    if (!bench.client.list('endpoints', { namespace: 'default', fieldSelector: 'metadata.name=web' }).items.length) manual(bench, {}, metadata)
    expect(bench.slices().filter((s) => s.metadata.labels!['endpointslice.kubernetes.io/managed-by'] !== 'endpointslice-controller.k8s.io')).toEqual([])
  })
})
