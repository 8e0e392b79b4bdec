import { describe, expect, it } from 'vitest'
import { twoNodes } from '../machines.samples.ts'

describe('ip neigh add proxy', () => {
  it('has a router answer on one link for an address that it reaches by another', () => {
    const { node1, a } = twoNodes()
    a.run('ip route add 172.18.0.3/32 dev eth0')
    expect(a.run('ping -c 1 -W 1 172.18.0.3').code).toBe(1)
    a.run('ip neigh flush all')
    expect(node1.run('ip neigh add proxy 172.18.0.3 dev cni0')).toMatchObject({ stderr: '', code: 0 })
    expect(a.run('ping -c 1 -W 1 172.18.0.3').code).toBe(0)
    expect(a.run('ip neigh show 172.18.0.3').stdout).toBe(`172.18.0.3 dev eth0 lladdr ${node1.network.links.get('cni0')!.mac} REACHABLE \n`)
    expect(node1.run('ip neigh show proxy').stdout).toBe('172.18.0.3 dev cni0 proxy \n')
    expect(node1.run('ip neigh del proxy 172.18.0.3 dev cni0').code).toBe(0)
    a.run('ip neigh flush all')
    expect(a.run('ping -c 1 -W 1 172.18.0.3').code).toBe(1)
  })
})
