/** The cluster file (design 5.3), checked and completed. Parsing and its messages: parseClusterConfig below. */
export const CNI_PLUGINS = ['bridge', 'flannel', 'calico', 'cilium', 'weave', 'kube-router', 'antrea'] as const
export const PROXY_MODES = ['iptables', 'nftables', 'ipvs'] as const
export const INGRESS_CONTROLLERS = ['none', 'nginx', 'traefik', 'haproxy'] as const

export interface NodeConfig {
  name: string
  role: 'control-plane' | 'worker'
  ip: string
}

export interface ClusterConfig {
  nodes: readonly NodeConfig[]
  /** One prefix per family, in ipFamilies' order; one /24 (or /64) a node. */
  podCIDR: readonly string[]
  serviceCIDR: readonly string[]
  nodePortRange: { from: number; to: number }
  ipFamilies: readonly ('IPv4' | 'IPv6')[]
  cni: (typeof CNI_PLUGINS)[number]
  proxyMode: (typeof PROXY_MODES)[number]
  cloud: 'none' | 'loadbalancer'
  ingressController: (typeof INGRESS_CONTROLLERS)[number]
  kubectlRun: 'pod' | 'deployment'
  seed: number
}
