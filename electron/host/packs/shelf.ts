import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../../lab/model.ts'
import { writeAtomically } from '../files.ts'
import { readLabs, type FoundLab } from '../labs.ts'
import { PackError, PACK_LIMITS, readPack, type Pack } from './format.ts'

/** A pack as it is kept: its file, whole. `problem`: it cannot be read any more. */
export type KeptPack = { id: string } & ({ pack: Pack } | { problem: string })

/** What one has to know before a pack is taken. */
export interface PackOffer {
  pack: Pack
  /** The pack of the same id that is here: its place would be taken. `same`: file by file. */
  replaces: { title: string; same: boolean } | undefined
  /** Why it cannot be taken: its labs have the ids of others. */
  clashes: string[]
}

const SUFFIX = '.tgz'
/** Until a file that is being written or copied is whole, in ms. */
const QUIET = 150

/**
 * The labs that there are: those of this installation, and those of imported packs. A pack stays the file that it was,
 * and is read and checked anew at each start: there is nothing half unpacked, and no file of it on the disk by a name
 * of its own.
 */
export class LabShelf {
  readonly #labsFolder: string
  readonly #packsFolder: string
  #labs: readonly FoundLab[] = []
  #packs: readonly KeptPack[] = []
  /** The files that were read, as they were then. */
  #seen = ''
  #watcher: FSWatcher | undefined
  #quiet: NodeJS.Timeout | undefined

  constructor(labsFolder: string, packsFolder: string) {
    this.#labsFolder = labsFolder
    this.#packsFolder = packsFolder
    this.#read()
  }

  get labs(): readonly FoundLab[] {
    return this.#labs
  }

  get packs(): readonly KeptPack[] {
    return this.#packs
  }

  /** Throws PackError when it is none, or has mistakes. */
  offer(bytes: Uint8Array): PackOffer {
    const pack = readPack(bytes)
    const kept = this.#packs.find((other) => other.id === pack.id)
    const others = new Map(this.#labs.filter((lab) => lab.pack?.id !== pack.id).map((lab) => [lab.id, lab.pack ? `the pack "${lab.pack.id}"` : 'Podhop itself']))
    return {
      pack,
      replaces: kept && { title: 'pack' in kept ? kept.pack.title : kept.id, same: 'pack' in kept && kept.pack.fingerprint === pack.fingerprint },
      clashes: pack.labs.filter((lab) => others.has(lab.id)).map((lab) => `the lab "${lab.id}" is in ${others.get(lab.id)} already; its folder and id need another name`),
    }
  }

  /** Throws PackError; then everything is as it was. */
  take(bytes: Uint8Array, replace: boolean): Pack {
    const { pack, replaces, clashes } = this.offer(bytes)
    if (clashes.length > 0) throw new PackError(clashes.join('\n'))
    if (replaces && !replaces.same && !replace) throw new PackError(`the pack "${pack.id}" is here already, with other contents`)
    writeAtomically(this.#path(pack.id), bytes)
    this.#read()
    return pack
  }

  /** False when there is none. What was done in its labs is kept. */
  remove(id: string): boolean {
    if (!this.#packs.some((kept) => kept.id === id)) return false
    rmSync(this.#path(id), { force: true })
    this.#read()
    return true
  }

  /**
   * Follows what others do in the folder of packs (`podhop lab import`, a file manager): `changed` is called after packs
   * came, went or changed, with the labs that there were before.
   */
  watch(changed: (before: readonly FoundLab[]) => void): void {
    const look = (): void => {
      if (this.#files() === this.#seen) return
      const before = this.#labs
      this.#read()
      changed(before)
    }
    try {
      mkdirSync(this.#packsFolder, { recursive: true })
      this.#watcher = watch(this.#packsFolder, { persistent: false }, () => {
        clearTimeout(this.#quiet)
        this.#quiet = setTimeout(look, QUIET).unref()
      })
      // a folder that goes away: the packs are those of the next start
      this.#watcher.on('error', () => this.stopWatching())
    } catch {
      // a folder that cannot be made or watched
    }
  }

  stopWatching(): void {
    clearTimeout(this.#quiet)
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #path(id: string): string {
    return join(this.#packsFolder, id + SUFFIX)
  }

  #read(): void {
    this.#seen = this.#files()
    this.#packs = this.#names().map((id) => this.#keptPack(id))
    const labs = [...readLabs(this.#labsFolder)]
    for (const kept of this.#packs) {
      if (!('pack' in kept)) continue
      const { id, title } = kept.pack
      for (const found of kept.pack.labs) {
        const taken = labs.some((other) => other.id === found.id)
        const mine: FoundLab = taken ? { id: `${id}/${found.id}`, fingerprint: found.fingerprint, problems: [{ file: 'lab.yaml', line: 1, column: 1, message: `id: there is another lab "${found.id}"` }] } : found
        labs.push({ ...mine, pack: { id, title } })
      }
    }
    this.#labs = labs
  }

  /** What tells one state of the folder from another without reading its files. */
  #files(): string {
    return this.#names().map((id) => {
      const stat = statSync(this.#path(id), { throwIfNoEntry: false })
      return `${id} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`
    }).join('\n')
  }

  #names(): string[] {
    try {
      return readdirSync(this.#packsFolder, { withFileTypes: true }).filter((e) => e.isFile() && /^[a-z0-9-]+\.tgz$/.test(e.name)).map((e) => e.name.slice(0, -SUFFIX.length)).sort()
    } catch {
      return []
    }
  }

  #keptPack(id: string): KeptPack {
    try {
      const pack = readPack(readPackFile(this.#path(id)))
      return pack.id === id ? { id, pack } : { id, problem: `its pack.yaml says that it is "${pack.id}"` }
    } catch (error) {
      return { id, problem: (error as Error).message }
    }
  }
}

/** The bytes of a file that may be a pack; what is too large is not even read. */
export function readPackFile(path: string): Uint8Array {
  if (statSync(path).size > PACK_LIMITS.packed) throw new PackError(`is larger than ${PACK_LIMITS.packed / 1e6} MB`)
  return readFileSync(path)
}

/** For a person to read before taking it. */
export function labLine(lab: Lab): string {
  const { id, title, level, minutes, steps } = lab.definition
  return `${id.padEnd(28)} ${level.padEnd(13)} ${String(minutes).padStart(3)} min  ${String(steps.length).padStart(2)} ${steps.length === 1 ? 'step ' : 'steps'}  ${title}`
}
