import { cniDown, dnsDown, proxyStopped } from './agents.ts'
import { parseArguments, usageOf } from './arguments.ts'
import { apiserverDown } from './control-plane.ts'
import { FaultError, type FaultEffect, type FaultKind, type FaultWorld } from './fault.ts'
import { conntrackFull, ipForwardOff, routeMissing } from './kernel.ts'
import { nodeDown, nodeReboot } from './machines.ts'
import { linkDown, mtu, packetLoss, slowLink } from './wires.ts'

const KINDS: readonly FaultKind[] = [
  nodeDown, nodeReboot, linkDown, packetLoss, slowLink, mtu, routeMissing, ipForwardOff, conntrackFull, proxyStopped, cniDown, dnsDown, apiserverDown,
]

/** A fault that there is, for lists. */
export interface FaultInfo {
  readonly name: string
  /** "packet-loss A B [--loss PERCENT]" */
  readonly usage: string
  readonly summary: string
  readonly places: FaultKind['places']
  readonly options: FaultKind['options']
  readonly help: readonly string[]
}

/** A fault in effect. */
export interface ActiveFault {
  /** "link-down/worker-1/worker-2" */
  readonly id: string
  readonly name: string
  /** "the wire between worker-1 and worker-2 is cut" */
  readonly text: string
  /** Virtual ms at which it was applied. */
  readonly since: number
  readonly nodes: readonly string[]
  readonly wire?: FaultEffect['wire']
}

/** What is broken on purpose. A fault holds until it is cleared, or until somebody has mended by hand what it broke. */
export class Faults {
  readonly #world: FaultWorld
  readonly #onChange: () => void
  readonly #active = new Map<string, { fault: ActiveFault; effect: FaultEffect }>()

  constructor(world: FaultWorld, onChange: () => void) {
    this.#world = world
    this.#onChange = onChange
  }

  get available(): readonly FaultInfo[] {
    return KINDS.map((kind) => ({ name: kind.name, usage: usageOf(kind), summary: kind.summary, places: kind.places, options: kind.options, help: kind.help }))
  }

  /** In the order in which they were applied. */
  get active(): readonly ActiveFault[] {
    return [...this.#active.values()].filter(({ effect }) => effect.broken()).map(({ fault }) => fault)
  }

  /** `words` as on the command line: "mtu", "worker-2", "--mtu", "1400". Throws {@link FaultError}, and then nothing has changed. */
  apply(words: readonly string[]): ActiveFault {
    const [name = '', ...rest] = words
    const kind = KINDS.find((k) => k.name === name)
    if (!kind) throw new FaultError(`${name === '' ? 'which fault?' : `there is no fault "${name}";`} allowed: ${KINDS.map((k) => k.name).join(', ')}`)
    const given = parseArguments(this.#world, kind, rest)
    const id = [name, ...given.places].join('/')
    const present = this.#active.get(id)
    if (present?.effect.broken()) throw new FaultError(`${id} is active already: ${present.fault.text}; clear it first`)
    const effect = kind.apply(this.#world, given, () => this.#remove(id))
    const { text, nodes, wire } = effect
    const fault: ActiveFault = { id, name, text, since: this.#world.clock.now, nodes, ...(wire ? { wire } : {}) }
    this.#active.delete(id)
    this.#active.set(id, { fault, effect })
    this.#onChange()
    return fault
  }

  /** By its id, or by the words that it was applied with. Throws {@link FaultError}. */
  clear(words: readonly string[]): ActiveFault {
    const found = this.#active.get(this.#idOf(words))
    if (!found?.effect.broken()) {
      const ids = this.active.map((f) => f.id)
      throw new FaultError(`there is no active fault "${words.join(' ')}"; ${ids.length === 0 ? 'none is active' : `active: ${ids.join(', ')}`}`)
    }
    this.#mend(found)
    return found.fault
  }

  /** The last one first, as one takes apart what one has built up. */
  clearAll(): ActiveFault[] {
    const all = [...this.#active.values()].filter(({ effect }) => effect.broken()).reverse()
    for (const each of all) this.#mend(each)
    return all.map((a) => a.fault)
  }

  #mend({ fault, effect }: { fault: ActiveFault; effect: FaultEffect }): void {
    this.#active.delete(fault.id)
    effect.clear()
    this.#onChange()
  }

  #remove(id: string): void {
    this.#active.delete(id)
    this.#onChange()
  }

  #idOf(words: readonly string[]): string {
    const joined = words.join('/')
    if (this.#active.has(joined)) return joined
    // a prefix has a slash of its own, and the ends of a wire may stand either way round
    const [name, ...places] = joined.split('/')
    const turned = [name, ...places.reverse()].join('/')
    return this.#active.has(turned) ? turned : joined
  }
}
