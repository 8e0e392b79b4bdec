import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Namespace, NetworkPolicy, Pod } from '../kubernetes/types.ts'
import { decide, endpointOf } from './decide.ts'
import { explainDecision } from './explain.ts'
import { policyMatrix } from './matrix.ts'
import { PolicyIndex } from './policy-index.ts'
import { randomPolicies } from './random-policies.samples.ts'
import { NINE } from './truth-tables.samples.ts'

const meta = (name: string, namespace?: string, labels = {}) => ({ name, ...(namespace ? { namespace } : {}), uid: `${namespace}/${name}`, resourceVersion: '1', creationTimestamp: '', labels })

it('says of every pair what the evaluator says of it alone, with the same reasons', () => {
  fc.assert(
    fc.property(randomPolicies({ bothTypes: true, severalBlocks: true, namedAnywhere: true }), fc.boolean(), fc.constantFrom<[number, 'TCP' | 'UDP']>([80, 'TCP'], [81, 'UDP']), (objects, sharedChain, [port, protocol]) => {
      const labelled = (key: string): object => objects.find((o) => o.kind !== 'NetworkPolicy' && `${o.metadata.namespace ?? ''}/${o.metadata.name}` === key)?.metadata.labels ?? {}
      const pods = [...NINE, 'x/host', 'y/host'].map((key, i) => ({
        metadata: meta(key.slice(2), key.slice(0, 1), { pod: key.slice(2), ...labelled(key) }),
        spec: { nodeName: `worker-${(i % 2) + 1}`, hostNetwork: key.endsWith('host'), containers: [{ ports: [80, 81].flatMap((containerPort) => ['TCP', 'UDP'].map((p) => ({ containerPort, protocol: p, name: `serve-${containerPort}-${p.toLowerCase()}` }))) }] },
        status: { phase: 'Running', podIPs: [{ ip: key.endsWith('host') ? `172.18.0.${(i % 2) + 3}` : `10.244.${(i % 2) + 1}.${i + 2}` }] },
      }) as unknown as Pod)
      const namespaces = ['x', 'y', 'z'].map((name) => ({ metadata: meta(name, undefined, { 'kubernetes.io/metadata.name': name, ...labelled(`/${name}`) }) }) as unknown as Namespace)
      const view = PolicyIndex.of({ pods, namespaces, policies: objects.filter((o) => o.kind === 'NetworkPolicy') as NetworkPolicy[] })
      const matrix = policyMatrix(view, { enforced: true, port, protocol, sharedChain })
      for (const [from, a] of matrix.pods.entries()) {
        for (const [to, b] of matrix.pods.entries()) {
          const [source, target] = [endpointOf(a), endpointOf(b)]
          const decision = decide(view, source, target, port, protocol, { sharedChain })
          const reason = explainDecision(view, decision, source, target, port, protocol, { sharedChain }).map((d) => `${d.direction}: ${d.why}`).join(' | ')
          expect([matrix.cell(from, to).allowed, matrix.cell(from, to).reason ?? '']).toEqual([decision.allowed, reason])
        }
      }
    }),
    { numRuns: 100 },
  )
})
