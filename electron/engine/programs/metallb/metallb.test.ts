import { readFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import { Undecided } from '../../kubernetes/client.ts'
import type { Event, KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import { networksOf, parseRange, poolsFor, type AddressPool } from './pools.ts'

/** MetalLB's published manifest on a cluster without a cloud. */
const MANIFEST = readFileSync(new URL('../../../../assets/manifests/metallb-native.yaml', import.meta.url), 'utf8')
const NAMESPACE = 'metallb-system'
let cluster: Cluster

function apply(resource: string, kind: string, name: string, spec: object): void {
  const object = { apiVersion: 'metallb.io/v1beta1', kind, metadata: { name, namespace: NAMESPACE }, spec } as unknown as KubeObject
  for (let decided = false; !decided; ) {
    try {
      cluster.client.create(`${resource}.metallb.io`, NAMESPACE, object)
      decided = true
    } catch (error) {
      // the webhook is asked by packets
      if (!(error instanceof Undecided)) throw error
      cluster.clock.runFor(100)
    }
  }
  cluster.settle()
  cluster.clock.runFor(200)
}

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 4, cni: 'calico' }))
  cluster.settle()
  for (const document of parseAllDocuments(MANIFEST)) {
    const object = document.toJS() as KubeObject
    const { name } = cluster.client.findResource(object.kind)!
    cluster.client.create(name, object.metadata.namespace, object)
  }
  cluster.clock.runFor(30_000)
  cluster.settle()
  for (const [name, node] of [['web-1', 'worker-1'], ['web-2', 'worker-2']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: node, containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  }
  cluster.settle()
})

function lb(name: string, app: string, spec: object = {}, annotations: Record<string, string> = {}): void {
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec: { type: 'LoadBalancer', selector: { app }, ports: [{ port: 80 }], ...spec } } as unknown as KubeObject)
  cluster.settle()
  cluster.clock.runFor(200)
}
const ipsOf = (name: string): (string | undefined)[] => (cluster.client.get<Service>('services', 'default', name).status.loadBalancer?.ingress ?? []).map((i) => i.ip)
const events = (name: string): string[] => cluster.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.kind === 'Service' && e.involvedObject.name === name).map((e) => `${e.type} ${e.reason} ${e.source?.component}: ${e.message}`)
const owners = (name: string): (string | undefined)[] => cluster.client.list<KubeObject & { status?: { node: string; serviceName: string } }>('servicel2statuses.metallb.io', { namespace: NAMESPACE }).items.filter((s) => s.status?.serviceName === name).map((s) => s.status?.node)

function connect(ip: string): Journey {
  const connection = cluster.laptop.network.sockets.connect({ address: ip, port: 80 }, {})
  cluster.clock.runFor(300)
  connection.abort()
  cluster.clock.runFor(50)
  return connection.journey!
}

it('its Pods run, and the speakers wait for the secret that the controller makes', () => {
  const pods = cluster.client.list<Pod>('pods', { namespace: NAMESPACE }).items
  expect(pods.map((p) => p.status.phase)).toEqual(Array.from({ length: 5 }, () => 'Running'))
  expect(cluster.client.get('secrets', NAMESPACE, 'memberlist')).toMatchObject({ type: 'Opaque', data: { secretkey: expect.stringMatching(/^.{200,}$/) as string } })
})

it('without a pool a LoadBalancer waits; with one it gets an address, which nobody answers for before an L2Advertisement', () => {
  lb('one', 'web-1')
  expect(ipsOf('one')).toEqual([])
  apply('ipaddresspools', 'IPAddressPool', 'first', { addresses: ['172.18.255.200-172.18.255.202'] })
  expect(ipsOf('one')).toEqual(['172.18.255.200'])
  expect(cluster.client.get('services', 'default', 'one').metadata.annotations).toEqual({ 'metallb.io/ip-allocated-from-pool': 'first' })
  expect(events('one')).toEqual(['Normal IPAllocated metallb-controller: Assigned IP ["172.18.255.200"]'])
  expect(connect('172.18.255.200').verdict).not.toBe('delivered')
  apply('l2advertisements', 'L2Advertisement', 'all', {})
  cluster.clock.runFor(8_000)
  const [owner] = owners('one')
  expect(events('one')).toContain(`Normal nodeAssigned metallb-speaker: announcing from node "${owner!}" with protocol "layer2"`)
  const journey = connect('172.18.255.200')
  expect(journey.verdict).toBe('delivered')
  expect(journey.hops.some((h) => h.machine === owner)).toBe(true)
})

it('a second address is asked for over the wire; the hop says who answers', () => {
  lb('two', 'web-2', { externalTrafficPolicy: 'Local' }, { 'metallb.io/loadBalancerIPs': '172.18.255.202' })
  expect(ipsOf('two')).toEqual(['172.18.255.202'])
  expect(owners('two')).toEqual(['worker-2'])
  const journey = connect('172.18.255.202')
  expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '192.0.2.10' })
  expect(journey.hops.find((h) => h.explanation === 'raw-socket-reply')).toMatchObject({ machine: 'worker-2', decidedBy: { text: 'speaker on worker-2: 172.18.255.202 of default/two, protocol layer2' } })
})

