import { beforeEach, expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ObjectStore } from '../../cni/objects.samples.ts'
import { Nftables } from '../../network/nftables/nftables.ts'
import { ServiceCache } from '../cache.ts'
import { putService, putSlice } from '../services.samples.ts'
import { endpointName, serviceChain } from './names.ts'
import { portRules, type PortRules, type RuleOptions } from './port-rules.ts'
import { setupLines } from './setup.ts'

let clock: Clock
let store: ObjectStore
const options: RuleOptions = { node: { name: 'node1', zone: '', ip: '192.168.0.2' }, clusterCIDR: '10.0.0.0/8', serviceCIDRs: ['172.30.0.0/16'], masqueradeAll: false, family: 4 }

beforeEach(() => {
  clock = new Clock({ seed: 1 })
  store = new ObjectStore(clock)
})

function rules(more: Partial<RuleOptions> = {}): PortRules[] {
  const cache = new ServiceCache(store.client, 4, () => undefined)
  const all = [...cache.services.keys()].sort().flatMap((s) => cache.services.get(s)!.map((port) => portRules(port, cache.endpointsOf(port), { ...options, ...more })))
  cache.stop()
  return all
}

/** As a transaction of upstream's tests, in its order: tables, chains, rules, sets, maps, elements, each by name. */
function transaction(): string {
  const lines = setupLines(options, false).filter((l) => !l.startsWith('flush'))
  for (const { chains, affinity, elements } of rules()) {
    for (const [chain, texts] of chains) lines.push(`add chain ip kube-proxy ${chain}`, ...texts.map((t) => `add rule ip kube-proxy ${chain} ${t}`))
    for (const [set, seconds] of affinity) lines.push(`add set ip kube-proxy ${set} { type ipv4_addr ; flags dynamic,timeout ; timeout ${seconds}s ; }`)
    for (const e of elements) lines.push(`add element ip kube-proxy ${e.container} { ${e.key}${e.comment === undefined ? '' : ` comment "${e.comment}"`}${e.value === '' ? '' : ` : ${e.value}`} }`)
  }
  const order = ['table', 'chain', 'rule', 'set', 'map', 'element']
  const kind = (l: string): number => order.indexOf(l.split(' ')[1]!)
  const name = (l: string): string => (l.split(' ')[1] === 'table' ? '' : l.split(' ')[4]!)
  return lines
    .map((line, i) => ({ line, i }))
    .sort((a, b) => kind(a.line) - kind(b.line) || (name(a.line) < name(b.line) ? -1 : name(a.line) > name(b.line) ? 1 : kind(a.line) === 2 ? a.i - b.i : a.line < b.line ? -1 : 1))
    .map(({ line }) => `${line}\n`)
    .join('')
}

test('chains have the names of upstream\'s own tests', () => {
  const port = { service: 'ns1/svc1', portName: 'p80', protocol: 'tcp' } as const
  expect(serviceChain('service', port)).toBe('service-ULMVA6XW-ns1/svc1/tcp/p80')
  expect(endpointName('endpoint', port as never, { ip: '10.180.0.1', port: 80 })).toBe('endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80')
  expect(endpointName('endpoint', port as never, { ip: 'fd00:10:180::1', port: 80 })).toBe('endpoint-ZVRFLKHO-ns1/svc1/tcp/p80__fd00.10.180..1/80')
})

/** One Service of each kind, as in TestOverallNFTablesRules of upstream's proxier_test.go. */
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
  putService(store, 'ns5', 'svc5', '172.30.0.45', [{ ...p80[0]!, nodePort: 3002 }], { type: 'LoadBalancer', loadBalancerSourceRanges: [' 203.0.113.0/25'], sessionAffinity: 'ClientIP' }, ['5.6.7.8'])
  putSlice(store, 'ns5', 'svc5', p80, [{ ip: '10.180.0.3' }])
  putService(store, 'ns6', 'svc6', '172.30.0.46', p80)
}

test('one Service of each kind gives the transaction that kube-proxy v1.33 writes', async () => {
  everyKind()
  await expect(transaction()).toMatchFileSnapshot('./samples/every-kind.nft')
})

test('and nft takes it, and lists it back', async () => {
  everyKind()
  const nft = new Nftables(clock, () => undefined)
  expect(nft.run(transaction().replaceAll(/^(add (?:rule|element).*\n)/gm, '') + transaction().replaceAll(/^add (?!rule|element).*\n/gm, ''), { file: 'x' })).toEqual({ code: 0, stdout: '', stderr: '' })
  await expect(nft.run('list ruleset').stdout).toMatchFileSnapshot('./samples/every-kind.list')
})
