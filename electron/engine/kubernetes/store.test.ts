import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import type { WatchEvent } from './client.ts'
import { Store, type WatchFilter } from './store.ts'
import type { KubeObject } from './types.ts'

const make = (namespace: string, name: string, labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, uid: '', resourceVersion: '', creationTimestamp: '', labels },
})

/** What somebody knows who only follows a watch. */
function follow(store: Store, filter: WatchFilter, since?: number): Map<string, KubeObject> {
  const known = new Map<string, KubeObject>()
  store.watch('pods', filter, since, (event: WatchEvent) => {
    if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
    const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
    if (event.type === 'ADDED') expect(known.has(key)).toBe(false)
    else expect(known.has(key)).toBe(true)
    if (event.type === 'DELETED') known.delete(key)
    else known.set(key, event.object)
  })
  return known
}

const operation = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'remove', 'wait'),
  namespace: fc.constantFrom('a', 'b'),
  name: fc.constantFrom('x', 'y', 'z'),
  color: fc.constantFrom('red', 'blue'),
})

describe('the store', () => {
  it('tells every watch what a list would say, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), fc.nat(40), (operations, late) => {
        const clock = new Clock({ seed: 1 })
        const store = new Store(clock)
        store.setIndex('pods', (o) => o.metadata.labels?.['color'] ?? '')
        const red = (o: KubeObject): boolean => o.metadata.labels?.['color'] === 'red'
        const filters: WatchFilter[] = [{}, { namespace: 'a' }, { matches: red }, { matches: red, indexed: 'red' }, { namespace: 'b', name: 'x' }]
        const watchers = filters.map((filter) => ({ filter, known: follow(store, filter) }))
        let resume: { version: number; known: Map<string, KubeObject> } | undefined
        let version = 0
        operations.forEach(({ kind, namespace, name, color }, i) => {
          if (i === late) {
            for (const filter of filters) watchers.push({ filter, known: follow(store, filter) })
            resume = { version: store.version, known: new Map(store.list('pods', undefined).map((o) => [`${o.metadata.namespace}/${o.metadata.name}`, o])) }
          }
          if (kind === 'put') store.put('pods', make(namespace, name, { color }))
          else if (kind === 'remove') store.remove('pods', namespace, name)
          else clock.settle()
          expect(store.version).toBeGreaterThanOrEqual(version)
          version = store.version
        })
        clock.settle()
        for (const { filter, known } of watchers) {
          const expected = store.list('pods', filter.namespace).filter((o) => (filter.matches?.(o) ?? true) && (filter.name === undefined || o.metadata.name === filter.name))
          expect([...known.values()].sort(byKey)).toEqual(expected)
        }
        if (!resume) return
        store.watch('pods', {}, resume.version, (event) => {
          if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
          const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
          if (event.type === 'DELETED') resume!.known.delete(key)
          else resume!.known.set(key, event.object)
        })
        clock.settle()
        expect([...resume.known.values()].sort(byKey)).toEqual(store.list('pods', undefined))
      }),
      { numRuns: 200 },
    )
  })

  it('forgets old changes, and says so to who asks for them', () => {
    const store = new Store(new Clock({ seed: 1 }), { window: 3 })
    for (let i = 0; i < 10; i++) store.put('pods', make('a', 'x', { n: String(i) }))
    expect(store.watch('pods', {}, 1, () => {})).toBeUndefined()
    expect(store.watch('pods', {}, store.version, () => {})).toBeDefined()
  })

  it('stops a watch in the middle of what it is told', () => {
    const clock = new Clock({ seed: 1 })
    const store = new Store(clock)
    for (const name of ['x', 'y', 'z']) store.put('pods', make('a', name, {}))
    let count = 0
    const watching = store.watch('pods', {}, undefined, () => {
      count++
      watching.stop()
    })!
    clock.settle()
    expect(count).toBe(1)
  })
})

function byKey(a: KubeObject, b: KubeObject): number {
  const [x, y] = [a, b].map((o) => `${o.metadata.namespace}/${o.metadata.name}`)
  return x! < y! ? -1 : 1
}
