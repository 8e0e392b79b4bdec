import { describe, expect, test } from 'vitest'
import type { ChainBlock } from '../network/types.ts'
import { FlowWorld } from './flows.samples.ts'
import { byChain, ipvsState, ownRules, textCases, Told } from './rule-texts.samples.ts'

/** What a sync gives to iptables-restore. */
function listen(world: FlowWorld): () => readonly (string | ChainBlock)[] {
  const { netfilter } = world.node
  const restore = netfilter.restore.bind(netfilter)
  let last: readonly (string | ChainBlock)[] = []
  netfilter.restore = (text, options) => {
    restore(text, options)
    last = text as readonly (string | ChainBlock)[]
  }
  return () => {
    // Rules that nobody looks at are not written.
    netfilter.save('nat')
    return last
  }
}

describe('kube-proxy writes the rules that its own tests expect: iptables', () => {
  test.each(textCases('iptables'))('$name', ({ name, steps }) => {
    const world = new FlowWorld('iptables', steps[0]!.settings)
    const written = listen(world)
    for (const [i, { objects, expected }] of steps.entries()) {
      // A rule that leads to what the sync takes away: it fails, and the next writes everything.
      if (name === 'repeated' && i === 9) world.node.netfilter.command(['-t', 'nat', '-A', 'KUBE-SVC-X27LE4BHSL4DOUIK', '-j', 'KUBE-SEP-AYCN5HPXMIRJNJXU'])
      world.set(objects)
      if (name === 'repeated' && i === 9) world.wait(31_000)
      expect(ownRules(written()), `step ${i + 1}`).toEqual(byChain(expected))
    }
  })
})

describe('kube-proxy writes the rules that its own tests expect: nftables', () => {
  test.each(textCases('nftables'))('$name', ({ steps }) => {
    const world = new FlowWorld('nftables', steps[0]!.settings)
    const { nftables } = world.node.netfilter
    const apply = nftables.apply.bind(nftables)
    const told = new Told()
    let took: number[] = []
    nftables.apply = (lines) => {
      const before = told.operations
      apply(lines)
      told.apply(lines)
      took.push(told.operations - before)
    }
    for (const [i, { objects, expected, operations }] of steps.entries()) {
      took = []
      world.set(objects)
      expect(told.own.sort(), `step ${i + 1}`).toEqual([...expected].sort())
      if (operations !== undefined) expect(took.at(-1), `step ${i + 1}`).toBe(operations)
    }
  })
})

describe('kube-proxy makes the virtual servers, sets and rules that its own tests expect: ipvs', () => {
  test.each(textCases('ipvs'))('$name', ({ steps }) => {
    const world = new FlowWorld('ipvs', steps[0]!.settings)
    for (const { objects, expected } of steps) {
      world.set(objects)
      expect(ipvsState(world.node, expected)).toEqual(inOrder(expected))
    }
  })
})

/** Virtual servers first, by name. */
function inOrder(expected: readonly string[]): string[] {
  const servers = expected.filter((l) => !l.startsWith('KUBE') && !l.startsWith('filter'))
  return [...servers.sort(), ...expected.filter((l) => !servers.includes(l))]
}
