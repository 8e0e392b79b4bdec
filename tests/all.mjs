// `npm test`: types, lint, unit and conformance tests, the labs' own tests, end-to-end tests in a real browser.
import { spawnSync } from 'node:child_process'
import { findBrowser } from './browser.mjs'

const deep = process.argv.includes('--deep')
const env = { ...process.env }
const quick = [
  ['types', 'npm', ['run', '--silent', 'types']],
  ['lint', 'npm', ['run', '--silent', 'lint']],
  ['unit and conformance', 'npx', ['--no-install', 'vitest', 'run']],
  ['labs', 'npm', ['run', '--silent', 'podhop', '--', 'lab', 'test']],
  ['the window alone', 'npx', ['--no-install', 'playwright', 'test', '--config', 'renderer/dev/playwright.config.ts']],
  ['end to end', 'npx', ['--no-install', 'playwright', 'test']],
]
/** What takes long: CI runs it after the rest. */
const long = [
  ['build', 'npm', ['run', '--silent', 'build']],
  ['deep', 'npx', ['--no-install', 'vitest', 'run', '--config', 'tests/deep/vitest.config.ts']],
]

env.PODHOP_BROWSER = findBrowser()
for (const [name, command, args] of deep ? long : quick) {
  console.log(`\n=== ${name}`)
  const started = Date.now()
  const result = spawnSync(command, args, { stdio: 'inherit', env, shell: process.platform === 'win32' })
  console.log(`=== ${name}: ${result.status === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  if (result.status !== 0) process.exit(result.status ?? 1)
}