it('what cannot be had is said in events, what cannot be configured by the webhook', () => {
  expect(() => apply('ipaddresspools', 'IPAddressPool', 'second', { addresses: ['172.18.255.0/24'] })).toThrow('admission webhook "ipaddresspoolvalidationwebhook.metallb.io" denied the request: CIDR "172.18.255.0/24" in pool "second" overlaps with already defined CIDR "172.18.255.200/31"')
  lb('taken', 'web-1', { loadBalancerIP: '172.18.255.200' })
  expect(events('taken')).toEqual([`Warning AllocationFailed metallb-controller: Failed to allocate IP for "default/taken": can't change sharing key for "default/taken", address also in use by default/one`])
  lb('three', 'web-1')
  lb('four', 'web-1')
  expect([ipsOf('three'), ipsOf('four')]).toEqual([['172.18.255.201'], []])
  expect(events('four')).toEqual(['Warning AllocationFailed metallb-controller: Failed to allocate IP for "default/four": no available IPs'])
  lb('foreign', 'web-1', { loadBalancerClass: 'example.com/other' })
  expect([ipsOf('foreign'), events('foreign')]).toEqual([[], []])
  cluster.client.delete('services', 'default', 'three')
  cluster.settle()
  cluster.clock.runFor(200)
  expect(ipsOf('four')).toEqual(['172.18.255.201'])
  expect(cluster.client.get<AddressPool>('ipaddresspools.metallb.io', NAMESPACE, 'first').status).toEqual({ assignedIPv4: 3, assignedIPv6: 0, availableIPv4: 0, availableIPv6: 0 })
})

it('when the node that announces goes, the others notice by themselves, and one of them says that it is there now', () => {
  const [before] = owners('one')
  cluster.faults.apply(['node-down', before!])
  expect(connect('172.18.255.200').verdict).not.toBe('delivered')
  cluster.clock.runFor(15_000)
  const after = owners('one').find((n) => n !== before)
  expect(after).toBeDefined()
  const journey = connect('172.18.255.200')
  expect(journey.hops.some((h) => h.machine === after)).toBe(true)
  expect(journey.hops.some((h) => h.machine === 'outside' && h.explanation === 'arp-request')).toBe(false)
  cluster.faults.clear([`node-down/${before!}`])
})

it('addresses of pools', () => {
  const pool = (name: string, ...addresses: string[]): AddressPool => ({ apiVersion: '', kind: 'IPAddressPool', metadata: { name }, spec: { addresses } }) as unknown as AddressPool
  expect(networksOf(parseRange('172.18.255.200-172.18.255.250'))).toEqual(['172.18.255.200/29', '172.18.255.208/28', '172.18.255.224/28', '172.18.255.240/29', '172.18.255.248/31', '172.18.255.250/32'])
  expect(() => poolsFor([pool('a', '10.0.0.1')])).toThrow('parsing address pool a: invalid CIDR "10.0.0.1" in pool "a": invalid CIDR "10.0.0.1"')
  expect(() => poolsFor([pool('a', '10.0.0.9-10.0.0.1')])).toThrow('invalid IP range "10.0.0.9-10.0.0.1": start IP "10.0.0.9" is after the end IP "10.0.0.1"')
  expect(() => poolsFor([pool('a', '10.0.0.0/24'), pool('b', '10.0.0.255/32')])).toThrow('CIDR "10.0.0.255/32" in pool "b" overlaps with already defined CIDR "10.0.0.0/24"')
})

it('its log tells no more than --log-level says; a flag that nothing here heeds is refused', () => {
  const started = (name: string, args: string[]): Pod => {
    cluster.client.create('pods', NAMESPACE, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE }, spec: { restartPolicy: 'Never', serviceAccountName: 'controller', containers: [{ name: 'c', image: 'quay.io/metallb/controller:v0.15.2', args: [...args, '--webhook-mode=disabled'] }] } } as unknown as KubeObject)
    cluster.clock.runFor(10_000)
    return cluster.client.get<Pod>('pods', NAMESPACE, name)
  }
  const logOf = (name: string): string => {
    let text = ''
    cluster.client.logs(NAMESPACE, name, { container: 'c' }, { onLine: (line) => void (text += JSON.stringify(line)), onEnd: () => undefined })
    cluster.clock.runFor(100)
    return text
  }
  started('talks', ['--log-level=info'])
  expect(logOf('talks')).toContain('MetalLB controller starting')
  started('silent', ['--log-level=error'])
  expect(logOf('silent')).not.toContain('MetalLB controller starting')
  expect(started('odd', ['--disable-cert-rotation']).status.phase).toBe('Failed')
  expect(logOf('odd')).toContain('podhop: not simulated: --disable-cert-rotation=true')
})
