import type { PodView, TopologyView } from '../../electron/bridge/view.ts'
import type { Thing } from '../state/desk.svelte.ts'

/** "pod default/web" → the thing. */
export function thingOf(text: string): Thing {
  const at = text.indexOf(' ')
  return { kind: text.slice(0, at) as Thing['kind'], id: text.slice(at + 1) }
}

/** What lights up with it: a Service's Pods, a Pod's Services. */
export function relatedTo(topology: TopologyView, thing: Thing): string[] {
  if (thing.kind === 'service') return (topology.services[thing.id]?.endpoints ?? []).map((e) => `pod ${e.pod}`)
  if (thing.kind === 'pod') return Object.entries(topology.services).filter(([, s]) => s.endpoints.some((e) => e.pod === thing.id)).map(([id]) => `service ${id}`)
  return []
}

export function podsByNode(pods: [string, PodView][]): Map<string | null, [string, PodView][]> {
  const groups = new Map<string | null, [string, PodView][]>()
  for (const entry of pods) {
    const group = groups.get(entry[1].node)
    if (group) group.push(entry)
    else groups.set(entry[1].node, [entry])
  }
  return groups
}
