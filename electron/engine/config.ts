import { LineCounter, parseDocument } from 'yaml'
import { CNI_OPTIONS, readCni, type CniName, type CniOptions } from './cni/options.ts'
import { cidrContains, cidrsOverlap, ipNumber, ipVersion, isIpv4, isIpv6, networkOf, nthAddress, prefixLength, tryParseCidr } from './network/address.ts'
import type { DeclaredImage } from './programs/declared/types.ts'

/** The cluster file (design 5.3), checked and completed. */
const PROXY_MODES = ['iptables', 'nftables', 'ipvs'] as const
const INGRESS_CONTROLLERS = ['none', 'nginx', 'traefik', 'haproxy'] as const

export interface NodeConfig {
  name: string
  role: 'control-plane' | 'worker'
  /** Of the primary family. */
  ip: string
  /** Of the other one, in a dual-stack cluster. */
  secondIp?: string
}

/** A node's addresses, the primary family's first. */
export function nodeIps({ ip, secondIp }: Pick<NodeConfig, 'ip' | 'secondIp'>): string[] {
  return secondIp === undefined ? [ip] : [ip, secondIp]
}

export interface ClusterConfig {
  nodes: readonly NodeConfig[]
  /** One prefix per family, in ipFamilies' order; one /24 (or /64) a node. */
  podCIDR: readonly string[]
  serviceCIDR: readonly string[]
  nodePortRange: { from: number; to: number }
  ipFamilies: readonly ('IPv4' | 'IPv6')[]
  cni: CniName
  /** What the plugin is told (`cni: {plugin: flannel, backend: host-gw}`), its defaults filled in. */
  cniOptions: CniOptions
  proxyMode: (typeof PROXY_MODES)[number]
  cloud: 'none' | 'loadbalancer'
  ingressController: (typeof INGRESS_CONTROLLERS)[number]
  kubectlRun: 'pod' | 'deployment'
  seed: number
  /** What a lab's pack declares beside the images that there are; not part of the file. */
  images?: readonly DeclaredImage[]
}

/** The wire between the nodes; the laptop is its first address, as the host is of kind's Docker network. */
export const UNDERLAY = '172.18.0.0/16'
/** The same wire's IPv6 prefix, as kind gives its network. A node has the host number that it has in IPv4. */
export const UNDERLAY6 = 'fc00:f853:ccd:e793::/64'
/** The part of it from which Pods get addresses where the cloud gives them (cni: aws-vpc). */
export const VPC_PODS = '172.18.128.0/18'
/** The cloud's load balancer on that wire. */
export const BALANCER = '172.18.255.254'
export const BALANCER6 = nthAddress(UNDERLAY6, 0xfffe)

