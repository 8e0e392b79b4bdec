import { ConnectionError, StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, NetworkPolicy, Node, Pod } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import { cidrContains, isValidIp, parseCidr } from '../../network/address.ts'
import type { SystemServices } from '../../programs/types.ts'
import { ADDRESS_ANNOTATIONS, birdError, type Bird } from './bird.ts'
import { singleAddress } from './calico.ts'
import { addressesOf, calicoResource, listPools, type IpamBlock } from './datastore.ts'
import { ordinalOf } from './ipam.ts'
import { CALICO_VERSION, workloadInterface } from './names.ts'

/** calicoctl v3.30 (calicoctl/calicoctl): get, node status, ipam show, version; on nodes, on the laptop and in calico/ctl. */
interface Options { words: string[]; wide: boolean; namespace: string | undefined; all: boolean; flags: Set<string>; ip: string | undefined }
type Answer = { stdout?: string; stderr?: string; code?: number }

const KINDS: Readonly<Record<string, string>> = {
  node: 'node', nodes: 'node', no: 'node', nos: 'node', ippool: 'ippool', ippools: 'ippool', ipp: 'ippool', ipps: 'ippool', workloadendpoint: 'wep', workloadendpoints: 'wep', wep: 'wep', weps: 'wep',
  networkpolicy: 'policy', networkpolicies: 'policy', policy: 'policy', np: 'policy', policies: 'policy', pol: 'policy', pols: 'policy', globalnetworkpolicy: 'gnp', globalnetworkpolicies: 'gnp', gnp: 'gnp', gnps: 'gnp',
}
const SUPPORTED = 'use get nodes|ippools|workloadEndpoints|networkPolicies|globalNetworkPolicies [-o wide], node status, ipam show [--show-blocks|--ip=IP], version; kubectl for everything else'

export function calicoctl(services: SystemServices, bird: (node: string) => { running: boolean; birds: readonly Bird[] } | undefined): Program {
  return function* (process) {
    const options = parse(process.argv.slice(1))
    let answer: Answer
    try {
      answer = typeof options === 'string' ? unsupported(options) : run(services.client, options, () => {
        const node = services.nodeOf(process)?.name ?? process.network.name
        return nodeStatus(process.user.uid, bird(node), (at) => process.clock.wall() - process.clock.now + at)
      })
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
      answer = { stdout: `Failed to get resources: ${error.message}\n`, code: 1 }
    }
    yield* process.print(answer.stdout ?? '')
    yield* process.printError(answer.stderr ?? '')
    return answer.code ?? 0
  }
}

function unsupported(what: string): Answer {
  return { stderr: `podhop: not simulated: calicoctl ${what} (${SUPPORTED})\n`, code: 69 }
}

/** The options, or what of them is not simulated. */
function parse(args: readonly string[]): Options | string {
  const options: Options = { words: [], wide: false, namespace: undefined, all: false, flags: new Set(), ip: undefined }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-o' || arg === '--output' || arg.startsWith('-o') || arg.startsWith('--output=')) {
      const format = arg === '-o' || arg === '--output' ? args[++i] : arg.replace(/^(-o=?|--output=)/, '')
      if (format === 'wide') options.wide = true
      else if (format !== 'ps') return `-o ${format ?? ''}`
    } else if (arg === '-n' || arg === '--namespace') options.namespace = args[++i]
    else if (arg.startsWith('--namespace=')) options.namespace = arg.slice(12)
    else if (arg === '-a' || arg === '--all-namespaces' || arg === '-A') options.all = true
    else if (arg.startsWith('--ip=')) options.ip = arg.slice(5)
    else if (arg === '--ip') options.ip = args[++i]
    else if (arg === '--show-blocks' || arg === '--allow-version-mismatch') options.flags.add(arg)
    else if (arg.startsWith('-')) return arg
    else options.words.push(arg)
  }
  return options
}

