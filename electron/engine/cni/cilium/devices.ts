import { addressCount, networkOf, nthAddress } from '../../network/address.ts'
import type { Cidr, Ip, Link, Mac } from '../../network/types.ts'
import { Veth } from '../../network/veth.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { replacesKubeProxy } from '../options.ts'
import type { NodeContext, Sandbox } from '../types.ts'
import { Datapath, datapathOf, setDatapath, type NodeFamily } from './datapath.ts'
import { toHost } from './host-firewall.ts'
import { fromContainer, fromHost, fromNetdev, fromOverlay, passing, toNetdev } from './link-programs.ts'
import { singleAddress, type Endpoint } from './maps.ts'
import { socketPrograms } from './socket-lb.ts'

/** Links, routes and attached programs of a node (pkg/datapath/{loader,linux} and plugins/cilium-cni of cilium/cilium v1.17). */
const HOST_DEVICE = 'cilium_host'
const NET_DEVICE = 'cilium_net'
const VXLAN_DEVICE = 'cilium_vxlan'
/** tunnel-protocol vxlan: the port of Linux's own devices. */
const VXLAN_PORT = 8472
const OVERHEAD = 50
export const POD_INTERFACE = 'eth0'

/** The node's devices and maps; those that are there already stay, with all that they hold. */
export function ensureDatapath(context: NodeContext, own: readonly Pick<NodeFamily, 'version' | 'nodeIp' | 'podCidr' | 'clusterCidr'>[]): Datapath | undefined {
  const { network, fabric, config } = context
  const { nodeIp } = own[0]!
  const device = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === nodeIp))
  if (!device) return undefined
  const known = datapathOf(network)
  if (known && network.links.has(HOST_DEVICE)) {
    attach(known)
    return known
  }
  const [host, net] = fabric.createVeth({ network, name: HOST_DEVICE }, { network, name: NET_DEVICE })
  for (const end of [host, net]) {
    if (end instanceof Veth) end.arp = false
    network.setUp(end.name, true)
    network.setSysctl(`net.ipv4.conf.${end.name}.forwarding`, '1')
    network.setSysctl(`net.ipv4.conf.${end.name}.rp_filter`, '0')
  }
  const families = own.map((family): NodeFamily => {
    const routerIp = randomAddress(context, family.podCidr, `cilium router ${context.name}${family.version === 6 ? ' IPv6' : ''}`, new Set())
    network.addAddress(HOST_DEVICE, singleAddress(routerIp), family.version === 4 ? { scope: 'link' } : {})
    if (family.version === 4) network.routes.add({ destination: `${routerIp}/32`, device: HOST_DEVICE, scope: 'link', protocol: 'kernel' }, { replace: true })
    network.setSysctl(family.version === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding', '1')
    return { ...family, routerIp }
  })
  const dp = new Datapath(context, { families, device, host, tunnels: config.cniOptions['routing'] !== 'native', replacesProxy: replacesKubeProxy(config) })
  if (dp.tunnels) addTunnel(dp)
  setDatapath(network, dp)
  for (const { podCidr } of families) addPodRoute(dp, podCidr)
  attach(dp)
  return dp
}

/** The tunnel's device: of routing by tunnels, and of egress gateways, which are reached through it whatever the routing. */
export function addTunnel(dp: Datapath): void {
  const { context: { fabric }, network, device } = dp
  if (!network.links.has(VXLAN_DEVICE)) {
    dp.vxlan = fabric.createVxlan(network, VXLAN_DEVICE, { vni: 0, port: VXLAN_PORT, local: '0.0.0.0', underlay: device.name, mtu: device.mtu, external: true })
    network.setUp(VXLAN_DEVICE, true)
    network.setSysctl(`net.ipv4.conf.${VXLAN_DEVICE}.rp_filter`, '0')
  }
  attachTunnel(dp)
}

function attachTunnel(dp: Datapath): void {
  if (!dp.vxlan) return
  dp.vxlan.ingress = fromOverlay(dp)
  dp.vxlan.egress = passing('cil_to_overlay')
}

