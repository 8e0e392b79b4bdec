import type { Process, ProcessEntry } from './types.ts'

export function entryOf(process: Process, pid = process.pid, ppid = process.parent?.pid ?? 0): ProcessEntry {
  const { argv, user, startedAt, stopped, machine, network } = process
  return { pid, ppid, argv, user, startedAt, stopped, tty: process.terminalOf(0) ? 'pts/0' : '?', machine, network, process, signal: (signal) => process.signal(signal) }
}
