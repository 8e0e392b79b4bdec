import type { Place } from '../journey/recorder.ts'
import type { Telling } from '../journey/way.ts'
import type { Random } from '../random.ts'
import { BaseLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { Namespace } from './namespace.ts'
import { copyFrame, isGroupMac } from './packets.ts'
import type { ArpPacket, Frame, Ip, IpPacket, Mac } from './types.ts'

export interface SwitchOptions {
  /** The least time over the wire and how much it varies, in ms. */
  latency?: { least: number; jitter: number }
}

const sends: Telling<[]> = ({ interface: name, networkNamespace, before }) => ({
  stage: 'transmit',
  interface: name,
  text: `${name} of ${networkNamespace} puts the frame for ${before.destinationMac} on the wire.`,
  before,
  explanation: 'transmit',
})

const takes: Telling<[]> = ({ interface: name, networkNamespace, before }) => ({
  stage: 'receive',
  interface: name,
  text: `${name} of ${networkNamespace} takes the frame from the wire.`,
  before,
  explanation: 'receive',
})

const carries: Telling<[wire: string, from: string, to: string]> = ({ before }, wire, from, to) => ({
  stage: 'wire',
  text: `The ${wire} carries the frame from ${from} to ${to}.`,
  before,
  explanation: 'wire',
})

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
      recorder.note(this.namespace, packet, this.name, recorder.header(packet, frame), undefined, sends)
    }
    this.leave(frame)
    this.switch.transmit(this, frame)
  }

  /** From the wire. */
  arrive(frame: Frame): void {
    if (this.namespace.off) return this.lost(frame, 'drop-node-down', `${this.namespace.machine} is switched off: nobody takes the frame.`)
    if (!this.#plugged) return this.lost(frame, 'drop-link-down', `The cable of ${this.name} is unplugged.`)
    if (!this.fits(frame)) return
    const packet = frame.payload
    const { recorder } = this.namespace
    if (packet.kind === 'ip' && frame.destination === this.mac && recorder.recording(packet)) {
      recorder.note(this.namespace, packet, this.name, recorder.header(packet, frame), undefined, takes)
    }
    this.receive(frame)
  }

  override unlink(): void {
    super.unlink()
    this.switch.detach(this)
  }
}

/** What ails the wire between two ports. */
export interface Impairment {
  /** The share of the frames that is lost, 0…1. */
  loss?: number
  /** What each frame takes longer, in ms. */
  delay?: number
}

