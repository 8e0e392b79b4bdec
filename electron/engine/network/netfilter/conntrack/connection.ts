import type { ConntrackEntry, ConntrackTuple } from '../../types.ts'
import { invert } from './tuple.ts'

/** A connection as netfilter follows it; not in the table before it is confirmed. */
export class TrackedConnection implements ConntrackEntry {
  readonly id: number
  readonly original: ConntrackTuple
  reply: ConntrackTuple
  tcpState: string | undefined = undefined
  assured = false
  seenReply = false
  mark = 0
  expiresAt = Infinity
  confirmed = false
  /** In nobody's table any more; packets that hold it are still translated. */
  dead = false
  sourceNat = false
  destinationNat = false
  /** Which translations are decided, be it that there is none. */
  sourceDecided = false
  destinationDecided = false
  readonly originalHash: number
  /** Of the reply as it was when the connection was confirmed. */
  replyHash = 0
  /** As the table finds it; the table's own. */
  known: ConntrackTuple | undefined = undefined
  earlier: TrackedConnection | undefined = undefined
  later: TrackedConnection | undefined = undefined
  /** UDP: from when on it counts as a stream. */
  streamAt = Infinity

  /** The table that it belongs to: another network namespace's connections mean nothing here. */
  readonly tracker: object

  constructor(tracker: object, id: number, original: ConntrackTuple, originalHash: number) {
    this.tracker = tracker
    this.id = id
    this.original = original
    this.originalHash = originalHash
    this.reply = invert(original)
  }
}
