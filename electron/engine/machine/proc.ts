import type { SimulatedMachine } from './machine.ts'
import type { Bridge, Link, NetworkNamespace } from '../network/types.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import type { Node } from './inode.ts'
import { cpuinfo, kernelStatistics, meminfo } from './hardware.ts'
import { KERNEL } from './kernel.ts'
import { entryOf } from './process-entry.ts'
import { PROC_NET, SYS_NET, SYS_NET_PORT, SYS_NET_STATISTICS, sysctlTree } from './proc-net.ts'
import { processDirectory } from './proc-process.ts'
import { installVirtual, virtualDirectory, virtualFile, virtualLink, virtualTree, type Virtual } from './virtual.ts'

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
  installVirtual(fs, '/proc', {
    names: () => [...machine.pids.table().keys()].map(String).concat(Object.keys(GENERAL), 'mounts', 'net', 'self', 'sys'),
    find: (name) => {
      if (name === 'net') return netFiles(fs, machine.network)
      if (name === 'sys') return settings(machine, machine.network, '')
      if (name === 'mounts') return virtualLink(fs, 'self/mounts')
      const read = Object.hasOwn(GENERAL, name) ? GENERAL[name] : undefined
      if (read) return virtualFile(fs, () => read(machine))
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
  return virtualDirectory(fs, Object.fromEntries(Object.entries(PROC_NET).map(([file, read]) => [file, () => read(network)])))
}

/** A directory below /proc/sys. */
function settings(machine: SimulatedMachine, network: NetworkNamespace, path: string): Node {
  const { fs } = machine
  const below = [...sysctlTree(network)].filter(([file]) => file.startsWith(path))
  return virtualTree(fs, {
    names: () => [...new Set(below.map(([file]) => file.slice(path.length).split('/')[0]!))],
    find: (name) => {
      const key = below.find(([file]) => file === path + name)?.[1]
      if (key !== undefined) return virtualFile(fs, () => `${network.sysctl(key) ?? ''}\n`, machine.capabilities ? undefined : (text) => network.setSysctl(key, text.trim()))
      return below.some(([file]) => file.startsWith(`${path}${name}/`)) ? settings(machine, network, `${path}${name}/`) : undefined
    },
  })
}

/** /sys/class/net, and below /sys/devices what has no hardware: what scripts read of links. Made when somebody comes in, as most machines never see a person. */
export function mountSys(machine: SimulatedMachine): void {
  const { fs, network } = machine
  const links = (where: (link: Link) => boolean): Virtual => ({
    names: () => [...network.links.values()].filter(where).map((link) => link.name),
    find: (name) => {
      const link = network.links.get(name)
      return link && where(link) ? linkFiles(machine, link) : undefined
    },
  })
  installVirtual(fs, '/sys/class/net', links(() => true))
  installVirtual(fs, '/sys/devices/virtual/net', links((link) => link.kind !== 'nic'))
}

function linkFiles(machine: SimulatedMachine, link: Link): Node {
  const { fs } = machine
  const ports = link.kind === 'bridge' ? (link as Bridge) : undefined
  const folders: Record<string, () => Node> = {
    statistics: () => virtualDirectory(fs, Object.fromEntries(Object.entries(SYS_NET_STATISTICS).map(([f, read]) => [f, () => `${read(link)}\n`]))),
    ...(ports ? { brif: () => virtualTree(fs, { names: () => ports.ports.map((port) => port.name), find: (name) => portFiles(machine, ports, ports.ports.find((port) => port.name === name)) }) } : {}),
    ...(link.master?.kind === 'bridge' ? { brport: () => portFiles(machine, link.master as Bridge, link)! } : {}),
  }
  return virtualTree(fs, {
    names: () => [...Object.keys(SYS_NET), ...Object.keys(folders)],
    find: (file) => {
      if (Object.hasOwn(folders, file)) return folders[file]!()
      const read = Object.hasOwn(SYS_NET, file) ? SYS_NET[file] : undefined
      return read && virtualFile(fs, () => `${read(link)}\n`)
    },
  })
}

function portFiles({ fs, capabilities }: SimulatedMachine, bridge: Bridge, port: Link | undefined): Node | undefined {
  if (!port) return undefined
  return virtualTree(fs, {
    names: () => Object.keys(SYS_NET_PORT),
    find: (file) => {
      const entry = Object.hasOwn(SYS_NET_PORT, file) ? SYS_NET_PORT[file] : undefined
      if (!entry) return undefined
      // in containers /sys is there to be read
      const write = entry.write && !capabilities ? (text: string): void => entry.write?.(bridge, port, text) : undefined
      return virtualFile(fs, () => `${entry.read(bridge, port)}\n`, write)
    },
  })
}
