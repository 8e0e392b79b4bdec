import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RuleSettings } from '../../electron/engine/proxy/rule-settings.ts'
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
    const probes = world.probes(COUNT)
    const real = await kernel.connect(probes)
    const ends = new Set<string>()
    for (const [i, probe] of probes.entries()) {
      const line = `${probe.from.name} → ${probe.to}:${probe.port}/${probe.protocol}: ${name}`
      // Which of several Pods it is, is chance: until it is the one that the kernel has taken.
      const ours = new Set<string>()
      const possible = (theirs: string): boolean => {
        for (let tries = 0; tries < 60 && !ours.has(theirs); tries++) {
          ours.add(world.connect(probe))
          if (!/^web\d/.test(theirs) && ours.size === 1 && tries > 2) break
        }
        return ours.has(theirs)
      }
      let asked = 0
      const theirs = async (): Promise<string> => (asked++ === 0 ? real[i]! : (await kernel.connect([probe]))[0]!)
      await transcript.entry(line).allow(possible, () => `${line} ${[...ours].join(', ')}`, theirs)
      for (const one of ours) ends.add(one.replace(/\d? .*/, ''))
    }
    for (const end of ['web', 'refused', 'timeout']) expect(ends).toContain(end)
  }, 600_000)
})
