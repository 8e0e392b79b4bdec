import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deepFreeze, type JsonObject } from './json.ts'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  createMergePatch,
  createStrategicMergePatch,
  createThreeWayStrategicMergePatch,
  schemaOf,
} from './patch.ts'

const leaf = fc.oneof(fc.constantFrom('a', 'b', ''), fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }))
const tree = fc.letrec((tie) => ({
  node: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.oneof({ maxDepth: 3 }, leaf, tie('node')), { maxKeys: 3 }),
})).node as fc.Arbitrary<JsonObject>

describe('JSON merge patch', () => {
  it('turns one thing into another, and changes nothing the second time', () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        const patch = createMergePatch(deepFreeze(from), to)
        const once = applyMergePatch(from, patch)
        expect(once).toEqual(to)
        expect(applyMergePatch(once, patch)).toEqual(once)
      }),
    )
  })
})

describe('JSON patch', () => {
  const doc = deepFreeze({ a: { 'x/y': 1 }, list: [1, 2, 3] })

  it('adds, removes, replaces, moves, copies and tests', () => {
    expect(applyJsonPatch(doc, [{ op: 'add', path: '/list/-', value: 4 }])).toEqual({ a: { 'x/y': 1 }, list: [1, 2, 3, 4] })
    expect(applyJsonPatch(doc, [{ op: 'add', path: '/list/1', value: 9 }, { op: 'remove', path: '/a/x~1y' }])).toEqual({ a: {}, list: [1, 9, 2, 3] })
    expect(applyJsonPatch(doc, [{ op: 'move', from: '/list/0', path: '/b' }, { op: 'copy', from: '/b', path: '/c' }])).toEqual({ a: { 'x/y': 1 }, list: [2, 3], b: 1, c: 1 })
    expect(applyJsonPatch(doc, [{ op: 'test', path: '/list', value: [1, 2, 3] }, { op: 'replace', path: '/a', value: 0 }])).toEqual({ a: 0, list: [1, 2, 3] })
  })

  it('refuses what is not there', () => {
    for (const operation of [{ op: 'remove', path: '/b' }, { op: 'replace', path: '/list/7', value: 1 }, { op: 'test', path: '/list/0', value: 2 }, { op: 'add', path: '/list/9', value: 1 }]) {
      expect(() => applyJsonPatch(doc, [operation])).toThrow()
    }
  })
})

const container = fc.record(
  {
    name: fc.constantFrom('a', 'b', 'c'),
    image: fc.constantFrom('nginx:1', 'nginx:2'),
    args: fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }),
    env: fc.uniqueArray(fc.record({ name: fc.constantFrom('P', 'Q'), value: fc.constantFrom('1', '2') }), { selector: (e) => e.name, maxLength: 2 }),
  },
  { requiredKeys: ['name', 'image'] },
)
const podSpec = fc.record(
  {
    containers: fc.uniqueArray(container, { selector: (c) => c.name, minLength: 1, maxLength: 3 }),
    volumes: fc.uniqueArray(
      fc.oneof(fc.constantFrom('v', 'w').map((name) => ({ name, emptyDir: {} })), fc.constantFrom('v', 'w').map((name) => ({ name, configMap: { name: 'c' } }))),
      { selector: (v) => v.name, maxLength: 2 },
    ),
    nodeSelector: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('1', '2')),
    hostNetwork: fc.boolean(),
  },
  { requiredKeys: ['containers'] },
)
const pod = fc.record({ metadata: fc.record({ finalizers: fc.uniqueArray(fc.constantFrom('f/1', 'f/2', 'f/3')) }), spec: podSpec }) as unknown as fc.Arbitrary<JsonObject>
const POD = schemaOf('Pod')

