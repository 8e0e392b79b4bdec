import { expect, it } from 'vitest'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import { answer } from './gobgp.ts'
import { speakerOf } from './routing.ts'

it('gobgp tells of kube-router’s sessions and routes, and of one that ends', () => {
  const cluster = createCluster(parseClusterConfig({ cni: 'kube-router' }))
  cluster.settle()
  const ask = (...args: string[]): string => {
    try {
      return answer(speakerOf(cluster.nodes.get('worker-1')!.network), cluster.clock, args)
    } catch (error) {
      return (error as Error).message
    }
  }
  cluster.clock.runFor(65_000)
  expect(ask('neighbor')).toMatch(/^Peer {10}AS {2}Up\/Down State {7}\|#Received {2}Accepted\n172\.18\.0\.2 64512 00:01:0\d Establ {6}\| {8}1 {9}1\n172\.18\.0\.4 64512 /)
  expect(ask('global', 'rib').split('\n').slice(0, 3).map((l) => l.replace(/00:01:\d\d/, 'AGE'))).toEqual([
    '   Network              Next Hop             AS_PATH              Age        Attrs',
    '*> 10.244.0.0/24        172.18.0.2                                AGE   [{Origin: i} {LocalPref: 100}]',
    '*> 10.244.1.0/24        172.18.0.3                                AGE   [{Origin: i}]',
  ])
  expect(ask('global')).toBe('AS:        64512\nRouter-ID: 172.18.0.3\nListening Port: 179, Addresses: 172.18.0.3\n')
  expect(ask('neighbor', '172.18.0.4')).toMatch(/BGP state = ESTABLISHED, up for 00:01:0\d\n[^]*Keepalives: +3 +3\n/)
  expect(ask('neighbor', '172.18.0.4', 'adj-in')).toContain('   0   10.244.2.0/24        172.18.0.4 ')
  expect(ask('neighbor', '10.0.0.9')).toBe('not found neighbor 10.0.0.9')
  expect(ask('vrf')).toMatch(/^podhop: not simulated: gobgp vrf/)
  cluster.faults.apply(['node-down', 'worker-2'])
  cluster.clock.runFor(200_000)
  expect(ask('neighbor')).toMatch(/172\.18\.0\.4 64512 \d\d:\d\d:\d\d (Active|Connect)/)
  expect(ask('global', 'rib')).not.toContain('10.244.2.0/24')
})
