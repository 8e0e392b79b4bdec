import type { Clock, Timer } from '../../clock.ts'
import type { Ip, NetworkNamespace, SocketOwner, UdpSocket } from '../../network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'

/**
 * Which speakers are alive (hashicorp/memberlist as internal/speakerlist sets it up): each asks the others in turn over UDP, and
 * who keeps silent is suspected, then dead. Gossip about what others have found is left out: each speaker finds out itself.
 */
const MEMBER_PORT = 7946
/** DefaultLANConfig, ms: the time between two questions, that for an answer, and how long a suspect may still speak up (SuspicionMult). */
const PROBE = { interval: 1_000, timeout: 500, suspicion: 4_000 }

interface Member { node: string; ip: Ip; alive: boolean; waiting: Timer | undefined; suspected: Timer | undefined }

export class Members {
  readonly #clock: Clock
  readonly #socket: UdpSocket
  readonly #own: string
  readonly #members = new Map<string, Member>()
  readonly #changed: (node: string, alive: boolean) => void
  #next = 0
  #timer: Timer | undefined

  /** Throws SystemError EADDRINUSE. */
  constructor(clock: Clock, network: NetworkNamespace, own: { node: string; ip: Ip }, owner: SocketOwner, changed: (node: string, alive: boolean) => void) {
    this.#clock = clock
    this.#own = own.node
    this.#changed = changed
    this.#socket = network.sockets.udp({ port: MEMBER_PORT, address: own.ip, owner })
    this.#socket.onDatagram = ({ source, sourcePort, data }) => {
      const [what, node = ''] = decodeUtf8(data).split(' ')
      if (what === 'ping') this.#send(source, sourcePort, `ack ${own.node}`)
      const member = this.#members.get(node)
      if (member) this.#heard(member)
    }
    this.#socket.onError = () => undefined
  }

  /** Node names, this one's among them. */
  get alive(): ReadonlySet<string> {
    return new Set([this.#own, ...[...this.#members.values()].filter((m) => m.alive).map((m) => m.node)])
  }

  /** The speakers that there should be. Whoever is new is believed to be alive until it proves otherwise. */
  set(speakers: readonly { node: string; ip: Ip }[]): void {
    for (const [node, member] of this.#members) if (!speakers.some((s) => s.node === node && s.ip === member.ip)) this.#forget(member)
    for (const { node, ip } of speakers) if (node !== this.#own && !this.#members.has(node)) this.#members.set(node, { node, ip, alive: true, waiting: undefined, suspected: undefined })
  }

  /** Asks as long as somebody wants to know. */
  probing(yes: boolean): void {
    if (!yes) {
      this.#clock.cancel(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) this.#probe()
  }

  stop(): void {
    this.probing(false)
    for (const member of [...this.#members.values()]) this.#forget(member)
    this.#socket.close()
  }

  #probe(): void {
    this.#timer = this.#clock.schedule(PROBE.interval, () => this.#probe(), { background: true })
    const all = [...this.#members.values()]
    const member = all[this.#next++ % Math.max(all.length, 1)]
    if (!member || member.waiting) return
    member.waiting = this.#clock.schedule(PROBE.timeout, () => {
      member.waiting = undefined
      if (member.alive) member.suspected ??= this.#clock.schedule(PROBE.suspicion, () => this.#dead(member), { background: true })
    }, { background: true })
    this.#send(member.ip, MEMBER_PORT, `ping ${this.#own}`)
  }

  #send(ip: Ip, port: number, text: string): void {
    try {
      this.#socket.send(encodeUtf8(text), ip, port)
    } catch {
      // No way there: the answer does not come.
    }
  }

  #heard(member: Member): void {
    this.#quiet(member)
    if (member.alive) return
    member.alive = true
    this.#changed(member.node, true)
  }

  #dead(member: Member): void {
    this.#quiet(member)
    member.alive = false
    this.#changed(member.node, false)
  }

  #quiet(member: Member): void {
    this.#clock.cancel(member.waiting)
    this.#clock.cancel(member.suspected)
    member.waiting = member.suspected = undefined
  }

  #forget(member: Member): void {
    this.#quiet(member)
    this.#members.delete(member.node)
  }
}
