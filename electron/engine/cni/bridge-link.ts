import type { Node } from '../kubernetes/types.ts'
import { broadcastOption, ipVersion } from '../network/address.ts'
import type { Bridge, Cidr, Ip, Mac, NetworkNamespace } from '../network/types.ts'
import { hex, sha256 } from '../sha256.ts'
import { encodeUtf8 } from '../text.ts'
import { HostLocal } from './host-local.ts'
import type { CniPlan, CniResult, NodeContext, Sandbox } from './types.ts'

/**
 * The reference plugin "bridge" (containernetworking/plugins, plugins/main/bridge) with host-local addresses: what
 * kubenet configures directly and flannel delegates to.
 */
export interface BridgeConfig {
  /** The CNI network's name: the directory of its addresses. */
  network: string
  bridge: string
  /** One a family, the primary one first. */
  subnets: readonly Cidr[]
  mtu: number
  hairpin: boolean
  /** Routes of the Pod beside the default route. */
  routes: readonly Cidr[]
}

const POD_INTERFACE = 'eth0'

export function ensureBridge(context: NodeContext, config: BridgeConfig): Bridge {
  const existing = context.network.links.get(config.bridge)
  const bridge = (existing as Bridge | undefined) ?? context.fabric.createBridge(context.network, config.bridge, { mtu: config.mtu })
  if (!bridge.up) context.network.setUp(config.bridge, true)
  for (const { gateway, prefixLength } of rangesOf(context, config)) {
    const address = `${gateway}/${prefixLength}`
    if (!bridge.addresses.some((a) => a.address === gateway)) context.network.addAddress(config.bridge, address, broadcastOption(address))
    context.network.setSysctl(gateway.includes(':') ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward', '1')
  }
  return bridge
}

function rangesOf(context: NodeContext, { network, subnets }: Pick<BridgeConfig, 'network' | 'subnets'>): HostLocal[] {
  return subnets.map((subnet, i) => new HostLocal(context.machine.fs, network, subnet, i))
}

export function addToBridge(context: NodeContext, sandbox: Sandbox, config: BridgeConfig): CniResult {
  const ips = allocate(context, sandbox, config)
  const bridge = ensureBridge(context, config)
  return wire(context, sandbox, config, ips, bridge)
}

/**
 * As {@link addToBridge}, in two parts: the bridge is there when others wait for it to be looked at. Nothing is sent when an
 * IPv4 Pod is wired; its link-local address comes with its carrier, without a word.
 */
export function planOnBridge(context: NodeContext, sandbox: Pick<Sandbox, 'id'>, config: BridgeConfig): CniPlan | undefined {
  if (config.subnets.length !== 1 || config.subnets[0]!.includes(':')) return undefined
  // one that has a port in use keeps its carrier until somebody looks
  if (!context.network.hasDeferred && !context.network.links.get(config.bridge)?.carrier) return undefined
  const ips = allocate(context, sandbox, config)
  return new BridgePlan(context, sandbox, config, ips)
}

class BridgePlan implements CniPlan {
  readonly ips: Ip[]
  readonly #context: NodeContext
  readonly #sandbox: Pick<Sandbox, 'id'>
  readonly #config: BridgeConfig
  /** The Pod's, and the bridge's port's. */
  readonly #mac: Mac
  readonly #hostMac: Mac

  constructor(context: NodeContext, sandbox: Pick<Sandbox, 'id'>, config: BridgeConfig, ips: Ip[]) {
    this.ips = ips
    this.#context = context
    this.#sandbox = sandbox
    this.#config = config
    this.#mac = context.fabric.randomMac()
    this.#hostMac = context.fabric.randomMac()
  }

  wire(network: NetworkNamespace): void {
    const context = this.#context
    wire(context, { id: this.#sandbox.id, network }, this.#config, this.ips, ensureBridge(context, this.#config), [this.#mac, this.#hostMac])
  }
}

function allocate(context: NodeContext, sandbox: Pick<Sandbox, 'id'>, config: BridgeConfig): Ip[] {
  return rangesOf(context, config).map((range) => range.allocate(sandbox.id, POD_INTERFACE))
}

function wire(context: NodeContext, sandbox: Pick<Sandbox, 'id' | 'network'>, config: BridgeConfig, ips: Ip[], bridge: Bridge, macs?: [Mac, Mac]): CniResult {
  const ranges = rangesOf(context, config)
  const hostInterface = hostName(context, sandbox)
  const end = (network: NetworkNamespace, name: string, mac?: Mac) => ({ network, name, mtu: config.mtu, ...(mac === undefined ? {} : { mac }) })
  const [, port] = context.fabric.createVeth(end(sandbox.network, POD_INTERFACE, macs?.[0]), end(context.network, hostInterface, macs?.[1]))
  bridge.attach(port)
  if (config.hairpin) bridge.hairpin(port, true)
  context.network.setUp(hostInterface, true)
  if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
  sandbox.network.setUp(POD_INTERFACE, true)
  ranges.forEach(({ gateway, prefixLength }, i) => {
    const isIpv6 = gateway.includes(':')
    const address = `${ips[i]!}/${prefixLength}`
    sandbox.network.addAddress(POD_INTERFACE, address, broadcastOption(address))
    sandbox.network.routes.add({ destination: isIpv6 ? '::/0' : '0.0.0.0/0', via: gateway, device: POD_INTERFACE })
    for (const destination of config.routes) if (destination.includes(':') === isIpv6) sandbox.network.routes.add({ destination, via: gateway, device: POD_INTERFACE })
  })
  return { ips, interface: POD_INTERFACE, hostInterface }
}

export function removeFromBridge(context: NodeContext, sandbox: Sandbox, network: string, subnets: readonly Cidr[]): void {
  // the addresses of all ranges lie in one directory
  if (subnets[0] !== undefined) new HostLocal(context.machine.fs, network, subnets[0]).release(sandbox.id)
  if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
}

/** "veth" and eight digits, as the plugin makes them by chance; here they follow from the sandbox, so that nothing else moves. */
function hostName(context: NodeContext, sandbox: Pick<Sandbox, 'id'>): string {
  for (let i = 0; ; i++) {
    const name = `veth${hex(sha256(encodeUtf8(`${sandbox.id} ${i}`))).slice(0, 8)}`
    if (!context.network.links.has(name)) return name
  }
}

/** The Node's ranges of Pod addresses, one a family. */
export function podSubnets({ spec }: Node): readonly Cidr[] {
  return spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : [])
}

/** The Node's InternalIP: of the primary family, or of the one that is asked for. */
export function internalIp(node: { status: { addresses?: { type: string; address: string }[] } }, version?: 4 | 6): Ip | undefined {
  return node.status.addresses?.find((a) => a.type === 'InternalIP' && (version === undefined || ipVersion(a.address) === version))?.address
}
