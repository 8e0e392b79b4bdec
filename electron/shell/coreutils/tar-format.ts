import { concatBytes, decodeUtf8, encodeUtf8 } from '../../engine/text.ts'

/** Archives in the ustar format (POSIX.1-1988, IEEE Std 1003.1 pax "ustar Interchange Format"), with GNU's long names. */
export interface TarEntry {
  name: string
  type: 'file' | 'directory' | 'symlink'
  mode: number
  uid: number
  gid: number
  /** Their names, where somebody looked them up. */
  user?: string
  group?: string
  /** Seconds since 1970. */
  mtime: number
  target: string
  content: Uint8Array
  /** The type as it was read: "0" or "" a plain file, "1" a hard link, "2" a symbolic one, "3" a device … */
  flag?: string
}

const BLOCK = 512
const EMPTY = new Uint8Array(0)
const TYPES = { file: '0', symlink: '2', directory: '5' } as const

function octal(value: number, width: number): string {
  return `${Math.max(0, Math.floor(value)).toString(8).padStart(width - 1, '0')}\0`
}

function header(name: Uint8Array, type: string, entry: Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'mtime' | 'target' | 'user' | 'group'>, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = (text: string | Uint8Array, at: number, most: number): void => block.set((typeof text === 'string' ? encodeUtf8(text) : text).subarray(0, most), at)
  put(name, 0, 100)
  put(octal(entry.mode, 8), 100, 8)
  put(octal(entry.uid, 8), 108, 8)
  put(octal(entry.gid, 8), 116, 8)
  put(octal(size, 12), 124, 12)
  put(octal(entry.mtime, 12), 136, 12)
  put('        ', 148, 8)
  put(type, 156, 1)
  put(entry.target, 157, 100)
  put('ustar  \0', 257, 8)
  put(entry.user ?? '', 265, 31)
  put(entry.group ?? '', 297, 31)
  put(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 8)
  return block
}

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK)
  out.set(bytes)
  return out
}

export function encodeEntry(entry: TarEntry): Uint8Array {
  const name = encodeUtf8(entry.name)
  const parts: Uint8Array[] = []
  if (name.length > 100) {
    const long = concatBytes([name, Uint8Array.of(0)])
    parts.push(header(encodeUtf8('././@LongLink'), 'L', { mode: 0o644, uid: 0, gid: 0, mtime: 0, target: '' }, long.length), padded(long))
  }
  const size = entry.type === 'file' ? entry.content.length : 0
  parts.push(header(name, TYPES[entry.type], entry, size))
  if (size > 0) parts.push(padded(entry.content))
  return concatBytes(parts)
}

/** What ends an archive: two empty blocks, and more until a record of 20 is full. */
export function endOfArchive(length: number): Uint8Array {
  return new Uint8Array(Math.ceil((length + 2 * BLOCK) / (20 * BLOCK)) * 20 * BLOCK - length)
}

/** Undefined when this is no archive; an archive that stops in the middle throws. */
export function decodeArchive(bytes: Uint8Array): TarEntry[] | undefined {
  const out: TarEntry[] = []
  let longName: string | undefined
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const block = bytes.subarray(at, at + BLOCK)
    if (block.every((byte) => byte === 0)) return out
    const text = (from: number, length: number): string => {
      const field = block.subarray(from, from + length)
      const end = field.indexOf(0)
      return decodeUtf8(end < 0 ? field : field.subarray(0, end))
    }
    const number = (from: number, length: number): number => parseInt(text(from, length).trim() || '0', 8)
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0)
    if (sum !== number(148, 8)) return undefined
    const size = number(124, 12)
    if (!(size >= 0)) return undefined
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size)
    if (content.length < size) throw new Error('Unexpected EOF in archive')
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    const flag = text(156, 1)
    if (flag === 'L') {
      longName = decodeUtf8(content).replace(/\0+$/, '')
      continue
    }
    const prefix = text(257, 6) === 'ustar' && text(263, 2) === '00' ? text(345, 155) : ''
    const name = longName ?? (prefix ? `${prefix}/${text(0, 100)}` : text(0, 100))
    longName = undefined
    const type = flag === '5' || name.endsWith('/') ? 'directory' : flag === '2' ? 'symlink' : 'file'
    const [user, group] = text(257, 5) === 'ustar' ? [text(265, 32), text(297, 32)] : ['', '']
    out.push({ name, type, mode: number(100, 8), uid: number(108, 8), gid: number(116, 8), user, group, mtime: number(136, 12), target: text(157, 100), content: type === 'file' ? content : EMPTY, flag })
  }
  return out.length === 0 ? undefined : out
}

interface Tree {
  lstat(path: string): { type: string; mode: number; uid: number; gid: number; mtime: number }
  readFile(path: string): Uint8Array
  readDirectory(path: string): string[]
  readLink(path: string): string
}

export interface PackingChoice {
  skips?: (name: string) => boolean
  /** A directory without what is in it. */
  flat?: boolean
  /** Names of what could not be read are put here; without it the error ends the packing. */
  denied?: { name: string; error: unknown }[]
}

/** A file, or a directory and all below it, in the order in which tar packs them. `name` is what the archive calls it. */
export function* packed(fs: Tree, path: string, name: string, choice: PackingChoice = {}): Generator<TarEntry> {
  if (choice.skips?.(name)) return
  const { type, mode, uid, gid, mtime } = fs.lstat(path)
  const base = { mode: mode & 0o7777, uid, gid, mtime: mtime / 1000, target: '', content: EMPTY }
  const read = <T>(action: () => T): T | undefined => {
    if (!choice.denied) return action()
    try {
      return action()
    } catch (error) {
      choice.denied.push({ name, error })
      return undefined
    }
  }
  if (type === 'symlink') yield { ...base, name, type, target: fs.readLink(path) }
  else if (type === 'file') {
    const content = read(() => fs.readFile(path))
    if (content) yield { ...base, name, type, content }
  } else if (type === 'directory') {
    const inside = `${name.replace(/\/+$/, '')}/`
    yield { ...base, name: inside, type }
    for (const child of choice.flat ? [] : (read(() => fs.readDirectory(path)) ?? [])) yield* packed(fs, `${path === '/' ? '' : path}/${child}`, inside + child, choice)
  }
}
