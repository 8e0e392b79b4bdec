import { beforeEach, describe, expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ObjectStore } from '../../cni/objects.samples.ts'
import type { ChainBlock } from '../../network/types.ts'
import { ServiceCache } from '../cache.ts'
import { putService, putSlice, type PortSample } from '../services.samples.ts'
import { endpointChain, serviceChain } from './names.ts'
import { PortRuleMaker } from './port-rules.ts'
import { buildRules, type RuleOptions } from './rules.ts'

let clock: Clock
let store: ObjectStore
const options: RuleOptions = { node: { name: 'node1', zone: '', ip: '192.168.0.2' }, clusterCIDR: '10.0.0.0/8', masqueradeAll: false, localhostNodePorts: true }

beforeEach(() => {
  clock = new Clock({ seed: 1 })
  store = new ObjectStore(clock)
})

function rules(changed?: ReadonlySet<string>, more: Partial<RuleOptions> = {}): string {
  const cache = new ServiceCache(store.client, more.ipv6 ? 6 : 4, () => undefined)
  const { lines } = buildRules(cache, { ...options, ...more }, new PortRuleMaker(), changed, () => [])
  cache.stop()
  const nat = lines.indexOf('*nat')
  return [lines.slice(0, nat), lines.slice(nat)].map(asText).join('')
}

/** A table as upstream orders it: its chains, then their rules. */
function asText(table: readonly (string | ChainBlock)[]): string {
  const [name, ...all] = table.slice(0, -1).flatMap((l) => (typeof l === 'string' ? [l] : [`:${l.chain} - [0:0]`, ...l.rules]))
  return [name, ...all.filter((l) => l.startsWith(':')), ...all.filter((l) => !l.startsWith(':')), 'COMMIT'].map((l) => `${l}\n`).join('')
}

const of = (text: string, chain: string): string[] => text.split('\n').filter((line) => line.startsWith(`-A ${chain} `)).map((line) => line.slice(chain.length + 4))

test('chains have the names that every Kubernetes cluster has', () => {
  expect(serviceChain('KUBE-SVC', 'default/kubernetes:https', 'tcp')).toBe('KUBE-SVC-NPX46M4PTMTKRN6Y')
  expect(serviceChain('KUBE-SVC', 'kube-system/kube-dns:dns', 'udp')).toBe('KUBE-SVC-TCOU7JCQXEZGVUNU')
  expect(serviceChain('KUBE-SVC', 'kube-system/kube-dns:dns-tcp', 'tcp')).toBe('KUBE-SVC-ERIFXISQEP7F7OF4')
  expect(serviceChain('KUBE-SVC', 'kube-system/kube-dns:metrics', 'tcp')).toBe('KUBE-SVC-JD5MR3NA4I4DYORP')
  expect(endpointChain('ns1/svc1:p80', 'tcp', '10.180.0.1:80')).toBe('KUBE-SEP-SXIVWICOYRO3J4NJ')
})

/** One Service of each kind; their names and addresses are those of upstream's own test, so the hashes can be compared. */
function everyKind(): void {
  const p80 = [{ name: 'p80', port: 80 }]
  putService(store, 'ns1', 'svc1', '172.30.0.41', p80)
  putSlice(store, 'ns1', 'svc1', p80, [{ ip: '10.180.0.1' }])
  putService(store, 'ns2', 'svc2', '172.30.0.42', [{ ...p80[0]!, nodePort: 3001 }], { type: 'LoadBalancer', externalTrafficPolicy: 'Local', externalIPs: ['192.168.99.22'], healthCheckNodePort: 30000 }, ['1.2.3.4'])
  putSlice(store, 'ns2', 'svc2', p80, [{ ip: '10.180.0.2' }])
  putService(store, 'ns3', 'svc3', '172.30.0.43', [{ ...p80[0]!, nodePort: 3003 }], { type: 'NodePort' })
  putSlice(store, 'ns3', 'svc3', p80, [{ ip: '10.180.0.3' }])
  putService(store, 'ns4', 'svc4', '172.30.0.44', p80, { type: 'NodePort', externalIPs: ['192.168.99.33'] })
  putSlice(store, 'ns4', 'svc4', p80, [{ ip: '10.180.0.4' }, { ip: '10.180.0.5', node: 'node1' }])
  putService(store, 'ns5', 'svc5', '172.30.0.45', [{ ...p80[0]!, nodePort: 3002 }], { type: 'LoadBalancer', loadBalancerSourceRanges: [' 203.0.113.0/25'] }, ['5.6.7.8'])
  putSlice(store, 'ns5', 'svc5', p80, [{ ip: '10.180.0.3' }])
  putService(store, 'ns6', 'svc6', '172.30.0.46', p80)
}

