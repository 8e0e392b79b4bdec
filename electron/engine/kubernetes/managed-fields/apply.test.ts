import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError, type PatchType, type WriteOptions } from '../client.ts'
import type { Deployment, KubeObject } from '../types.ts'
import type { ManagedEntry } from './entries.ts'

const APPLY: PatchType = 'application/apply-patch+yaml'
const MERGE: PatchType = 'application/merge-patch+json'

function lab() {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  const apply = <T extends KubeObject>(object: object, manager: string, options: WriteOptions & { subresource?: string } = {}): T => {
    const { kind, metadata } = object as KubeObject
    return api.patch<T>(api.findResource(kind.toLowerCase())!.name, 'default', metadata.name, APPLY, object, { fieldManager: manager, ...options })
  }
  return { clock, api, apply }
}

const deployment = (more: object = {}, container: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1.25', ...container }] } },
    ...more,
  },
})
const configMap = (data: object | undefined, metadata: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'default', ...metadata }, ...(data ? { data } : {}) })

function entries(object: KubeObject): ManagedEntry[] {
  return object.metadata.managedFields as unknown as ManagedEntry[]
}
function refusal(run: () => unknown): StatusError['status'] {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('was accepted')
}

describe('applying on the server', () => {
  it('makes what is not there, and owns what was sent, not what was defaulted', () => {
    const { apply } = lab()
    const made = apply<Deployment>(deployment({ replicas: 3 }), 'kubectl')
    expect(made.spec.revisionHistoryLimit).toBe(10)
    expect(entries(made)).toEqual([
      {
        manager: 'kubectl',
        operation: 'Apply',
        apiVersion: 'apps/v1',
        time: made.metadata.creationTimestamp,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:template': {
              'f:metadata': { 'f:labels': { 'f:app': {} } },
              'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
            },
          },
        },
      },
    ])
  })

  it('again changes nothing: no new version, no new time', () => {
    const { apply, clock } = lab()
    const first = apply(deployment(), 'kubectl')
    clock.runFor(10_000)
    expect(apply(deployment(), 'kubectl')).toBe(first)
  })

  it('takes out what its manager no longer applies, and nobody else owns', () => {
    const { apply } = lab()
    apply(configMap({ a: '1', b: '2' }), 'one')
    const after = apply<KubeObject & { data: object }>(configMap({ a: '1' }), 'one')
    expect(after.data).toEqual({ a: '1' })
    const none = apply<KubeObject & { data?: object }>(configMap(undefined), 'one')
    expect(none.data).toBeUndefined()
  })

  it('leaves what somebody else owns too', () => {
    const { apply } = lab()
    apply(configMap({ a: '1', b: '2' }), 'one')
    apply(configMap({ b: '2' }), 'two')
    const after = apply<KubeObject & { data: object }>(configMap({ a: '1' }), 'one')
    expect(after.data).toEqual({ a: '1', b: '2' })
    expect(entries(after).map((e) => [e.manager, e.fieldsV1])).toEqual([
      ['two', { 'f:data': { 'f:b': {} } }],
      ['one', { 'f:data': { 'f:a': {} } }],
    ])
  })

  it('a default comes back when the field that overrode it goes', () => {
    const { apply } = lab()
    apply(deployment({ revisionHistoryLimit: 3 }), 'kubectl')
    expect(apply<Deployment>(deployment(), 'kubectl').spec.revisionHistoryLimit).toBe(10)
  })
})

