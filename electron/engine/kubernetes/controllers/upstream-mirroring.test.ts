import { expect, it } from 'vitest'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice, Event, Service } from '../types.ts'
import { EndpointSliceMirroringController } from './endpointslice-mirroring.ts'
import { repackSubsets } from './endpoint-subsets.ts'
import { Bench } from './upstream.samples.ts'

/**
 * Tables of pkg/controller/endpointslicemirroring/reconciler_test.go and pkg/api/v1/endpoints/util_test.go (v1.33), told again. A subset
 * is "ready addresses | others | ports".
 */
type Slice = EndpointSlice & { ports?: { name: string; port: number; protocol: string }[] }
const PORTS: Record<string, object> = { http: { name: 'http', port: 80, protocol: 'TCP' }, https: { name: 'https', port: 443, protocol: 'TCP' }, udp: { name: 'https', port: 443, protocol: 'UDP' }, alt: { name: 'http', port: 3000, protocol: 'TCP' }, altUdp: { name: 'https', port: 3001, protocol: 'UDP' } }
const words = (text: string | undefined): string[] => (text ?? '').trim().split(' ').filter(Boolean)
type Subset = NonNullable<Endpoints['subsets']>[number]
function subset(text: string): Subset {
  const [ready, others, ports] = text.split('|')
  const addresses = (part: string | undefined): object[] => words(part).map((ip) => ({ ip }))
  return { ...(words(ready).length > 0 ? { addresses: addresses(ready) } : {}), ...(words(others).length > 0 ? { notReadyAddresses: addresses(others) } : {}), ...(words(ports).length > 0 ? { ports: words(ports).map((p) => PORTS[p]) } : {}) } as Subset
}

class Mirror extends Bench {
  readonly actions: string[] = []

  make(subsets: readonly Subset[], metadata: object = {}): Endpoints {
    this.create<Service>('services', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'test-ep' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } })
    return this.create<Endpoints>('endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'test-ep', ...metadata }, ...(subsets.length > 0 ? { subsets } : {}) })
  }

  existing(text: string, metadata: object = {}, labels: object = {}): void {
    const { addresses = [], ports } = subset(text)
    this.create<EndpointSlice>('endpointslices', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', metadata: { name: 'test-ep-1', labels: { 'kubernetes.io/service-name': 'test-ep', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io', ...labels }, ...metadata }, ports, endpoints: addresses.map(({ ip }) => ({ addresses: [ip], conditions: { ready: true } })) })
  }

  mirror(): string[] {
    this.client.watch('endpointslices', {}, (event) => void this.actions.push(event.type))
    this.clock.runFor(10)
    this.actions.length = 0
    this.start(EndpointSliceMirroringController)
    return this.client.list<Slice>('endpointslices', { namespace: 'default' }).items.map((s) => {
      const those = (ready: boolean): string => s.endpoints.filter((e) => (e.conditions!.ready ?? true) === ready).flatMap((e) => e.addresses).join(' ')
      return `${s.addressType} ${those(true)}|${those(false)}|${(s.ports ?? []).map((p) => `${p.port}/${p.protocol}`).sort().join(' ')}`
    }).sort()
  }
}

it.each<[string, string[], string[], number]>([
  ['nothing', [], [], 0],
  ['one address', ['10.0.0.1||http'], ['IPv4 10.0.0.1||80/TCP'], 1],
  ['two subsets', ['10.0.0.1||http', '10.0.0.2||https'], ['IPv4 10.0.0.1||80/TCP', 'IPv4 10.0.0.2||443/TCP'], 2],
  ['the same address with two ports', ['10.0.0.1||http', '10.0.0.1||https'], ['IPv4 10.0.0.1||443/TCP 80/TCP'], 1],
  ['two addresses with the same port', ['10.0.0.1||http', '10.0.0.2||http'], ['IPv4 10.0.0.1 10.0.0.2||80/TCP'], 1],
  ['two ports, two addresses', ['10.0.0.1 10.0.0.2||http udp'], ['IPv4 10.0.0.1 10.0.0.2||443/UDP 80/TCP'], 1],
  ['two that are not ready', ['|10.0.0.1 10.0.0.2|http udp'], ['IPv4 |10.0.0.1 10.0.0.2|443/UDP 80/TCP'], 1],
  ['two that are and two that are not', ['10.1.1.1 10.1.1.2|10.0.0.1 10.0.0.2|http udp'], ['IPv4 10.1.1.1 10.1.1.2|10.0.0.1 10.0.0.2|443/UDP 80/TCP'], 1],
  ['two subsets of two ports', ['10.0.0.1 10.0.0.2||http udp', '10.0.1.1 10.0.1.2 10.0.1.3||alt altUdp'], ['IPv4 10.0.0.1 10.0.0.2||443/UDP 80/TCP', 'IPv4 10.0.1.1 10.0.1.2 10.0.1.3||3000/TCP 3001/UDP'], 2],
  ['two address families', ['10.0.0.1 2001:db8::1||http'], ['IPv4 10.0.0.1||80/TCP', 'IPv6 2001:db8::1||80/TCP'], 2],
])('%s', (_, subsets, expected, actions) => {
  const bench = new Mirror()
  bench.make(subsets.map(subset))
  expect(bench.mirror()).toEqual(expected)
  expect(bench.actions).toHaveLength(actions)
})