test('one Service of each kind gives the rules that kube-proxy v1.33 writes', async () => {
  everyKind()
  await expect(rules()).toMatchFileSnapshot('./samples/every-kind.rules')
})

test('for ip6tables the same Services are written with their addresses of IPv6, endpoints in brackets', async () => {
  const p80 = [{ name: 'p80', port: 80 }]
  const both = (name: string, host: number, ports: PortSample[], spec: object = {}, ingress: string[] = []): void => {
    putService(store, name, name, `172.30.0.${host}`, ports, { clusterIPs: [`172.30.0.${host}`, `fd00:172:30::${host}`], ...spec }, ingress)
    putSlice(store, name, name, p80, [{ ip: `10.180.0.${host}`, node: 'node1' }])
    putSlice(store, name, name, p80, [{ ip: `fd00:10:180::${host}`, node: 'node1' }, { ip: `fd00:10:180::1:${host}`, node: 'node2' }], 'six')
  }
  both('plain', 41, p80)
  both('front', 42, [{ ...p80[0]!, nodePort: 3001 }], {
    type: 'LoadBalancer', externalTrafficPolicy: 'Local', externalIPs: ['192.168.99.22', '2001:db8::22'], healthCheckNodePort: 30000, loadBalancerSourceRanges: ['203.0.113.0/25', '2001:db8:1::/48', 'fd00:192:168::/64'],
  }, ['1.2.3.4', '2001:db8::1'])
  both('sticky', 43, [{ ...p80[0]!, nodePort: 3003 }], { type: 'NodePort', sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Local' })
  putService(store, 'four', 'four', '172.30.0.44', p80)
  putService(store, 'empty', 'empty', 'fd00:172:30::45', p80)
  const text = rules(undefined, { ipv6: true, clusterCIDR: 'fd00:10::/32', node: { name: 'node1', zone: '', ip: 'fd00:192:168::2' } })
  expect(text).not.toMatch(/10\.180|172\.30|1\.2\.3\.4|four|127\.0\.0\.0/)
  await expect(text).toMatchFileSnapshot('./samples/ipv6.rules')
})

describe('a ClusterIP Service', () => {
  const ports = [{ port: 80 }]

  test('shares connections with falling odds that are one over what is left', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports)
    putSlice(store, 'default', 'web', ports, ['10.244.1.10', '10.244.1.2', '10.244.2.3'].map((ip) => ({ ip })))
    const chain = serviceChain('KUBE-SVC', 'default/web', 'tcp')
    expect(of(rules(), chain)).toEqual([
      '-m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.96.0.20 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ',
      `-m comment --comment "default/web -> 10.244.1.10:80" -m statistic --mode random --probability 0.3333333333 -j ${endpointChain('default/web', 'tcp', '10.244.1.10:80')}`,
      `-m comment --comment "default/web -> 10.244.1.2:80" -m statistic --mode random --probability 0.5000000000 -j ${endpointChain('default/web', 'tcp', '10.244.1.2:80')}`,
      `-m comment --comment "default/web -> 10.244.2.3:80" -j ${endpointChain('default/web', 'tcp', '10.244.2.3:80')}`,
    ])
  })

  test('without endpoints is rejected, and has no chain', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports)
    const text = rules()
    expect(of(text, 'KUBE-SERVICES')[0]).toBe('-m comment --comment "default/web has no endpoints" -m tcp -p tcp -d 10.96.0.20 --dport 80 -j REJECT')
    expect(text).not.toContain('KUBE-SVC-')
  })

  test('remembers its clients when sessionAffinity is ClientIP', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports, { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } })
    putSlice(store, 'default', 'web', ports, [{ ip: '10.244.1.2' }])
    const endpoint = endpointChain('default/web', 'tcp', '10.244.1.2:80')
    const text = rules()
    expect(of(text, serviceChain('KUBE-SVC', 'default/web', 'tcp'))[1]).toBe(`-m comment --comment "default/web -> 10.244.1.2:80" -m recent --name ${endpoint} --rcheck --seconds 600 --reap -j ${endpoint}`)
    expect(of(text, endpoint)[1]).toBe(`-m comment --comment default/web -m recent --name ${endpoint} --set -m tcp -p tcp -j DNAT --to-destination 10.244.1.2:80`)
  })

  test('falls back to endpoints that terminate but still serve, only when none is ready', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports)
    const dying = { ip: '10.244.1.2', ready: false, serving: true, terminating: true }
    putSlice(store, 'default', 'web', ports, [dying, { ip: '10.244.2.3' }])
    expect(rules()).not.toContain('10.244.1.2')
    putSlice(store, 'default', 'web', ports, [dying, { ip: '10.244.2.3', ready: false }])
    expect(rules()).toContain('--to-destination 10.244.1.2:80')
    expect(rules()).not.toContain('10.244.2.3')
  })

  test('with internalTrafficPolicy Local is dropped on a node that has no endpoint', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports, { internalTrafficPolicy: 'Local' })
    putSlice(store, 'default', 'web', ports, [{ ip: '10.244.2.3', node: 'node2' }])
    expect(of(rules(), 'KUBE-SERVICES')[0]).toContain('"default/web has no local endpoints" -m tcp -p tcp -d 10.96.0.20 --dport 80 -j DROP')
    putSlice(store, 'default', 'web', ports, [{ ip: '10.244.2.3', node: 'node2' }, { ip: '10.244.1.2', node: 'node1' }])
    expect(rules()).toContain(`--dport 80 -j ${serviceChain('KUBE-SVL', 'default/web', 'tcp')}`)
    expect(rules()).not.toContain('10.244.2.3')
  })

  test('goes to the endpoints of the node\'s zone when all have a hint', () => {
    putService(store, 'default', 'web', '10.96.0.20', ports)
    putSlice(store, 'default', 'web', ports, [{ ip: '10.244.1.2', zone: 'a' }, { ip: '10.244.2.3', zone: 'b' }])
    expect(rules(undefined, { node: { ...options.node, zone: 'a' } })).not.toContain('10.244.2.3')
    expect(rules(undefined, { node: { ...options.node, zone: 'c' } })).toContain('10.244.2.3')
  })
})

