import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { JsonObject } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import type { KubeObject } from '../types.ts'
import { compareMaps, shapeOf } from './compare.ts'
import type { ManagedEntry } from './entries.ts'
import { difference, EMPTY, equalSets, type FieldSet, fieldSet, fromPaths, intersection, paths, union } from './field-set.ts'
import { fieldsOf, merge, removeFields } from './typed.ts'

const RUNS = { numRuns: 60 }
const name = fc.constantFrom('a', 'b', 'c', 'd')
const path = fc.array(fc.constantFrom('f:a', 'f:b', 'k:{"name":"a"}', 'v:1'), { minLength: 1, maxLength: 4 })
const anySet = fc.array(path, { maxLength: 8 }).map(fromPaths)

/** A Deployment as people write them: some fields, containers with environments, annotations. */
const container = fc.record({ name, image: fc.constantFrom('nginx', 'redis'), env: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }).map((names) => names.map((n) => ({ name: n, value: n }))) }, { requiredKeys: ['name', 'image'] })
const configuration = fc
  .record({
    replicas: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    paused: fc.constantFrom(true, undefined),
    containers: fc.uniqueArray(container, { selector: (c) => c.name, minLength: 1, maxLength: 3 }),
    annotations: fc.dictionary(name, name, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  })
  .map(({ replicas, paused, containers, annotations }) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(paused === undefined ? {} : { paused }),
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers } },
    },
  }))

const shape = shapeOf(schemaOf('Deployment'))

function apply(api: ApiServer, object: object, fieldManager: string, force = false): KubeObject {
  return api.patch('deployments', 'default', 'web', 'application/apply-patch+yaml', object, { fieldManager, force })
}
const rows = (object: KubeObject): ManagedEntry[] => object.metadata.managedFields as unknown as ManagedEntry[]
const newServer = (): ApiServer => new ApiServer(new Clock({ seed: 1 }), { freeze: true })

describe('sets of fields', () => {
  const text = (set: FieldSet): string[] => paths(set).map((p) => p.join('/')).sort()

  it('are sets: union, intersection and difference are those of their paths', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [x, y] = [new Set(text(a)), new Set(text(b))]
        expect(text(union(a, b))).toEqual([...new Set([...x, ...y])].sort())
        expect(text(intersection(a, b))).toEqual([...x].filter((p) => y.has(p)).sort())
        expect(text(difference(a, b))).toEqual([...x].filter((p) => !y.has(p)).sort())
      }),
    )
  })

  it('that are alike are one', () => {
    fc.assert(
      fc.property(anySet, (a) => {
        expect(fromPaths(paths(a).reverse())).toBe(a)
        expect(equalSets(a, JSON.parse(JSON.stringify(a)) as FieldSet)).toBe(true)
        const elements = Object.keys(a).reverse()
        expect(fieldSet(elements, elements.map((e) => a[e]!))).toBe(a)
        expect(difference(a, a)).toBe(EMPTY)
      }),
    )
  })
})

describe('typed values', () => {
  it('merged with themselves stay as they are, and without their fields nothing of them is left', () => {
    fc.assert(
      fc.property(configuration, (config) => {
        expect(merge(config, config, shape)).toEqual(config)
        const left = compareMaps({}, removeFields(config, fieldsOf(config, shape), shape), shape).added
        expect(paths(left).filter((p) => p.at(-1) === 'f:image' || p.at(-1) === 'f:replicas')).toEqual([])
      }),
      RUNS,
    )
  })

  it('differ in nothing from what they were merged into, when they come last', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const merged = merge(a, b, shape) as JsonObject
        expect(merge(merged, b, shape)).toEqual(merged)
      }),
      RUNS,
    )
  })
})

describe('applying', () => {
  it('twice is applying once', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const api = newServer()
        apply(api, a, 'one')
        const once = apply(api, b, 'one')
        expect(apply(api, b, 'one')).toBe(once)
      }),
      RUNS,
    )
  })

  it('owns the fields of the configuration, no more and no less', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const api = newServer()
        apply(api, a, 'one')
        const [row] = rows(apply(api, b, 'one'))
        const own = paths(fieldsOf(b, shape)).filter(([first, second]) => first !== 'f:apiVersion' && first !== 'f:kind' && second !== 'f:name' && second !== 'f:namespace')
        expect(paths(row!.fieldsV1)).toEqual(own)
      }),
      RUNS,
    )
  })

  it('gives what a fresh apply would give, when there is one manager', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const [changed, fresh] = [newServer(), newServer()]
        apply(changed, a, 'one')
        const [x, y] = [apply(changed, b, 'one'), apply(fresh, b, 'one')] as (KubeObject & { spec: unknown })[]
        expect(x!.spec).toEqual(y!.spec)
        expect(x!.metadata.annotations ?? {}).toEqual(y!.metadata.annotations ?? {})
      }),
      RUNS,
    )
  })

  it('of two managers with nothing in common never conflicts', () => {
    const data = fc.dictionary(fc.constantFrom('a', 'b', 'c'), name, { minKeys: 1, noNullPrototype: true })
    const other = fc.dictionary(fc.constantFrom('x', 'y', 'z'), name, { minKeys: 1, noNullPrototype: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(data, other), { minLength: 1, maxLength: 5 }), (steps) => {
        const api = newServer()
        const put = (values: object, fieldManager: string): void => {
          const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'default' }, data: values }
          api.patch('configmaps', 'default', 'web', 'application/apply-patch+yaml', object, { fieldManager })
        }
        for (const [mine, theirs] of steps) {
          put(mine, 'one')
          put(theirs, 'two')
        }
        const [mine, theirs] = steps.at(-1)!
        const { data: found } = api.get<KubeObject & { data: object }>('configmaps', 'default', 'web')
        expect(found).toEqual({ ...mine, ...theirs })
      }),
      RUNS,
    )
  })

  it('by force gives what is fought over to who forces', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const api = newServer()
        apply(api, a, 'one')
        const after = apply(api, b, 'two', true)
        // What the second one says holds, and a third who says the same has nothing to fight over.
        expect(merge(after, b, shape)).toEqual(after)
        expect(() => apply(api, b, 'three')).not.toThrow()
        const [one, two] = ['one', 'two'].map((manager) => rows(after).find((row) => row.manager === manager)?.fieldsV1 ?? EMPTY)
        const shared = fieldsOf({ spec: { replicas: a.spec.replicas } }, shape)
        if (a.spec.replicas !== b.spec.replicas && b.spec.replicas !== undefined) expect(intersection(intersection(one!, two!), shared)).toBe(EMPTY)
      }),
      RUNS,
    )
  })
})
