import type { Clock } from '../clock.ts'
import { dataLength, ported } from '../network/packets.ts'
import type { ArpPacket, Frame, IpPacket, NetworkNamespace, Recorder } from '../network/types.ts'
import { endpoint, headerOf } from './header.ts'
import type { Journeys } from './log.ts'
import { RecordedJourney } from './recorded.ts'
import type { Header, Journey, Trail, Verdict } from './types.ts'
import { complete, Note, Way } from './way.ts'
import type { Facts, HopContent, Telling } from './way.ts'

/** Where a hop happens: a network namespace, or the wire between them. */
export type Place = Pick<NetworkNamespace, 'name' | 'machine' | 'policyExplainer'>

/** A copy's own way, taken over by the journey only when the copy arrives or fails (a flood has many copies). */
interface CopiedTrail extends Trail {
  copied?: boolean
  /** Of a packet that is sent again, since none has arrived: what it meets is told unless it is what the one before met. */
  again?: boolean
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
    const journey = (answers ?? options?.journey ?? this.#newJourney(namespace, packet, options?.program)) as RecordedJourney
    journey.packets++
    journey.bytes += dataLength(packet)
    const direction = answers ? 'reply' : 'forward'
    const record = journey.way(direction).length === 0 || hasFailed(journey)
    const again = !answers && record && journey.to === undefined && journey.way(direction).length > 0
    const trail: CopiedTrail = { journey, direction, record, way: new Way(), payload: undefined, header: undefined, framed: undefined }
    if (again) trail.again = true
    packet.meta.trail = trail
    if (record) {
      if (!again) journey.take(direction, trail.way)
      this.log.changed(journey)
    }
    return trail
  }

  known(id: number): Journey | undefined {
    return this.log.get(id)
  }

  recording(packet: IpPacket): boolean {
    return packet.meta.trail?.record === true
  }

  /** Hops that show the same have it in common: nobody may change it. */
  header(packet: IpPacket, frame?: Frame): Header {
    const { trail } = packet.meta
    const { payload } = packet
    if (!trail || (payload.kind !== 'udp' && payload.kind !== 'tcp')) return headerOf(packet, frame)
    if (trail.payload !== payload) {
      trail.payload = payload
      trail.header = trail.framed = undefined
    }
    const last = frame ? trail.framed : trail.header
    if (
      last?.source === packet.source && last.destination === packet.destination && last.ttl === packet.ttl && last.sourcePort === payload.sourcePort &&
      last.destinationPort === payload.destinationPort && (!frame || (last.sourceMac === frame.source && last.destinationMac === frame.destination))
    ) return last
    const header = headerOf(packet, frame)
    if (frame) trail.framed = header
    else trail.header = header
    return header
  }

  hop(place: Place, packet: IpPacket | ArpPacket, hop: HopContent): void {
    const trail = packet.kind === 'ip' ? packet.meta.trail : packet.trail
    if (!trail) return
    this.#write(trail, place, hop)
    if (hop.stage === 'dnat' && hop.after) this.#destined(trail, hop.after)
  }

  note<F extends Facts>(place: Place, packet: IpPacket, name: string | undefined, before: Header, after: Header | undefined, telling: Telling<F>, ...facts: F): void
  note(
    place: Place, packet: IpPacket, name: string | undefined, before: Header, after: Header | undefined,
    telling: Telling<[unknown, unknown, unknown, unknown]>, a: unknown, b: unknown, c: unknown, d: unknown,
  ): void {
    packet.meta.trail?.way.add(new Note(this.#clock.now, place.machine, place.name, name, before, after, telling, a, b, c, d))
  }

  destined(packet: IpPacket, header: Header): void {
    const { trail } = packet.meta
    if (trail) this.#destined(trail, header)
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
    this.#write(trail, place, hop)
    // The first one saw more: of those that follow, conntrack knows already where they go, and some wait behind it.
    if (((trail as CopiedTrail).again || !trail.record) && journey.verdict === verdict && journey.reason === reason && journey.way(trail.direction).endsAs(trail.way)) return this.log.changed(journey)
    // A lost answer does not hide why the question was answered so.
    if (trail.direction === 'reply' && hasFailed(journey)) return this.#keep(trail)
    if ((trail as CopiedTrail).copied && journey.verdict === 'delivered') {
      if (trail.direction === 'forward' || (journey as RecordedJourney).answered === 'yes') return
      ;(journey as RecordedJourney).answered = 'a copy failed'
    }
    this.#keep(trail)
    journey.verdict = verdict
    journey.reason = reason
    if (verdict === 'refused' && trail.direction === 'forward') this.#arrived(place, journey, packet)
    this.log.changed(journey)
  }

  deliver(place: Place, packet: IpPacket, hop: HopContent): void {
    const trail = packet.meta.trail
    if (!trail) return
    this.#write(trail, place, hop)
    this.delivered(place, packet)
  }

  delivered(place: Place, packet: IpPacket): void {
    const trail = packet.meta.trail
    if (!trail) return
    const journey = trail.journey
    if (trail.record) journey.take(trail.direction, trail.way)
    if (trail.direction === 'forward') {
      journey.verdict = 'delivered'
      journey.reason = undefined
      journey.sourceSeenByServer = packet.source
      this.#arrived(place, journey, packet)
    } else {
      const recorded = journey as RecordedJourney
      // the right copy came after a wrong one was dropped
      if (recorded.answered === 'a copy failed') {
        journey.verdict = 'delivered'
        journey.reason = undefined
      }
      recorded.answered = 'yes'
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
    const { again } = trail as CopiedTrail
    const copy: CopiedTrail = { ...(again ? { again } : {}), journey: trail.journey, direction: trail.direction, record: trail.record, way: trail.way.copy(), payload: undefined, header: undefined, framed: undefined, copied: true }
    return copy
  }

  isFork(packet: IpPacket): boolean {
    return (packet.meta.trail as CopiedTrail | undefined)?.copied === true
  }

  #keep(trail: Trail): void {
    const { journey, direction } = trail
    if (trail.record) return journey.take(direction, trail.way)
    journey.way(direction).append(trail.way)
    trail.way = new Way()
  }

  #write(trail: Trail, place: Place, hop: HopContent): void {
    trail.way.add(complete(hop, this.#clock.now, place.machine, place.name))
  }

  #destined({ direction, journey }: Trail, after: Header): void {
    if (direction === 'forward') journey.finalDestination = endpoint(after.destination, after.destinationPort)
  }

  #arrived(place: Place, journey: Journey, packet: IpPacket): void {
    const payload = packet.payload
    journey.to = place.name
    journey.finalDestination = endpoint(packet.destination, ported(payload)?.destinationPort)
  }

  #newJourney(namespace: NetworkNamespace, packet: IpPacket, program: string | undefined): RecordedJourney {
    const payload = packet.payload
    const ports = ported(payload)
    return this.log.add(new RecordedJourney({
      id: this.log.nextId,
      at: this.#clock.now,
      // what a tunnel packs has its own journey already
      protocol: payload.kind === 'ipip' ? 'icmp' : payload.kind,
      from: namespace.name,
      program,
      source: packet.source,
      sourcePort: ports?.sourcePort,
      destination: packet.destination,
      destinationPort: ports?.destinationPort,
    }))
  }
}

export function hasFailed(journey: Journey): boolean {
  return journey.verdict !== 'pending' && journey.verdict !== 'delivered'
}
