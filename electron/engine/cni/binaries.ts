import type { ClusterConfig } from '../config.ts'
import type { Filesystem } from '../machine/types.ts'

/** The plugins' executables on a node: where the container runtime looks for them (containernetworking/cni libcni). */
const CNI_BIN = '/opt/cni/bin'

/** What the package kubernetes-cni brings along, as far as configurations of the plugins name it. */
const COMMON = ['bridge', 'host-local', 'loopback', 'portmap']

/** "type" of the first plugin in each configuration. */
const TYPES: Readonly<Record<ClusterConfig['cni'], string>> = {
  bridge: 'bridge', flannel: 'flannel', calico: 'calico', cilium: 'cilium-cni', weave: 'weave-net', 'kube-router': 'bridge', antrea: 'antrea', 'aws-vpc': 'aws-cni',
}

export function cniBinary(plugin: ClusterConfig['cni']): string {
  return `${CNI_BIN}/${TYPES[plugin]}`
}

export function installCniBinaries(fs: Filesystem, plugin: ClusterConfig['cni']): void {
  fs.makeDirectory(CNI_BIN, { parents: true })
  for (const name of new Set([...COMMON, TYPES[plugin]])) if (!fs.exists(`${CNI_BIN}/${name}`)) fs.installProgram(`${CNI_BIN}/${name}`, 'cni-plugin')
}

/** Further executables that the configurations name, each with what says so when it is missing: "type" of the plugin, and the words of one that delegates. */
const LOOPBACK = ['loopback', 'loopback', ''] as const
const PORTMAP = ['portmap', 'portmap', ''] as const
const FURTHER: Readonly<Record<ClusterConfig['cni'], readonly (readonly [file: string, type: string, words: string])[]>> = {
  bridge: [LOOPBACK, ['host-local', 'bridge', '']],
  flannel: [LOOPBACK, ['bridge', 'flannel', 'failed to delegate add: '], ['host-local', 'flannel', 'failed to delegate add: '], PORTMAP],
  calico: [LOOPBACK, ['calico-ipam', 'calico', ''], PORTMAP],
  cilium: [LOOPBACK],
  weave: [LOOPBACK, PORTMAP],
  'kube-router': [LOOPBACK, ['host-local', 'bridge', '']],
  antrea: [LOOPBACK, PORTMAP],
  'aws-vpc': [LOOPBACK, PORTMAP],
}

/** Throws what libcni's FindInPath reports: of the loopback plugin that containerd runs in each sandbox, of the first plugin, whom it calls, and who is chained to it. */
export function requireCniBinary(fs: Filesystem, plugin: ClusterConfig['cni']): void {
  const missing = (file: string, type: string, words: string): Error => new Error(`plugin type="${type}" failed (add): ${words}failed to find plugin "${file}" in path [${CNI_BIN}]`)
  if (!fs.exists(cniBinary(plugin))) throw missing(TYPES[plugin], TYPES[plugin], '')
  for (const [file, type, words] of FURTHER[plugin]) if (!fs.exists(`${CNI_BIN}/${file}`)) throw missing(file, type, words)
}
