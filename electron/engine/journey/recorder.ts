import type { Clock } from '../clock.ts'
import { dataLength, ported } from '../network/packets.ts'
import type { ArpPacket, Frame, IpPacket, NetworkNamespace, Recorder } from '../network/types.ts'
import { endpoint, headerOf } from './header.ts'
import type { Journeys } from './log.ts'
import type { Header, Hop, Journey, Trail, Verdict } from './types.ts'

/** Where a hop happens: a network namespace, or the wire between them. */
export type Place = Pick<NetworkNamespace, 'name' | 'machine' | 'policyExplainer'>
export type HopContent = Omit<Hop, 'at' | 'machine' | 'networkNamespace'>

/** A copy's own way, taken over by the journey only when the copy arrives or fails (a flood has many copies). */
interface CopiedTrail extends Trail {
  copied?: boolean
}

/**
 * Writes journeys. A trail that records writes straight into its journey. Of a connection only the first packet of
 * each direction records, and every packet after one that failed, until the journey is whole again.
 */
export class JourneyRecorder implements Recorder {
  readonly log: Journeys
  readonly #clock: Clock

  constructor(clock: Clock, log: Journeys) {
    this.#clock = clock
    this.log = log
  }

  begin(namespace: NetworkNamespace, packet: IpPacket, options?: { program?: string; answers?: Journey; journey?: Journey }): Trail {
    const answers = options?.answers
    const journey = answers ?? options?.journey ?? this.#newJourney(namespace, packet, options?.program)
    journey.packets++
    journey.bytes += dataLength(packet)
    const way = answers ? journey.reply : journey.hops
    const record = way.length === 0 || hasFailed(journey)
    const trail: Trail = { journey, direction: answers ? 'reply' : 'forward', record, hops: [] }
    packet.meta.trail = trail
    if (record) {
      takeOver(trail)
      this.log.changed(journey)
    }
    return trail
  }

  recording(packet: IpPacket): boolean {
    return packet.meta.trail?.record === true
  }

  header(packet: IpPacket, frame?: Frame): Header {
    return headerOf(packet, frame)
  }

  hop(place: Place, packet: IpPacket | ArpPacket, hop: HopContent): void {
    const trail = packet.kind === 'ip' ? packet.meta.trail : packet.trail
    if (!trail) return
    trail.hops.push(this.#complete(place, hop))
    if (hop.stage === 'dnat' && hop.after && trail.direction === 'forward') {
      trail.journey.finalDestination = endpoint(hop.after.destination, hop.after.destinationPort)
    }
  }

  fail(place: Place, packet: IpPacket, verdict: Verdict, reason: string, hop: HopContent): void {
    const trail = packet.meta.trail
    if (!trail) return
    const journey = trail.journey
    const denial = place.policyExplainer?.(packet, hop)
    if (denial) {
      hop.text += ` ${denial.text}`
      hop.policies = denial.policies
      reason = hop.explanation = verdict === 'rejected' ? 'reject-policy' : 'drop-policy'
    }
    trail.hops.push(this.#complete(place, hop))
    // A lost answer does not hide why the question was answered so.
    if (trail.direction === 'reply' && hasFailed(journey)) return this.#keep(trail)
    if ((trail as CopiedTrail).copied && journey.verdict === 'delivered') return
    this.#keep(trail)
    journey.verdict = verdict
    journey.reason = reason
    if (verdict === 'refused' && trail.direction === 'forward') this.#arrived(place, journey, packet)
    this.log.changed(journey)
  }

  deliver(place: Place, packet: IpPacket, hop: HopContent): void {
    const trail = packet.meta.trail
    if (!trail) return
    const journey = trail.journey
    trail.hops.push(this.#complete(place, hop))
    if (trail.record) takeOver(trail)
    if (trail.direction === 'forward') {
      journey.verdict = 'delivered'
      journey.reason = undefined
      journey.sourceSeenByServer = packet.source
      this.#arrived(place, journey, packet)
    }
    this.log.changed(journey)
  }

  conclude(journey: Journey, verdict: Verdict, reason?: string): void {
    // A timeout is what the program sees; a named failure on the way says more.
    if (verdict === 'timeout' && hasFailed(journey)) return
    journey.verdict = verdict
    journey.reason = reason
    this.log.changed(journey)
  }

  /** For a copy of a packet: goes on from the same hops without disturbing the others. */
  fork(trail: Trail | undefined): Trail | undefined {
    if (!trail) return undefined
    const copy: CopiedTrail = { journey: trail.journey, direction: trail.direction, record: trail.record, hops: [...trail.hops], copied: true }
    return copy
  }

  isFork(packet: IpPacket): boolean {
    return (packet.meta.trail as CopiedTrail | undefined)?.copied === true
  }

  #keep(trail: Trail): void {
    if (trail.record) takeOver(trail)
    else {
      const way = trail.direction === 'forward' ? trail.journey.hops : trail.journey.reply
      way.push(...trail.hops)
      trail.hops = []
    }
  }

  #arrived(place: Place, journey: Journey, packet: IpPacket): void {
    const payload = packet.payload
    journey.to = place.name
    journey.finalDestination = endpoint(packet.destination, ported(payload)?.destinationPort)
  }

  #complete(place: Place, hop: HopContent): Hop {
    // Callers hand over a fresh object; completing it in place saves a copy for each hop.
    const complete = hop as Hop
    complete.at = this.#clock.now
    complete.machine = place.machine
    complete.networkNamespace = place.name
    return complete
  }

  #newJourney(namespace: NetworkNamespace, packet: IpPacket, program: string | undefined): Journey {
    const payload = packet.payload
    const ports = ported(payload)
    return this.log.add({
      at: this.#clock.now,
      // what a tunnel packs has its own journey already
      protocol: payload.kind === 'ipip' ? 'icmp' : payload.kind,
      from: namespace.name,
      program,
      source: packet.source,
      sourcePort: ports?.sourcePort,
      destination: packet.destination,
      destinationPort: ports?.destinationPort,
      hops: [],
      reply: [],
      verdict: 'pending',
      packets: 0,
      bytes: 0,
    })
  }
}

export function hasFailed(journey: Journey): boolean {
  return journey.verdict !== 'pending' && journey.verdict !== 'delivered'
}

function takeOver(trail: Trail): void {
  if (trail.direction === 'forward') trail.journey.hops = trail.hops
  else trail.journey.reply = trail.hops
}