/** Everything that is wrong with a cluster file, a line each. */
export class ClusterConfigError extends Error {
  override name = 'ClusterConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

type Report = (key: string, value: unknown, allowed: string) => void

const KEYS = ['nodes', 'podCIDR', 'serviceCIDR', 'nodePortRange', 'ipFamilies', 'cni', 'proxyMode', 'cloud', 'ingressController', 'kubectlRun', 'seed']

/** What this version builds; the rest of the lists is valid and answered with "not simulated". */
const SIMULATED = { cni: ['bridge', 'flannel', 'kube-router', 'calico', 'cilium', 'weave', 'antrea', 'aws-vpc'], proxyMode: ['iptables', 'nftables', 'ipvs'], cloud: ['none', 'loadbalancer'], ingressController: ['none', 'nginx', 'traefik', 'haproxy'], kubectlRun: ['pod', 'deployment'] }

type Families = ClusterConfig['ipFamilies']

/** The families that a cluster can have, the primary one first. */
const IP_FAMILIES: readonly Families[] = [['IPv4'], ['IPv4', 'IPv6'], ['IPv6', 'IPv4'], ['IPv6']]

/** What keeps a plugin from IPv6: the real one's own words or limits. */
const WITHOUT_IPV6: Readonly<Partial<Record<CniName, { dual: string; only: string | undefined }>>> = {
  weave: { dual: 'Weave Net has never learned IPv6', only: 'Weave Net has never learned IPv6' },
  'aws-vpc': { dual: "the VPC CNI ends with “IPv4 and IPv6 are both enabled. VPC CNI currently doesn't support dual stack mode”; EKS has clusters of one family", only: undefined },
}

/** Why a cluster cannot have these families with this plugin; undefined: it can. */
export function familiesRefusal(ipFamilies: Families, cni: CniName, options: CniOptions): string | undefined {
  if (!ipFamilies.includes('IPv6')) return undefined
  const real = WITHOUT_IPV6[cni]?.[ipFamilies.length > 1 ? 'dual' : 'only']
  if (real !== undefined) return `[IPv4] with cni ${cni}: ${real}`
  if (cni === 'cilium' && ipFamilies.length === 1 && options['routing'] !== 'native') return '[IPv4], two families, or cni {plugin: cilium, routing: native}: the tunnels of Cilium 1.17 run over IPv4 alone'
  if (cni in WITHOUT_IPV6) return `podhop: not simulated: ipFamilies [${ipFamilies.join(', ')}] with cni ${cni} (use [IPv4], or cni ${SIMULATED.cni.filter((name) => !(name in WITHOUT_IPV6)).join(' or ')})`
  return undefined
}

/** What a cluster file may ask for here, for whoever offers a choice of it. */
export interface ClusterChoices {
  plugins: readonly { name: string; options: Readonly<Record<string, readonly string[]>> }[]
  /** "IPv4", "IPv4,IPv6", …: the families that a cluster can have. */
  ipFamilies: readonly string[]
  proxyModes: readonly string[]
  /** By "cni ipFamilies", or "cni option=value ipFamilies": why not. */
  refusals: Readonly<Record<string, string>>
  clouds: readonly string[]
  ingressControllers: readonly string[]
}

export function clusterChoices(): ClusterChoices {
  return {
    plugins: SIMULATED.cni.map((name) => ({ name, options: CNI_OPTIONS[name as CniName] })),
    ipFamilies: IP_FAMILIES.map(String),
    proxyModes: SIMULATED.proxyMode,
    refusals: refusals(),
    clouds: SIMULATED.cloud,
    ingressControllers: SIMULATED.ingressController,
  }
}

function refusals(): Record<string, string> {
  const out: Record<string, string> = {}
  for (const cni of SIMULATED.cni as CniName[]) {
    for (const ipFamilies of IP_FAMILIES) {
      const choices: CniOptions[] = Object.entries(CNI_OPTIONS[cni]).flatMap(([option, values]) => values.map((value) => ({ [option]: value })))
      const asked = choices.map((options) => ({ options, why: familiesRefusal(ipFamilies, cni, options) }))
      const every = familiesRefusal(ipFamilies, cni, { routing: 'native' })
      if (every !== undefined) out[`${cni} ${ipFamilies.join(',')}`] = every
      else for (const { options, why } of asked) if (why !== undefined && 'routing' in options) out[`${cni} routing=${options['routing']} ${ipFamilies.join(',')}`] = why
    }
  }
  return out
}

/** Reads the text of a cluster file, or the object that a lab has under `cluster`. Throws {@link ClusterConfigError}. */
export function parseClusterConfig(source: unknown, fileName?: string): ClusterConfig {
  const place = fileName === undefined ? '' : `${fileName}: `
  const problems: string[] = []
  const input = typeof source === 'string' ? parseText(source, problems) : source
  const config = problems.length === 0 ? check(input ?? {}, problems) : undefined
  if (!config || problems.length > 0) throw new ClusterConfigError(problems.map((p) => (p.startsWith('podhop: ') ? p : place + p)))
  return config
}

function parseText(text: string, problems: string[]): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0])
    problems.push(`line ${line}, column ${col}: ${error.code === 'MULTIPLE_DOCS' ? 'expected one YAML document: is this a manifest?' : error.message}`)
  }
  return problems.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 })
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}

