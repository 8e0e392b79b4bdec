import { parse, YAMLParseError } from 'yaml'
import { nodeIps, type ClusterConfig } from '../config.ts'
import type { Process } from '../machine/types.ts'
import { NodePortAddresses } from './node-port-addresses.ts'
import type { ConntrackFields } from './conntrack-sysctls.ts'
import type { RuleSettings } from './rule-settings.ts'
import { DEFAULT_IPVS_SETTINGS, type IpvsSettings } from './ipvs/proxier.ts'

/** What kube-proxy reads of its KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1). */
export interface ProxyConfiguration {
  mode: Mode
  rules: RuleSettings
  /** What is asked for and nobody does here, in words. */
  notSimulated: string | undefined
  ipvs: IpvsSettings
  /** The Pods of a node are told by the part of the Pods' network that is the node's. */
  byNodeCIDR: boolean
  conntrack: ConntrackFields
  healthz: Bind
  metrics: Bind
}

/** Where a server of its own listens; no address: on all. */
export interface Bind { address: string | undefined; port: number }

/** What keeps kube-proxy from starting, as its command tells it (cmd/kube-proxy/app server.go, pkg/proxy/apis/config/validation). */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError'
}

const MODES = ['iptables', 'ipvs', 'nftables'] as const
type Mode = (typeof MODES)[number]

/** Of `--config=PATH` or `--config PATH`. */
function pathOf(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === '--config' || word.startsWith('--config='))
  return at < 0 ? undefined : argv[at] === '--config' ? argv[at + 1] : argv[at]!.slice('--config='.length)
}

interface File {
  mode?: string | null
  iptables?: { masqueradeAll?: boolean; localhostNodePorts?: boolean | null; masqueradeBit?: number | null; minSyncPeriod?: string } | null
  nftables?: { masqueradeAll?: boolean; masqueradeBit?: number | null; minSyncPeriod?: string } | null
  conntrack?: ConntrackFields | null
  bindAddress?: string | null
  healthzBindAddress?: string | null
  metricsBindAddress?: string | null
  featureGates?: Record<string, boolean> | null
  nodePortAddresses?: string[] | null
  clusterCIDR?: string | null
  detectLocalMode?: string | null
  detectLocal?: { bridgeInterface?: string; interfaceNamePrefix?: string } | null
  hostnameOverride?: string | null
  ipvs?: { scheduler?: string | null; strictARP?: boolean; excludeCIDRs?: string[] | null; tcpTimeout?: string; tcpFinTimeout?: string; udpTimeout?: string; minSyncPeriod?: string } | null
}

/** Every node's kube-proxy reads the same file. */
let last: { text: string; file: File } | undefined

function parsed(text: string): File {
  if (last?.text === text) return last.file
  const content: unknown = parse(text)
  const file: File = typeof content === 'object' && content !== null ? content : {}
  last = { text, file }
  return file
}

