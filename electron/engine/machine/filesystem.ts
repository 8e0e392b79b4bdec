import { EPOCH, type Clock } from '../clock.ts'
import { SparseSet } from '../sparse.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { SystemError } from './errors.ts'
import { sizeOf, statOf } from './file-stat.ts'
import {
  appendContent, contentOf, copyNode, entryOf, LateFile, makeDevice, makeDirectory, makeFile, makeSymlink, namesOf, setContent, snapshotOf, writeAt,
  type DeviceName, type DirectoryNode, type FileNode, type Node, type NodeBase,
} from './inode.ts'
import { Mounts } from './mounts.ts'
import type { FileStat, Filesystem } from './types.ts'
import { nodeAt, walk, type Own, type Place } from './walk.ts'

const EMPTY = new Uint8Array(0)
/** A machine's own changes; more is ENOSPC, so that a runaway program cannot eat the student's memory. */
const CAPACITY = 64 * 1024 * 1024
const SET_GROUP = 0o2000

export interface FilesystemOptions {
  clock?: Clock
  /** The layer below: its files show through until they are changed here; it is never changed from here. */
  base?: MemoryFilesystem
  /** tmpfs: a directory is as big as it has entries. */
  inMemory?: boolean
}

/** The one implementation of {@link Filesystem}: inodes in memory, in layers like an image's and a container's. */
export class MemoryFilesystem implements Filesystem {
  readonly root: DirectoryNode
  readonly inMemory: boolean
  /** Whom new files belong to. */
  owner = { uid: 0, gid: 0 }
  umask = 0o022
  /** Only what is mounted here can be changed (a container's readOnlyRootFilesystem). */
  readOnly = false
  #clock: Clock | undefined
  #nextInode: number
  #used = 0
  readonly #listeners = new SparseSet<(path: string) => void>()
  #mounts: Mounts | undefined

