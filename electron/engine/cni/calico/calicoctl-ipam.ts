import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Node, Pod, Service } from '../../kubernetes/types.ts'
import { cidrContains, formatIp, ipNumber, ipVersion, isValidIp, parseCidr } from '../../network/address.ts'
import type { Answer } from './calicoctl-usage.ts'
import { calicoResource, ipamConfig, listPools, addressesOf, setIpamConfig, type IpamBlock, type IpamHandle } from './datastore.ts'
import { Ipam, ordinalOf } from './ipam.ts'

/** calicoctl ipam show and check (calicoctl/calicoctl/commands/ipam of v3.30.3). */
export function showUtilization(client: KubernetesClient, showBlocks: boolean): Answer {
  const blocks = client.list<IpamBlock>(calicoResource('ipamblocks')).items
  const row = (kind: string, cidr: string, used: number, capacity: number): string[] => {
    const share = (n: number): string => `${short(n)} (${Math.round((100 * n) / capacity)}%)`
    return [kind, cidr, short(capacity), share(used), share(capacity - used)]
  }
  const used = (b: IpamBlock): number => b.spec.allocations.length - b.spec.unallocated.length
  const rows = listPools(client).flatMap(({ spec: { cidr } }) => {
    const own = blocks.filter((b) => cidrContains(cidr, b.spec.cidr.split('/')[0]!))
    return [row('IP Pool', cidr, own.reduce((sum, b) => sum + used(b), 0), 2 ** ((cidr.includes(':') ? 128 : 32) - parseCidr(cidr).length)), ...(showBlocks ? own.map((b) => row('Block', b.spec.cidr, used(b), b.spec.allocations.length)) : [])]
  })
  return { stdout: boxed(['GROUPING', 'CIDR', 'IPS TOTAL', 'IPS IN USE', 'IPS FREE'], rows) }
}

/** Go's %.5g for whole numbers. */
function short(n: number): string {
  return n < 1e5 ? String(n) : n.toExponential(4).replace(/\.?0+e/, 'e').replace(/e\+(\d)$/, 'e+0$1')
}

export function showIp(client: KubernetesClient, ip: string): Answer {
  if (!isValidIp(ip)) return { stdout: `Error executing command: invalid IP address specified: ${ip}\n`, code: 1 }
  for (const { spec } of client.list<IpamBlock>(calicoResource('ipamblocks')).items) {
    if (!cidrContains(spec.cidr, ip)) continue
    const index = spec.allocations[ordinalOf(spec.cidr, ip)]
    if (index === null || index === undefined) break
    const attributes = Object.entries(spec.attributes[index]?.secondary ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    return { stdout: `IP ${ip} is in use\n${attributes.length > 0 ? `Attributes:\n${attributes.map(([k, v]) => `  ${k}: ${v}\n`).join('')}` : 'No attributes defined\n'}` }
  }
  return { stdout: `${ip} is not assigned\n` }
}

interface Allocation { ip: string; handle: string | undefined; node: string; owner: string; secondary: Readonly<Record<string, string>> }

function allocationsOf({ spec }: IpamBlock): Allocation[] {
  const owner = spec.affinity?.replace(/^host:/, '') ?? ''
  const first = spec.cidr.split('/')[0]!
  return spec.allocations.flatMap((index, ordinal) => {
    if (index === null) return []
    const { handle_id: handle, secondary = {} } = spec.attributes[index] ?? {}
    return [{ ip: formatIp(ipNumber(first) + BigInt(ordinal), ipVersion(first)!), handle, node: secondary['node'] ?? owner, owner, secondary }]
  })
}

export function showBorrowed(client: KubernetesClient): Answer {
  const rows = client.list<IpamBlock>(calicoResource('ipamblocks')).items.flatMap((b) => allocationsOf(b).filter((a) => a.node !== a.owner).map(({ ip, node, owner, secondary }) => {
    const pod = secondary['pod']
    return [ip, node, b.spec.cidr, owner, pod === undefined ? (secondary['type'] ?? '') : 'pod', pod === undefined ? '' : `${secondary['namespace'] ?? ''}/${pod}`]
  }))
  return { stdout: boxed(['IP', 'BORROWING-NODE', 'BLOCK', 'BLOCK OWNER', 'TYPE', 'ALLOCATED-TO'], rows) }
}

export function showConfiguration(client: KubernetesClient): Answer {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost } = ipamConfig(client)
  return { stdout: boxed(['PROPERTY', 'VALUE'], [['StrictAffinity', String(strictAffinity)], ['AutoAllocateBlocks', String(autoAllocateBlocks)], ['MaxBlocksPerHost', String(maxBlocksPerHost)]]) }
}

