import { isSystemError } from '../../engine/machine/errors.ts'
import { permits } from '../../engine/machine/open.ts'
import type { Process } from '../../engine/machine/types.ts'
import { owned, statIfAny } from '../coreutils/access.ts'
import { directoryName } from '../../engine/machine/path.ts'

export interface Loaded {
  lines: string[]
  /** Why there is nothing. */
  missing?: 'new' | 'denied' | 'directory' | 'no-directory'
  readonly: boolean
  /** The last line has no newline. */
  unended: boolean
}

export function loadText(process: Process, name: string): Loaded {
  const none = { lines: [], readonly: false, unended: false }
  const path = process.resolve(name)
  let stat
  try {
    stat = process.fs.stat(path)
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EACCES') return { ...none, missing: 'denied' }
    return { ...none, missing: statIfAny(process, directoryName(path)) ? 'new' : 'no-directory' }
  }
  if (stat.type === 'directory') return { ...none, missing: 'directory' }
  if (process.user.uid !== 0 && !permits(process.user, stat, 'read')) return { ...none, missing: 'denied' }
  const readonly = process.user.uid !== 0 && !permits(process.user, stat, 'write')
  const text = process.fs.readText(path)
  const lines = text.split('\n')
  const unended = text !== '' && !text.endsWith('\n')
  if (!unended) lines.pop()
  return { lines, readonly, unended }
}

/** Writes the lines, a newline after each; SystemError when that may not be. */
export function saveText(process: Process, name: string, text: string): void {
  const path = process.resolve(name)
  const made = !process.fs.exists(path)
  process.open(path, 'write').release()
  process.fs.writeFile(path, text)
  if (made) owned(process, path)
}
