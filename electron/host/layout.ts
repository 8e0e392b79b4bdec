import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where things are, in a checkout and in an installed app alike: the folder that holds package.json. */
export function appFolder(start = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'labs'))) return folder
    if (dirname(folder) === folder) throw new Error(`Podhop's own folder was not found above ${start}.`)
  }
}

export function appVersion(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

/** A trainer's build turns terminals of the real machine off: `"podhop": {"hostTerminal": false}` in its package.json. */
export function offersHostTerminal(folder: string): boolean {
  const { podhop } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { podhop?: { hostTerminal?: boolean } }
  return podhop?.hostTerminal !== false
}

/** Changes whenever the built code does. */
export function buildFingerprint(): string {
  const hash = createHash('sha256')
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((x, y) => (x.name < y.name ? -1 : 1))) {
      if (entry.isDirectory()) walk(join(folder, entry.name))
      else if (entry.name.endsWith('.cjs')) hash.update(readFileSync(join(folder, entry.name)))
    }
  }
  walk(dirname(fileURLToPath(import.meta.url)))
  return hash.digest('hex').slice(0, 16)
}

/** PODHOP_HOME, or the platform's own place for a user's data. */
export function dataFolder(): string {
  const { env, platform } = process
  if (env['PODHOP_HOME']) return env['PODHOP_HOME']
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Podhop')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Podhop')
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'podhop')
}

/** Where imported packs are: one place for the desktop app, whose other data Electron keeps elsewhere, and the command. */
export function packsFolder(): string {
  return join(dataFolder(), 'packs')
}
