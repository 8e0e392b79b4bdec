import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, ipsetCommand, parseClusterConfig } from '../../cluster.ts'

/**
 * Debian 12's ipset and iptables as referees: Felix's sets and chains, as our node has them, are loaded into a network namespace, and
 * what the real iptables-save says of them is the same. Needs Linux, root, iptables 1.8.9 and ipset.
 */
const available = process.getuid?.() === 0 && spawnSync('unshare', ['-n', 'sh', '-c', 'iptables -V | grep -q "v1.8.9 (nf_tables)" && ipset create a hash:net && iptables -A INPUT -m set --match-set a src']).status === 0
if (!available) console.warn('SKIPPED: iptables 1.8.9 and ipset as root are not here; Felix\'s rules are not loaded into the kernel')

const ours = (saved: string): string[] => saved.split('\n').filter((l) => /^\*|cali/.test(l)).sort()

test.skipIf(!available).each([['IPIP', 'iptables', 4], ['VXLAN', 'ipvs', 4], ['None', 'iptables', 4], ['VXLAN', 'iptables', 6], ['IPIP', 'ipvs', 6]])('%s, %s: the kernel takes all chains of IPv%i, and lists them alike', (encapsulation, proxyMode, version) => {
  const families = version === 4 ? {} : { ipFamilies: ['IPv4', 'IPv6'] }
  const cluster = createCluster(parseClusterConfig({ cni: { plugin: 'calico', encapsulation }, proxyMode, nodes: 2, ...families })) as SimulatedCluster
  cluster.settle()
  const { client } = cluster
  for (const name of ['web', 'client', 'other']) {
    client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: 'worker-1', containers: [{ name: 'main', image: 'nginx', ports: [{ name: 'http', containerPort: 80 }] }] } })
  }
  const peers = [{ podSelector: { matchLabels: { app: 'client' } } }, { ipBlock: { cidr: '192.168.0.0/16', except: ['192.168.1.0/24', '192.168.2.0/24'] } }, { ipBlock: { cidr: 'fd01::/16', except: ['fd01:1::/32', 'fd01:2::/32'] } }]
  const rule = { from: peers, ports: [{ port: 'http' }, { port: 8080, endPort: 8090 }, { port: 443 }, { protocol: 'UDP', port: 53 }] }
  client.create('networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'web' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'], ingress: [rule], egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: 'http' }] }] } })
  client.create('globalnetworkpolicies.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'GlobalNetworkPolicy', metadata: { name: 'default.all' }, spec: { order: 5, selector: 'all()', ingress: [{ action: 'Log' }, { action: 'Deny', protocol: 'ICMP', icmp: { type: 8 } }, { action: 'Deny', protocol: 'ICMPv6', icmp: { type: 128 } }, { action: 'Pass', protocol: 'TCP', source: { notNets: ['10.0.0.0/8', 'fd02::/16'], nets: ['1.0.0.0/8', '2.0.0.0/8', 'fd03::/16', 'fd04::/16'] }, destination: { notPorts: [22] } }] } })
  const own = { apiVersion: 'crd.projectcalico.org/v1' }
  client.create('hostendpoints.crd.projectcalico.org', undefined, { ...own, kind: 'HostEndpoint', metadata: { name: 'eth0', labels: { host: 'one' } }, spec: { node: 'worker-1', interfaceName: 'eth0', profiles: ['projectcalico-default-allow', 'kns.default', 'ksa.default.default', 'unknown'] } })
  client.create('hostendpoints.crd.projectcalico.org', undefined, { ...own, kind: 'HostEndpoint', metadata: { name: 'rest', labels: { host: 'all' } }, spec: { node: 'worker-1', interfaceName: '*' } })
  const hosts = { order: 1, selector: 'has(host)', applyOnForward: true, ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80, '8080:8090'] } }] }
  client.create('globalnetworkpolicies.crd.projectcalico.org', undefined, { ...own, kind: 'GlobalNetworkPolicy', metadata: { name: 'default.early' }, spec: { ...hosts, doNotTrack: true, egress: [{ action: 'Allow' }] } })
  client.create('globalnetworkpolicies.crd.projectcalico.org', undefined, { ...own, kind: 'GlobalNetworkPolicy', metadata: { name: 'default.nodeports' }, spec: { ...hosts, preDNAT: true } })
  client.create('globalnetworkpolicies.crd.projectcalico.org', undefined, { ...own, kind: 'GlobalNetworkPolicy', metadata: { name: 'default.forward' }, spec: hosts })
  client.patch('felixconfigurations.crd.projectcalico.org', undefined, 'default', 'application/merge-patch+json', { spec: { logPrefix: 'seen', failsafeInboundHostPorts: [{ protocol: 'tcp', port: 22, net: '10.0.0.0/8' }, { protocol: 'tcp', port: 22, net: 'fd00::/8' }, { protocol: 'udp', port: 68 }] } })
  cluster.settle()
  const { netfilter: ipv4, netfilter6 } = cluster.nodes.get('worker-1')!.network
  const netfilter = version === 4 ? ipv4 : netfilter6
  const sets = ipsetCommand(netfilter.sets, ['save'], 0, '').stdout.replace(/ (hashsize|bucketsize|initval) \S+/g, '')
  const rules = netfilter.save().split('\n').filter((l) => !l.includes('KUBE-') || l.startsWith('*') || l.startsWith('COMMIT')).join('\n')
  const tool = version === 4 ? 'iptables' : 'ip6tables'
  const script = `ipset restore -f "$1" && ${tool}-restore "$2" && ${tool}-save`
  const real = spawnSync('unshare', ['-n', 'bash', '-c', `sets=$(mktemp); rules=$(mktemp); trap 'rm -f $sets $rules' EXIT; printf %s "$SETS" > $sets; printf '%s\\n' "$RULES" > $rules; set -- x $sets $rules; shift; ${script}`], { encoding: 'utf8', env: { ...process.env, SETS: sets, RULES: rules } })
  expect(real.stderr).toBe('')
  expect(ours(real.stdout)).toEqual(ours(rules))
})
