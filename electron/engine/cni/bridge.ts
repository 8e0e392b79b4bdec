import type { ClusterConfig } from '../config.ts'
import type { Node } from '../kubernetes/types.ts'
import { ipVersion } from '../network/address.ts'
import type { Cidr, Ip } from '../network/types.ts'
import { addToBridge, ensureBridge, internalIp, planOnBridge, podSubnets, removeFromBridge, type BridgeConfig } from './bridge-link.ts'
import { PeerReader, type PeerKind } from './shared-peers.ts'
import type { Agent, CniPlan, CniPlugin, CniResult, NodeContext, Sandbox } from './types.ts'

/**
 * The plainest cluster network: a bridge cbr0 on each node and a route to every other node's Pods, as kubenet
 * (pkg/kubelet/dockershim/network/kubenet, removed in v1.24) and the cloud's route controller made it together.
 */
const NETWORK = 'kubenet'
const BRIDGE = 'cbr0'
const CONF = '/etc/cni/net.d/10-bridge.conflist'

function configOf(subnets: readonly Cidr[]): BridgeConfig {
  return { network: NETWORK, bridge: BRIDGE, subnets, mtu: 1500, hairpin: true, routes: [] }
}

function conf(subnets: readonly Cidr[]): string {
  const plugin = {
    type: 'bridge',
    bridge: BRIDGE,
    mtu: 1500,
    addIf: 'eth0',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam: { type: 'host-local', ranges: subnets.map((subnet) => [{ subnet }]), routes: subnets.map((s) => ({ dst: s.includes(':') ? '::/0' : '0.0.0.0/0' })) },
  }
  return `${JSON.stringify({ cniVersion: '1.0.0', name: NETWORK, plugins: [plugin] }, null, 2)}\n`
}

/** The subnets of the configuration on the node's disk, as the plugin itself would read it; none when there is no such file. */
function subnetsOf(context: NodeContext): Cidr[] {
  const fs = context.machine.fs
  if (!fs.exists(CONF)) return []
  const list = JSON.parse(fs.readText(CONF)) as { plugins: { ipam: { ranges: { subnet: Cidr }[][] } }[] }
  return (list.plugins[0]?.ipam.ranges ?? []).flatMap((range) => range[0]?.subnet ?? [])
}

interface PodRoute { destination: Cidr; via: Ip }

const isIn = (list: readonly PodRoute[], { destination, via }: PodRoute): boolean => list.some((r) => r.destination === destination && r.via === via)

/** The ways to Nodes' Pods. */
const ROUTES: PeerKind<readonly PodRoute[]> = {
  read: (node) => {
    const routes = podSubnets(node).flatMap((destination) => {
      const via = internalIp(node, ipVersion(destination.split('/')[0]!))
      return via ? [{ destination, via }] : []
    })
    return routes.length > 0 ? routes : undefined
  },
  same: (a, b) => a.length === b.length && a.every((route) => isIn(b, route)),
  subnets: (routes) => routes.map((r) => r.destination),
}

/** Keeps cbr0, the masquerade rule and the routes to the other nodes' Pods as the Node objects say. */
class BridgeAgent implements Agent {
  readonly #context: NodeContext
  readonly #stop: () => void
  readonly #peers: PeerReader<readonly PodRoute[]>
  /** Node → its routes here. */
  readonly #routes = new Map<string, readonly PodRoute[]>()
  /** For which subnets bridge, rule and file stand since this agent started: the file outlives a restart of the machine, the others do not. */
  #configured = ''

  constructor(context: NodeContext) {
    this.#context = context
    const { name, network } = context
    this.#stop = context.client.watch<Node>('nodes', { fieldSelector: `metadata.name=${name}` }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
      const subnets = podSubnets(event.object)
      if (event.object.metadata.name === name && subnets.length > 0 && subnets.join() !== this.#configured) this.#configure(subnets)
    })
    this.#peers = new PeerReader(context, ROUTES, {
      devices: [...network.links.values()].filter((l) => l.kind === 'nic').map((l) => l.name),
      tunnels: false,
      apply: (node, routes) => this.#route(node, routes ?? []),
    })
  }

  stop(): void {
    this.#stop()
    this.#peers.stop()
  }

  #configure(subnets: readonly Cidr[]): void {
    const { machine, network, config } = this.#context
    this.#configured = subnets.join()
    ensureBridge(this.#context, configOf(subnets))
    const comment = 'kubenet: SNAT for outbound traffic from cluster'
    for (const cluster of config.podCIDR) {
      const netfilter = cluster.includes(':') ? network.netfilter6 : network.netfilter
      const rule = ['POSTROUTING', '!', '-d', cluster, '-m', 'comment', '--comment', comment, '-m', 'addrtype', '!', '--dst-type', 'LOCAL', '-j', 'MASQUERADE']
      if (netfilter.command(['-t', 'nat', '-C', ...rule]).code !== 0) netfilter.command(['-t', 'nat', '-A', ...rule])
    }
    machine.fs.makeDirectory('/etc/cni/net.d', { parents: true })
    machine.fs.writeFile(CONF, conf(subnets))
  }

  #route(node: string, wanted: readonly PodRoute[]): void {
    const present = this.#routes.get(node) ?? []
    const { routes } = this.#context.network
    const kept = present.filter((route) => isIn(wanted, route))
    for (const route of present) {
      if (kept.includes(route)) continue
      try {
        routes.remove({ destination: route.destination, via: route.via })
      } catch {
        // Somebody removed it by hand: it is gone, as wanted.
      }
    }
    for (const route of wanted) {
      const device = isIn(kept, route) ? undefined : routes.lookup(route.via)?.device
      if (!device) continue
      try {
        routes.add({ ...route, device }, { replace: true })
        kept.push(route)
      } catch {
        // The link is down.
      }
    }
    if (kept.length > 0) this.#routes.set(node, kept)
    else this.#routes.delete(node)
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
    const subnets = subnetsOf(context)
    if (subnets.length === 0) throw new Error('cni plugin not initialized')
    try {
      return addToBridge(context, sandbox, configOf(subnets))
    } catch (error) {
      throw new Error(`plugin type="bridge" failed (add): ${(error as Error).message}`)
    }
  },

  plan(context: NodeContext, sandbox: Pick<Sandbox, 'id'>): CniPlan | undefined {
    const subnets = subnetsOf(context)
    if (subnets.length === 0) return undefined
    try {
      return planOnBridge(context, sandbox, configOf(subnets))
    } catch (error) {
      throw new Error(`plugin type="bridge" failed (add): ${(error as Error).message}`)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    removeFromBridge(context, sandbox, NETWORK, subnetsOf(context))
  },
}