/** ipam configure; `strict` as strconv.ParseBool reads it. */
export function configure(client: KubernetesClient, strict: string, blocks: string | undefined): Answer {
  const failed = (text: string): Answer => ({ stderr: `${text}\n`, code: 1 })
  const enabled = /^(1|t|T|TRUE|true|True)$/.test(strict) ? true : /^(0|f|F|FALSE|false|False)$/.test(strict) ? false : undefined
  if (enabled === undefined) return failed('Invalid value. Use true or false to set strictaffinity')
  if (blocks !== undefined && blocks !== '' && !/^[+-]?\d+$/.test(blocks)) return failed('Invalid value for maxblockhost. Use a valid number')
  const most = blocks === undefined || blocks === '' ? undefined : Number(blocks)
  const error = setIpamConfig(client, { strictAffinity: enabled, ...(most === undefined ? {} : { maxBlocksPerHost: most }) })
  if (error !== undefined) return failed(`Error: ${error}`)
  return { stdout: `Successfully set StrictAffinity to: ${enabled}\n${most === undefined ? '' : `Successfully set MaxBlocksPerHost to: ${most}\n`}` }
}

/** ipam release --ip. Nothing happens to who has the address. */
export function releaseIp(client: KubernetesClient, ip: string): Answer {
  if (!isValidIp(ip)) return { stdout: `Error executing command: invalid IP address specified: ${ip}\n`, code: 1 }
  return new Ipam(client).releaseAddress(ip) ? { stdout: `Successfully released IP address ${ip}\n` } : { stderr: `IP address ${ip} is not assigned\n`, code: 1 }
}

