/** One stream of a test, at one of its ends. */
export interface Flow {
  /** Bytes of data until now, those that only their sample stands for among them. */
  bytes(): number
  /** Of a sender over TCP. */
  retransmits(): number
  /** Of a sender over TCP: its congestion window in bytes. */
  window(): number
  /** Of a sender over TCP: smoothed round trip and its variation, µs; the window that the other end offers, bytes; the path's MTU. */
  path(): { roundTrip: number; variation: number; sendWindow: number; mtu: number }
  /** Of UDP: datagrams sent, or the highest number that has come. */
  packets(): number
  lost(): number
  outOfOrder(): number
  /** ms (RFC 1889, section 6.3.1). */
  jitter(): number
  stop(): void
}

/** What a sender sends: with a rate in bits a second (0: what the path takes), and at most so many bytes. */
export interface Load { block: number; rate: number; limit: number; /** Among how many streams the line is divided. */ share: number }

/**
 * Wires here have no rate of their own. What limits a transfer that neither delay nor loss nor windows limit is the speed that
 * ethtool(8) tells of a veth(4), 10 Gbit/s, in bytes a ms.
 */
export const LINE = 10e9 / 8 / 1000
/** A full frame with preamble, header, checksum and gap. */
const FRAME = 1538
const FRAME_OVERHEAD = 90

/** Bytes of data a ms, with `segment` bytes of data in each frame; tunnels' headers take their part of it. */
export const lineOf = (segment: number): number => (LINE * segment) / Math.max(FRAME, segment + FRAME_OVERHEAD)
