import type { LaptopFile } from '../../bridge/view.ts'
import { SystemError, type Cluster } from '../../engine/cluster.ts'

const HOME = '/home/student'
/** At most so many files are told, and so many bytes of one given. */
const MOST = 500
const LARGEST = 20_000_000

type Laptop = Pick<Cluster, 'laptop'>

/** The plain files below the student's home on the simulated laptop; none of which the name begins with a dot. */
export function laptopFiles({ laptop }: Laptop): LaptopFile[] {
  const files: LaptopFile[] = []
  const walk = (folder: string): void => {
    for (const name of [...laptop.fs.readDirectory(folder)].sort()) {
      if (name.startsWith('.')) continue
      if (files.length >= MOST) return
      const path = `${folder}/${name}`
      const { type, size } = laptop.fs.lstat(path)
      if (type === 'directory') walk(path)
      else if (type === 'file') files.push({ path: path.slice(HOME.length + 1), size })
    }
  }
  walk(HOME)
  return files
}

/** One of them, for the real machine. Throws with words when there is no such file. */
export function laptopFile({ laptop }: Laptop, path: string): { name: string; data: string } {
  if (!laptopFilesHave(laptop, path)) throw new Error(`There is no file "${path}" in the student's home any more.`)
  const bytes = laptop.fs.readFile(`${HOME}/${path}`)
  if (bytes.length > LARGEST) throw new Error(`"${path}" is larger than ${LARGEST / 1e6} MB.`)
  return { name: path.split('/').at(-1)!, data: Buffer.from(bytes).toString('base64') }
}

/** Whether it is a plain file in the home by this very name: nothing leads out of it. */
function laptopFilesHave(laptop: Cluster['laptop'], path: string): boolean {
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part.startsWith('.'))) return false
  try {
    return parts.every((_, i) => laptop.fs.lstat(`${HOME}/${parts.slice(0, i + 1).join('/')}`).type === (i < parts.length - 1 ? 'directory' : 'file'))
  } catch (error) {
    if (error instanceof SystemError) return false
    throw error
  }
}
