import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { StatusError, type WatchEvent } from './client.ts'
import type { Deployment, Pod, Service } from './types.ts'

function cluster(): { clock: Clock; api: ApiServer } {
  const clock = new Clock({ seed: 1 })
  return { clock, api: new ApiServer(clock, { freeze: true }) }
}

const podManifest = (name: string, extra: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'web', image: 'nginx' }], ...extra },
})

function refusal(run: () => unknown): StatusError['status'] {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('it was not refused')
}

describe('objects', () => {
  it('are created with what the server adds, and read again', () => {
    const { api } = cluster()
    const made = api.create<Pod>('pods', 'default', podManifest('web'))
    expect(made.metadata.creationTimestamp).toBe('2026-01-05T08:00:00Z')
    expect(made.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' })
    expect(made.spec.containers[0]!.imagePullPolicy).toBe('Always')
    expect(api.get('pods', 'default', 'web')).toBe(made)
    expect(refusal(() => api.create('pods', 'default', podManifest('web')))).toMatchObject({ code: 409, reason: 'AlreadyExists', message: 'pods "web" already exists' })
  })

  it('get names of five letters from generateName', () => {
    const { api } = cluster()
    const made = api.create<Pod>('pods', 'default', { ...podManifest('x'), metadata: { generateName: 'web-' } })
    expect(made.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it('that nobody knows are not found', () => {
    const { api } = cluster()
    expect(refusal(() => api.get('pods', 'default', 'x'))).toMatchObject({ code: 404, reason: 'NotFound', message: 'pods "x" not found' })
    expect(refusal(() => api.create('pods', 'elsewhere', podManifest('x'))).message).toBe('namespaces "elsewhere" not found')
    expect(refusal(() => api.list('limitranges')).message).toMatch(/^podhop: not simulated: resource limitranges/)
    expect(refusal(() => api.list('nonsense')).message).toBe('the server could not find the requested resource')
  })

  it('are updated only from their latest version', () => {
    const { api } = cluster()
    const first = api.create<Pod>('pods', 'default', podManifest('web'))
    const second = api.update<Pod>('pods', 'default', 'web', { ...first, metadata: { ...first.metadata, labels: { a: 'b' } } })
    expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
    expect(refusal(() => api.update('pods', 'default', 'web', first))).toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods "web": the object has been modified; please apply your changes to the latest version and try again',
    })
  })

  it('of Deployments count generations and can be scaled', () => {
    const { api } = cluster()
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } }
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } }, template } }
    const made = api.create<Deployment>('deployments', 'default', body)
    expect(made.metadata.generation).toBe(1)
    api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas: 3 } }, { subresource: 'scale' })
    const scaled = api.get<Deployment>('deployments', 'default', 'web')
    expect([scaled.spec.replicas, scaled.metadata.generation]).toEqual([3, 2])
    const status = api.update<Deployment>('deployments', 'default', 'web', { ...scaled, status: { replicas: 3 } }, { subresource: 'status' })
    expect(status.metadata.generation).toBe(2)
    expect(api.table('deployments', { namespace: 'default' }).rows[0]!.cells.slice(0, 5)).toEqual(['web', '0/3', 0, 0, '0s'])
  })
})

describe('the birth of a cluster', () => {
  it('has its namespaces and the Service of the API', () => {
    const { api } = cluster()
    expect(api.list('namespaces').items.map((n) => n.metadata.name)).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system'])
    expect(api.table('services').rows.map((r) => r.cells.slice(0, 5))).toEqual([['kubernetes', 'ClusterIP', '10.96.0.1', '<none>', '443/TCP']])
  })
})

