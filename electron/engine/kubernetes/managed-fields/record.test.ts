import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { WriteOptions } from '../client.ts'
import type { KubeObject } from '../types.ts'
import type { ManagedEntry } from './entries.ts'

const MERGE = 'application/merge-patch+json'

function lab() {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  const patch = (patch: object, fieldManager: string, options: WriteOptions & { subresource?: string } = {}): KubeObject =>
    api.patch('configmaps', 'default', 'web', MERGE, patch, { fieldManager, ...options })
  return { clock, api, patch }
}
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data: { a: '1', b: '2' } }

function entries(object: KubeObject): ManagedEntry[] {
  return object.metadata.managedFields as unknown as ManagedEntry[]
}
const owned = (object: KubeObject): Record<string, unknown> => Object.fromEntries(entries(object).map((e) => [e.manager, e.fieldsV1]))

describe('who makes an object', () => {
  it('owns what was sent and the defaults, but nothing of the server\'s', () => {
    const { api } = lab()
    const pod = api.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { run: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } }, { fieldManager: 'kubectl-run' })
    // As kubectl run nginx --image=nginx shows it on a v1.33 cluster.
    expect(entries(pod)).toEqual([
      {
        manager: 'kubectl-run', operation: 'Update', apiVersion: 'v1', time: pod.metadata.creationTimestamp, fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:run': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:imagePullPolicy': {}, 'f:name': {}, 'f:resources': {}, 'f:terminationMessagePath': {}, 'f:terminationMessagePolicy': {} },
            },
            'f:dnsPolicy': {}, 'f:enableServiceLinks': {}, 'f:restartPolicy': {}, 'f:schedulerName': {}, 'f:securityContext': {}, 'f:terminationGracePeriodSeconds': {},
          },
        },
      },
    ])
  })

  it('does not own what the server allocates', () => {
    const { api } = lab()
    const service = api.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } }, { fieldManager: 'kubectl-create' })
    expect(owned(service)['kubectl-create']).toEqual({
      'f:spec': {
        'f:internalTrafficPolicy': {},
        'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} } },
        'f:selector': {}, 'f:sessionAffinity': {}, 'f:type': {},
      },
    })
  })

  it('shares its sets with others who make the same', () => {
    const { api } = lab()
    const [a, b] = ['a', 'b'].map((name) => api.create('configmaps', 'default', { ...configMap, metadata: { name } }, { fieldManager: 'me' }))
    expect(entries(a!)[0]!.fieldsV1).toBe(entries(b!)[0]!.fieldsV1)
  })
})

describe('an update', () => {
  it('takes over what it changes or adds, and drops what it removes', () => {
    const { api, clock, patch } = lab()
    api.create('configmaps', 'default', configMap, { fieldManager: 'one' })
    clock.runFor(5000)
    const after = patch({ data: { a: null, b: '3', c: '4' } }, 'two')
    expect(owned(after)).toEqual({ one: { 'f:data': {} }, two: { 'f:data': { 'f:b': {}, 'f:c': {} } } })
    expect(entries(after).map((e) => e.time)).toEqual(['2026-01-05T08:00:00Z', '2026-01-05T08:00:05Z'])
  })

  it('that changes nothing changes no owner', () => {
    const { api, patch } = lab()
    const before = api.create('configmaps', 'default', configMap, { fieldManager: 'one' })
    expect(patch({ data: { a: '1' } }, 'two')).toBe(before)
  })

  it('of status is a row of its own', () => {
    const { api } = lab()
    api.create('namespaces', undefined, { metadata: { name: 'x' } }, { fieldManager: 'one' })
    const after = api.patch('namespaces', undefined, 'x', MERGE, { status: { conditions: [{ type: 'A', status: 'True' }] } }, { fieldManager: 'one', subresource: 'status' })
    expect(entries(after).map((e) => [e.manager, e.subresource])).toContainEqual(['one', 'status'])
  })

  it('without a manager is by "unknown"', () => {
    const { api } = lab()
    expect(entries(api.create('configmaps', 'default', configMap))[0]!.manager).toBe('unknown')
  })

  it('by an eleventh manager puts the oldest together', () => {
    const { api, clock, patch } = lab()
    let last = api.create('configmaps', 'default', configMap, { fieldManager: 'm00' })
    for (let i = 1; i < 12; i++) {
      clock.runFor(1000)
      last = patch({ data: { [`k${i}`]: '1' } }, `m${String(i).padStart(2, '0')}`)
    }
    const managers = entries(last).map((e) => e.manager)
    expect(managers).toHaveLength(10)
    expect(managers.slice(0, 2)).toEqual(['ancient-changes', 'm03'])
    expect(owned(last)['ancient-changes']).toEqual({ 'f:data': { '.': {}, 'f:a': {}, 'f:b': {}, 'f:k1': {}, 'f:k2': {} } })
  })
})

describe('rows that a client sends', () => {
  it('may be taken away', () => {
    for (const rows of [[], [{}]]) {
      const { api } = lab()
      api.create('configmaps', 'default', configMap, { fieldManager: 'one' })
      const after = api.patch('configmaps', 'default', 'web', 'application/json-patch+json', [{ op: 'replace', path: '/metadata/managedFields', value: rows }])
      expect(after.metadata.managedFields).toBeUndefined()
    }
  })

  it('hold when they are rows, and are passed over when not', () => {
    const { api } = lab()
    const made = api.create('configmaps', 'default', configMap, { fieldManager: 'one' })
    const write = (rows: unknown): KubeObject => api.update('configmaps', 'default', 'web', { ...made, metadata: { name: 'web', managedFields: rows } }, { fieldManager: 'two' })
    expect(Object.keys(owned(write([{ operation: 'Nonsense' }])))).toEqual(['one'])
    const row = { manager: 'three', operation: 'Apply', apiVersion: 'v1', time: '2026-01-05T08:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:a': {} } } }
    expect(owned(write([row]))).toEqual({ three: { 'f:data': { 'f:a': {} } } })
  })

  it('are not asked for where nobody keeps them: what was there is of before the first apply', () => {
    const { api } = lab()
    api.create('configmaps', 'default', configMap, { fieldManager: 'one' })
    api.patch('configmaps', 'default', 'web', 'application/json-patch+json', [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }])
    const object = { ...configMap, metadata: { name: 'web', namespace: 'default' }, data: { a: '9' } }
    expect(() => api.patch('configmaps', 'default', 'web', 'application/apply-patch+yaml', object, { fieldManager: 'me' })).toThrow(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    )
  })
})

it('is kept of nobody when it is switched off', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { managedFields: false })
  expect(api.create('configmaps', 'default', configMap, { fieldManager: 'one' }).metadata.managedFields).toBeUndefined()
})

it('steps that agents take for one object after another are recorded for each with its own names', () => {
  const { api } = lab()
  const sets = ['a', 'b', 'c'].map((name, i) => {
    api.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'web', image: 'nginx' }] } }, { fieldManager: 'me' })
    const ip = `10.244.0.${i + 2}`
    const pod = api.patch('pods', 'default', name, MERGE, { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] } }, { fieldManager: 'kubelet', subresource: 'status' })
    return owned(pod)['kubelet']
  })
  for (const [i, set] of sets.entries()) {
    const podIPs = { '.': {}, [`k:{"ip":"10.244.0.${i + 2}"}`]: { '.': {}, 'f:ip': {} } }
    expect(JSON.parse(JSON.stringify(set))).toEqual({ 'f:status': { 'f:phase': {}, 'f:podIP': {}, 'f:podIPs': podIPs } })
  }
})
