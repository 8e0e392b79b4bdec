import { endpoint, type Header, type Hop, type Journey } from '../../engine/cluster.ts'

/** `hop trace -o json` (design 5.4). */
export function traceJson(journey: Journey): string {
  const { verdict, reason, finalDestination, sourceSeenByServer, hops, reply } = journey
  return JSON.stringify({ verdict, reason: reason ?? null, finalDestination: finalDestination ?? null, sourceSeenByServer: sourceSeenByServer ?? null, hops, reply }, null, 2) + '\n'
}

/** For reading: a line a hop, grouped by machine. */
export function traceText(journey: Journey): string {
  const out: string[] = []
  out.push(`${journey.from} → ${endpoint(journey.destination, journey.destinationPort)} (${journey.protocol})`, '')
  out.push(...way(journey.hops))
  if (journey.reply.length > 0) out.push('', 'and back', '', ...way(journey.reply))
  out.push('', `verdict: ${journey.verdict}${journey.reason ? ` (${journey.reason}; see: hop explain ${journey.reason})` : ''}`)
  if (journey.finalDestination) out.push(`final destination: ${journey.finalDestination}${journey.to ? ` (${journey.to})` : ''}`)
  if (journey.sourceSeenByServer) out.push(`source seen by the server: ${journey.sourceSeenByServer}`)
  return out.join('\n') + '\n'
}

function way(hops: readonly Hop[]): string[] {
  const out: string[] = []
  let machine: string | undefined
  for (const [index, hop] of hops.entries()) {
    if (hop.machine !== machine) {
      machine = hop.machine
      out.push(machine)
    }
    out.push(`  ${String(index + 1).padStart(2)}  ${hop.stage.padEnd(11)} ${(hop.interface ?? '').padEnd(12)} ${hop.text}`)
    if (hop.decidedBy) out.push(`${' '.repeat(30)}by ${place(hop.decidedBy)}${hop.decidedBy.text}`)
    if (hop.after && addresses(hop.before) !== addresses(hop.after)) out.push(`${' '.repeat(30)}${addresses(hop.before)} became ${addresses(hop.after)}`)
  }
  return out
}

const place = (by: NonNullable<Hop['decidedBy']>): string => (by.table ? `${by.kind} in ${by.table}${by.chain ? `/${by.chain}` : ''}: ` : `${by.kind}: `)

function addresses(header: Header): string {
  return `${endpoint(header.source, header.sourcePort)} > ${endpoint(header.destination, header.destinationPort)}`
}
