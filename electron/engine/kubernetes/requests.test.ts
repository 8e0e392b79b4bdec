import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer, type NodeAgents } from './api-server.ts'
import { StatusError } from './client.ts'
import { findNotSimulated } from './discovery.ts'
import type { Namespace, Pod, Service } from './types.ts'

const body = (name: string, labels: object = {}, containers: object[] = [{ name: 'web', image: 'nginx' }]): object => ({ metadata: { name, labels }, spec: { containers } })

function cluster(): ApiServer {
  return new ApiServer(new Clock({ seed: 1 }), { freeze: true })
}

function refusal(run: () => unknown): StatusError['status'] {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('it was not refused')
}

describe('a list', () => {
  const api = cluster()
  for (const name of ['c', 'a', 'b']) api.create('pods', 'default', body(name, { app: name }))
  api.create('namespaces', undefined, { metadata: { name: 'apps' } })
  api.create('pods', 'apps', body('z', { app: 'a' }))
  const names = (options: object): string[] => api.list('pods', options).items.map((o) => o.metadata.name)

  it('is in the order of namespaces and names', () => {
    expect(names({})).toEqual(['z', 'a', 'b', 'c'])
    expect(names({ namespace: 'default' })).toEqual(['a', 'b', 'c'])
  })

  it('is chosen by labels and fields', () => {
    expect(names({ labelSelector: 'app=a' })).toEqual(['z', 'a'])
    expect(names({ fieldSelector: 'metadata.name=b' })).toEqual(['b'])
    expect(names({ namespace: 'default', fieldSelector: 'metadata.name!=b,status.phase=Pending' })).toEqual(['a', 'c'])
    expect(refusal(() => names({ fieldSelector: 'foo=bar' }))).toMatchObject({ code: 400, message: 'field label not supported: foo' })
    expect(refusal(() => api.list('configmaps', { fieldSelector: 'foo=bar' })).message).toBe('"foo" is not a known field selector: only "metadata.name", "metadata.namespace"')
    expect(refusal(() => names({ labelSelector: 'a=b=c' })).message).toBe("found '=', expected: ',' or 'end of string'")
  })

  it('comes in pieces', () => {
    const first = api.list('pods', { limit: 3 })
    expect(first.remainingItemCount).toBe(1)
    expect(api.list('pods', { limit: 3, continue: first.continue! }).items.map((o) => o.metadata.name)).toEqual(['c'])
  })
})

describe('a patch', () => {
  it('merges strategically by the keys of the kind', () => {
    const api = cluster()
    api.create('pods', 'default', body('web', {}, [{ name: 'web', image: 'nginx:1' }, { name: 'log', image: 'log:1' }]))
    const patched = api.patch<Pod>('pods', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { containers: [{ name: 'log', image: 'log:2' }] } })
    expect(patched.spec.containers.map((c) => c.image)).toEqual(['nginx:1', 'log:2'])
    expect(patched.metadata.generation).toBe(2)
  })

  it('that changes nothing makes no new version', () => {
    const api = cluster()
    const made = api.create<Pod>('pods', 'default', body('web', { a: 'b' }))
    expect(api.patch('pods', 'default', 'web', 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } })).toBe(made)
  })

  it('with an unknown field or a wrong type is an invalid request', () => {
    const api = cluster()
    api.create('pods', 'default', body('web'))
    const strategic = (patch: object): string => refusal(() => api.patch('pods', 'default', 'web', 'application/strategic-merge-patch+json', patch)).message
    expect(strategic({ spec: { foo: 'bar' } })).toBe(' "" is invalid: patch: Invalid value: "map[spec:map[foo:bar]]": strict decoding error: unknown field "spec.foo"')
    expect(strategic({ spec: { containers: [{ name: 'web', env: [{ name: 'PORT', value: 80 }] }] } })).toBe(
      ' "" is invalid: patch: Invalid value: "map[spec:map[containers:[map[env:[map[name:PORT value:80]] name:web]]]]": cannot convert int64 to string',
    )
    expect(strategic({ spec: { terminationGracePeriodSeconds: 'soon' } })).toMatch(/: unrecognized type: int64$/)
    expect(refusal(() => api.patch('pods', 'default', 'web', 'application/json-patch+json', [{ op: 'remove', path: '/spec/foo' }]))).toMatchObject({ code: 422, message: 'the server rejected our request due to an error in our request', details: {} })
  })

  it('of a status leaves the rest alone', () => {
    const api = cluster()
    api.create('pods', 'default', body('web'))
    const patched = api.patch<Pod>('pods', 'default', 'web', 'application/strategic-merge-patch+json', { status: { podIP: '10.244.0.2', conditions: [{ type: 'Ready', status: 'True' }] }, spec: { hostname: 'x' } }, { subresource: 'status' })
    expect(patched.spec.hostname).toBeUndefined()
    expect(patched.status.conditions).toEqual([{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: null }])
  })
})

