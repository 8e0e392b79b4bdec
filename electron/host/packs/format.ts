import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { LIMITS } from '../../lab/load.ts'
import { formatProblem } from '../../lab/model.ts'
import { decodeArchive, encodeEntry, endOfArchive, type TarEntry } from '../../shell/coreutils/tar-format.ts'
import { foundLab, type FoundLab, type UsableLab } from '../labs.ts'

/**
 * A pack: labs that travel as one file, a tar archive (ustar) packed by gzip, with `pack.yaml` and `labs/<id>/…`. It
 * comes from outside: what is not exactly that is refused, and nothing of it is ever unpacked to a disk.
 */
export interface Pack {
  id: string
  title: string
  labs: readonly UsableLab[]
  /** Of all its files: two packs with the same one hold the same. */
  fingerprint: string
}

/** Bytes of the file, bytes unpacked; files; labs; characters of a title and of a summary. */
export const PACK_LIMITS = { packed: 8_000_000, unpacked: 20_000_000, files: 3000, labs: 100, title: 120, summary: 600 }
/** At most so many mistakes are told. */
const TOLD = 20
/** Characters that a pack.yaml may have. */
const ABOUT_LENGTH = 2000

/** What is wrong with a pack, a line each. */
export class PackError extends Error {}

const titleSchema = z.string().min(1, 'expected a title').max(PACK_LIMITS.title, `is longer than ${PACK_LIMITS.title} characters`).refine(isPlain, 'has characters that do not show')
const aboutSchema = z.strictObject({
  format: z.literal(1, 'expected 1: this Podhop reads no other format of packs'),
  id: z.string().max(60, 'is longer than 60 characters').regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'expected lower-case letters, digits and dashes'),
  title: titleSchema,
})

export type AboutPack = { id: string; title: string }

/** Whether a text is what it looks like: no control characters, nothing that turns the direction of writing. */
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text)
}

/** The same labs give the same bytes: no dates, no owners, sorted. Throws PackError. */
export function writePack(about: AboutPack, labs: ReadonlyMap<string, ReadonlyMap<string, string>>): Uint8Array {
  const files = new Map([['pack.yaml', `format: 1\nid: ${about.id}\ntitle: ${JSON.stringify(about.title)}\n`]])
  const order = (a: [string, unknown], b: [string, unknown]): number => (a[0] < b[0] ? -1 : 1)
  for (const [id, own] of [...labs].sort(order)) for (const [name, text] of [...own].sort(order)) files.set(`labs/${id}/${name}`, text)
  const parts = [...files].map(([name, text]) => encodeEntry({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, target: '', content: Buffer.from(text) }))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const bytes = gzipSync(Buffer.concat([...parts, endOfArchive(length)]), { level: 9 })
  // the header's tenth byte names the system that packed it (RFC 1952, 2.3.1): unknown
  bytes[9] = 255
  // what is written can be read, or is not written
  readPack(bytes)
  return bytes
}

