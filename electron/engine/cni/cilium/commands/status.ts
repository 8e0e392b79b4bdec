import { prefixLength } from '../../../network/address.ts'
import { CAPACITY } from '../hubble/flows.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { words, type Command } from './context.ts'

/** `cilium-dbg status` (pkg/client/client.go of v1.17, FormatStatusResponse). */
export const status: Command = ({ agent, datapath: dp }, args) => {
  const { flags } = words(args, ['--brief', '--verbose', '--all-addresses', '--all-redirects', '--all-nodes', '--all-clusters', '--timeout='], 'status')
  if (flags.has('--brief')) return 'OK\n'
  const row = (name: string, text: string): string => `${`${name}:`.padEnd(25)}${text}\n`
  const addresses = dp.families.length === 1 && dp.families[0]!.version === 4 ? [dp.nodeIp] : dp.device.addresses.map((a) => a.address)
  const enabled = (version: 4 | 6): string => (dp.families.some((f) => f.version === version) ? 'Enabled' : 'Disabled')
  const used = dp.endpoints.size + 1
  const rules = agent.proxyPorts ? `${agent.proxyPorts.ingress}-${agent.proxyPorts.egress}` : ''
  const proxied = [...dp.endpoints.values()].reduce((n, e) => n + (['ingress', 'egress'] as const).filter((d) => e.policy.rules[d].some((r) => r.http)).length, 0)
  const verbose = flags.has('--verbose')
  const allocated = [...dp.families.map(({ routerIp }) => [routerIp, 'router']), ...[...dp.endpoints.values()].flatMap((e) => e.ips.map((ip) => [ip, e.pod]))].sort(([a], [b]) => (a! < b! ? -1 : 1))
  return [
    row('KVStore', 'Disabled'),
    row('Kubernetes', 'Ok         1.33 (v1.33.1) [linux/amd64]'),
    row('Kubernetes APIs', '["EndpointSliceOrEndpoint", "cilium/v2::CiliumClusterwideNetworkPolicy", "cilium/v2::CiliumEndpoint", "cilium/v2::CiliumNetworkPolicy", "cilium/v2::CiliumNode", "core/v1::Namespace", "core/v1::Pods", "core/v1::Service", "networking.k8s.io/v1::NetworkPolicy"]'),
    row('KubeProxyReplacement', dp.replacesProxy ? `True   [${dp.device.name}   ${addresses.join(' ')} (Direct Routing)]` : 'False'),
    row('Host firewall', dp.self?.firewall ? `Enabled   [${dp.device.name}]` : 'Disabled'),
    row('SRv6', 'Disabled'),
    row('CNI Chaining', 'none'),
    row('CNI Config file', 'successfully wrote CNI configuration file to /host/etc/cni/net.d/05-cilium.conflist'),
    row('Cilium', `Ok   ${CILIUM_VERSION.slice(1)} (${CILIUM_VERSION})`),
    row('NodeMonitor', 'Listening for events on 2 CPUs with 64x4096 of shared memory'),
    row('IPAM', dp.families.map((f) => `IPv${f.version}: ${used}/${2n ** BigInt((f.version === 4 ? 32 : 128) - prefixLength(f.podCidr)) - 2n} allocated from ${f.podCidr},`).join(' ')),
    verbose || flags.has('--all-addresses') ? `Allocated addresses:\n${allocated.map(([ip, owner]) => `  ${ip!} (${owner!})\n`).join('')}` : '',
    row('IPv4 BIG TCP', 'Disabled'),
    row('IPv6 BIG TCP', 'Disabled'),
    row('BandwidthManager', 'Disabled'),
    row('Routing', `Network: ${dp.tunnels ? 'Tunnel [vxlan]' : 'Native'}   Host: ${dp.replacesProxy ? 'BPF' : 'Legacy'}`),
    row('Attach Mode', 'TCX'),
    row('Device Mode', 'veth'),
    row('Masquerading', `BPF   [${dp.device.name}]   ${dp.families.map((f) => f.clusterCidr).join(' ')} [IPv4: ${enabled(4)}, IPv6: ${enabled(6)}]`),
    row('Proxy Status', `OK, ip ${dp.routerIp}, ${proxied} redirects active on ports ${rules}, Envoy: external`),
    row('Global Identity Range', 'min 256, max 65535'),
    row('Hubble', !dp.flows.enabled ? 'Disabled' : `Ok   Current/Max Flows: ${dp.flows.size}/${CAPACITY} (${((dp.flows.size / CAPACITY) * 100).toFixed(2)}%), Flows/s: ${(dp.flows.seen / Math.max((dp.now - (dp.flows.since ?? dp.now)) / 1000, 0.001)).toFixed(2)}   Metrics: Disabled`),
    verbose && dp.replacesProxy ? proxyDetails(`${dp.device.name}   ${addresses.join(' ')} (Direct Routing)`, `${dp.context.config.nodePortRange.from}-${dp.context.config.nodePortRange.to}`) : '',
    row('Encryption', 'Disabled'),
    row('Cluster health', 'Probe disabled'),
  ].join('')
}

/** What replaces kube-proxy, of --verbose. */
function proxyDetails(devices: string, range: string): string {
  const rows = [['Status', 'True'], ['Socket LB', 'Enabled'], ['Socket LB Tracing', 'Enabled'], ['Socket LB Coverage', 'Full'], ['Devices', devices], ['Mode', 'SNAT'], ['Backend Selection', 'Random'], ['Session Affinity', 'Enabled'], ['NAT46/64 Support', 'Disabled'], ['XDP Acceleration', 'Disabled']]
  const services = [['ClusterIP', 'Enabled'], ['NodePort', `Enabled (Range: ${range}) `], ['LoadBalancer', 'Enabled '], ['externalIPs', 'Enabled '], ['HostPort', 'Enabled']]
  return `KubeProxyReplacement Details:\n${rows.map(([name, text]) => `  ${`${name!}:`.padEnd(23)}${text!}\n`).join('')}  Services:\n${services.map(([name, text]) => `  - ${`${name!}:`.padEnd(16)}${text!}\n`).join('')}`
}
