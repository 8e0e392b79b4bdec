import type { Place } from '../journey/recorder.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { copyFrame, isGroupMac } from './packets.ts'
import type { Frame, Mac } from './types.ts'

export interface SwitchOptions {
  /** The least time over the wire and how much it varies, in ms. */
  latency?: { least: number; jitter: number }
}

/** A network card, plugged into a switch. */
export class Nic extends BaseLink {
  readonly kind = 'nic'
  readonly switch: Switch
  #plugged = true

  constructor(namespace: Namespace, options: LinkOptions, plugInto: Switch) {
    super(namespace, options)
    this.switch = plugInto
    plugInto.attach(this)
  }

  override get carrier(): boolean {
    return this.up && this.#plugged
  }

  /** The cable in or out. */
  plug(plugged: boolean): void {
    if (this.#plugged === plugged) return
    this.#plugged = plugged
    this.namespace.carrierChanged(this)
  }

  protected send(frame: Frame): void {
    if (!this.carrier) {
      this.statistics.txDropped++
      return this.lost(frame, 'drop-link-down', `The cable of ${this.name} is unplugged.`)
    }
    const packet = frame.payload
    const { recorder } = this.namespace
    if (packet.kind === 'ip' && recorder.recording(packet)) {
      recorder.hop(this.namespace, packet, {
        stage: 'transmit',
        interface: this.name,
        text: `${this.name} of ${this.namespace.name} puts the frame for ${frame.destination} on the wire.`,
        before: recorder.header(packet, frame),
        explanation: 'transmit',
      })
    }
    this.leave(frame)
    this.switch.transmit(this, frame)
  }

  /** From the wire. */
  arrive(frame: Frame): void {
    if (!this.#plugged) return this.lost(frame, 'drop-link-down', `The cable of ${this.name} is unplugged.`)
    if (!this.fits(frame)) return
    const packet = frame.payload
    const { recorder } = this.namespace
    if (packet.kind === 'ip' && frame.destination === this.mac && recorder.recording(packet)) {
      recorder.hop(this.namespace, packet, {
        stage: 'receive',
        interface: this.name,
        text: `${this.name} of ${this.namespace.name} takes the frame from the wire.`,
        before: recorder.header(packet, frame),
        explanation: 'receive',
      })
    }
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.switch.detach(this)
  }
}

/** The learning switch between the machines: the underlay. The wire between any two of its ports can be cut. */
export class Switch {
  readonly name: string
  readonly #place: Place
  readonly #latency: { least: number; jitter: number }
  readonly #ports = new Set<Nic>()
  readonly #learned = new Map<Mac, Nic>()
  readonly #cuts = new Map<Nic, Set<Nic>>()
  readonly #lastArrival = new Map<Nic, Map<Nic, number>>()

  constructor(name: string, options?: SwitchOptions) {
    this.name = name
    this.#place = { name, machine: name }
    this.#latency = options?.latency ?? { least: 0.15, jitter: 0.15 }
  }

  get ports(): readonly Nic[] {
    return [...this.#ports]
  }

  attach(nic: Nic): void {
    this.#ports.add(nic)
  }

  detach(nic: Nic): void {
    this.#ports.delete(nic)
    this.#cuts.delete(nic)
    this.#lastArrival.delete(nic)
    for (const others of this.#cuts.values()) others.delete(nic)
    for (const others of this.#lastArrival.values()) others.delete(nic)
    for (const [mac, port] of this.#learned) if (port === nic) this.#learned.delete(mac)
  }

  /** Cuts or mends the wire between two ports, both ways; neither end notices (no loss of carrier). */
  connect(a: Nic, b: Nic, connected: boolean): void {
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const others = this.#cuts.get(from) ?? new Set()
      if (connected) others.delete(to)
      else others.add(to)
      this.#cuts.set(from, others)
    }
    a.namespace.changed()
    if (b.namespace !== a.namespace) b.namespace.changed()
  }

  connected(a: Nic, b: Nic): boolean {
    return !this.#cuts.get(a)?.has(b)
  }

  transmit(from: Nic, frame: Frame): void {
    this.#learned.set(frame.source, from)
    if (!isGroupMac(frame.destination)) {
      const to = this.#learned.get(frame.destination)
      if (to) return this.#carry(from, to, frame)
    }
    const { recorder } = from.namespace
    const targets = this.ports.filter((port) => port !== from && this.connected(from, port))
    targets.forEach((to, i) => {
      const copy = i === targets.length - 1 ? frame : copyFrame(frame)
      if (copy.payload.kind === 'ip') copy.payload.meta.trail = recorder.fork(copy.payload.meta.trail)
      this.#carry(from, to, copy)
    })
  }

  #carry(from: Nic, to: Nic, frame: Frame): void {
    const packet = frame.payload
    const { recorder, clock } = from.namespace
    if (!this.connected(from, to)) {
      if (packet.kind === 'ip' && packet.meta.trail) {
        recorder.fail(this.#place, packet, 'dropped', 'drop-wire-cut', {
          stage: 'drop',
          text: `The wire between ${from.namespace.machine} and ${to.namespace.machine} is cut.`,
          before: recorder.header(packet, frame),
          explanation: 'drop-wire-cut',
        })
      }
      return
    }
    if (packet.kind === 'ip' && recorder.recording(packet)) {
      recorder.hop(this.#place, packet, {
        stage: 'wire',
        text: `The ${this.name} carries the frame from ${from.namespace.machine} to ${to.namespace.machine}.`,
        before: recorder.header(packet, frame),
        explanation: 'wire',
      })
    }
    const arrivals = this.#lastArrival.get(from) ?? new Map<Nic, number>()
    this.#lastArrival.set(from, arrivals)
    const { least, jitter } = this.#latency
    // Frames between two ports stay in order, whatever the jitter.
    const at = Math.max(arrivals.get(to) ?? 0, clock.now + from.namespace.latency(least, jitter))
    arrivals.set(to, at)
    clock.schedule(at - clock.now, () => to.arrive(frame))
  }
}
