import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The page behind a hop or a drop reason, or `not-simulated`; ids are file names without any path. */
export function explanation(folder: string, id: string): { id: string; markdown: string } | null {
  if (!/^[a-z0-9-]+$/.test(id)) return null
  try {
    // That page is generated and lies beside the folder of the others.
    return { id, markdown: readFileSync(join(folder, id === 'not-simulated' ? '..' : '.', `${id}.md`), 'utf8') }
  } catch {
    return null
  }
}
