import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { appFolder, packsFolder } from '../../host/layout.ts'
import { readLab, type FoundLab } from '../../host/labs.ts'
import { LabShelf } from '../../host/packs/shelf.ts'
import { UsageError } from '../arguments.ts'

export const ownLabs = (): string => join(appFolder(), 'labs')

/** The labs of this installation and of imported packs. */
export const labShelf = (): LabShelf => new LabShelf(ownLabs(), packsFolder())

/** By a lab's id, or by the path of a folder: a trainer's lab is tried before it is anywhere else. */
export function findLab(name: string, shelf?: LabShelf): FoundLab {
  const folder = [join(ownLabs(), name), resolve(name)].find((path) => name !== '' && existsSync(join(path, 'lab.yaml')))
  if (folder !== undefined) return readLab(folder, basename(folder))
  const { labs } = shelf ?? labShelf()
  const found = labs.find((lab) => lab.id === name)
  if (!found) throw new UsageError(`there is no lab "${name}", and no folder of this name with a lab.yaml; there are: ${labs.map((lab) => lab.id).join(', ')}`)
  return found
}
