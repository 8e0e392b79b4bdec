import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { addressCount, cidrContains, formatIpv6, ipNumber, nthAddress, nthPrefix, parseCidr, prefixLength, tryParseCidr } from '../../network/address.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { calicoObject, calicoResource, findObject, ipamConfig, listPools, type BlockAffinity, type IpamBlock, type IpamHandle, type IpPool } from './datastore.ts'
import { isVersion, type Version } from './names.ts'

/**
 * calico-ipam (libcalico-go/lib/ipam): pools are cut into blocks of 64 addresses, a block belongs to a node, and a node
 * takes the next free address of its own blocks, then claims another block, and borrows from others' only when no block is free.
 */
const BLOCKS = calicoResource('ipamblocks')
const AFFINITIES = calicoResource('blockaffinities')
const HANDLES = calicoResource('ipamhandles')
const RESERVATIONS = calicoResource('ipreservations')
export const BLOCK_SIZES = { 4: 26, 6: 122 } as const
/** Of an IPv6 pool's blocks so many are looked at; nodes meet in the first of them less often than once in four thousand million. */
const MOST_BLOCKS = 2 ** 20

/** For conflicts with the other nodes' plugins. */
const RETRIES = 100

export interface Assignment {
  node: string
  handle: string
  /** What the allocation is for: namespace, node, pod; or node and type. */
  attributes: Record<string, string>
  use: 'Workload' | 'Tunnel'
  /** 4, unless said otherwise. */
  version?: Version
  /** Only from these pools. */
  pools?: (pool: IpPool) => boolean
}

export class Ipam {
  readonly #client: KubernetesClient

  constructor(client: KubernetesClient) {
    this.#client = client
  }

