import type { ClusterConfig } from '../config.ts'
import type { Node } from '../kubernetes/types.ts'
import type { Cidr, Ip } from '../network/types.ts'
import { addToBridge, ensureBridge, internalIp, removeFromBridge, type BridgeConfig } from './bridge-link.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from './types.ts'

/**
 * The plainest cluster network: a bridge cbr0 on each node and a route to every other node's Pods, as kubenet
 * (pkg/kubelet/dockershim/network/kubenet, removed in v1.24) and the cloud's route controller made it together.
 */
const NETWORK = 'kubenet'
const BRIDGE = 'cbr0'
const CONF = '/etc/cni/net.d/10-bridge.conflist'

function configOf(subnet: Cidr): BridgeConfig {
  return { network: NETWORK, bridge: BRIDGE, subnet, mtu: 1500, hairpin: true, routes: [] }
}

function conf(subnet: Cidr): string {
  const plugin = {
    type: 'bridge',
    bridge: BRIDGE,
    mtu: 1500,
    addIf: 'eth0',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
  }
  return `${JSON.stringify({ cniVersion: '1.0.0', name: NETWORK, plugins: [plugin] }, null, 2)}\n`
}

/** The subnet of the configuration on the node's disk, as the plugin itself would read it. */
function subnetOf(context: NodeContext): Cidr | undefined {
  const fs = context.machine.fs
  if (!fs.exists(CONF)) return undefined
  const list = JSON.parse(fs.readText(CONF)) as { plugins: { ipam: { ranges: { subnet: Cidr }[][] } }[] }
  return list.plugins[0]?.ipam.ranges[0]?.[0]?.subnet
}

/** Keeps cbr0, the masquerade rule and the routes to the other nodes' Pods as the Node objects say. */
class BridgeAgent implements Agent {
  readonly #context: NodeContext
  readonly #stop: () => void
  /** Node → its route here. */
  readonly #routes = new Map<string, { destination: Cidr; via: Ip }>()

  constructor(context: NodeContext) {
    this.#context = context
    this.#stop = context.client.watch<Node>('nodes', {}, (event) => {
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#onNode(event.object)
      else if (event.type === 'DELETED') this.#route(event.object.metadata.name, undefined)
    })
  }

  stop(): void {
    this.#stop()
  }

  #onNode(node: Node): void {
    const subnet = node.spec.podCIDR
    if (node.metadata.name === this.#context.name) {
      if (subnet && subnet !== subnetOf(this.#context)) this.#configure(subnet)
      return
    }
    const via = internalIp(node)
    this.#route(node.metadata.name, subnet && via ? { destination: subnet, via } : undefined)
  }

  #configure(subnet: Cidr): void {
    const { machine, network, config } = this.#context
    ensureBridge(this.#context, configOf(subnet))
    const comment = 'kubenet: SNAT for outbound traffic from cluster'
    const rule = ['POSTROUTING', '!', '-d', config.podCIDR[0]!, '-m', 'comment', '--comment', comment, '-m', 'addrtype', '!', '--dst-type', 'LOCAL', '-j', 'MASQUERADE']
    if (network.netfilter.command(['-t', 'nat', '-C', ...rule]).code !== 0) network.netfilter.command(['-t', 'nat', '-A', ...rule])
    machine.fs.makeDirectory('/etc/cni/net.d', { parents: true })
    machine.fs.writeFile(CONF, conf(subnet))
  }

  #route(node: string, wanted: { destination: Cidr; via: Ip } | undefined): void {
    const present = this.#routes.get(node)
    if (present?.destination === wanted?.destination && present?.via === wanted?.via) return
    const { routes } = this.#context.network
    if (present) {
      this.#routes.delete(node)
      try {
        routes.remove({ destination: present.destination, via: present.via })
      } catch {
        // Somebody removed it by hand: it is gone, as wanted.
      }
    }
    if (!wanted) return
    const device = routes.lookup(wanted.via)?.device
    if (!device) return
    routes.add({ destination: wanted.destination, via: wanted.via, device }, { replace: true })
    this.#routes.set(node, wanted)
  }
}

export const bridgePlugin: CniPlugin = {
  name: 'bridge',
  agentProgram: undefined,

  manifests(_config: ClusterConfig): object[] {
    return []
  },

  startAgent(context: NodeContext): Agent {
    return new BridgeAgent(context)
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    const subnet = subnetOf(context)
    if (!subnet) throw new Error('cni plugin not initialized')
    try {
      return addToBridge(context, sandbox, configOf(subnet))
    } catch (error) {
      throw new Error(`plugin type="bridge" failed (add): ${(error as Error).message}`)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const subnet = subnetOf(context)
    if (subnet) removeFromBridge(context, sandbox, NETWORK, subnet)
  },
}
