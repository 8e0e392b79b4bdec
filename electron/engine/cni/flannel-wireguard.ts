import { networkOf, nthAddress } from '../network/address.ts'
import { privateKeyOf, publicKeyOf } from '../network/curve25519.ts'
import type { Cidr, Ip, Link, WireguardLink } from '../network/types.ts'
import type { AgentLog } from './flannel-agent.ts'
import type { Backend, Lease } from './flannel-backend.ts'
import type { NodeContext } from './types.ts'

/** One family of flanneld's WireGuard backend in its mode "separate" (pkg/backend/wireguard of flannel-io/flannel): each has a device of its own, which goes with flanneld. */
const PORTS = { 4: 51820, 6: 51821 } as const
/** Of the underlay's MTU: an outer IPv6 header and WireGuard's own. */
const OVERHEAD = 80
const KEY_FILE = '/run/flannel/wgkey'

export class WireguardBackend implements Backend {
  readonly version: 4 | 6
  readonly overhead = OVERHEAD
  readonly device: string
  readonly #context: NodeContext
  readonly #log: AgentLog

  constructor(context: NodeContext, version: 4 | 6, log: AgentLog) {
    this.#context = context
    this.#log = log
    this.version = version
    this.device = version === 4 ? 'flannel-wg' : 'flannel-wg-v6'
  }

  /** The device, with the subnet's first address and a route to the whole of the cluster's network; returns the public key. */
  setUp(subnet: Cidr, _local: Ip, underlay: Link): string {
    const { network, fabric, config } = this.#context
    const privateKey = this.#key()
    const publicKey = publicKeyOf(privateKey)
    if (network.links.has(this.device)) {
      this.#log('device.go:172', `"${this.device}" already exists; recreating device`)
      network.removeLink(this.device)
    }
    fabric.createWireguard(network, this.device, { privateKey, publicKey, listenPort: PORTS[this.version], mtu: underlay.mtu - OVERHEAD })
    network.addAddress(this.device, `${nthAddress(subnet, 0)}/${this.version === 4 ? 32 : 128}`)
    network.setUp(this.device, true)
    for (const cluster of config.podCIDR) if (cluster.includes(':') === (this.version === 6)) network.routes.add({ destination: networkOf(cluster), device: this.device, scope: 'link' }, { replace: true })
    return publicKey
  }

  program({ subnet, publicIp, publicKey }: Lease, at: number): void {
    const device = this.#context.network.links.get(this.device) as WireguardLink | undefined
    if (publicKey === undefined || !device) return
    const port = PORTS[this.version]
    this.#log(this.version === 4 ? 'wireguard_network.go:164' : 'wireguard_network.go:188', `Subnet added: ${subnet} via ${this.version === 4 ? publicIp : `[${publicIp}]`}:${port}`, at)
    device.setPeer(publicKey, { endpoint: { address: publicIp, port }, allowedIps: [networkOf(subnet)] })
    // whoever had this address with another key is no more
    for (const peer of device.peers) if (peer.publicKey !== publicKey && peer.endpoint?.address === publicIp) device.removePeer(peer.publicKey)
  }

  forget({ subnet, publicKey }: Lease, at: number): void {
    this.#log(this.version === 4 ? 'wireguard_network.go:250' : 'wireguard_network.go:267', `Subnet removed: ${subnet}`, at)
    const device = this.#context.network.links.get(this.device) as WireguardLink | undefined
    if (device && publicKey !== undefined) device.removePeer(publicKey)
  }

  stop(): void {
    const { network } = this.#context
    if (network.links.has(this.device)) network.removeLink(this.device)
  }

  #key(): string {
    const { machine: { fs }, clock, name } = this.#context
    if (fs.exists(KEY_FILE)) return fs.readText(KEY_FILE).trim()
    const random = clock.random.fork(`flannel wireguard ${name}`)
    const key = privateKeyOf(Uint8Array.from({ length: 32 }, () => random.below(256)))
    fs.makeDirectory('/run/flannel', { parents: true })
    fs.writeFile(KEY_FILE, key, 0o400)
    return key
  }
}
