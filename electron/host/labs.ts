import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { LIMITS, loadLab } from '../lab/load.ts'
import type { Lab, LabProblem } from '../lab/model.ts'

/** A folder of labs/, or of an imported pack, as it was found: a lab, or what is wrong with it. */
export type FoundLab = { id: string; fingerprint: string; pack?: { id: string; title: string } } & ({ lab: Lab } | { problems: LabProblem[] })
export type UsableLab = Extract<FoundLab, { lab: Lab }>

/** Reads every lab folder below `folder`, in the order of their names. */
export function readLabs(folder: string): FoundLab[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
  return entries.filter((e) => e.isDirectory() && !e.name.startsWith('.')).map((e) => readLab(join(folder, e.name), e.name)).sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function readLab(folder: string, id: string): FoundLab {
  try {
    return foundLab(id, readFiles(folder))
  } catch (error) {
    const { message, file = 'lab.yaml' } = error as Error & { file?: string }
    return { id, fingerprint: '', problems: [{ file, line: 1, column: 1, message }] }
  }
}

/** A lab of these files, by their paths in its folder. */
export function foundLab(id: string, files: ReadonlyMap<string, string>): FoundLab {
  const hash = createHash('sha256')
  for (const [name, text] of files) hash.update(`${name}\0${text}\0`)
  const fingerprint = hash.digest('hex').slice(0, 16)
  try {
    return { id, fingerprint, ...loadLab(id, files) }
  } catch (error) {
    // YAML that is nested too deep ends the parser so
    if (error instanceof RangeError) return { id, fingerprint, problems: [{ file: 'lab.yaml', line: 1, column: 1, message: 'its YAML is nested too deep' }] }
    throw error
  }
}

class UnreadableFile extends Error {
  readonly file: string
  constructor(file: string, message: string) {
    super(message)
    this.file = file
  }
}

/** Throws when there are links, or more than allowed. */
export function readFiles(folder: string): Map<string, string> {
  const files = new Map<string, string>()
  let total = 0
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name)
      const name = relative(folder, path).split(sep).join('/')
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory()) walk(path)
      // links could lead out of the folder
      else if (!entry.isFile()) throw new UnreadableFile(name, 'expected a plain file, not a link')
      else {
        const { size } = statSync(path)
        total += size
        if (size > LIMITS.bytesPerFile || total > LIMITS.bytesPerLab || files.size >= LIMITS.files) throw new UnreadableFile(name, `the lab is larger than allowed: ${LIMITS.bytesPerFile / 1e6} MB a file, ${LIMITS.bytesPerLab / 1e6} MB and ${LIMITS.files} files in all`)
        files.set(name, readFileSync(path, 'utf8'))
      }
    }
  }
  walk(folder)
  return files
}
