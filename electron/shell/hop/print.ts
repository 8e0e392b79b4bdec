import { endpoint, possibleDestinations, type Header, type Hop, type Journey, type NetworkNamespace, type NotInForce } from '../../engine/cluster.ts'

/** What a Service's rules could have chosen at a hop, the one taken included. */
export interface Choice {
  hop: Hop
  possible: readonly string[]
}

/** Every choice of a destination on the way, in order. To be asked before anything changes the rules. */
export function choicesOf(journey: Journey, networks: readonly NetworkNamespace[]): Choice[] {
  const byName = new Map(networks.map((n) => [n.name, n]))
  return journey.hops.flatMap((hop, i) => {
    const possible = possibleDestinations(journey.hops, i, byName.get(hop.networkNamespace))
    return possible ? [{ hop, possible }] : []
  })
}

/** `hop trace -o json` (design 5.4), beside it `possible`: every destination that the last choice could have taken; and `notInForce`. */
export function traceJson(journey: Journey, choices: readonly Choice[] = [], idle: readonly NotInForce[] = []): string {
  const { verdict, reason, finalDestination, sourceSeenByServer, hops, reply } = journey
  const possible = choices.at(-1)?.possible ?? (finalDestination === undefined ? [] : [finalDestination])
  const document = { verdict, reason: reason ?? null, finalDestination: finalDestination ?? null, sourceSeenByServer: sourceSeenByServer ?? null, hops, reply, possible, ...(idle.length > 0 ? { notInForce: Object.fromEntries(idle.map((i) => [i.policy, i.text])) } : {}) }
  return JSON.stringify(document, null, 2) + '\n'
}

/** For reading: a line a hop, grouped by machine. */
export function traceText(journey: Journey, choices: readonly Choice[] = [], idle: readonly NotInForce[] = []): string {
  const out: string[] = []
  out.push(`${journey.from} → ${endpoint(journey.destination, journey.destinationPort)} (${journey.protocol})`, '')
  out.push(...way(journey.hops, choices))
  if (journey.reply.length > 0) out.push('', 'and back', '', ...way(journey.reply, []))
  out.push('', `verdict: ${journey.verdict}${journey.reason ? ` (${journey.reason}; see: hop explain ${journey.reason})` : ''}`)
  if (journey.finalDestination) out.push(`final destination: ${journey.finalDestination}${journey.to ? ` (${journey.to})` : ''}`)
  if (journey.sourceSeenByServer) out.push(`source seen by the server: ${journey.sourceSeenByServer}`)
  const last = choices.at(-1)
  if (last && last.possible.length > 1) out.push(`possible destinations: ${last.possible.join(', ')}`)
  out.push(...idle.map((i) => `note: ${i.text}`))
  return out.join('\n') + '\n'
}

const INDENT = ' '.repeat(31)

/** Where a line of {@link traceText} goes on when it is too long for a terminal: below the text. */
export function hopColumn(line: string): number {
  return line.startsWith('  ') ? INDENT.length : 2
}

function way(hops: readonly Hop[], choices: readonly Choice[]): string[] {
  const out: string[] = []
  let machine: string | undefined
  for (const [index, hop] of hops.entries()) {
    if (hop.machine !== machine) {
      machine = hop.machine
      out.push(machine)
    }
    out.push(`  ${String(index + 1).padStart(2)}  ${hop.stage.padEnd(11)} ${(hop.interface ?? '').padEnd(12)} ${hop.text}`)
    if (hop.decidedBy) out.push(`${INDENT}by ${place(hop.decidedBy)}${hop.decidedBy.text}`)
    out.push(...changes(hop).map((line) => INDENT + line))
    const choice = choices.find((c) => c.hop === hop)
    if (choice && choice.possible.length > 1) out.push(`${INDENT}possible were ${choice.possible.join(', ')}`)
  }
  return out
}

const place = (by: NonNullable<Hop['decidedBy']>): string => (by.table ? `${by.kind} in ${by.table}${by.chain ? `/${by.chain}` : ''}: ` : `${by.kind}: `)

/** What the hop changed of the packet: for tunnels the outer and the inner header, else addresses, TTL. */
function changes({ stage, before, after }: Hop): string[] {
  if (!after) return []
  if (stage === 'encapsulate') return [`inside:  ${line(before)}`, `outside: ${line(after)}`]
  if (stage === 'decapsulate') return [`outside: ${line(before)}`, `inside:  ${line(after)}`]
  const out: string[] = []
  if (addresses(before) !== addresses(after)) out.push(`${addresses(before)} became ${addresses(after)}`)
  if (stage === 'forward' && before.ttl !== undefined && after.ttl !== undefined && before.ttl !== after.ttl) out.push(`${lifetime(before)} ${before.ttl} became ${after.ttl}`)
  return out
}

function line(header: Header): string {
  const macs = header.sourceMac === undefined ? '' : `${header.sourceMac} > ${header.destinationMac}, `
  return `${macs}${addresses(header)} ${header.protocol}${header.ttl === undefined ? '' : `, ${lifetime(header)} ${header.ttl}`}${header.detail ? `, ${header.detail}` : ''}`
}

/** IPv6 has another name for it. */
const lifetime = ({ source }: Header): string => (source.includes(':') ? 'hop limit' : 'TTL')

function addresses(header: Header): string {
  return `${endpoint(header.source, header.sourcePort)} > ${endpoint(header.destination, header.destinationPort)}`
}
