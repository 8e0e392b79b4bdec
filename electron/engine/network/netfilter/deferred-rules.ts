import type { DeferredWork, IpPacket } from '../types.ts'
import type { Rule, TableName } from './rule.ts'
import { rulesOf } from './shared-chain.ts'
import type { Table } from './table.ts'

/** Rules that are to be there before anybody looks: by whose they are, in the order in which those came. */
export class DeferredRules {
  readonly #table: (name: TableName) => Table | undefined
  readonly #isEstablished: (packet: IpPacket) => boolean
  readonly #works = new Map<object, DeferredWork>()

  /** `table` looks at a table as it is now, if there is one; `isEstablished` says whether a packet's connection has been answered before. */
  constructor(table: (name: TableName) => Table | undefined, isEstablished: (packet: IpPacket) => boolean) {
    this.#table = table
    this.#isEstablished = isEstablished
  }

  set(owner: object, work: DeferredWork): void {
    this.#works.set(owner, work)
    for (const rule of this.#counted(work).flat()) rule.packets = rule.bytes = 0
  }

  isTheirs(chain: string): boolean {
    for (const { isTheirs } of this.#works.values()) if (isTheirs(chain)) return true
    return false
  }

  /** Whether the rules could do something with a packet that those before them would not. */
  concern(packet: IpPacket): boolean {
    for (const { concerns } of this.#works.values()) if (!concerns || concerns(packet, this.#isEstablished)) return true
    return false
  }

  settle(): void {
    for (const work of this.#works.values()) {
      const before = this.#counted(work).map((rules) => rules.map(({ packets, bytes }) => [packets, bytes] as const))
      work.work()
      this.#counted(work).forEach((rules, i) => rules.forEach((rule, k) => ([rule.packets, rule.bytes] = before[i]?.[k] ?? [rule.packets, rule.bytes])))
    }
  }

  /** Chain by chain the rules that count packets which do not concern the work. */
  #counted({ counted = [] }: DeferredWork): Rule[][] {
    return counted.map(({ table, chain, jump }) => {
      const found = this.#table(table)?.chains.get(chain)
      const rules = found ? rulesOf(found) : []
      let from = 0
      if (jump !== undefined) for (from = rules.length; from > 0 && rules[from - 1]!.jump === jump; ) from--
      return rules.slice(from)
    })
  }
}
