import type { ClusterConfig } from '../config.ts'
import type { Filesystem } from '../machine/types.ts'
import { networkOf } from '../network/address.ts'
import type { Cidr } from '../network/types.ts'
import { addToBridge, planOnBridge, removeFromBridge, type BridgeConfig } from './bridge-link.ts'
import { BACKENDS } from './flannel-backend.ts'
import { FLANNEL_CONF, FlannelAgent, SUBNET_ENV } from './flannel-agent.ts'
import { flannelManifests } from './flannel-manifests.ts'
import type { Agent, CniPlan, CniPlugin, CniResult, NodeContext, Sandbox } from './types.ts'

/** The flannel CNI plugin (flannel-io/cni-plugin): reads subnet.env and delegates to the bridge plugin. */
const NETWORK = 'cbr0'
const BRIDGE = 'cni0'

/** What a node's file was read as: it hardly ever changes between two Pods. */
const readings = new WeakMap<Filesystem, { text: string; config: BridgeConfig }>()

function bridgeConfig({ machine: { fs } }: NodeContext): BridgeConfig {
  const text = fs.readText(SUBNET_ENV)
  const known = readings.get(fs)
  if (known?.text === text) return known.config
  const config = readEnv(text)
  readings.set(fs, { text, config })
  return config
}

function readEnv(text: string): BridgeConfig {
  const env = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) env.set(line.slice(0, at), line.slice(at + 1))
  }
  const six = env.has('FLANNEL_IPV6_NETWORK') && !env.has('FLANNEL_NETWORK') ? 'IPV6_' : ''
  const missing = [`FLANNEL_${six}NETWORK`, `FLANNEL_${six}SUBNET`, 'FLANNEL_MTU', 'FLANNEL_IPMASQ'].filter((key) => !env.get(key))
  if (missing.length > 0) throw new Error(`failed to load flannel 'subnet.env' file: ${SUBNET_ENV} is missing ${missing.join(', ')}. Check the flannel pod log for this node.`)
  const both = (key: string): Cidr[] => [env.get(`FLANNEL_${key}`), env.get(`FLANNEL_IPV6_${key}`)].filter((value) => value !== undefined)
  return { network: NETWORK, bridge: BRIDGE, subnets: both('SUBNET').map(networkOf), mtu: Number(env.get('FLANNEL_MTU')), hairpin: true, routes: both('NETWORK') }
}

export const flannelPlugin: CniPlugin = {
  name: 'flannel',
  agentProgram: 'flanneld',

  manifests(config: ClusterConfig): object[] {
    return flannelManifests(config)
  },

  startAgent(context: NodeContext, log?: (line: string) => void): Agent {
    return new FlannelAgent(context, log && ((source, message) => log(`${source}] ${message}`)), BACKENDS.find((type) => type === context.config.cniOptions['backend']) ?? 'vxlan')
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(FLANNEL_CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    if (!context.machine.fs.exists(FLANNEL_CONF)) throw new Error('cni plugin not initialized')
    const failed = (reason: string): Error => new Error(`plugin type="flannel" failed (add): ${reason}`)
    if (!context.machine.fs.exists(SUBNET_ENV)) {
      throw failed(`failed to load flannel 'subnet.env' file: open ${SUBNET_ENV}: no such file or directory. Check the flannel pod log for this node.`)
    }
    const config = bridgeConfig(context)
    try {
      return addToBridge(context, sandbox, config)
    } catch (error) {
      throw failed(`failed to delegate add: ${(error as Error).message}`)
    }
  },

  plan(context: NodeContext, sandbox: Pick<Sandbox, 'id'>): CniPlan | undefined {
    const { fs } = context.machine
    if (!fs.exists(FLANNEL_CONF) || !fs.exists(SUBNET_ENV)) return undefined
    const config = bridgeConfig(context)
    try {
      return planOnBridge(context, sandbox, config)
    } catch (error) {
      throw new Error(`plugin type="flannel" failed (add): failed to delegate add: ${(error as Error).message}`)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const fs = context.machine.fs
    if (fs.exists(SUBNET_ENV)) removeFromBridge(context, sandbox, NETWORK, bridgeConfig(context).subnets)
    else if (sandbox.network.links.has('eth0')) sandbox.network.removeLink('eth0')
  },
}