function check(input: unknown, problems: string[]): ClusterConfig | undefined {
  const report: Report = (key, value, allowed) => problems.push(`${key}: ${show(value)} is not allowed; allowed: ${allowed}`)
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    problems.push(`${show(input)} is not a cluster; allowed: a map with the keys ${KEYS.join(', ')}`)
    return undefined
  }
  const values = input as Record<string, unknown>
  for (const key of Object.keys(values)) {
    if (!KEYS.includes(key)) problems.push(`${key}: unknown key (value ${show(values[key])}); allowed: ${KEYS.join(', ')}`)
  }
  const simulated = (key: keyof typeof SIMULATED, value: string): void => {
    if (!SIMULATED[key].includes(value)) problems.push(`podhop: not simulated: ${key} ${value} (use ${SIMULATED[key].join(' or ')})`)
  }
  const oneOf = <T extends string>(key: keyof typeof SIMULATED, allowed: readonly T[], preset: T): T => {
    const value = values[key] ?? preset
    if (!allowed.includes(value as T)) report(key, value, allowed.join(', '))
    else simulated(key, value as string)
    return value as T
  }
  const plugin = readCni(values['cni'] ?? 'flannel', report, (key, value, allowed) => problems.push(`${key}: unknown key (value ${show(value)}); allowed: ${allowed.join(', ')}`))
  simulated('cni', plugin.cni)
  const ipFamilies = families(values['ipFamilies'], report)
  const vpc = plugin.cni === 'aws-vpc'
  if (vpc && values['podCIDR'] !== undefined) report('podCIDR', values['podCIDR'], `nothing with cni aws-vpc, whose Pods have addresses of the nodes’ network ${UNDERLAY} (${VPC_PODS})`)
  const podCIDR = vpc ? [] : prefixes('podCIDR', values['podCIDR'] ?? presets('podCIDR', ipFamilies), ipFamilies, report)
  const serviceCIDR = prefixes('serviceCIDR', values['serviceCIDR'] ?? presets('serviceCIDR', ipFamilies), ipFamilies, report)
  for (const service of serviceCIDR) if (isWholePrefix(service) && ipVersion(service.split('/')[0]!) === 4 && prefixLength(service) > 28) report('serviceCIDR', service, 'a prefix of at most /28 (kube-dns has its tenth address)')
  checkOverlaps(podCIDR, serviceCIDR, problems)
  const refusal = SIMULATED.cni.includes(plugin.cni) ? familiesRefusal(ipFamilies, plugin.cni, plugin.cniOptions) : undefined
  if (refusal?.startsWith('podhop: ')) problems.push(refusal)
  else if (refusal !== undefined) report('ipFamilies', ipFamilies, refusal)
  const config: ClusterConfig = {
    nodes: addressed(nodes(values['nodes'] ?? 3, podCIDR, serviceCIDR, ipFamilies, report, problems), ipFamilies),
    podCIDR,
    serviceCIDR,
    nodePortRange: portRange(values['nodePortRange'] ?? '30000-32767', report),
    ipFamilies,
    ...plugin,
    proxyMode: oneOf('proxyMode', PROXY_MODES, 'iptables'),
    cloud: oneOf('cloud', ['none', 'loadbalancer'], 'none'),
    ingressController: oneOf('ingressController', INGRESS_CONTROLLERS, 'none'),
    kubectlRun: oneOf('kubectlRun', ['pod', 'deployment'], 'pod'),
    seed: seed(values['seed'] ?? 1, report),
  }
  const onPods = vpc ? config.nodes.findIndex((n) => cidrContains(VPC_PODS, n.ip)) : -1
  if (onPods >= 0) report(`nodes[${onPods}].ip`, config.nodes[onPods]!.ip, `an address outside of ${VPC_PODS}, from which Pods get theirs (cni: aws-vpc)`)
  const onBalancer = config.nodes.findIndex((n) => nodeIps(n).includes(BALANCER))
  if (config.cloud === 'loadbalancer' && onBalancer >= 0) report(`nodes[${onBalancer}].ip`, BALANCER, 'another address: this one is the load balancer\'s (cloud: loadbalancer)')
  return config
}

