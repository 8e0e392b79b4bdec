// `npm test`: types, lint, unit and conformance tests, the labs' own tests, end-to-end tests in a real browser.
import { spawn } from 'node:child_process'
import { findBrowser } from './browser.mjs'

const deep = process.argv.includes('--deep')
const env = { ...process.env, ...(deep ? { PODHOP_DEEP: '1' } : {}) }
const quick = [
  // two at a time: each has one core's worth of work
  [['types', 'npm', ['run', '--silent', 'types']], ['lint', 'npm', ['run', '--silent', 'lint']]],
  ['unit and conformance', 'npx', ['--no-install', 'vitest', 'run']],
  ['labs', 'npm', ['run', '--silent', 'podhop', '--', 'lab', 'test']],
  ['the window alone', 'npx', ['--no-install', 'playwright', 'test', '--config', 'renderer/dev/playwright.config.ts']],
  ['end to end', 'npx', ['--no-install', 'playwright', 'test']],
]
/** What takes long: CI runs it after the rest. */
const long = [
  ['build', 'npm', ['run', '--silent', 'build']],
  ['deep', 'npx', ['--no-install', 'vitest', 'run', '--config', 'tests/deep/vitest.config.ts']],
  ['every lab in the window', 'npx', ['--no-install', 'playwright', 'test', 'labs.spec']],
]

env.PODHOP_BROWSER = findBrowser()

/** The exit code. */
async function run([name, command, args]) {
  console.log(`\n=== ${name}`)
  const started = Date.now()
  const child = spawn(command, args, { stdio: 'inherit', env, shell: process.platform === 'win32' })
  const code = await new Promise((resolve) => child.once('error', () => resolve(1)).once('exit', (status) => resolve(status ?? 1)))
  console.log(`=== ${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return code
}

for (const step of deep ? long : quick) {
  const codes = await Promise.all((Array.isArray(step[0]) ? step : [step]).map(run))
  const failed = codes.find((code) => code !== 0)
  if (failed !== undefined) process.exit(failed)
}
