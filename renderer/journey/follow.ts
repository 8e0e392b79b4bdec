import type { JourneySummary } from '../../electron/bridge/view.ts'

/** The journey to follow: the newest one that a program of the student's began, not the cluster's own probes and lookups. */
export function lastConnection(journeys: Record<string, JourneySummary>): number | null {
  const own = Object.values(journeys).filter((j) => !j.system && j.program !== null && !j.from.startsWith('kube-system/'))
  return own.length ? Math.max(...own.map((j) => j.id)) : null
}