function seed(value: unknown, report: Report): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) report('seed', value, 'a whole number from 0')
  return value as number
}

function families(value: unknown, report: Report): Families {
  const list = value ?? ['IPv4']
  const allowed = IP_FAMILIES.map((f) => `[${f.join(', ')}]`).join(', ')
  if (!Array.isArray(list) || list.length === 0 || list.length > 2 || new Set(list).size !== list.length || list.some((f) => f !== 'IPv4' && f !== 'IPv6')) {
    report('ipFamilies', value, allowed)
    return ['IPv4']
  }
  return list as Families
}

function isWholePrefix(text: string): boolean {
  return tryParseCidr(text) !== undefined && networkOf(text) === text
}

const PRESETS = { podCIDR: { IPv4: '10.244.0.0/16', IPv6: 'fd00:10:244::/56' }, serviceCIDR: { IPv4: '10.96.0.0/12', IPv6: 'fd00:10:96::/112' } }

function presets(key: keyof typeof PRESETS, ipFamilies: ClusterConfig['ipFamilies']): string {
  return ipFamilies.map((family) => PRESETS[key][family]).join(',')
}

/** One prefix a family, comma-separated, in the families' order. */
function prefixes(key: keyof typeof PRESETS, value: unknown, ipFamilies: ClusterConfig['ipFamilies'], report: Report): string[] {
  const list = typeof value === 'string' ? value.split(',').map((p) => p.trim()) : []
  const allowed = `${ipFamilies.length === 1 ? 'a prefix' : 'two prefixes, comma-separated,'} of ${ipFamilies.join(' and ')}, as ${presets(key, ipFamilies)}`
  const good = list.length === ipFamilies.length && list.every((p, i) => isWholePrefix(p) && (isIpv4(p.split('/')[0]!) ? 'IPv4' : 'IPv6') === ipFamilies[i])
  if (!good) {
    report(key, value, allowed)
    return []
  }
  return list
}

function checkOverlaps(podCIDR: readonly string[], serviceCIDR: readonly string[], problems: string[]): void {
  const named = [...podCIDR.map((c) => ['podCIDR', c]), ...serviceCIDR.map((c) => ['serviceCIDR', c]), ['the nodes’ network', UNDERLAY], ['the nodes’ network', UNDERLAY6]] as [string, string][]
  for (let i = 0; i < named.length; i++) {
    for (let j = i + 1; j < named.length; j++) {
      const [a, b] = [named[i]!, named[j]!]
      if (cidrsOverlap(a[1], b[1])) problems.push(`${a[0]}: ${show(a[1])} is not allowed; allowed: a prefix that does not overlap ${b[0]} ${b[1]}`)
    }
  }
}

function portRange(value: unknown, report: Report): { from: number; to: number } {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(String(value))
  const [from, to] = match ? [Number(match[1]), Number(match[2])] : [0, 0]
  if (from < 1 || to > 65_535 || from > to) report('nodePortRange', value, 'FROM-TO within 1-65535, as 30000-32767')
  return { from, to }
}

