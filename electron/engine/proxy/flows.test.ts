import { describe, expect, test } from 'vitest'
import { flowCases, FlowWorld, type FlowMode } from './flows.samples.ts'

describe.each(['iptables', 'nftables'] as const)('the flows of kube-proxy\'s own tests, in %s mode', (mode: FlowMode) => {
  test.each(flowCases())('$name', ({ steps }) => {
    const world = new FlowWorld(mode, steps[0]!.settings)
    for (const { objects, flows } of steps) {
      world.set(objects)
      const said = flows.map((f) => `${f.name}: ${world.flow(f)}`)
      expect(said.join('\n')).toEqual(flows.map((f) => `${f.name}: ${f.instead.get(mode) ?? f.expected}`).join('\n'))
    }
  })
})
