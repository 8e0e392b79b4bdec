import { SystemError } from './errors.ts'
import { entryOf, type DirectoryNode, type Node } from './inode.ts'

/** Most symlinks that one path may pass (path_resolution(7)). */
const MAX_LINKS = 40
const MAX_NAME = 255

/** Where a path leads: the last directory, and what has the last name there. */
export interface Place {
  parent: DirectoryNode
  name: string
  node: Node | undefined
  /** Without symlinks. */
  path: string
}

/** Takes a directory on the way into the filesystem's own layer, so that what is in it may be changed. */
export type Own = (parent: DirectoryNode, name: string, node: DirectoryNode) => DirectoryNode

/** Throws SystemError when a directory on the way is missing, or none. The last name need not be there. */
export function walk(root: DirectoryNode, path: string, follow: boolean, own?: Own): Place {
  return walkPlain(root, path, follow, own) ?? walkAny(root, path, follow, own)
}

/** What is at a path, links followed; undefined also when a directory on the way is missing. */
export function nodeAt(root: DirectoryNode, path: string): Node | undefined {
  const plain = walkPlain(root, path, true, undefined)
  if (plain !== undefined) return plain?.node
  try {
    return walkAny(root, path, true, undefined).node
  } catch {
    return undefined
  }
}

/**
 * The usual case: a path without "..", links, doubled slashes and a slash at its end. Null when a directory on it is
 * missing; undefined when it is another case.
 */
function walkPlain(root: DirectoryNode, path: string, follow: boolean, own: Own | undefined): Place | null | undefined {
  const absolute = path.startsWith('/')
  let parent = root
  for (let at = absolute ? 1 : 0; ;) {
    const slash = path.indexOf('/', at)
    const name = slash < 0 ? path.slice(at) : path.slice(at, slash)
    if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME) return undefined
    const node = entryOf(parent, name)
    if (node?.type === 'symlink' && (slash >= 0 || follow)) return undefined
    if (slash < 0) return { parent, name, node, path: absolute ? path : `/${path}` }
    if (!node) return null
    if (node.type !== 'directory') return undefined
    parent = own ? own(parent, name, node) : node
    at = slash + 1
  }
}

function walkAny(root: DirectoryNode, path: string, follow: boolean, own: Own | undefined): Place {
  let parts = partsOf(path)
  let stack: { name: string; node: DirectoryNode }[] = [{ name: '', node: root }]
  let links = 0
  for (let i = 0; i < parts.length; i++) {
    const name = parts[i]!
    const last = i === parts.length - 1
    const top = stack[stack.length - 1]!
    if (name === '..') {
      if (stack.length > 1) stack.pop()
      continue
    }
    if (name.length > MAX_NAME) throw new SystemError('ENAMETOOLONG')
    const node = entryOf(top.node, name)
    if (node?.type === 'symlink' && (!last || follow)) {
      if (++links > MAX_LINKS) throw new SystemError('ELOOP')
      parts = [...partsOf(node.target), ...parts.slice(i + 1)]
      if (node.target.startsWith('/')) stack = [stack[0]!]
      i = -1
      continue
    }
    if (last) return { parent: top.node, name, node, path: joined(stack, name) }
    if (!node) throw new SystemError('ENOENT')
    if (node.type !== 'directory') throw new SystemError('ENOTDIR')
    stack.push({ name, node: own ? own(top.node, name, node) : node })
  }
  // The path ended in "..", "/" or a link to such: what it names is the top of the stack.
  const top = stack[stack.length - 1]!
  const parent = stack[stack.length - 2]
  return { parent: parent?.node ?? root, name: top.name, node: top.node, path: joined(stack.slice(0, -1), top.name) }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

function joined(stack: readonly { name: string }[], name: string): string {
  const parts = stack.slice(1).map((s) => s.name)
  if (name !== '') parts.push(name)
  return '/' + parts.join('/')
}
