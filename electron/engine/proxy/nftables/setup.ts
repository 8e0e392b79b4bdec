import { MAPS, type RuleOptions } from './port-rules.ts'

const MARK = '0x00004000'

const BASE_CHAINS: readonly [name: string, type: string, hook: string, priority: number][] = [
  ['filter-prerouting', 'filter', 'prerouting', -110],
  ['filter-input', 'filter', 'input', -110],
  ['filter-forward', 'filter', 'forward', -110],
  ['filter-output', 'filter', 'output', -110],
  ['filter-output-post-dnat', 'filter', 'output', -90],
  ['nat-prerouting', 'nat', 'prerouting', -100],
  ['nat-output', 'nat', 'output', -100],
  ['nat-postrouting', 'nat', 'postrouting', 100],
]

const JUMPS: readonly [to: string, from: string, condition: string][] = [
  ['nodeport-endpoints-check', 'filter-input', 'ct state new '],
  ['service-endpoints-check', 'filter-input', 'ct state new '],
  ['service-endpoints-check', 'filter-forward', 'ct state new '],
  ['service-endpoints-check', 'filter-output', 'ct state new '],
  ['firewall-check', 'filter-prerouting', 'ct state new '],
  ['firewall-check', 'filter-output', 'ct state new '],
  ['services', 'nat-output', ''],
  ['services', 'nat-prerouting', ''],
  ['masquerading', 'nat-postrouting', ''],
  ['cluster-ips-check', 'filter-forward', 'ct state new '],
  ['cluster-ips-check', 'filter-output-post-dnat', 'ct state new '],
]

const MAP_COMMENTS: Readonly<Record<(typeof MAPS)[number], string>> = {
  'no-endpoint-services': 'vmap to drop or reject packets to services with no endpoints',
  'no-endpoint-nodeports': 'vmap to drop or reject packets to service nodeports with no endpoints',
  'firewall-ips': 'destinations that are subject to LoadBalancerSourceRanges',
  'service-ips': 'ClusterIP, ExternalIP and LoadBalancer IP traffic',
  'service-nodeports': 'NodePort traffic',
}

/**
 * What all Services share, written at every full sync: setupNFTables of pkg/proxy/nftables/proxier.go of Kubernetes
 * v1.33. `first`: base chains that are there are made anew, for their priorities cannot be changed.
 */
export function setupLines(options: RuleOptions, first: boolean): string[] {
  const ip = options.family === 4 ? 'ip' : 'ip6'
  const address = options.family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const table = `${ip} kube-proxy`
  const lines = [`add table ${table} { comment "rules for kube-proxy" ; }`]
  const made = new Set<string>()
  const ensure = (chain: string): void => {
    if (made.has(chain)) return
    made.add(chain)
    lines.push(`add chain ${table} ${chain}`, `flush chain ${table} ${chain}`)
  }
  const rule = (chain: string, text: string): void => {
    lines.push(`add rule ${table} ${chain} ${text}`)
  }
  const map = (name: (typeof MAPS)[number], type: string): void => {
    lines.push(`add map ${table} ${name} { type ${type} : verdict ; comment "${MAP_COMMENTS[name]}" ; }`)
  }
  if (first) for (const [name] of BASE_CHAINS) lines.push(`add chain ${table} ${name}`, `delete chain ${table} ${name}`)
  for (const [name, type, hook, priority] of BASE_CHAINS) lines.push(`add chain ${table} ${name} { type ${type} hook ${hook} priority ${priority} ; }`, `flush chain ${table} ${name}`)
  for (const [to, from, condition] of JUMPS) {
    ensure(to)
    rule(from, `${condition}jump ${to}`)
  }
  for (const chain of ['services', 'cluster-ips-check', 'masquerading', 'mark-for-masquerade']) ensure(chain)
  rule('mark-for-masquerade', `mark set mark or ${MARK}`)
  rule('masquerading', `mark and ${MARK} == 0 return`)
  rule('masquerading', `mark set mark xor ${MARK}`)
  rule('masquerading', 'masquerade fully-random')
  lines.push(`add set ${table} cluster-ips { type ${address} ; comment "Active ClusterIPs" ; }`)
  rule('cluster-ips-check', `${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`)
  if (options.serviceCIDRs.length > 0) rule('cluster-ips-check', `${ip} daddr { ${options.serviceCIDRs.join(',')} } drop comment "Drop traffic to unallocated ClusterIPs"`)
  const all = options.nodePortIps === 'all'
  const nodePort = all ? `fib daddr type local ${ip} daddr != ${options.family === 4 ? '127.0.0.0/8' : '::1'}` : `${ip} daddr @nodeport-ips`
  if (!all) lines.push(`add set ${table} nodeport-ips { type ${address} ; comment "IPs that accept NodePort traffic" ; }`, `flush set ${table} nodeport-ips`)
  // Without --nodeport-addresses this mode takes the node's primary addresses only.
  if (Array.isArray(options.nodePortIps)) for (const address of options.nodePortIps as readonly string[]) lines.push(`add element ${table} nodeport-ips { ${address} }`)
  else if (!all && options.node.ip !== '') lines.push(`add element ${table} nodeport-ips { ${options.node.ip} }`)
  map('no-endpoint-services', `${address} . inet_proto . inet_service`)
  map('no-endpoint-nodeports', 'inet_proto . inet_service')
  lines.push(`add chain ${table} reject-chain { comment "helper for @no-endpoint-services / @no-endpoint-nodeports" ; }`, `flush chain ${table} reject-chain`)
  rule('reject-chain', 'reject')
  rule('service-endpoints-check', `${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services`)
  rule('nodeport-endpoints-check', `${nodePort} meta l4proto . th dport vmap @no-endpoint-nodeports`)
  map('firewall-ips', `${address} . inet_proto . inet_service`)
  ensure('firewall-check')
  rule('firewall-check', `${ip} daddr . meta l4proto . th dport vmap @firewall-ips`)
  map('service-ips', `${address} . inet_proto . inet_service`)
  map('service-nodeports', 'inet_proto . inet_service')
  rule('services', `${ip} daddr . meta l4proto . th dport vmap @service-ips`)
  rule('services', `${nodePort} meta l4proto . th dport vmap @service-nodeports`)
  lines.push(`flush set ${table} cluster-ips`)
  for (const name of ['service-ips', 'firewall-ips', 'no-endpoint-services', 'no-endpoint-nodeports', 'service-nodeports'] as const) lines.push(`flush map ${table} ${name}`)
  return lines
}
