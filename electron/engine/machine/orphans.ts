import type { SimulatedProcess } from './process.ts'

/** Children lose their parent; a stopped group that nobody can continue any more is hung up (POSIX exit()). */
export function orphan(parent: SimulatedProcess): void {
  const { machine, group, children } = parent
  const init = machine.kind === 'container' ? machine.processes.get(1) : undefined
  for (const child of children) {
    child.parent = init === parent ? undefined : init
    if (child.stopped && child.group !== group) {
      child.group.signal('SIGHUP')
      child.group.signal('SIGCONT')
    }
  }
  children.clear()
  for (const fd of [0, 1, 2]) {
    const terminal = parent.terminalOf(fd)
    if (terminal?.session === parent) terminal.foreground?.signal('SIGHUP')
  }
}
