import type { Inside, Machine, OpenFile, Process, Task } from '../../engine/cluster.ts'

export interface RunOptions {
  argv: string[]
  cwd?: string
  env?: ReadonlyMap<string, string>
  inside?: Inside
  user?: Process['user']
}

/**
 * Runs a command on another machine, or elsewhere on the same, with the caller's files and terminal, to its end: what ssh,
 * chroot, nsenter and the runtime's exec do. Throws SystemError when there is nothing to run.
 */
export function* runOn(self: Process, machine: Machine, { argv, cwd = '/', env = machine.env, inside, user }: RunOptions): Task<number> {
  machine.visit()
  const terminal = self.terminalOf(0)
  const former = terminal?.foreground
  try {
    const child = machine.start({
      argv, env, cwd, group: 'new', ...(inside ? { inside } : {}), ...(user ? { user } : {}),
      files: new Map<number, OpenFile>([0, 1, 2].flatMap((fd) => (self.files.has(fd) ? [[fd, self.files.get(fd)!] as const] : []))),
    })
    self.onExit(() => child.signal('SIGHUP'))
    if (terminal && former?.members.has(self)) terminal.foreground = child.group
    else self.onSignal('SIGINT', () => child.signal('SIGINT'))
    self.onSignal('SIGTERM', () => child.signal('SIGTERM'))
    while (!child.status) yield self.changed(child)
    return child.status.code
  } finally {
    if (terminal && former) terminal.foreground = former
  }
}
