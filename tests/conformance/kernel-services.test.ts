import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KernelWorld, kernelMissing, type Probe } from './kernel/namespaces.ts'
import { serviceWorld, type ServiceWorld } from './kernel/services.ts'

/**
 * The Linux kernel as referee of whole clusters: nodes, Pods, tunnels, routes and kube-proxy's rules in real network
 * namespaces; connections by chance must end alike, at the same Pod, and the Pod must see the same source.
 */
const missing = process.platform === 'linux' ? kernelMissing() : 'this is no Linux'
if (missing !== undefined) console.warn(`SKIPPED: Services against the Linux kernel (needs root, ip netns, bridge, VXLAN, br_netfilter, iptables, nft and python3): ${missing}`)

const deep = process.env['PODHOP_DEEP'] !== undefined
const COUNT = deep ? 400 : 60
const CASES = [['iptables', 'flannel', 1], ['nftables', 'bridge', 2], ...(deep ? ([['iptables', 'bridge', 3], ['nftables', 'flannel', 4]] as const) : [])] as const

describe.skipIf(missing !== undefined).each(CASES)('kube-proxy in %s mode, Pods by %s', (mode, plugin, seed) => {
  let world: ServiceWorld
  let kernel: KernelWorld

  beforeAll(async () => {
    world = serviceWorld(mode, plugin, seed, deep ? 3 : 2)
    kernel = new KernelWorld(world.namespaces)
    kernel.build()
    await Promise.all(world.servers.map(({ namespace, name, ports }) => kernel.serve(namespace, name, ports)))
  }, 120_000)

  afterAll(() => kernel?.remove())

  test(`${COUNT} connections by chance come to the same end`, async () => {
    const probes = world.probes(COUNT)
    const real = await kernel.connect(probes)
    const said = (p: Probe, what: string): string => `${p.from.name} → ${p.to}:${p.port}/${p.protocol}: ${what}`
    const different: string[] = []
    probes.forEach((probe, i) => {
      // Which of several Pods it is, is chance: until it is the one that the kernel has taken.
      const ours = new Set<string>()
      for (let tries = 0; tries < 60 && !ours.has(real[i]!); tries++) {
        ours.add(world.connect(probe))
        if (!/^web\d/.test(real[i]!) && ours.size === 1 && tries > 2) break
      }
      if (!ours.has(real[i]!)) different.push(`${said(probe, real[i]!)} in the kernel, here: ${[...ours].join(', ')}`)
    })
    expect(different).toEqual([])
    const ends = new Set(real.map((r) => r.replace(/\d? .*/, '')))
    for (const end of deep ? ['web', 'outside', 'refused', 'timeout', 'unreachable'] : ['web', 'refused', 'timeout']) expect(ends).toContain(end)
  }, deep ? 600_000 : 120_000)
})