/** The addresses of each family; those of both have the same host number. */
function addressed(list: NodeConfig[], ipFamilies: Families): NodeConfig[] {
  if (!ipFamilies.includes('IPv6')) return list
  const host = (ip: string): number => (isIpv4(ip) ? Number(ip.split('.')[2]) * 256 + Number(ip.split('.')[3]) : Number(ipNumber(ip) - ipNumber(UNDERLAY6.split('/')[0]!)))
  return list.map(({ name, role, ip }) => {
    const [first, second] = ipFamilies.map((family) => (family === 'IPv6' ? nthAddress(UNDERLAY6, host(ip)) : ip)) as [string, string | undefined]
    return { name, role, ip: first, ...(second === undefined ? {} : { secondIp: second }) }
  })
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

function nodes(value: unknown, podCIDR: readonly string[], serviceCIDR: readonly string[], ipFamilies: Families, report: Report, problems: string[]): NodeConfig[] {
  const rooms = podCIDR.map((pods) => {
    const [length, share] = isIpv4(pods.split('/')[0]!) ? [prefixLength(pods), 24] : [prefixLength(pods), 64]
    if (length > share) report('podCIDR', pods, `a prefix of at most /${share} (every node gets a /${share})`)
    return length > share ? 0 : 2 ** Math.min(share - length, 30)
  })
  const most = Math.min(...(rooms.length > 0 ? rooms : [256]), 5000)
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < 1 || value > Math.max(most, 1)) {
      report('nodes', value, `a whole number from 1 to ${most} (podCIDR has that many ${podCIDR.length > 1 ? '/24 or /64' : ipFamilies[0] === 'IPv6' ? '/64' : '/24'}), or a list of {name, role, ip}`)
      return []
    }
    return Array.from({ length: value }, (_, i) => ({
      name: i === 0 ? 'control-plane' : `worker-${i}`,
      role: i === 0 ? 'control-plane' : 'worker',
      ip: nthAddress(UNDERLAY, i + 2),
    }))
  }
  if (!Array.isArray(value) || value.length === 0 || value.length > Math.max(most, 1)) {
    report('nodes', value, `a whole number from 1 to ${most}, or a list of as many {name, role, ip}`)
    return []
  }
  return checkNodeList(value, podCIDR.concat(serviceCIDR), ipFamilies.includes('IPv4'), report, problems)
}

function checkNodeList(list: readonly unknown[], taken: readonly string[], ipv4: boolean, report: Report, problems: string[]): NodeConfig[] {
  const out: NodeConfig[] = []
  const before = problems.length
  const names = new Set<string>()
  const ips = new Set<string>()
  for (const [i, item] of list.entries()) {
    const at = `nodes[${i}]`
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      report(at, item, 'a map with the keys name, role, ip')
      continue
    }
    const node = item as Record<string, unknown>
    for (const key of Object.keys(node)) {
      if (!['name', 'role', 'ip'].includes(key)) problems.push(`${at}.${key}: unknown key (value ${show(node[key])}); allowed: name, role, ip`)
    }
    const { name, ip } = node
    const role = node['role'] ?? (name === 'control-plane' ? 'control-plane' : 'worker')
    if (typeof name !== 'string' || !NAME.test(name)) report(`${at}.name`, name, 'a lower-case RFC 1123 label')
    else if (names.has(name)) report(`${at}.name`, name, 'a name that no other node has')
    else names.add(name)
    if (role !== 'control-plane' && role !== 'worker') report(`${at}.role`, role, 'control-plane, worker')
    if (ip !== undefined) {
      const inside = typeof ip === 'string' && (ipv4 ? isIpv4(ip) && cidrContains(UNDERLAY, ip) && !/\.0\.[01]$/.test(ip) && !ip.endsWith('.255.255') : isIpv6(ip) && cidrContains(UNDERLAY6, ip) && ipNumber(ip) >= ipNumber(nthAddress(UNDERLAY6, 2)) && ipNumber(ip) < ipNumber(BALANCER6))
      if (!inside || taken.some((c) => cidrContains(c, ip))) report(`${at}.ip`, ip, ipv4 ? `an address of ${UNDERLAY} from 172.18.0.2` : `an address of ${UNDERLAY6} from ${nthAddress(UNDERLAY6, 2)}`)
      else if (ips.has(ip)) report(`${at}.ip`, ip, 'an address that no other node has')
      else ips.add(ip)
    }
    out.push({ name: name as string, role: role as NodeConfig['role'], ip: (ip as string | undefined) ?? '' })
  }
  if (problems.length > before) return []
  const masters = out.filter((n) => n.role === 'control-plane')
  if (masters.length !== 1) {
    report('nodes', masters.map((n) => n.name), 'exactly one node of role control-plane')
    return []
  }
  let next = 2
  for (const node of out) {
    while (node.ip === '') {
      const ip = nthAddress(ipv4 ? UNDERLAY : UNDERLAY6, next++)
      if (!ips.has(ip)) node.ip = ip
    }
  }
  return out
}
