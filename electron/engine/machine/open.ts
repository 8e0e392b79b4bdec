import { encodeUtf8, decodeUtf8 } from '../text.ts'
import { SystemError } from './errors.ts'
import { BytesFile, DiskFile, DynamicSink, NullFile } from './files.ts'
import type { DeviceName, Node } from './inode.ts'
import { directoryName } from './path.ts'
import type { SimulatedProcess } from './process.ts'
import type { FileStat, OpenFile, Process } from './types.ts'

/** Whether a process's user may read, write or execute what has these attributes (path_resolution(7)). */
export function permits(user: Process['user'], stat: Pick<FileStat, 'mode' | 'uid' | 'gid' | 'type'>, want: 'read' | 'write' | 'execute'): boolean {
  const bit = want === 'read' ? 4 : want === 'write' ? 2 : 1
  if (user.uid === 0) return want !== 'execute' || stat.type === 'directory' || (stat.mode & 0o111) !== 0
  const shift = user.uid === stat.uid ? 6 : user.gid === stat.gid || user.groups?.includes(stat.gid) ? 3 : 0
  return ((stat.mode >> shift) & bit) !== 0
}

/** open(2) with O_RDONLY, or O_WRONLY|O_CREAT with O_TRUNC or O_APPEND. */
export function openPath(process: SimulatedProcess, path: string, mode: 'read' | 'write' | 'append' | 'both'): OpenFile {
  if (path === '') throw new SystemError('ENOENT')
  const { fs, clock, user } = process
  const absolute = process.resolve(path)
  const descriptor = /^\/(?:dev|proc\/(self|\d+))\/fd\/(\d+)$/.exec(absolute)
  if (descriptor) return duplicate(ownerOf(process, descriptor[1]), Number(descriptor[2]), user)
  const existing = fs.exists(absolute) ? fs.nodeAt(absolute) : undefined
  if (existing?.type === 'device') return openDevice(process, existing.device)
  if (existing && !permits(user, existing, mode === 'read' ? 'read' : 'write')) throw new SystemError('EACCES')
  if (mode === 'read') {
    const node: Node = existing ?? fs.nodeAt(absolute)
    if (node.type === 'directory') throw new SystemError('EISDIR')
    if (node.type === 'file' && node.read) return new BytesFile(encodeUtf8(node.read()))
    if (node.type === 'file') return new DiskFile(clock, fs, absolute, node, mode)
    throw new SystemError('EINVAL')
  }
  if (!existing && user.uid !== 0) {
    const parent = fs.stat(directoryName(absolute))
    if (!permits(user, parent, 'write')) throw new SystemError('EACCES')
  }
  // a container sees its settings through a mount that may only be read
  if (existing?.type === 'file' && existing.read && !existing.write) throw new SystemError(/^\/proc\/(\d+\/)?sys\//.test(absolute) ? 'EROFS' : 'EACCES')
  const node = fs.openForWriting(absolute)
  if (node.type === 'device') return openDevice(process, node.device)
  if (!existing) fs.chown(absolute, user.uid, user.gid)
  if (node.write) return new DynamicSink((bytes) => node.write!(decodeUtf8(bytes)))
  if (mode === 'write') fs.truncate(node, absolute)
  return new DiskFile(clock, fs, absolute, node, mode)
}

/** The process whose descriptor is meant: the one that asks, or another of its machine. */
function ownerOf(process: SimulatedProcess, pid: string | undefined): Process {
  if (pid === undefined || pid === 'self') return process
  const { machine } = process
  const owner = machine.processes.get(Number(pid)) ?? machine.pids.table().get(Number(pid))?.process
  if (!owner) throw new SystemError('ENOENT')
  return owner
}

function duplicate(owner: Process, fd: number, user = owner.user): OpenFile {
  if (user.uid !== 0 && user.uid !== owner.user.uid) throw new SystemError('EACCES')
  const file = owner.files.get(fd)
  if (!file) throw new SystemError('ENOENT')
  return file.retain()
}

/** What /proc/PID/fd says of a descriptor. A pipe's number is made up of the process that has it. */
export function fileName(file: OpenFile, pid: number): string {
  if (file instanceof DiskFile) return file.path
  if (file.kind === 'terminal') return '/dev/pts/0'
  return file.kind === 'null' ? '/dev/null' : `pipe:[${20_000 + pid}]`
}

function openDevice(process: Process, device: DeviceName): OpenFile {
  const { clock } = process
  switch (device) {
    case 'null':
      return new NullFile(clock)
    case 'zero':
      return new NullFile(clock, { source: (max) => new Uint8Array(max) })
    case 'full':
      return new NullFile(clock, { source: (max) => new Uint8Array(max), full: true })
    case 'random':
      return new NullFile(clock, { source: (max) => Uint8Array.from({ length: max }, () => clock.random.below(256)) })
    case 'stdin':
      return duplicate(process, 0)
    case 'stdout':
      return duplicate(process, 1)
    case 'stderr':
      return duplicate(process, 2)
    case 'tty': {
      for (const fd of [0, 1, 2]) if (process.terminalOf(fd)) return process.files.get(fd)!.retain()
      throw new SystemError('ENODEV', 'No such device or address')
    }
  }
}
