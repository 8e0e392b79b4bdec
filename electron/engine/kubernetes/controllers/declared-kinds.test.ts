import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError } from '../client.ts'
import type { ClusterRole, Event, IPAddress, KubeObject, PersistentVolumeClaim, Pod, Service, ServiceCIDR } from '../types.ts'
import { startControllerManager } from './index.ts'

function cluster(): { clock: Clock; api: ApiServer; messages: (name: string) => string[] } {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  startControllerManager(clock, api, parseClusterConfig({}))
  clock.settle()
  const messages = (name: string): string[] =>
    api.list<Event>('events', { fieldSelector: `involvedObject.name=${name}` }).items.map((e) => `${e.type} ${e.reason} x${e.count ?? 1} ${e.message}`)
  return { clock, api, messages }
}

function service(name: string, spec: object = {}): object {
  return { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }
}

function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof StatusError) return error.message
    throw error
  }
  return 'it was not refused'
}

describe('addresses of Services', () => {
  const { clock, api, messages } = cluster()
  const addresses = (): string[] => api.list<IPAddress>('ipaddresses').items.map((a) => `${a.metadata.name} ${a.spec.parentRef?.namespace}/${a.spec.parentRef?.name}`)
  const condition = (): string => {
    const ready = api.get<ServiceCIDR>('servicecidrs', undefined, 'more').status.conditions?.[0]
    return `${ready?.type}=${ready?.status} ${ready?.reason}: ${ready?.message}`
  }

  it('are each an object, as long as the Service has it', () => {
    expect(addresses()).toEqual(['10.96.0.1 default/kubernetes'])
    const { spec } = api.create<Service>('services', 'default', service('web'))
    expect(addresses()).toContain(`${spec.clusterIP} default/web`)
    expect(api.get<IPAddress>('ipaddresses', undefined, spec.clusterIP!).metadata.labels).toEqual({ 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' })
    api.create('services', 'default', service('headless', { clusterIP: 'None' }))
    api.create('services', 'default', service('tried'), { dryRun: true })
    expect(addresses()).toHaveLength(2)
    api.delete('services', 'default', 'web')
    expect(addresses()).toEqual(['10.96.0.1 default/kubernetes'])
  })

  it('may come from further ranges, once these are ready', () => {
    api.create('servicecidrs', undefined, { metadata: { name: 'more' }, spec: { cidrs: ['10.200.0.0/24'] } })
    const far = service('far', { clusterIP: '10.200.0.7' })
    expect(refusal(() => api.create('services', 'default', far))).toContain('the provided network does not match the current range')
    clock.settle()
    expect(condition()).toBe('Ready=True : Kubernetes Service CIDR is ready')
    expect(api.create<Service>('services', 'default', far).spec.clusterIP).toBe('10.200.0.7')
    expect(refusal(() => api.create('services', 'default', service('too', { clusterIP: '10.200.0.7' })))).toContain('provided IP is already allocated')
  })

  it('are taken by whoever makes the object', () => {
    api.create('ipaddresses', undefined, { metadata: { name: '10.96.0.77' }, spec: { parentRef: { group: 'example.com', resource: 'gateways', name: 'g' } } })
    expect(refusal(() => api.create('services', 'default', service('mine', { clusterIP: '10.96.0.77' })))).toContain('provided IP is already allocated')
  })

  it('are made again when somebody deletes one that is in use', () => {
    api.delete('ipaddresses', undefined, '10.200.0.7')
    clock.settle()
    expect(addresses()).toContain('10.200.0.7 default/far')
    expect(messages('far')).toContain('Warning ClusterIPNotAllocated x1 Cluster IP [IPv4]: 10.200.0.7 is not allocated; repairing')
  })

  it('that no Service has are taken away after a minute', () => {
    const labels = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' }
    const take = (name: string, parentRef: object): KubeObject => api.create('ipaddresses', undefined, { metadata: { name, labels }, spec: { parentRef } })
    take('10.96.0.80', { resource: 'services', namespace: 'default', name: 'nobody' })
    take('10.96.0.81', { resource: 'services', namespace: 'default', name: 'far' })
    take('10.96.0.82', { group: 'example.com', resource: 'gateways', name: 'g' })
    clock.settle()
    expect(addresses()).toContain('10.96.0.80 default/nobody')
    clock.runFor(62_000)
    expect(addresses().filter((a) => a.startsWith('10.96.0.8'))).toEqual([])
    expect(messages('10.96.0.80')).toEqual(['Warning IPAddressNotAllocated x1 IPAddress: 10.96.0.80 for Service default/nobody appears to have leaked: cleaning up'])
    expect(messages('10.96.0.81')).toEqual(['Warning IPAddressWrongReference x1 IPAddress: 10.96.0.81 for Service default/far has a wrong reference; cleaning up'])
    expect(messages('10.96.0.82')).toEqual(['Warning IPAddressNotAllocated x1 IPAddress 10.96.0.82 appears to have been modified, not referencing a Service &{example.com gateways  g}: cleaning up'])
  })

  it('keep their range until the last is gone', () => {
    api.delete('servicecidrs', undefined, 'more')
    clock.runFor(60_000)
    expect(condition()).toBe('Ready=False Terminating: There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR')
    expect(refusal(() => api.create('services', 'default', service('late', { clusterIP: '10.200.0.8' })))).toContain('does not match the current range')
    api.delete('services', 'default', 'far')
    clock.runFor(60_000)
    expect(api.list('servicecidrs').items.map((r) => r.metadata.name)).toEqual(['kubernetes'])
  })
})

describe('roles', () => {
  const { clock, api } = cluster()
  const rulesOf = (name: string): NonNullable<ClusterRole['rules']> => api.get<ClusterRole>('clusterroles', undefined, name).rules!

  it('are there from the beginning: view is in edit, edit is in admin', () => {
    expect(api.list('clusterroles').items).toHaveLength(68)
    expect(api.list('clusterrolebindings').items).toHaveLength(54)
    expect(rulesOf('edit')).toEqual([...rulesOf('system:aggregate-to-edit'), ...rulesOf('view')])
    expect(rulesOf('admin')).toEqual([...rulesOf('edit'), ...rulesOf('system:aggregate-to-admin')])
    expect(rulesOf('cluster-admin')[0]).toEqual({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] })
  })

  it('that are labelled for it become part of those that gather', () => {
    const rule = { verbs: ['get'], apiGroups: ['example.com'], resources: ['things'] }
    api.create('clusterroles', undefined, { metadata: { name: 'things', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }, rules: [rule] })
    clock.settle()
    for (const name of ['view', 'edit', 'admin']) expect(rulesOf(name)).toContainEqual(rule)
    api.delete('clusterroles', undefined, 'things')
    clock.settle()
    for (const name of ['view', 'edit', 'admin']) expect(rulesOf(name)).not.toContainEqual(rule)
  })
})

describe('a claim of storage', () => {
  const { clock, api, messages } = cluster()
  const claim = (name: string, spec: object = {}): object => ({ metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec } })

  it('waits, and says why every quarter of a minute', () => {
    api.create('persistentvolumeclaims', 'default', claim('plain'))
    clock.settle()
    clock.runFor(31_000)
    expect(api.get<PersistentVolumeClaim>('persistentvolumeclaims', 'default', 'plain').status.phase).toBe('Pending')
    expect(messages('plain')).toEqual(['Normal FailedBinding x3 no persistent volumes available for this claim and no storage class is set'])
  })

  it('of a class waits for who is to make its volume', () => {
    const make = (name: string, more: object): KubeObject => api.create('storageclasses', undefined, { metadata: { name }, provisioner: 'example.com/disk', ...more })
    make('late', { volumeBindingMode: 'WaitForFirstConsumer' })
    make('now', {})
    for (const storageClassName of ['late', 'now', 'none']) api.create('persistentvolumeclaims', 'default', claim(storageClassName, { storageClassName }))
    clock.settle()
    expect(messages('late')).toEqual(['Normal WaitForFirstConsumer x1 waiting for first consumer to be created before binding'])
    expect(messages('now')[0]).toMatch(/^Normal ExternalProvisioning x1 Waiting for a volume to be created either by the external provisioner 'example\.com\/disk'/)
    expect(messages('none')).toEqual(['Warning ProvisioningFailed x1 storageclass.storage.k8s.io "none" not found'])
  })

  it('gets the default class, if there is one', () => {
    api.create('storageclasses', undefined, { metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'x.io/y' })
    expect(api.create<PersistentVolumeClaim>('persistentvolumeclaims', 'default', claim('d')).spec.storageClassName).toBe('standard')
  })

  it('goes when nobody uses it', () => {
    api.delete('persistentvolumeclaims', 'default', 'plain')
    clock.settle()
    expect(api.list('persistentvolumeclaims').items.map((c) => c.metadata.name)).not.toContain('plain')
  })
})

