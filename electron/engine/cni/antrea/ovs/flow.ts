import type { Action } from './actions.ts'
import type { Term } from './fields.ts'

/** A flow of a table (ovs-ofctl(8), "Flow Syntax"). */
export interface Flow {
  readonly table: string
  readonly cookie: string
  readonly priority: number
  /** As it was given, ports and tables by name: 'ip,in_port="antrea-gw0",nw_src=10.244.1.1'. */
  readonly match: string
  readonly actions: string
  readonly terms: readonly Term[]
  readonly compiled: readonly Action[]
  /** conjunction(ID, k/n): such a flow decides nothing by itself. */
  readonly clauses: readonly { id: number; clause: number; of: number }[]
  /** Seconds; of learned flows. */
  readonly hardTimeout?: number
  readonly createdAt: number
  packets: number
  bytes: number
}

/** Without statistics and time: what a hop shows, as `ovs-ofctl dump-flows br-int --no-stats --names` prints it. */
export function flowText(flow: Pick<Flow, 'table' | 'cookie' | 'priority' | 'match' | 'actions' | 'hardTimeout'>): string {
  const timeout = flow.hardTimeout === undefined ? '' : ` hard_timeout=${flow.hardTimeout},`
  return `cookie=${flow.cookie}, table=${flow.table},${timeout} priority=${flow.priority}${flow.match ? `,${flow.match}` : ''} actions=${flow.actions}`
}

/** Splits at commas outside of parentheses and brackets. */
export function splitTop(text: string): string[] {
  const out: string[] = []
  let [depth, start] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '(' || c === '[') depth++
    else if (c === ')' || c === ']') depth--
    else if (c === ',' && depth === 0) {
      out.push(text.slice(start, i))
      start = i + 1
    }
  }
  const last = text.slice(start)
  if (last !== '') out.push(last)
  return out
}
