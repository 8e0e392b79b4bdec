import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SmallCluster } from '../../cni/small-cluster.samples.ts'
import { ipsetCommand } from '../../network/ipset/command.ts'
import { putService, putSlice } from '../services.samples.ts'
import { IpvsProxier } from './proxier.ts'

/** Sets and rules of a simulated node in ipvs mode, loaded into the Linux kernel by Debian's ipset and iptables: taken, and given back the same. */
const NETNS = `podhop-ipvs-${process.pid}`
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
const inside = (args: string[], input?: string): string => execFileSync('ip', ['netns', 'exec', NETNS, ...args], { env: { PATH }, encoding: 'utf8', ...(input === undefined ? {} : { input }) })
const available = spawnSync('ip', ['netns', 'add', NETNS], { env: { PATH } }).status === 0 &&
  spawnSync('ip', ['netns', 'exec', NETNS, 'sh', '-c', 'ipset create a hash:ip,port,net && ipset destroy a && iptables-restore --version'], { env: { PATH } }).status === 0
if (!available) console.warn('SKIPPED: kube-proxy\'s ipvs mode against the Linux kernel (needs root, ip netns, iptables, ipset and ip_set in the kernel)')

afterAll(() => {
  spawnSync('ip', ['netns', 'del', NETNS], { env: { PATH } })
})

describe.skipIf(!available)('the kernel', () => {
  let cluster: SmallCluster
  const p80 = [{ name: 'http', port: 80 }]

  beforeAll(() => {
    cluster = new SmallCluster('flannel')
    putService(cluster.store, 'default', 'web', '10.96.0.20', p80)
    putSlice(cluster.store, 'default', 'web', p80, [{ ip: '10.244.1.5', node: 'worker-1' }, { ip: '10.244.2.5', node: 'worker-2' }])
    putService(cluster.store, 'default', 'front', '10.96.0.21', [{ ...p80[0]!, nodePort: 30080 }], { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30999, externalIPs: ['192.0.2.7'], loadBalancerSourceRanges: ['203.0.113.0/24', '172.18.0.0/16'] }, ['192.0.2.8'])
    putSlice(cluster.store, 'default', 'front', p80, [{ ip: '10.244.1.6', node: 'worker-1' }])
    putService(cluster.store, 'default', 'dns', '10.96.0.23', [{ port: 53, protocol: 'UDP', nodePort: 30053 }], { type: 'NodePort', externalIPs: ['192.0.2.9'] })
    putSlice(cluster.store, 'default', 'dns', [{ port: 53, protocol: 'UDP' }], [{ ip: '10.244.1.7', node: 'worker-1' }])
    putService(cluster.store, 'default', 'signal', '10.96.0.24', [{ port: 9000, protocol: 'SCTP', nodePort: 30090 }], { type: 'NodePort', externalTrafficPolicy: 'Local' })
    putSlice(cluster.store, 'default', 'signal', [{ port: 9000, protocol: 'SCTP' }], [{ ip: '10.244.1.8', node: 'worker-1' }])
    new IpvsProxier(cluster.nodes.get('worker-1')!)
    cluster.clock.runFor(1500)
  })

  test('takes the sets of a node and saves the same', () => {
    const { sets } = cluster.nodes.get('worker-1')!.network.netfilter
    const ours = ipsetCommand(sets, ['save'], 0).stdout
    inside(['ipset', 'restore'], ours)
    const lines = (text: string): string[] => text.trimEnd().split('\n').sort()
    expect(lines(inside(['ipset', 'save']))).toEqual(lines(ours))
  })

  test('takes the rules of a node and saves the same', () => {
    const ours = cluster.nodes.get('worker-1')!.network.netfilter.save()
    // The kernels that tests meet have no xt_ipvs.
    const taken = ours.split('\n').filter((l) => !l.includes('-m ipvs')).join('\n')
    inside(['iptables-restore'], taken)
    const plain = (save: string): string[] => save.split('\n').filter((l) => l !== '' && !l.startsWith('#')).map((l) => l.replace(/\[\d+:\d+\]/, '[0:0]'))
    for (const table of ['filter', 'nat']) {
      const from = (all: string[]): string[] => all.slice(all.indexOf(`*${table}`), all.indexOf('COMMIT', all.indexOf(`*${table}`)))
      expect(from(plain(taken))).toEqual(from(plain(inside(['iptables-save', '-t', table]))))
    }
  })

  test('the text that iptables-restore gets is the one of the sample', async () => {
    const ours = cluster.nodes.get('worker-1')!.network.netfilter.save().replace(/\[\d+:\d+\]/g, '[0:0]')
    await expect(ours.split('\n').filter((l) => l.includes('KUBE-') && !l.includes('KUBELET') || l.startsWith('*')).join('\n') + '\n').toMatchFileSnapshot('./samples/worker.rules')
  })
})
