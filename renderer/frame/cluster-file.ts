import type { ClusterSettings, ClusterView } from '../../electron/bridge/view.ts'

/** What the host is told: a cluster file with only what differs from its defaults (design 5.3). */
export type ClusterFile = Record<string, number | string | string[] | Record<string, string>>

const DEFAULTS: ClusterSettings = { nodes: 3, cni: 'flannel', cniOptions: {}, proxyMode: 'iptables', ipFamilies: 'IPv4', cloud: 'none', ingressController: 'none' }

export function settingsFrom(settings: ClusterSettings | undefined): ClusterSettings {
  const from = settings ?? DEFAULTS
  return { ...from, cniOptions: { ...from.cniOptions } }
}

export function clusterFile(wanted: ClusterSettings, choices: ClusterView['choices']): ClusterFile {
  const offered = choices.plugins.find((p) => p.name === wanted.cni)?.options ?? {}
  const told = Object.entries(wanted.cniOptions).filter(([name, value]) => offered[name]?.includes(value) && value !== offered[name][0])
  const file: ClusterFile = { nodes: wanted.nodes, cni: told.length > 0 ? { plugin: wanted.cni, ...Object.fromEntries(told) } : wanted.cni }
  for (const key of ['proxyMode', 'cloud', 'ingressController'] as const) if (wanted[key] !== DEFAULTS[key]) file[key] = wanted[key]
  if (wanted.ipFamilies !== DEFAULTS.ipFamilies) file['ipFamilies'] = wanted.ipFamilies.split(',')
  return file
}

/** Why the plugin, as it is set, does not go with these families; undefined: it does. */
export function familiesRefusal({ cni, cniOptions }: ClusterSettings, ipFamilies: string, { plugins, refusals }: ClusterView['choices']): string | undefined {
  const options = Object.entries(plugins.find((p) => p.name === cni)?.options ?? {}).map(([name, values]) => `${name}=${cniOptions[name] ?? values[0]}`)
  const why = ['', ...options.map((option) => `${option} `)].map((option) => refusals[`${cni} ${option}${ipFamilies}`]).find((found) => found !== undefined)
  return why?.replace(/^podhop: /, '')
}

const FAMILY_WORDS: Readonly<Record<string, string>> = { IPv4: 'IPv4', 'IPv4,IPv6': 'IPv4 and IPv6, IPv4 first', 'IPv6,IPv4': 'IPv4 and IPv6, IPv6 first', IPv6: 'IPv6 alone' }

export function familyWords(ipFamilies: string): string {
  return FAMILY_WORDS[ipFamilies] ?? ipFamilies
}

/** As YAML. The values are words and numbers, so nothing needs quotes but "true" and "false". */
export function fileText(file: ClusterFile): string {
  const scalar = (value: number | string): string => (value === 'true' || value === 'false' ? `'${value}'` : String(value))
  const text = (value: ClusterFile[string]): string =>
    typeof value !== 'object' ? scalar(value) : Array.isArray(value) ? `[${value.join(', ')}]` : `{${Object.entries(value).map(([k, v]) => `${k}: ${scalar(v)}`).join(', ')}}`
  return Object.entries(file).map(([key, value]) => `${key}: ${text(value)}\n`).join('')
}

/** "kubeProxyReplacement" → "Kube proxy replacement" */
export function optionWords(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words[0]!.toUpperCase() + words.slice(1)
}