/** From the file that its command names, of the ConfigMap that is mounted in its Pod; without `--config`, as the cluster file has it. Throws {@link ConfigurationError}. */
export function readConfiguration(process: Process, config: ClusterConfig, node: string): ProxyConfiguration {
  let file: File = {}
  let unreadable: string | undefined
  const path = pathOf(process.argv)
  if (path === undefined) file.mode = config.proxyMode
  else {
    if (!process.fs.exists(path)) throw new ConfigurationError(`failed complete: open ${path}: no such file or directory`)
    try {
      file = parsed(process.fs.readText(path))
    } catch (error) {
      if (!(error instanceof YAMLParseError)) throw error
      unreadable = `what kube-proxy says of ${path}, which is no YAML at line ${error.linePos?.[0].line ?? 1} (mend it: kubectl -n kube-system edit cm kube-proxy)`
    }
  }
  const mode = MODES.find((m) => m === (file.mode ? file.mode : 'iptables'))
  if (mode === undefined) throw new ConfigurationError(`failed validate: KubeProxyConfiguration.Mode.ProxyMode: Invalid value: ${JSON.stringify(file.mode)}: must be ${MODES.join(', ')} or blank (blank means the best-available proxy [currently iptables])`)
  const { ipvs } = file
  const ports = file.nodePortAddresses ?? []
  const own = config.nodes.filter((n) => n.name === node).flatMap(nodeIps)
  const nodePortAddresses = ports.length === 1 && ports[0] === 'primary' ? own.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`) : ports.length > 0 ? ports : undefined
  const clusterCIDR = file.clusterCIDR === undefined || file.clusterCIDR === null ? undefined : file.clusterCIDR.split(',').filter((c) => c !== '')
  const podInterface = interfaceOf(file)
  const shared = { ...(podInterface === undefined ? {} : { podInterface }), ...(nodePortAddresses ? { nodePortAddresses } : {}), ...(clusterCIDR ? { clusterCIDR } : {}) }
  const minSync = milliseconds(file[mode]?.minSyncPeriod)
  if (minSync > 0) Object.assign(shared, { minSync })
  return {
    mode,
    conntrack: file.conntrack ?? {},
    healthz: bindOf(file.healthzBindAddress, '0.0.0.0', 10_256),
    metrics: bindOf(file.metricsBindAddress, '127.0.0.1', 10_249),
    rules: { masqueradeAll: (file.mode === 'nftables' ? file.nftables : file.iptables)?.masqueradeAll ?? false, localhostNodePorts: (file.iptables?.localhostNodePorts ?? true) && new NodePortAddresses(4, nodePortAddresses ?? []).loopback, ...shared },
    notSimulated: unreadable ?? notSimulated(file),
    byNodeCIDR: file.detectLocalMode === 'NodeCIDR',
    ipvs: {
      ...DEFAULT_IPVS_SETTINGS,
      ...shared,
      scheduler: ipvs?.scheduler ?? '', strictARP: ipvs?.strictARP ?? false, masqueradeAll: file.iptables?.masqueradeAll ?? false, excludeCIDRs: ipvs?.excludeCIDRs ?? [],
      timeouts: { tcp: seconds(ipvs?.tcpTimeout), tcpFin: seconds(ipvs?.tcpFinTimeout), udp: seconds(ipvs?.udpTimeout) },
    },
  }
}

const INTERFACES: readonly string[] = ['BridgeInterface', 'InterfaceNamePrefix']
const LOCAL_MODES: readonly string[] = ['ClusterCIDR', 'NodeCIDR', ...INTERFACES]

/** As iptables matches it. Throws {@link ConfigurationError}. */
function interfaceOf({ detectLocalMode: mode, detectLocal }: File): string | undefined {
  if (!mode) return undefined
  const empty = (field: string): ConfigurationError => new ConfigurationError(`failed validate: KubeProxyConfiguration.DetectLocalConfiguration.${field}: Invalid value: "": must not be empty`)
  if (!LOCAL_MODES.includes(mode)) {
    throw new ConfigurationError(`failed validate: KubeProxyConfiguration.DetectLocalMode: Unsupported value: ${JSON.stringify(mode)}: supported values: ${[...LOCAL_MODES, ''].map((m) => JSON.stringify(m)).join(', ')}`)
  }
  if (mode === 'BridgeInterface') {
    const name = detectLocal?.bridgeInterface ?? ''
    if (name === '') throw empty('InterfaceName')
    return name
  }
  if (mode !== 'InterfaceNamePrefix') return undefined
  const prefix = detectLocal?.interfaceNamePrefix ?? ''
  if (prefix === '') throw empty('InterfacePrefix')
  return `${prefix}+`
}

/** Fields that would matter and do nothing here. */
function notSimulated({ mode, detectLocalMode, hostnameOverride, iptables, nftables, bindAddress, featureGates }: File): string | undefined {
  if (detectLocalMode && mode === 'nftables' && INTERFACES.includes(detectLocalMode)) return `detectLocalMode ${detectLocalMode} in kube-proxy's nftables mode (ClusterCIDR and NodeCIDR are, and in the modes iptables and ipvs all)`
  if (hostnameOverride) return `hostnameOverride ${hostnameOverride} in kube-proxy's configuration (leave it empty)`
  if (bindAddress && bindAddress !== '0.0.0.0' && bindAddress !== '::') return `bindAddress ${bindAddress} in kube-proxy's configuration (leave it at 0.0.0.0)`
  const [gate] = Object.keys(featureGates ?? {})
  if (gate !== undefined) return `feature gate ${gate} in kube-proxy's configuration (leave featureGates empty: v1.33's defaults are)`
  const bit = [iptables?.masqueradeBit, nftables?.masqueradeBit].find((b) => b !== undefined && b !== null && b !== 14)
  return bit === undefined ? undefined : `masqueradeBit ${bit} in kube-proxy's configuration (14 is)`
}

/** "0.0.0.0:10249", "[::]:10249", or an address alone. */
function bindOf(text: string | null | undefined, address: string, port: number): Bind {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text ?? '')
  const host = match ? (match[1] ?? match[2]!) : text ? text : address
  return { address: ['', '0.0.0.0', '::'].includes(host) ? undefined : host, port: match ? Number(match[3]) : port }
}

/** Go's durations: "15m0s", "0s", "500ms". */
function milliseconds(text: string | undefined): number {
  let total = 0
  for (const [, n, unit] of (text ?? '').matchAll(/([\d.]+)(h|ms|m|s)/g)) total += Number(n) * { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }[unit as 'h' | 'm' | 's' | 'ms']
  return total
}

export function seconds(text: string | undefined): number {
  return Math.floor(milliseconds(text) / 1000)
}
