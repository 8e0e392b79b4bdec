import { expect, test } from 'vitest'
import type { Link } from '../network/types.ts'
import { buildRules } from './iptables/rules.ts'
import { PortRuleMaker } from './iptables/port-rules.ts'
import { NodePortAddresses } from './node-port-addresses.ts'
import { setupLines } from './nftables/setup.ts'

const links = [['127.0.0.1', '::1'], ['172.18.0.3', 'fd00::3'], ['10.244.1.1']].map((all) => ({ addresses: all.map((address) => ({ address })) }) as unknown as Link)

test('nodePortAddresses: none of a family means all of it, loopback only works by IPv4 in iptables mode', () => {
  const of = (family: 4 | 6, ...cidrs: string[]): [boolean, boolean, string] => {
    const ports = new NodePortAddresses(family, cidrs)
    return [ports.matchAll, ports.loopback, ports.matchAll ? '' : ports.addressesOf(links).join()]
  }
  expect(of(4)).toEqual([true, true, ''])
  expect(of(4, '172.18.0.0/16')).toEqual([false, false, '172.18.0.3'])
  expect(of(4, '127.0.0.0/8', '10.0.0.0/8')).toEqual([false, true, '127.0.0.1,10.244.1.1'])
  expect(of(6, '172.18.0.0/16')).toEqual([true, false, ''])
  expect(of(4, '0.0.0.0/0')).toEqual([true, true, ''])

  const options = { node: { name: 'n', zone: '', ip: '172.18.0.3' }, clusterCIDR: '10.244.0.0/16', masqueradeAll: false, localhostNodePorts: false, nodePortIps: ['127.0.0.1', '172.18.0.3'] }
  const { lines } = buildRules({ services: new Map(), totalEndpoints: 0 } as unknown as Parameters<typeof buildRules>[0], options, new PortRuleMaker(), undefined, () => [])
  expect(lines.filter((l) => typeof l === 'string' && l.includes('must be the last rule'))).toEqual(['-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -d 172.18.0.3 -j KUBE-NODEPORTS'])
  const nft = { ...options, serviceCIDRs: [], family: 4 } as const
  expect(setupLines({ ...nft, nodePortIps: 'all' }, false).filter((l) => l.includes('service-nodeports')).at(1)).toBe('add rule ip kube-proxy services fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports')
})
