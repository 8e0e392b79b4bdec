import { SystemError } from '../machine/errors.ts'
import type { Journey } from '../journey/types.ts'
import type { Namespace } from './namespace.ts'
import { ipLength, transportLength } from './packets.ts'
import type { IpPacket, RawPacket, RawSocket, SocketOwner } from './types.ts'

/** Raw sockets (raw(7)) of one network namespace: they send what a program has put together, and see what arrives for it. */
export class RawSockets {
  readonly #ns: Namespace
  readonly #sockets = new Set<Socket>()

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  open(owner?: SocketOwner): RawSocket {
    const socket: Socket = new Socket(this.#ns, owner, () => this.#sockets.delete(socket))
    this.#sockets.add(socket)
    return socket
  }

  /** After the input hook and before the protocols, as raw_local_deliver. */
  receive(packet: IpPacket): void {
    for (const socket of this.#sockets) socket.onPacket?.(packet)
  }

  destroy(): void {
    this.#sockets.clear()
  }
}

class Socket implements RawSocket {
  onPacket: RawSocket['onPacket']
  readonly #ns: Namespace
  readonly #owner: SocketOwner | undefined
  readonly #onClose: () => void
  /** One journey for all packets that go the same way. */
  readonly #journeys = new Map<string, Journey>()

  constructor(namespace: Namespace, owner: SocketOwner | undefined, onClose: () => void) {
    this.#ns = namespace
    this.#owner = owner
    this.#onClose = onClose
  }

  send({ destination, payload, ttl, tos, dontFragment, source, device }: RawPacket): Journey {
    const ns = this.#ns
    const v6 = destination.includes(':')
    const packet: IpPacket = {
      kind: 'ip',
      version: v6 ? 6 : 4,
      source: source ?? ns.sourceFor(destination) ?? (v6 ? '::' : '0.0.0.0'),
      destination,
      ttl: ttl ?? ns.settings.number('net.ipv4.ip_default_ttl'),
      tos: tos ?? 0,
      identification: ns.ip.nextIdentification(),
      dontFragment: dontFragment ?? false,
      payload,
      meta: { mark: 0, owner: this.#owner, boundTo: v6 ? device : undefined },
    }
    if (dontFragment && ipLength(packet) > ns.pathMtu(destination)) throw new SystemError('EMSGSIZE')
    if (transportLength(payload) > 65_515) throw new SystemError('EMSGSIZE')
    const key = `${destination} ${packet.ttl} ${payload.kind}`
    const { recorder } = ns
    const known = this.#journeys.get(key)
    const trail = recorder.begin(ns, packet, known ? { journey: known } : { program: this.#owner?.program })
    this.#journeys.set(key, trail.journey)
    if (trail.record) {
      recorder.hop(ns, packet, {
        stage: 'send',
        text: `${this.#owner?.program ?? 'A program'} in ${ns.name} sends a packet of its own making to ${destination}, with a TTL of ${packet.ttl}.`,
        before: recorder.header(packet),
        explanation: 'socket-send',
      })
    }
    const error = ns.send(packet)
    if (error) throw new SystemError(error)
    return trail.journey
  }

  close(): void {
    this.#onClose()
    this.onPacket = undefined
  }
}
