import { SystemError } from './errors.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import { makeDirectory, makeFile, makeSymlink, type DirectoryNode, type FileNode, type Node } from './inode.ts'

/** Files and directories that are computed at each look (/proc, /sys). */

export type Virtual = NonNullable<DirectoryNode['virtual']>

/** Makes the directory at `path` a computed one. */
export function installVirtual(fs: MemoryFilesystem, path: string, virtual: Virtual): void {
  // the kernel mounts it, on a root that its processes may not change, too
  const { readOnly } = fs
  fs.readOnly = false
  try {
    fs.makeDirectory(path, { parents: true })
  } finally {
    fs.readOnly = readOnly
  }
  const node = fs.owned(path)
  if (node.type !== 'directory') throw new SystemError('ENOTDIR')
  node.virtual = virtual
}

export function virtualFile(fs: MemoryFilesystem, read: () => string, write?: (text: string) => void): FileNode {
  const node = makeFile(fs.fresh(write ? 0o644 : 0o444))
  node.read = read
  if (write) node.write = write
  return node
}

export function virtualLink(fs: MemoryFilesystem, target: string): Node {
  return makeSymlink(fs.fresh(0o777), target)
}

/** A computed directory inside a computed directory. */
export function virtualTree(fs: MemoryFilesystem, virtual: Virtual): DirectoryNode {
  const node = makeDirectory(fs.fresh(0o555))
  node.virtual = virtual
  return node
}

export function virtualDirectory(fs: MemoryFilesystem, files: Record<string, () => string>): DirectoryNode {
  const node = makeDirectory(fs.fresh(0o555))
  for (const [name, read] of Object.entries(files)) node.entries.set(name, virtualFile(fs, read))
  return node
}