describe('the priority of a Pod', () => {
  const { api } = cluster()
  const pod = (name: string, spec: object = {}): Pod => api.create<Pod>('pods', 'default', { metadata: { name }, spec: { containers: [{ name: 'a', image: 'a' }], ...spec } })

  it('is that of its class', () => {
    expect(pod('plain').spec.priority).toBe(0)
    expect(pod('system', { priorityClassName: 'system-node-critical' }).spec.priority).toBe(2_000_001_000)
    api.create('priorityclasses', undefined, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' })
    expect(pod('high', { priorityClassName: 'high' }).spec).toMatchObject({ priority: 1000, preemptionPolicy: 'Never' })
    expect(refusal(() => pod('odd', { priorityClassName: 'odd' }))).toBe('pods "odd" is forbidden: no PriorityClass with name odd was found')
  })

  it('is that of the default class, of which there is one', () => {
    api.create('priorityclasses', undefined, { metadata: { name: 'usual' }, value: 5, globalDefault: true })
    expect(pod('usual').spec).toMatchObject({ priority: 5, priorityClassName: 'usual' })
    expect(refusal(() => api.create('priorityclasses', undefined, { metadata: { name: 'other' }, value: 6, globalDefault: true }))).toContain('PriorityClass usual is already marked as default. Only one default can exist')
    expect(refusal(() => api.delete('priorityclasses', undefined, 'system-node-critical'))).toContain('this is a system priority class and cannot be deleted')
  })
})

describe('a NetworkPolicy', () => {
  it('with addresses that are not what they look like is stored with a warning', () => {
    const { api } = cluster()
    const heard: string[] = []
    const to = [{ ipBlock: { cidr: '10.0.0.5/24', except: ['010.0.0.0/28'] } }, { ipBlock: { cidr: 'FD00::/64' } }, { ipBlock: { cidr: '10.1.0.0/16' } }]
    api.create('networkpolicies', 'default', { metadata: { name: 'p' }, spec: { podSelector: {}, egress: [{ to }] } }, { onWarning: (text) => heard.push(text) })
    expect(heard).toEqual([
      'spec.egress[0].to[0].ipBlock.cidr: CIDR value "10.0.0.5/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.5/32"?)',
      'spec.egress[0].to[0].ipBlock.except[0]: non-standard CIDR value "010.0.0.0/28" will be considered invalid in a future Kubernetes release: use "10.0.0.0/28"',
      'spec.egress[0].to[1].ipBlock.cidr: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
    ])
  })
})

describe('an EndpointSlice or Endpoints', () => {
  it('with addresses that are written oddly, or names, is stored with a warning', () => {
    const { api } = cluster()
    const heard: string[] = []
    const onWarning = (text: string): void => void heard.push(text)
    const slice = (name: string, addressType: string, address: string, labels: object = {}): void => void api.create('endpointslices', 'default', { metadata: { name, labels }, addressType, ports: [], endpoints: [{ addresses: [address] }] }, { onWarning })
    slice('six', 'IPv6', '2001:DB8::0:1')
    slice('named', 'FQDN', 'example.com')
    slice('plain', 'IPv4', '10.0.0.1')
    slice('controlled', 'IPv6', '2001:DB8::0:1', { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' })
    api.patch('endpointslices', 'default', 'named', 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } }, { onWarning })
    api.create('endpoints', 'default', { metadata: { name: 'old' }, subsets: [{ addresses: [{ ip: '10.0.0.1' }], notReadyAddresses: [{ ip: '2001:DB8::1' }], ports: [{ port: 80 }] }] }, { onWarning })
    expect(heard.filter((text) => !text.startsWith('v1 Endpoints is deprecated'))).toEqual([
      'endpoints[0].addresses[0]: IPv6 address "2001:DB8::0:1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.addressType: FQDN endpoints are deprecated',
      'subsets[0].notReadyAddresses[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    ])
  })
})

describe('an Ingress', () => {
  it('that names no class gets the newest of the default ones', () => {
    const { api, clock } = cluster()
    const ingress = (name: string, more: object = {}): string | undefined =>
      api.create<KubeObject & { spec: { ingressClassName?: string } }>('ingresses', 'default', { metadata: { name, ...more }, spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } }).spec.ingressClassName
    expect(ingress('none')).toBeUndefined()
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' }
    api.create('ingressclasses', undefined, { metadata: { name: 'z', annotations }, spec: { controller: 'a.io/b' } })
    clock.runFor(2_000)
    api.create('ingressclasses', undefined, { metadata: { name: 'y', annotations }, spec: { controller: 'a.io/b' } })
    expect(ingress('some')).toBe('y')
    expect(ingress('old', { annotations: { 'kubernetes.io/ingress.class': 'traefik' } })).toBeUndefined()
  })
})
