import { parse } from 'yaml'
import type { ClusterConfig } from '../config.ts'
import type { Process } from '../machine/types.ts'
import type { RuleSettings } from './rule-settings.ts'
import { DEFAULT_IPVS_SETTINGS, type IpvsSettings } from './ipvs/proxier.ts'

/** What kube-proxy reads of its KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1). */
export interface ProxyConfiguration {
  mode: string
  rules: RuleSettings
  /** What is asked for and nobody does here, in words. */
  notSimulated: string | undefined
  ipvs: IpvsSettings
}

const PATH = '/var/lib/kube-proxy/config.conf'

interface File {
  mode?: string | null
  iptables?: { masqueradeAll?: boolean; localhostNodePorts?: boolean | null } | null
  nftables?: { masqueradeAll?: boolean } | null
  nodePortAddresses?: string[] | null
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

/** From the ConfigMap that is mounted in its Pod; without the file, as the cluster file has it. */
export function readConfiguration(process: Process, config: ClusterConfig): ProxyConfiguration {
  let file: File = {}
  if (process.fs.exists(PATH)) {
    file = parsed(process.fs.readText(PATH))
  } else file.mode = config.proxyMode
  const { ipvs } = file
  return {
    mode: file.mode ? file.mode : 'iptables',
    rules: { masqueradeAll: (file.mode === 'nftables' ? file.nftables : file.iptables)?.masqueradeAll ?? false, localhostNodePorts: file.iptables?.localhostNodePorts ?? true },
    notSimulated: file.nodePortAddresses?.some((a) => file.mode !== 'nftables' || a !== 'primary') ? `nodePortAddresses ${file.nodePortAddresses.join(',')} in kube-proxy's configuration (leave it out)` : undefined,
    ipvs: {
      ...DEFAULT_IPVS_SETTINGS,
      scheduler: ipvs?.scheduler ?? '', strictARP: ipvs?.strictARP ?? false, masqueradeAll: file.iptables?.masqueradeAll ?? false, excludeCIDRs: ipvs?.excludeCIDRs ?? [],
      timeouts: { tcp: seconds(ipvs?.tcpTimeout), tcpFin: seconds(ipvs?.tcpFinTimeout), udp: seconds(ipvs?.udpTimeout) },
    },
  }
}

/** Go's durations: "15m0s", "0s". */
function seconds(text: string | undefined): number {
  let total = 0
  for (const [, n, unit] of (text ?? '').matchAll(/([\d.]+)(h|ms|m|s)/g)) total += Number(n) * { h: 3600, m: 60, s: 1, ms: 0.001 }[unit as 'h' | 'm' | 's' | 'ms']
  return Math.floor(total)
}
