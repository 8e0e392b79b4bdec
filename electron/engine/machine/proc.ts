import type { SimulatedMachine } from './machine.ts'
import { PROC_NET, SYS_NET, SYS_NET_STATISTICS, sysctlTree } from './proc-net.ts'
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
    names: () => [...machine.processes.keys()].map(String).concat(Object.keys(GENERAL), 'net', 'sys'),
    find: (name) => {
      if (name === 'net') return fs.virtualDirectory(Object.fromEntries(Object.entries(PROC_NET).map(([file, read]) => [file, () => read(machine.network)])))
      if (name === 'sys') return settings(machine, '')
      const read = Object.hasOwn(GENERAL, name) ? GENERAL[name] : undefined
      if (read) return fs.virtualFile(() => read(machine))
      const process = /^\d+$/.test(name) ? machine.processes.get(Number(name)) : undefined
      return process && fs.virtualDirectory(processFiles(process))
    },
  })
}

/** A directory below /proc/sys. */
function settings(machine: SimulatedMachine, path: string): ReturnType<SimulatedMachine['fs']['virtualTree']> {
  const { fs, network } = machine
  const below = [...sysctlTree(network)].filter(([file]) => file.startsWith(path))
  return fs.virtualTree({
    names: () => [...new Set(below.map(([file]) => file.slice(path.length).split('/')[0]!))],
    find: (name) => {
      const key = below.find(([file]) => file === path + name)?.[1]
      if (key !== undefined) return fs.virtualFile(() => `${network.sysctl(key) ?? ''}\n`)
      return below.some(([file]) => file.startsWith(`${path}${name}/`)) ? settings(machine, `${path}${name}/`) : undefined
    },
  })
}

/** /sys/class/net: what scripts read of links. Made when somebody comes in, as most machines never see a person. */
export function mountSys(machine: SimulatedMachine): void {
  const { fs, network } = machine
  fs.installVirtual('/sys/class/net', {
    names: () => [...network.links.keys()],
    find: (name) => {
      const link = network.links.get(name)
      if (!link) return undefined
      return fs.virtualTree({
        names: () => [...Object.keys(SYS_NET), 'statistics'],
        find: (file) => {
          if (file === 'statistics') return fs.virtualDirectory(Object.fromEntries(Object.entries(SYS_NET_STATISTICS).map(([f, read]) => [f, () => `${read(link)}\n`])))
          const read = Object.hasOwn(SYS_NET, file) ? SYS_NET[file] : undefined
          return read && fs.virtualFile(() => `${read(link)}\n`)
        },
      })
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
