import { VPC_PODS } from '../../config.ts'
import { addressCount, nthAddress } from '../../network/address.ts'
import type { Nic, Switch } from '../../network/switch.ts'
import type { Cidr, Ip, Mac } from '../../network/types.ts'

/**
 * The cloud's side: the VPC is the wire between the nodes, and who has which address on it is known to the cloud, not
 * asked by ARP. `EC2` gives network interfaces (ENIs) and their secondary addresses, as many as the instance type has.
 */

/** ENIs, and addresses of each: pkg/vpc/limits.go of amazon-vpc-cni-k8s. */
export const INSTANCE_TYPES: Readonly<Record<string, { enis: number; addresses: number }>> = {
  'm5.large': { enis: 3, addresses: 10 },
  'm5.xlarge': { enis: 4, addresses: 15 },
  't3.medium': { enis: 3, addresses: 6 },
  't3.small': { enis: 3, addresses: 4 },
}

/** Addresses of a /28, which ENABLE_PREFIX_DELEGATION puts in the place of one. */
export const PREFIX = 16

export interface Eni {
  readonly id: string
  readonly mac: Mac
  /** 0: the one that the machine was born with. */
  readonly device: number
  readonly link: Nic
  readonly primary: Ip
  readonly secondary: Set<Ip>
  /** /28 blocks, whose sixteen addresses are in `secondary`; each takes the place of one address. */
  readonly prefixes: Set<Cidr>
}

export class Vpc {
  readonly #wire: Switch
  readonly #instances = new Map<string, Eni[]>()
  #next = 4

  constructor(wire: Switch) {
    this.#wire = wire
  }

  /** The instance's ENIs as the metadata service tells them; its first one is entered when it is seen first. */
  enis(instance: string, first: () => { link: Nic; primary: Ip }): readonly Eni[] {
    let known = this.#instances.get(instance)
    if (!known) {
      const { link, primary } = first()
      known = []
      this.#instances.set(instance, known)
      this.#attach(known, link, primary)
    }
    return known
  }

  /** CreateNetworkInterface and AttachNetworkInterface. Undefined: the subnet has no address left. */
  attach(instance: string, plug: (name: string) => Nic): Eni | undefined {
    const enis = this.#instances.get(instance)!
    const primary = this.#free()
    return primary === undefined ? undefined : this.#attach(enis, plug(`eth${enis.length}`), primary)
  }

  /** AssignPrivateIpAddresses: as many as there are. */
  assign(eni: Eni, count: number): void {
    for (let i = 0; i < count; i++) {
      const ip = this.#free()
      if (ip === undefined) return
      eni.secondary.add(ip)
      this.#wire.assign(ip, eni.link)
    }
  }

  /** The same for whole prefixes of sixteen addresses. */
  assignPrefixes(eni: Eni, count: number): void {
    for (let i = 0; i < count; i++) {
      const first = Math.ceil(this.#next / PREFIX) * PREFIX
      if (first + PREFIX >= addressCount(VPC_PODS) - 1) return
      this.#next = first + PREFIX
      eni.prefixes.add(`${nthAddress(VPC_PODS, first)}/28`)
      for (let n = first; n < first + PREFIX; n++) {
        const ip = nthAddress(VPC_PODS, n)
        eni.secondary.add(ip)
        this.#wire.assign(ip, eni.link)
      }
    }
  }

  #attach(enis: Eni[], link: Nic, primary: Ip): Eni {
    const eni: Eni = { id: `eni-${link.mac.replaceAll(':', '')}${String(enis.length).padStart(5, '0')}`, mac: link.mac, device: enis.length, link, primary, secondary: new Set(), prefixes: new Set() }
    enis.push(eni)
    this.#wire.assign(primary, link)
    return eni
  }

  /** One after the other; the first four of a subnet are the cloud's own. */
  #free(): Ip | undefined {
    if (this.#next >= addressCount(VPC_PODS) - 1) return undefined
    const ip = nthAddress(VPC_PODS, this.#next++)
    return ip
  }
}

const vpcs = new WeakMap<Switch, Vpc>()

export function vpcOf(wire: Switch): Vpc {
  let vpc = vpcs.get(wire)
  if (!vpc) vpcs.set(wire, (vpc = new Vpc(wire)))
  return vpc
}
