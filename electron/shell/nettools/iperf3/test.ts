import { KERNEL, type Process } from '../../../engine/cluster.ts'
import type { StreamResult } from './report.ts'

/** What a client asks a server for (JSON of the control connection). */
export interface Parameters {
  tcp?: true; udp?: true; omit: number
  /** Seconds; 0: until `num` bytes or `blockcount` blocks are sent. */
  time: number; num: number; blockcount: number
  parallel: number; reverse?: true; len: number
  /** Bits a second; 0: unlimited. */
  bandwidth: number
  pacing_timer: number; client_version: string
}

export interface Results { cpu_util_total: number; cpu_util_user: number; cpu_util_system: number; sender_has_retransmits: number; congestion_used?: string; streams: StreamResult[] }

/** DEFAULT_TCP_BLKSIZE */
export const defaultBlock = 131_072

/** uname(2), as -V, -v and -J say it. */
export const systemInfo = (process: Process): string => `Linux ${process.machine.hostname} ${KERNEL.release} ${KERNEL.version} x86_64`
