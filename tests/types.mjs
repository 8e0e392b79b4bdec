// Type-checks every room with its own walls: the pure ones see neither Node nor the DOM.
import { spawn } from 'node:child_process'

// engine, shell, lab and bridge have the same walls, and each would check those below it once more
const rooms = ['electron/pure.tsconfig.json', 'electron', 'tests/e2e']
/** What the last run found, so that the next looks only at what has changed since. */
const remembered = (room) => ['--incremental', '--tsBuildInfoFile', `node_modules/.cache/podhop-types/${room.replaceAll('/', '-').replace('.json', '')}.tsbuildinfo`]
const jobs = [...rooms.map((room) => ['tsc', '-p', room, ...remembered(room)]), ['svelte-check', '--tsconfig', './renderer/tsconfig.json', '--fail-on-warnings']]

let failed = 0
async function worker() {
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const child = spawn('npx', ['--no-install', ...job], { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
    const code = await new Promise((resolve) => child.on('exit', resolve))
    console.log(`${code === 0 ? 'ok    ' : 'not ok'} ${job.slice(0, 3).join(' ')}`)
    if (code !== 0) {
      failed++
      console.log(output)
    }
  }
}
await Promise.all([worker(), worker()])
process.exit(failed === 0 ? 0 : 1)
