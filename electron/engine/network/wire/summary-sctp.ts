import type { SctpChunk, SctpPacket } from '../types.ts'

/** An SCTP packet as tcpdump 4.99.3 prints it (print-sctp.c), after the addresses. */
export function summariseSctp(packet: SctpPacket): string {
  return `sctp${packet.chunks.map((chunk, i) => `${i === 0 ? ' ' : ', '}(${i + 1}) ${chunkText(chunk)}`).join('')}`
}

function chunkText(chunk: SctpChunk): string {
  switch (chunk.type) {
    case 'init':
    case 'init-ack':
      return `[${chunk.type === 'init' ? 'INIT' : 'INIT ACK'}] [init tag: ${chunk.tag}] [rwnd: ${chunk.window}] [OS: ${chunk.outbound}] [MIS: ${chunk.inbound}] [init TSN: ${chunk.tsn}] `
    case 'data':
      return `[DATA] (B)(E) [TSN: ${chunk.tsn}] [SID: ${chunk.stream}] [SSEQ ${chunk.sequence}] [PPID 0x${chunk.payloadProtocol.toString(16)}] `
    case 'sack': return `[SACK] [cum ack ${chunk.tsn}] [a_rwnd ${chunk.window}] [#gap acks 0] [#dup tsns 0] `
    case 'cookie-echo': return '[COOKIE ECHO] '
    case 'cookie-ack': return '[COOKIE ACK] '
    case 'heartbeat': return '[HB REQ] '
    case 'heartbeat-ack': return '[HB ACK] '
    case 'shutdown': return '[SHUTDOWN] '
    case 'shutdown-ack': return '[SHUTDOWN ACK] '
    case 'shutdown-complete': return '[SHUTDOWN COMPLETE] '
    case 'abort': return '[ABORT] '
  }
}
