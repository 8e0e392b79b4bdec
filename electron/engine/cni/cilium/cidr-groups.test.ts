import { beforeAll, expect, it } from 'vitest'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { CIDR_GROUPS } from './cidr-groups.ts'
import { World } from './world.samples.ts'

/** CiliumCIDRGroups in rules, by name and by label, proven by packets. */
let w: World
let client: NetworkNamespace
const INTERNET = '192.0.2.53'

beforeAll(() => {
  w = new World()
  w.pod('web', 'worker-1', { app: 'web' })
  client = w.pod('client', 'worker-2', { app: 'client' })
})

function settle(): void {
  w.cluster.settle()
  w.cluster.clock.runFor(100)
}

function group(name: string, externalCIDRs: string[], labels: Record<string, string> = {}): void {
  w.cluster.client.create(CIDR_GROUPS, undefined, { apiVersion: 'cilium.io/v2alpha1', kind: 'CiliumCIDRGroup', metadata: { name, labels }, spec: { externalCIDRs } } as unknown as KubeObject)
  settle()
}

function policy(name: string, spec: object): void {
  w.cluster.client.create('ciliumnetworkpolicies.cilium.io', 'default', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name }, spec: { endpointSelector: { matchLabels: { app: 'client' } }, ...spec } } as unknown as KubeObject)
  settle()
}

function forget(name: string): void {
  w.cluster.client.delete('ciliumnetworkpolicies.cilium.io', 'default', name)
  settle()
}

const verdict = (to = INTERNET): string => w.connect(client, to, 80).verdict
const labels = (prefix: string): string[] => {
  const maps = w.maps('worker-2')
  const row = maps.ipcache.list().find(([cidr]) => cidr === prefix)
  return row ? Object.entries(maps.identities.get(row[1].identity)!.labels).map(([k, v]) => (v === '' ? k : `${k}=${v}`)).sort() : []
}

it('a group by its name: who is in it now may be reached; without the group nobody', () => {
  policy('by-name', { egress: [{ toCIDRSet: [{ cidrGroupRef: 'sites' }] }] })
  expect(verdict()).toBe('dropped')
  group('sites', ['192.0.2.0/24'])
  expect(verdict()).toBe('delivered')
  expect(labels('192.0.2.0/24')).toContain('cidrgroup:io.cilium.policy.cidrgroupname/sites')
  w.cluster.client.patch(CIDR_GROUPS, undefined, 'sites', 'application/merge-patch+json', { spec: { externalCIDRs: ['198.51.100.0/24'] } })
  settle()
  expect(verdict()).toBe('dropped')
  expect(w.connect(client, INTERNET, 80).hops.at(-1)!.text).toContain('default/by-name')
  expect(labels('192.0.2.0/24')).toEqual([])
  w.cluster.client.patch(CIDR_GROUPS, undefined, 'sites', 'application/merge-patch+json', { spec: { externalCIDRs: [`${INTERNET}/32`] } })
  settle()
  expect(verdict()).toBe('delivered')
  w.cluster.client.delete(CIDR_GROUPS, undefined, 'sites')
  settle()
  expect(verdict()).toBe('dropped')
  forget('by-name')
})

it('groups by their labels, without what except says, and in rules that deny', () => {
  group('partners', ['192.0.2.0/24'], { trust: 'some' })
  policy('by-label', { egress: [{ toCIDRSet: [{ cidrGroupSelector: { matchLabels: { trust: 'some' } } }] }] })
  expect(verdict()).toBe('delivered')
  expect(labels('192.0.2.0/24')).toEqual(['cidrgroup:io.cilium.policy.cidrgroupname/partners', 'cidrgroup:trust=some', 'reserved:world'])
  w.cluster.client.patch(CIDR_GROUPS, undefined, 'partners', 'application/merge-patch+json', { metadata: { labels: { trust: 'none' } } })
  settle()
  expect(verdict()).toBe('dropped')
  forget('by-label')
  policy('except', { egress: [{ toCIDRSet: [{ cidrGroupRef: 'partners', except: [`${INTERNET}/32`] }] }] })
  expect(verdict()).toBe('dropped')
  expect(labels(`${INTERNET}/32`)).toContain('cidrgroup:io.cilium.policy.cidrgroupname/partners')
  forget('except')
  policy('deny', { egress: [{ toEntities: ['all'] }], egressDeny: [{ toCIDRSet: [{ cidrGroupRef: 'partners' }] }] })
  expect([verdict(), verdict(w.ip('web'))]).toEqual(['dropped', 'delivered'])
  forget('deny')
  expect(verdict()).toBe('delivered')
})

it('a set has a prefix, a group or a selector, and only one', () => {
  expect(() => policy('two', { egress: [{ toCIDRSet: [{ cidr: '192.0.2.0/24', cidrGroupRef: 'partners' }] }] })).toThrow('spec.egress[0].toCIDRSet[0]')
  expect(() => policy('none', { egress: [{ toCIDRSet: [{ except: ['192.0.2.0/24'] }] }] })).toThrow('spec.egress[0].toCIDRSet[0]')
})
