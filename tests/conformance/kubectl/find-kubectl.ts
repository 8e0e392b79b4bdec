import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** $KUBECTL, or one on the PATH; some installations keep each version beside a dispatcher. Undefined, and loudly, when there is none. */
export function findKubectl(version = '1.33'): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl')).filter((path) => existsSync(path))
  const candidates = [process.env['KUBECTL'] ?? '', ...onPath.map((path) => `${realpathSync(path)}.${version}`), ...onPath]
  const found = candidates.find((path) => path !== '' && existsSync(path) && spawnSync(path, ['version', '--client']).stdout?.toString().includes(`v${version}.`))
  if (!found) console.warn(`SKIPPED, LOUDLY: there is no kubectl ${version} here to hold ours against (set KUBECTL to its path)`)
  return found
}
