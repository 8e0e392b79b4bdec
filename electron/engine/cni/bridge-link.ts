import type { Bridge, Cidr, Ip } from '../network/types.ts'
import { hex, sha256 } from '../sha256.ts'
import { encodeUtf8 } from '../text.ts'
import { HostLocal } from './host-local.ts'
import type { CniResult, NodeContext, Sandbox } from './types.ts'

/**
 * The reference plugin "bridge" (containernetworking/plugins, plugins/main/bridge) with host-local addresses: what
 * kubenet configures directly and flannel delegates to.
 */
export interface BridgeConfig {
  /** The CNI network's name: the directory of its addresses. */
  network: string
  bridge: string
  subnet: Cidr
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
  const ipam = new HostLocal(context.machine.fs, config.network, config.subnet)
  if (!bridge.addresses.some((a) => a.address === ipam.gateway)) {
    context.network.addAddress(config.bridge, `${ipam.gateway}/${ipam.prefixLength}`)
  }
  context.network.setSysctl('net.ipv4.ip_forward', '1')
  return bridge
}

export function addToBridge(context: NodeContext, sandbox: Sandbox, config: BridgeConfig): CniResult {
  const ipam = new HostLocal(context.machine.fs, config.network, config.subnet)
  const ip = ipam.allocate(sandbox.id, POD_INTERFACE)
  const bridge = ensureBridge(context, config)
  const hostInterface = hostName(context, sandbox)
  const [, port] = context.fabric.createVeth(
    { network: sandbox.network, name: POD_INTERFACE, mtu: config.mtu },
    { network: context.network, name: hostInterface, mtu: config.mtu },
  )
  bridge.attach(port)
  if (config.hairpin) bridge.hairpin(port, true)
  context.network.setUp(hostInterface, true)
  if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
  sandbox.network.setUp(POD_INTERFACE, true)
  sandbox.network.addAddress(POD_INTERFACE, `${ip}/${ipam.prefixLength}`)
  sandbox.network.routes.add({ destination: '0.0.0.0/0', via: ipam.gateway, device: POD_INTERFACE })
  for (const destination of config.routes) sandbox.network.routes.add({ destination, via: ipam.gateway, device: POD_INTERFACE })
  return { ips: [ip], interface: POD_INTERFACE, hostInterface }
}

export function removeFromBridge(context: NodeContext, sandbox: Sandbox, network: string, subnet: Cidr): void {
  new HostLocal(context.machine.fs, network, subnet).release(sandbox.id)
  if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
}

/** "veth" and eight digits, as the plugin makes them by chance; here they follow from the sandbox, so that nothing else moves. */
function hostName(context: NodeContext, sandbox: Sandbox): string {
  for (let i = 0; ; i++) {
    const name = `veth${hex(sha256(encodeUtf8(`${sandbox.id} ${i}`))).slice(0, 8)}`
    if (!context.network.links.has(name)) return name
  }
}

/** The Node's InternalIP of the first family, from the contexts' own view of it. */
export function internalIp(node: { status: { addresses?: { type: string; address: string }[] } }): Ip | undefined {
  return node.status.addresses?.find((a) => a.type === 'InternalIP')?.address
}