const TWO = ['10.0.0.1 10.0.0.2||http udp', '10.0.1.1 10.0.1.2 10.0.1.3||alt altUdp']
const BOTH = ['IPv4 10.0.0.1 10.0.0.2||443/UDP 80/TCP', 'IPv4 10.0.1.1 10.0.1.2 10.0.1.3||3000/TCP 3001/UDP']
it.each<[string, string[], { slice: string; owner?: string; annotations?: object; labels?: object; of?: object }, string[], string[]]>([
  ['the same', ['10.0.0.1||http'], { slice: '10.0.0.1||http' }, ['IPv4 10.0.0.1||80/TCP'], []],
  ['another one\'s', ['10.0.0.1||http'], { slice: '10.0.0.1||http', owner: 'fb91e798-1875-4857-b5eb-e2c878157b4d' }, ['IPv4 10.0.0.1||80/TCP'], ['MODIFIED']],
  ['with an annotation more', ['10.0.0.1||http'], { slice: '10.0.0.1||http', annotations: { foo: 'bar' } }, ['IPv4 10.0.0.1||80/TCP'], ['MODIFIED']],
  ['with a label fewer', ['10.0.0.1||http'], { slice: '10.0.0.1||http', of: { labels: { foo: 'bar' } } }, ['IPv4 10.0.0.1||80/TCP'], ['MODIFIED']],
  ['with the annotation of kubectl apply', ['10.0.0.1||http'], { slice: '10.0.0.1||http', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }, ['IPv4 10.0.0.1||80/TCP'], ['MODIFIED']],
  ['an empty one', TWO, { slice: '||http udp' }, BOTH, ['ADDED', 'MODIFIED']],
  ['some of the addresses', TWO, { slice: '10.0.0.2||http udp' }, BOTH, ['ADDED', 'MODIFIED']],
  ['all the addresses of one', TWO, { slice: '10.0.0.1 10.0.0.2||http udp' }, BOTH, ['ADDED']],
  ['other ports: it is used again', ['10.0.0.1||http'], { slice: '10.0.0.9||alt' }, ['IPv4 10.0.0.1||80/TCP'], ['MODIFIED']],
  ['nothing is left', [], { slice: '10.0.0.1||http' }, [], ['DELETED']],
])('there is a slice already: %s', (_, subsets, { slice, owner, annotations, labels, of = {} }, expected, actions) => {
  const bench = new Mirror()
  const { metadata } = bench.make(subsets.map(subset), of)
  bench.existing(slice, { ...(annotations ? { annotations } : {}), ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name: 'test-ep', uid: owner ?? metadata.uid, controller: true, blockOwnerDeletion: true }] }, labels)
  expect(bench.mirror()).toEqual(expected)
  expect(bench.actions.sort()).toEqual(actions)
})

it('a thousand addresses of one set of ports are mirrored, however many subsets tell them; an event says how many are not', () => {
  const bench = new Mirror()
  const ips = (from: number, count: number): string => Array.from({ length: count }, (_, i) => `10.0.${Math.floor((from + i) / 250)}.${((from + i) % 250) + 1}`).join(' ')
  bench.make([subset(`${ips(0, 700)}||http`), subset(`${ips(700, 303)}||http`)])
  bench.mirror()
  expect(bench.client.list<EndpointSlice>('endpointslices', { namespace: 'default' }).items.map((s) => s.endpoints.length)).toEqual([1000])
  const [event] = bench.client.list<Event>('events', { namespace: 'default' }).items
  expect([event!.reason, event!.message]).toEqual(['TooManyAddressesToMirror', 'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped'])
})

it.each<[string, string[], string[]]>([
  ['empty', [], []],
  ['addresses alone', ['1.2.3.4||'], ['1.2.3.4||']],
  ['ready and not', ['1.2.3.4|5.6.7.8|http'], ['1.2.3.4|5.6.7.8|80']],
  ['the same twice', ['1.2.3.4||http', '1.2.3.4||http'], ['1.2.3.4||80']],
  ['not ready beats ready', ['1.2.3.4||http', '|1.2.3.4|http'], ['|1.2.3.4|80']],
  ['whichever comes first', ['|1.2.3.4|http', '1.2.3.4||http'], ['|1.2.3.4|80']],
  ['ready for one port, not for another', ['1.2.3.4||http', '|1.2.3.4|https'], ['1.2.3.4||80', '|1.2.3.4|443']],
  ['two addresses of one port', ['5.6.7.8||http', '1.2.3.4||http'], ['1.2.3.4 5.6.7.8||80']],
  ['three subsets, two ports', ['1.2.3.4||http', '1.2.3.4||https', '5.6.7.8||http', '5.6.7.8||https'], ['1.2.3.4 5.6.7.8||80 443']],
  ['one of them has a port more', ['1.2.3.4 5.6.7.8||http', '1.2.3.4||https'], ['1.2.3.4 5.6.7.8||80', '1.2.3.4||443']],
])('repacked: %s', (_, subsets, expected) => {
  expect(repackSubsets(subsets.map(subset)).map(({ addresses, notReadyAddresses, ports }) => `${addresses!.map((a) => a.ip).join(' ')}|${notReadyAddresses!.map((a) => a.ip).join(' ')}|${ports!.map((p) => p.port).join(' ')}`)).toEqual(expected)
})
