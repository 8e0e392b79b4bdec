import type { Process, Task } from '../../engine/cluster.ts'
import { nameOfAddress } from './names.ts'

/** What nc(1) was asked for. */
export interface Options {
  listen: boolean; keep: boolean; scan: boolean; verbose: boolean; numeric: boolean; noInput: boolean
  /** ms */
  wait: number | undefined
  port: number | undefined
  source: string | undefined
  quitAfterEof: number | undefined
  family: 4 | 6 | undefined
}

/** getnameinfo(3)'s name of the other end. */
export function* peerName(process: Process, { numeric }: Options, address: string): Task<string> {
  return numeric ? address : ((yield* nameOfAddress(process, address, new Map())) ?? address)
}
