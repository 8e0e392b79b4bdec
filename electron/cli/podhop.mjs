#!/usr/bin/env -S node --max-semi-space-size=64
// Journeys live for some hundred packets: with V8's usual young generation of 16 MB they are moved to the old one just before they die.
// Builds what is older than its sources, then runs the built command: `npm ci && npm start` needs nothing else.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requireCompiled } from './compiled.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const built = join(folder, 'out', 'main', 'cli.cjs')

function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).filter((name) => name !== 'node_modules').map((name) => newest(join(path, name))))
}

const sources = ['electron', 'renderer', 'electron.vite.config.ts', 'package-lock.json'].map((name) => join(folder, name))
const isCheckout = existsSync(sources[0]) && existsSync(join(folder, 'electron.vite.config.ts'))
if (isCheckout && Math.max(...sources.map(newest)) > newest(built)) {
  process.stderr.write('Building Podhop (once after each change)…\n')
  const vite = join(dirname(createRequire(import.meta.url).resolve('electron-vite/package.json')), 'bin', 'electron-vite.js')
  const build = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: folder, stdio: ['ignore', 2, 2] })
  if (build.status !== 0) process.exit(build.status ?? 1)
}
requireCompiled(built, join(folder, 'node_modules', '.cache', 'podhop-compiled'), process.argv[2])
