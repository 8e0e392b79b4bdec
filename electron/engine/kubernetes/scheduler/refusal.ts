/** Why a node cannot take a Pod: framework.Status of a filter plugin. */
export interface Refusal {
  readonly plugin: string
  readonly reasons: readonly string[]
  /** Unschedulable, which other Pods' leaving could change; otherwise UnschedulableAndUnresolvable. */
  readonly resolvable: boolean
}

export function refusal(plugin: string, reason: string, resolvable: boolean): Refusal {
  return { plugin, reasons: [reason], resolvable }
}

const RESOLVED_BY_NOTHING = 'Preemption is not helpful for scheduling'

/** The refusals of one attempt: framework.Diagnosis. */
export interface Diagnosis {
  /** Of nodes that were asked. */
  readonly refusals: ReadonlyMap<string, Refusal>
  /** Why the others were not. */
  readonly absent?: string
  /** A PreFilter plugin refused all nodes at once. */
  readonly preFilter?: string
}

/** framework.FitError: "0/3 nodes are available: 2 Insufficient cpu." */
export function fitError(total: number, { refusals, absent, preFilter }: Diagnosis, postFilter = ''): string {
  let text = `0/${total} nodes are available:`
  if (preFilter !== undefined) text += ` ${preFilter}.`
  else {
    const counts = new Map<string, number>()
    for (const { reasons } of refusals.values()) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (absent !== undefined && refusals.size < total) counts.set(absent, (counts.get(absent) ?? 0) + total - refusals.size)
    const list = [...counts].map(([reason, n]) => `${n} ${reason}`).sort((a, b) => (a < b ? -1 : 1))
    if (list.length > 0) text += ` ${list.join(', ')}.`
  }
  return postFilter === '' ? text : `${text} ${postFilter}`
}

/** What the preemption plugin adds when it finds no candidate. */
export function preemptionError(total: number, refusals: ReadonlyMap<string, Refusal>): string {
  return `preemption: ${fitError(total, { refusals, absent: RESOLVED_BY_NOTHING })}`
}
