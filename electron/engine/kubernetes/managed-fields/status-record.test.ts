import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KINDS } from '../kinds/index.ts'
import type { KubeObject } from '../types.ts'
import { entryOf, type ManagedEntry, recordUpdate, type Writer } from './entries.ts'
import { fromPaths } from './field-set.ts'
import { compareObjects, STRIPPED } from './ownable.ts'
import { recordStatus } from './status-record.ts'

const PODS = KINDS.find((kind) => kind.type === 'Pod')!

/** Who made a Pod owns its owner's reference, which is another set for each ReplicaSet, or even a condition, or an address. */
const maker = fc.constantFrom([['f:spec', 'f:containers']], [['f:metadata', 'f:ownerReferences', 'k:{"uid":"1"}']], [['f:status', 'f:conditions', 'k:{"type":"Ready"}', 'f:status'], ['f:status', 'f:phase']], [['f:status', 'f:podIPs', 'k:{"ip":"10.0.0.1"}']])
const condition = fc.record({ type: fc.constantFrom('Ready', 'Initialized'), status: fc.constantFrom('True', 'False'), reason: fc.constantFrom('Why', undefined) })
const status = fc.record({
  phase: fc.constantFrom('Pending', 'Running'),
  conditions: fc.option(fc.uniqueArray(condition, { selector: (c) => c.type, maxLength: 2 }), { nil: undefined }),
  /** Of the Pod's own addresses, how many it has. */
  addresses: fc.constantFrom(0, 1, 2),
})
const step = fc.record({ pod: fc.nat(3), status, manager: fc.constantFrom('kubelet', 'kube-scheduler'), second: fc.nat(3) })

function podOf(n: number, { phase, conditions, addresses }: (typeof step extends fc.Arbitrary<infer T> ? T : never)['status']): KubeObject {
  const podIPs = [`10.0.0.${n}`, `fd00::${n}`].slice(0, addresses).map((ip) => ({ ip }))
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: `web-${n}`, namespace: 'default' },
    status: { phase, ...(conditions ? { conditions } : {}), ...(podIPs.length > 0 ? { podIP: podIPs[0]!.ip, podIPs } : {}) },
  } as unknown as KubeObject
}

describe('what is remembered of status updates', () => {
  it('says of every later one what would be found without it', () => {
    fc.assert(
      fc.property(fc.array(maker, { minLength: 4, maxLength: 4 }), fc.array(step, { minLength: 4, maxLength: 40 }), (makers, steps) => {
        const pods = makers.map((paths, n) => {
          const rows: readonly ManagedEntry[] = [entryOf({ manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'v1', subresource: undefined, time: '2026-01-05T08:00:01Z' }, fromPaths(paths))]
          return { object: podOf(n, { phase: 'Pending', conditions: undefined, addresses: 0 }), remembered: rows, plain: rows }
        })
        for (const { pod: n, status, manager, second } of steps) {
          const pod = pods[n]!
          const next = podOf(n, status)
          const writer: Writer = { manager, operation: 'Update', apiVersion: 'v1', subresource: 'status', time: `2026-01-05T08:00:0${second}Z` }
          pod.remembered = recordStatus(PODS, pod.remembered, pod.object, next, writer)
          pod.plain = recordUpdate(pod.plain, compareObjects(PODS, pod.object, next, 'status'), writer, STRIPPED)
          expect(JSON.parse(JSON.stringify(pod.remembered))).toEqual(JSON.parse(JSON.stringify(pod.plain)))
          pod.object = next
        }
      }),
      { numRuns: 400 },
    )
  })
})
