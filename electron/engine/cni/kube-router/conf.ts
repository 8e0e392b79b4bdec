import type { ConfigMap } from '../../kubernetes/types.ts'
import type { Cidr } from '../../network/types.ts'
import type { BridgeConfig } from '../bridge-link.ts'
import type { NodeContext } from '../types.ts'
import { CNI_CONF } from './manifests.ts'

/** The configuration of the bridge plugin on the node's disk, which kube-router completes: pkg/utils/cni.go. */
export const CONF = '/etc/cni/net.d/10-kuberouter.conflist'
export const BRIDGE = 'kube-bridge'

interface Ipam { type: string; ranges?: { subnet?: Cidr }[][] }
interface Conf { name: string; plugins: { type: string; bridge?: string; mtu?: number; hairpinMode?: boolean; ipam?: Ipam }[] }

/** Copies it from the ConfigMap where it is missing, and enters the node's ranges and its MTU. */
export function writeConf(context: NodeContext, subnets: readonly Cidr[], mtu: number): void {
  const { fs } = context.machine
  const conf = JSON.parse(fs.exists(CONF) ? fs.readText(CONF) : template(context)) as Conf
  const plugin = conf.plugins.find((p) => p.type === 'bridge')
  if (!plugin) return
  plugin.mtu = mtu
  plugin.ipam ??= { type: 'host-local' }
  plugin.ipam.ranges ??= []
  for (const subnet of subnets) if (!plugin.ipam.ranges.some((range) => range.some((r) => r.subnet === subnet))) plugin.ipam.ranges.push([{ subnet }])
  fs.makeDirectory('/etc/cni/net.d', { parents: true })
  fs.writeFile(CONF, `${JSON.stringify(conf)}\n`)
}

function template({ client }: NodeContext): string {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'kube-router-cfg').data?.['cni-conf.json'] ?? CNI_CONF
  } catch {
    return CNI_CONF
  }
}

/** Undefined: there is none yet. Throws an Error for one that says nothing of a bridge or of ranges. */
export function readConf({ machine: { fs } }: NodeContext): BridgeConfig | undefined {
  if (!fs.exists(CONF)) return undefined
  const conf = JSON.parse(fs.readText(CONF)) as Conf
  const plugin = conf.plugins.find((p) => p.type === 'bridge')
  const subnets = (plugin?.ipam?.ranges ?? []).flatMap((range) => range[0]?.subnet ?? [])
  if (!plugin || subnets.length === 0) throw new Error('no IP ranges specified')
  return { network: conf.name, bridge: plugin.bridge ?? 'cni0', subnets, mtu: plugin.mtu ?? 1500, hairpin: plugin.hairpinMode === true, routes: [] }
}
