import type { Program } from '../../machine/types.ts'
import { two } from '../http/status.ts'

/**
 * /home/auto-reload-nginx.sh of docker.io/bprashanth/nginxhttps (kubernetes/examples, staging/https-nginx): nginx in the
 * background, and a reload whenever default.conf is another. It waits for inotify; here it looks every second.
 */
const FILE = '/etc/nginx/conf.d/default.conf'
const EACH = 1000

export const autoReload: Program = function* (process) {
  const { fs } = process
  const text = (): string => (fs.exists(FILE) ? fs.readText(FILE) : '')
  yield* process.wait(process.spawn({ argv: ['nginx', ...process.argv.slice(1)], files: process.files }))
  let before = text()
  for (;;) {
    yield* process.sleep(EACH)
    const now = text()
    if (now === before) continue
    before = now
    const at = new Date(process.clock.wall())
    yield* process.print(`At ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} on ${two(at.getUTCDate())}/${two(at.getUTCMonth() + 1)}/${two(at.getUTCFullYear() % 100)}, config file update detected.\n`)
    yield* process.wait(process.spawn({ argv: ['nginx', '-s', 'reload'], files: process.files }))
  }
}
