import { hasFailed } from '../journey/recorder.ts'
import type { Namespace } from './namespace.ts'
import type { IpPacket } from './types.ts'

/** What the kernel does with an echo request, whichever family it is of. */

export function tellEchoIgnored(namespace: Namespace, packet: IpPacket): void {
  const { recorder, name } = namespace
  recorder.fail(namespace, packet, 'dropped', 'drop-echo-ignored', {
    stage: 'drop', text: `${name} is set to ignore echo requests.`, before: recorder.header(packet), explanation: 'drop-echo-ignored',
  })
}

export function tellEchoAnswered(namespace: Namespace, packet: IpPacket): void {
  const { recorder, name } = namespace
  const { trail } = packet.meta
  if (!trail || !(trail.record || hasFailed(trail.journey))) return
  recorder.deliver(namespace, packet, {
    stage: 'deliver',
    text: `The kernel of ${name} gets the echo request and answers it itself; no program is involved.`,
    before: recorder.header(packet),
    explanation: 'deliver-echo',
  })
}

/** The reply's way belongs to the journey of the request. */
export function tellEchoReply(namespace: Namespace, request: IpPacket, reply: IpPacket): void {
  const { recorder, name } = namespace
  const { trail } = request.meta
  if (!trail || !recorder.begin(namespace, reply, { answers: trail.journey }).record) return
  recorder.hop(namespace, reply, {
    stage: 'send',
    text: `The kernel of ${name} sends the echo reply to ${reply.destination}.`,
    before: recorder.header(reply),
    explanation: 'deliver-echo',
  })
}