function run(client: KubernetesClient, options: Options, status: () => Answer): Answer {
  const [verb, what = '', ...names] = options.words
  if (verb === 'version') return { stdout: `Client Version:    ${CALICO_VERSION}\nGit commit:        3302e8bfd\nCluster Version:   ${CALICO_VERSION}\nCluster Type:      k8s,bgp,kubeadm,kdd\n` }
  if (verb === 'node' && what === 'status') return status()
  if (verb === 'ipam' && what === 'show') return options.ip === undefined ? utilization(client, options.flags.has('--show-blocks')) : showIp(client, options.ip)
  const kind = KINDS[what.toLowerCase()]
  if (verb === 'get' && kind !== undefined) return get(client, kind, names, options)
  return unsupported(options.words.join(' '))
}

// ---- get -----------------------------------------------------------------------------------------------------

function get(client: KubernetesClient, kind: string, names: readonly string[], options: Options): Answer {
  const scope = options.all ? {} : { namespace: options.namespace ?? 'default' }
  const known: { key: string; namespace?: string; row: Record<string, string> }[] = []
  let columns: string[]
  if (kind === 'node') {
    columns = options.wide ? ['NAME', 'ASN', 'IPV4', 'IPV6'] : ['NAME']
    for (const { metadata } of client.list<Node>('nodes').items) known.push({ key: metadata.name, row: { NAME: metadata.name, ASN: '(64512)', IPV4: metadata.annotations?.[ADDRESS_ANNOTATIONS[4]] ?? '', IPV6: metadata.annotations?.[ADDRESS_ANNOTATIONS[6]] ?? '' } })
  } else if (kind === 'ippool') {
    columns = options.wide ? ['NAME', 'CIDR', 'NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT', 'SELECTOR'] : ['NAME', 'CIDR', 'SELECTOR']
    for (const { metadata: { name }, spec } of listPools(client)) {
      known.push({ key: name, row: { NAME: name, CIDR: spec.cidr, NAT: String(spec.natOutgoing ?? false), IPIPMODE: spec.ipipMode ?? 'Never', VXLANMODE: spec.vxlanMode ?? 'Never', DISABLED: String(spec.disabled ?? false), DISABLEBGPEXPORT: String(spec.disableBGPExport ?? false), SELECTOR: spec.nodeSelector ?? 'all()' } })
    }
  } else if (kind === 'wep') {
    columns = options.wide ? ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'] : ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE']
    for (const pod of client.list<Pod>('pods', scope).items) known.push(...endpointOf(pod))
  } else if (kind === 'policy') {
    columns = options.wide ? ['NAME', 'TIER', 'ORDER', 'SELECTOR'] : ['NAME', 'TIER']
    for (const { metadata, spec } of client.list<Policy>(calicoResource('networkpolicies'), scope).items) known.push({ key: metadata.name, namespace: metadata.namespace!, row: policyRow(metadata.name, spec) })
    for (const { metadata, spec } of client.list<NetworkPolicy>('networkpolicies', scope).items) {
      const labels = Object.entries(spec.podSelector?.matchLabels ?? {}).sort().map(([k, v]) => `${k} == '${v}'`)
      const selector = ["projectcalico.org/orchestrator == 'k8s'", ...labels].join(' && ')
      known.push({ key: `knp.default.${metadata.name}`, namespace: metadata.namespace, row: policyRow(`knp.default.${metadata.name}`, { order: 1000, selector }) })
    }
  } else {
    columns = options.wide ? ['NAME', 'TIER', 'ORDER', 'SELECTOR'] : ['NAME', 'TIER']
    for (const { metadata, spec } of client.list<Policy>(calicoResource('globalnetworkpolicies')).items) known.push({ key: metadata.name, row: policyRow(metadata.name, spec) })
  }
  const spaced = options.all && (kind === 'wep' || kind === 'policy')
  const rows = names.length === 0 ? known : known.filter((k) => names.includes(k.key))
  const missing = names.filter((n) => !known.some((k) => k.key === n))
  if (missing.length > 0) return { stdout: `Failed to get resources: resource does not exist: ${KIND_NAMES[kind]!}(${missing[0]!}) with error: <nil>\n`, code: 1 }
  const header = spaced ? ['NAMESPACE', ...columns] : columns
  return { stdout: `${tabbed([header, ...rows.map((r) => header.map((c) => (c === 'NAMESPACE' ? (r.namespace ?? '') : (r.row[c] ?? ''))))])}\n` }
}

