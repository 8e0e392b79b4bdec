import type { SimulatedMachine } from './machine.ts'
import type { SimulatedProcess } from './process.ts'

const GENERAL: Readonly<Record<string, (machine: SimulatedMachine) => string>> = {
  uptime: (machine) => `${(machine.clock.now / 1000).toFixed(2)} ${(machine.clock.now / 1000).toFixed(2)}\n`,
  version: () => 'Linux version 6.1.0-podhop (simulated) #1 SMP PREEMPT_DYNAMIC\n',
  loadavg: (machine) => `0.00 0.00 0.00 1/${machine.processes.size} ${Math.max(0, ...machine.processes.keys())}\n`,
}

/** The part of proc(5) that people look at. Computed when read, so that a machine without readers pays nothing. */
export function mountProc(machine: SimulatedMachine): void {
  const { fs } = machine
  fs.installVirtual('/proc', {
    names: () => [...machine.processes.keys()].map(String).concat(Object.keys(GENERAL)),
    find: (name) => {
      const read = Object.hasOwn(GENERAL, name) ? GENERAL[name] : undefined
      if (read) return fs.virtualFile(() => read(machine))
      const process = /^\d+$/.test(name) ? machine.processes.get(Number(name)) : undefined
      return process && fs.virtualDirectory(processFiles(process))
    },
  })
}

export function commandName(process: { argv: readonly string[] }): string {
  return ((process.argv[0] ?? '').split('/').pop() ?? '').replace(/^-/, '').slice(0, 15)
}

function processFiles(process: SimulatedProcess): Record<string, () => string> {
  const state = (): string => (process.stopped ? 'T (stopped)' : 'S (sleeping)')
  return {
    cmdline: () => process.argv.map((a) => a + '\0').join(''),
    comm: () => commandName(process) + '\n',
    environ: () => [...process.env].map(([k, v]) => `${k}=${v}\0`).join(''),
    status: () =>
      [
        `Name:\t${commandName(process)}`,
        `State:\t${state()}`,
        `Tgid:\t${process.pid}`,
        `Pid:\t${process.pid}`,
        `PPid:\t${process.parent?.pid ?? 0}`,
        `Uid:\t${Array(4).fill(process.user.uid).join('\t')}`,
        `Gid:\t${Array(4).fill(process.user.gid).join('\t')}`,
        'Threads:\t1',
      ].join('\n') + '\n',
  }
}