/** Throws PackError; never anything else, whatever the bytes are. */
export function readPack(bytes: Uint8Array): Pack {
  const files = readFiles(bytes)
  const { id, title } = readAbout(files.get('pack.yaml'))
  const labs = new Map<string, Map<string, string>>()
  const hash = createHash('sha256')
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${text}\0`)
    if (path === 'pack.yaml') continue
    const [, lab, name] = /^labs\/([^/]+)\/(.+)$/.exec(path) ?? []
    if (lab === undefined || name === undefined) throw new PackError(`"${path}" is neither pack.yaml nor in a folder below labs/`)
    labs.set(lab, (labs.get(lab) ?? new Map<string, string>()).set(name, text))
  }
  if (labs.size === 0) throw new PackError('holds no lab: expected labs/<id>/lab.yaml')
  if (labs.size > PACK_LIMITS.labs) throw new PackError(`holds more than ${PACK_LIMITS.labs} labs`)
  return { id, title, fingerprint: hash.digest('hex').slice(0, 16), labs: lint([...labs].map(([lab, own]) => read(lab, own))) }
}

function read(id: string, files: ReadonlyMap<string, string>): FoundLab {
  const bytes = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > LIMITS.bytesPerLab || files.size > LIMITS.files) throw new PackError(`the lab "${id}" is larger than allowed: ${LIMITS.bytesPerLab / 1e6} MB and ${LIMITS.files} files`)
  return foundLab(id, files)
}

function lint(labs: readonly FoundLab[]): Pack['labs'] {
  const problems: string[] = []
  const good: UsableLab[] = []
  for (const found of labs) {
    if ('problems' in found) problems.push(...found.problems.map((problem) => `${found.id}/${formatProblem(problem)}`))
    else {
      good.push(found)
      const { title, summary, track } = found.lab.definition
      for (const [key, text, most] of [['title', title, PACK_LIMITS.title], ['summary', summary.trimEnd(), PACK_LIMITS.summary], ['track', track, PACK_LIMITS.title]] as const) {
        if (text.length > most) problems.push(`${found.id}/lab.yaml: ${key}: is longer than ${most} characters`)
        if (!isPlain(key === 'summary' ? text.replace(/\n/g, ' ') : text)) problems.push(`${found.id}/lab.yaml: ${key}: has characters that do not show`)
      }
    }
  }
  if (problems.length === 0) return good
  const plain = problems.slice(0, TOLD).map((line) => [...line].map((c) => (isPlain(c) ? c : '\ufffd')).join(''))
  throw new PackError([...plain, ...(problems.length > TOLD ? [`and ${problems.length - TOLD} more`] : [])].join('\n'))
}

function readAbout(text: string | undefined): AboutPack {
  if (text === undefined) throw new PackError('has no pack.yaml; `podhop lab pack` makes packs')
  let value: unknown
  try {
    if (text.length > ABOUT_LENGTH) throw new PackError('too long')
    const document = parseDocument(text, { strict: true, uniqueKeys: true, logLevel: 'silent' })
    if (document.errors.length > 0) throw document.errors[0]!
    value = document.toJS({ maxAliasCount: 10 })
  } catch {
    throw new PackError('pack.yaml: not YAML')
  }
  const parsed = aboutSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new PackError(parsed.error.issues.slice(0, TOLD).map((issue) => `pack.yaml: ${issue.path.length === 0 ? 'pack' : String(issue.path[0])}: ${issue.code === 'unrecognized_keys' ? 'has unknown keys' : issue.message}`).join('\n'))
}

function readFiles(bytes: Uint8Array): Map<string, string> {
  if (bytes.length > PACK_LIMITS.packed) throw new PackError(`is larger than ${PACK_LIMITS.packed / 1e6} MB`)
  const files = new Map<string, string>()
  const folded = new Set<string>()
  for (const entry of entriesOf(bytes)) {
    const name = entry.name.replace(/^\.\//, '').replace(/\/+$/, '')
    const shown = JSON.stringify(entry.name.slice(0, 200))
    if (entry.type === 'directory' && name === '') continue
    if (!isPath(name)) throw new PackError(`${shown} is no path of a pack: expected plain names below labs/, none that begins with a dot`)
    if (entry.type === 'directory') continue
    if (entry.type !== 'file' || !PLAIN_FILES.has(entry.flag ?? '')) throw new PackError(`${shown} is a link or something else that is no plain file`)
    // one name on some machines, two on others
    const fold = name.normalize('NFC').toLowerCase()
    if (folded.has(fold)) throw new PackError(`${shown} is in it twice`)
    folded.add(fold)
    if (files.size >= PACK_LIMITS.files) throw new PackError(`holds more than ${PACK_LIMITS.files} files`)
    if (entry.content.length > LIMITS.bytesPerFile) throw new PackError(`${shown} is larger than ${LIMITS.bytesPerFile / 1e6} MB`)
    files.set(name, utf8(entry.content, shown))
  }
  return files
}

/** Of the header's type: what POSIX, and what tars before it, say of a plain file. */
const PLAIN_FILES = new Set(['0', ''])

function isPath(name: string): boolean {
  return name.length <= 250 && name.split('/').every((part) => /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_ .,+=@()-]*$/u.test(part))
}

function entriesOf(bytes: Uint8Array): TarEntry[] {
  const notAPack = 'is no pack: expected a tar archive packed by gzip, as `podhop lab pack` makes it'
  let archive: Uint8Array
  try {
    archive = gunzipSync(bytes, { maxOutputLength: PACK_LIMITS.unpacked })
  } catch (error) {
    throw new PackError((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? `is larger than ${PACK_LIMITS.unpacked / 1e6} MB when unpacked` : notAPack)
  }
  try {
    const entries = decodeArchive(archive)
    if (entries) return entries
  } catch {
    throw new PackError('is cut off: the archive ends in the middle of a file')
  }
  throw new PackError(notAPack)
}

function utf8(content: Uint8Array, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    throw new PackError(`${shown} is no text in UTF-8`)
  }
}
