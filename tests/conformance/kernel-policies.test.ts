import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RuleSettings } from '../../electron/engine/proxy/rule-settings.ts'
import { compareProbes } from './kernel/compare.ts'
import { KernelWorld, kernelMissing } from './kernel/namespaces.ts'
import { serviceWorld, type ServiceWorld } from './kernel/services.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * The Linux kernel as referee of traffic policies, endpoints that terminate, Services that are their own clients, source
 * ranges from inside, and of the ways in which kube-proxy tells Pods from others; the rules loaded by iptables of both kinds.
 */
const legacy = spawnSync('unshare', ['-n', 'iptables-legacy', '-t', 'nat', '-A', 'PREROUTING', '-m', 'addrtype', '--dst-type', 'LOCAL'], { env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` } }).status === 0
const missing = process.platform === 'linux' ? kernelMissing() : 'this is no Linux'
if (missing !== undefined) console.warn(`SKIPPED: traffic policies against the Linux kernel (needs root, ip netns, bridge, VXLAN, br_netfilter, iptables, nft and python3): ${missing}`)

const COUNT = 250
const transcript = transcriptOf('kernel-policies')
const CASES: [name: string, mode: 'iptables' | 'nftables', plugin: 'flannel' | 'bridge', seed: number, tool: 'iptables' | 'iptables-legacy', settings: (node: string) => Partial<RuleSettings>][] = [
  ['Pods told by the bridge', 'iptables', 'bridge', 11, 'iptables', () => ({ podInterface: 'cni0' })],
  ['Pods told by the node\'s part of their network', 'iptables', 'flannel', 12, legacy ? 'iptables-legacy' : 'iptables', (node) => ({ clusterCIDR: [`10.244.${node.slice(-1)}.0/24`] })],
  ['everything masqueraded', 'nftables', 'flannel', 13, 'iptables', () => ({ masqueradeAll: true })],
  ['Pods told by their network', 'nftables', 'bridge', 14, 'iptables', () => ({})],
]

describe.skipIf(missing !== undefined).each(CASES)('%s, in %s mode, Pods by %s', (name, mode, plugin, seed, tool, settings) => {
  let world: ServiceWorld
  let kernel: KernelWorld

  beforeAll(async () => {
    world = serviceWorld(mode, plugin, seed, 3, settings)
    kernel = new KernelWorld(world.namespaces)
    kernel.build(tool)
    await Promise.all(world.servers.map((s) => kernel.serve(s.namespace, s.name, s.ports)))
  }, 300_000)

  afterAll(() => kernel?.remove(), 120_000)

  test(`${COUNT} connections by chance come to the same end`, async () => {
    const ends = await compareProbes(world, kernel, world.probes(COUNT), transcript, (p) => `${p.from.name} → ${p.to}:${p.port}/${p.protocol}: ${name}`)
    for (const end of ['web', 'refused', 'timeout']) expect(ends).toContain(end)
  }, 600_000)
})