  constructor(options: FilesystemOptions = {}) {
    this.#clock = options.clock
    this.inMemory = options.inMemory ?? false
    this.#nextInode = options.base ? options.base.#nextInode : 2
    this.root = options.base
      ? (copyNode(options.base.root, this) as DirectoryNode)
      : makeDirectory({ owner: this, mode: 0o755, uid: 0, gid: 0, mtime: this.#now(), inode: 1, links: 1 })
  }

  stat(path: string): FileStat {
    return statOf(this.#existing(path))
  }

  lstat(path: string): FileStat {
    return statOf(this.#existing(path, false))
  }

  exists(path: string): boolean {
    return nodeAt(this.root, path) !== undefined
  }

  readFile(path: string): Uint8Array {
    const node = this.#existing(path)
    if (node.type === 'directory') throw new SystemError('EISDIR')
    if (node.type !== 'file') return new Uint8Array(0)
    return node.read ? encodeUtf8(node.read()) : contentOf(node)
  }

  readText(path: string): string {
    return decodeUtf8(this.readFile(path))
  }

  writeFile(path: string, content: Uint8Array | string, mode?: number): void {
    const node = this.openForWriting(path, mode)
    if (node.type === 'device') return
    if (node.write) return node.write(typeof content === 'string' ? content : decodeUtf8(content))
    const bytes = typeof content === 'string' ? encodeUtf8(content) : content.slice()
    this.#charge(bytes.length - node.size)
    setContent(node, bytes)
    if (mode !== undefined) node.mode = mode
    this.touched(node, path)
  }

  /** Writes a file whose content nobody may ever read; it counts for nothing in the space that is used. */
  writeLate(path: string, make: () => Uint8Array): void {
    const place = this.#walk(path, { own: true })
    if (place.node && place.node.type !== 'file') throw new SystemError(place.node.type === 'directory' ? 'EISDIR' : 'EINVAL')
    const { inode, links, mode, uid, gid } = place.node ?? this.#born(place, 0o666 & ~this.umask)
    if (place.node?.owner === this) this.#charge(-place.node.size)
    this.#put(place, new LateFile({ owner: this, inode, links, mode, uid, gid, mtime: this.#now() }, make))
    this.changed(place.path)
  }

  /** What a file says now, for later. */
  snapshot(path: string): () => Uint8Array {
    const node = this.#existing(path)
    return node.type === 'file' && !node.read ? snapshotOf(node) : () => this.readFile(path)
  }

  appendFile(path: string, content: Uint8Array | string): void {
    const node = this.openForWriting(path)
    if (node.type === 'device') return
    if (node.write) return node.write(typeof content === 'string' ? content : decodeUtf8(content))
    const bytes = typeof content === 'string' ? encodeUtf8(content) : content
    this.#charge(bytes.length)
    appendContent(node, bytes)
    this.touched(node, path)
  }

  readDirectory(path: string): string[] {
    const node = this.#existing(path)
    if (node.type !== 'directory') throw new SystemError('ENOTDIR')
    return namesOf(node)
  }

  makeDirectory(path: string, options: { parents?: boolean; mode?: number } = {}): void {
    if (options.parents) {
      if (nodeAt(this.root, path)?.type === 'directory') return
      const parts = path.split('/').filter(Boolean)
      for (let i = 1; i <= parts.length; i++) {
        const prefix = '/' + parts.slice(0, i).join('/')
        const node = this.#walk(prefix).node
        if (!node) this.makeDirectory(prefix, i === parts.length ? { mode: options.mode } : {})
        else if (node.type !== 'directory') throw new SystemError(i === parts.length ? 'EEXIST' : 'ENOTDIR')
      }
      return
    }
    const place = this.#walk(path, { follow: false, own: true })
    if (place.node) throw new SystemError('EEXIST')
    const base = this.#born(place, options.mode ?? 0o777 & ~this.umask)
    this.#put(place, makeDirectory(place.parent.mode & SET_GROUP ? { ...base, mode: base.mode | SET_GROUP } : base))
    this.changed(place.path)
  }

  remove(path: string, options: { recursive?: boolean } = {}): void {
    const place = this.#walk(path, { follow: false, own: true })
    if (!place.node) throw new SystemError('ENOENT')
    if (place.name === '') throw new SystemError('EBUSY')
    if (place.node.type === 'directory' && !options.recursive && namesOf(place.node).length > 0) throw new SystemError('ENOTEMPTY')
    this.#drop(place.parent, place.name)
    if (place.node.owner === this) {
      place.node.links--
      if (place.node.links === 0) this.#charge(-sizeOf(place.node, this))
    }
    this.changed(place.path)
  }

  rename(from: string, to: string): void {
    const source = this.#walk(from, { follow: false, own: true })
    if (!source.node) throw new SystemError('ENOENT')
    const target = this.#walk(to, { follow: false, own: true })
    if (source.path === target.path) return
    if (target.path.startsWith(source.path + '/')) throw new SystemError('EINVAL')
    if (target.node) checkReplaced(target.node, source.node)
    const node = this.#own(source)
    this.#drop(source.parent, source.name)
    target.parent.entries.set(target.name, node)
    target.parent.mtime = this.#now()
    this.changed(source.path)
    this.changed(target.path)
  }

  symlink(target: string, path: string): void {
    const place = this.#walk(path, { follow: false, own: true })
    if (place.node) throw new SystemError('EEXIST')
    this.#put(place, makeSymlink(this.#born(place, 0o777), target))
    this.changed(place.path)
  }

  link(existing: string, path: string): void {
    const source = this.#walk(existing, { own: true })
    if (!source.node) throw new SystemError('ENOENT')
    if (source.node.type === 'directory') throw new SystemError('EPERM')
    const place = this.#walk(path, { follow: false, own: true })
    if (place.node) throw new SystemError('EEXIST')
    const node = this.#own(source)
    node.links++
    place.parent.entries.set(place.name, node)
    this.changed(place.path)
  }

  readLink(path: string): string {
    const node = this.#existing(path, false)
    if (node.type !== 'symlink') throw new SystemError('EINVAL')
    return node.target
  }

  realPath(path: string): string {
    const place = this.#walk(path)
    if (!place.node) throw new SystemError('ENOENT')
    return place.path
  }

  chmod(path: string, mode: number): void {
    const node = this.owned(path)
    node.mode = mode & 0o7777
    this.changed(path)
  }

  chown(path: string, uid: number, gid: number): void {
    const node = this.owned(path)
    node.uid = uid
    node.gid = gid
    this.changed(path)
  }

  touch(path: string, mtime?: number): void {
    if (!this.exists(path)) this.writeFile(path, '')
    const node = this.owned(path)
    node.mtime = mtime ?? this.#now()
    this.changed(path)
  }

  installProgram(path: string, program: string): void {
    const node = this.openForWriting(path, 0o755)
    if (node.type !== 'file') throw new SystemError('EINVAL')
    node.program = program
    node.mode = 0o755
    this.changed(path)
  }

  programAt(path: string): string | undefined {
    const node = this.#existing(path)
    return node.type === 'file' ? node.program : undefined
  }

  /** `sized`: it looks like a file on a disk, where one of /proc says 0. */
  installDynamic(path: string, read: () => string, write?: (text: string) => void, { sized = false } = {}): void {
    const node = this.openForWriting(path, write ? 0o644 : 0o444)
    if (node.type !== 'file') throw new SystemError('EINVAL')
    node.read = read
    if (write) node.write = write
    if (sized) node.sized = true
    this.changed(path)
  }

  installDevice(path: string, device: DeviceName): void {
    const place = this.#walk(path, { follow: false, own: true })
    this.#put(place, makeDevice(this.#born(place, 0o666), device))
  }

  /** The root of another filesystem, inside a computed directory: what is changed in it is changed there. */
  show(from: MemoryFilesystem): Node {
    ;(this.#mounts ??= new Mounts()).show(from)
    return from.root
  }

  /** What of another filesystem is mounted at exactly this path. */
  mountedAt(path: string): { from: MemoryFilesystem; source: string } | undefined {
    return this.#mounts?.at(path)
  }

  /** Shows a directory or file of another filesystem at `path` (a bind mount): changes are made there, for all who see it. */
  mount(path: string, from: MemoryFilesystem, source: string, options: { readOnly?: boolean } = {}): void {
    const node = from.owned(source)
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (parent) this.makeDirectory(parent, { parents: true })
    const place = this.#walk(path, { own: true })
    if (place.name === '') throw new SystemError('EBUSY')
    place.parent.entries.set(place.name, node)
    ;(this.#mounts ??= new Mounts()).add(place.path, from, source, options.readOnly ?? false)
    this.changed(place.path)
  }

  /** A change below a mount of one's own may be told twice: here, and where it is mounted from. */
  onChange(listener: (path: string) => void): () => void {
    this.#listeners.add(listener)
    const unwatch = this.#mounts?.watch(listener)
    return () => {
      this.#listeners.delete(listener)
      unwatch?.()
    }
  }

  /** Tells who listens here, and to what is mounted there. */
  changed(path: string): void {
    if (this.#listeners.size > 0) for (const listener of [...this.#listeners]) listener(path)
    this.#mounts?.tell(path)
  }

  // ---- for open file descriptions ------------------------------------------------------------------------------

  nodeAt(path: string): Node {
    return this.#existing(path)
  }

  /** The file at `path` as this layer's own, made if it is not there. */
  openForWriting(path: string, mode?: number): FileNode | Extract<Node, { type: 'device' }> {
    const place = this.#walk(path, { own: true })
    if (place.node?.type === 'directory') throw new SystemError('EISDIR')
    if (path.endsWith('/')) throw new SystemError(place.node ? 'ENOTDIR' : 'EISDIR')
    if (place.node?.type === 'device') return place.node
    if (place.node) return this.#own(place) as FileNode
    const node = makeFile(this.#born(place, mode ?? 0o666 & ~this.umask))
    this.#put(place, node)
    this.changed(place.path)
    return node
  }

  truncate(node: FileNode, path: string): void {
    this.#charge(-node.size)
    setContent(node, EMPTY)
    this.touched(node, path)
  }

  writeTo(node: FileNode, path: string, position: number, bytes: Uint8Array): void {
    this.#charge(position + bytes.length - node.size)
    writeAt(node, position, bytes)
    this.touched(node, path)
  }

  touched(node: FileNode, path: string): void {
    node.mtime = this.#now()
    this.changed(path)
  }

  // ---- the tree --------------------------------------------------------------------------------------------------

  #now(): number {
    return this.#clock ? this.#clock.wall() : EPOCH
  }

  #charge(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > CAPACITY) throw new SystemError('ENOSPC')
    this.#used = Math.max(0, this.#used + bytes)
  }

  /** For a node that is made here. */
  fresh(mode: number): NodeBase {
    const { uid, gid } = this.owner
    return { owner: this, mode, uid, gid, mtime: this.#now(), inode: this.#nextInode++, links: 1 }
  }

  /** What is made in a directory with the set-group-ID bit belongs to its group (inode(7)): volumes with an fsGroup. */
  #born({ parent }: Place, mode: number): NodeBase {
    const base = this.fresh(mode)
    return parent.mode & SET_GROUP ? { ...base, gid: parent.gid } : base
  }

  #put(place: Place, node: Node): void {
    this.#checkWritable(place.parent)
    if (this.#mounts?.has(place.parent.owner)) node.owner = place.parent.owner
    place.parent.entries.set(place.name, node)
    place.parent.mtime = this.#now()
  }

  /** Throws for what is mounted for reading only. */
  #checkWritable(node: Node): void {
    const mounted = this.#mounts?.readOnly(node.owner)
    if (mounted || (this.readOnly && mounted === undefined)) throw new SystemError('EROFS')
  }

  #drop(parent: DirectoryNode, name: string): void {
    this.#checkWritable(parent)
    parent.entries.delete(name)
    if (entryOf(parent, name)) parent.entries.set(name, null)
    parent.mtime = this.#now()
  }

  #existing(path: string, follow = true): Node {
    const { node } = this.#walk(path, { follow })
    if (!node) throw new SystemError('ENOENT')
    if (path.length > 1 && path.endsWith('/') && node.type !== 'directory') throw new SystemError('ENOTDIR')
    return node
  }

  /** The node at `path` as this layer's own. Throws SystemError ENOENT. */
  owned(path: string): Node {
    const place = this.#walk(path, { own: true })
    if (!place.node) throw new SystemError('ENOENT')
    return this.#own(place)
  }

  #own(place: Place): Node {
    if (place.name === '') return this.root
    return this.#ownEntry(place.parent, place.name, place.node!)
  }

  #ownEntry(parent: DirectoryNode, name: string, node: Node): Node {
    if (node.owner === this) return node
    this.#checkWritable(node)
    if (this.#mounts?.has(node.owner)) return node
    const copy = copyNode(node, this.#mounts?.has(parent.owner) ? parent.owner : this)
    parent.entries.set(name, copy)
    return copy
  }

  /** Walks a path; `own` copies the directories on the way into this layer so that the last one may be changed. */
  #walk(path: string, { follow = true, own = false }: { follow?: boolean; own?: boolean } = {}): Place {
    const place = walk(this.root, path, follow, own ? this.#ownDirectory : undefined)
    if (own && this.#mounts?.forbids(place.path)) throw new SystemError('EROFS')
    return place
  }

  readonly #ownDirectory: Own = (parent, name, node) => this.#ownEntry(parent, name, node) as DirectoryNode
}

/** What rename(2) may put `node` in the place of. */
function checkReplaced(replaced: Node, node: Node): void {
  if (node.type === 'directory' && replaced.type !== 'directory') throw new SystemError('ENOTDIR')
  if (node.type !== 'directory' && replaced.type === 'directory') throw new SystemError('EISDIR')
  if (replaced.type === 'directory' && namesOf(replaced).length > 0) throw new SystemError('ENOTEMPTY')
}
