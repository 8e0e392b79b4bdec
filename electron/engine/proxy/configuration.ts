import { parse, YAMLParseError } from 'yaml'
import { nodeIps, type ClusterConfig } from '../config.ts'
import type { Process } from '../machine/types.ts'
import { NodePortAddresses } from './node-port-addresses.ts'
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
}

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
  iptables?: { masqueradeAll?: boolean; localhostNodePorts?: boolean | null; masqueradeBit?: number | null } | null
  nftables?: { masqueradeAll?: boolean; masqueradeBit?: number | null } | null
  nodePortAddresses?: string[] | null
  clusterCIDR?: string | null
  detectLocalMode?: string | null
  detectLocal?: { bridgeInterface?: string; interfaceNamePrefix?: string } | null
  hostnameOverride?: string | null
  ipvs?: { scheduler?: string | null; strictARP?: boolean; excludeCIDRs?: string[] | null; tcpTimeout?: string; tcpFinTimeout?: string; udpTimeout?: string } | null
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
  return {
    mode,
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
function notSimulated({ mode, detectLocalMode, hostnameOverride, iptables, nftables }: File): string | undefined {
  if (detectLocalMode && mode === 'nftables' && INTERFACES.includes(detectLocalMode)) return `detectLocalMode ${detectLocalMode} in kube-proxy's nftables mode (ClusterCIDR and NodeCIDR are, and in the modes iptables and ipvs all)`
  if (hostnameOverride) return `hostnameOverride ${hostnameOverride} in kube-proxy's configuration (leave it empty)`
  const bit = [iptables?.masqueradeBit, nftables?.masqueradeBit].find((b) => b !== undefined && b !== null && b !== 14)
  return bit === undefined ? undefined : `masqueradeBit ${bit} in kube-proxy's configuration (14 is)`
}

/** Go's durations: "15m0s", "0s". */
function seconds(text: string | undefined): number {
  let total = 0
  for (const [, n, unit] of (text ?? '').matchAll(/([\d.]+)(h|ms|m|s)/g)) total += Number(n) * { h: 3600, m: 60, s: 1, ms: 0.001 }[unit as 'h' | 'm' | 's' | 'ms']
  return Math.floor(total)
}
