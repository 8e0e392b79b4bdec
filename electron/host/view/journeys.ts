import { endpoint, type Journey } from '../../engine/cluster.ts'
import type { JourneySummary } from '../../bridge/view.ts'
import type { KeptJourneys } from '../session/kept-journeys.ts'

/** The newest connections of the student's programs, and of the cluster's own. */
export function journeyViews(kept: KeptJourneys): Record<string, JourneySummary> {
  return Object.fromEntries([...kept.system.map((j) => summary(j, true)), ...kept.own.map((j) => summary(j, false))].map((j) => [String(j.id), j]))
}

function summary(journey: Journey, system: boolean): JourneySummary {
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
    system,
  }
}
