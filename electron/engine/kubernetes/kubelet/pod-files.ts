import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Pod } from '../types.ts'
import type { PodHost } from './host.ts'
import type { PodWorker } from './pod-worker.ts'

/** The files that the kubelet writes for a container: pkg/kubelet/kubelet_pods.go, pkg/kubelet/network/dns. */
const CLUSTER_DOMAIN = 'cluster.local'

const LONGEST_HOSTNAME = 63

/** truncatePodHostnameIfNeeded of pkg/kubelet: what is too long loses its end, and a "-" or "." there. */
function cut(name: string): string {
  let end = Math.min(name.length, LONGEST_HOSTNAME)
  while (end > 0 && (name[end - 1] === '-' || name[end - 1] === '.')) end--
  return name.slice(0, end)
}

/** `hostname` is what the kernel is told: with setHostnameAsFQDN the whole name. */
export function hostnameOf(pod: Pod, nodeHostname: string): { hostname: string; short: string; domain: string } {
  if (pod.spec.hostNetwork) return { hostname: nodeHostname, short: nodeHostname, domain: '' }
  const short = cut(pod.spec.hostname || pod.metadata.name)
  const domain = pod.spec.subdomain ? `${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${CLUSTER_DOMAIN}` : ''
  return { hostname: pod.spec.setHostnameAsFQDN && domain ? `${short}.${domain}` : short, short, domain }
}

export function hostsFile(pod: Pod, ips: readonly string[], nodeHosts: string, nodeHostname: string): string {
  const { short: hostname, domain } = hostnameOf(pod, nodeHostname)
  let out: string
  if (pod.spec.hostNetwork) out = `# Kubernetes-managed hosts file (host network).\n${nodeHosts}`
  else {
    out = '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n'
    for (const ip of ips) out += domain ? `${ip}\t${hostname}.${domain}\t${hostname}\n` : `${ip}\t${hostname}\n`
  }
  if (pod.spec.hostAliases?.length) {
    out += '\n# Entries added by HostAliases.\n'
    for (const { ip, hostnames } of pod.spec.hostAliases) out += `${ip}\t${(hostnames ?? []).join('\t')}\n`
  }
  return out
}

interface ResolvConf { nameservers: string[]; searches: string[]; options: string[] }

function rawResolvConf(text: string): ResolvConf {
  const out: ResolvConf = { nameservers: [], searches: [], options: [] }
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'nameserver' && rest[0]) out.nameservers.push(rest[0])
    else if (word === 'search') out.searches = rest
    else if (word === 'options') out.options.push(...rest)
  }
  return out
}

/** libc's limits, and what the kubelet leaves of a name list that is longer (pkg/apis/core/validation). */
const MOST = { nameservers: 3, searches: 32, searchChars: 2048 }

function dnsOf(pod: Pod, clusterDns: readonly string[], nodeResolvConf: string): ResolvConf {
  const { dnsConfig, hostNetwork } = pod.spec
  const node = rawResolvConf(nodeResolvConf)
  let policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'ClusterFirst' && hostNetwork) policy = 'Default'
  if (policy === 'ClusterFirstWithHostNet') policy = 'ClusterFirst'
  // MissingClusterDNS
  if (policy === 'ClusterFirst' && clusterDns.length === 0) policy = 'Default'
  const base: ResolvConf =
    policy === 'ClusterFirst'
      ? {
          nameservers: [...clusterDns],
          searches: [`${pod.metadata.namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN, ...node.searches],
          options: ['ndots:5'],
        }
      : policy === 'Default' ? node : { nameservers: [], searches: [], options: [] }
  const unique = (list: readonly string[]): string[] => [...new Set(list)]
  const options = new Map(base.options.map((o) => o.split(':') as [string, string | undefined]))
  for (const { name, value } of dnsConfig?.options ?? []) if (name) options.set(name, value)
  return {
    nameservers: unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(dnsConfig?.searches ?? [])]),
    options: [...options].map(([name, value]) => (value === undefined || value === '' ? name : `${name}:${value}`)),
  }
}

function fitted(searches: readonly string[]): readonly string[] {
  let out = searches.slice(0, MOST.searches).filter((s) => s.length <= 255)
  while (out.join(' ').length > MOST.searchChars) out = out.slice(0, -1)
  return out
}

function nodeFile(host: PodHost, path: string): string {
  return host.fs.exists(path) ? host.fs.readText(path) : ''
}

/** What was left out of a Pod's resolv.conf: the events DNSConfigForming (pkg/kubelet/network/dns). */
export function dnsProblems(pod: Pod, host: PodHost): string[] {
  const { nameservers, searches } = dnsOf(pod, host.clusterDns, nodeFile(host, '/etc/resolv.conf'))
  const out: string[] = []
  if (nameservers.length > MOST.nameservers) out.push(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.slice(0, MOST.nameservers).join(' ')}`)
  const kept = fitted(searches)
  if (kept.length < searches.length) out.push(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`)
  return out
}

/** Who answers a Pod's names: its dnsPolicy and dnsConfig (DNS for Services and Pods). */
export function resolvConf(pod: Pod, clusterDns: readonly string[], nodeResolvConf: string): string {
  const { nameservers, searches, options } = dnsOf(pod, clusterDns, nodeResolvConf)
  let out = ''
  const kept = fitted(searches)
  if (kept.length > 0) out += `search ${kept.join(' ')}\n`
  for (const server of nameservers.slice(0, MOST.nameservers)) out += `nameserver ${server}\n`
  if (options.length > 0) out += `options ${options.join(' ')}\n`
  return out
}

/** What the kubelet's own files of a container are made of, as it is now. */
export interface PodFiles extends NodeFiles { pod: Pod; ips: readonly string[]; clusterDns: readonly string[]; hostname: string; message: string }

/** What the node has of them. */
export interface NodeFiles { nodeHosts: (() => Uint8Array) | undefined; nodeResolvConf: string }

/** As they are now; containers that find the same share it. */
export function nodeFiles({ pod, host }: PodWorker): NodeFiles {
  const nodeResolvConf = nodeFile(host, '/etc/resolv.conf')
  if (pod.spec.hostNetwork && host.fs.exists('/etc/hosts')) return { nodeHosts: host.fs.snapshot('/etc/hosts'), nodeResolvConf }
  const known = latest.get(host)
  if (known?.nodeResolvConf === nodeResolvConf) return known
  const made = { nodeHosts: undefined, nodeResolvConf }
  latest.set(host, made)
  return made
}

const latest = new WeakMap<PodHost, NodeFiles>()

/** Puts them into its filesystem. */
export function writePodFiles({ pod, ips, clusterDns, nodeHosts, nodeResolvConf, hostname, message }: PodFiles, fs: MemoryFilesystem): void {
  for (const directory of ['/etc', '/dev', '/tmp']) if (!fs.exists(directory)) fs.makeDirectory(directory, directory === '/tmp' ? { mode: 0o1777 } : {})
  // The node's own may name thousands of nodes.
  if (nodeHosts) fs.writeLate('/etc/hosts', () => encodeUtf8(hostsFile(pod, ips, decodeUtf8(nodeHosts()), hostname)))
  else fs.writeFile('/etc/hosts', hostsFile(pod, ips, '', hostname))
  fs.writeFile('/etc/hostname', `${hostname}\n`)
  fs.writeFile('/etc/resolv.conf', resolvConf(pod, clusterDns, nodeResolvConf))
  const directory = message.slice(0, message.lastIndexOf('/'))
  if (directory && !fs.exists(directory)) fs.makeDirectory(directory, { parents: true })
  fs.writeFile(message, '', 0o666)
}
