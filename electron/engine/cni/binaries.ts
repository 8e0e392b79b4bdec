import type { ClusterConfig } from '../config.ts'
import type { Filesystem } from '../machine/types.ts'

/** The plugins' executables on a node: where the container runtime looks for them (containernetworking/cni libcni). */
export const CNI_BIN = '/opt/cni/bin'

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

/** Throws what libcni's FindInPath reports. */
export function requireCniBinary(fs: Filesystem, plugin: ClusterConfig['cni']): void {
  const type = TYPES[plugin]
  if (!fs.exists(cniBinary(plugin))) throw new Error(`plugin type="${type}" failed (add): failed to find plugin "${type}" in path [${CNI_BIN}]`)
}