test('headless and ExternalName Services have no rules', () => {
  putService(store, 'default', 'peers', 'None', [{ port: 80 }])
  putService(store, 'default', 'outside', '', [], { type: 'ExternalName', externalName: 'example.com' })
  expect(rules()).not.toMatch(/peers|outside/)
})

test('a partial sync writes the chains of the changed Services only, and the shared chains whole', () => {
  everyKind()
  const text = rules(new Set(['ns3/svc3']))
  expect([...text.matchAll(/^:(KUBE-(?:SVC|SEP|EXT)-\S+)/gm)].map((m) => m[1]).sort()).toEqual(['KUBE-EXT-X27LE4BHSL4DOUIK', 'KUBE-SEP-OYPFS5VJICHGATKP', 'KUBE-SVC-X27LE4BHSL4DOUIK'])
  expect(of(text, 'KUBE-SERVICES').length).toBe(of(rules(), 'KUBE-SERVICES').length)
})

test('above a thousand endpoints the rules lose their comments', () => {
  const ports = [{ port: 80 }]
  putService(store, 'default', 'web', '10.96.0.20', ports)
  putSlice(store, 'default', 'web', ports, Array.from({ length: 1001 }, (_, i) => ({ ip: `10.244.${1 + (i >> 8)}.${i & 255}` })))
  const text = rules()
  expect(text).not.toContain('default/web -> ')
  expect(text).toContain(`-A ${serviceChain('KUBE-SVC', 'default/web', 'tcp')} -m statistic --mode random --probability 0.0009990010 -j `)
})
