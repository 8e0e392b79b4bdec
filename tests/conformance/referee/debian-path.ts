import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A PATH in which `awk` is Debian's, mawk, also on a machine where somebody has installed another. */
export function debianPath(path = '/usr/local/bin:/usr/bin:/bin'): string {
  if (!existsSync('/usr/bin/mawk')) return path
  const folder = mkdtempSync(join(tmpdir(), 'podhop-bin-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync('/usr/bin/mawk', join(folder, 'awk'))
  return `${folder}:${path}`
}
