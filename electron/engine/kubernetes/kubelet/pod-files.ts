import type { Pod } from '../types.ts'

/** The files that the kubelet writes for a container: pkg/kubelet/kubelet_pods.go, pkg/kubelet/network/dns. */
export const CLUSTER_DOMAIN = 'cluster.local'

export function hostnameOf(pod: Pod, nodeHostname: string): { hostname: string; domain: string } {
  if (pod.spec.hostNetwork) return { hostname: nodeHostname, domain: '' }
  const hostname = (pod.spec.hostname || pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '')
  const domain = pod.spec.subdomain ? `${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${CLUSTER_DOMAIN}` : ''
  return { hostname, domain }
}

export function hostsFile(pod: Pod, ips: readonly string[], nodeHosts: string, nodeHostname: string): string {
  const { hostname, domain } = hostnameOf(pod, nodeHostname)
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

/** Who answers a Pod's names: its dnsPolicy and dnsConfig (DNS for Services and Pods). */
export function resolvConf(pod: Pod, clusterDns: string, nodeResolvConf: string): string {
  const { dnsConfig, hostNetwork } = pod.spec
  const node = rawResolvConf(nodeResolvConf)
  let policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'ClusterFirst' && hostNetwork) policy = 'Default'
  if (policy === 'ClusterFirstWithHostNet') policy = 'ClusterFirst'
  const base: ResolvConf =
    policy === 'ClusterFirst'
      ? {
          nameservers: [clusterDns],
          searches: [`${pod.metadata.namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN, ...node.searches],
          options: ['ndots:5'],
        }
      : policy === 'Default' ? node : { nameservers: [], searches: [], options: [] }
  const unique = (list: readonly string[]): string[] => [...new Set(list)]
  const nameservers = unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])])
  const searches = unique([...base.searches, ...(dnsConfig?.searches ?? [])])
  const options = new Map(base.options.map((o) => o.split(':') as [string, string | undefined]))
  for (const { name, value } of dnsConfig?.options ?? []) if (name) options.set(name, value)
  let out = ''
  if (searches.length > 0) out += `search ${searches.join(' ')}\n`
  for (const server of nameservers) out += `nameserver ${server}\n`
  const words = [...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`))
  if (words.length > 0) out += `options ${words.join(' ')}\n`
  return out
}
