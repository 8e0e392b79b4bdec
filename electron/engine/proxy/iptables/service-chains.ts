import type { ChainBlock } from '../../network/types.ts'
import type { EndpointInfo } from '../endpoints.ts'
import type { ServicePortInfo } from '../service-ports.ts'
import { endpointChain } from './names.ts'

/**
 * The chains that choose an endpoint and that send packets there. There is one for each endpoint of the cluster, and hardly
 * any is ever looked at: their text is put together for who reads it.
 */

const MASQUERADES: readonly string[] = ['KUBE-MARK-MASQ']

/** KUBE-SEP-…: one endpoint of a Service's port. */
class EndpointChain implements ChainBlock {
  readonly chain: string
  read?: object
  readonly #endpoint: EndpointInfo
  readonly #port: ServicePortInfo
  readonly #large: boolean

  constructor(endpoint: EndpointInfo, port: ServicePortInfo, large: boolean) {
    this.#endpoint = endpoint
    this.#port = port
    this.#large = large
    this.chain = endpointChain(port.name, port.protocol, endpoint.address)
  }

  isOf(port: ServicePortInfo, large: boolean): boolean {
    const { name, protocol, stickySeconds } = this.#port
    return name === port.name && protocol === port.protocol && stickySeconds === port.stickySeconds && this.#large === large
  }

  get count(): number {
    return 2
  }

  get rules(): readonly string[] {
    const { name, protocol, stickySeconds } = this.#port
    const { ip, address } = this.#endpoint
    const start = `-A ${this.chain}${this.#large ? '' : ` -m comment --comment ${name}`}`
    const remember = stickySeconds === undefined ? '' : ` -m recent --name ${this.chain} --set`
    return [`${start} -s ${ip} -j KUBE-MARK-MASQ`, `${start}${remember} -m ${protocol} -p ${protocol} -j DNAT --to-destination ${address}`]
  }

  /** `recent` keeps a list of its own. */
  get jumps(): readonly string[] | undefined {
    return this.#port.stickySeconds === undefined ? MASQUERADES : undefined
  }
}

/** The chain of an endpoint. One that stays has the same chain whatever becomes of the others. */
export function chainOf(endpoint: EndpointInfo, port: ServicePortInfo, large: boolean): EndpointChain {
  const known = endpoint.chain
  if (known instanceof EndpointChain && known.isOf(port, large)) return known
  return (endpoint.chain = new EndpointChain(endpoint, port, large))
}

/** KUBE-SVC-… and KUBE-SVL-…: chooses among endpoints. */
export class BalancingChain implements ChainBlock {
  readonly chain: string
  read?: object
  /** That come before, and jump to KUBE-MARK-MASQ. */
  readonly #masquerade: readonly string[]
  readonly #endpoints: readonly EndpointInfo[]
  readonly #port: ServicePortInfo
  readonly #large: boolean

  constructor(chain: string, masquerade: readonly string[], endpoints: readonly EndpointInfo[], port: ServicePortInfo, large: boolean) {
    this.chain = chain
    this.#masquerade = masquerade
    this.#endpoints = endpoints
    this.#port = port
    this.#large = large
  }

  get count(): number {
    return this.#masquerade.length + this.#endpoints.length * (this.#port.stickySeconds === undefined ? 1 : 2)
  }

  get rules(): readonly string[] {
    const { name, stickySeconds } = this.#port
    const targets = this.#targets()
    const start = ({ address }: EndpointInfo): string => `-A ${this.chain}${this.#large ? '' : ` -m comment --comment "${name} -> ${address}"`}`
    const recent = stickySeconds === undefined ? [] : this.#endpoints.map((e, i) => `${start(e)} -m recent --name ${targets[i]} --rcheck --seconds ${stickySeconds} --reap -j ${targets[i]}`)
    const random = this.#endpoints.map((e, i) => {
      const left = targets.length - i
      const chance = left > 1 ? ` -m statistic --mode random --probability ${probability(left)}` : ''
      return `${start(e)}${chance} -j ${targets[i]}`
    })
    return [...this.#masquerade, ...recent, ...random]
  }

  get jumps(): readonly string[] | undefined {
    if (this.#port.stickySeconds !== undefined) return undefined
    return this.#masquerade.length > 0 ? [...MASQUERADES, ...this.#targets()] : this.#targets()
  }

  #targets(): readonly string[] {
    return this.#endpoints.map((e) => chainOf(e, this.#port, this.#large).chain)
  }
}

/** Go's %0.10f of 1/n. */
function probability(n: number): string {
  return (1 / n).toFixed(10)
}
