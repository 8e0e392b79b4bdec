import { own } from '../own.ts'
import { capabilityMask } from './capabilities.ts'
import { findExecutable } from './executable.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import type { Node } from './inode.ts'
import { namespaceLinks } from './namespaces.ts'
import { fileName } from './open.ts'
import type { ProcessEntry } from './types.ts'
import { virtualFile, virtualLink, virtualTree } from './virtual.ts'

/** /proc/PID (proc(5)). `shared`: what the process has with all others of its network namespace. */
export function processDirectory(fs: MemoryFilesystem, entry: ProcessEntry, shared: Readonly<Record<'net' | 'sys', () => Node>>): Node {
  const files = processFiles(entry)
  return virtualTree(fs, {
    names: () => [...Object.keys(files), 'cwd', 'exe', 'fd', 'net', 'ns', 'root'],
    find: (name) => {
      if (name === 'net' || name === 'sys') return shared[name]()
      if (name === 'ns') return virtualTree(fs, { names: () => Object.keys(namespaceLinks(entry)), find: (kind) => link(fs, own(namespaceLinks(entry), kind)) })
      if (name === 'fd') return descriptors(fs, entry)
      if (name === 'cwd') return link(fs, entry.process?.cwd)
      if (name === 'exe') return link(fs, executable(entry))
      // what a container sees at / is reached from its node this way
      if (name === 'root') return entry.machine.fs === fs ? link(fs, '/') : fs.show(entry.machine.fs as MemoryFilesystem)
      const read = Object.hasOwn(files, name) ? files[name] : undefined
      return read && virtualFile(fs, read)
    },
  })
}

function descriptors(fs: MemoryFilesystem, { process, pid }: ProcessEntry): Node {
  return virtualTree(fs, {
    names: () => [...(process?.files.keys() ?? [])].sort((a, b) => a - b).map(String),
    find: (fd) => {
      const file = /^\d+$/.test(fd) ? process?.files.get(Number(fd)) : undefined
      return file && link(fs, fileName(file, pid))
    },
  })
}

function executable({ machine, argv, process }: ProcessEntry): string | undefined {
  const name = argv[0]?.replace(/^-|: [^]*/g, '')
  if (!process || !name) return undefined
  const path = findExecutable(machine, process, name)
  return path === undefined ? undefined : machine.fs.realPath(path)
}

function link(fs: MemoryFilesystem, target: string | undefined): Node | undefined {
  return target === undefined ? undefined : virtualLink(fs, target)
}

export function commandName(process: { argv: readonly string[] }): string {
  // "nginx: worker process" is a title that nginx gives itself
  return ((process.argv[0] ?? '').replace(/: [^]*/, '').split('/').pop() ?? '').replace(/^-/, '').slice(0, 15)
}

/** Mounts that every process sees. */
const MOUNTS = 'proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\ntmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755 0 0\ndevpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666 0 0\nsysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0\n'

/** prlimit(2), as `ulimit -a` has them. */
const LIMITS = [
  ['Limit', 'Soft Limit', 'Hard Limit', 'Units'], ['Max cpu time', 'unlimited', 'unlimited', 'seconds'], ['Max file size', 'unlimited', 'unlimited', 'bytes'], ['Max data size', 'unlimited', 'unlimited', 'bytes'],
  ['Max stack size', '8388608', 'unlimited', 'bytes'], ['Max core file size', '0', 'unlimited', 'bytes'], ['Max resident set', 'unlimited', 'unlimited', 'bytes'], ['Max processes', '31339', '31339', 'processes'],
  ['Max open files', '1024', '1048576', 'files'], ['Max locked memory', '8388608', '8388608', 'bytes'], ['Max address space', 'unlimited', 'unlimited', 'bytes'], ['Max file locks', 'unlimited', 'unlimited', 'locks'],
  ['Max pending signals', '31339', '31339', 'signals'], ['Max msgqueue size', '819200', '819200', 'bytes'], ['Max nice priority', '0', '0', ''], ['Max realtime priority', '0', '0', ''], ['Max realtime timeout', 'unlimited', 'unlimited', 'us'],
] as const

function processFiles(process: ProcessEntry): Record<string, () => string> {
  const state = (): string => (process.stopped ? 'T (stopped)' : 'S (sleeping)')
  return {
    cmdline: () => process.argv.map((a) => a + '\0').join(''),
    comm: () => commandName(process) + '\n',
    environ: () => [...(process.process?.env ?? [])].map(([k, v]) => `${k}=${v}\0`).join(''),
    cgroup: () => '0::/\n',
    mounts: () => mountsOf(process),
    limits: () => LIMITS.map(([name, soft, hard, unit]) => `${name!.padEnd(26)}${soft!.padEnd(21)}${hard!.padEnd(21)}${unit!.padEnd(10)}\n`).join(''),
    stat: () => `${process.pid} (${commandName(process)}) ${state()[0]} ${process.ppid} ${process.pid} ${process.pid} ${process.tty === '?' ? 0 : 34816} -1 4194304${' 0'.repeat(8)} 20 0 1 0 ${Math.floor(process.startedAt / 10)}${' 0'.repeat(30)}\n`,
    status: () => statusLines(process, state()).map((line) => `${line}\n`).join(''),
  }
}

function statusLines(process: ProcessEntry, state: string): string[] {
  const { uid, gid, groups = [] } = process.user
  const mask = capabilityMask(process.process ? process.process.capabilities : process.machine.capabilities)
  const held = uid === 0 ? mask : '0'.repeat(16)
  const four = (id: number): string => Array(4).fill(id).join('\t')
  return [
    `Name:\t${commandName(process)}`, 'Umask:\t0022', `State:\t${state}`, `Tgid:\t${process.pid}`, 'Ngid:\t0', `Pid:\t${process.pid}`, `PPid:\t${process.ppid}`, 'TracerPid:\t0',
    `Uid:\t${four(uid)}`, `Gid:\t${four(gid)}`, 'FDSize:\t64', `Groups:\t${groups.map((group) => `${group} `).join('')}`, `NStgid:\t${process.pid}`, `NSpid:\t${process.pid}`,
    'Threads:\t1', 'CapInh:\t0000000000000000', `CapPrm:\t${held}`, `CapEff:\t${held}`, `CapBnd:\t${mask}`, 'CapAmb:\t0000000000000000', 'NoNewPrivs:\t0',
    `Seccomp:\t${process.machine.kind === 'container' ? 2 : 0}`, `Seccomp_filters:\t${process.machine.kind === 'container' ? 1 : 0}`,
  ]
}

function mountsOf({ machine }: ProcessEntry): string {
  const root = machine.kind === 'container' ? 'overlay / overlay rw,relatime 0 0\n' : '/dev/vda1 / ext4 rw,relatime 0 0\n'
  return root + MOUNTS
}