describe('deletes', () => {
  it('of running Pods wait for the kubelet, of others do not', () => {
    const { api, clock } = cluster()
    api.create('pods', 'default', podManifest('web'))
    api.update('pods', 'default', 'web', { metadata: { name: 'web' }, target: { kind: 'Node', name: 'worker-1' } }, { subresource: 'binding' })
    const marked = api.delete('pods', 'default', 'web') as Pod
    expect(marked.metadata.deletionGracePeriodSeconds).toBe(30)
    expect(marked.metadata.deletionTimestamp).toBe('2026-01-05T08:00:30Z')
    expect(api.table('pods', { namespace: 'default' }).rows[0]!.cells[2]).toBe('Terminating')
    clock.runFor(5000)
    expect(api.delete('pods', 'default', 'web', { gracePeriodSeconds: 0 })).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 0, deletionTimestamp: '2026-01-05T08:00:05Z' } })
    expect(api.list('pods').items).toEqual([])
    api.create('pods', 'default', podManifest('pending'))
    expect(api.delete('pods', 'default', 'pending')).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 0 } })
    api.create('configmaps', 'default', { metadata: { name: 'settings' } })
    expect(api.delete('configmaps', 'default', 'settings')).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'settings', kind: 'configmaps' } })
  })
})

describe('watches', () => {
  it('tell of what was there, then of what happens, in order', () => {
    const { api, clock } = cluster()
    api.create('pods', 'default', podManifest('one'))
    const seen: string[] = []
    const stop = api.watch<Pod>('pods', { labelSelector: 'app in (one, two)' }, (e: WatchEvent<Pod>) => {
      if (e.type === 'ADDED' || e.type === 'MODIFIED' || e.type === 'DELETED') seen.push(`${e.type} ${e.object.metadata.name}`)
    })
    api.create('pods', 'default', podManifest('two'))
    api.create('pods', 'default', podManifest('three'))
    expect(seen).toEqual([])
    clock.settle()
    api.patch('pods', 'default', 'one', 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } })
    api.delete('pods', 'default', 'two')
    clock.settle()
    expect(seen).toEqual(['ADDED one', 'ADDED two', 'DELETED one', 'MODIFIED two', 'DELETED two'])
    stop()
    api.create('pods', 'default', podManifest('two'))
    clock.settle()
    expect(seen).toHaveLength(5)
  })

  it('go on from a version, while it is in the window', () => {
    const clock = new Clock({ seed: 1 })
    const api = new ApiServer(clock, { watchWindow: 5 })
    const { resourceVersion } = api.list('pods')
    api.create('pods', 'default', podManifest('a'))
    let count = 0
    api.watch('pods', { resourceVersion }, () => count++)
    clock.settle()
    expect(count).toBe(1)
    for (let i = 0; i < 20; i++) api.create('pods', 'default', podManifest(`p${i}`))
    const told: WatchEvent[] = []
    api.watch('pods', { resourceVersion }, (event) => told.push(event))
    clock.settle()
    expect(told).toMatchObject([{ type: 'ERROR', status: { code: 410, reason: 'Expired', message: expect.stringMatching(/^too old resource version: \d+ \(\d+\)$/) } }])
  })
})

describe('Services', () => {
  it('get addresses and node ports of the upper bands', () => {
    const { api } = cluster()
    const make = (name: string, spec: object): Service => api.create<Service>('services', 'default', { metadata: { name }, spec })
    const web = make('web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] })
    expect(web.spec.clusterIPs).toEqual([web.spec.clusterIP])
    expect(web.spec.ports![0]!.nodePort).toBeGreaterThanOrEqual(30086)
    expect(make('none', { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 80 }] }).spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] })
    const taken = refusal(() => make('bad', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] }))
    expect(taken.message).toBe('Service "bad" is invalid: spec.clusterIPs: Invalid value: []string{"10.96.0.1"}: failed to allocate IP 10.96.0.1: provided IP is already allocated')
    const { nodePort } = web.spec.ports![0]!
    const port = refusal(() => make('bad', { type: 'NodePort', ports: [{ port: 80, nodePort }] }))
    expect(port.message).toBe(`Service "bad" is invalid: spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`)
    api.delete('services', 'default', 'web')
    expect(make('again', { type: 'NodePort', clusterIP: web.spec.clusterIP, ports: [{ port: 80, nodePort }] }).spec.clusterIP).toBe(web.spec.clusterIP)
  })
})