describe('a namespace', () => {
  it('that is being deleted takes nothing new, and goes when it is finalized', () => {
    const api = cluster()
    api.create('namespaces', undefined, { metadata: { name: 'shop' } })
    expect(api.get('serviceaccounts', 'shop', 'default')).toBeDefined()
    const marked = api.delete('namespaces', undefined, 'shop') as Namespace
    expect(marked.status.phase).toBe('Terminating')
    expect(refusal(() => api.create('pods', 'shop', body('web')))).toMatchObject({
      code: 403,
      message: 'pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    })
    api.update('namespaces', undefined, 'shop', { ...marked, spec: {} }, { subresource: 'finalize' })
    expect(refusal(() => api.get('namespaces', undefined, 'shop')).reason).toBe('NotFound')
    expect(refusal(() => api.delete('namespaces', undefined, 'default')).message).toBe('namespaces "default" is forbidden: this namespace may not be deleted')
  })
})

describe('finalizers', () => {
  it('hold an object until they are taken away', () => {
    const api = cluster()
    const made = api.create<Pod>('configmaps', 'default', { metadata: { name: 'x', finalizers: ['example.com/hold'] } })
    expect(made.metadata.finalizers).toEqual(['example.com/hold'])
    api.delete('configmaps', 'default', 'x')
    expect(api.get('configmaps', 'default', 'x').metadata.deletionTimestamp).toBeDefined()
    api.patch('configmaps', 'default', 'x', 'application/merge-patch+json', { metadata: { finalizers: null } })
    expect(refusal(() => api.get('configmaps', 'default', 'x')).code).toBe(404)
  })
})

describe('what a kubelet does', () => {
  const calls: string[] = []
  const api = cluster()
  api.nodeAgents = { logs: (_n: string, p: string, o: { container?: string }) => (calls.push(`${p}/${o.container}`), () => {}) } as unknown as NodeAgents
  api.create('pods', 'default', body('one'))
  api.create('pods', 'default', body('two', {}, [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }]))
  const sink = { onLine: () => {}, onEnd: () => calls.push('end') }

  it('is asked for only of Pods and containers that exist', () => {
    expect(refusal(() => api.logs('default', 'x', {}, sink)).message).toBe('pods "x" not found')
    expect(refusal(() => api.logs('default', 'two', {}, sink)).message).toBe('a container name must be specified for pod two, choose one of: [a b]')
    expect(refusal(() => api.logs('default', 'two', { container: 'c' }, sink)).message).toBe('container c is not valid for pod two')
    expect(refusal(() => api.exec('default', 'one', { command: ['sh'], tty: false })).message).toBe('pod one does not have a host assigned')
    api.logs('default', 'one', {}, sink)
    api.clock.settle()
    api.update('pods', 'default', 'one', { target: { name: 'worker-1' } }, { subresource: 'binding' })
    api.logs('default', 'one', {}, sink)
    expect(calls).toEqual(['end', 'one/web'])
    expect(refusal(() => api.update('pods', 'default', 'one', { target: { name: 'worker-2' } }, { subresource: 'binding' })).message).toBe('Operation cannot be fulfilled on pods/binding "one": pod one is already assigned to node "worker-1"')
  })
})

describe('resources', () => {
  it('are found by every name that kubectl takes', () => {
    const api = cluster()
    for (const word of ['po', 'pod', 'pods', 'Pod', 'pods.v1.']) expect(api.findResource(word)?.name).toBe('pods')
    for (const word of ['deploy', 'deployments.apps', 'deployment.v1.apps', 'deploy.v2.apps', 'deploy.v1.']) expect(api.findResource(word)?.name).toBe('deployments')
    for (const word of ['deployments.batch', 'deployments.v2.apps', 'pods.v1']) expect(api.findResource(word)).toBeUndefined()
    expect(api.findResource('limits')).toBeUndefined()
    expect(findNotSimulated('limits')?.kind).toBe('LimitRange')
    expect(findNotSimulated('gadgets')).toBeUndefined()
  })
})

describe('a dual-stack cluster', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'], freeze: true, advertiseAddress: '172.18.0.2' })
  const make = (name: string, spec: object): Service => api.create<Service>('services', 'default', { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })

  it('gives one address or two, as the policy wishes', () => {
    expect(make('one', {}).spec).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })
    const both = make('both', { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] })
    expect(both.spec.ipFamilies).toEqual(['IPv6', 'IPv4'])
    expect(both.spec.clusterIPs![0]).toMatch(/^fd00:10:96::/)
    expect(both.spec.clusterIPs![1]).toMatch(/^10\.96\./)
    expect(both.spec.clusterIP).toBe(both.spec.clusterIPs![0])
  })

  it('lets a Service gain and lose its second address', () => {
    const merge = (spec: object): Service => api.patch<Service>('services', 'default', 'one', 'application/merge-patch+json', { spec })
    const wide = merge({ ipFamilyPolicy: 'RequireDualStack' })
    expect(wide.spec.clusterIPs).toHaveLength(2)
    expect(merge({ ipFamilyPolicy: 'SingleStack' }).spec.clusterIPs).toEqual([wide.spec.clusterIP])
    const again = make('again', { ipFamilies: ['IPv6'], clusterIP: wide.spec.clusterIPs![1] })
    expect(again.spec.clusterIPs).toEqual([wide.spec.clusterIPs![1]])
  })

  it('says where the API is', () => {
    expect(api.table('endpoints', { name: 'kubernetes', namespace: 'default' }).rows[0]!.cells[1]).toBe('172.18.0.2:6443')
  })
})

describe('a Service that changes its type', () => {
  it('takes and gives back what the type needs', () => {
    const api = cluster()
    const patch = (spec: object): Service => api.patch<Service>('services', 'default', 'web', 'application/merge-patch+json', { spec })
    api.create('services', 'default', { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } })
    const { clusterIP } = api.get<Service>('services', 'default', 'web').spec
    const { nodePort } = patch({ type: 'NodePort' }).spec.ports![0]!
    expect(nodePort).toBeGreaterThanOrEqual(30000)
    const plain = patch({ type: 'ClusterIP' })
    expect(plain.spec).toMatchObject({ clusterIP, type: 'ClusterIP' })
    expect(plain.spec.ports![0]!.nodePort).toBeUndefined()
    expect(plain.spec.externalTrafficPolicy).toBeUndefined()
    api.create('services', 'default', { metadata: { name: 'other' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort }] } })
    const external = patch({ type: 'ExternalName', externalName: 'db.example.com', clusterIP: null, clusterIPs: null })
    expect(external.spec.clusterIP).toBeUndefined()
    api.create('services', 'default', { metadata: { name: 'third' }, spec: { clusterIP, ports: [{ port: 80 }] } })
  })
})
