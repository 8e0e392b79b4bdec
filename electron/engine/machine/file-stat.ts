import { encodeUtf8 } from '../text.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import { entryOf, namesOf, type DirectoryNode, type Node } from './inode.ts'
import type { FileStat } from './types.ts'

/** stat(2) of a node. */
export function statOf(node: Node): FileStat {
  const size = node.type === 'file' ? (node.sized ? encodeUtf8(node.read!()).length : node.size) : node.type === 'symlink' ? node.target.length : node.type === 'directory' ? directorySize(node) : 0
  const { type, mode, uid, gid, mtime, inode } = node
  const links = type === 'directory' ? 2 + namesOf(node).filter((n) => entryOf(node, n)?.type === 'directory').length : node.links
  return { type, mode, uid, gid, size, mtime, inode, links }
}

/** 4096 on a disk; on a tmpfs 40, and 20 for each entry (mm/shmem.c, BOGO_DIRENT_SIZE). */
function directorySize(node: DirectoryNode): number {
  return (node.owner as MemoryFilesystem).inMemory ? 40 + 20 * namesOf(node).length : 4096
}

/** What of a tree belongs to `owner`, in bytes. */
export function sizeOf(node: Node, owner: object): number {
  if (node.type === 'file') return node.size
  if (node.type !== 'directory') return 0
  let sum = 0
  for (const [, entry] of node.entries) if (entry && entry.owner === owner) sum += sizeOf(entry, owner)
  return sum
}
