import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ObjectStore } from '../cni/objects.samples.ts'
import type { KubernetesClient, Way } from '../kubernetes/client.ts'
import { ServiceCache } from './cache.ts'
import { putService, putSlice } from './services.samples.ts'

/**
 * Services and their endpoints change while an agent loses the one, the other or both, and gets them back: it knows of each what there
 * was when it last took it, and hears of just the Services that are not what they were.
 */
const RUNS = process.env['PODHOP_DEEP'] ? { numRuns: 2000 } : { numRuns: 40, seed: 1 }
const NAMES = ['a', 'b', 'c']

const step = fc.oneof(
  fc.record({ kind: fc.constant('service' as const), name: fc.constantFrom(...NAMES), to: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ kind: fc.constant('slice' as const), name: fc.constantFrom(...NAMES), to: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ kind: fc.constant('way' as const), name: fc.constantFrom('services', 'endpointslices'), to: fc.constantFrom(0, 1) }),
  fc.record({ kind: fc.constant('take' as const), name: fc.constant(''), to: fc.constant(0) }),
)

type Picture = Record<'services' | 'endpointslices', Map<string, number>>

it('an agent knows of Services and of their endpoints what it could read of each', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const clock = new Clock({ seed: 1 })
    const store = new ObjectStore(clock)
    const silent = { services: false, endpointslices: false }
    const wayOf = (resource: keyof typeof silent): Way => ({
      server: store.client,
      get silent() {
        return silent[resource]
      },
      onSilence: () => () => undefined,
      onResume: () => () => undefined,
    })
    const reads = ([resource]: readonly string[]): Way => wayOf(resource as keyof typeof silent)
    const client: KubernetesClient = { ...store.client, list: (...args) => store.client.list(...args), way: { ...wayOf('services'), reads } }
    const cache = new ServiceCache(client, 4, () => undefined)
    // somebody who reads everything at once
    const other = new ServiceCache(store.client, 4, () => undefined)
    const now: Picture = { services: new Map(), endpointslices: new Map() }
    let known: Picture = { services: new Map(), endpointslices: new Map() }
    const look = (): Picture => {
      const seen: Picture = { services: new Map(), endpointslices: new Map() }
      for (const [key, [port]] of cache.services) {
        const name = key.slice('ns/'.length)
        seen.services.set(name, Number(port!.clusterIP.split('.').at(-1)))
        const count = cache.endpointsOf(port!).length
        if (count > 0) seen.endpointslices.set(name, count)
      }
      return seen
    }
    for (const { kind, name, to } of [...steps, { kind: 'take', name: '', to: 0 }] as const) {
      if (kind === 'service') {
        // 0: headless, of which nothing is to be written
        putService(store, 'ns', name, to === 0 ? 'None' : `10.96.0.${to}`, [{ port: 80 }])
        if (to === 0) now.services.delete(name)
        else now.services.set(name, to)
      } else if (kind === 'slice') {
        putSlice(store, 'ns', name, [{ port: 80 }], Array.from({ length: to }, (_, i) => ({ ip: `10.244.0.${i + 1}` })))
        now.endpointslices.set(name, to)
      } else if (kind === 'way') silent[name as keyof typeof silent] = to === 1
      else {
        clock.settle()
        const before = known
        known = { services: new Map(silent.services ? before.services : now.services), endpointslices: new Map(silent.endpointslices ? before.endpointslices : now.endpointslices) }
        const changed = cache.takeChanged()
        other.takeChanged()
        expect(look()).toEqual({ services: known.services, endpointslices: new Map([...known.services.keys()].filter((each) => known.endpointslices.get(each)).map((each) => [each, known.endpointslices.get(each)])) })
        const differs = (each: string): boolean => before.services.get(each) !== known.services.get(each) || before.endpointslices.get(each) !== known.endpointslices.get(each)
        expect([...changed].sort()).toEqual(NAMES.filter(differs).map((each) => `ns/${each}`))
        expect(cache.totalEndpoints).toBe([...known.services.keys()].reduce((sum, each) => sum + (known.endpointslices.get(each) ?? 0), 0))
      }
    }
    cache.stop()
    other.stop()
  }), RUNS)
})
