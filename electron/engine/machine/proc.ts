import type { SimulatedMachine } from './machine.ts'
import type { NetworkNamespace } from '../network/types.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import type { Node } from './inode.ts'
import { cpuinfo, kernelStatistics, meminfo } from './hardware.ts'
import { KERNEL } from './kernel.ts'
import { entryOf } from './machine.ts'
import { PROC_NET, SYS_NET, SYS_NET_STATISTICS, sysctlTree } from './proc-net.ts'
import { processDirectory } from './proc-process.ts'

/** Nodes of a kernel without any filesystem of its own, then the one of this disk. */
const FILESYSTEMS = ['sysfs', 'tmpfs', 'bdev', 'proc', 'cgroup', 'cgroup2', 'devtmpfs', 'bpf', 'pipefs', 'sockfs', 'devpts', 'mqueue', 'overlay'].map((name) => `nodev\t${name}\n`).join('') + '\text4\n'

const GENERAL: Readonly<Record<string, (machine: SimulatedMachine) => string>> = {
  uptime: (machine) => `${(machine.clock.now / 1000).toFixed(2)} ${(machine.clock.now / 1000).toFixed(2)}\n`,
  version: () => `Linux version ${KERNEL.release} ${KERNEL.builder} ${KERNEL.version}\n`,
  filesystems: () => FILESYSTEMS,
  cmdline: () => 'BOOT_IMAGE=/boot/vmlinuz-6.1.0-podhop root=/dev/vda1 ro quiet\n',
  meminfo: (machine) => meminfo(machine.pids.table().size),
  stat: (machine) => kernelStatistics(machine.clock.now, machine.clock.epoch, Math.max(0, ...machine.processes.keys())),
  cpuinfo: () => cpuinfo(),
  loadavg: (machine) => `0.00 0.00 0.00 1/${machine.processes.size} ${Math.max(0, ...machine.processes.keys())}\n`,
}

/** The part of proc(5) that people look at. Computed when read, so that a machine without readers pays nothing. */
export function mountProc(machine: SimulatedMachine): void {
  const { fs } = machine
  fs.installVirtual('/proc', {
    names: () => [...machine.pids.table().keys()].map(String).concat(Object.keys(GENERAL), 'mounts', 'net', 'self', 'sys'),
    find: (name) => {
      if (name === 'net') return netFiles(fs, machine.network)
      if (name === 'sys') return settings(machine, machine.network, '')
      if (name === 'mounts') return fs.virtualLink('self/mounts')
      const read = Object.hasOwn(GENERAL, name) ? GENERAL[name] : undefined
      if (read) return fs.virtualFile(() => read(machine))
      if (!/^\d+$/.test(name)) return undefined
      const own = machine.processes.get(Number(name))
      const entry = own ? entryOf(own) : machine.pids.table().get(Number(name))
      return entry && processDirectory(fs, entry, {
        net: () => netFiles(fs, entry.network),
        // where a process of another network namespace is led to
        sys: () => settings(machine, entry.network, ''),
      })
    },
  })
}

function netFiles(fs: MemoryFilesystem, network: NetworkNamespace): Node {
  return fs.virtualDirectory(Object.fromEntries(Object.entries(PROC_NET).map(([file, read]) => [file, () => read(network)])))
}

/** A directory below /proc/sys. */
function settings(machine: SimulatedMachine, network: NetworkNamespace, path: string): Node {
  const { fs } = machine
  const below = [...sysctlTree(network)].filter(([file]) => file.startsWith(path))
  return fs.virtualTree({
    names: () => [...new Set(below.map(([file]) => file.slice(path.length).split('/')[0]!))],
    find: (name) => {
      const key = below.find(([file]) => file === path + name)?.[1]
      if (key !== undefined) return fs.virtualFile(() => `${network.sysctl(key) ?? ''}\n`, machine.capabilities ? undefined : (text) => network.setSysctl(key, text.trim()))
      return below.some(([file]) => file.startsWith(`${path}${name}/`)) ? settings(machine, network, `${path}${name}/`) : undefined
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
