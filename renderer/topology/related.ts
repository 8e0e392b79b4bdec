import type { TopologyView } from '../../electron/bridge/view.ts'
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
