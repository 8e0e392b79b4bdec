import { endpoint, type Cluster, type Journey } from '../../engine/cluster.ts'
import type { JourneySummary } from '../../bridge/view.ts'
import { isBackground } from '../../lab/checks/journey.ts'

/** How many journeys the window lists. */
const SHOWN = 50

/** The newest connections that a person or program of theirs made: probes and the cluster's own talk are left out. */
export function journeyViews(cluster: Cluster): Record<string, JourneySummary> {
  const own = cluster.journeys.recent.filter((j) => !isBackground(j))
  return Object.fromEntries(own.slice(-SHOWN).map((j) => [String(j.id), summary(j)]))
}

function summary(journey: Journey): JourneySummary {
  return {
    id: journey.id,
    at: journey.at,
    protocol: journey.protocol,
    from: journey.from,
    to: journey.to ?? null,
    program: journey.program ?? null,
    source: endpoint(journey.source, journey.sourcePort),
    destination: endpoint(journey.destination, journey.destinationPort),
    finalDestination: journey.finalDestination ?? null,
    verdict: journey.verdict,
    reason: journey.reason ?? null,
    hops: journey.hops.length + journey.reply.length,
  }
}
