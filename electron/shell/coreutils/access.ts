import { SystemError } from '../../engine/machine/errors.ts'
import type { MemoryFilesystem } from '../../engine/machine/filesystem.ts'
import { permits } from '../../engine/machine/open.ts'
import { directoryName } from '../../engine/machine/path.ts'
import type { FileStat, Process } from '../../engine/machine/types.ts'

/** Throws EACCES when the process may not make or remove names in the directory that holds `path`. */
export function mayChangeEntry(process: Process, path: string): void {
  if (process.user.uid === 0) return
  const parent = process.fs.stat(directoryName(path))
  if (parent.type !== 'directory') throw new SystemError('ENOTDIR')
  if (!permits(process.user, parent, 'write')) throw new SystemError('EACCES')
  if ((parent.mode & 0o1000) === 0 || parent.uid === process.user.uid) return
  // In a sticky directory (/tmp) people remove only what is theirs.
  const existing = lstatIfAny(process, path)
  if (existing && existing.uid !== process.user.uid) throw new SystemError('EPERM')
}

export function mayList(process: Process, path: string): void {
  if (process.user.uid !== 0 && !permits(process.user, process.fs.stat(path), 'read')) throw new SystemError('EACCES')
}

/** Only the owner and root may change a file's mode, owner or times. */
export function mustOwn(process: Process, path: string): void {
  if (process.user.uid !== 0 && process.fs.stat(path).uid !== process.user.uid) throw new SystemError('EPERM')
}

export function lstatIfAny(process: Process, path: string): FileStat | undefined {
  try {
    return process.fs.lstat(path)
  } catch {
    return undefined
  }
}

export function statIfAny(process: Process, path: string): FileStat | undefined {
  try {
    return process.fs.stat(path)
  } catch {
    return undefined
  }
}

/** What a process makes belongs to its user. */
export function owned(process: Process, path: string): void {
  if (process.user.uid !== 0) (process.fs as MemoryFilesystem).chown(path, process.user.uid, process.user.gid)
}
