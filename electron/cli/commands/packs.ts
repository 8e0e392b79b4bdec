import { existsSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { writeAtomically } from '../../host/files.ts'
import { readFiles, readLab, readLabs } from '../../host/labs.ts'
import { PackError, writePack } from '../../host/packs/format.ts'
import { labLine, readPackFile } from '../../host/packs/shelf.ts'
import { formatProblem } from '../../lab/model.ts'
import { parse, UsageError } from '../arguments.ts'
import { findLab, labShelf } from './find-labs.ts'

/** `podhop lab pack`: folders of labs into one file. */
export function pack(args: string[]): number {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { output: { type: 'string', short: 'o' }, id: { type: 'string' }, title: { type: 'string' } } })
  if (positionals.length === 0) throw new UsageError('lab pack: expected at least one folder of a lab')
  if (values.output === undefined) throw new UsageError('lab pack: expected -o FILE, for example -o my-labs.tgz')
  const id = values.id ?? basename(values.output).replace(/(\.tar)?\.t?gz$/i, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
  const labs = new Map<string, ReadonlyMap<string, string>>()
  for (const folder of positionals.flatMap(labFolders)) {
    const name = basename(folder)
    if (labs.has(name)) throw new UsageError(`lab pack: two folders are called "${name}", which is the lab's id`)
    const found = readLab(folder, name)
    if ('problems' in found) {
      process.stderr.write(found.problems.map((problem) => `${name}/${formatProblem(problem)}\n`).join('') + `podhop: lab pack: "${name}" has mistakes; nothing was written\n`)
      return 1
    }
    labs.set(name, readFiles(folder))
  }
  let bytes: Uint8Array
  try {
    bytes = writePack({ id, title: values.title ?? id }, labs)
  } catch (error) {
    if (!(error instanceof PackError)) throw error
    throw new Error(`lab pack: the pack ${error.message}`, { cause: error })
  }
  writeAtomically(resolve(values.output), bytes)
  process.stdout.write(`${values.output}: pack "${id}", ${count(labs.size, 'lab')}, ${Math.ceil(bytes.length / 1000)} kB\nStudents take it with "Import a pack…" in the catalogue, or: podhop lab import ${values.output}\n`)
  return 0
}

/** A lab's folder, or those in it. */
function labFolders(name: string): string[] {
  const folder = resolve(name)
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new UsageError(`lab pack: there is no folder "${name}"`)
  if (existsSync(join(folder, 'lab.yaml'))) return [folder]
  const inside = readLabs(folder).map((found) => join(folder, found.id)).filter((path) => existsSync(join(path, 'lab.yaml')))
  if (inside.length === 0) throw new UsageError(`lab pack: "${name}" has no lab.yaml, and no folders with one`)
  return inside
}

/** `podhop lab import`: a pack into this person's catalogue. */
export function importPack(args: string[]): number {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { replace: { type: 'boolean' } } })
  const [name, ...rest] = positionals
  if (name === undefined || rest.length > 0) throw new UsageError('lab import: expected one file, as `podhop lab pack` writes it')
  if (!existsSync(name) || !statSync(name).isFile()) throw new UsageError(`lab import: there is no file "${name}"`)
  const shelf = labShelf()
  try {
    const bytes = readPackFile(name)
    const { replaces } = shelf.offer(bytes)
    const taken = shelf.take(bytes, values.replace ?? false)
    process.stdout.write(`Pack ${taken.id}: ${taken.title}${replaces?.same ? ' (was here already)' : replaces ? ' (replaced)' : ''}\n${taken.labs.map((found) => `${labLine(found.lab)}\n`).join('')}`)
    return 0
  } catch (error) {
    if (!(error instanceof PackError)) throw error
    const hint = /is here already/.test(error.message) ? '\nTo put this one in its place: --replace. What was done in its labs is kept.' : ''
    process.stderr.write(`podhop: lab import: ${name}: ${error.message}${hint}\nNothing was taken.\n`)
    return 1
  }
}

/** `podhop lab remove`. */
export function removePack(args: string[]): number {
  const { positionals } = parse({ args, allowPositionals: true, options: {} })
  const [id, ...rest] = positionals
  if (id === undefined || rest.length > 0) throw new UsageError('lab remove: expected the id of one pack')
  const shelf = labShelf()
  if (!shelf.remove(id)) {
    const isLab = shelf.labs.some((found) => found.id === id)
    throw new UsageError(`lab remove: there is no pack "${id}"${isLab ? `: that is a lab${findLab(id, shelf).pack ? ` of the pack "${findLab(id, shelf).pack!.id}"` : ', which comes with Podhop'}` : ''}; there ${shelf.packs.length === 0 ? 'is none' : `are: ${shelf.packs.map((kept) => kept.id).join(', ')}`}`)
  }
  process.stdout.write(`Pack ${id} is removed. What was done in its labs is kept.\n`)
  return 0
}

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`
