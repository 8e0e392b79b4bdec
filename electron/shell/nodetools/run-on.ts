import type { Inside, Machine, OpenFile, Process, Task } from '../../engine/cluster.ts'

export interface RunOptions {
  argv: string[]
  cwd?: string
  env?: ReadonlyMap<string, string>
  inside?: Inside
  user?: Process['user']
  /** What it has of the caller's files: without a terminal it takes them for pipes. */
  files?: 'as they are' | 'no terminal' | 'no input'
}

/**
 * Runs a command on another machine, or elsewhere on the same, with the caller's files and terminal, to its end: what ssh,
 * chroot, nsenter and the runtime's exec do. Throws SystemError when there is nothing to run.
 */
export function* runOn(self: Process, machine: Machine, { argv, cwd = '/', env = machine.env, inside, user, files = 'as they are' }: RunOptions): Task<number> {
  machine.visit()
  const terminal = self.terminalOf(0)
  const former = terminal?.foreground
  try {
    const child = machine.start({
      argv, env, cwd, group: 'new', ...(inside ? { inside } : {}), ...(user ? { user } : {}),
      files: new Map<number, OpenFile>([0, 1, 2].flatMap((fd) => {
        const file = fd === 0 && files === 'no input' ? self.open('/dev/null', 'read') : self.files.get(fd)
        return file ? [[fd, files === 'as they are' ? file : asPipe(file)] as const] : []
      })),
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

function asPipe(file: OpenFile): OpenFile {
  if (!file.terminal) return file
  return {
    kind: 'pipe', read: (max) => file.read(max), write: (bytes) => file.write(bytes), retain: () => asPipe(file.retain()), release: () => file.release(),
    get ready() {
      return file.ready!
    },
  }
}
