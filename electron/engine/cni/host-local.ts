import type { Filesystem } from '../machine/types.ts'
import { broadcastOf, compareIp, networkOf, nthAddress, parseCidr, parseIpv4, parseIpv6 } from '../network/address.ts'
import type { Cidr, Ip } from '../network/types.ts'

/**
 * The host-local IPAM plugin (containernetworking/plugins, plugins/ipam/host-local): addresses of one range, given
 * round robin from the one after the last, each kept as a file named after the address on the node.
 */
const STATE = '/var/lib/cni/networks'

export class HostLocal {
  readonly gateway: Ip
  readonly prefixLength: number
  readonly #fs: Filesystem
  readonly #directory: string
  readonly #first: number
  readonly #count: number
  readonly #network: Cidr
  readonly #range: number

  /** `range`: which of the configuration's ranges it is; each family has one. */
  constructor(fs: Filesystem, network: string, subnet: Cidr, range = 0) {
    this.#fs = fs
    this.#directory = `${STATE}/${network}`
    this.#range = range
    this.#network = networkOf(subnet)
    const prefix = parseCidr(subnet)
    this.prefixLength = prefix.length
    this.gateway = nthAddress(this.#network, 1)
    this.#first = 1
    // An IPv4 range ends before the broadcast address.
    const bits = (prefix.version === 4 ? 32 : 128) - prefix.length
    this.#count = (bits > 30 ? 2 ** 30 : 2 ** bits) - (prefix.version === 4 ? 2 : 1)
  }

  /** Throws an Error with the plugin's text when every address is taken. */
  allocate(containerId: string, interfaceName: string): Ip {
    this.#fs.makeDirectory(this.#directory, { parents: true })
    const lock = `${this.#directory}/lock`
    if (!this.#fs.exists(lock)) this.#fs.writeFile(lock, '')
    const lastFile = `${this.#directory}/last_reserved_ip.${this.#range}`
    const last = this.#fs.exists(lastFile) ? this.#offset(this.#fs.readText(lastFile).trim()) : undefined
    const start = last === undefined ? 0 : last - this.#first + 1
    for (let i = 0; i < this.#count; i++) {
      const ip = nthAddress(this.#network, this.#first + ((start + i) % this.#count))
      if (ip === this.gateway || this.#fs.exists(this.#file(ip))) continue
      this.#fs.writeFile(this.#file(ip), `${containerId}\r\n${interfaceName}`)
      this.#fs.writeFile(lastFile, ip)
      return ip
    }
    const range = `${nthAddress(this.#network, this.#first)}-${nthAddress(this.#network, this.#first + this.#count - 1)}`
    throw new Error(`failed to allocate for range ${this.#range}: no IP addresses available in range set: ${range}`)
  }

  release(containerId: string): void {
    if (!this.#fs.exists(this.#directory)) return
    for (const name of this.#fs.readDirectory(this.#directory)) {
      if (name === 'lock' || name.startsWith('last_reserved_ip')) continue
      if (this.#fs.readText(`${this.#directory}/${name}`).split('\r\n')[0] === containerId) this.#fs.remove(`${this.#directory}/${name}`)
    }
  }

  #file(ip: Ip): string {
    return `${this.#directory}/${ip}`
  }

  /** Which address of the subnet this is; undefined when it is of another one (the node's podCIDR has changed). */
  #offset(ip: Ip): number | undefined {
    if (compareIp(ip, nthAddress(this.#network, 0)) < 0 || compareIp(ip, broadcastOf(this.#network)) > 0) return undefined
    const { version, base, base6 } = parseCidr(this.#network)
    return version === 4 ? parseIpv4(ip)! - base : Number(parseIpv6(ip)! - base6)
  }
}
