import type { MemoryFilesystem } from './filesystem.ts'

interface Mount {
  at: string
  from: MemoryFilesystem
  source: string
  readOnly: boolean
}

/** Filesystems of which parts are mounted in one. A cluster has very many filesystems, most of them with a mount or two, or none. */
export class Mounts {
  /** By filesystem, and whether only for reading. */
  readonly #owners = new Map<object, boolean>()
  readonly #mounts: Mount[] = []
  /** Parts of one filesystem are mounted for reading only and others are not: the place decides. */
  #mixed = false

  /** `at` is a whole path here, `source` one there. */
  add(at: string, from: MemoryFilesystem, source: string, readOnly: boolean): void {
    this.#mixed ||= this.#mounts.some((mount) => mount.from === from && mount.readOnly !== readOnly)
    this.#owners.set(from, readOnly && !this.#mixed)
    this.#mounts.push({ at, from, source, readOnly })
  }

  /** Its root is seen somewhere in a computed directory. */
  show(from: MemoryFilesystem): void {
    this.#owners.set(from, false)
  }

  /** Whether what belongs to `owner` may only be read here; undefined if nothing of it is mounted. */
  readOnly(owner: object): boolean | undefined {
    return this.#owners.get(owner)
  }

  has(owner: object): boolean {
    return this.#owners.has(owner)
  }

  /** What is mounted at exactly this path. */
  at(path: string): Mount | undefined {
    return this.#mounts.findLast((mount) => mount.at === path)
  }

  /** Whether the innermost mount that a path is below, or at, is for reading only although others of the same filesystem are not. */
  forbids(path: string): boolean {
    if (!this.#mixed) return false
    let innermost: Mount | undefined
    for (const mount of this.#mounts) {
      if ((path === mount.at || path.startsWith(`${mount.at}/`)) && !(innermost && innermost.at.length > mount.at.length)) innermost = mount
    }
    return innermost?.readOnly ?? false
  }

  /** What lies in another filesystem is told to its listeners, too (inotify looks at inodes). */
  tell(path: string): void {
    for (const { at, from, source } of this.#mounts) if (path.startsWith(`${at}/`)) from.changed(`${source}${path.slice(at.length)}`)
  }

  /** Calls the listener with the paths here of what changes in what is mounted, whoever changes it there. */
  watch(listener: (path: string) => void): () => void {
    const stops = this.#mounts.map(({ at, from, source }) => from.onChange((path) => {
      if (path === source || path.startsWith(`${source}/`)) listener(`${at}${path.slice(source.length)}`)
    }))
    return () => {
      for (const stop of stops) stop()
    }
  }
}
