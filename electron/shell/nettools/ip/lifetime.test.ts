import { describe, expect, it } from 'vitest'
import { twoNodes } from '../machines.samples.ts'

describe('an address with a lifetime', () => {
  it('ages by the virtual clock: it is deprecated, then gone with its route, unless it was given more', () => {
    const { node1 } = twoNodes()
    const { clock } = node1.network
    const lines = (): string => node1.run('ip addr show dev eth0 to 10.63.0.0/24').stdout
    for (const [address, valid] of [['10.63.0.1', 100], ['10.64.0.1', 40]] as const) expect(node1.run(`ip addr add ${address}/24 dev eth0 valid_lft ${valid} preferred_lft 30`), address).toMatchObject({ stderr: '', code: 0 })
    expect(lines()).toContain('inet 10.63.0.1/24 scope global dynamic eth0\n       valid_lft 100sec preferred_lft 30sec\n')
    clock.runFor(31_000)
    expect(lines()).toContain('inet 10.63.0.1/24 scope global deprecated dynamic eth0\n       valid_lft 69sec preferred_lft 0sec\n')
    expect(node1.run('ip addr change 10.64.0.1/24 dev eth0').code).toBe(0)
    clock.runFor(70_000)
    expect(lines()).toBe('')
    expect(node1.run('ip route show 10.63.0.0/24').stdout).toBe('')
    expect(node1.run('ip route show 10.64.0.0/24').stdout).toBe('10.64.0.0/24 dev eth0 proto kernel scope link src 10.64.0.1 \n')
  })

  it('is told of by ip monitor when something happens, not while time goes by', () => {
    const { node1 } = twoNodes()
    const monitor = node1.start('ip monitor address')
    node1.run('ip addr add 10.63.0.1/24 dev eth0 valid_lft 60 preferred_lft 30')
    node1.network.clock.runFor(10_000)
    node1.run('ip link set lo mtu 60000')
    node1.network.clock.runFor(60_000)
    expect(monitor.stdout.match(/^\S.*$/gm)!.map((line) => line.replace(/^Deleted \d+|^\d+/, (m) => m.replace(/\d+/, 'N')))).toEqual([
      'N: eth0    inet 10.63.0.1/24 scope global dynamic eth0', 'N: eth0    inet 10.63.0.1/24 scope global deprecated dynamic eth0', 'Deleted N: eth0    inet 10.63.0.1/24 scope global deprecated dynamic eth0',
    ])
  })
})
