import { SmallMap } from '../sparse.ts'
import { concatBytes } from '../text.ts'

/** What a filesystem is made of. A node belongs to one filesystem (`owner`); others that lie above it copy it first. */
export class NodeBase {
  owner: object
  mode: number
  uid: number
  gid: number
  mtime: number
  inode: number
  links: number

  constructor({ owner, mode, uid, gid, mtime, inode, links }: NodeBase) {
    this.owner = owner
    this.mode = mode
    this.uid = uid
    this.gid = gid
    this.mtime = mtime
    this.inode = inode
    this.links = links
  }
}

export interface FileNode extends NodeBase {
  type: 'file'
  data: Uint8Array
  size: number
  /** `data` is also another layer's: copy before changing it in place. */
  shared: boolean
  program?: string | undefined
  read?: (() => string) | undefined
  /** Its size is that of what `read` says. */
  sized?: true
  write?: ((text: string) => void) | undefined
}

export interface SymlinkNode extends NodeBase {
  type: 'symlink'
  target: string
}

export type DeviceName = 'null' | 'zero' | 'full' | 'random' | 'tty' | 'stdin' | 'stdout' | 'stderr'

export interface DeviceNode extends NodeBase {
  type: 'device'
  device: DeviceName
}

export interface DirectoryNode extends NodeBase {
  type: 'directory'
  /** Own entries; null hides one of the directory below. */
  entries: SmallMap<Node | null>
  below?: DirectoryNode
  /** Computed directories (/proc). */
  virtual?: { names(): string[]; find(name: string): Node | undefined }
}

export type Node = FileNode | SymlinkNode | DeviceNode | DirectoryNode

export function entryOf(directory: DirectoryNode, name: string): Node | undefined {
  for (let d: DirectoryNode | undefined = directory; d; d = d.below) {
    const entry = d.entries.get(name)
    if (entry !== undefined) return entry ?? undefined
    const virtual = d.virtual?.find(name)
    if (virtual) return virtual
  }
  return undefined
}

export function namesOf(directory: DirectoryNode): string[] {
  const names = new Set<string>()
  const hidden = new Set<string>()
  for (let d: DirectoryNode | undefined = directory; d; d = d.below) {
    for (const [name, entry] of d.entries) {
      if (hidden.has(name) || names.has(name)) continue
      if (entry) names.add(name)
      else hidden.add(name)
    }
    for (const name of d.virtual?.names() ?? []) names.add(name)
  }
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The upper layer's own copy of a node of a lower one; contents are shared until they change. */
export function copyNode(node: Node, owner: object): Node {
  const { mode, uid, gid, mtime, inode, links } = node
  const base = { owner, mode, uid, gid, mtime, inode, links }
  switch (node.type) {
    case 'directory':
      return makeDirectory(base, node)
    case 'file':
      node.shared = true
      return makeFile(base, node)
    case 'symlink':
      return makeSymlink(base, node.target)
    case 'device':
      return makeDevice(base, node.device)
  }
}

// Every node of a kind is written out with the same fields in the same order: a copy with "..." may get a layout of
// its own in memory, and there are thousands of files.

export function makeDirectory(base: NodeBase, below?: DirectoryNode): DirectoryNode {
  const { owner, mode, uid, gid, mtime, inode, links } = base
  return { type: 'directory', owner, mode, uid, gid, mtime, inode, links, entries: new SmallMap(), below, virtual: undefined }
}

export function makeSymlink({ owner, mode, uid, gid, mtime, inode, links }: NodeBase, target: string): SymlinkNode {
  return { type: 'symlink', owner, mode, uid, gid, mtime, inode, links, target }
}

export function makeDevice({ owner, mode, uid, gid, mtime, inode, links }: NodeBase, device: DeviceName): DeviceNode {
  return { type: 'device', owner, mode, uid, gid, mtime, inode, links, device }
}

const EMPTY = new Uint8Array(0)

export function makeFile(base: NodeBase, from?: FileNode): FileNode {
  const { owner, mode, uid, gid, mtime, inode, links } = base
  const { data = EMPTY, size = 0, program, read, write } = from ?? {}
  return { type: 'file', owner, mode, uid, gid, mtime, inode, links, data, size, shared: true, program, read, write }
}

/** A file whose content is made when somebody looks: `make` must say the same whenever it is asked. */
export class LateFile extends NodeBase implements FileNode {
  readonly type = 'file'
  shared = true
  program: string | undefined = undefined
  read: (() => string) | undefined = undefined
  write: ((text: string) => void) | undefined = undefined
  make: (() => Uint8Array) | undefined
  #data: Uint8Array = EMPTY
  #size = 0

  constructor(base: NodeBase, make: () => Uint8Array) {
    super(base)
    this.make = make
  }

  get data(): Uint8Array {
    if (this.make) this.data = this.make()
    return this.#data
  }

  set data(bytes: Uint8Array) {
    if (this.make) this.#size = bytes.length
    this.make = undefined
    this.#data = bytes
  }

  get size(): number {
    if (this.make) this.data = this.make()
    return this.#size
  }

  set size(size: number) {
    this.#size = size
  }
}

/** What a file says now, for later: without making what is not made yet. */
export function snapshotOf(node: FileNode): () => Uint8Array {
  if (node instanceof LateFile && node.make) return node.make
  node.shared = true
  const bytes = contentOf(node)
  return () => bytes
}

/** Writes in place, growing by doubling so that many small appends stay cheap. */
export function writeAt(node: FileNode, position: number, bytes: Uint8Array): void {
  const end = position + bytes.length
  if (node.shared || end > node.data.length) {
    const grown = new Uint8Array(Math.max(end, end > node.data.length && node.data.length > 0 ? node.data.length * 2 : end))
    grown.set(node.data.subarray(0, node.size))
    node.data = grown
    node.shared = false
  }
  node.data.set(bytes, position)
  if (end > node.size) node.size = end
}

export function setContent(node: FileNode, bytes: Uint8Array): void {
  node.data = bytes
  node.size = bytes.length
  node.shared = true
}

export function contentOf(node: FileNode): Uint8Array {
  return node.size === node.data.length ? node.data : node.data.subarray(0, node.size)
}

export function appendContent(node: FileNode, bytes: Uint8Array): void {
  if (node.size === 0) setContent(node, concatBytes([bytes]))
  else writeAt(node, node.size, bytes)
}
