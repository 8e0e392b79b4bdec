// `npm run fuzz [-- MINUTES]`: every property again, each round from another seed, until one breaks or the time is up.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const files = ['electron', 'renderer', 'tests']
  .flatMap((room) => readdirSync(room, { recursive: true }).map((name) => join(room, name)))
  .filter((name) => name.endsWith('.test.ts') && readFileSync(name, 'utf8').includes("from 'fast-check'"))

const end = Date.now() + Number(process.argv[2] ?? 10) * 60_000
for (let round = 1; round === 1 || Date.now() < end; round++) {
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.log(`=== round ${round}: PODHOP_FUZZ_SEED=${seed}`)
  const args = ['--no-install', 'vitest', 'run', '--config', 'tests/deep/vitest.config.ts', ...files]
  const { status } = spawnSync('npx', args, { stdio: 'inherit', shell: process.platform === 'win32', env: { ...process.env, PODHOP_FUZZ: '1', PODHOP_FUZZ_SEED: String(seed) } })
  if (status !== 0) process.exit(status ?? 1)
}