describe('strategic merge patch', () => {
  it('turns one Pod into another, and changes nothing the second time', () => {
    fc.assert(
      fc.property(pod, pod, (from, to) => {
        const patch = createStrategicMergePatch(deepFreeze(from), to, POD)
        const once = applyStrategicMergePatch(from, patch, POD)
        expect(once).toEqual(to)
        expect(applyStrategicMergePatch(once, patch, POD)).toEqual(once)
      }),
      { numRuns: 500 },
    )
  })

  it('keeps what it does not name', () => {
    const live = deepFreeze({ spec: { containers: [{ name: 'web', image: 'nginx:1', ports: [{ containerPort: 80 }] }, { name: 'log', image: 'log' }] } })
    const patch = { spec: { containers: [{ name: 'web', image: 'nginx:2' }] } }
    expect(applyStrategicMergePatch(live, patch, POD)).toEqual({
      spec: { containers: [{ name: 'web', image: 'nginx:2', ports: [{ containerPort: 80 }] }, { name: 'log', image: 'log' }] },
    })
  })

  it('obeys its directives', () => {
    const live = deepFreeze({ metadata: { finalizers: ['a', 'b', 'c'] }, spec: { containers: [{ name: 'x', image: '1' }, { name: 'y', image: '2' }], volumes: [{ name: 'v', emptyDir: {} }] } })
    const apply = (patch: JsonObject): JsonObject => applyStrategicMergePatch(live, patch, POD)
    expect(apply({ spec: { containers: [{ $patch: 'delete', name: 'x' }] } })['spec']).toMatchObject({ containers: [{ name: 'y', image: '2' }] })
    expect(apply({ spec: { containers: [{ name: 'z' }, { $patch: 'replace' }] } })['spec']).toMatchObject({ containers: [{ name: 'z' }] })
    expect(apply({ metadata: { '$deleteFromPrimitiveList/finalizers': ['b'] } })['metadata']).toEqual({ finalizers: ['a', 'c'] })
    expect(apply({ metadata: { finalizers: ['d', 'a'], '$setElementOrder/finalizers': ['d', 'a'] } })['metadata']).toEqual({ finalizers: ['d', 'a', 'b', 'c'] })
    expect(apply({ spec: { '$setElementOrder/containers': [{ name: 'y' }, { name: 'x' }] } })['spec']).toMatchObject({ containers: [{ name: 'y' }, { name: 'x' }] })
    expect(apply({ spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } }] } })['spec']).toMatchObject({ volumes: [{ name: 'v', configMap: { name: 'c' } }] })
    expect(() => apply({ spec: { containers: [{ image: '3' }] } })).toThrow('map: map[image:3] does not contain declared merge key: name')
  })
})

describe('the patch of kubectl apply', () => {
  const deployment = schemaOf('Deployment')
  const manifest = (image: string, extra: JsonObject = {}): JsonObject => ({
    spec: { replicas: 2, template: { spec: { containers: [{ name: 'web', image, ...extra }] } } },
  })

  it('changes what the manifest changed, deletes what it dropped, and leaves what others added', () => {
    const original = manifest('nginx:1', { args: ['x'], env: [{ name: 'A', value: '1' }] })
    const live = { spec: { replicas: 5, paused: true, template: { spec: { containers: [{ name: 'web', image: 'nginx:1', args: ['x'], env: [{ name: 'A', value: '1' }], imagePullPolicy: 'Always' }, { name: 'sidecar', image: 's' }] } } } }
    const modified = manifest('nginx:2')
    const patch = createThreeWayStrategicMergePatch(original, modified, live, deployment)
    expect(patch).toEqual({
      spec: {
        replicas: 2,
        template: { spec: { '$setElementOrder/containers': [{ name: 'web' }], containers: [{ name: 'web', image: 'nginx:2', args: null, env: null }] } },
      },
    })
    expect(applyStrategicMergePatch(live, patch, deployment)).toEqual({
      spec: { replicas: 2, paused: true, template: { spec: { containers: [{ name: 'web', image: 'nginx:2', imagePullPolicy: 'Always' }, { name: 'sidecar', image: 's' }] } } },
    })
  })

  it('is empty when nothing changed', () => {
    const live = { spec: { replicas: 2, template: { spec: { containers: [{ name: 'web', image: 'nginx:1', imagePullPolicy: 'Always' }] } } } }
    expect(createThreeWayStrategicMergePatch(manifest('nginx:1'), manifest('nginx:1'), live, deployment)).toEqual({})
  })

  it('changes the type of a strategy without what belonged to the former', () => {
    const live = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } } } }
    const patch = createThreeWayStrategicMergePatch({ spec: {} }, { spec: { strategy: { type: 'Recreate' } } }, live, deployment)
    expect(patch).toEqual({ spec: { strategy: { type: 'Recreate', $retainKeys: ['type'] } } })
    expect(applyStrategicMergePatch(live, patch, deployment)).toEqual({ spec: { strategy: { type: 'Recreate' } } })
  })
})
