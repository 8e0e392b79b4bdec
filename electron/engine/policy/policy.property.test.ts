import fc from 'fast-check'
import { expect, it } from 'vitest'
import { policyEnforcement } from './enforcement.ts'
import { randomPolicies, type Limits } from './random-policies.samples.ts'
import { NinePods } from './truth-tables.samples.ts'
import type { PolicyProtocol } from './types.ts'

/** Whatever the policies: what the evaluator says is what becomes of real connections (design 2: the one exception to the one path). */
const PLUGINS: ['antrea' | 'calico' | 'kube-router' | 'weave' | 'aws-vpc', Limits][] = [
  // an address block has no names of ports
  ['antrea', { bothTypes: true, severalBlocks: true, namedAnywhere: false }],
  ['calico', { bothTypes: true, severalBlocks: true, namedAnywhere: true }],
  ['kube-router', { bothTypes: true, severalBlocks: false, namedAnywhere: false }],
  ['aws-vpc', { bothTypes: true, severalBlocks: true, namedAnywhere: true }],
  ['weave', { bothTypes: true, severalBlocks: true, namedAnywhere: true }],
]

it.each(PLUGINS)('%s: the evaluator says what packets meet', (cni, limits) => {
  const nine = new NinePods({ cni })
  fc.assert(
    fc.property(randomPolicies(limits), fc.constantFrom<[number, PolicyProtocol]>([80, 'TCP'], [81, 'TCP'], [80, 'UDP'], [81, 'UDP'], [80, 'SCTP']), (objects, [port, protocol]) => {
      nine.set(objects)
      expect(nine.tried(port, protocol)).toBe(nine.decided(port, protocol, policyEnforcement(cni)))
    }),
    { numRuns: 30 },
  )
})

it('asking changes nothing', () => {
  const nine = new NinePods({ cni: 'kube-router' })
  nine.apply('{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: x}, spec: {podSelector: {}, policyTypes: [Ingress]}}')
  const { cluster } = nine
  const state = (): unknown => [cluster.clock.executed, cluster.client.list('pods').resourceVersion, cluster.networks().map((n) => n.netfilter.save(undefined, { counters: true })), cluster.journeys.recent.length]
  const before = state()
  nine.decided(80, 'TCP')
  expect(state()).toEqual(before)
})
