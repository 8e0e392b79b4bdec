import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { appFolder } from '../../host/layout.ts'
import { parse, portNumber } from '../arguments.ts'
import { serveUntilInterrupted } from './serve.ts'

/** The desktop app; where it cannot run, one line why, and the same app in the browser. */
export async function start(args: string[]): Promise<number> {
  const { values } = parse({ args, options: { web: { type: 'boolean' }, port: { type: 'string' }, test: { type: 'boolean' }, data: { type: 'string' } } })
  const port = portNumber(values.port, 0)
  const desktop = values.web ? { why: undefined } : findDesktop()
  if ('electron' in desktop) return runDesktop(desktop.electron, values.test ? ['--test'] : [])
  if (desktop.why) process.stdout.write(`${desktop.why} Serving the same app for your browser instead.\n`)
  return serveUntilInterrupted(port, { test: values.test ?? false, hostTerminal: true, ...(values.data ? { dataFolder: values.data } : {}) })
}

function findDesktop(): { electron: string } | { why: string } {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) return { why: 'There is no display for the desktop app.' }
  if (process.platform === 'linux' && process.getuid?.() === 0) return { why: "Electron's sandbox does not run as root." }
  try {
    const wrapper = dirname(createRequire(join(appFolder(), 'package.json')).resolve('electron/package.json'))
    const executable = runtimeOf(wrapper) ?? download(wrapper)
    if (executable) return { electron: executable }
  } catch {
    // no wrapper, no runtime
  }
  return { why: "Electron's runtime is not installed and could not be downloaded." }
}

function runtimeOf(wrapper: string): string | undefined {
  if (!existsSync(join(wrapper, 'path.txt'))) return undefined
  const executable = join(wrapper, 'dist', readFileSync(join(wrapper, 'path.txt'), 'utf8').trim())
  return existsSync(executable) ? executable : undefined
}

/** How long the download of the runtime may take, in ms. */
const PATIENCE = 600_000

/** The package has its runtime fetched by its own script at the first use; without a network that fails soon. */
function download(wrapper: string): string | undefined {
  process.stderr.write("Fetching Electron's runtime (once)…\n")
  spawnSync(process.execPath, [join(wrapper, 'install.js')], { stdio: 'ignore', timeout: PATIENCE })
  return runtimeOf(wrapper)
}

function runDesktop(electron: string, args: string[]): Promise<number> {
  const child = spawn(electron, [appFolder(), ...args], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
