import type { Header } from '../../../journey/types.ts'
import type { HopContent, Seen } from '../../../journey/way.ts'
import type { ConntrackEntry, IpPacket, NetworkNamespace, Recorder } from '../../types.ts'
import { formatConntrack } from './format.ts'

type Stage = 'undo-nat' | 'snat' | 'dnat'
type End = 'source' | 'destination'

/** Notes that what is known of a connection, and no rule, has translated one of its packets. */
export function tellRemembered(recorder: Recorder, namespace: NetworkNamespace, packet: IpPacket, what: End, connection: ConntrackEntry, before: Header): void {
  const stage: Stage = packet.meta.direction === 'reply' ? 'undo-nat' : what === 'source' ? 'snat' : 'dnat'
  const after = recorder.header(packet)
  recorder.note(namespace, packet, undefined, before, after, told, stage, what, snapshot(connection))
  if (stage === 'dnat') recorder.destined(packet, after)
}

function told({ at, before, after }: Seen, stage: Stage, what: End, entry: ConntrackEntry): HopContent {
  const text = stage === 'undo-nat'
    ? `The connection is known, so the ${what} of the answer becomes ${after?.[what]} again.`
    : `The connection is known, so its packets get the same ${what}.`
  return { stage, text, decidedBy: { kind: 'conntrack', text: formatConntrack(entry, at) }, before, ...(after ? { after } : {}), explanation: stage }
}

/** The row as it is now; its tuples never change. */
function snapshot({ id, original, reply, tcpState, assured, seenReply, mark, expiresAt }: ConntrackEntry): ConntrackEntry {
  const entry: ConntrackEntry = { id, original, reply, assured, seenReply, mark, expiresAt }
  if (tcpState !== undefined) entry.tcpState = tcpState
  return entry
}
