// `npm run dev`: Electron with hot reload where its runtime is; else the window by Vite, in front of `podhop serve`.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { createServer } from 'vite'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const require = createRequire(import.meta.url)

function hasElectron() {
  const wrapper = dirname(require.resolve('electron/package.json'))
  const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY
  return Boolean(display) && existsSync(join(wrapper, 'path.txt')) && existsSync(join(wrapper, 'dist', readFileSync(join(wrapper, 'path.txt'), 'utf8').trim()))
}

if (hasElectron()) {
  const vite = join(dirname(require.resolve('electron-vite/package.json')), 'bin', 'electron-vite.js')
  spawn(process.execPath, [vite, 'dev'], { cwd: folder, stdio: 'inherit' }).on('exit', (code) => process.exit(code ?? 1))
} else {
  const host = spawn(process.execPath, ['--max-semi-space-size=64', join(folder, 'electron', 'cli', 'podhop.mjs'), 'serve', '--test', ...process.argv.slice(2)], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  host.on('exit', (code) => process.exit(code ?? 1))
  const url = await new Promise((resolve) => {
    let said = ''
    host.stdout.on('data', (data) => {
      said += data
      const found = /Podhop is at (\S+)/.exec(said)
      if (found) resolve(new URL(found[1]))
    })
  })
  const server = await createServer({
    root: join(folder, 'renderer'),
    configFile: false,
    plugins: [svelte()],
    // the host speaks to its own page only: to it, this is its own page
    server: { host: '127.0.0.1', proxy: { '/bridge': { target: url.origin, ws: true, changeOrigin: true, headers: { origin: url.origin } } } },
  })
  await server.listen()
  console.log(`The window, with hot reload: ${server.resolvedUrls.local[0]}${url.search}`)
  console.log('Changes of the host need a new start.')
}
