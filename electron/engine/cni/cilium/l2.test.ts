import { beforeEach, expect, it } from 'vitest'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Service } from '../../kubernetes/types.ts'
import type { ArpPacket } from '../../network/types.ts'
import { L2_POLICIES } from './l2-announcer.ts'
import { LB_POOLS, type LbPool } from './lb-ipam.ts'
import { World } from './world.samples.ts'

/** Addresses for LoadBalancers out of pools, and who answers for them on the wire. */
let w: World
const ARP: ArpPacket = { kind: 'arp', operation: 'request', senderMac: '02:00:00:00:00:01', senderIp: '172.18.0.99', targetMac: '00:00:00:00:00:00', targetIp: '172.18.254.1' }
const POOL = { cidr: '172.18.255.0/29' }

beforeEach(() => {
  w = new World({ nodes: 4, cni: { plugin: 'cilium', l2announcements: true } })
})

function cluster(resource: string, kind: string, name: string, spec: object): void {
  w.cluster.client.create(resource, undefined, { apiVersion: 'cilium.io/v2alpha1', kind, metadata: { name }, spec } as unknown as KubeObject)
  w.cluster.settle()
}
const pool = (name: string, spec: object): void => cluster(LB_POOLS, 'CiliumLoadBalancerIPPool', name, spec)
const policy = (name: string, spec: object): void => {
  cluster(L2_POLICIES, 'CiliumL2AnnouncementPolicy', name, spec)
  w.cluster.clock.runFor(100)
}
function lb(name: string, spec: object = {}, annotations: Record<string, string> = {}, labels: Record<string, string> = {}): void {
  w.create('services', { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations, labels }, spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }], ...spec } })
}
const service = (name: string): Service => w.cluster.client.get<Service>('services', 'default', name)
const ipsOf = (name: string): (string | undefined)[] => (service(name).status.loadBalancer?.ingress ?? []).map((i) => i.ip)
const why = (name: string): string => {
  const condition = service(name).status.conditions?.find((c) => c.type === 'cilium.io/IPAMRequestSatisfied')
  return condition ? `${condition.status} ${condition.reason}: ${condition.message}` : ''
}
const counts = (name: string): string[] => w.cluster.client.get<LbPool>(LB_POOLS, undefined, name).status!.conditions!.map((c) => `${c.type.slice('cilium.io/'.length)} ${c.status} ${c.message}`)
const holder = (name = 'web'): string | undefined => w.cluster.client.list<KubeObject & { spec: { holderIdentity?: string } }>('leases', { namespace: 'kube-system' }).items.find((l) => l.metadata.name === `cilium-l2announce-default-${name}`)?.spec.holderIdentity
const fromLaptop = (ip: string): Journey => w.connect(w.cluster.laptop.network, ip, 80)
const patch = (name: string, change: object): void => {
  w.cluster.client.patch('services', 'default', name, 'application/merge-patch+json', change)
  w.cluster.settle()
}

it('a Service waits until a pool has an address for it, and gives it back', () => {
  lb('web')
  expect([ipsOf('web'), why('web')]).toEqual([[], ''])
  pool('blue', { blocks: [POOL] })
  expect([ipsOf('web'), why('web')]).toEqual([['172.18.255.0'], 'True satisfied: '])
  expect(service('web').status.loadBalancer!.ingress![0]!.ipMode).toBe('VIP')
  expect(counts('blue')).toEqual(['PoolConflict False ', 'IPsTotal Unknown 8', 'IPsAvailable Unknown 7', 'IPsUsed Unknown 1'])
  lb('two')
  expect(ipsOf('two')).toEqual(['172.18.255.1'])
  patch('web', { spec: { type: 'ClusterIP' } })
  expect([ipsOf('web'), why('web')]).toEqual([[], ''])
  lb('three')
  expect(ipsOf('three')).toEqual(['172.18.255.0'])
  w.cluster.client.delete(LB_POOLS, undefined, 'blue')
  w.cluster.settle()
  expect([ipsOf('two'), why('two')]).toEqual([[], 'False no_pool: There are no enabled CiliumLoadBalancerIPPools that match this service'])
})

