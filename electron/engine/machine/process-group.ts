import type { Process, ProcessGroup, SignalName } from './types.ts'

/** setpgid(2): who gets a terminal's signals together. */
export class Group implements ProcessGroup {
  readonly id: number
  readonly members = new Set<Process>()

  constructor(id: number) {
    this.id = id
  }

  signal(signal: SignalName): void {
    for (const member of [...this.members]) member.signal(signal)
  }
}
