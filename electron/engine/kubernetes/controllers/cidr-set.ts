import { ipNumber, nthPrefix, parseCidr, prefixContains, tryParseCidr } from '../../network/address.ts'

/** The equal parts of a prefix, and which of them are taken: pkg/controller/nodeipam/ipam/cidrset. */
export class CidrSet {
  readonly cidr: string
  /** How many parts there are. */
  readonly size: number
  readonly #length: number
  readonly #taken = new Set<number>()
  /** The part after the last one that was given. */
  #next = 0

  /** `length`: of the parts' prefixes. */
  constructor(cidr: string, length: number) {
    this.cidr = cidr
    this.#length = length
    this.size = 2 ** Math.min(length - parseCidr(cidr).length, 30)
  }

  get taken(): number {
    return this.#taken.size
  }

  /** Undefined: all are taken. */
  allocateNext(): string | undefined {
    if (this.#taken.size >= this.size) return undefined
    let n = this.#next
    while (this.#taken.has(n)) n = (n + 1) % this.size
    this.#taken.add(n)
    this.#next = (n + 1) % this.size
    return this.block(n)
  }

  /** Takes every part that a prefix touches; false: it lies outside. */
  occupy(cidr: string): boolean {
    return this.#each(cidr, (n) => this.#taken.add(n))
  }

  release(cidr: string): boolean {
    return this.#each(cidr, (n) => this.#taken.delete(n))
  }

  block(n: number): string {
    return nthPrefix(this.cidr, this.#length, n)
  }

  #each(cidr: string, act: (n: number) => void): boolean {
    const [whole, part] = [parseCidr(this.cidr), tryParseCidr(cidr)]
    if (part?.version !== whole.version) return false
    const width = part.version === 4 ? 32 : 128
    // a prefix that holds all of them takes them all
    const wide = part.length < whole.length && prefixContains(part, whole.network)
    const first = wide ? 0 : Number((ipNumber(part.network) - ipNumber(whole.network)) >> BigInt(width - this.#length))
    if (first < 0 || first >= this.size) return false
    const last = wide ? this.size - 1 : Math.min(this.size - 1, first + Math.max(1, 2 ** (this.#length - part.length)) - 1)
    for (let n = first; n <= last; n++) act(n)
    return true
  }
}
