import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SmallCluster } from '../../cni/small-cluster.samples.ts'
import { putService, putSlice } from '../services.samples.ts'
import { IptablesProxier } from './proxier.ts'

/** The rules of a simulated node, loaded into the Linux kernel by Debian's iptables: taken, and given back the same. */
const NETNS = `podhop-proxy-${process.pid}`
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
const available = spawnSync('ip', ['netns', 'add', NETNS], { env: { PATH } }).status === 0 && spawnSync('iptables-restore', ['--version'], { env: { PATH } }).status === 0
if (!available) console.warn('SKIPPED: kube-proxy\'s rules against the Linux kernel (needs root, ip netns and iptables)')

const inside = (args: string[], input?: string): string => execFileSync('ip', ['netns', 'exec', NETNS, ...args], { env: { PATH }, encoding: 'utf8', ...(input === undefined ? {} : { input }) })
const plain = (save: string): string[] => save.split('\n').filter((l) => l !== '' && !l.startsWith('#')).map((l) => l.replace(/\[\d+:\d+\]/, '[0:0]'))

afterAll(() => {
  if (available) spawnSync('ip', ['netns', 'del', NETNS], { env: { PATH } })
})

describe.skipIf(!available)('the kernel', () => {
  let cluster: SmallCluster
  const p80 = [{ name: 'http', port: 80 }]

  beforeAll(() => {
    cluster = new SmallCluster('flannel')
    putService(cluster.store, 'default', 'web', '10.96.0.20', p80)
    putSlice(cluster.store, 'default', 'web', p80, [{ ip: '10.244.1.5', node: 'worker-1' }, { ip: '10.244.2.5', node: 'worker-2' }, { ip: '10.244.2.6', node: 'worker-2' }])
    putService(cluster.store, 'default', 'front', '10.96.0.21', [{ ...p80[0]!, nodePort: 30080 }], { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30999, externalIPs: ['192.0.2.7'], loadBalancerSourceRanges: ['203.0.113.0/24', '172.18.0.0/16'] }, ['192.0.2.8'])
    putSlice(cluster.store, 'default', 'front', p80, [{ ip: '10.244.1.6', node: 'worker-1' }, { ip: '10.244.2.7', node: 'worker-2' }])
    putService(cluster.store, 'default', 'sticky', '10.96.0.22', p80, { sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Local' })
    putSlice(cluster.store, 'default', 'sticky', p80, [{ ip: '10.244.1.7', node: 'worker-1' }])
    putService(cluster.store, 'default', 'empty', '10.96.0.23', [{ port: 53, protocol: 'UDP', nodePort: 30053 }], { type: 'NodePort' })
    putService(cluster.store, 'default', 'signal', '10.96.0.24', [{ port: 9000, protocol: 'SCTP' }])
    putSlice(cluster.store, 'default', 'signal', [{ port: 9000, protocol: 'SCTP' }], [{ ip: '10.244.1.8' }])
    cluster.startProxies()
  })

  test('takes the rules of a node and saves the same text', () => {
    const ours = cluster.nodes.get('worker-1')!.network.netfilter.save()
    inside(['iptables-restore'], ours)
    for (const table of ['filter', 'nat', 'mangle']) {
      const from = (lines: string[]): string[] => lines.slice(lines.indexOf(`*${table}`), lines.indexOf('COMMIT', lines.indexOf(`*${table}`)))
      expect(from(plain(ours))).toEqual(from(plain(inside(['iptables-save', '-t', table]))))
    }
  })

  test('takes those of the second family, too', () => {
    const p53 = [{ name: 'dns', port: 53, protocol: 'UDP' }]
    putService(cluster.store, 'six', 'web', 'fd00:10:96::20', [{ ...p80[0]!, nodePort: 30081 }], { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30998, externalIPs: ['2001:db8::7'], loadBalancerSourceRanges: ['2001:db8:1::/48'] }, ['2001:db8::8'])
    putSlice(cluster.store, 'six', 'web', p80, [{ ip: 'fd00:10:244:1::5', node: 'worker-1' }, { ip: 'fd00:10:244:2::5', node: 'worker-2' }])
    putService(cluster.store, 'six', 'dns', 'fd00:10:96::a', p53, { sessionAffinity: 'ClientIP' })
    putSlice(cluster.store, 'six', 'dns', p53, [{ ip: 'fd00:10:244:1::6', node: 'worker-1' }])
    putService(cluster.store, 'six', 'empty', 'fd00:10:96::21', p80)
    const node = cluster.nodes.get('worker-1')!
    const proxier = new IptablesProxier({ ...node, config: { ...node.config, podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'] } }, undefined, undefined, 6)
    cluster.clock.runFor(1500)
    proxier.stop()
    const ours = node.network.netfilter6.save()
    expect(ours).toContain('-j DNAT --to-destination [fd00:10:244:1::5]:80')
    inside(['ip6tables-restore'], ours)
    for (const table of ['filter', 'nat', 'mangle']) {
      const from = (lines: string[]): string[] => lines.slice(lines.indexOf(`*${table}`), lines.indexOf('COMMIT', lines.indexOf(`*${table}`)))
      expect(from(plain(ours))).toEqual(from(plain(inside(['ip6tables-save', '-t', table]))))
    }
  })
})
