import { spawn } from 'node:child_process'
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
  return serveUntilInterrupted(port, { test: values.test ?? false, ...(values.data ? { dataFolder: values.data } : {}) })
}

function findDesktop(): { electron: string } | { why: string } {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) return { why: 'There is no display for the desktop app.' }
  const missing = { why: "Electron's runtime is not installed and could not be downloaded." }
  try {
    const wrapper = dirname(createRequire(join(appFolder(), 'package.json')).resolve('electron/package.json'))
    const executable = join(wrapper, 'dist', readFileSync(join(wrapper, 'path.txt'), 'utf8').trim())
    return existsSync(executable) ? { electron: executable } : missing
  } catch {
    return missing
  }
}

function runDesktop(electron: string, args: string[]): Promise<number> {
  const child = spawn(electron, [appFolder(), ...args], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
