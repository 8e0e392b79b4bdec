import type { MemoryFilesystem } from '../../machine/filesystem.ts'

/** A file of a volume; one that is a function says at each look what it holds. */
export interface VolumeFile { data: Uint8Array | string | (() => string); mode: number; uid?: number }
/** By path in the volume. */
export type Content = ReadonlyMap<string, VolumeFile>

const DATA = '..data'

/**
 * Makes a directory hold exactly these files as pkg/volume/util/atomic_writer.go does it: they lie in a directory that is named after
 * the time, `..data` leads to it, and what a container sees are links through `..data`, so that all change at one moment.
 */
export function writeAtomically(fs: MemoryFilesystem, target: string, content: Content, { at, suffix }: { at: string; suffix: number }): void {
  const former = fs.exists(`${target}/${DATA}`) ? fs.readLink(`${target}/${DATA}`) : undefined
  const fresh = `..${at.replace('T', '_').replace(/[-:]/g, '_').slice(0, 19)}.${suffix}`
  fs.makeDirectory(`${target}/${fresh}`, { mode: 0o755 })
  for (const [path, { data, mode, uid }] of content) {
    const file = `${target}/${fresh}/${path}`
    fs.makeDirectory(file.slice(0, file.lastIndexOf('/')), { parents: true })
    if (typeof data === 'function') fs.installDynamic(file, data, undefined, { sized: true })
    else fs.writeFile(file, data)
    fs.chmod(file, mode)
    if (uid !== undefined) fs.chown(file, uid, fs.owner.gid)
  }
  const seen = new Set([...content.keys()].map((path) => path.split('/', 1)[0]!))
  for (const name of seen) if (!fs.exists(`${target}/${DATA}/${name}`)) fs.symlink(`${DATA}/${name}`, `${target}/${name}`)
  fs.symlink(fresh, `${target}/..data_tmp`)
  fs.rename(`${target}/..data_tmp`, `${target}/${DATA}`)
  for (const name of fs.readDirectory(target)) if (!name.startsWith('..') && !seen.has(name)) fs.remove(`${target}/${name}`)
  if (former !== undefined && former !== fresh) fs.remove(`${target}/${former}`, { recursive: true })
}

/** Whether there is nothing to write: files that say themselves what they hold are what they were. */
export function isSameContent(a: Content, b: Content): boolean {
  if (a.size !== b.size) return false
  for (const [path, { data }] of a) {
    const other = b.get(path)?.data
    if (other === undefined) return false
    if (typeof data === 'function' ? typeof other !== 'function' : !isSame(data, other)) return false
  }
  return true
}

function isSame(a: Uint8Array | string, b: VolumeFile['data']): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return typeof b !== 'function' && a.length === b.length && a.every((byte, i) => byte === b[i])
}