interface Policy extends KubeObject { spec: { order?: number; selector?: string; tier?: string } }

const KIND_NAMES: Readonly<Record<string, string>> = { node: 'Node', ippool: 'IPPool', wep: 'WorkloadEndpoint', policy: 'NetworkPolicy', gnp: 'GlobalNetworkPolicy' }

function policyRow(name: string, { order, selector, tier }: Policy['spec']): Record<string, string> {
  return { NAME: name, TIER: tier ?? 'default', ORDER: order === undefined ? '<no value>' : String(order), SELECTOR: selector ?? '' }
}

function endpointOf({ metadata, spec, status }: Pod): { key: string; namespace: string; row: Record<string, string> }[] {
  const ips = addressesOf({ metadata, spec, status } as Pod)
  if (spec.hostNetwork || ips.length === 0 || !spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') return []
  const dashed = (text: string): string => text.replaceAll('-', '--')
  const key = `${dashed(spec.nodeName)}-k8s-${dashed(metadata.name)}-eth0`
  const profiles = `kns.${metadata.namespace},ksa.${metadata.namespace}.${spec.serviceAccountName ?? 'default'}`
  return [{ key, namespace: metadata.namespace, row: { NAME: key, WORKLOAD: metadata.name, NODE: spec.nodeName, NETWORKS: ips.map(singleAddress).join(','), INTERFACE: workloadInterface(metadata.namespace, metadata.name), PROFILES: profiles, NATS: '' } }]
}

/** text/tabwriter with a minimum of five and three blanks between, also behind the last column. */
function tabbed(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(5, ...rows.map((r) => r[i]!.length + 3)))
  return rows.map((r) => `${r.map((cell, i) => cell.padEnd(widths[i]!)).join('')}\n`).join('')
}

// ---- node status ---------------------------------------------------------------------------------------------

function nodeStatus(uid: number, state: { running: boolean; birds: readonly Bird[] } | undefined, wall: (at: number) => number): Answer {
  if (uid !== 0) return { stdout: 'Need to run as root.\n', code: 1 }
  if (!state?.running) return { stdout: 'Calico process is not running.\n', code: 1 }
  let text = 'Calico process is running.\n'
  if (state.birds.length === 0) return { stdout: `${text}\nThe BGP backend process (BIRD) is not running.\n\n` }
  for (const version of [4, 6] as const) {
    const peers = (state.birds.find((b) => b.version === version)?.peers ?? []).map((s) => {
      const up = s.state === 'Established'
      return [s.address, 'node-to-node mesh', up ? 'up' : 'start', new Date(wall(s.since)).toISOString().slice(11, 19), up ? s.state : `${s.state}${s.lastError ? ` ${birdError(s.lastError)}` : ''}`]
    })
    text += `\nIPv${version} BGP status\n`
    text += peers.length === 0 ? `No IPv${version} peers found.\n` : boxed(['PEER ADDRESS', 'PEER TYPE', 'STATE', 'SINCE', 'INFO'], peers)
  }
  return { stdout: `${text}\n` }
}

// ---- ipam show -----------------------------------------------------------------------------------------------

function utilization(client: KubernetesClient, showBlocks: boolean): Answer {
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

function showIp(client: KubernetesClient, ip: string): Answer {
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

/** The frames of olekukonko/tablewriter: headers in the middle, numbers on the right. */
function boxed(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)))
  const line = `+${widths.map((w) => '-'.repeat(w + 2)).join('+')}+\n`
  const centered = (text: string, width: number): string => text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width)
  const cell = (text: string, width: number): string => (/^-?[0-9.]+(e\+\d+)?$/.test(text) && !/\..*\./.test(text) ? text.padStart(width) : text.padEnd(width))
  const row = (cells: readonly string[], put: (text: string, width: number) => string): string => `| ${cells.map((c, i) => put(c, widths[i]!)).join(' | ')} |\n`
  return line + row(header, centered) + line + rows.map((r) => row(r, cell)).join('') + line
}