function attach(dp: Datapath): void {
  const { network, device, host } = dp
  host.egress = fromHost(dp)
  host.ingress = toHost(dp)
  network.links.get(NET_DEVICE)!.ingress = passing('cil_to_host')
  device.ingress = fromNetdev(dp)
  device.egress = toNetdev(dp)
  attachTunnel(dp)
  if (dp.replacesProxy) network.socketPrograms = socketPrograms(dp, network)
}

/** What the node's own processes need to reach Pods: everything through cilium_host, where the program decides. The kernel takes no own IPv6 address for a gateway. */
export function addPodRoute(dp: Datapath, cidr: Cidr): void {
  const family = dp.family(cidr)
  if (!family) return
  const { version, routerIp } = family
  dp.network.routes.add({ destination: networkOf(cidr), ...(version === 4 ? { via: routerIp } : {}), device: HOST_DEVICE, source: routerIp, protocol: 'kernel' }, { replace: true })
}

/** Without tunnels: the other node is the gateway (auto-direct-node-routes). */
export function addDirectRoute(dp: Datapath, cidr: Cidr, node: Ip): void {
  dp.network.routes.add({ destination: networkOf(cidr), via: node, device: dp.device.name, protocol: 'kernel' }, { replace: true })
}

export function removeRoute(dp: Datapath, cidr: Cidr): void {
  try {
    dp.network.routes.remove({ destination: networkOf(cidr) })
  } catch {
    // It went with its device.
  }
}

/** Host-scope IPAM gives addresses by chance (k8s.io ipallocator): always the same ones for a seed. */
export function randomAddress(context: NodeContext, cidr: Cidr, stream: string, taken: ReadonlySet<Ip>): Ip {
  // the allocator's bitmap has 2^16 places at most
  const size = Math.min(addressCount(cidr), 65_536)
  const room = size - 2
  const start = context.clock.random.fork(stream).below(room)
  for (let i = 0; i < room; i++) {
    const ip = nthAddress(cidr, 1 + ((start + i) % room))
    if (!taken.has(ip)) return ip
  }
  throw new Error('No more IPs available')
}

/** The Pod's veth pair: a /32 and a /128, and everything through the router's addresses, for which the program answers. */
export function plugPod(dp: Datapath, sandbox: Sandbox, ips: readonly Ip[]): { link: Link; mac: Mac; nodeMac: Mac } {
  const { context, network } = dp
  const name = `lxc${hex(sha256(encodeUtf8(sandbox.id))).slice(0, 12)}`
  // The device's MTU without the tunnel's header: the real plugin writes it into the Pod's routes.
  const mtu = dp.tunnels ? dp.device.mtu - OVERHEAD : dp.device.mtu
  const [inner, link] = context.fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu }, { network, name, mtu })
  network.setUp(name, true)
  network.setSysctl(`net.ipv4.conf.${name}.rp_filter`, '0')
  network.setSysctl(`net.ipv4.conf.${name}.forwarding`, '1')
  if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
  sandbox.network.setUp(POD_INTERFACE, true)
  for (const ip of ips) {
    const { version, routerIp } = dp.family(ip)!
    sandbox.network.addAddress(POD_INTERFACE, singleAddress(ip))
    sandbox.network.routes.add({ destination: singleAddress(routerIp), device: POD_INTERFACE, ...(version === 4 ? { scope: 'link' } : {}) })
    sandbox.network.routes.add({ destination: version === 4 ? '0.0.0.0/0' : '::/0', via: routerIp, device: POD_INTERFACE })
  }
  if (dp.replacesProxy) sandbox.network.socketPrograms = socketPrograms(dp, sandbox.network)
  return { link, mac: inner.mac, nodeMac: link.mac }
}

export function attachEndpoint(dp: Datapath, endpoint: Endpoint): void {
  endpoint.link.ingress = fromContainer(dp, endpoint)
}
