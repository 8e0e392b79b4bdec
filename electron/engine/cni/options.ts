/** The network plugins of the cluster file (design 5.3), and what each of them can be told there. */
const CNI_PLUGINS = ['bridge', 'flannel', 'calico', 'cilium', 'weave', 'kube-router', 'antrea', 'aws-vpc'] as const
export type CniName = (typeof CNI_PLUGINS)[number]

/** A plugin's options: each with its values, the default first. They are what its own configuration calls them, in its own ConfigMap or pool. */
export type CniOptions = Readonly<Record<string, string>>

export const CNI_OPTIONS: Readonly<Record<CniName, Readonly<Record<string, readonly string[]>>>> = {
  bridge: {},
  flannel: { backend: ['vxlan', 'host-gw', 'ipip', 'wireguard'] },
  calico: { encapsulation: ['IPIP', 'VXLAN', 'None', 'IPIPCrossSubnet', 'VXLANCrossSubnet'] },
  cilium: { routing: ['tunnel', 'native'], kubeProxyReplacement: ['true', 'false'], l2announcements: ['false', 'true'], egressGateway: ['false', 'true'], localRedirectPolicy: ['false', 'true'], hostFirewall: ['false', 'true'], bgpControlPlane: ['false', 'true'], hubbleRelay: ['false', 'true'] },
  weave: {},
  'kube-router': { serviceProxy: ['false', 'true'] },
  antrea: { encapsulation: ['geneve', 'vxlan', 'none'], nodePortLocal: ['false', 'true'], adminNetworkPolicy: ['false', 'true'] },
  'aws-vpc': { instanceType: ['m5.large', 'm5.xlarge', 't3.medium', 't3.small'] },
}

/**
 * Reads `cni: flannel` or `cni: {plugin: flannel, backend: host-gw}`. `report` is told the key, the value and what is
 * allowed of everything that is wrong; `unknown` of a key that the plugin does not have.
 */
export function readCni(
  value: unknown,
  report: (key: string, value: unknown, allowed: string) => void,
  unknown: (key: string, value: unknown, allowed: readonly string[]) => void,
): { cni: CniName; cniOptions: CniOptions } {
  const given: Record<string, unknown> = typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : { plugin: value }
  const key = given['plugin'] === value ? 'cni' : 'cni.plugin'
  const cni = (given['plugin'] ?? 'flannel') as CniName
  if (!CNI_PLUGINS.includes(cni)) {
    report(key, given['plugin'], CNI_PLUGINS.join(', '))
    return { cni: 'flannel', cniOptions: {} }
  }
  const choices = CNI_OPTIONS[cni]
  const cniOptions: Record<string, string> = {}
  for (const [option, values] of Object.entries(choices)) {
    const chosen = String(given[option] ?? values[0])
    if (values.includes(chosen)) cniOptions[option] = chosen
    else report(`cni.${option}`, given[option], values.join(', '))
  }
  for (const option of Object.keys(given)) if (option !== 'plugin' && !Object.hasOwn(choices, option)) unknown(`cni.${option}`, given[option], ['plugin', ...Object.keys(choices)])
  return { cni, cniOptions }
}

/** Whether the plugin does what kube-proxy does elsewhere: Cilium unless told otherwise, kube-router with its service proxy. */
export function replacesKubeProxy({ cni, cniOptions }: { cni: CniName; cniOptions: CniOptions }): boolean {
  return cni === 'cilium' ? cniOptions['kubeProxyReplacement'] !== 'false' : cni === 'kube-router' && cniOptions['serviceProxy'] === 'true'
}
