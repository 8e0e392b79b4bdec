import { createPipe } from '../../engine/machine/pipe.ts'
import type { Coprocess } from './ast.ts'
import { printCommand } from './print.ts'
import type { Shell } from './shell.ts'

/** Where bash puts the two ends: what the coprocess writes, and what it reads. */
const OUTPUT = 63
const INPUT = 60

/** `coproc`: a command in the background whose input and output are in the array NAME (bash(1), Coprocesses). */
export function startCoprocess(shell: Shell, command: Coprocess): number {
  const { process } = shell
  const toChild = createPipe(process.clock)
  const fromChild = createPipe(process.clock)
  const files = new Map(process.files).set(0, toChild.reader).set(1, fromChild.writer)
  const child = shell.fork((copy) => copy.executor.run(command.command, true), { files, group: shell.jobControl ? 'new' : undefined, ignoreInterrupts: !shell.jobControl })
  toChild.reader.release()
  fromChild.writer.release()
  const job = shell.jobs.add([child], printCommand(command), true)
  shell.lastBackground = job.last.pid
  const fd = (from: number): number => {
    let free = from
    while (process.files.has(free)) free--
    return free
  }
  const output = fd(OUTPUT)
  process.files.set(output, fromChild.reader)
  const input = fd(Math.min(INPUT, output - 1))
  process.files.set(input, toChild.writer)
  shell.variables.replace(command.name, { array: new Map([[0, String(output)], [1, String(input)]]) })
  shell.variables.set(`${command.name}_PID`, String(child.pid))
  return 0
}