describe('two managers', () => {
  it('conflict over a field with two values', () => {
    const { api, apply } = lab()
    apply(deployment({ replicas: 3 }), 'kubectl')
    api.patch('deployments', 'default', 'web', MERGE, { spec: { replicas: 5 } }, { fieldManager: 'kubectl-edit' })
    const status = refusal(() => apply(deployment({ replicas: 3 }), 'kubectl'))
    expect(status).toMatchObject({ code: 409, reason: 'Conflict', message: 'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas' })
    expect(status.details).toEqual({ causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl-edit" using apps/v1', field: '.spec.replicas' }] })
  })

  it('have all conflicts told at once, by manager', () => {
    const { apply } = lab()
    apply(deployment({ replicas: 3, paused: true }), 'one')
    const status = refusal(() => apply(deployment({ replicas: 4, paused: false }, { image: 'nginx:1.27' }), 'two'))
    expect(status.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image',
    )
    const forced = apply<Deployment>(deployment({ replicas: 4, paused: false }, { image: 'nginx:1.27' }), 'two', { force: true })
    expect(forced.spec.replicas).toBe(4)
    expect(entries(forced).find((e) => e.manager === 'one')!.fieldsV1).not.toHaveProperty(['f:spec', 'f:replicas'])
  })

  it('share a field that has one value, and the one who lets go of it does not take it along', () => {
    const { apply } = lab()
    apply(deployment({ replicas: 3 }), 'one')
    apply(deployment({ replicas: 3 }), 'two')
    expect(apply<Deployment>(deployment(), 'two').spec.replicas).toBe(3)
    expect(apply<Deployment>(deployment(), 'one').spec.replicas).toBe(1)
  })

  it('a scale through the subresource is said so', () => {
    const { api, apply } = lab()
    apply(deployment({ replicas: 3 }), 'kubectl')
    api.patch('deployments', 'default', 'web', MERGE, { spec: { replicas: 7 } }, { fieldManager: 'kubectl', subresource: 'scale' })
    expect(refusal(() => apply(deployment({ replicas: 3 }), 'kubectl')).message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    )
  })
})

describe('lists', () => {
  it('of ports are merged by port and protocol', () => {
    const { apply } = lab()
    const service = (ports: object[]): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'dns', namespace: 'default' }, spec: { ports } })
    apply(service([{ name: 'udp', port: 53, protocol: 'UDP' }]), 'one')
    const both = apply<KubeObject & { spec: { ports: { name: string }[] } }>(service([{ name: 'tcp', port: 53 }]), 'two')
    expect(both.spec.ports.map((p) => p.name).sort()).toEqual(['tcp', 'udp'])
    expect(entries(both).find((e) => e.manager === 'two')!.fieldsV1).toEqual({
      'f:spec': { 'f:ports': { 'k:{"port":53,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } } },
    })
  })

  it('that are atomic belong to one', () => {
    const { apply } = lab()
    const tolerating = (key: string): object => deployment({ template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1.25' }], tolerations: [{ key, operator: 'Exists' }] } } })
    apply(tolerating('a'), 'one')
    expect(refusal(() => apply(tolerating('b'), 'two')).message).toBe('Apply failed with 1 conflict: conflict with "one": .spec.template.spec.tolerations')
  })

  it('keep other managers\' items, and lose one\'s own that are gone', () => {
    const { apply } = lab()
    const pods = (...names: string[]): object => deployment({ template: { metadata: { labels: { app: 'web' } }, spec: { containers: names.map((name) => ({ name, image: 'nginx:1.25' })) } } })
    const names = (d: Deployment): string[] => d.spec.template.spec!.containers.map((c) => c.name)
    apply(pods('web', 'side'), 'one')
    expect(names(apply<Deployment>(pods('web', 'mesh'), 'two'))).toEqual(['web', 'side', 'mesh'])
    expect(names(apply<Deployment>(pods('web'), 'one'))).toEqual(['web', 'mesh'])
  })

  it('of finalizers are sets', () => {
    const { apply } = lab()
    const made = apply(configMap(undefined, { finalizers: ['example.com/a'] }), 'one')
    expect(entries(made)[0]!.fieldsV1).toEqual({ 'f:metadata': { 'f:finalizers': { 'v:"example.com/a"': {} } } })
    expect(apply(configMap(undefined, { finalizers: ['example.com/b'] }), 'two').metadata.finalizers).toEqual(['example.com/a', 'example.com/b'])
  })
})

describe('refusals', () => {
  const message = (object: object, options: WriteOptions = {}): string => {
    const { api } = lab()
    return refusal(() => api.patch('deployments', 'default', 'web', APPLY, object, { fieldManager: 'me', ...options })).message
  }

  it('of options', () => {
    const { api } = lab()
    expect(message(deployment(), { fieldManager: '' })).toBe('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch')
    expect(refusal(() => api.patch('nodes', undefined, 'a', MERGE, {}, { force: true })).message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )
  })

  it('of what is no configuration', () => {
    expect(message({ ...deployment(), kind: 'ReplicaSet' })).toBe('invalid object type: apps/v1, Kind=ReplicaSet')
    expect(message({ ...deployment(), metadata: { name: 'web', managedFields: [] } })).toBe('metadata.managedFields must be nil')
    expect(message(deployment({ replcas: 3 }))).toBe(
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replcas: field not declared in schema',
    )
    expect(message(deployment({ replicas: 'three' }))).toBe(
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string',
    )
  })

  it('of versions and uids that are not there', () => {
    const { apply } = lab()
    expect(refusal(() => apply(configMap({}, { uid: 'abc' }), 'me')).message).toBe(
      'Operation cannot be fulfilled on configmaps "web": uid mismatch: the provided object specified uid abc, and no existing object was found',
    )
    apply(configMap({ a: '1' }), 'me')
    expect(refusal(() => apply(configMap({ a: '2' }, { resourceVersion: '1' }), 'me'))).toMatchObject({ code: 409, reason: 'Conflict' })
  })
})

it('a dry run tells what would be, and keeps nothing', () => {
  const { api, apply } = lab()
  expect(apply<Deployment>(deployment({ replicas: 3 }), 'me', { dryRun: true }).spec.replicas).toBe(3)
  expect(() => api.get('deployments', 'default', 'web')).toThrow('not found')
})

it('status is applied through its own subresource', () => {
  const { api, apply } = lab()
  apply(deployment({ replicas: 3 }), 'me')
  const status = { ...deployment({ replicas: 9 }), status: { observedGeneration: 1, replicas: 2 } }
  const after = apply<Deployment>(status, 'controller', { subresource: 'status' })
  expect(after.spec.replicas).toBe(3)
  expect(after.status.replicas).toBe(2)
  expect(entries(api.get('deployments', 'default', 'web')).find((e) => e.manager === 'controller')).toMatchObject({
    operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} } },
  })
})
