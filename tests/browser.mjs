// Finds a Chromium or Chrome for the end-to-end tests, else installs one by the means that this machine has.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  join(process.env.PROGRAMFILES ?? '', 'Google', 'Chrome', 'Application', 'chrome.exe'),
  join(process.env['PROGRAMFILES(X86)'] ?? '', 'Google', 'Chrome', 'Application', 'chrome.exe'),
]

function installed() {
  const named = process.env.PODHOP_BROWSER
  if (named && existsSync(named)) return named
  const folders = (process.env.PATH ?? '').split(process.platform === 'win32' ? ';' : ':')
  return [...folders.flatMap((f) => NAMES.map((n) => join(f, n))), ...PLACES].find((path) => existsSync(path))
}

/** The path of a browser; empty: Playwright's own, which it finds by itself. */
export function findBrowser() {
  const found = installed()
  if (found) return found
  const run = (command, args) => spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
  if (process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('No browser found: installing Debian\'s chromium.')
    if (run('apt-get', ['update', '-qq']) && run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'])) return installed() ?? ''
  }
  console.log('No browser found: asking Playwright for its own.')
  if (!run('npx', ['--no-install', 'playwright', 'install', 'chromium'])) {
    console.error('No browser could be had. Install Chromium or Chrome, or set PODHOP_BROWSER to one.')
    process.exit(1)
  }
  return ''
}
