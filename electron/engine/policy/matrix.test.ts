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

it('sees a Pod of the host network by the address that its node has there: a tunnel is in no ipBlock of nodes', () => {
  const pods = [['x/host', '172.18.0.4', 'worker-2'], ['x/web', '10.244.1.3', 'worker-1']].map(([key, ip, nodeName]) => ({
    metadata: meta(key!.slice(2), 'x'), spec: { nodeName, hostNetwork: key === 'x/host', containers: [{}] }, status: { phase: 'Running', podIPs: [{ ip }] },
  }) as unknown as Pod)
  const policies = [{ kind: 'NetworkPolicy', metadata: meta('nodes', 'x'), spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ ipBlock: { cidr: '172.18.0.0/16' } }] }] } } as unknown as NetworkPolicy]
  const view = PolicyIndex.of({ pods, namespaces: [{ metadata: meta('x') } as unknown as Namespace], policies })
  const options = { enforced: true, port: 80, protocol: 'TCP' } as const
  const allowed = (more: Partial<Parameters<typeof policyMatrix>[1]>): boolean => policyMatrix(view, { ...options, ...more }).cell(0, 1).allowed
  expect([allowed({}), allowed({ sourceOf: () => '172.18.0.4' }), allowed({ sourceOf: () => '10.244.2.1' }), allowed({ cidrMatchesNodes: false })]).toEqual([true, true, false, false])
})
