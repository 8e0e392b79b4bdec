import type { Process } from './types.ts'

/**
 * The memory controller of a container's cgroup, for programs that say what they hold: beyond its limit the kernel kills the
 * group as a whole, as the kubelet wishes it since v1.28 (memory.oom.group).
 */
export class MemoryGroup {
  /** Bytes. */
  readonly limit: number
  /** The kernel has killed it. */
  oomKilled = false
  readonly #held = new Map<Process, number>()
  readonly #kill: () => void

  constructor(limit: number, kill: () => void) {
    this.limit = limit
    this.#kill = kill
  }

  /** From now on a process holds so many bytes. True when that was too much: it will not run on. */
  hold(process: Process, bytes: number): boolean {
    if (!this.#held.has(process)) process.onExit(() => this.#held.delete(process))
    this.#held.set(process, bytes)
    let sum = 0
    for (const each of this.#held.values()) sum += each
    if (sum <= this.limit) return false
    this.oomKilled = true
    this.#kill()
    return true
  }
}
