import type { Ip, IpPacket, StackHost, TcpSegment } from '../types.ts'
import type { Connection } from './connection.ts'
import type { Listener } from './listeners.ts'

/** What a segment's journey says of its end at the sockets of a namespace. */

export function tellAccepted({ recorder, namespace }: StackHost, packet: IpPacket, { owner, address, port }: Listener): void {
  if (!recorder.recording(packet)) return
  recorder.deliver(namespace, packet, {
    stage: 'deliver',
    text: `${owner?.program ?? 'A process'} listens on ${shown(address)}:${port} and the kernel answers with SYN,ACK.`,
    decidedBy: { kind: 'socket', text: `tcp LISTEN ${shown(address)}:${port}` },
    before: recorder.header(packet), explanation: 'tcp-accept',
  })
}

export function tellDelivered({ recorder, namespace }: StackHost, packet: IpPacket, connection: Connection): void {
  if (!recorder.recording(packet)) return
  const { flags, data } = packet.payload as TcpSegment
  const tls = isTls(data)
  const what = flags.rst ? 'A reset' : flags.syn ? 'The answer to its SYN' : tls ? 'A segment with TLS' : 'A segment'
  recorder.deliver(namespace, packet, {
    stage: 'deliver',
    text: `${what} reaches the socket of ${connection.owner?.program ?? 'the process'}.`,
    decidedBy: {
      kind: 'socket',
      text: `tcp ${connection.state} ${shown(connection.localAddress)}:${connection.localPort} ${shown(connection.remoteAddress)}:${connection.remotePort}`,
    },
    before: recorder.header(packet), explanation: flags.rst ? 'tcp-reset' : flags.syn ? 'tcp-answer' : tls ? 'tls-segment' : 'tcp-segment',
  })
}

/** RFC 9293 section 3.10.7.2: a listener says nothing to what neither opens a connection nor acknowledges anything (scans with FIN alone, or with nothing). */
export function tellDisregarded({ recorder, namespace }: StackHost, packet: IpPacket, { owner, port }: Listener): void {
  if (!packet.meta.trail) return
  recorder.fail(namespace, packet, 'dropped', 'drop-neither-syn-nor-ack', {
    stage: 'drop', text: `${owner?.program ?? 'A process'} listens on port ${port}, and the segment neither opens a connection nor acknowledges anything; the kernel drops it.`,
    before: recorder.header(packet), explanation: 'drop-neither-syn-nor-ack',
  })
}

/** `listening`: there is a listener, but the segment is of no connection of its. */
export function tellRefused({ recorder, namespace }: StackHost, packet: IpPacket, segment: TcpSegment, listening: boolean): void {
  const opens = segment.flags.syn === true && !segment.flags.ack
  if (opens && packet.meta.trail) {
    recorder.fail(namespace, packet, 'refused', 'refused-no-listener', {
      stage: 'reject', text: `No process listens on port ${segment.destinationPort}; the kernel answers with a reset.`,
      before: recorder.header(packet), explanation: 'refused-no-listener',
    })
  } else if (isUnasked(packet, segment)) {
    const { journey } = packet.meta.trail!
    const { destination, destinationPort } = journey
    recorder.fail(namespace, packet, 'dropped', 'drop-unasked-answer', {
      stage: 'reject', text: `The answer comes from ${packet.source}:${segment.sourcePort}, but ${destination}:${destinationPort ?? ''} was asked: no connection fits it, and the kernel answers with a reset.`,
      before: recorder.header(packet), explanation: 'drop-unasked-answer',
    })
    // it is the answer itself, not a copy that a bridge has sent to everybody
    recorder.conclude(journey, 'dropped', 'drop-unasked-answer')
  } else if (recorder.recording(packet)) {
    recorder.hop(namespace, packet, {
      stage: 'reject', text: `No connection ${listening ? 'of this listener ' : ''}fits the segment; the kernel answers with a reset.`,
      before: recorder.header(packet), explanation: 'tcp-reset',
    })
  }
}

/** An answer to a SYN whose source nobody has translated back. */
export function isUnasked({ source, meta: { trail } }: IpPacket, { flags }: TcpSegment): boolean {
  return trail?.direction === 'reply' && flags.syn === true && flags.ack === true && source !== trail.journey.destination
}

function shown(address: Ip): string {
  return address.includes(':') ? `[${address}]` : address
}

/** Begins with a TLS record: ChangeCipherSpec to application data, version 3.x (RFC 8446 section 5.1). */
function isTls(data: Uint8Array): boolean {
  return data.length > 5 && data[0]! >= 20 && data[0]! <= 23 && data[1] === 3
}