it('addresses that are asked for, selectors, ends that are kept, sharing and what cannot be had', () => {
  pool('blue', { blocks: [{ cidr: '10.0.10.0/30' }], allowFirstLastIPs: 'No', serviceSelector: { matchLabels: { color: 'blue' } } })
  pool('red', { blocks: [{ start: '10.0.20.7', stop: '10.0.20.8' }], serviceSelector: { matchExpressions: [{ key: 'io.kubernetes.service.name', operator: 'In', values: ['a', 'b', 'c', 'x', 'y'] }] } })
  lb('blue-1', {}, {}, { color: 'blue' })
  expect(ipsOf('blue-1')).toEqual(['10.0.10.1'])
  lb('a', {}, { 'lbipam.cilium.io/ips': '10.0.20.8' })
  lb('b')
  expect([ipsOf('a'), ipsOf('b')]).toEqual([['10.0.20.8'], ['10.0.20.7']])
  lb('c')
  expect(why('c')).toBe('False out_of_ips: All enabled CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs')
  lb('x', {}, { 'lbipam.cilium.io/ips': '10.0.20.8' })
  expect(why('x')).toBe("False already_allocated: The IP '10.0.20.8' is already allocated to another service")
  lb('z', {}, { 'lbipam.cilium.io/ips': '10.0.20.8' })
  expect(why('z')).toBe("False pool_selector_mismatch: The pool with the CIDR containing '10.0.20.8', doesn't select this service")
  lb('q', {}, { 'lbipam.cilium.io/ips': '10.9.9.9' })
  expect(why('q')).toBe("False no_pool: No pool exists with a CIDR containing '10.9.9.9'")
  w.cluster.client.patch('services', 'default', 'a', 'application/merge-patch+json', { metadata: { annotations: { 'lbipam.cilium.io/sharing-key': '1234' } } })
  lb('y', { ports: [{ port: 443 }] }, { 'lbipam.cilium.io/sharing-key': '1234' })
  expect(ipsOf('y')).toEqual(['10.0.20.8'])
  w.cluster.clock.runFor(2_000)
  pool('later', { blocks: [{ cidr: '10.0.20.0/28' }] })
  expect(counts('later')[0]).toBe("PoolConflict True Pool conflicts since range '10.0.20.0 - 10.0.20.15' overlaps range '10.0.20.7 - 10.0.20.8' from IP Pool 'red'")
  expect(ipsOf('c')).toEqual([])
})

it('one of the nodes that the policy names answers ARP; when it goes, another one does and says so', () => {
  w.pod('web', 'control-plane', { app: 'web' })
  lb('web')
  pool('blue', { blocks: [POOL] })
  policy('workers', { loadBalancerIPs: true, nodeSelector: { matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }] } })
  const first = holder()!
  expect(first).toMatch(/^worker-[123]$/)
  const journey = fromLaptop('172.18.255.0')
  expect(journey).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('web')}:80` })
  const answer = journey.hops.find((h) => h.explanation === 'cilium-l2-announcement')!
  expect([answer.machine, answer.decidedBy?.text]).toEqual([first, `cilium_l2_responder_v4: ip4 172.18.255.0 ifindex ${w.maps(first).device.index} responses_sent 1`])
  w.cluster.faults.apply(['node-down', first])
  expect(fromLaptop('172.18.255.0').verdict).not.toBe('delivered')
  w.cluster.clock.runFor(25_000)
  const second = holder()!
  expect(second).toMatch(/^worker-[123]$/)
  expect(second).not.toBe(first)
  // the router has not asked again: it was told
  const after = fromLaptop('172.18.255.0')
  expect(after.verdict).toBe('delivered')
  expect(after.hops.some((h) => h.machine === second)).toBe(true)
  expect(after.hops.some((h) => h.explanation === 'cilium-l2-announcement' || (h.machine === 'outside' && h.explanation === 'arp-request'))).toBe(false)
})

it('externalIPs only with externalIPs: true, and on the interfaces that are named; what an agent has written is believed for the length of a lease after it', () => {
  w.pod('web', 'worker-1', { app: 'web' })
  lb('web', { externalIPs: ['172.18.254.1'] })
  pool('blue', { blocks: [POOL] })
  policy('all', { loadBalancerIPs: true, interfaces: ['^eth[0-9]+'] })
  expect(fromLaptop('172.18.254.1').verdict).not.toBe('delivered')
  w.cluster.client.patch(L2_POLICIES, undefined, 'all', 'application/merge-patch+json', { spec: { externalIPs: true } })
  w.cluster.clock.runFor(10_000)
  expect(fromLaptop('172.18.254.1').verdict).toBe('delivered')
  const responder = w.maps(holder()!).l2
  const { device } = w.maps(holder()!)
  const asked = (): string | object => responder.answer({ source: '02:00:00:00:00:01', destination: 'ff:ff:ff:ff:ff:ff', payload: ARP }, ARP, device)
  responder.alive(false)
  w.cluster.clock.runFor(14_000)
  expect(asked()).toBe('stolen')
  w.cluster.clock.runFor(2_000)
  expect(asked()).toBe('pass')
  responder.alive(true)
  w.cluster.client.patch(L2_POLICIES, undefined, 'all', 'application/merge-patch+json', { spec: { interfaces: ['^wlan'] } })
  w.cluster.clock.runFor(100)
  expect(holder()).toBe('')
  expect(w.maps('worker-1').l2.list()).toEqual([])
})

it('without enable-l2-announcements nobody answers', () => {
  w = new World()
  w.pod('web', 'worker-1', { app: 'web' })
  lb('web')
  pool('blue', { blocks: [POOL] })
  policy('all', { loadBalancerIPs: true })
  expect([ipsOf('web'), holder()]).toEqual([['172.18.255.0'], undefined])
  expect(fromLaptop('172.18.255.0').verdict).not.toBe('delivered')
})
