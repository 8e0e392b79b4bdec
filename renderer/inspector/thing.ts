import type { TopologyView } from '../../electron/bridge/view.ts'
import type { Thing } from '../state/desk.svelte.ts'

/** The part of the view model that a selected thing is; null once it is gone. */
export function stillThere(topology: TopologyView, thing: Thing): object | null {
  const all = { node: topology.nodes, pod: topology.pods, service: topology.services, outside: topology.outside }[thing.kind] as Record<string, object>
  return all[thing.id] ?? null
}
