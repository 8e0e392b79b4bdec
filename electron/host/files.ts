import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, utimesSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Writes a file so that a kill leaves the old one or the new one, whole. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeFileSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** How often the owner of a folder says that it is still there, and after how long without it is taken for dead, in ms. */
const HEARTBEAT = 2000
const DEAD = 10_000

/**
 * Marks a data folder as used by this process; undefined when another one that lives uses it. Two Podhops that write
 * one session would destroy it.
 */
export function lockFolder(folder: string): (() => void) | undefined {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'in-use')
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 })
      return keepAlive(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (isAlive(path)) return undefined
      rmSync(path, { force: true })
    }
  }
  return undefined
}

function keepAlive(path: string): () => void {
  const timer = setInterval(() => {
    try {
      const now = new Date()
      utimesSync(path, now, now)
    } catch {
      // somebody has cleaned up the folder: there is nothing to protect
    }
  }, HEARTBEAT)
  timer.unref()
  return () => {
    clearInterval(timer)
    rmSync(path, { force: true })
  }
}

function isAlive(path: string): boolean {
  try {
    const owner = Number(readFileSync(path, 'utf8'))
    if (owner === process.pid || Date.now() - statSync(path).mtimeMs > DEAD) return false
    // only asks: nothing is sent
    process.kill(owner, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
