import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { parseClusterConfig } from '../config.ts'
import { ApiServer } from './api-server.ts'
import { GarbageCollector } from './controllers/garbage-collector.ts'
import { InformerFactory } from './controllers/informer.ts'
import type { ConfigMap } from './types.ts'

/**
 * Owners, their dependents and those of these, deleted in the foreground, in the background and as orphans, some held by a
 * finalizer of somebody else: what is left, what waits and who still owns whom is what a model of the garbage collector says.
 */
const RUNS = process.env['PODHOP_DEEP'] ? { numRuns: 1500 } : { numRuns: 12, seed: 1 }
const KEEP = 'example.com/keep'
const LEVELS = [['a0', 'a1'], ['b0', 'b1', 'b2'], ['c0', 'c1', 'c2']] as const
const NAMES = LEVELS.flat()

const step = fc.record({
  verb: fc.constantFrom('create' as const, 'delete' as const, 'delete' as const, 'release' as const),
  name: fc.constantFrom(...NAMES),
  policy: fc.constantFrom('Foreground', 'Background', 'Orphan', undefined),
  owners: fc.subarray(['0', '1', '2']),
  block: fc.boolean(),
  keep: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
/** At first everything is there, each with an owner or two. */
const beginning = fc.tuple(...NAMES.map((name) => step.map((each): Step => ({ ...each, verb: 'create', name }))))

interface Thing { owners: { of: Thing; block: boolean }[]; keep: boolean; deleting: boolean; also: 'foreground' | 'orphan' | undefined }

class Scene {
  readonly #clock = new Clock({ seed: 1 })
  readonly #api = new ApiServer(this.#clock, { freeze: true })
  readonly #model = new Map<string, Thing>()

  constructor() {
    new GarbageCollector({ clock: this.#clock, client: this.#api, informers: new InformerFactory(this.#api), config: parseClusterConfig({}) })
    this.#clock.runFor(1_000)
  }

  run({ verb, name, policy, owners, block, keep }: Step): void {
    const thing = this.#model.get(name)
    if (verb === 'create' && !thing) this.#create(name, owners, block, keep)
    else if (verb === 'delete' && thing) this.#delete(name, thing, policy)
    else if (verb === 'release' && thing) {
      thing.keep = false
      const { finalizers = [] } = this.#api.get('configmaps', 'default', name).metadata
      const left = finalizers.filter((f) => f !== KEEP)
      this.#api.patch('configmaps', 'default', name, 'application/merge-patch+json', { metadata: { finalizers: left.length > 0 ? left : null } })
    } else return
    this.#clock.runFor(5_000)
    this.#settle()
    this.#check()
  }

  #create(name: string, indexes: readonly string[], block: boolean, keep: boolean): void {
    const above = LEVELS[LEVELS.findIndex((level) => (level as readonly string[]).includes(name)) - 1] ?? []
    // the lowest have one owner each: with several, it matters which of them the collector meets first
    const wanted = above.filter((other) => indexes.includes(other[1]!) && this.#model.has(other)).slice(0, name.startsWith('c') ? 1 : 2)
    const ownerReferences = wanted.map((other) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: other, uid: this.#api.get('configmaps', 'default', other).metadata.uid, blockOwnerDeletion: block }))
    // an owner that is on its way out takes no newcomers here: whether it still sees them is a matter of time
    if (wanted.some((other) => this.#model.get(other)!.deleting)) return
    this.#api.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ownerReferences, ...(keep ? { finalizers: [KEEP] } : {}) } })
    this.#model.set(name, { owners: wanted.map((other) => ({ of: this.#model.get(other)!, block })), keep, deleting: false, also: undefined })
  }

  #delete(name: string, thing: Thing, policy: Step['policy']): void {
    this.#api.delete('configmaps', 'default', name, policy === undefined ? {} : { propagationPolicy: policy })
    mark(thing, policy)
  }

  /** The collector's rules (garbagecollector.go, graph_builder.go), until nothing changes. */
  #settle(): void {
    const present = (thing: Thing): boolean => [...this.#model.values()].includes(thing)
    const dependents = (thing: Thing): Thing[] => [...this.#model.values()].filter((each) => each.owners.some(({ of }) => of === thing))
    const waits = (thing: Thing): boolean => thing.deleting && thing.also === 'foreground'
    // who depends on what is gone, or waits to go, is looked at before anybody finds that nobody holds him
    const attempt = (thing: Thing): boolean => {
      if (thing.deleting || !thing.owners.some(({ of }) => !present(of) || waits(of))) return false
      const solid = thing.owners.filter(({ of }) => present(of) && !waits(of))
      if (solid.length > 0) thing.owners = solid
      else mark(thing, thing.owners.some(({ of }) => present(of)) && dependents(thing).length > 0 ? 'Foreground' : 'Background')
      return true
    }
    const finish = ([name, thing]: [string, Thing]): boolean => {
      if (!thing.deleting) return false
      if (thing.also === 'orphan') for (const each of dependents(thing)) each.owners = each.owners.filter(({ of }) => of !== thing)
      else if (thing.also === 'foreground' && dependents(thing).some((each) => each.owners.some(({ of, block }) => of === thing && block))) return false
      const done = thing.also !== undefined
      thing.also = undefined
      return thing.keep ? done : this.#model.delete(name)
    }
    while ([...this.#model.values()].some(attempt) || [...this.#model].some(finish));
  }

  #check(): void {
    const names = new Map([...this.#model].map(([name, thing]) => [thing, name]))
    const expected = [...this.#model].map(([name, { owners, keep, deleting, also }]) => [name, { deleting, finalizers: [...(keep ? [KEEP] : []), ...(also ? [also] : [])], owners: owners.map(({ of }) => names.get(of) ?? 'gone') }])
    const found = this.#api.list<ConfigMap>('configmaps', { namespace: 'default' }).items.filter(({ metadata }) => (NAMES as readonly string[]).includes(metadata.name)).map(({ metadata }) => [metadata.name, {
      deleting: metadata.deletionTimestamp !== undefined,
      finalizers: (metadata.finalizers ?? []).map((f) => (f === 'foregroundDeletion' ? 'foreground' : f)),
      owners: (metadata.ownerReferences ?? []).map(({ name, uid }) => (this.#isThere(name, uid) ? name : 'gone')),
    }])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
  }

  #isThere(name: string, uid: string): boolean {
    return this.#api.list('configmaps', { namespace: 'default' }).items.some(({ metadata }) => metadata.name === name && metadata.uid === uid)
  }
}

/** What a delete makes of an object: registry/rest BeforeDelete, finalizersFor. */
function mark(thing: Thing, policy: Step['policy']): void {
  thing.deleting = true
  if (policy === 'Orphan') thing.also = 'orphan'
  else if (policy === 'Foreground') thing.also = 'foreground'
  else if (policy === 'Background') thing.also = undefined
}

describe('owners and their dependents', () => {
  it('go, wait and stay as the propagation policy, the finalizers and the other owners say', () => {
    fc.assert(
      fc.property(beginning, fc.array(step, { minLength: 4, maxLength: 12 }), (first, steps) => {
        const scene = new Scene()
        for (const each of [...first, ...steps]) scene.run(each)
      }),
      RUNS,
    )
  })
})
