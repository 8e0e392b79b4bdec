import type { Clock } from '../../../clock.ts'
import type { TrackedConnection } from '../../../network/netfilter/conntrack/connection.ts'
import { Nat, type NatRange } from '../../../network/netfilter/conntrack/nat.ts'
import { ConnectionTracker } from '../../../network/netfilter/conntrack/tracker.ts'
import type { IpPacket, NetworkNamespace } from '../../../network/types.ts'
import { CT } from './fields.ts'

/** ct_label's lower 64 bits. */
export interface Label { high: number; low: number }

interface Zone { tracker: ConnectionTracker; nat: Nat }

/** Connection tracking of the datapath (net/openvswitch/conntrack.c): each zone has its own table. */
export class ConntrackZones {
  readonly #network: NetworkNamespace
  readonly #clock: Clock
  readonly #zones = new Map<number, Zone>()
  readonly #labels = new WeakMap<TrackedConnection, Label>()

  constructor(network: NetworkNamespace, clock: Clock) {
    this.#network = network
    this.#clock = clock
  }

  #zone(number: number): Zone {
    let zone = this.#zones.get(number)
    if (!zone) {
      const tracker = new ConnectionTracker(this.#network, this.#clock)
      this.#zones.set(number, (zone = { tracker, nat: new Nat(tracker, this.#clock.random.fork(`ovs zone ${number} ${this.#network.name}`)) }))
    }
    return zone
  }

  /** Finds the packet's connection of the zone, or begins one that stands only once it is committed. */
  track(packet: IpPacket, number: number): void {
    forget(packet)
    this.#zone(number).tracker.track(packet)
  }

  /** Makes the packet look as its connection's translations want it. */
  translate(packet: IpPacket, number: number): void {
    const { nat } = this.#zone(number)
    nat.translate(packet, 'prerouting')
    nat.translate(packet, 'postrouting')
  }

  bind(packet: IpPacket, number: number, what: 'source' | 'destination', range: NatRange): void {
    const { nat } = this.#zone(number)
    nat.bind(packet, what, range)
    nat.translate(packet, what === 'destination' ? 'prerouting' : 'postrouting')
  }

  /** False: another connection has its addresses. */
  confirm(packet: IpPacket, number: number): boolean {
    return this.#zone(number).tracker.confirm(packet)
  }

  label(packet: IpPacket): Label {
    const connection = packet.meta.connection as TrackedConnection | undefined
    return (connection && this.#labels.get(connection)) ?? { high: 0, low: 0 }
  }

  setLabel(packet: IpPacket, label: Label): void {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (connection) this.#labels.set(connection, label)
  }

  list(): { zone: number; entry: TrackedConnection; label: Label }[] {
    return [...this.#zones].sort(([a], [b]) => a - b).flatMap(([zone, { tracker }]) => tracker.list().map((entry) => ({ zone, entry, label: this.#labels.get(entry) ?? { high: 0, low: 0 } })))
  }

  remove(matches: (entry: TrackedConnection) => boolean): void {
    for (const { tracker } of this.#zones.values()) tracker.remove((entry) => matches(entry as TrackedConnection))
  }

  clear(): void {
    this.remove(() => true)
  }
}

/** nf_reset_ct: between a zone and the host's own connection tracking nothing is shared. */
export function forget(packet: IpPacket): void {
  packet.meta.connection = undefined
  packet.meta.state = undefined
  packet.meta.direction = undefined
}

/** ovs_ct_get_state. */
export function stateOf(packet: IpPacket): number {
  const { state, direction } = packet.meta
  const connection = packet.meta.connection as TrackedConnection | undefined
  const reply = direction === 'reply' ? CT.rpl : 0
  const nat = (connection?.sourceNat ? CT.snat : 0) | (connection?.destinationNat ? CT.dnat : 0)
  switch (state) {
    case 'NEW': return CT.trk | CT.new | nat
    case 'ESTABLISHED': return CT.trk | CT.est | reply | nat
    case 'RELATED': return CT.trk | CT.rel | reply | nat
    default: return CT.trk | CT.inv
  }
}
