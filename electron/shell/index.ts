import type { OpenFile, Machine, Process, ProgramTable, Terminal } from '../engine/machine/types.ts'
import { SystemError } from '../engine/machine/errors.ts'
import { NullFile } from '../engine/machine/files.ts'
import { interactiveShell } from './editor/interactive.ts'
import { registerCoreutils } from './coreutils/index.ts'
import { zsh } from './language/zsh.ts'
import { shellProgram } from './language/program.ts'

export { registerCompletion } from './editor/completion.ts'

/** Registers the shells and the tools of this room; kubectl, the network tools and hop add theirs. */
export function registerShell(programs: ProgramTable): void {
  programs.register('bash', shellProgram('bash', interactiveShell))
  programs.register('dash', shellProgram('dash', interactiveShell))
  programs.register('sh', shellProgram('dash', interactiveShell))
  programs.register('zsh', zsh)
  for (const name of ['busybox:sh', 'busybox:ash']) programs.register(name, shellProgram('busybox', interactiveShell))
  registerCoreutils(programs)
}

/** An interactive shell at a terminal, as a terminal window starts it. */
export function openLoginShell(machine: Machine, terminal: Terminal): Process {
  const file = terminal.open()
  const home = machine.env.get('HOME')
  const process = machine.start({
    argv: ['bash'],
    files: new Map([[0, file], [1, file], [2, file]]),
    cwd: home !== undefined && machine.fs.exists(home) ? home : '/',
    group: 'new',
    env: new Map([...machine.env, ['TERM', 'xterm-256color']]),
  })
  file.release()
  terminal.session = process
  terminal.foreground = process.group
  return process
}

/** Runs a script with bash, as `bash -c` does; files that are missing are /dev/null. */
export function runScript(machine: Machine, text: string, files: ReadonlyMap<number, OpenFile>): Process {
  const all = new Map(files)
  const made: OpenFile[] = []
  for (const fd of [0, 1, 2]) {
    if (all.has(fd)) continue
    const nothing = new NullFile(machine.clock)
    made.push(nothing)
    all.set(fd, nothing)
  }
  const home = machine.env.get('HOME')
  const program = machine.programs.find('bash')
  if (!program) throw new SystemError('ENOENT')
  const process = machine.start({ argv: ['bash', '-c', text], program, files: all, cwd: home !== undefined && machine.fs.exists(home) ? home : '/', group: 'new' })
  for (const file of made) file.release()
  return process
}
