import { masked, type FlowKey, type Term } from './fields.ts'
import type { Flow } from './flow.ts'

/** All flows of a table that look at the same bits of the same fields: a "subtable" of OVS's classifier (tuple space search). */
interface Subtable {
  readonly terms: readonly Term[]
  readonly rows: Map<string, Flow[]>
  priority: number
}

/** One flow table with the lookup of lib/classifier.c, conjunctive matches included. */
export class FlowTable {
  readonly id: number
  readonly name: string
  readonly #subtables = new Map<string, Subtable>()
  #sorted: Subtable[] = []
  readonly #flows = new Map<string, Flow>()

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }

  /** In the order in which they came. */
  get flows(): Iterable<Flow> {
    return this.#flows.values()
  }

  get size(): number {
    return this.#flows.size
  }

  /** A flow with the same match and priority takes the place of the old one and keeps its counters (OFPFC_ADD resets them). */
  add(flow: Flow): void {
    const key = `${flow.priority} ${flow.match}`
    const old = this.#flows.get(key)
    if (old) this.#take(old)
    this.#flows.set(key, flow)
    const signature = flow.terms.map((t) => `${t.field}/${t.mask ?? ''}`).join()
    let subtable = this.#subtables.get(signature)
    if (!subtable) this.#subtables.set(signature, (subtable = { terms: flow.terms, rows: new Map(), priority: -1 }))
    const row = flow.terms.map((t) => t.value).join()
    const flows = subtable.rows.get(row)
    if (flows) flows.splice(flows.findIndex((f) => f.priority < flow.priority) >>> 0, 0, flow)
    else subtable.rows.set(row, [flow])
    if (flow.priority > subtable.priority || !old) {
      subtable.priority = Math.max(subtable.priority, flow.priority)
      this.#sort()
    }
  }

  remove(flow: Pick<Flow, 'priority' | 'match'>): boolean {
    const key = `${flow.priority} ${flow.match}`
    const old = this.#flows.get(key)
    if (!old) return false
    this.#flows.delete(key)
    this.#take(old)
    return true
  }

  clear(): void {
    this.#flows.clear()
    this.#subtables.clear()
    this.#sorted = []
  }

  #take(flow: Flow): void {
    const signature = flow.terms.map((t) => `${t.field}/${t.mask ?? ''}`).join()
    const subtable = this.#subtables.get(signature)!
    const row = flow.terms.map((t) => t.value).join()
    const rest = subtable.rows.get(row)!.filter((f) => f !== flow)
    if (rest.length > 0) subtable.rows.set(row, rest)
    else subtable.rows.delete(row)
    if (subtable.rows.size > 0) return
    this.#subtables.delete(signature)
    this.#sort()
  }

  #sort(): void {
    this.#sorted = [...this.#subtables.values()].sort((a, b) => b.priority - a.priority)
  }

  /** The flow that a frame meets: the one of the highest priority, or the one that the conj_id of a whole conjunction leads to. */
  lookup(key: FlowKey, now: number): Flow | undefined {
    let hard: Flow | undefined
    let soft: Flow[] | undefined
    for (const subtable of this.#sorted) {
      if (hard && hard.priority >= subtable.priority) break
      const row = rowOf(subtable.terms, key)
      const flows = row === undefined ? undefined : subtable.rows.get(row)
      if (!flows) continue
      for (const flow of flows) {
        if (hard && flow.priority <= hard.priority) break
        if (flow.hardTimeout !== undefined && flow.createdAt + flow.hardTimeout * 1000 <= now) continue
        if (flow.clauses.length > 0) (soft ??= []).push(flow)
        else {
          hard = flow
          break
        }
      }
    }
    return (soft && this.#conjunctive(key, soft, hard, now)) ?? hard
  }

  /** From the highest priority down: the first conjunction with all its clauses whose conj_id a flow waits for. */
  #conjunctive(key: FlowKey, soft: readonly Flow[], hard: Flow | undefined, now: number): Flow | undefined {
    if (key.conjunction !== 0) return undefined
    const clauses = soft.filter((f) => !hard || f.priority > hard.priority)
    const priorities = [...new Set(clauses.map((f) => f.priority))].sort((a, b) => b - a)
    for (const priority of priorities) {
      const seen = new Map<number, Set<number>>()
      for (const flow of clauses) {
        if (flow.priority !== priority) continue
        for (const { id, clause, of } of flow.clauses) {
          let found = seen.get(id)
          if (!found) seen.set(id, (found = new Set()))
          found.add(clause)
          if (found.size < of) continue
          key.conjunction = id
          const decided = this.lookup(key, now)
          key.conjunction = 0
          if (decided && decided.terms.some((t) => t.field === 'conj_id')) return decided
        }
      }
    }
    return undefined
  }
}

function rowOf(terms: readonly Term[], key: FlowKey): string | undefined {
  let row = ''
  for (let i = 0; i < terms.length; i++) {
    const { read, mask } = terms[i]!
    const value = read(key)
    if (value === undefined) return undefined
    const bits = mask === undefined ? value : masked(value, mask)
    row = i === 0 ? `${bits}` : `${row},${bits}`
  }
  return row
}