  /** The next free address for a node. Throws what the plugin says when there is none. */
  assign(assignment: Assignment): Ip {
    const version = assignment.version ?? 4
    const pools = listPools(this.#client).filter((p) => isVersion(version)(p.spec.cidr) && !p.spec.disabled && (p.spec.allowedUses ?? ['Workload', 'Tunnel']).includes(assignment.use) && (assignment.pools?.(p) ?? true))
    if (pools.length === 0) throw new Error(`failed to request IPv${version} addresses: no configured Calico pools for node ${assignment.node}`)
    const reserved = this.#client.list<KubeObject & { spec: { reservedCIDRs?: Cidr[] } }>(RESERVATIONS).items.flatMap((r) => r.spec.reservedCIDRs ?? []).filter((c) => tryParseCidr(c) !== undefined)
    const inPools = (cidr: Cidr): boolean => pools.some((p) => cidrContains(p.spec.cidr, cidr.split('/')[0]!))
    let owned = 0
    for (const { spec } of this.#affinities()) {
      if (spec.node !== assignment.node || spec.state !== 'confirmed' || !inPools(spec.cidr)) continue
      owned++
      const ip = this.#take(blockName(spec.cidr), assignment, reserved)
      if (ip !== undefined) return ip
    }
    const { strictAffinity, maxBlocksPerHost } = ipamConfig(this.#client)
    // ErrBlockLimit
    if (maxBlocksPerHost > 0 && owned >= maxBlocksPerHost) throw new Error('cannot allocate new block due to per host block limit')
    for (const pool of pools) {
      const cidr = this.#claim(pool, assignment.node, reserved)
      const ip = cidr === undefined ? undefined : this.#take(blockName(cidr), assignment, reserved)
      if (ip !== undefined) return ip
    }
    if (!strictAffinity) {
      for (const { metadata, spec } of this.#client.list<IpamBlock>(BLOCKS).items) {
        const ip = inPools(spec.cidr) ? this.#take(metadata.name, assignment, reserved) : undefined
        if (ip !== undefined) return ip
      }
    }
    throw new Error(`failed to request IPv${version} addresses: Assigned 0 out of 1 requested IPv${version} addresses${strictAffinity ? '; No more free affine blocks and strict affinity enabled' : ''}`)
  }

  /** This address and no other (AssignIP), reserved or not. */
  assignExact(ip: Ip, assignment: Assignment): Ip {
    const pool = listPools(this.#client).find((p) => !p.spec.disabled && isVersion(ip.includes(':') ? 6 : 4)(p.spec.cidr) && cidrContains(p.spec.cidr, ip))
    if (!pool) throw new Error(`The provided IP address ${ip} is not in a configured pool`)
    const has = (): Cidr | undefined => this.#client.list<IpamBlock>(BLOCKS).items.find((b) => cidrContains(b.spec.cidr, ip))?.spec.cidr
    const size = pool.spec.blockSize ?? BLOCK_SIZES[ip.includes(':') ? 6 : 4]
    const block = has() ?? (this.#create(networkOf(ip, size), assignment.node), has())
    const taken = block === undefined ? undefined : this.#take(blockName(block), assignment, [], ordinalOf(block, ip))
    if (taken === undefined) throw new Error('Address already assigned in block')
    return taken
  }

  /** Frees one address (ReleaseIPs); false: nobody has it. */
  releaseAddress(ip: Ip): boolean {
    const block = this.#client.list<IpamBlock>(BLOCKS).items.find((b) => cidrContains(b.spec.cidr, ip))
    if (!block) return false
    const ordinal = ordinalOf(block.spec.cidr, ip)
    let handle: string | undefined
    let freed = false
    this.#change(block.metadata.name, (spec) => {
      const index = spec.allocations[ordinal]
      if (index === null || index === undefined) return undefined
      freed = true
      handle = spec.attributes[index]?.handle_id
      const allocations = spec.allocations.map((a, i) => (i === ordinal ? null : a))
      // attributes that nothing has any more go
      const empty = !allocations.includes(index)
      const sequence = { ...spec.sequenceNumberForAllocation }
      delete sequence[String(ordinal)]
      return {
        ...spec, allocations: empty ? allocations.map((a) => (a !== null && a > index ? a - 1 : a)) : allocations, attributes: empty ? spec.attributes.filter((_, i) => i !== index) : spec.attributes,
        unallocated: [...spec.unallocated, ordinal], sequenceNumber: spec.sequenceNumber + 1, sequenceNumberForAllocation: sequence,
      }
    })
    const known = handle === undefined ? undefined : findObject<IpamHandle>(this.#client, HANDLES, undefined, handleName(handle))
    if (!known) return freed
    const { [block.spec.cidr]: count = 1, ...others } = known.spec.block
    const left = count > 1 ? { ...others, [block.spec.cidr]: count - 1 } : others
    if (Object.keys(left).length === 0) this.#ignoring(404, () => this.#client.delete(HANDLES, undefined, known.metadata.name))
    else this.#client.update(HANDLES, undefined, known.metadata.name, { ...known, spec: { ...known.spec, block: left } })
    return freed
  }

  /** Frees all that a handle has; returns the addresses. */
  release(handleId: string): Ip[] {
    const handle = findObject<IpamHandle>(this.#client, HANDLES, undefined, handleName(handleId))
    if (!handle) return []
    const freed: Ip[] = []
    for (const cidr of Object.keys(handle.spec.block)) {
      this.#change(blockName(cidr), (spec) => {
        const gone = spec.attributes.findIndex((a) => a.handle_id === handleId)
        if (gone < 0) return undefined
        const ordinals = spec.allocations.flatMap((a, i) => (a === gone ? [i] : []))
        freed.push(...ordinals.map((i) => nthAddress(cidr, i)))
        const sequence = { ...spec.sequenceNumberForAllocation }
        for (const ordinal of ordinals) delete sequence[String(ordinal)]
        return {
          ...spec,
          allocations: spec.allocations.map((a) => (a === gone || a === null ? null : a > gone ? a - 1 : a)),
          attributes: spec.attributes.filter((_, i) => i !== gone),
          unallocated: [...spec.unallocated, ...ordinals],
          sequenceNumber: spec.sequenceNumber + 1,
          sequenceNumberForAllocation: sequence,
        }
      })
    }
    this.#ignoring(404, () => this.#client.delete(HANDLES, undefined, handle.metadata.name))
    return freed
  }

  /** The blocks of a node, with those whose address it only borrowed. */
  #affinities(): readonly BlockAffinity[] {
    return this.#client.list<BlockAffinity>(AFFINITIES).items
  }

  /** A block that nobody has, the search beginning where the node's name says, so that nodes seldom meet. */
  #claim(pool: IpPool, node: string, reserved: readonly Cidr[]): Cidr | undefined {
    const six = pool.spec.cidr.includes(':')
    const size = pool.spec.blockSize ?? BLOCK_SIZES[six ? 6 : 4]
    const count = 2 ** (size - prefixLength(pool.spec.cidr))
    const taken = new Set(this.#client.list<IpamBlock>(BLOCKS).items.map((b) => b.spec.cidr))
    const first = fnv(node) % count
    for (let i = 0; i < Math.min(count, MOST_BLOCKS); i++) {
      const cidr = six ? block6(pool.spec.cidr, size, node, i) : nthPrefix(pool.spec.cidr, size, (first + i) % count)
      const whole = reserved.some((r) => cidrContains(r, cidr.split('/')[0]!) && prefixLength(r) <= size)
      if (!taken.has(cidr) && !whole && this.#create(cidr, node)) return cidr
    }
    return undefined
  }

  #create(cidr: Cidr, node: string): boolean {
    const count = addressCount(cidr)
    const name = `${node}-${blockName(cidr)}`
    const affinity = calicoObject<BlockAffinity>('BlockAffinity', name, { cidr, deleted: 'false', node, state: 'confirmed', type: 'host' })
    const block = calicoObject<IpamBlock>('IPAMBlock', blockName(cidr), {
      affinity: `host:${node}`,
      allocations: Array<null>(count).fill(null),
      attributes: [],
      cidr,
      deleted: false,
      sequenceNumber: 0,
      sequenceNumberForAllocation: {},
      strictAffinity: false,
      unallocated: Array.from({ length: count }, (_, i) => i),
    })
    if (!this.#ignoring(409, () => this.#client.create(BLOCKS, undefined, block))) return false
    this.#ignoring(409, () => this.#client.create(AFFINITIES, undefined, affinity))
    return true
  }

  #take(block: string, { node, handle, attributes }: Assignment, reserved: readonly Cidr[], wanted?: number): Ip | undefined {
    let ip: Ip | undefined
    let cidr: Cidr | undefined
    this.#change(block, (spec) => {
      const ordinal = wanted === undefined ? spec.unallocated.find((o) => reserved.length === 0 || !reserved.some((r) => cidrContains(r, nthAddress(spec.cidr, o)))) : spec.unallocated.find((o) => o === wanted)
      if (ordinal === undefined) return undefined
      const known = spec.attributes.findIndex((a) => a.handle_id === handle)
      ip = nthAddress((cidr = spec.cidr), ordinal)
      return {
        ...spec,
        allocations: spec.allocations.map((a, i) => (i === ordinal ? (known < 0 ? spec.attributes.length : known) : a)),
        attributes: known < 0 ? [...spec.attributes, { handle_id: handle, secondary: { node, ...attributes } }] : spec.attributes,
        unallocated: spec.unallocated.filter((o) => o !== ordinal),
        sequenceNumber: spec.sequenceNumber + 1,
        sequenceNumberForAllocation: { ...spec.sequenceNumberForAllocation, [String(ordinal)]: spec.sequenceNumber },
      }
    })
    if (cidr !== undefined) this.#count(handle, cidr)
    return ip
  }

  #count(handleId: string, cidr: Cidr): void {
    const name = handleName(handleId)
    const handle = findObject<IpamHandle>(this.#client, HANDLES, undefined, name)
    if (!handle) this.#client.create(HANDLES, undefined, calicoObject<IpamHandle>('IPAMHandle', name, { block: { [cidr]: 1 }, deleted: false, handleID: handleId }))
    else this.#client.update(HANDLES, undefined, name, { ...handle, spec: { ...handle.spec, block: { ...handle.spec.block, [cidr]: (handle.spec.block[cidr] ?? 0) + 1 } } })
  }

  /** Reads, changes and writes a block, again when another node was faster. `change` returns undefined for nothing. */
  #change(name: string, change: (spec: IpamBlock['spec']) => IpamBlock['spec'] | undefined): void {
    for (let i = 0; i < RETRIES; i++) {
      const block = findObject<IpamBlock>(this.#client, BLOCKS, undefined, name)
      const spec = block && change(block.spec)
      if (!spec || this.#ignoring(409, () => this.#client.update(BLOCKS, undefined, name, { ...block, spec }))) return
    }
  }

  /** Whether it went well; false when the server answers with `code`. */
  #ignoring(code: number, call: () => unknown): boolean {
    try {
      call()
      return true
    } catch (error) {
      if (error instanceof StatusError && error.status.code === code) return false
      throw error
    }
  }
}

