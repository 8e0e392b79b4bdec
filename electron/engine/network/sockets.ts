import type { Namespace } from './namespace.ts'
import { RawSockets } from './raw.ts'
import type { SctpStack } from './sctp/stack.ts'
import type { Sockets } from './types.ts'

/** What programs open in a network namespace; SCTP and raw sockets are made when somebody asks for one. */
export function socketsOf(namespace: Namespace): Sockets {
  const { tcp, udp, icmp } = namespace
  return {
    get sctp(): SctpStack {
      return namespace.sctp
    },
    listen: (o, onConnection) => tcp.listen(o, onConnection),
    connect: (o, handlers) => tcp.connect(o, handlers),
    udp: (o) => udp.open(o),
    ping: (o) => icmp.open(o?.owner),
    raw: (o) => (namespace.raw ??= new RawSockets(namespace)).open(o?.owner),
    list: () => [...tcp.list(), ...udp.list(), ...(namespace.speaksSctp ? namespace.sctp.list() : [])],
  }
}