/** The learning switch between the machines: the underlay. The wire between any two of its ports can be cut or impaired. */
export class Switch {
  readonly name: string
  readonly #place: Place
  readonly #latency: { least: number; jitter: number }
  readonly #ports = new Set<Nic>()
  readonly #learned = new Map<Mac, Nic>()
  /** Of machines: all cards of one share its wire. */
  readonly #cuts = new Map<Namespace, Set<Namespace>>()
  readonly #lastArrival = new Map<Nic, Map<Nic, number>>()
  readonly #impairments = new Map<Namespace, Map<Namespace, Impairment & { random: Random }>>()
  readonly #assigned = new Map<Ip, Nic>()

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
    this.#lastArrival.delete(nic)
    for (const others of this.#lastArrival.values()) others.delete(nic)
    if (![...this.#ports].some((port) => port.namespace === nic.namespace)) {
      for (const all of [this.#cuts, this.#impairments]) {
        all.delete(nic.namespace)
        for (const others of all.values()) others.delete(nic.namespace)
      }
    }
    for (const [ip, port] of this.#assigned) if (port === nic) this.#assigned.delete(ip)
    for (const [mac, port] of this.#learned) if (port === nic) this.#learned.delete(mac)
  }

  /** Cuts or mends the wire between two ports, both ways; neither end notices (no loss of carrier). */
  connect(a: Nic, b: Nic, connected: boolean): void {
    for (const [from, to] of [[a.namespace, b.namespace], [b.namespace, a.namespace]] as const) {
      const others = this.#cuts.get(from) ?? new Set()
      if (connected) others.delete(to)
      else others.add(to)
      this.#cuts.set(from, others)
    }
    a.namespace.changed()
    if (b.namespace !== a.namespace) b.namespace.changed()
  }

  connected(a: Nic, b: Nic): boolean {
    return !this.#cuts.get(a.namespace)?.has(b.namespace)
  }

  /** Makes the wire between two ports bad, both ways; undefined takes one of them away again. */
  impair(a: Nic, b: Nic, what: Impairment): void {
    for (const [from, to] of [[a.namespace, b.namespace], [b.namespace, a.namespace]] as const) {
      const { clock } = from
      const others = this.#impairments.get(from) ?? new Map<Namespace, Impairment & { random: Random }>()
      this.#impairments.set(from, others)
      const random = others.get(to)?.random ?? clock.random.fork(`loss ${from.name} ${to.name}`)
      const all = { ...others.get(to), ...what, random }
      if (all.loss || all.delay) others.set(to, all)
      else others.delete(to)
    }
    a.namespace.changed()
    b.namespace.changed()
  }

  impairment(a: Nic, b: Nic): Impairment {
    return this.#impairments.get(a.namespace)?.get(b.namespace) ?? {}
  }

  /** A cloud's network knows who has an address, and answers questions for it itself (the mapping service of a VPC). */
  assign(ip: Ip, nic: Nic): void {
    this.#assigned.set(ip, nic)
    this.#learned.set(nic.mac, nic)
  }

  transmit(from: Nic, frame: Frame): void {
    this.#learned.set(frame.source, from)
    if (this.#assigned.size > 0 && frame.payload.kind === 'arp' && frame.payload.operation === 'request' && this.#answer(from, frame.payload)) return
    if (!isGroupMac(frame.destination)) {
      const to = this.#learned.get(frame.destination)
      if (to) return this.#carry(from, to, frame)
    }
    const { recorder } = from.namespace
    this.#tellLostQuestion(from, frame.payload)
    const targets = this.ports.filter((port) => port !== from && this.connected(from, port))
    this.#tellUnknown(from, frame, targets)
    targets.forEach((to, i) => {
      const copy = i === targets.length - 1 ? frame : copyFrame(frame)
      if (copy.payload.kind === 'ip') copy.payload.meta.trail = recorder.fork(copy.payload.meta.trail)
      this.#carry(from, to, copy)
    })
  }

  /** A frame for a MAC address that nobody has: every port gets a copy, and no machine takes it. */
  #tellUnknown(from: Nic, frame: Frame, targets: readonly Nic[]): void {
    if (isGroupMac(frame.destination) || this.ports.some((port) => port.mac === frame.destination) || targets.some((port) => port.master || port.uppers)) return
    this.#lose(from, frame, 'drop-wrong-mac', `Nobody on the ${this.name} has the MAC address ${frame.destination}: every machine there gets a copy of the frame, and none takes it.`)
  }

  #answer(from: Nic, question: ArpPacket): boolean {
    const nic = this.#assigned.get(question.targetIp)
    if (!nic || nic === from) return false
    const { recorder, clock } = from.namespace
    if (question.trail?.record) {
      recorder.hop(this.#place, question, {
        stage: 'neighbour',
        text: `The cloud's network knows who has ${question.targetIp} and answers itself: ${nic.mac}, the card ${nic.name} of ${nic.namespace.machine}.`,
        before: { source: question.senderIp, destination: question.targetIp, sourceMac: question.senderMac, protocol: 'arp', detail: 'request' },
        explanation: 'vpc-arp',
      })
    }
    const payload: ArpPacket = { kind: 'arp', operation: 'reply', senderMac: nic.mac, senderIp: question.targetIp, targetMac: question.senderMac, targetIp: question.senderIp }
    clock.schedule(from.namespace.latency(this.#latency.least, this.#latency.jitter), () => from.arrive({ source: nic.mac, destination: from.mac, payload }))
    return true
  }

  #carry(from: Nic, to: Nic, frame: Frame): void {
    const packet = frame.payload
    const { recorder, clock } = from.namespace
    if (!this.connected(from, to)) {
      return this.#lose(from, frame, 'drop-wire-cut', `The wire between ${from.namespace.machine} and ${to.namespace.machine} is cut.`)
    }
    const impaired = this.#impairments.get(from.namespace)?.get(to.namespace)
    if (impaired?.loss && impaired.random.float() < impaired.loss) {
      return this.#lose(from, frame, 'drop-packet-loss', `The wire between ${from.namespace.machine} and ${to.namespace.machine} loses ${Math.round(impaired.loss * 100)}% of its packets, and this is one of them.`)
    }
    if (packet.kind === 'ip' && recorder.recording(packet)) {
      recorder.note(this.#place, packet, undefined, recorder.header(packet, frame), undefined, carries, this.name, from.namespace.machine, to.namespace.machine)
    }
    const arrivals = this.#lastArrival.get(from) ?? new Map<Nic, number>()
    this.#lastArrival.set(from, arrivals)
    const { least, jitter } = this.#latency
    // Frames between two ports stay in order, whatever the jitter.
    const at = Math.max(arrivals.get(to) ?? 0, clock.now + from.namespace.latency(least, jitter) + (impaired?.delay ?? 0))
    arrivals.set(to, at)
    clock.schedule(at - clock.now, () => to.arrive(frame))
  }

  /** A question for a MAC address that a cut wire keeps from the one who could answer it. */
  #tellLostQuestion(from: Nic, question: ArpPacket | IpPacket): void {
    const nd = question.kind === 'ip' && question.payload.kind === 'icmp' ? question.payload.nd : undefined
    const trail = question.kind === 'arp' ? question.trail : nd?.trail
    if (!trail) return
    const target = question.kind === 'arp' ? question.targetIp : nd!.target
    const asked = this.ports.find((port) => !this.connected(from, port) && port.address(target))
    if (!asked) return
    const { recorder } = from.namespace
    recorder.hop(this.#place, question.kind === 'arp' ? question : { ...question, meta: { mark: 0, trail } }, {
      stage: 'drop',
      text: `The wire between ${from.namespace.machine} and ${asked.namespace.machine} is cut: the question for ${target} does not arrive.`,
      before: question.kind === 'ip'
        ? recorder.header(question)
        : { source: question.senderIp, destination: target, sourceMac: question.senderMac, protocol: 'arp', detail: question.operation },
      explanation: 'drop-wire-cut',
    })
  }

  #lose(from: Nic, frame: Frame, reason: string, text: string): void {
    const packet = frame.payload
    const { recorder } = from.namespace
    if (packet.kind !== 'ip' || !packet.meta.trail) return
    recorder.fail(this.#place, packet, 'dropped', reason, { stage: 'drop', text, before: recorder.header(packet, frame), explanation: reason })
  }
}
