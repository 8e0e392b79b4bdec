import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { parseClusterConfig, type ClusterConfig } from '../config.ts'
import { ApiServer } from './api-server.ts'
import { startControllerManager } from './controllers/index.ts'
import type { Endpoints } from './kinds/endpoints.ts'
import type { EndpointSlice, KubeObject, Node, Pod, Service } from './types.ts'

/** The API and its controllers of a cluster with two families; Pods have the addresses that a test says. */
class Bench {
  readonly clock = new Clock({ seed: 1 })
  readonly config: ClusterConfig = {
    ...parseClusterConfig({}), ipFamilies: ['IPv4', 'IPv6'], podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/12', 'fd00:10:96::/112'],
  }
  readonly client = new ApiServer(this.clock, { freeze: true, serviceCIDR: this.config.serviceCIDR })

  constructor() {
    startControllerManager(this.clock, this.client, this.config)
    for (const name of ['node-a', 'node-b']) this.client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    this.clock.settle()
  }

  service(spec: object = {}, name = 'web'): Service {
    const made = this.client.create<Service>('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec } })
    this.clock.settle()
    return made
  }

  refusal(spec: object): string {
    try {
      this.service(spec)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }

  patch(spec: object): Service {
    const patched = this.client.patch<Service>('services', 'default', 'web', 'application/merge-patch+json', { spec })
    this.clock.settle()
    return patched
  }

  pod(name: string, ips: string[]): void {
    const pod = this.client.create<Pod>('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'web' } }, spec: { nodeName: 'node-a', containers: [{ name: 'c', image: 'x' }] } })
    this.client.update('pods', 'default', name, { ...pod, status: { ...pod.status, phase: 'Running', podIP: ips[0], podIPs: ips.map((ip) => ({ ip })), conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' })
    this.clock.settle()
  }

  slices(): string[] {
    const { items } = this.client.list<EndpointSlice>('endpointslices', { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })
    return items.map((s) => `${s.addressType} ${s.endpoints.flatMap((e) => e.addresses).sort().join(' ')}`).sort()
  }

  endpoints(): string[] {
    return (this.client.get<Endpoints & KubeObject>('endpoints', 'default', 'web').subsets ?? []).flatMap((s) => (s.addresses ?? []).map((a) => a.ip))
  }
}

const families = ({ spec }: Service): unknown[] => [spec.ipFamilyPolicy, spec.ipFamilies, spec.clusterIPs?.map((ip) => (ip.includes(':') ? 'v6' : ip === 'None' ? ip : 'v4'))]

describe('a Service of a dual-stack cluster', () => {
  it('has the primary family only, unless it asks for more', () => {
    const bench = new Bench()
    expect(families(bench.service())).toEqual(['SingleStack', ['IPv4'], ['v4']])
    expect(families(bench.service({ ipFamilies: ['IPv6'] }, 'six'))).toEqual(['SingleStack', ['IPv6'], ['v6']])
    expect(families(bench.service({ ipFamilyPolicy: 'PreferDualStack' }, 'both'))).toEqual(['PreferDualStack', ['IPv4', 'IPv6'], ['v4', 'v6']])
    expect(families(bench.service({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] }, 'six-first'))).toEqual(['RequireDualStack', ['IPv6', 'IPv4'], ['v6', 'v4']])
    expect(families(bench.service({ ipFamilyPolicy: 'PreferDualStack', clusterIP: 'fd00:10:96::77' }, 'named'))).toEqual(['PreferDualStack', ['IPv6', 'IPv4'], ['v6', 'v4']])
  })

  it('without an address has the families all the same; without a selector it may have both', () => {
    const bench = new Bench()
    expect(families(bench.service({ clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' }))).toEqual(['PreferDualStack', ['IPv4', 'IPv6'], ['None']])
    expect(families(bench.service({ clusterIP: 'None', selector: null }, 'outside'))).toEqual(['RequireDualStack', ['IPv4', 'IPv6'], ['None']])
  })

  it('has its addresses from both ranges, an IPAddress for each', () => {
    const bench = new Bench()
    const { clusterIP, clusterIPs } = bench.service({ ipFamilyPolicy: 'RequireDualStack' }).spec
    expect(clusterIPs).toEqual([clusterIP, expect.stringMatching(/^fd00:10:96::[0-9a-f]{1,4}$/)])
    const taken = bench.client.list<KubeObject>('ipaddresses').items.map((a) => [a.metadata.name, a.metadata.labels!['ipaddress.kubernetes.io/ip-family']])
    expect(taken).toContainEqual([clusterIPs![0], 'IPv4'])
    expect(taken).toContainEqual([clusterIPs![1], 'IPv6'])
    expect(bench.client.get<KubeObject & { spec: { cidrs: string[] } }>('servicecidrs', undefined, 'kubernetes').spec.cidrs).toEqual(['10.96.0.0/12', 'fd00:10:96::/112'])
    bench.client.delete('services', 'default', 'web')
    bench.clock.settle()
    expect(bench.client.list<KubeObject>('ipaddresses').items.map((a) => a.metadata.name)).not.toContain(clusterIPs![1])
  })

  it('gains the second family, and loses it, but never changes the first', () => {
    const bench = new Bench()
    const { clusterIP } = bench.service().spec
    const both = bench.patch({ ipFamilyPolicy: 'PreferDualStack' })
    expect(families(both)).toEqual(['PreferDualStack', ['IPv4', 'IPv6'], ['v4', 'v6']])
    expect(both.spec.clusterIP).toBe(clusterIP)
    expect(() => bench.patch({ ipFamilies: ['IPv6', 'IPv4'] })).toThrow('expected an IPv6 value as indicated by `ipFamilies[0]`')
    expect(() => bench.patch({ ipFamilies: ['IPv4'] })).toThrow("must be 'SingleStack' to release the secondary IP family")
    expect(families(bench.patch({ ipFamilyPolicy: 'SingleStack' }))).toEqual(['SingleStack', ['IPv4'], ['v4']])
  })

  it('is refused with the words of the API server', () => {
    const bench = new Bench()
    expect(bench.refusal({ ipFamilies: ['IPv4', 'IPv4'] })).toContain('spec.ipFamilies[1]: Duplicate value: "IPv4"')
    expect(bench.refusal({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] })).toContain(`spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`)
    expect(bench.refusal({ ipFamilyPolicy: 'RequireDualStack', clusterIP: 'fd00:10:96::1:1' })).toContain('failed to allocate IP fd00:10:96::1:1: the provided network does not match the current range')
    expect(bench.refusal({ ipFamilyPolicy: 'Dual' })).toContain('spec.ipFamilyPolicy: Unsupported value: "Dual": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"')
    expect(bench.refusal({ ipFamilies: ['IPv6'], clusterIP: '10.96.0.50' })).toContain('expected an IPv6 value as indicated by `ipFamilies[0]`')
  })
})

it('a Service is taken, with a warning, when it says something that is ignored or written oddly', () => {
  const bench = new Bench()
  const warned: string[] = []
  const create = (name: string, spec: object): void => {
    bench.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }, { onWarning: (text) => warned.push(text) })
  }
  create('shouted', { ipFamilies: ['IPv6'], clusterIP: 'FD00:10:96:0::99', externalIPs: ['2001:DB8::1'] })
  create('ranges', { type: 'LoadBalancer', loadBalancerSourceRanges: ['2001:db8::1/48', '2001:DB8::/32'] })
  create('named', { externalName: 'example.com' })
  create('quiet', { clusterIP: 'None', sessionAffinity: 'ClientIP', trafficDistribution: 'PreferClose' })
  expect(warned).toEqual([
    'spec.clusterIPs[0]: IPv6 address "FD00:10:96:0::99" should be in RFC 5952 canonical format ("fd00:10:96::99")',
    'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    'spec.loadBalancerSourceRanges[0]: CIDR value "2001:db8::1/48" is ambiguous in this context (should be "2001:db8::/48" or "2001:db8::1/128"?)',
    'spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ])
})

describe('what stands behind it', () => {
  it('is in slices of each family; Endpoints have the primary one', () => {
    const bench = new Bench()
    bench.service({ ipFamilyPolicy: 'PreferDualStack' })
    expect(bench.slices()).toEqual(['IPv4 ', 'IPv6 '])
    bench.pod('one', ['10.244.0.5', 'fd00:10:244::5'])
    bench.pod('two', ['10.244.0.6', 'fd00:10:244::6'])
    bench.pod('old', ['10.244.0.7'])
    expect(bench.slices()).toEqual(['IPv4 10.244.0.5 10.244.0.6 10.244.0.7', 'IPv6 fd00:10:244::5 fd00:10:244::6'])
    expect(bench.endpoints()).toEqual(['10.244.0.5', '10.244.0.6', '10.244.0.7'])
    bench.patch({ ipFamilyPolicy: 'SingleStack' })
    expect(bench.slices()).toEqual(['IPv4 10.244.0.5 10.244.0.6 10.244.0.7'])
  })

  it('is the second address of its Pods for a Service of IPv6', () => {
    const bench = new Bench()
    bench.service({ ipFamilies: ['IPv6'] })
    bench.pod('one', ['10.244.0.5', 'fd00:10:244::5'])
    bench.pod('old', ['10.244.0.7'])
    expect(bench.slices()).toEqual(['IPv6 fd00:10:244::5'])
    expect(bench.endpoints()).toEqual(['fd00:10:244::5'])
  })
})

it('a node has a range of Pod addresses in each family', () => {
  const { client } = new Bench()
  expect(client.list<Node>('nodes').items.map((n) => [n.spec.podCIDR, n.spec.podCIDRs])).toEqual([
    ['10.244.0.0/24', ['10.244.0.0/24', 'fd00:10:244::/64']], ['10.244.1.0/24', ['10.244.1.0/24', 'fd00:10:244:1::/64']],
  ])
})

it('kubernetes.default is the primary family\'s', () => {
  const { client } = new Bench()
  expect(families(client.get<Service>('services', 'default', 'kubernetes'))).toEqual(['SingleStack', ['IPv4'], ['v4']])
})