/** "10.244.1.64/26" → "10-244-1-64-26", "fd00:10:244::40/122" → "fd00-10-244--40-122". */
export function blockName(cidr: Cidr): string {
  return cidr.replace(/[.:/]/g, '-')
}

/** The place of an address in its block. */
export function ordinalOf(cidr: Cidr, ip: Ip): number {
  return Number(ipNumber(ip) - ipNumber(cidr.split('/')[0]!))
}

/** "10.99.5.5", 26 → "10.99.5.0/26" */
function networkOf(ip: Ip, length: number): Cidr {
  const six = ip.includes(':')
  const bits = BigInt((six ? 128 : 32) - length)
  const base = (BigInt(ipNumber(ip)) >> bits) << bits
  return `${six ? formatIpv6(base) : [24n, 16n, 8n, 0n].map((shift) => String((base >> shift) & 255n)).join('.')}/${length}`
}

/** Names of objects are lower case. */
function handleName(handle: string): string {
  return handle.toLowerCase()
}

/** The i-th block that a node tries in an IPv6 pool, from anywhere in it. */
function block6(pool: Cidr, size: number, node: string, i: number): Cidr {
  const { base6, length } = parseCidr(pool)
  const chance = BigInt(`0x${hex(sha256(encodeUtf8(node)))}`)
  const count = 1n << BigInt(size - length)
  return `${formatIpv6(base6 + (((chance + BigInt(i)) % count) << BigInt(128 - size)))}/${size}`
}

/** FNV-1 of 32 bits, from which Calico seeds its choice. */
function fnv(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, 0x01000193) ^ text.charCodeAt(i)
  return hash >>> 0
}
