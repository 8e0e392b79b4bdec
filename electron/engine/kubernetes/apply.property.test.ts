import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { StatusError } from './client.ts'
import type { ConfigMap } from './types.ts'

/**
 * Two managers that apply, and one that patches, against a model of who owns which key: conflicts are those of the model,
 * force takes, what nobody owns any more goes (KEP-555). Keys may be called as the host language's own. `npm run test:deep` tries more.
 */
const RUNS = process.env['PODHOP_DEEP'] ? { numRuns: 3000 } : { numRuns: 60, seed: 1 }
const KEYS = ['a', 'b', 'constructor', '__proto__']
const DATA = fc.uniqueArray(fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom('0', '1')), { selector: ([key]) => key })

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('apply' as const), manager: fc.constantFrom('one', 'two'), data: DATA, force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('patch' as const), key: fc.constantFrom(...KEYS), value: fc.constantFrom('0', '1', null) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class Scene {
  readonly #api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  readonly #values = new Map<string, string>()
  readonly #owners = new Map<string, Set<string>>(KEYS.map((key) => [key, new Set()]))

  constructor() {
    // with something to own: who makes an object of nothing is not recorded, nor who changes it before the first apply;
    // in the map itself, which would come and go otherwise and be fought over like a key
    this.#api.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { made: 'yes' } }, { fieldManager: 'maker' })
  }

  run(step: Step): void {
    if (step.verb === 'apply') this.#apply(step.manager, new Map(step.data), step.force)
    else this.#patch(step.key, step.value)
    this.#check()
  }

  #apply(manager: string, data: ReadonlyMap<string, string>, force: boolean): void {
    const fought = [...data].flatMap(([key, value]) => (this.#values.get(key) === value ? [] : [...this.#owners.get(key)!].filter((owner) => owner !== manager)))
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, ...(data.size > 0 ? { data: Object.fromEntries(data) } : {}) }
    try {
      this.#api.patch('configmaps', 'default', 'c', 'application/apply-patch+yaml', body, { fieldManager: manager, force })
      expect(force ? [] : fought).toEqual([])
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      expect([error.status.code, error.status.details?.causes?.length]).toEqual([409, fought.length])
      return expect(force).toBe(false)
    }
    for (const [key, value] of data) {
      if (this.#values.get(key) !== value) this.#owners.get(key)!.clear()
      this.#owners.get(key)!.add(manager)
      this.#values.set(key, value)
    }
    for (const [key, owners] of this.#owners) if (!data.has(key) && owners.delete(manager) && owners.size === 0) this.#values.delete(key)
  }

  #patch(key: string, value: string | null): void {
    this.#api.patch('configmaps', 'default', 'c', 'application/merge-patch+json', { data: Object.fromEntries([[key, value]]) }, { fieldManager: 'editor' })
    if ((this.#values.get(key) ?? null) === value) return
    this.#owners.get(key)!.clear()
    if (value === null) return void this.#values.delete(key)
    this.#values.set(key, value)
    this.#owners.get(key)!.add('editor')
  }

  #check(): void {
    const { data, metadata } = this.#api.get<ConfigMap>('configmaps', 'default', 'c')
    expect(Object.entries(data!).sort()).toEqual([...this.#values, ['made', 'yes']].sort())
    const rows = (metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager!, Object.keys((fieldsV1 as Record<string, object>)['f:data'] ?? {}).filter((field) => field.startsWith('f:')).map((field) => field.slice(2)).sort()] as const)
    const owned = ['one', 'two', 'editor'].map((manager) => [manager, KEYS.filter((key) => this.#owners.get(key)!.has(manager)).sort()] as const)
    expect(Object.fromEntries(rows.filter(([manager, keys]) => manager !== 'maker' && keys.length > 0))).toEqual(Object.fromEntries(owned.filter(([, keys]) => keys.length > 0)))
  }
}

describe('managers of one object', () => {
  it('own what they applied or changed last, conflict over what another owns, and take what they no longer want with them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const scene = new Scene()
        for (const each of steps) scene.run(each)
      }),
      RUNS,
    )
  })
})
