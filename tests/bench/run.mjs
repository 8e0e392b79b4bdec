// `npm run bench [-- NAME…]`: prints what Podhop reaches of the numbers in the design. Nothing fails here: speed is measured, not asserted.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { kubernetesOpenApi } from '../../electron/engine/kubernetes/openapi/published.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const out = join(folder, 'out', 'bench')
/** As `npm start` and the desktop's host process have it. */
const YOUNG = '--max-semi-space-size=64'
const COMPARED = '@ngrok/webernetes@0.3.5'

/** Name of a result → the goal in its unit; `more`: as many as possible. */
const goals = [
  [/^process start/, 1500, 'less'],
  [/^lab reset: median/, 200, 'less'],
  [/^replay of an idle hour/, 1000, 'less'],
  [/^heap of/, 80, 'less'],
  [/^growth/, 1.3, 'less'],
  [/^birth: 5,000 nodes/, 15, 'less'],
  [/^memory: 5,000 nodes/, 700, 'less'],
  [/^5,000 nodes/, 60, 'less'],
  [/^heap: 5,000 nodes/, 3, 'less'],
  [/heap a Pod$/, 80, 'less'],
  [/^first packets, 10,000/, 20_000, 'more'],
  [/^whole HTTP requests, 10,000/, 2000, 'more'],
  [/^kubectl get pods/, 20, 'less'],
  [/^view of/, 8, 'less'],
  [/^times faster/, 50, 'more'],
]

const bundle = (entry, name, more = {}, format = 'es') =>
  build({
    root: folder, configFile: false, logLevel: 'error', plugins: [kubernetesOpenApi()], ...more,
    build: { ssr: entry, outDir: out, emptyOutDir: false, minify: false, rollupOptions: { output: { entryFileNames: name, format } } },
    ssr: { noExternal: true },
  })

function node(args, options = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1e8, env: { ...process.env, ...options.env }, timeout: 1_800_000 })
  if (status === 0) return stdout
  if (signal === 'SIGTERM') throw new Error('no end within half an hour')
  throw new Error(stderr.split('\n').filter((line) => line.trim() !== '').slice(-6).join('\n'))
}

const number = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1))

function print({ name, value, unit, note }) {
  const [, goal, direction] = goals.find(([pattern]) => pattern.test(name)) ?? []
  const verdict = goal === undefined ? '' : (direction === 'less' ? value <= goal : value >= goal) ? 'reached' : 'MISSED'
  const wanted = goal === undefined ? '' : `${direction === 'less' ? 'at most' : 'at least'} ${number(goal)}`
  console.log(`${name.padEnd(56)} ${number(value).padStart(10)} ${unit.padEnd(9)} ${wanted.padEnd(18)} ${verdict.padEnd(8)} ${note ?? ''}`.trimEnd())
}

/** From nothing to a cluster whose system Pods run, as `podhop run` does it. */
function start() {
  node([join('electron', 'cli', 'podhop.mjs'), 'version'])
  const times = [0, 1, 2, 3, 4, 5].map(() => {
    const begun = performance.now()
    node([YOUNG, join('electron', 'cli', 'podhop.mjs'), 'run', '-c', 'true'])
    return performance.now() - begun
  })
  const first = times.shift()
  return [{ name: 'process start → cluster settled, 3 nodes', value: times.sort((a, b) => a - b)[2], unit: 'ms', note: `median of 5; the first of a build ${first.toFixed(0)} ms` }]
}

async function compare() {
  const place = join(out, 'compared')
  if (!existsSync(join(place, 'node_modules', '@ngrok', 'webernetes'))) {
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{"private":true}\n')
    const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--silent', COMPARED], { cwd: place, shell: process.platform === 'win32', timeout: 120_000 })
    if (npm.status !== 0) {
      console.log(`(${COMPARED} cannot be had here: no ratio)`)
      return []
    }
  }
  writeFileSync(join(place, 'main.mjs'), `import ${JSON.stringify(join(folder, 'tests', 'bench', 'webernetes.mjs'))}\n`)
  await bundle(join(folder, 'tests', 'bench', 'webernetes.mjs'), 'webernetes.mjs', { resolve: { alias: { '@ngrok/webernetes': join(place, 'node_modules', '@ngrok', 'webernetes', 'dist', 'index.js') } } })
  // In real time: now and then it takes four times as long as else, which would flatter us.
  const [[one], [two]] = [0, 1].map(() => JSON.parse(node([join(out, 'webernetes.mjs')])))
  return [one.value < two.value ? one : two]
}

/** Starts as `podhop` does, with what V8 compiled of this build before. */
const measure = (...name) => JSON.parse(node(['--expose-gc', '--max-old-space-size=8000', YOUNG, join(folder, 'tests', 'bench', 'measure.mjs'), join(out, 'measurements.cjs'), ...name]))

await bundle(join(folder, 'tests', 'bench', 'measurements.ts'), 'measurements.cjs', {}, 'cjs')
const own = measure()
const wanted = process.argv.slice(2)
const names = ['start', ...own].filter((name) => wanted.length === 0 || wanted.includes(name))
console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} of them\n`)
for (const name of names) {
  try {
    if (name === 'deployment') measure(name)
    const results = name === 'start' ? start() : measure(name)
    results.forEach(print)
    if (name !== 'deployment') continue
    const [other] = await compare()
    if (!other) continue
    print(other)
    print({ name: 'times faster: first in its process', value: other.value / results[0].value, unit: 'times' })
    print({ name: 'times faster: once it is warm', value: other.value / results[1].value, unit: 'times' })
  } catch (error) {
    console.log(`${name}: ${error.message}`)
  }
}
