import fc from 'fast-check'
import { expect, test } from 'vitest'
import { milliValue } from '../schema/quantity.ts'
import type { Pod } from '../types.ts'
import { SmallCluster } from './small-cluster.samples.ts'

/** Whatever Pods and nodes there are: nothing is over-committed, and nothing that is required is broken. */
const ZONES = ['a', 'b', 'c']
const APPS = ['web', 'db']

const nodes = fc.array(fc.record({ zone: fc.constantFrom(...ZONES), cpu: fc.integer({ min: 1, max: 6 }), tainted: fc.boolean() }), { minLength: 1, maxLength: 6 })
const pods = fc.array(
  fc.record({
    app: fc.constantFrom(...APPS),
    cpu: fc.integer({ min: 0, max: 3 }),
    tolerates: fc.boolean(),
    zone: fc.option(fc.constantFrom(...ZONES), { nil: undefined }),
    hostPort: fc.option(fc.constantFrom(80, 443), { nil: undefined }),
    alone: fc.boolean(),
    spread: fc.boolean(),
    leaves: fc.boolean(),
  }),
  { maxLength: 25 },
)

const appOf = (pod: Pod): string => pod.metadata.labels!['app']!
const cpuOf = (pod: Pod): number => milliValue(String(pod.spec.containers[0]!.resources?.requests?.['cpu'] ?? '0'))

function check(cluster: SmallCluster): void {
  const placed = cluster.pods().filter((p) => p.spec.nodeName)
  for (const node of cluster.nodes()) {
    const here = placed.filter((p) => p.spec.nodeName === node.metadata.name)
    expect(here.reduce((n, p) => n + cpuOf(p), 0)).toBeLessThanOrEqual(milliValue(String(node.status.allocatable!['cpu'])))
    const ports = here.flatMap((p) => p.spec.containers[0]!.ports ?? []).map((p) => p.hostPort)
    expect(new Set(ports).size).toBe(ports.length)
    for (const pod of here) {
      if (node.spec.taints) expect(pod.spec.tolerations?.some((t) => t.key === 'special')).toBe(true)
      for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) expect(node.metadata.labels![key]).toBe(value)
      if (pod.spec.affinity?.podAntiAffinity) expect(here.filter((p) => p !== pod && appOf(p) === appOf(pod))).toEqual([])
    }
  }
}

test('placements', () => {
  fc.assert(
    fc.property(nodes, pods, (someNodes, somePods) => {
      const cluster = new SmallCluster()
      someNodes.forEach(({ zone, cpu, tainted }, i) =>
        cluster.node(`node-${i}`, { labels: { zone }, allocatable: { cpu: String(cpu), pods: '8' }, ...(tainted ? { taints: [{ key: 'special', effect: 'NoSchedule' }] } : {}) }))
      somePods.forEach((p, i) => {
        cluster.pod(`pod-${i}`, {
          ...(p.cpu > 0 ? { requests: { cpu: String(p.cpu) } } : {}),
          ...(p.tolerates ? { tolerations: [{ key: 'special', operator: 'Exists' }] } : {}),
          ...(p.zone ? { nodeSelector: { zone: p.zone } } : {}),
          ...(p.hostPort ? { ports: [{ containerPort: p.hostPort, hostPort: p.hostPort }] } : {}),
          ...(p.alone ? { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: p.app } } }] } } } : {}),
          ...(p.spread ? { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: p.app } } }] } : {}),
        }, { labels: { app: p.app } })
      })
      cluster.clock.settle()
      check(cluster)
      somePods.forEach((p, i) => p.leaves && cluster.gone(`pod-${i}`))
      cluster.clock.settle()
      check(cluster)
      // who waits, waits for a reason: each has been told so
      for (const pod of cluster.pods().filter((p) => !p.spec.nodeName)) expect(pod.status.conditions?.find((c) => c.type === 'PodScheduled')?.message).toMatch(/^0\/\d+ nodes are available: /)
    }),
    { numRuns: 60 },
  )
})

test('the same seed gives the same placements', () => {
  const run = (): string[] => {
    const cluster = new SmallCluster(7)
    for (let i = 0; i < 5; i++) cluster.node(`node-${i}`)
    for (let i = 0; i < 40; i++) cluster.pod(`pod-${i}`, { requests: { cpu: `${(i % 5) * 100}m` } })
    cluster.clock.settle()
    return cluster.pods().map((p) => p.spec.nodeName!)
  }
  expect(run()).toEqual(run())
})
