import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareProbes } from './kernel/compare.ts'
import { KernelWorld, kernelMissing } from './kernel/namespaces.ts'
import { serviceWorld, type ServiceWorld } from './kernel/services.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * The Linux kernel as referee of whole clusters: nodes, Pods, tunnels, routes and kube-proxy's rules in real network
 * namespaces; connections by chance must end alike, at the same Pod, and the Pod must see the same source.
 */
const missing = process.platform === 'linux' ? kernelMissing() : 'this is no Linux'
if (missing !== undefined) console.warn(`SKIPPED: Services against the Linux kernel (needs root, ip netns, bridge, VXLAN, br_netfilter, iptables, nft and python3): ${missing}`)

const COUNT = 400
const transcript = transcriptOf('kernel-services')
const CASES = [['iptables', 'flannel', 1], ['nftables', 'bridge', 2], ['iptables', 'bridge', 3], ['nftables', 'flannel', 4]] as const

describe.skipIf(missing !== undefined).each(CASES)('kube-proxy in %s mode, Pods by %s', (mode, plugin, seed) => {
  let world: ServiceWorld
  let kernel: KernelWorld

  beforeAll(async () => {
    world = serviceWorld(mode, plugin, seed, 3)
    kernel = new KernelWorld(world.namespaces)
    kernel.build()
    await Promise.all(world.servers.map(({ namespace, name, ports }) => kernel.serve(namespace, name, ports)))
  }, 300_000)

  afterAll(() => kernel?.remove(), 120_000)

  test(`${COUNT} connections by chance come to the same end`, async () => {
    const ends = await compareProbes(world, kernel, world.probes(COUNT), transcript, (p) => `${p.from.name} → ${p.to}:${p.port}/${p.protocol}: ${mode} ${plugin}`)
    for (const end of ['web', 'outside', 'refused', 'timeout', 'unreachable']) expect(ends).toContain(end)
  }, 600_000)
})