/** What IPAM has given away against what Kubernetes uses. */
export function check(client: KubernetesClient, all: boolean, problems: boolean): Answer {
  const lines: string[] = []
  const say = (...more: string[]): void => void lines.push(...more)
  const inUse = new Map<string, string[]>()
  const use = (ip: string, by: string): void => {
    if (all) say(`  ${ip} belongs to ${by}`)
    inUse.set(ip, [...(inUse.get(ip) ?? []), by])
  }
  const allocated = new Map<string, Allocation>()
  const perNode = new Map<string, number>()
  const blocks = client.list<IpamBlock>(calicoResource('ipamblocks')).items
  const attributes = (a: Allocation): string => `Main:${a.handle ?? '<none>'} Extra:${Object.keys(a.secondary).sort().map((k) => `${k}=${a.secondary[k]!}`).join(',')}`
  say('Checking IPAM for inconsistencies...', '', 'Loading all IPAM blocks...', `Found ${blocks.length} IPAM blocks.`)
  for (const b of blocks) {
    say(` IPAM block ${b.spec.cidr} affinity=${b.spec.affinity ?? '<none>'}:`)
    for (const a of allocationsOf(b)) {
      allocated.set(a.ip, a)
      perNode.set(a.node, (perNode.get(a.node) ?? 0) + 1)
      if (all) say(`  ${a.ip} allocated; attrs ${attributes(a)}`)
    }
  }
  say(`IPAM blocks record ${allocated.size} allocations.`, '', 'Loading all IPAM pools...')
  const pools = listPools(client).filter((p) => p.spec.disabled !== true).map((p) => p.spec.cidr)
  say(...pools.map((p) => `  ${p}`), `Found ${pools.length} active IP pools.`, '', 'Loading all nodes.')
  let tunnels = 0
  for (const { metadata: { name, annotations } } of client.list<Node>('nodes').items) {
    for (const key of ['IPv4VXLANTunnelAddr', 'IPv6VXLANTunnelAddr', 'IPv4WireguardInterfaceAddr', 'IPv4IPIPTunnelAddr']) {
      const ip = annotations?.[`projectcalico.org/${key}`]
      if (ip === undefined) continue
      tunnels++
      use(ip, `Node(${name})`)
    }
  }
  say(`Found ${tunnels} node tunnel IPs.`, '', 'Loading all service load balancer IPs.')
  const balanced = client.list<Service>('services').items.filter((s) => s.spec.type === 'LoadBalancer' && (s.spec.loadBalancerClass ?? 'calico') === 'calico')
  for (const s of balanced) for (const { ip } of s.status?.loadBalancer?.ingress ?? []) if (ip !== undefined) use(ip, s.metadata.name)
  say(`Found ${balanced.length} service load balancer(s).`, '', 'Loading all workload endpoints.')
  let workloads = 0
  for (const pod of client.list<Pod>('pods').items) {
    const { metadata: { namespace, name }, spec, status } = pod
    if (spec.hostNetwork || !spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') continue
    for (const ip of addressesOf(pod)) {
      workloads++
      use(ip, `Workload(${namespace}/${[spec.nodeName, 'k8s', name, 'eth0'].map((p) => p.replaceAll('-', '--')).join('-')})`)
    }
  }
  say(`Found ${workloads} workload IPs.`, `Workloads and nodes are using ${inUse.size} IPs.`, '', 'Loading all handles')
  const handles = new Set(client.list<IpamHandle>(calicoResource('ipamhandles')).items.map((h) => h.spec.handleID))
  const ranked = [...perNode].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  say('Looking for top (up to 20) nodes by allocations...', ...ranked.slice(0, 20).map(([node, n]) => `  ${node} has ${n} allocations`))
  if (ranked.length > 0) say(`Node with most allocations has ${ranked[0]![1]}; median is ${ranked[Math.floor(ranked.length / 2)]![1]}`)
  say('', 'Scanning for IPs that are allocated but not actually in use...')
  const leaked = [...allocated.values()].filter((a) => !inUse.has(a.ip))
  if (problems) say(...leaked.map((a) => `  ${a.ip} leaked; attrs ${attributes(a)}`))
  say(`Found ${leaked.length} IPs that are allocated in IPAM but not actually in use.`, 'Scanning for IPs that are in use by a workload or node but not allocated in IPAM...')
  let [foreign, lost] = [0, 0]
  for (const [ip, owners] of inUse) {
    if (problems && owners.length > 1) say(`  ${ip} has multiple owners.`)
    if (allocated.has(ip)) continue
    const inPool = pools.some((p) => cidrContains(p, ip))
    if (inPool) lost++
    else foreign++
    if (problems) say(...owners.map((o) => (inPool ? `  ${ip} in use by ${o} and in active IPAM pool but has no IPAM allocation.` : `  ${ip} in use by ${o} is not in any active IP pool.`)))
  }
  say(`Found ${foreign} in-use IPs that are not in active IP pools.`, `Found ${lost} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.`, '', 'Scanning for IPAM handles with no matching IPs...')
  const used = new Set([...allocated.values()].flatMap((a) => (a.handle === undefined ? [] : [a.handle])))
  const empty = [...handles].filter((h) => !used.has(h))
  if (all) say(...empty.map((h) => `  ${h} doesn't have any active IPs.`))
  say(`Found ${empty.length} handles with no matching IPs (and ${handles.size - empty.length} handles with matches).`, 'Scanning for IPs with missing handle...')
  const missing = [...used].filter((h) => !handles.has(h))
  if (problems) say(...missing.map((h) => `  ${h} is in use in a block but doesn't exist.`))
  say(`Found ${missing.length} handles mentioned in blocks with no matching handle resource.`, `Check complete; found ${leaked.length + foreign + lost + empty.length} problems.`)
  return { stdout: `${lines.join('\n')}\n` }
}

/** The frames of olekukonko/tablewriter: headers in the middle, numbers on the right. */
export function boxed(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)))
  const line = `+${widths.map((w) => '-'.repeat(w + 2)).join('+')}+\n`
  const centered = (text: string, width: number): string => text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width)
  const cell = (text: string, width: number): string => (/^-?[0-9.]+(e\+\d+)?$/.test(text) && !/\..*\./.test(text) ? text.padStart(width) : text.padEnd(width))
  const row = (cells: readonly string[], put: (text: string, width: number) => string): string => `| ${cells.map((c, i) => put(c, widths[i]!)).join(' | ')} |\n`
  return line + row(header, centered) + line + rows.map((r) => row(r, cell)).join('') + line
}
