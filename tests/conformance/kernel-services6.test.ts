import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RuleSettings } from '../../electron/engine/proxy/rule-settings.ts'
import { compareProbes } from './kernel/compare.ts'
import { KernelWorld, kernelMissing, kernelMissing6 } from './kernel/namespaces.ts'
import { serviceWorld, type ServiceWorld } from './kernel/services.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * The Linux kernel as referee of clusters with both families, by IPv6: routes, neighbours, kube-proxy's rules for ip6tables and
 * nftables, traffic policies and endpoints that terminate; the same connections by chance as kernel-services and kernel-policies.
 */
const missing = process.platform === 'linux' ? (kernelMissing() ?? kernelMissing6()) : 'this is no Linux'
if (missing !== undefined) console.warn(`SKIPPED: Services by IPv6 against the Linux kernel (needs root, ip netns, bridge, br_netfilter, ip6tables, nft and python3): ${missing}`)

const COUNT = 250
const transcript = transcriptOf('kernel-services6')
const CASES: [name: string, mode: 'iptables' | 'nftables', seed: number, settings?: (node: string) => Partial<RuleSettings>][] = [
  ['Services of every kind', 'iptables', 61],
  ['Services of every kind', 'nftables', 62],
  ['traffic policies', 'iptables', 63, () => ({})],
  ['traffic policies', 'nftables', 64, () => ({})],
]

describe.skipIf(missing !== undefined).each(CASES)('%s by IPv6, kube-proxy in %s mode', (name, mode, seed, settings) => {
  let world: ServiceWorld
  let kernel: KernelWorld

  beforeAll(async () => {
    world = serviceWorld(mode, 'bridge', seed, 3, settings, 6)
    kernel = new KernelWorld(world.namespaces)
    kernel.build()
    await Promise.all(world.servers.map((s) => kernel.serve(s.namespace, s.name, s.ports)))
  }, 300_000)

  afterAll(() => kernel?.remove(), 120_000)

  test(`${COUNT} connections by chance come to the same end`, async () => {
    const ends = await compareProbes(world, kernel, world.probes(COUNT), transcript, (p) => `${p.from.name} → ${p.to} ${p.port}/${p.protocol}: ${name}, ${mode}`)
    for (const end of ['web', 'refused', 'timeout']) expect(ends).toContain(end)
  }, 600_000)
})
